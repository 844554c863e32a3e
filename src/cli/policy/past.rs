//! What commands over the past share: from when on, and the progress of reading a ledger.

use std::fmt;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::administration::entries;
use crate::cli::output::complain;
use crate::entry::Entry;

/// How often the progress is drawn again while the gateway works, in milliseconds.
const TICK_MILLISECONDS: u64 = 200;
/// Entries between two steps of the progress.
const ENTRIES_A_STEP: u64 = 1_024;

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// This many seconds before now.
    Ago(i64),
    /// This moment.
    Moment(Timestamp),
}

/// Reads it from the command line.
pub(super) fn since(text: &str) -> Result<Since, String> {
    let span = text.split_at_checked(text.len().saturating_sub(1));
    let seconds = span.and_then(|(number, unit)| {
        let unit_seconds = match unit {
            "d" => 86_400,
            "h" => 3_600,
            _ => return None,
        };
        let number: u32 = number.parse().ok()?;
        i64::from(number).checked_mul(unit_seconds)
    });
    let midnight = |day: Date| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok();
    let moment = || text.parse().ok();
    let day = || text.parse().ok().and_then(midnight);
    seconds
        .map(Since::Ago)
        .or_else(|| moment().or_else(day).map(Since::Moment))
        .ok_or_else(|| "write 30d, 12h, 2026-11-22 or 2026-11-22T12:00:00Z".to_owned())
}

impl Since {
    /// The moment; long before any ledger where the span is longer than time.
    pub(super) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Moment(moment) => moment,
            Self::Ago(seconds) => {
                let then = now.as_second().saturating_sub(seconds);
                Timestamp::from_second(then).unwrap_or(Timestamp::MIN)
            }
        }
    }
}

/// As it is said after "never".
impl fmt::Display for Since {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(seconds) if seconds % 86_400 == 0 => {
                write!(formatter, "in {} days", seconds / 86_400)
            }
            Self::Ago(seconds) => write!(formatter, "in {} hours", seconds / 3_600),
            Self::Moment(moment) => write!(formatter, "since {moment}"),
        }
    }
}

/// Reads the ledger in `directory`, with progress. `false`, and said, where it cannot be read.
pub(super) fn offline(directory: &Path, since: Timestamp, take: impl FnMut(u64, &Entry)) -> bool {
    if !directory.is_dir() {
        complain(format!("`{}` is not a directory", directory.display()));
        return false;
    }
    let progress = progress("entries read");
    let done = entries::each(directory, 0..u64::MAX, Some(since), take, |read| {
        if read % ENTRIES_A_STEP == 0 {
            progress.set_position(read);
        }
    });
    progress.finish_and_clear();
    done.map_err(complain).is_ok()
}

/// The progress while the gateway reads its own ledger.
pub(super) fn waiting() -> ProgressBar {
    let progress = progress("the gateway reads its ledger");
    progress.enable_steady_tick(std::time::Duration::from_millis(TICK_MILLISECONDS));
    progress
}

/// On standard error, where that is a terminal; how many entries there are is not known beforehand.
fn progress(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {pos} {msg}, {elapsed}");
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_span_a_day_or_a_moment() {
        assert_eq!(since("30d"), Ok(Since::Ago(30 * 86_400)));
        assert_eq!(since("12h"), Ok(Since::Ago(12 * 3_600)));
        assert_eq!(since("2026-11-22"), since("2026-11-22T00:00:00Z"));
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let then = since("12h").unwrap().before(now);
        assert_eq!(Ok(Since::Moment(then)), since("2026-11-22"));
        assert_eq!(Since::Ago(i64::MAX).before(now), Timestamp::MIN);
        for wrong in ["", "d", "30", "-1d", "1.5h", "30 d", "yesterday", "é"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
