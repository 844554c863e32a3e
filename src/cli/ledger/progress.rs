//! How far something long has come, on standard error, where that is a terminal and the work takes
//! longer than two seconds.

use std::cell::OnceCell;
use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::Clock;

/// Work that is done sooner shows nothing.
const SHOWN_AFTER: Duration = Duration::from_secs(2);

/// Entries counted as they are worked on.
pub(super) struct Progress {
    what: &'static str,
    clock: Clock,
    begun: Instant,
    bar: OnceCell<ProgressBar>,
}

impl Progress {
    pub(super) fn begin(what: &'static str) -> Self {
        let clock = Clock::system();
        Self {
            what,
            begun: clock.instant(),
            clock,
            bar: OnceCell::new(),
        }
    }

    /// So many are done.
    pub(super) fn tell(&self, done: u64) {
        let elapsed = self.clock.instant().duration_since(self.begun);
        if elapsed >= SHOWN_AFTER && stderr().is_terminal() {
            self.bar.get_or_init(|| bar(self.what)).set_position(done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} {msg}, {elapsed}, {per_sec}");
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
