//! Distinct people per UTC day and month, exact under concurrency: one lock for each owner, held
//! while the people of one answer are counted, never across IO.
//!
//! A window only ever moves forward: a clock that steps back stays in the latest window an owner has
//! been charged in, so it never refills a budget.

mod kept;

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

    /// The day's and the month's limit, where the contract has one.
    fn limits(self, budgets: Budgets) -> [Option<u32>; 2] {
        match self {
            Self::Customer => [
                Some(budgets.customers_per_day),
                Some(budgets.customers_per_month),
            ],
            Self::Recipient => [budgets.recipients_per_day, budgets.recipients_per_month],
        }
    }

    /// Names of the day's and the month's window, in headers and `violated-policies`.
    fn windows(self) -> (&'static str, &'static str) {
        match self {
            Self::Customer => ("customers-day", "customers-month"),
            Self::Recipient => ("recipients-day", "recipients-month"),
        }
    }
}

/// Who is in one answer, of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct People<'a> {
    /// Customers; the same twice counts once.
    pub customers: &'a [CustomerRef],
    /// People on customers' lists, likewise.
    pub recipients: &'a [CustomerRef],
}

/// What is left of the budgets of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetState {
    /// Of customers.
    pub customers: SubjectState,
    /// Of recipients of mail.
    pub recipients: SubjectState,
}

impl BudgetState {
    /// Every window, in the order in which they are told.
    pub fn windows(&self) -> [WindowState; 4] {
        let Self {
            customers,
            recipients,
        } = self;
        [
            customers.day,
            customers.month,
            recipients.day,
            recipients.month,
        ]
    }
}

/// What is left for one kind of person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectState {
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
    /// Distinct people in the window, where the contract has a limit.
    pub limit: Option<u32>,
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
        budgets: Budgets,
        people: People<'_>,
        now: Timestamp,
    ) -> Result<BudgetState, BudgetExhausted> {
        let seen = self.both(owner);
        let (mut customers, mut recipients) = (lock(&seen.0), lock(&seen.1));
        customers.move_to(now);
        recipients.move_to(now);
        let fresh = (
            customers.fresh(people.customers),
            recipients.fresh(people.recipients),
        );
        let state = state_of(&customers, &recipients, budgets, now);
        let needed = [
            fresh.0.today.len(),
            fresh.0.this_month,
            fresh.1.today.len(),
            fresh.1.this_month,
        ];
        let over = |(window, needed): &(WindowState, usize)| {
            usize::try_from(window.remaining).is_ok_and(|remaining| *needed > remaining)
        };
        let violated = state.windows().into_iter().zip(needed).filter(over);
        let violated: Vec<WindowState> = violated.map(|(window, _)| window).collect();
        if let Some(retry_after_seconds) = violated.iter().map(|window| window.reset_seconds).max()
        {
            return Err(BudgetExhausted {
                windows: violated.iter().map(|window| window.name).collect(),
                retry_after_seconds,
                state,
            });
        }
        customers.take(&fresh.0);
        recipients.take(&fresh.1);
        Ok(state_of(&customers, &recipients, budgets, now))
    }

    pub(super) fn state(&self, owner: &PartnerId, budgets: Budgets, now: Timestamp) -> BudgetState {
        let seen = self.both(owner);
        let (mut customers, mut recipients) = (lock(&seen.0), lock(&seen.1));
        customers.move_to(now);
        recipients.move_to(now);
        state_of(&customers, &recipients, budgets, now)
    }

    /// Customers and recipients; they are locked in this order.
    fn both(&self, owner: &PartnerId) -> (Shared, Shared) {
        (
            self.seen(owner, Subject::Customer),
            self.seen(owner, Subject::Recipient),
        )
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

    fn state(&self, subject: Subject, budgets: Budgets, now: Timestamp) -> SubjectState {
        let (day, month) = subject.windows();
        let [day_limit, month_limit] = subject.limits(budgets);
        let remaining = |limit: Option<u32>, used: usize| {
            let limit = limit.unwrap_or(Budgets::PEOPLE_MAX);
            limit.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
        };
        SubjectState {
            day: WindowState {
                name: day,
                limit: day_limit,
                window_seconds: window::DAY_SECONDS,
                remaining: remaining(day_limit, self.today),
                reset_seconds: window::seconds_until_day_ends(self.day, now),
            },
            month: WindowState {
                name: month,
                limit: month_limit,
                window_seconds: window::month_seconds(self.day),
                remaining: remaining(month_limit, self.people.len()),
                reset_seconds: window::seconds_until_month_ends(self.day, now),
            },
        }
    }
}

