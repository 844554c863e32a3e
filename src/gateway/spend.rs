//! Stage `spend`: distinct customers and the people on their lists, against the budgets of the
//! partner's family. Reserved before anything is recorded or sent, so that an accident errs on the
//! customer's side; who was counted in the window already costs nothing.

use jiff::civil::Date;

use super::budget::{charge, reserve};
use super::decide::Permit;
use super::exchange::Exchange;
use super::filter::Filtered;
use crate::allowance::{Allowance, BudgetExhausted, BudgetState, People};
use crate::refusal::Stopped;
use crate::terms::CustomerRef;

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
    let [customers, recipients] = people(&filtered);
    let people = People {
        customers: &customers,
        recipients: &recipients,
    };
    reserve(exchange, permit, allowance, people)?;
    Ok(Spent(filtered))
}

/// Spends what a part of an answer costs; the partner is told elsewhere.
///
/// # Errors
/// Which budget is used up: then nothing was spent, and the part stays inside.
pub fn spend_part(
    permit: &Permit,
    filtered: Filtered,
    allowance: &Allowance,
    today: Date,
) -> Result<(Spent, BudgetState), BudgetExhausted> {
    let [customers, recipients] = people(&filtered);
    let people = People {
        customers: &customers,
        recipients: &recipients,
    };
    let state = charge(permit, allowance, today, people)?;
    Ok((Spent(filtered), state))
}

/// Customers and recipients of whom something leaves.
fn people(filtered: &Filtered) -> [Vec<CustomerRef>; 2] {
    [&filtered.customers, &filtered.recipients].map(|people| people.iter().copied().collect())
}
