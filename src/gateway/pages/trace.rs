//! `/.covenant/requests/{id}`: what was decided about one of the partner's own requests, as the ledger has
//! it. There is no second store: the id tells when the request arrived (UUIDv7), entries stand in the
//! order in which they were made, so a few looks into the log find the place.
//!
//! The look-up is bounded: it reads at most [`SCAN_ENTRIES_MAX`] entries from there, one look-up at a time, and each
//! partner has a rate for it. What is not found there, what is another partner's, and what never was, are
//! one and the same `not-found`. References of customers, and what people and sets in the shadow did, are
//! not told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::allowance::Allowance;
use crate::entry::{Disclosure, Entry, Event, Recipient, RequestFacts};
use crate::ledger::{Ledger, reading};
use crate::refusal::{Code, Refusal, Stopped};
use crate::terms::{PartnerId, RequestId};

/// Entries read for one look-up.
const SCAN_ENTRIES_MAX: u64 = 16_384;
/// Entries between two places that the search compares.
const STRIDE: u64 = 256;
/// Minutes after a request's arrival beyond which no entry about it is looked for.
const LATEST_MINUTES: i64 = 10;
/// Entries told of one request.
const TOLD_MAX: usize = 32;
/// How long a look-up waits for the one before.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The look-up.
#[derive(Debug)]
pub(super) struct Traces {
    ledger: Ledger,
    directory: PathBuf,
    one_at_a_time: Arc<Semaphore>,
}

impl Traces {
    pub(super) fn new(ledger: Ledger, directory: PathBuf) -> Self {
        Self {
            ledger,
            directory,
            one_at_a_time: Arc::new(Semaphore::new(1)),
        }
    }

    /// The page about request `id` of `partner`.
    ///
    /// # Errors
    /// `not-found`; `rate-limited` and `overloaded` where too many are looked up.
    pub(super) async fn page(
        &self,
        id: &str,
        partner: &PartnerId,
        allowance: &Allowance,
    ) -> Result<Value, Stopped> {
        if !allowance.may_look_up(partner) {
            return Err(too_often().into());
        }
        let parsed =
            RequestId::parse(id).filter(|parsed| parsed.to_string().eq_ignore_ascii_case(id));
        let Some((id, arrived_at)) = parsed.and_then(|id| Some((id, id.arrived_at()?))) else {
            return Err(Refusal::not_found().into());
        };
        let turn = timeout(WAIT_MAX, Arc::clone(&self.one_at_a_time).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(busy().into());
        };
        let (directory, size) = (self.directory.clone(), self.ledger.size());
        let partner = partner.clone();
        let found = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            find(&directory, size, &id.to_string(), arrived_at, &partner)
        });
        let found = found.await.unwrap_or_default();
        if found.is_empty() {
            return Err(Refusal::not_found().into());
        }
        Ok(json!({
            "request_id": id.to_string(),
            "arrived_at": arrived_at.to_string(),
            "entries": found.iter().map(told).collect::<Vec<_>>(),
        }))
    }
}

/// The entries about the partner's request, oldest first. A log that cannot be read holds none.
fn find(
    directory: &Path,
    size: u64,
    id: &str,
    arrived_at: Timestamp,
    partner: &PartnerId,
) -> Vec<Entry> {
    let from = begin(directory, size, arrived_at);
    let latest = arrived_at.checked_add(LATEST_MINUTES.minutes());
    let latest = latest.unwrap_or(Timestamp::MAX);
    let mut found = Vec::new();
    let end = size.min(from.saturating_add(SCAN_ENTRIES_MAX));
    for item in reading::entries(directory, from) {
        let Ok((index, bytes)) = item else { break };
        let late = time_of(&bytes).is_some_and(|time| time > latest);
        if index >= end || late || found.len() == TOLD_MAX {
            break;
        }
        if memchr::memmem::find(&bytes, id.as_bytes()).is_none() {
            continue;
        }
        let entry = Entry::parse(&bytes).ok();
        let is_own = |entry: &Entry| {
            let request = request_of(&entry.event);
            request.is_some_and(|request| request.request_id == id && is_to(request, partner))
        };
        found.extend(entry.filter(is_own));
    }
    found
}

