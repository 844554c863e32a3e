//! Stage `admit`: how often, and is the record there to be written. A call that changes something is
//! on record as an intent before it is forwarded, so that no later failure hides what was done.

use super::decide::Permit;
use super::exchange::Exchange;
use crate::allowance::Allowance;
use crate::entry::{Entry, Event, Intent};
use crate::ledger::Ledger;
use crate::refusal::{Code, Fault, Stopped};

/// Leave to forward one permitted request. Made only by [`admit`].
#[derive(Debug)]
pub struct Admission(());

/// Admits.
///
/// # Errors
/// `rate-limited`; `record-unavailable` when the ledger cannot write.
pub async fn admit(
    exchange: &mut Exchange,
    permit: &Permit,
    allowance: &Allowance,
    ledger: &Ledger,
) -> Result<Admission, Stopped> {
    let contract = permit.partner().contract();
    let rate = allowance.admit(&contract.partner, contract.requests_per_minute);
    let state = rate.map_err(|exceeded| {
        exchange.set_header("ratelimit-policy", &exceeded.state.policy_header());
        exchange.set_header("ratelimit", &exceeded.state.header());
        Stopped::from(exceeded.refusal())
    })?;
    exchange.set_header("ratelimit-policy", &state.policy_header());
    exchange.set_header("ratelimit", &state.header());
    if !ledger.is_writable() {
        return Err(Fault::new(Code::RecordUnavailable, "the ledger cannot write").into());
    }
    if !permit.operation().method.is_safe() {
        let intent = Intent {
            request: exchange.facts.clone(),
            customer: permit.customer().map(|customer| customer.reference.to_string()),
        };
        let entry = Entry::new(exchange.arrived_at, Event::Intent(intent));
        ledger.append(entry).await.map_err(|reason| {
            Fault::new(Code::RecordUnavailable, format!("intent not recorded: {reason}"))
        })?;
    }
    Ok(Admission(()))
}
