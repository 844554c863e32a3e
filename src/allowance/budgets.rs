//! Distinct customers per UTC day and month, exact under concurrency: one lock for each owner, held
//! while the people of one answer are counted, never across IO.
//!
//! A window only ever moves forward: a clock that steps back stays in the latest window an owner has
//! been charged in, so it never refills a budget.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Spent, window};
use crate::policy::contract::Budgets;
use crate::terms::{CustomerRef, PartnerId};

/// Which kind of person is counted; the two are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A customer.
    Customer,
    /// A person on a customer's mailing list.
    Recipient,
}

impl Subject {
    /// The word used in entries.
    pub fn word(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Recipient => "recipient",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Customer, Self::Recipient]
            .into_iter()
            .find(|subject| subject.word() == word)
    }

    /// Names of the day's and the month's window, in headers and `violated-policies`.
    fn windows(self) -> (&'static str, &'static str) {
        match self {
            Self::Customer => ("customers-day", "customers-month"),
            Self::Recipient => ("recipients-day", "recipients-month"),
        }
    }
}

/// What is left of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetState {
    /// Of the UTC day.
    pub day: WindowState,
    /// Of the UTC month.
    pub month: WindowState,
}

/// What is left in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowState {
    /// For example `customers-day`.
    pub name: &'static str,
    /// Distinct people in the window.
    pub limit: u32,
    /// Length of the window.
    pub window_seconds: u64,
    /// Distinct people it still has room for.
    pub remaining: u32,
    /// Seconds until the window ends.
    pub reset_seconds: u64,
}

/// The people of an answer do not fit; nobody was charged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the budget {} is used up; wait {retry_after_seconds} s", windows.join(" and "))]
pub struct BudgetExhausted {
    /// Names of the windows they do not fit in.
    pub windows: Vec<&'static str>,
    /// Seconds until the last of those windows ends, at least 1.
    pub retry_after_seconds: u64,
    /// What is left, unchanged.
    pub state: BudgetState,
}

/// The budgets of every owner.
#[derive(Debug, Default)]
pub(super) struct BudgetBook {
    owners: RwLock<HashMap<(PartnerId, Subject), Shared>>,
}

type Shared = Arc<Mutex<Seen>>;

/// Who was charged in the current windows. `people` holds everyone of the month with the day they
/// were last charged on; `today` counts those of `day`.
#[derive(Debug, Default)]
struct Seen {
    day: Date,
    today: usize,
    people: HashMap<CustomerRef, Date>,
}

impl BudgetBook {
    pub(super) fn spend(
        &self,
        owner: &PartnerId,
        subject: Subject,
        budgets: Budgets,
        references: &[CustomerRef],
        now: Timestamp,
    ) -> Result<BudgetState, BudgetExhausted> {
        let seen = self.seen(owner, subject);
        let mut seen = lock(&seen);
        seen.move_to(now);
        let fresh = seen.fresh(references);
        let state = seen.state(subject, budgets, now);
        let over = |window: &WindowState, needed| {
            usize::try_from(window.remaining).is_ok_and(|remaining| needed > remaining)
        };
        let violated: Vec<WindowState> = [
            over(&state.day, fresh.today.len()).then_some(state.day),
            over(&state.month, fresh.this_month).then_some(state.month),
        ]
        .into_iter()
        .flatten()
        .collect();
        if let Some(retry_after_seconds) = violated.iter().map(|window| window.reset_seconds).max()
        {
            return Err(BudgetExhausted {
                windows: violated.iter().map(|window| window.name).collect(),
                retry_after_seconds,
                state,
            });
        }
        seen.take(&fresh);
        Ok(seen.state(subject, budgets, now))
    }

    pub(super) fn state(
        &self,
        owner: &PartnerId,
        subject: Subject,
        budgets: Budgets,
        now: Timestamp,
    ) -> BudgetState {
        let seen = self.seen(owner, subject);
        let mut seen = lock(&seen);
        seen.move_to(now);
        seen.state(subject, budgets, now)
    }

    pub(super) fn charge(&self, spent: &Spent) {
        let seen = self.seen(&spent.owner, spent.subject);
        let mut seen = lock(&seen);
        seen.move_to(spent.time);
        let fresh = seen.fresh(&spent.references);
        seen.take(&fresh);
    }

