//! UTC days and months: the windows budgets are counted in.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Seconds in a UTC day.
pub(super) const DAY_SECONDS: u64 = 86_400;

/// The UTC day of `now`.
pub(super) fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// Seconds from `now` until the UTC day after `day` begins, at least 1. More than a day where the
/// clock has stepped back behind the window it is in.
pub(super) fn seconds_until_day_ends(day: Date, now: Timestamp) -> u64 {
    seconds_until(day.saturating_add(1.day()), now)
}

/// Seconds from `now` until the UTC month after that of `day` begins, at least 1.
pub(super) fn seconds_until_month_ends(day: Date, now: Timestamp) -> u64 {
    seconds_until(day.last_of_month().saturating_add(1.day()), now)
}

/// Length of the month `day` lies in.
pub(super) fn month_seconds(day: Date) -> u64 {
    u64::from(day.days_in_month().unsigned_abs()) * DAY_SECONDS
}

fn seconds_until(midnight: Date, now: Timestamp) -> u64 {
    let end = TimeZone::UTC.to_timestamp(midnight.at(0, 0, 0, 0));
    let seconds = end.map_or(0, |end| end.as_second() - now.as_second());
    u64::try_from(seconds).unwrap_or_default().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_at_midnight_utc_and_at_the_end_of_the_month() {
        let now: Timestamp = "2028-02-28T23:00:00Z".parse().unwrap();
        let today = day(now);
        assert_eq!(seconds_until_day_ends(today, now), 3_600);
        assert_eq!(seconds_until_month_ends(today, now), 3_600 + DAY_SECONDS);
        assert_eq!(month_seconds(today), 29 * DAY_SECONDS);
    }

    #[test]
    fn a_clock_behind_its_window_waits_for_the_window_to_end() {
        let now: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        let later = jiff::civil::date(2026, 11, 22);
        assert_eq!(seconds_until_day_ends(later, now), 3 * DAY_SECONDS);
    }
}
