//! Dates and times of RFC 3339 section 5.6, told from other texts in one pass.

/// Most digits of a part of a second: those of a nanosecond.
const FRACTION_DIGITS_MAX: usize = 9;

/// `full-date "T" full-time`.
pub(super) fn is_date_time(text: &str) -> bool {
    let Some((date, [b'T' | b't', time @ ..])) = text.as_bytes().split_at_checked(10) else {
        return false;
    };
    date_of(date) && time_of(time)
}

/// `full-date`.
pub(super) fn is_date(text: &str) -> bool {
    date_of(text.as_bytes())
}

/// `full-time`.
pub(super) fn is_time(text: &str) -> bool {
    time_of(text.as_bytes())
}

fn date_of(text: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return false;
    };
    let (Some(century), Some(year)) = (number(*y1, *y2), number(*y3, *y4)) else {
        return false;
    };
    let leap = if year == 0 { century } else { year }.is_multiple_of(4);
    let last = match number(*m1, *m2) {
        Some(4 | 6 | 9 | 11) => 30,
        Some(2) => 28 + u8::from(leap),
        Some(1..=12) => 31,
        _ => return false,
    };
    number(*d1, *d2).is_some_and(|day| (1..=last).contains(&day))
}

/// A leap second is a second.
fn time_of(text: &[u8]) -> bool {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else {
        return false;
    };
    let below = |tens, ones, bound| number(tens, ones).is_some_and(|number| number < bound);
    let zone = match rest {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
            let digits = digits.count();
            let sound = (1..=FRACTION_DIGITS_MAX).contains(&digits);
            rest.get(digits..).filter(|_| sound)
        }
        rest => Some(rest),
    };
    let zone = match zone {
        Some([b'Z' | b'z']) => true,
        Some([b'+' | b'-', h1, h2, b':', m1, m2]) => below(*h1, *h2, 24) && below(*m1, *m2, 60),
        _ => false,
    };
    zone && below(*h1, *h2, 24) && below(*m1, *m2, 60) && below(*s1, *s2, 61)
}

fn number(tens: u8, ones: u8) -> Option<u8> {
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| (tens - b'0') * 10 + (ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_time_of_the_calendar_is_none() {
        for (right, wrong) in [
            ("2024-02-29T00:00:00Z", "2026-02-29T00:00:00Z"),
            ("2000-02-29T23:59:60Z", "1900-02-29T23:59:60Z"),
            (
                "2026-04-30T10:00:00.123456789+05:30",
                "2026-04-31T10:00:00+05:30",
            ),
            ("2026-12-31t10:00:00-23:59", "2026-12-31t10:00:00-24:00"),
            ("2026-01-01T10:00:00z", "2026-01-01T10:00:00"),
            ("2026-01-01T10:00:00.0Z", "2026-01-01T10:00:00.Z"),
            (
                "2026-01-01T10:00:00.000000001Z",
                "2026-01-01T10:00:00.0000000001Z",
            ),
            ("2026-01-01T10:00:00Z", "2026-01-01 10:00:00Z"),
            ("2026-01-01T10:00:00Z", "2026-13-01T10:00:00Z"),
            ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00ZZ"),
        ] {
            assert!(is_date_time(right), "{right}");
            assert!(!is_date_time(wrong), "{wrong}");
        }
        assert!(is_time("10:00:00Z") && !is_time("25:00:00Z"));
    }

    proptest! {
        #[test]
        fn every_date_of_the_calendar_is_one_and_no_other(year in 0..10_000_i16, month in 0..14_i8, day in 0..33_i8) {
            let text = format!("{year:04}-{month:02}-{day:02}");
            prop_assert_eq!(is_date(&text), jiff::civil::Date::new(year, month, day).is_ok());
        }
    }
}
