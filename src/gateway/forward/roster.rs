//! Which instance of a core service is asked: pure bookkeeping, told the time by its caller.
//!
//! The one with the fewest requests under way is asked, of equals the next in turn. All counts are this
//! gateway's own and exact, and instances are few, so looking at all of them costs less than drawing two
//! at random, which is for those who cannot look.
//!
//! An instance is left out while its checks fail, and for a while after failures in a row. The second is a
//! guess made from others' requests, so it never leaves out more than a stated share, and where nothing
//! else is left it is not minded.

use std::time::{Duration, Instant};

use crate::config::{EjectionSettings, HealthSettings};

/// The longest that an instance is left out for failures.
const EJECTION_MAX: Duration = Duration::from_secs(300);
/// One request in so many may be asked once more,
const REQUESTS_PER_RETRY: u32 = 5;
/// and so many beforehand or at once.
const RETRIES_SAVED_MAX: u32 = 100;

/// The instances of one service.
#[derive(Debug)]
pub(super) struct Roster {
    rows: Vec<Row>,
    requests_max: u32,
    waiting_max: u32,
    waiting: u32,
    ejection: EjectionSettings,
    /// Where the look for the least busy begins.
    turn: usize,
    /// Requests that could pay for a retry.
    saved: u32,
}

/// One instance.
#[derive(Clone, Debug, Default)]
struct Row {
    under_way: u32,
    /// Failed requests in a row.
    failures: u32,
    ejected: Option<Ejected>,
    unhealthy: bool,
    /// Checks in a row that say otherwise.
    otherwise: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ejected {
    until: Instant,
    length: Duration,
}

impl Row {
    fn is_ejected(&self, now: Instant) -> bool {
        self.ejected.is_some_and(|ejected| now < ejected.until)
    }

    fn is_out(&self, now: Instant) -> bool {
        self.unhealthy || self.is_ejected(now)
    }
}

/// How one instance stands, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Whether its checks pass, and it is not left out for failures.
    pub is_in: bool,
    /// Requests under way.
    pub under_way: u32,
}

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The instance at this place, whose request is counted from now on.
    Instance(usize),
    /// All that could be asked have as many requests under way as they may.
    Full,
    /// No instance passes its checks.
    Nobody,
}

impl Roster {
    pub(super) fn new(
        instances: usize,
        requests_max: u32,
        waiting_max: u32,
        ejection: EjectionSettings,
    ) -> Self {
        Self {
            rows: vec![Row::default(); instances],
            requests_max,
            waiting_max,
            waiting: 0,
            ejection,
            turn: 0,
            saved: REQUESTS_PER_RETRY * RETRIES_SAVED_MAX,
        }
    }

    /// Chooses an instance, if possible none of `tried`. `has_waited`: the caller is one of those who wait,
    /// whom others must not overtake.
    pub(super) fn choose(&mut self, now: Instant, tried: &[usize], has_waited: bool) -> Choice {
        if self.waiting > 0 && !has_waited {
            return Choice::Full;
        }
        self.turn = self.turn.wrapping_add(1);
        let count = self.rows.len().max(1);
        let rank = |(place, row): &(usize, &Row)| {
            let after_turn = (place + count - self.turn % count) % count;
            let is_last_resort = (row.is_ejected(now), tried.contains(place));
            (is_last_resort, row.under_way, after_turn)
        };
        let rows = self.rows.iter().enumerate();
        let healthy = rows.filter(|(_, row)| !row.unhealthy);
        let least = healthy.clone().min_by_key(rank);
        if least.is_none() {
            return Choice::Nobody;
        }
        let with_room = healthy.filter(|(_, row)| row.under_way < self.requests_max);
        let Some(place) = with_room.min_by_key(rank).map(|(place, _)| place) else {
            return Choice::Full;
        };
        if let Some(row) = self.rows.get_mut(place) {
            row.under_way += 1;
        }
        Choice::Instance(place)
    }

    /// Whether somebody else could be asked than those who were tried.
    pub(super) fn has_other(&self, now: Instant, tried: &[usize]) -> bool {
        let mut rows = self.rows.iter().enumerate();
        rows.any(|(place, row)| !row.is_out(now) && !tried.contains(&place))
    }

    /// Somebody begins to wait, where there is room to.
    pub(super) fn begin_to_wait(&mut self) -> bool {
        let fits = self.waiting < self.waiting_max;
        self.waiting += u32::from(fits);
        fits
    }