/// Where to begin: a stride before the first place at which every entry of a stride was made of requests that
/// arrived later. An entry's time is that of its request, which may be a little older than its place.
fn begin(directory: &Path, size: u64, arrived_at: Timestamp) -> u64 {
    let (mut low, mut high) = (0, size / STRIDE);
    while low < high {
        let middle = low + (high - low) / 2;
        let entries = reading::entries(directory, middle * STRIDE);
        let times = entries.take(usize::try_from(STRIDE).unwrap_or(1));
        let newest = times
            .map_while(Result::ok)
            .filter_map(|(_, bytes)| time_of(&bytes))
            .max();
        // What cannot be read is not there any more: the oldest go first.
        if newest.is_none_or(|newest| newest < arrived_at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low.saturating_sub(1) * STRIDE
}

/// The time of an entry, by its canonical bytes: the last member of this name is the entry's own.
fn time_of(bytes: &[u8]) -> Option<Timestamp> {
    const NAME: &[u8] = br#""time":""#;
    let at = memchr::memmem::rfind(bytes, NAME)?;
    let rest = bytes.get(at + NAME.len()..)?;
    let end = memchr::memchr(b'"', rest)?;
    std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
}

fn request_of(event: &Event) -> Option<&RequestFacts> {
    match event {
        Event::Disclosure(it) => Some(&it.request),
        Event::Intent(it) => Some(&it.request),
        Event::Refusal(it) => Some(&it.request),
        Event::Delivered(it) => Some(&it.request),
        Event::Act(_) | Event::Gateway(_) | Event::Shadow(_) | Event::Purge(_) => None,
    }
}

fn is_to(request: &RequestFacts, partner: &PartnerId) -> bool {
    matches!(&request.recipient, Some(Recipient::Partner { id, .. }) if id == partner.as_str())
}

/// An entry without whom it is about.
fn told(entry: &Entry) -> Value {
    let mut document = match &entry.event {
        Event::Disclosure(it) => disclosed(it),
        Event::Intent(_) => json!({
            "kind": "intent",
            "words": "A call that changes something was about to be forwarded.",
        }),
        Event::Refusal(it) => json!({
            "kind": "refusal",
            "decision": "deny",
            "code": it.code,
            "promise": it.promise,
            "rule": it.rule,
            "executed": it.executed,
        }),
        Event::Delivered(it) => json!({
            "kind": "delivered",
            "parts": it.parts,
            "bytes": it.bytes,
            "complete": it.complete,
            "because": it.because,
        }),
        Event::Act(_) | Event::Gateway(_) | Event::Shadow(_) | Event::Purge(_) => json!({}),
    };
    let request = request_of(&entry.event);
    if let (Value::Object(members), Some(request)) = (&mut document, request) {
        members.insert("time".to_owned(), entry.time.to_string().into());
        members.insert("operation".to_owned(), request.operation.clone().into());
        members.insert("purpose".to_owned(), request.purpose.clone().into());
        members.insert("signals".to_owned(), request.signals.clone().into());
        members.insert("policy".to_owned(), request.policy.clone().into());
        members.insert("client".to_owned(), request.client.clone().into());
    }
    document
}

fn disclosed(disclosure: &Disclosure) -> Value {
    let groups = disclosure.subjects.iter().map(|group| {
        json!({
            "subject": group.subject,
            "basis": group.basis,
            "people": group.references.len(),
            "categories": group.categories,
        })
    });
    json!({
        "kind": "disclosure",
        "decision": disclosure.decision,
        "status": disclosure.status,
        "rules": disclosure.rules,
        "subjects": groups.collect::<Vec<_>>(),
        "withheld": disclosure.withheld,
        "part": disclosure.part,
    })
}

fn too_often() -> Refusal {
    let detail = "Past requests are looked up at most sixty times a minute.";
    Refusal::new(
        Code::RateLimited,
        detail,
        "Wait a second before the next look-up.",
    )
    .header(http::header::RETRY_AFTER, "1")
}

fn busy() -> Refusal {
    let detail = "Other requests are being looked up.";
    Refusal::new(Code::Overloaded, detail, "Try again in a second.")
        .header(http::header::RETRY_AFTER, "1")
}
