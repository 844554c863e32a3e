//! Searching the ledger. Each search reads the whole log, in order, in [`Wanted::scan`], so what it
//! finds needs no second store to be trusted; there is no index.

use std::path::Path;

use jiff::Timestamp;

use super::customers::{nobody, object_of};
use super::messages::{Found, SearchAnswer, SearchQuery};
use super::{Actor, Administration, Deed, NotDone, reason};
use crate::entry::{Act, Entry, Event, Recipient, RequestFacts};
use crate::ledger::reading;
use crate::terms::{CustomerRef, PartnerId, RequestId};

/// Entries told in one answer; a narrower search tells the rest.
const FOUND_MAX: usize = 1_000;

/// What stands in the bytes of an entry that says what was delivered.
const DELIVERED: &str = r#""kind":"delivered""#;

/// What an entry must be about: everything that is given.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// One of these customers, as entries name them. Empty is anyone.
    pub(super) references: Vec<String>,
    /// This partner, or a co-brand of it.
    pub(super) partner: Option<PartnerId>,
    /// This request.
    pub(super) request: Option<String>,
    /// Not before this time.
    pub(super) since: Option<Timestamp>,
    /// Before this time.
    pub(super) until: Option<Timestamp>,
    /// Also entries that say what was delivered, whoever it was about: they name nobody.
    pub(super) deliveries: bool,
}

impl Administration {
    /// Entries that fit everything in the query, oldest first. The search is an entry itself, which
    /// names customers by reference; what comes after that entry is not searched.
    pub async fn search(&self, actor: &Actor, query: SearchQuery) -> Result<SearchAnswer, NotDone> {
        Self::allow(actor, Deed::LedgerSearch)?;
        let because = query.because.as_deref().map(reason).transpose()?;
        let references = match &query.customer {
            Some(typed) => Some(self.references(typed).await?),
            None => None,
        };
        let wanted = wanted(references.as_deref(), &query)?;
        let object = object(references.as_deref(), &wanted);
        let action = Deed::LedgerSearch.name().to_owned();
        let end = self.enter(actor, action, Some(object), because).await?;
        if references.is_some_and(|references| references.is_empty()) {
            return Err(nobody());
        }
        let directory = self.ledger_directory.clone();
        blocking(move || {
            let mut answer = SearchAnswer {
                found: Vec::new(),
                more: false,
                entries_read: 0,
            };
            answer.entries_read = wanted.scan(&directory, end, |index, entry| {
                answer.more = answer.found.len() == FOUND_MAX;
                if !answer.more {
                    answer.found.push(Found { index, entry });
                }
                !answer.more
            })?;
            Ok(answer)
        })
        .await
    }
}

/// Runs what reads files off the threads that serve.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotDone> + Send + 'static,
) -> Result<T, NotDone> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(NotDone::Unreadable(error.to_string())))
}

/// The query with every word of it understood: what an entry keeps of it holds nothing else.
fn wanted(references: Option<&[CustomerRef]>, query: &SearchQuery) -> Result<Wanted, NotDone> {
    if references.is_none() && query.partner.is_none() && query.request.is_none() {
        let mistake = "name a customer, a partner or a request to search for";
        return Err(NotDone::Mistaken(mistake.to_owned()));
    }
    let mistaken = |text: &str, what| NotDone::Mistaken(format!("`{text}` is not {what}"));
    let partner = query
        .partner
        .as_deref()
        .map(|text| PartnerId::parse(text).ok_or_else(|| mistaken(text, "a partner's id")));
    let request = query.request.as_deref().map(|text| {
        let request = RequestId::parse(text);
        request.ok_or_else(|| mistaken(text, "a request's id (the `Request-Id` of an answer)"))
    });
    Ok(Wanted {
        references: references
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect(),
        partner: partner.transpose()?,
        request: request.transpose()?.map(|request| request.to_string()),
        since: query.since,
        until: query.until,
        deliveries: false,
    })
}

