//! Stage `spend`: distinct customers, against the budget of the partner's family. Reserved before
//! anything is recorded or sent, so that an accident errs on the customer's side; a customer already
//! counted in the window costs nothing.

use jiff::civil::Date;

use super::decide::Permit;
use super::exchange::Exchange;
use super::filter::Filtered;
use crate::allowance::Allowance;
use crate::policy::contract::{Budgets, Contract};
use crate::refusal::Refusal;
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
    today: Date,
) -> Result<Spent, Refusal> {
    let budgets = budgets_on(permit.partner().contract(), today);
    let customers: Vec<CustomerRef> = filtered.customers.iter().copied().collect();
    let owner = permit.partner().budget_owner();
    let spent = allowance.spend(owner, budgets, &customers);
    let state = spent.map_err(|exhausted| {
        exchange.set_header("covenant-budget-policy", &exhausted.state.policy_header());
        exchange.set_header("covenant-budget", &exhausted.state.header());
        exhausted.refusal()
    })?;
    exchange.set_header("covenant-budget-policy", &state.policy_header());
    exchange.set_header("covenant-budget", &state.header());
    Ok(Spent(filtered))
}

/// The budgets of a contract on a day, with the exception that holds on it.
pub fn budgets_on(contract: &Contract, today: Date) -> Budgets {
    let holding = contract.exceptions.iter().filter(|exception| today <= exception.until);
    holding.filter_map(|exception| exception.budgets).last().unwrap_or(contract.budgets)
}