    pub(super) fn end_wait(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// A chosen instance's request is over.
    pub(super) fn release(&mut self, place: usize) {
        if let Some(row) = self.rows.get_mut(place) {
            row.under_way = row.under_way.saturating_sub(1);
        }
    }

    /// A request is asked for the first time.
    pub(super) fn begin(&mut self) {
        self.saved = (self.saved + 1).min(REQUESTS_PER_RETRY * RETRIES_SAVED_MAX);
    }

    /// Whether one may be asked once more: retries cannot make an outage worse by more than their share.
    pub(super) fn may_retry(&mut self) -> bool {
        let left = self.saved.checked_sub(REQUESTS_PER_RETRY);
        self.saved = left.unwrap_or(self.saved);
        left.is_some()
    }

    /// A request was answered as it should be.
    pub(super) fn succeeded(&mut self, now: Instant, place: usize) {
        let Some(row) = self.rows.get_mut(place) else {
            return;
        };
        row.failures = 0;
        // Whoever did well for as long as it was left out begins anew.
        if row
            .ejected
            .is_some_and(|ejected| now >= ejected.until + ejected.length)
        {
            row.ejected = None;
        }
    }

    /// A request failed; whether its instance is left out for it from now on.
    pub(super) fn failed(&mut self, now: Instant, place: usize) -> bool {
        let out = self.rows.iter().filter(|row| row.is_out(now)).count();
        let percent = usize::try_from(self.ejection.percent_max).unwrap_or(0);
        let may_eject = (out + 1) * 100 <= percent * self.rows.len();
        let Some(row) = self.rows.get_mut(place) else {
            return false;
        };
        row.failures = row.failures.saturating_add(1);
        if !may_eject || row.failures < self.ejection.failures || row.is_out(now) {
            return false;
        }
        let first = Duration::from_secs(self.ejection.seconds.into());
        let length = row.ejected.map_or(first, |ejected| ejected.length * 2);
        let length = length.min(EJECTION_MAX);
        let until = now + length;
        row.ejected = Some(Ejected { until, length });
        // When it is back, one failure is enough.
        row.failures = self.ejection.failures.saturating_sub(1);
        true
    }

    /// An instance was checked; whether it changed sides.
    pub(super) fn checked(&mut self, place: usize, passed: bool, rules: &HealthSettings) -> bool {
        let Some(row) = self.rows.get_mut(place) else {
            return false;
        };
        if passed != row.unhealthy {
            row.otherwise = 0;
            return false;
        }
        row.otherwise += 1;
        let needed = if passed {
            rules.successes
        } else {
            rules.failures
        };
        let changes = row.otherwise >= needed;
        if changes {
            row.unhealthy = !passed;
            row.otherwise = 0;
        }
        changes
    }

    /// Whether every instance fails its checks.
    pub(super) fn is_down(&self) -> bool {
        self.rows.iter().all(|row| row.unhealthy)
    }

    /// How each instance stands.
    pub(super) fn stands(&self, now: Instant) -> Vec<Stands> {
        let stands = |row: &Row| Stands {
            is_in: !row.is_out(now),
            under_way: row.under_way,
        };
        self.rows.iter().map(stands).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const RULES: EjectionSettings = EjectionSettings {
        failures: 3,
        seconds: 10,
        percent_max: 50,
    };

    fn now() -> Instant {
        Clock::system().instant()
    }

    fn roster(instances: usize) -> Roster {
        Roster::new(instances, 2, 1, RULES)
    }

    fn health() -> HealthSettings {
        HealthSettings {
            path: "/".into(),
            interval_seconds: 1,
            wait_milliseconds_max: 1,
            failures: 2,
            successes: 2,
        }
    }

    /// Fails until it is left out.
    fn eject(roster: &mut Roster, place: usize, now: Instant) -> u32 {
        (1..=10)
            .find(|_| roster.failed(now, place))
            .expect("it is ejected")
    }

    #[test]
    fn the_least_busy_instance_is_asked_and_equals_in_turn() {
        let (mut roster, now) = (roster(3), now());
        let mut counts = [0; 3];
        for _ in 0..6 {
            if let Choice::Instance(place) = roster.choose(now, &[], false) {
                counts[place] += 1;
            }
        }
        assert_eq!(counts, [2, 2, 2]);
        assert_eq!(roster.choose(now, &[], false), Choice::Full);
        roster.release(1);
        assert_eq!(roster.choose(now, &[], false), Choice::Instance(1));
        for place in 0..3 {
            roster.release(place);
            roster.release(place);
        }
        let mut one_at_a_time = Vec::new();
        for _ in 0..3 {
            if let Choice::Instance(place) = roster.choose(now, &[], false) {
                one_at_a_time.push(place);
                roster.release(place);
            }
        }
        one_at_a_time.sort_unstable();
        assert_eq!(one_at_a_time, [0, 1, 2], "no instance is always first");
    }

    #[test]
    fn nobody_overtakes_whoever_waits() {
        let (mut roster, now) = (roster(1), now());
        assert!(roster.begin_to_wait());
        assert!(!roster.begin_to_wait(), "one may wait");
        assert_eq!(roster.choose(now, &[], false), Choice::Full);
        assert_eq!(roster.choose(now, &[], true), Choice::Instance(0));
        roster.end_wait();
        assert_eq!(roster.choose(now, &[], false), Choice::Instance(0));
    }

    #[test]
    fn failures_in_a_row_leave_an_instance_out_for_longer_each_time() {
        let (mut roster, start) = (roster(2), now());
        let out = |roster: &Roster, now| !roster.stands(now)[0].is_in;
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!roster.failed(start, 0) && !roster.failed(start, 0));
        roster.succeeded(start, 0);
        assert_eq!(eject(&mut roster, 0, start), 3, "a success begins anew");
        assert!(out(&roster, after(9)) && !out(&roster, after(10)));
        for _ in 0..2 {
            assert_eq!(roster.choose(start, &[], false), Choice::Instance(1));
        }
        assert_eq!(eject(&mut roster, 0, after(10)), 1, "one more is enough");
        assert!(out(&roster, after(29)) && !out(&roster, after(30)));
        roster.succeeded(after(49), 0);
        assert_eq!(eject(&mut roster, 0, after(49)), 3);
        assert!(out(&roster, after(88)) && !out(&roster, after(89)));
        roster.succeeded(after(129), 0);
        assert_eq!(eject(&mut roster, 0, after(129)), 3);
        assert!(!out(&roster, after(139)), "long good, and it begins anew");
    }

    #[test]
    fn no_more_than_the_stated_share_is_left_out_and_never_the_only_one() {
        let now = now();
        for (instances, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
            let mut roster = roster(instances);
            for place in (0..instances).cycle().take(instances * 10) {
                roster.failed(now, place);
            }
            let stands = roster.stands(now);
            let out = stands.iter().filter(|stands| !stands.is_in).count();
            assert_eq!(out, most, "of {instances}");
        }
    }

    #[test]
    fn checks_that_fail_leave_an_instance_out_until_they_pass() {
        let (mut roster, now, rules) = (roster(2), now(), health());
        assert!(!roster.checked(0, false, &rules));
        assert!(!roster.checked(0, true, &rules), "not in a row");
        assert!(!roster.checked(0, false, &rules));
        assert!(roster.checked(0, false, &rules));
        assert_eq!(roster.choose(now, &[1], false), Choice::Instance(1));
        assert!(!roster.failed(now, 1) && !roster.failed(now, 1) && !roster.failed(now, 1));
        assert!(
            !roster.is_down() && roster.stands(now)[1].is_in,
            "half are out"
        );
        assert!(!roster.checked(1, false, &rules) && roster.checked(1, false, &rules));
        assert!(roster.is_down());
        assert_eq!(roster.choose(now, &[], false), Choice::Nobody);
        assert!(!roster.checked(1, true, &rules) && roster.checked(1, true, &rules));
        assert_eq!(roster.choose(now, &[], false), Choice::Instance(1));
    }

    #[test]
    fn an_instance_left_out_for_failures_is_asked_where_no_other_is_left() {
        let (mut roster, now, rules) = (roster(2), now(), health());
        eject(&mut roster, 0, now);
        roster.checked(1, false, &rules);
        roster.checked(1, false, &rules);
        assert_eq!(roster.choose(now, &[], false), Choice::Instance(0));
    }

    #[test]
    fn retries_are_a_share_of_the_requests_whatever_fails() {
        let mut roster = roster(2);
        let (mut requests, mut retries) = (0, 0);
        for _ in 0..10_000 {
            roster.begin();
            requests += 1;
            for _ in 0..3 {
                retries += u32::from(roster.may_retry());
            }
        }
        assert!(retries <= RETRIES_SAVED_MAX + requests / REQUESTS_PER_RETRY);
        assert!(retries >= requests / REQUESTS_PER_RETRY);
    }

    #[test]
    fn a_retry_goes_to_another_where_there_is_one() {
        let (mut roster, now) = (roster(2), now());
        assert!(roster.has_other(now, &[0]) && !roster.has_other(now, &[0, 1]));
        for _ in 0..2 {
            assert_eq!(roster.choose(now, &[0], false), Choice::Instance(1));
        }
        assert_eq!(roster.choose(now, &[0], false), Choice::Instance(0));
    }
}