fn object(references: Option<&[CustomerRef]>, wanted: &Wanted) -> String {
    let words = [
        references.map(object_of),
        wanted
            .partner
            .as_ref()
            .map(|partner| format!("partner:{partner}")),
        wanted
            .request
            .as_ref()
            .map(|request| format!("request:{request}")),
        wanted.since.map(|since| format!("since:{since}")),
        wanted.until.map(|until| format!("until:{until}")),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

impl Wanted {
    /// Hands every entry before index `end` that fits to `take`, in order, until that says no more.
    /// Says how many entries were read.
    pub(super) fn scan(
        &self,
        directory: &Path,
        end: u64,
        mut take: impl FnMut(u64, Entry) -> bool,
    ) -> Result<u64, NotDone> {
        let mut entries_read = 0;
        for item in reading::entries(directory, 0) {
            let (index, bytes) = item.map_err(|error| NotDone::Unreadable(error.to_string()))?;
            if index >= end {
                break;
            }
            entries_read = index + 1;
            if !self.may_fit(&bytes) {
                continue;
            }
            let entry = Entry::parse(&bytes)
                .map_err(|error| NotDone::Unreadable(format!("entry {index}: {error}")))?;
            if self.fits(&entry) && !take(index, entry) {
                break;
            }
        }
        Ok(entries_read)
    }

    /// Whether the bytes hold the words looked for at all: far cheaper than to parse an entry. None
    /// of these words is ever escaped in JSON.
    fn may_fit(&self, bytes: &[u8]) -> bool {
        let holds = |word: &str| memchr::memmem::find(bytes, word.as_bytes()).is_some();
        if self.deliveries && holds(DELIVERED) {
            return true;
        }
        (self.references.is_empty() || self.references.iter().any(|word| holds(word)))
            && self
                .partner
                .as_ref()
                .is_none_or(|partner| holds(partner.as_str()))
            && self.request.as_deref().is_none_or(holds)
    }

    fn fits(&self, entry: &Entry) -> bool {
        if self.deliveries && matches!(entry.event, Event::Delivered(_)) {
            return true;
        }
        let request = request_of(&entry.event);
        let act = match &entry.event {
            Event::Act(act) => Some(act),
            _ => None,
        };
        self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time < until)
            && (self.references.is_empty() || self.names_customer(&entry.event))
            && self.partner.as_ref().is_none_or(|partner| {
                request.is_some_and(|request| is_to(request, partner))
                    || act.is_some_and(|act| is_about(act, partner.as_str(), "partner"))
            })
            && self.request.as_deref().is_none_or(|id| {
                request.is_some_and(|request| request.request_id == id)
                    || act.is_some_and(|act| is_about(act, id, "request"))
            })
    }

    fn names_customer(&self, event: &Event) -> bool {
        let wanted = |reference: &String| self.references.contains(reference);
        match event {
            Event::Disclosure(disclosure) => disclosure
                .subjects
                .iter()
                .any(|group| group.references.iter().any(wanted)),
            Event::Intent(intent) => intent.customer.as_ref().is_some_and(wanted),
            Event::Act(act) => {
                let about = |reference: &String| is_about(act, reference, "customer");
                self.references.iter().any(about)
            }
            Event::Refusal(_) | Event::Gateway(_) | Event::Shadow(_) | Event::Delivered(_) => false,
        }
    }
}

fn request_of(event: &Event) -> Option<&RequestFacts> {
    match event {
        Event::Disclosure(disclosure) => Some(&disclosure.request),
        Event::Intent(intent) => Some(&intent.request),
        Event::Refusal(refusal) => Some(&refusal.request),
        Event::Shadow(shadowed) => Some(&shadowed.request),
        Event::Delivered(delivered) => Some(&delivered.request),
        Event::Act(_) | Event::Gateway(_) => None,
    }
}

fn is_to(request: &RequestFacts, partner: &PartnerId) -> bool {
    match &request.recipient {
        Some(Recipient::Partner { id, parent }) => {
            id == partner.as_str() || parent.as_deref() == Some(partner.as_str())
        }
        _ => false,
    }
}

/// Objects are words, either bare (`acme`) or with their kind (`customer:…`, `partner:acme`).
fn is_about(act: &Act, object: &str, kind: &str) -> bool {
    let words = act.object.as_deref().unwrap_or_default().split(' ');
    words.into_iter().any(|word| {
        let named = word.split_once(':').filter(|(found, _)| *found == kind);
        word == object || named.is_some_and(|(_, named)| named == object)
    })
}
