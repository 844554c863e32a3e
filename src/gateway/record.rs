//! Stage `record`: the disclosure, durably in the ledger, before any byte of the answer leaves.

use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::Bytes;

use super::decide::Permit;
use super::exchange::Exchange;
use super::spend::Spent;
use crate::entry::{Disclosure, Entry, Event, Withheld};
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
    /// Fields that do not leave as they were.
    pub withheld: Vec<Withheld>,
}

impl Outgoing {
    /// What was decided about it, in the one word that the ledger keeps and the partner is told.
    pub fn decision(&self) -> &'static str {
        if self.withheld.is_empty() {
            "allow"
        } else {
            "redact"
        }
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
    let digest = digest::digest(&digest::SHA256, &filtered.body);
    let outgoing = Outgoing {
        status: filtered.status,
        media_type: filtered.media_type,
        body: filtered.body,
        withheld: filtered.withheld,
    };
    let disclosure = Disclosure {
        request: exchange.facts.clone(),
        decision: outgoing.decision().to_owned(),
        rules: permit
            .grant()
            .rules(Circumstances::OWN)
            .iter()
            .map(ToString::to_string)
            .collect(),
        status: outgoing.status,
        subjects: filtered.subjects,
        withheld: outgoing.withheld.clone(),
        created: exchange.created.clone(),
        part: None,
        answer_sha256: Some(hexadecimal(digest.as_ref())),
    };
    let unavailable = |reason: String| Fault::new(Code::RecordUnavailable, reason);
    let entry = Entry::new(exchange.arrived_at, Event::Disclosure(disclosure))
        .map_err(|reason| unavailable(reason.to_string()))?;
    let recorded = ledger.record(Unrecorded::new(outgoing, entry)).await;
    recorded.map_err(|reason| unavailable(reason.to_string()))
}
