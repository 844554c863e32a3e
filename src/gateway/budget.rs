//! Reserving distinct people, as two stages do it: `admit` the customer a changing call is made for,
//! before the core is asked; `spend` everyone an answer holds, before any of it is recorded.

use http::header;
use jiff::civil::Date;

use super::decide::Permit;
use super::exchange::Exchange;
use crate::allowance::{Allowance, BudgetExhausted, BudgetState, People, headers};
use crate::refusal::{Code, Executed, Refusal, Stopped};
use crate::terms::Promise;

/// Charges `people` to the budgets of the partner's family, all or none.
///
/// # Errors
/// `customer-budget-exhausted`: then nobody was charged.
pub fn reserve(
    exchange: &mut Exchange,
    permit: &Permit,
    allowance: &Allowance,
    people: People<'_>,
) -> Result<BudgetState, Stopped> {
    let spent = charge(permit, allowance, exchange.today(), people);
    tell(
        exchange,
        match &spent {
            Ok(state) => state,
            Err(exhausted) => &exhausted.state,
        },
    );
    spent.map_err(|exhausted| refused(&exhausted, permit, exchange.executed).into())
}

/// Likewise, without telling the partner.
///
/// # Errors
/// Which budget is used up: then nobody was charged.
pub fn charge(
    permit: &Permit,
    allowance: &Allowance,
    today: Date,
    people: People<'_>,
) -> Result<BudgetState, BudgetExhausted> {
    let budgets = permit.partner().contract().budgets_on(today);
    let owner = permit.partner().budget_owner();
    allowance.spend(owner, budgets, people)
}

/// Tells what is left.
pub fn tell(exchange: &mut Exchange, state: &BudgetState) {
    exchange.set_header("covenant-budget-policy", &headers::budget_policy(state));
    exchange.set_header("covenant-budget", &headers::budget(state));
}

/// What the core has done is not to be done again: then only reading it later is worth a try.
pub fn refused(exhausted: &BudgetExhausted, permit: &Permit, executed: Executed) -> Refusal {
    let done = executed != Executed::No && !permit.operation().method.is_safe();
    let fix = if done {
        "Do not repeat the call, it was carried out; read what it made in the next window."
    } else {
        "Read what was read already, ask for a smaller page, or wait for the next window."
    };
    let refusal = Refusal::new(
        Code::CustomerBudgetExhausted,
        "The answer would hold more people than the budget has left, so all of it is withheld.",
        fix,
    )
    .promise(Promise::number(5))
    .member("violated-policies", exhausted.windows.clone());
    if done {
        return refusal;
    }
    refusal.header(
        header::RETRY_AFTER,
        &exhausted.retry_after_seconds.to_string(),
    )
}
