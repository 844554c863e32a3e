//! The words by which an entry is found. Whether an entry fits a query and where the index puts it come
//! from this one list, so that the index cannot leave out what a reading of the log would find.

use crate::entry::{Act, Entry, Event, Recipient, RequestFacts};
use crate::ledger::merkle::sha256;
use crate::terms::RequestId;

/// Requests that arrive within so many milliseconds (a power of two) share a number in the index: a busy
/// log then has few numbers for many requests, and one request is looked for in few bundles.
const REQUESTS_SHARE_MILLISECONDS_BITS: u32 = 13;

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A customer's reference, or a mail recipient's fingerprint.
    Person,
    Partner,
    Purpose,
    Operation,
    /// The kind of an entry, a decision, the code of a refusal, an act.
    Decision,
    Request,
}

/// Tells every word of an entry, some perhaps twice.
pub(super) fn words<'a>(entry: &'a Entry, tell: &mut dyn FnMut(Kind, &'a str)) {
    tell(Kind::Decision, entry.event.kind());
    match &entry.event {
        Event::Disclosure(disclosure) => {
            of_request(&disclosure.request, tell);
            tell(Kind::Decision, &disclosure.decision);
            for group in &disclosure.subjects {
                for reference in &group.references {
                    tell(Kind::Person, reference);
                }
            }
        }
        Event::Intent(intent) => {
            of_request(&intent.request, tell);
            if let Some(customer) = &intent.customer {
                tell(Kind::Person, customer);
            }
        }
        Event::Refusal(refusal) => {
            of_request(&refusal.request, tell);
            tell(Kind::Decision, &refusal.code);
        }
        Event::Shadow(shadowed) => of_request(&shadowed.request, tell),
        Event::Delivered(delivered) => of_request(&delivered.request, tell),
        Event::Act(act) => of_act(act, tell),
        Event::Gateway(note) => tell(Kind::Decision, &note.what),
        // Its kind is the word for it.
        Event::Purge(_) => {}
    }
}

fn of_request<'a>(request: &'a RequestFacts, tell: &mut dyn FnMut(Kind, &'a str)) {
    tell(Kind::Request, &request.request_id);
    if let Some(Recipient::Partner { id, parent }) = &request.recipient {
        tell(Kind::Partner, id);
        if let Some(parent) = parent {
            tell(Kind::Partner, parent);
        }
    }
    if let Some(operation) = &request.operation {
        tell(Kind::Operation, operation);
    }
    if let Some(purpose) = &request.purpose {
        // Who looks for a purpose looks for those below it too.
        for (end, _) in purpose.match_indices('.') {
            tell(Kind::Purpose, purpose.get(..end).unwrap_or_default());
        }
        tell(Kind::Purpose, purpose);
    }
}

/// Objects are words, either bare (`acme`) or with their kind (`customer:…`, `recipient:…`, `partner:acme`).
fn of_act<'a>(act: &'a Act, tell: &mut dyn FnMut(Kind, &'a str)) {
    tell(Kind::Decision, &act.action);
    for word in act.object.as_deref().unwrap_or_default().split(' ') {
        match word.split_once(':') {
            Some(("customer" | "recipient", name)) => tell(Kind::Person, name),
            Some(("partner", name)) => tell(Kind::Partner, name),
            Some(("request", name)) => tell(Kind::Request, name),
            Some(_) => {}
            None => [Kind::Person, Kind::Partner, Kind::Request]
                .into_iter()
                .for_each(|kind| tell(kind, word)),
        }
    }
}

/// The number that stands for a word. Two words may share one, which costs a bundle read in vain: what is
/// read is compared word by word.
pub(super) fn number(kind: Kind, word: &str) -> i32 {
    let arrived = (kind == Kind::Request)
        .then(|| RequestId::parse(word)?.arrived_at())
        .flatten();
    let kind = [kind as u8];
    let hash = match arrived {
        Some(time) => {
            let share = time.as_millisecond() >> REQUESTS_SHARE_MILLISECONDS_BITS;
            sha256(&[&kind, b"arrived", &share.to_be_bytes()])
        }
        None => sha256(&[&kind, b"word", word.as_bytes()]),
    };
    let [one, two, three, four, ..] = hash;
    i32::from_be_bytes([one, two, three, four])
}
