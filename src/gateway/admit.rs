//! Stage `admit`: how often, and is the record there to be written. A call that changes something is
//! on record as an intent before it is forwarded, so that no later failure hides what was done.

use http::header;

use super::budget;
use super::decide::Permit;
use super::exchange::Exchange;
use super::figures;
use crate::allowance::{Allowance, BudgetExhausted, People, RateExceeded, RateState, headers};
use crate::entry::{Entry, Event, Intent};
use crate::ledger::Ledger;
use crate::policy::Contract;
use crate::refusal::{Code, Fault, Refusal, Stopped};
use crate::registry::Registry;

/// Leave to forward one permitted request. Made only by [`admit`].
#[derive(Debug)]
pub struct Admission(());

/// Admits.
///
/// # Errors
/// `rate-limited`; `customer-budget-exhausted` for a change; `abnormal-usage` for figures that overlap
/// others; `record-unavailable` when the ledger cannot write.
pub async fn admit(
    exchange: &mut Exchange,
    permit: &Permit,
    allowance: &Allowance,
    registry: &Registry,
    ledger: &Ledger,
) -> Result<Admission, Stopped> {
    rate(exchange, permit.partner().contract(), allowance)?;
    if !ledger.is_writable() {
        let why = if ledger.is_held() {
            "too few witnesses vouch for the ledger"
        } else {
            "the ledger cannot write"
        };
        return Err(Fault::new(Code::RecordUnavailable, why).into());
    }
    figures::admit(exchange, permit, registry).await?;
    if !permit.operation().method.is_safe() {
        reserve_customer(exchange, permit, allowance)?;
        let intent = Intent {
            request: exchange.facts.clone(),
            customer: permit
                .customer()
                .map(|customer| customer.reference.to_string()),
        };
        let unrecorded = |reason: &dyn std::fmt::Display| {
            Fault::new(
                Code::RecordUnavailable,
                format!("intent not recorded: {reason}"),
            )
        };
        let entry = Entry::new(exchange.arrived_at, Event::Intent(intent))
            .map_err(|reason| unrecorded(&reason))?;
        let receipt = ledger
            .append(entry)
            .await
            .map_err(|reason| unrecorded(&reason))?;
        exchange.intent = Some(receipt.index());
    }
    Ok(Admission(()))
}

/// Takes one request of the partner's rate, and says on the answer what is left of it.
///
/// # Errors
/// `rate-limited`.
pub fn rate(
    exchange: &mut Exchange,
    contract: &Contract,
    allowance: &Allowance,
) -> Result<RateState, Stopped> {
    let rate = allowance.admit(&contract.partner, contract.requests_per_minute);
    let state = match &rate {
        Ok(state) => *state,
        Err(exceeded) => exceeded.state(),
    };
    exchange.set_header("ratelimit-policy", &headers::rate_limit_policy(&state));
    exchange.set_header("ratelimit", &headers::rate_limit(&state));
    rate.map_err(|exceeded| too_many(exceeded).into())
}

/// A change whose answer could not leave is not begun: the customer it is made for is reserved, or,
/// where it makes a new one, there must be room for one.
fn reserve_customer(
    exchange: &mut Exchange,
    permit: &Permit,
    allowance: &Allowance,
) -> Result<(), Stopped> {
    let named: Vec<_> = permit
        .customer()
        .iter()
        .map(|customer| customer.reference)
        .collect();
    let people = People {
        customers: &named,
        recipients: &[],
    };
    let state = budget::reserve(exchange, permit, allowance, people)?;
    let full: Vec<_> = [state.customers.day, state.customers.month]
        .into_iter()
        .filter(|one| one.remaining == 0)
        .collect();
    if !named.is_empty() || full.is_empty() {
        return Ok(());
    }
    let exhausted = BudgetExhausted {
        windows: full.iter().map(|window| window.name).collect(),
        retry_after_seconds: full
            .iter()
            .map(|window| window.reset_seconds)
            .max()
            .unwrap_or(1),
        state,
    };
    Err(budget::refused(&exhausted, permit, exchange.executed).into())
}

fn too_many(exceeded: RateExceeded) -> Refusal {
    Refusal::new(
        Code::RateLimited,
        format!(
            "The rate of {} requests a minute is used up.",
            exceeded.limit
        ),
        format!(
            "Wait {} seconds before the next request.",
            exceeded.retry_after_seconds
        ),
    )
    .header(
        header::RETRY_AFTER,
        &exceeded.retry_after_seconds.to_string(),
    )
    .member("violated-policies", vec![headers::RATE_POLICY])
}
