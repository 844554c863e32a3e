//! Requests per minute: one cell of the generic cell rate algorithm (governor) for each partner.
//!
//! A partner may use its minute in one burst and then gets requests back evenly, so no minute holds
//! more than twice the rate. There are as many cells as partners that called since start.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::terms::{PartnerId, Thumbprint};

/// Refusals that one client certificate may put on record in a minute.
const NOTES_PER_MINUTE: Quota = Quota::per_minute(NonZeroU32::MIN.saturating_add(599));

/// Past requests that one partner may look up in a minute: each reads files.
const LOOK_UPS_PER_MINUTE: Quota = Quota::per_minute(NonZeroU32::MIN.saturating_add(59));

/// Length of the rate's window.
pub const WINDOW_SECONDS: u64 = 60;

/// What is left of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateState {
    /// Requests per minute.
    pub limit: u32,
    /// Requests that would be admitted at once.
    pub remaining: u32,
    /// Seconds until the whole rate is available again.
    pub reset_seconds: u64,
}

/// The rate is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rate of {limit} requests a minute is used up; wait {retry_after_seconds} s")]
pub struct RateExceeded {
    /// Requests per minute.
    pub limit: u32,
    /// Seconds after which one request fits, at least 1.
    pub retry_after_seconds: u64,
}

impl RateExceeded {
    /// The same in the form that headers are written from.
    pub fn state(self) -> RateState {
        RateState {
            limit: self.limit,
            remaining: 0,
            reset_seconds: self.retry_after_seconds,
        }
    }
}

type Cell = RateLimiter<NotKeyed, InMemoryState, Ticks, StateInformationMiddleware>;

#[derive(Debug)]
pub(super) struct Rates {
    clock: Clock,
    cells: RwLock<HashMap<PartnerId, (NonZeroU32, Arc<Cell>)>>,
}

/// The house's clock, as governor reads one.
#[derive(Clone, Debug)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Instant;

    fn now(&self) -> Instant {
        self.0.instant()
    }
}

/// How often each client certificate may have a refusal put on record.
#[derive(Debug)]
pub(super) struct Notes(
    RateLimiter<Thumbprint, DashMapStateStore<Thumbprint>, Ticks, NoOpMiddleware<Instant>>,
);

impl Notes {
    pub(super) fn new(clock: Clock) -> Self {
        Self(RateLimiter::dashmap_with_clock(
            NOTES_PER_MINUTE,
            Ticks(clock),
        ))
    }

    pub(super) fn may(&self, certificate: Thumbprint) -> bool {
        self.0.check_key(&certificate).is_ok()
    }
}

/// How often each partner may look up a past request.
#[derive(Debug)]
pub(super) struct LookUps(
    RateLimiter<PartnerId, DashMapStateStore<PartnerId>, Ticks, NoOpMiddleware<Instant>>,
);

impl LookUps {
    pub(super) fn new(clock: Clock) -> Self {
        let ticks = Ticks(clock);
        Self(RateLimiter::dashmap_with_clock(LOOK_UPS_PER_MINUTE, ticks))
    }

    pub(super) fn may(&self, partner: &PartnerId) -> bool {
        self.0.check_key(partner).is_ok()
    }
}

impl Rates {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            cells: RwLock::default(),
        }
    }

    pub(super) fn admit(
        &self,
        partner: &PartnerId,
        requests_per_minute: u32,
    ) -> Result<RateState, RateExceeded> {
        let Some(rate) = NonZeroU32::new(requests_per_minute) else {
            return Err(RateExceeded {
                limit: 0,
                retry_after_seconds: WINDOW_SECONDS,
            });
        };
        let admitted = self.cell(partner, rate).check();
        match admitted {
            Ok(snapshot) => Ok(state(rate, snapshot.remaining_burst_capacity())),
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.instant());
                Err(RateExceeded {
                    limit: rate.get(),
                    retry_after_seconds: wait.as_millis().div_ceil(1_000).max(1) as u64,
                })
            }
        }
    }

    /// The partner's cell; a new one where its contract has another rate since. The part of the old
    /// one that is used is used of the new one too: a change of rules gives nobody a second burst.
    fn cell(&self, partner: &PartnerId, rate: NonZeroU32) -> Arc<Cell> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = cells.get(partner).filter(|(known, _)| *known == rate) {
            return Arc::clone(cell);
        }
        drop(cells);
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let limiter =
                RateLimiter::direct_with_clock(Quota::per_minute(rate), Ticks(self.clock.clone()));
            (rate, Arc::new(limiter.with_middleware()))
        };
        let entry = cells.entry(partner.clone()).or_insert_with(fresh);
        if entry.0 != rate {
            let part = (used(&entry.1, entry.0), entry.0);
            *entry = fresh();
            take(&entry.1, part, rate);
        }
        Arc::clone(&entry.1)
    }
}

