//! Stage `record`: the disclosure, durably in the ledger, before any byte of the answer leaves. One about
//! more people than an entry can name is divided over several, all of them durable first.

use std::fmt::Display;
use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use super::decide::Permit;
use super::exchange::Exchange;
use super::spend::Spent;
use crate::entry::{Disclosure, Entry, Event, RequestFacts, Withheld};
use crate::ledger::{Ledger, Recorded, Unrecorded};
use crate::policy::Circumstances;
use crate::refusal::{Code, Fault};
use crate::terms::hexadecimal;

/// An answer as it would go out.
#[derive(Debug)]
pub struct Outgoing {
    /// Its status.
    pub status: u16,
    /// Its media type, where it has a body.
    pub media_type: Option<Arc<str>>,
    /// Its body.
    pub body: Bytes,
    /// Fields and headers that do not leave as they were.
    pub withheld: Vec<Withheld>,
    /// Headers with links of the gateway.
    pub headers: HeaderMap,
}

impl Outgoing {
    /// What was decided about it, in the one word that the ledger keeps and the partner is told.
    pub fn decision(&self) -> &'static str {
        decision(&self.withheld)
    }
}

/// `allow` where nothing is withheld, else `redact`.
pub fn decision(withheld: &[Withheld]) -> &'static str {
    if withheld.is_empty() {
        "allow"
    } else {
        "redact"
    }
}

/// Records.
///
/// # Errors
/// `record-unavailable`: the answer stays inside.
pub async fn record(
    exchange: &Exchange,
    permit: &Permit,
    spent: Spent,
    ledger: &Ledger,
) -> Result<Recorded<Outgoing>, Fault> {
    let filtered = spent.into_filtered();
    let body_digest = sha256(&filtered.body);
    let outgoing = Outgoing {
        status: filtered.status,
        media_type: filtered.media_type,
        body: filtered.body,
        withheld: filtered.withheld,
        headers: filtered.headers,
    };
    let disclosure = Disclosure {
        status: outgoing.status,
        subjects: filtered.subjects,
        withheld: outgoing.withheld.clone(),
        created: exchange.created.clone(),
        answer_sha256: Some(body_digest),
        ..common(&exchange.facts, permit, outgoing.decision())
    };
    let time = exchange.arrived_at;
    let (recorded, _) = parts(time, disclosure.divided(), outgoing, ledger).await?;
    Ok(recorded)
}

/// An answer that streams: what the ledger has of it.
#[derive(Clone, Debug)]
pub struct Series {
    /// Who asked, how, for what.
    pub facts: RequestFacts,
    /// Entries so far.
    pub parts: u32,
    /// Log index of the first.
    pub opening: u64,
}

impl Series {
    /// Nothing yet.
    pub fn new(facts: RequestFacts) -> Self {
        Self {
            facts,
            parts: 0,
            opening: 0,
        }
    }

    /// Records the next part of an answer, of which `content` may leave then.
    ///
    /// # Errors
    /// `record-unavailable`: it stays inside.
    pub async fn record<T>(
        &mut self,
        time: Timestamp,
        permit: &Permit,
        spent: Spent,
        content: T,
        ledger: &Ledger,
    ) -> Result<Recorded<T>, Fault> {
        let filtered = spent.into_filtered();
        let left = (!filtered.body.is_empty()).then(|| sha256(&filtered.body));
        let disclosure = Disclosure {
            status: filtered.status,
            subjects: filtered.subjects,
            answer_sha256: left,
            ..common(&self.facts, permit, decision(&filtered.withheld))
        };
        let disclosure = Disclosure {
            withheld: filtered.withheld,
            ..disclosure
        };
        let entries = disclosure.divided_after(self.parts);
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let (recorded, first) = parts(time, entries, content, ledger).await?;
        if self.parts == 0 {
            self.opening = first;
        }
        self.parts = self.parts.saturating_add(count);
        Ok(recorded)
    }
}

/// What every disclosure of a request says.
fn common(facts: &RequestFacts, permit: &Permit, decision: &str) -> Disclosure {
    let rules = permit.grant().rules(Circumstances::OWN).iter();
    Disclosure {
        request: facts.clone(),
        decision: decision.to_owned(),
        rules: rules.map(ToString::to_string).collect(),
        status: 0,
        subjects: Vec::new(),
        withheld: Vec::new(),
        created: None,
        part: None,
        answer_sha256: None,
    }
}

/// Records every part, the last with the content; also says where the first stands.
async fn parts<T>(
    time: Timestamp,
    mut parts: Vec<Disclosure>,
    content: T,
    ledger: &Ledger,
) -> Result<(Recorded<T>, u64), Fault> {
    let unavailable =
        |reason: &dyn Display| Fault::new(Code::RecordUnavailable, reason.to_string());
    let entry = |part| Entry::new(time, Event::Disclosure(part)).map_err(|why| unavailable(&why));
    let last = parts.pop().ok_or_else(|| unavailable(&"no entry"))?;
    let mut first = None;
    for part in parts {
        let receipt = ledger.append(entry(part)?).await;
        let receipt = receipt.map_err(|reason| unavailable(&reason))?;
        first.get_or_insert(receipt.index());
    }
    let recorded = ledger.record(Unrecorded::new(content, entry(last)?)).await;
    let recorded = recorded.map_err(|reason| unavailable(&reason))?;
    let first = first.unwrap_or(recorded.index());
    Ok((recorded, first))
}

fn sha256(body: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, body).as_ref())
}