fn state_of(customers: &Seen, recipients: &Seen, budgets: Budgets, now: Timestamp) -> BudgetState {
    BudgetState {
        customers: customers.state(Subject::Customer, budgets, now),
        recipients: recipients.state(Subject::Recipient, budgets, now),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    fn customers(customers: &[CustomerRef]) -> People<'_> {
        People {
            customers,
            recipients: &[],
        }
    }

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
            ..Budgets::default()
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_charges_nobody_and_rereading_is_free() {
        let book = BudgetBook::default();
        let now = at("2026-11-22T12:00:00Z");
        let limits = budgets(3, 10);
        let spend = |people: &[CustomerRef]| {
            book.spend(&owner(), limits, customers(people), now)
                .map(|state| state.customers)
        };
        let two = [person(1), person(2), person(1)];
        assert_eq!(spend(&two).unwrap().day.remaining, 1);
        let refused = spend(&[person(3), person(4)]).unwrap_err();
        assert_eq!(refused.windows, ["customers-day"]);
        assert_eq!(refused.retry_after_seconds, 12 * 3_600);
        assert_eq!(refused.state.customers.day.remaining, 1);
        assert_eq!(spend(&two).unwrap().day.remaining, 1);
        assert_eq!(spend(&[person(3)]).unwrap().day.remaining, 0);
        let limits = Budgets {
            recipients_per_day: Some(3),
            ..limits
        };
        let others = book.state(&owner(), limits, now).recipients;
        assert_eq!(others.day.remaining, 3, "recipients are counted apart");
        assert_eq!(others.month.limit, None);
    }

    #[test]
    fn where_either_kind_of_person_does_not_fit_neither_is_charged() {
        let book = BudgetBook::default();
        let now = at("2026-11-22T12:00:00Z");
        let limits = Budgets {
            recipients_per_day: Some(2),
            recipients_per_month: Some(9),
            ..budgets(2, 9)
        };
        let spend = |customers: &[CustomerRef], recipients: &[CustomerRef]| {
            let people = People {
                customers,
                recipients,
            };
            book.spend(&owner(), limits, people, now)
        };
        let [one, two, three] = [person(1), person(2), person(3)];
        spend(&[one], &[one]).unwrap();
        let refused = spend(&[two], &[one, two, three]).unwrap_err();
        assert_eq!(refused.windows, ["recipients-day"]);
        let refused = spend(&[one, two, three], &[two]).unwrap_err();
        assert_eq!(refused.windows, ["customers-day"]);
        let left = |state: BudgetState| state.windows().map(|window| window.remaining);
        assert_eq!(left(refused.state), [1, 8, 1, 8]);
        // Who is both is counted as both, and re-reading either is free.
        assert_eq!(left(spend(&[one, two], &[two, one]).unwrap()), [0, 7, 0, 7]);
        assert_eq!(left(spend(&[two], &[two]).unwrap()), [0, 7, 0, 7]);
        let without = book.spend(
            &owner(),
            budgets(2, 9),
            People {
                customers: &[],
                recipients: &[three],
            },
            now,
        );
        assert_eq!(without.unwrap().recipients.day.limit, None);
    }

    #[test]
    fn a_new_day_refills_the_day_and_not_the_month() {
        let book = BudgetBook::default();
        let spend = |time, people: &[CustomerRef]| {
            let spent = book.spend(&owner(), budgets(2, 3), customers(people), at(time));
            spent.map(|state| state.customers)
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
            let people = [person(number)];
            book.spend(&owner(), budgets(1, 9), customers(&people), at(time))
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
            live.spend(&owner(), limits, customers(&references), at(time))
                .unwrap();
            rebuilt.charge(&Spent {
                time: at(time),
                owner: owner(),
                subject: Subject::Customer,
                references,
            });
        }
        let now = at("2026-11-02T12:00:00Z");
        let state = live.state(&owner(), limits, now);
        let left = state.customers;
        assert_eq!((left.day.remaining, left.month.remaining), (3, 3));
        assert_eq!(rebuilt.state(&owner(), limits, now), state);
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
                    if book
                        .spend(&owner(), limits, customers(&people), now)
                        .is_ok()
                    {
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
                let released = book.spend(&owner(), limits, customers(&people), now).is_ok();
                prop_assert_eq!(released, model.spend(limits, &people, now));
            }
        }
    }
}
