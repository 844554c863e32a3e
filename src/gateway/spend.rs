//! Stage `spend`: distinct customers and the people on their lists, against the budgets of the
//! partner's family. Reserved before anything is recorded or sent, so that an accident errs on the
//! customer's side; who was counted in the window already costs nothing.

use super::budget::reserve;
use super::decide::Permit;
use super::exchange::Exchange;
use super::filter::Filtered;
use crate::allowance::{Allowance, People};
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
    let recipients: Vec<CustomerRef> = filtered.recipients.iter().copied().collect();
    let people = People {
        customers: &customers,
        recipients: &recipients,
    };
    reserve(exchange, permit, allowance, people)?;
    Ok(Spent(filtered))
}
