//! Stage `spend`: distinct customers, against the budget of the partner's family. Reserved before
//! anything is recorded or sent, so that an accident errs on the customer's side; a customer already
//! counted in the window costs nothing.

use http::header;

use super::decide::Permit;
use super::exchange::Exchange;
use super::filter::Filtered;
use crate::allowance::{Allowance, BudgetExhausted, Subject, headers};
use crate::refusal::{Code, Refusal, Stopped};
use crate::terms::{CustomerRef, Promise};

/// An answer whose customers are paid for. Made only by [`spend`].
#[derive(Debug)]
pub struct Spent(Filtered);

impl Spent {
    /// The answer.
    pub fn into_filtered(self) -> Filtered {
        self.0
    }
}

/// Spends.
///
/// # Errors
/// `customer-budget-exhausted`: then the answer is withheld whole and nothing was spent.
pub fn spend(
    exchange: &mut Exchange,
    permit: &Permit,
    filtered: Filtered,
    allowance: &Allowance,
) -> Result<Spent, Stopped> {
    let budgets = permit.partner().contract().budgets_on(exchange.today());
    let customers: Vec<CustomerRef> = filtered.customers.iter().copied().collect();
    let owner = permit.partner().budget_owner();
    let spent = allowance.spend(owner, Subject::Customer, budgets, &customers);
    let state = match &spent {
        Ok(state) => state,
        Err(exhausted) => &exhausted.state,
    };
    exchange.set_header("covenant-budget-policy", &headers::budget_policy(state));
    exchange.set_header("covenant-budget", &headers::budget(state));
    match spent {
        Ok(_) => Ok(Spent(filtered)),
        Err(exhausted) => {
            // What the core has done is not to be done again: only reading is worth another try.
            let repeatable = permit.operation().method.is_safe();
            Err(too_many(&exhausted, repeatable).into())
        }
    }
}

fn too_many(exhausted: &BudgetExhausted, repeatable: bool) -> Refusal {
    let fix = if repeatable {
        "Read customers already read, ask for a smaller page, or wait for the next window."
    } else {
        "Do not repeat the call, it was carried out; read what it made in the next window."
    };
    let refusal = Refusal::new(
        Code::CustomerBudgetExhausted,
        "The answer holds more customers than the budget has left, so all of it was withheld.",
        fix,
    )
    .promise(Promise::number(5))
    .member("violated-policies", exhausted.windows.clone());
    if repeatable {
        let seconds = exhausted.retry_after_seconds.to_string();
        return refusal.header(header::RETRY_AFTER, &seconds);
    }
    refusal
}
