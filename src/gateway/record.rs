//! Stage `record`: the disclosure, durably in the ledger, before any byte of the answer leaves.

use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::Bytes;

use super::decide::{OWN, Permit};
use super::exchange::Exchange;
use super::spend::Spent;
use crate::entry::{Disclosure, Entry, Event, Withheld};
use crate::ledger::{Ledger, Recorded, Unrecorded};
use crate::refusal::{Code, Fault};
use crate::registry::Registry;
use crate::terms::{CustomerRef, ResourceKind};

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

/// What a creating call brought into being, for the book.
#[derive(Debug)]
pub enum Created {
    /// A customer: the core's id and the reference it gets.
    Customer(Arc<str>, CustomerRef),
    /// A thing of the customer with this id.
    Resource(ResourceKind, Arc<str>, Arc<str>),
}

impl Created {
    fn label(&self) -> String {
        match self {
            Self::Customer(_, reference) => format!("customer:{reference}"),
            Self::Resource(kind, id, _) => format!("{}:{id}", kind.word()),
        }
    }
}

/// Records, then enters in the book what came to be.
///
/// # Errors
/// `record-unavailable`: the answer stays inside.
pub async fn record(
    exchange: &Exchange,
    permit: &Permit,
    spent: Spent,
    created: Option<Created>,
    ledger: &Ledger,
    registry: &Registry,
) -> Result<Recorded<Outgoing>, Fault> {
    let filtered = spent.into_filtered();
    let digest = digest::digest(&digest::SHA256, &filtered.body);
    let disclosure = Disclosure {
        request: exchange.facts.clone(),
        decision: if filtered.withheld.is_empty() { "allow" } else { "redact" }.to_owned(),
        rules: permit.grant().rules(OWN).iter().map(ToString::to_string).collect(),
        status: filtered.status,
        subjects: filtered.subjects,
        withheld: filtered.withheld.clone(),
        created: created.as_ref().map(Created::label),
        answer_sha256: digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let outgoing = Outgoing {
        status: filtered.status,
        media_type: filtered.media_type,
        body: filtered.body,
        withheld: filtered.withheld,
    };
    let entry = Entry::new(exchange.arrived_at, Event::Disclosure(disclosure));
    let recorded = ledger
        .record(Unrecorded::new(outgoing, entry))
        .await
        .map_err(|reason| Fault::new(Code::RecordUnavailable, reason.to_string()))?;
    if let Some(created) = created {
        remember(permit, &created, recorded.index(), registry)?;
    }
    Ok(recorded)
}

/// A thing the book does not know cannot be reached again, so an answer that names one waits for it.
fn remember(
    permit: &Permit,
    created: &Created,
    entry: u64,
    registry: &Registry,
) -> Result<(), Fault> {
    let partner = &permit.partner().contract().partner;
    let remembered = match created {
        Created::Customer(id, reference) => {
            registry.remember_customer(id, partner, *reference, entry)
        }
        Created::Resource(kind, id, customer) => {
            registry.remember_resource(*kind, id, customer, Some(permit.purpose()), entry)
        }
    };
    remembered.map_err(|error| Fault::new(Code::RecordUnavailable, format!("the book: {error}")))
}
