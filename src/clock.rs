//! The only clock. Everything that needs the time is given a [`Clock`] or a time; nothing else may
//! read the system's (clippy.toml denies it). Tests set and step a clock of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Tells wall time and a point on the monotonic scale.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until [`Clock::set`] or [`Clock::advance`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(
            start.as_microsecond(),
        ))))
    }

    /// Wall time, UTC, to the microsecond.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Manual(microseconds) => {
                Timestamp::from_microsecond(microseconds.load(Ordering::SeqCst))
                    .unwrap_or(Timestamp::UNIX_EPOCH)
            }
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(&self) -> i64 {
        self.now().as_second()
    }

    /// A point on the monotonic scale, for durations. Real even where wall time is set by hand.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }

    /// Sets a manual clock. Does nothing to the system's.
    pub fn set(&self, now: Timestamp) {
        if let Source::Manual(microseconds) = &self.0 {
            microseconds.store(now.as_microsecond(), Ordering::SeqCst);
        }
    }

    /// Moves a manual clock forward. Does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(microseconds) = &self.0 {
            let step = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            microseconds.fetch_add(step, Ordering::SeqCst);
        }
    }
}
