//! Stage `spend`: distinct customers, against the budget of the partner's family. Reserved before
//! anything is recorded or sent, so that an accident errs on the customer's side; a customer already
//! counted in the window costs nothing.

use jiff::civil::Date;

use super::budget::{charge, reserve};
use super::decide::Permit;
use super::exchange::Exchange;
use super::filter::Filtered;
use crate::allowance::{Allowance, BudgetExhausted, BudgetState};
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
    let customers: Vec<CustomerRef> = filtered.customers.iter().copied().collect();
    reserve(exchange, permit, allowance, &customers)?;
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
    let customers: Vec<CustomerRef> = filtered.customers.iter().copied().collect();
    let state = charge(permit, allowance, today, &customers)?;
    Ok((Spent(filtered), state))
}
