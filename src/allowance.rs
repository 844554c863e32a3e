//! How much a partner may still have: requests per minute, checked before the core is called, and
//! distinct customers and recipients of mail per UTC day and month, spent before an answer is recorded
//! (P13).
//!
//! A rate is a cell in memory that a restart may lose. A budget is a fold over the ledger: what was
//! disclosed is the truth, and [`Allowance::rebuild`] counts it again at start. Spending comes
//! before recording, so an accident in between errs on the customer's side.
//!
//! Deliberately absent: what a budget is (contracts say so), who shares one (the caller names the
//! owner: the partner, or the parent of a co-brand), refusal documents, and any storage. Memory is
//! bounded by the budgets themselves: 20 bytes and the table's slack for each distinct person seen
//! in a month, and nobody beyond the limit is ever taken in; ten million recipients where a contract has
//! no limit for them.

pub mod budgets;
pub mod fold;
pub mod headers;
pub mod rates;
mod window;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::policy::contract::Budgets;
use crate::terms::{CustomerRef, PartnerId, Thumbprint};

pub use budgets::{BudgetExhausted, BudgetState, People, Subject};
pub use rates::{RateExceeded, RateState};

use budgets::BudgetBook;
use rates::{LookUps, Notes, Rates};

/// Rates and budgets of every partner. Share it behind an `Arc`.
#[derive(Debug)]
pub struct Allowance {
    clock: Clock,
    rates: Rates,
    notes: Notes,
    look_ups: LookUps,
    budgets: BudgetBook,
}

/// One disclosure as the ledger holds it, for [`Allowance::rebuild`].
#[derive(Clone, Debug)]
pub struct Spent {
    /// When it was recorded.
    pub time: Timestamp,
    /// Whose budget it came from.
    pub owner: PartnerId,
    /// Which kind of person.
    pub subject: Subject,
    /// Who.
    pub references: Vec<CustomerRef>,
}

impl Allowance {
    /// Nothing spent.
    pub fn new(clock: Clock) -> Self {
        Self {
            rates: Rates::new(clock.clone()),
            notes: Notes::new(clock.clone()),
            look_ups: LookUps::new(clock.clone()),
            budgets: BudgetBook::default(),
            clock,
        }
    }

    /// Takes one request from the partner's rate, or says when the next one fits.
    pub fn admit(
        &self,
        partner: &PartnerId,
        requests_per_minute: u32,
    ) -> Result<RateState, RateExceeded> {
        self.rates.admit(partner, requests_per_minute)
    }

    /// Whether one more refusal of whoever shows this certificate is put on record.
    pub fn may_note(&self, certificate: Thumbprint) -> bool {
        self.notes.may(certificate)
    }

    /// Whether the partner may look up one more of its past requests: sixty a minute.
    pub fn may_look_up(&self, partner: &PartnerId) -> bool {
        self.look_ups.may(partner)
    }

    /// Charges `people` to the budgets of `owner`, all of them or none. Whoever was charged in a window
    /// already is free in it; the same reference twice counts once. Customers and recipients are counted
    /// apart.
    pub fn spend(
        &self,
        owner: &PartnerId,
        budgets: Budgets,
        people: People<'_>,
    ) -> Result<BudgetState, BudgetExhausted> {
        let now = self.clock.now();
        self.budgets.spend(owner, budgets, people, now)
    }

    /// What is left, without taking any.
    pub fn state(&self, owner: &PartnerId, budgets: Budgets) -> BudgetState {
        self.budgets.state(owner, budgets, self.clock.now())
    }

    /// Counts disclosures of the ledger again, oldest first, limits notwithstanding: they happened.
    /// To be called once, before the first request.
    pub fn rebuild(&self, disclosures: impl Iterator<Item = Spent>) {
        for spent in disclosures {
            self.budgets.charge(&spent);
        }
    }

    /// Ends a rebuilding: windows that are long over take no memory any more.
    pub fn rebuilt(&self) {
        self.budgets.forget_old();
    }

    /// The budgets as bytes, to be kept with what they were counted from. References and days, no values.
    pub fn budgets(&self) -> Vec<u8> {
        self.budgets.to_bytes()
    }

    /// An allowance with these budgets, as [`Allowance::budgets`] gave them; `None` where the bytes are none.
    pub fn with_budgets(clock: Clock, bytes: &[u8]) -> Option<Self> {
        let budgets = BudgetBook::from_bytes(bytes)?;
        Some(Self {
            budgets,
            ..Self::new(clock)
        })
    }
}