    fn seen(&self, owner: &PartnerId, subject: Subject) -> Shared {
        let key = (owner.clone(), subject);
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = owners.get(&key) {
            return Arc::clone(seen);
        }
        drop(owners);
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(owners.entry(key).or_default())
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// People an answer would charge: all of them anew today, some of them anew this month.
struct Fresh {
    today: HashSet<CustomerRef>,
    this_month: usize,
}

impl Seen {
    /// Enters the windows of `now`, unless they lie behind the ones it is in.
    fn move_to(&mut self, now: Timestamp) {
        let day = window::day(now);
        if day <= self.day {
            return;
        }
        if day.first_of_month() != self.day.first_of_month() {
            self.people.clear();
        }
        self.day = day;
        self.today = 0;
    }

    fn fresh(&self, references: &[CustomerRef]) -> Fresh {
        let charged_today = |reference: &CustomerRef| self.people.get(reference) == Some(&self.day);
        let today: HashSet<CustomerRef> = references
            .iter()
            .filter(|reference| !charged_today(reference))
            .copied()
            .collect();
        let unknown = |reference: &&CustomerRef| !self.people.contains_key(*reference);
        Fresh {
            this_month: today.iter().filter(unknown).count(),
            today,
        }
    }

    fn take(&mut self, fresh: &Fresh) {
        self.today += fresh.today.len();
        let day = self.day;
        self.people
            .extend(fresh.today.iter().map(|reference| (*reference, day)));
    }

    fn state(&self, subject: Subject, budgets: Budgets, now: Timestamp) -> BudgetState {
        let (day, month) = subject.windows();
        let remaining =
            |limit: u32, used: usize| limit.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
        BudgetState {
            day: WindowState {
                name: day,
                limit: budgets.customers_per_day,
                window_seconds: window::DAY_SECONDS,
                remaining: remaining(budgets.customers_per_day, self.today),
                reset_seconds: window::seconds_until_day_ends(self.day, now),
            },
            month: WindowState {
                name: month,
                limit: budgets.customers_per_month,
                window_seconds: window::month_seconds(self.day),
                remaining: remaining(budgets.customers_per_month, self.people.len()),
                reset_seconds: window::seconds_until_month_ends(self.day, now),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    const SUBJECT: Subject = Subject::Customer;

    fn owner() -> PartnerId {
        PartnerId::parse("acme").unwrap()
    }

    fn person(number: u8) -> CustomerRef {
        CustomerRef::from_bytes([number; 16])
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn budgets(customers_per_day: u32, customers_per_month: u32) -> Budgets {
        Budgets {
            customers_per_day,
            customers_per_month,
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_charges_nobody_and_rereading_is_free() {
        let book = BudgetBook::default();
        let now = at("2026-11-22T12:00:00Z");
        let limits = budgets(3, 10);
        let spend = |people: &[CustomerRef]| book.spend(&owner(), SUBJECT, limits, people, now);
        let two = [person(1), person(2), person(1)];
        assert_eq!(spend(&two).unwrap().day.remaining, 1);
        let refused = spend(&[person(3), person(4)]).unwrap_err();
        assert_eq!(refused.windows, ["customers-day"]);
        assert_eq!(refused.retry_after_seconds, 12 * 3_600);
        assert_eq!(refused.state.day.remaining, 1);
        assert_eq!(spend(&two).unwrap().day.remaining, 1);
        assert_eq!(spend(&[person(3)]).unwrap().day.remaining, 0);
        let others = book.state(&owner(), Subject::Recipient, limits, now);
        assert_eq!(others.day.remaining, 3, "recipients are counted apart");
    }

    #[test]
    fn a_new_day_refills_the_day_and_not_the_month() {
        let book = BudgetBook::default();
        let spend = |time, people: &[CustomerRef]| {
            book.spend(&owner(), SUBJECT, budgets(2, 3), people, at(time))
        };
        spend("2026-11-29T10:00:00Z", &[person(1), person(2)]).unwrap();
        let next = spend("2026-11-30T10:00:00Z", &[person(1), person(3)]).unwrap();
        assert_eq!((next.day.remaining, next.month.remaining), (0, 0));
        let refused = spend("2026-11-30T11:00:00Z", &[person(4)]).unwrap_err();
        assert_eq!(refused.windows, ["customers-day", "customers-month"]);
        let december = spend("2026-12-01T00:00:00Z", &[person(4)]).unwrap();
        assert_eq!((december.day.remaining, december.month.remaining), (1, 2));
    }

    #[test]
    fn a_clock_that_steps_back_never_refills() {
        let book = BudgetBook::default();
        let spend = |time, number| {
            book.spend(
                &owner(),
                SUBJECT,
                budgets(1, 9),
                &[person(number)],
                at(time),
            )
        };
        spend("2026-12-01T10:00:00Z", 1).unwrap();
        let refused = spend("2026-11-30T10:00:00Z", 2).unwrap_err();
        assert_eq!(refused.retry_after_seconds, (24 + 14) * 3_600);
        assert!(spend("2026-11-30T10:00:00Z", 1).is_ok());
    }

    #[test]
    fn a_rebuilt_book_stands_where_the_lost_one_stood() {
        let (live, rebuilt) = (BudgetBook::default(), BudgetBook::default());
        let limits = budgets(5, 5);
        for (time, number) in [
            ("2026-10-31T23:00:00Z", 9),
            ("2026-11-01T10:00:00Z", 1),
            ("2026-11-02T10:00:00Z", 2),
            ("2026-11-02T11:00:00Z", 1),
        ] {
            let references = vec![person(number)];
            live.spend(&owner(), SUBJECT, limits, &references, at(time))
                .unwrap();
            rebuilt.charge(&Spent {
                time: at(time),
                owner: owner(),
                subject: SUBJECT,
                references,
            });
        }
        let now = at("2026-11-02T12:00:00Z");
        let state = live.state(&owner(), SUBJECT, limits, now);
        assert_eq!((state.day.remaining, state.month.remaining), (3, 3));
        assert_eq!(rebuilt.state(&owner(), SUBJECT, limits, now), state);
    }

    #[test]
    fn threads_at_the_last_units_never_release_one_person_too_many() {
        for round in 0..200u8 {
            let book = BudgetBook::default();
            let now = at("2026-11-22T12:00:00Z");
            let limits = budgets(7, 7);
            let released = AtomicUsize::new(0);
            let caller = |first: u8| {
                for page in 0..4u8 {
                    let people = [person(first + page * 2), person(first + page * 2 + 1)];
                    if book.spend(&owner(), SUBJECT, limits, &people, now).is_ok() {
                        released.fetch_add(people.len(), Ordering::Relaxed);
                    }
                }
            };
            std::thread::scope(|scope| {
                (0..4u8).for_each(|thread| {
                    scope.spawn(move || caller(thread * 8));
                });
            });
            assert_eq!(released.into_inner(), 6, "round {round}");
        }
    }

    /// Everyone by the day they were charged on, and nothing clever.
    #[derive(Default)]
    struct Model {
        latest: Date,
        charged: BTreeMap<Date, HashSet<CustomerRef>>,
    }

    impl Model {
        fn spend(&mut self, limits: Budgets, people: &[CustomerRef], now: Timestamp) -> bool {
            self.latest = self.latest.max(window::day(now));
            let mut day = self.charged.get(&self.latest).cloned().unwrap_or_default();
            let month = self.latest.first_of_month();
            let mut of_month: HashSet<CustomerRef> = self
                .charged
                .range(month..)
                .flat_map(|(_, people)| people.iter().copied())
                .collect();
            let (day_before, month_before) = (day.len(), of_month.len());
            day.extend(people);
            of_month.extend(people);
            let fits = |after: usize, before: usize, limit: u32| {
                after == before || after <= limit as usize
            };
            let fits = fits(day.len(), day_before, limits.customers_per_day)
                && fits(of_month.len(), month_before, limits.customers_per_month);
            if fits {
                self.charged.insert(self.latest, day);
            }
            fits
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn the_book_decides_as_the_naive_model(
            calls in prop::collection::vec(
                (-2i64..40, prop::collection::vec(0u8..30, 0..6), 0u32..9, 0u32..20), 1..60),
        ) {
            let book = BudgetBook::default();
            let mut model = Model::default();
            let mut hours = 0i64;
            for (step, people, day, month) in calls {
                hours = (hours + step).max(0);
                let now = at("2026-11-20T00:00:00Z") + jiff::SignedDuration::from_hours(hours);
                let people: Vec<_> = people.into_iter().map(person).collect();
                let limits = budgets(day, month);
                let released = book.spend(&owner(), SUBJECT, limits, &people, now).is_ok();
                prop_assert_eq!(released, model.spend(limits, &people, now));
            }
        }
    }
}