/// How many requests of a cell's rate are not back yet.
fn used(cell: &Cell, rate: NonZeroU32) -> u32 {
    match cell.check() {
        // The look took one more.
        Ok(snapshot) => rate
            .get()
            .saturating_sub(snapshot.remaining_burst_capacity() + 1),
        Err(_) => rate.get(),
    }
}

/// Takes of a fresh cell of `rate` what the part `used` of another rate comes to.
fn take(cell: &Cell, (used, of): (u32, NonZeroU32), rate: NonZeroU32) {
    let (used, of, rate) = (u64::from(used), u64::from(of.get()), u64::from(rate.get()));
    let share = (2 * used * rate + of) / (2 * of);
    let share = u32::try_from(share).ok().and_then(NonZeroU32::new);
    if let Some(requests) = share {
        // A fresh cell has room for its whole rate, and no part is more than the whole.
        let _ = cell.check_n(requests);
    }
}

fn state(rate: NonZeroU32, remaining: u32) -> RateState {
    let limit = rate.get();
    let used = u64::from(limit.saturating_sub(remaining));
    RateState {
        limit,
        remaining,
        reset_seconds: (used * WINDOW_SECONDS).div_ceil(u64::from(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partner(id: &str) -> PartnerId {
        PartnerId::parse(id).unwrap()
    }

    #[test]
    fn a_partner_gets_its_burst_and_then_a_time_to_wait() {
        let rates = Rates::new(Clock::system());
        let first = rates.admit(&partner("acme"), 2).unwrap();
        assert_eq!((first.limit, first.remaining), (2, 1));
        assert_eq!(first.reset_seconds, 30);
        assert_eq!(rates.admit(&partner("acme"), 2).unwrap().remaining, 0);
        let exceeded = rates.admit(&partner("acme"), 2).unwrap_err();
        assert!((1..=30).contains(&exceeded.retry_after_seconds));
        assert!(rates.admit(&partner("bright"), 2).is_ok(), "others go on");
    }

    #[test]
    fn a_changed_contract_changes_the_rate_and_none_admits_nobody() {
        let rates = Rates::new(Clock::system());
        assert!(rates.admit(&partner("acme"), 2).is_ok());
        let wider = rates.admit(&partner("acme"), 10).unwrap();
        assert_eq!((wider.limit, wider.remaining), (10, 4), "half was used");
        assert_eq!(rates.admit(&partner("acme"), 0).unwrap_err().limit, 0);
        assert!(rates.admit(&partner("bright"), 1).is_ok());
        assert_eq!(rates.admit(&partner("bright"), 10).unwrap_err().limit, 10);
    }

    #[test]
    fn rates_that_change_to_and_fro_give_nobody_a_second_burst() {
        let rates = Rates::new(Clock::system());
        let admitted = (0..100)
            .filter(|turn| rates.admit(&partner("acme"), 8 + turn % 2).is_ok())
            .count();
        assert!((8..=10).contains(&admitted), "{admitted}");
    }

    #[test]
    fn parallel_requests_never_exceed_the_burst() {
        let rates = Rates::new(Clock::system());
        let admitted: usize = std::thread::scope(|scope| {
            let caller = || {
                (0..20)
                    .filter(|_| rates.admit(&partner("acme"), 8).is_ok())
                    .count()
            };
            let callers: Vec<_> = (0..8).map(|_| scope.spawn(caller)).collect();
            callers
                .into_iter()
                .map(|caller| caller.join().unwrap())
                .sum()
        });
        // One request comes back every 7.5 s, far longer than 160 look-ups take.
        assert!((8..=9).contains(&admitted), "{admitted}");
    }

    #[test]
    fn a_certificate_puts_only_so_many_refusals_on_record_and_leaves_others_theirs() {
        let notes = Notes::new(Clock::system());
        let (one, other) = (Thumbprint([1; 32]), Thumbprint([2; 32]));
        let noted = (0..2_000).filter(|_| notes.may(one)).count();
        // One comes back every tenth of a second.
        assert!((600..1_000).contains(&noted), "{noted}");
        assert!(notes.may(other));
    }
}
