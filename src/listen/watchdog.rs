//! Looks at an HTTP/2 connection now and then: has it had no request for too long, or does its partner
//! not read what it asked for? A partner that opens no window is silent on the wire, so the bytes of
//! each answer are watched rather than its socket. One answer that is not read ends the connection, for it
//! could hold its memory for ever.

use std::time::Duration;

use super::standing::GOODBYE_MAX;
use crate::edge::limits::{Limits, seconds};
use crate::edge::stream::Progress;

/// What a look shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Requests come, or answers go, or it has been quiet only for a while.
    Alive,
    /// No request for as long as is allowed: time to say goodbye.
    Idle,
    /// Answers wait and are read too slowly, or a goodbye was not returned: the connection ends.
    Stalled,
}

#[derive(Debug)]
pub(super) struct Watchdog {
    /// Between two looks, as a rule.
    period: Duration,
    /// A goodbye has been said.
    pub(super) ending: bool,
    last: Progress,
    idle: Duration,
    idle_max: Duration,
    /// Least bytes of each answer that must be taken between two looks.
    pub(super) bytes_min: u64,
}

impl Watchdog {
    pub(super) fn new(limits: &Limits) -> Self {
        let period_seconds = limits.grace_seconds.min(limits.idle_seconds_max).max(1);
        Self {
            period: seconds(period_seconds),
            ending: false,
            last: Progress::default(),
            idle: Duration::ZERO,
            idle_max: seconds(limits.idle_seconds_max),
            bytes_min: u64::from(period_seconds) * u64::from(limits.write_bytes_per_second_min),
        }
    }

    /// How long to wait until the next look: once a goodbye was said and nothing is under way, whoever does not
    /// return it is not given a whole period.
    pub(super) fn pause(&self, now: Progress) -> Duration {
        match self.ending && now.under_way == 0 {
            true => self.period.min(GOODBYE_MAX),
            false => self.period,
        }
    }

    /// `lags` says that one answer was not taken as quickly as it must be.
    pub(super) fn look(&mut self, now: Progress, lags: bool) -> Verdict {
        let last = std::mem::replace(&mut self.last, now);
        if lags {
            return Verdict::Stalled;
        }
        if now.under_way > 0 {
            self.idle = Duration::ZERO;
            return Verdict::Alive;
        }
        if self.ending {
            return Verdict::Stalled;
        }
        if now.answers != last.answers {
            self.idle = Duration::ZERO;
            return Verdict::Alive;
        }
        self.idle += self.period;
        if self.idle < self.idle_max {
            return Verdict::Alive;
        }
        self.ending = true;
        Verdict::Idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watchdog() -> Watchdog {
        Watchdog::new(&Limits {
            grace_seconds: 5,
            idle_seconds_max: 10,
            write_bytes_per_second_min: 100,
            ..Limits::default()
        })
    }

    fn progress(under_way: usize, answers: u64) -> Progress {
        Progress { under_way, answers }
    }

    #[test]
    fn a_quiet_connection_is_told_goodbye_and_then_ended() {
        let mut watchdog = watchdog();
        assert_eq!(watchdog.look(progress(0, 1), false), Verdict::Alive);
        assert_eq!(watchdog.look(progress(0, 1), false), Verdict::Alive);
        assert_eq!(watchdog.look(progress(0, 1), false), Verdict::Idle);
        assert_eq!(watchdog.look(progress(0, 1), false), Verdict::Stalled);
    }

    #[test]
    fn who_does_not_return_a_goodbye_is_not_waited_for_as_long_as_for_anything_else() {
        let mut watchdog = watchdog();
        assert_eq!(watchdog.pause(progress(0, 1)), seconds(5));
        watchdog.ending = true;
        assert_eq!(watchdog.pause(progress(1, 1)), seconds(5));
        assert_eq!(watchdog.look(progress(1, 1), false), Verdict::Alive);
        assert_eq!(watchdog.pause(progress(0, 2)), GOODBYE_MAX);
        assert_eq!(watchdog.look(progress(0, 2), false), Verdict::Stalled);
    }

    #[test]
    fn a_long_request_is_not_idleness() {
        let mut watchdog = watchdog();
        for _ in 0..10 {
            assert_eq!(watchdog.look(progress(1, 0), false), Verdict::Alive);
        }
    }

    #[test]
    fn an_answer_that_is_not_read_ends_the_connection() {
        let mut watchdog = watchdog();
        assert_eq!(watchdog.bytes_min, 500);
        assert_eq!(watchdog.look(progress(1, 0), false), Verdict::Alive);
        assert_eq!(watchdog.look(progress(1, 5), true), Verdict::Stalled);
    }
}
