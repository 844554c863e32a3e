//! Numbers as they are written in JSON (RFC 8259 section 6), compared exactly and without being
//! converted: a double would take 0.1 + 0.2 for another number than 0.3, and 2^53 + 1 for 2^53.

use std::cmp::Ordering;

use super::byte_ranges::{self, words};

/// Largest exponent, either way, that is compared: more than any reader of doubles can hold. A number
/// written with a larger one satisfies no bound.
const EXPONENT_MAX: u64 = 400;

/// A number, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// The digits before and behind the point.
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Reads what is written as JSON writes numbers; `None` is something else, or an exponent that is
    /// too large.
    pub(super) fn read(written: &'a str) -> Option<Self> {
        let (negative, rest) = match written.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(place) => (rest.get(..place)?, rest.get(place + 1..)?),
            None => (rest, "0"),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let exponent: i64 = exponent.parse().ok()?;
        let sound = !whole.is_empty() && digits(whole) && digits(fraction);
        (sound && exponent.unsigned_abs() <= EXPONENT_MAX).then_some(Self {
            negative,
            whole: whole.as_bytes(),
            fraction: fraction.as_bytes(),
            exponent,
        })
    }

    /// Its digits from the first that is not zero.
    fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        let all = self.whole.iter().chain(self.fraction).copied();
        all.skip_while(|digit| *digit == b'0')
    }

    /// Whether it is more than zero.
    pub(super) fn is_positive(&self) -> bool {
        !self.negative && !self.is_zero()
    }

    fn is_zero(&self) -> bool {
        self.digits().next().is_none()
    }

    /// The power of ten of the first digit that is not zero.
    fn magnitude(&self) -> i64 {
        let zeros = self.whole.iter().chain(self.fraction);
        let zeros = zeros.take_while(|digit| **digit == b'0').count();
        length(self.whole.len()) - length(zeros) + self.exponent
    }

    /// The power of ten of its last digit.
    fn scale(&self) -> i64 {
        self.exponent - length(self.fraction.len())
    }

    /// Their order by value.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let sign = |one: &Self| match (one.is_zero(), one.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let (ours, theirs) = (sign(self), sign(other));
        if ours != theirs || ours == 0 {
            return ours.cmp(&theirs);
        }
        let zeros = || std::iter::repeat(b'0');
        let size = || {
            let longest = self.whole.len() + self.fraction.len();
            let longest = longest.max(other.whole.len() + other.fraction.len());
            let pairs = self
                .digits()
                .chain(zeros())
                .zip(other.digits().chain(zeros()));
            let differing = pairs.take(longest).map(|(one, other)| one.cmp(&other));
            let mut differing = differing.filter(|order| order.is_ne());
            differing.next().unwrap_or(Ordering::Equal)
        };
        let larger = self.magnitude().cmp(&other.magnitude()).then_with(size);
        if ours < 0 { larger.reverse() } else { larger }
    }

    /// Whether it is `step` a whole number of times. A step of more than 18 digits, counted down to the
    /// last digit of either, divides nothing but zero.
    pub(super) fn is_multiple_of(&self, step: &Self) -> bool {
        if self.is_zero() {
            return true;
        }
        let scale = self.scale().min(step.scale());
        let Some(step) = step.counted_in(scale).filter(|step| *step > 0) else {
            return false;
        };
        let shifted = usize::try_from(self.scale() - scale).unwrap_or(usize::MAX);
        let digits = self.digits().chain(std::iter::repeat_n(b'0', shifted));
        let rest = digits.fold(0, |rest: u64, digit| {
            (rest * 10 + u64::from(digit - b'0')) % step
        });
        rest == 0
    }

    /// How many times `10^scale` it is, its sign left aside; below 10^18.
    fn counted_in(&self, scale: i64) -> Option<u64> {
        const LARGEST: u64 = 1_000_000_000_000_000_000;
        let shifted = usize::try_from(self.scale() - scale).ok()?;
        let mut digits = self.digits().chain(std::iter::repeat_n(b'0', shifted));
        digits.try_fold(0u64, |number, digit| {
            let number = number.checked_mul(10)? + u64::from(digit - b'0');
            (number < LARGEST).then_some(number)
        })
    }
}

/// A number that others are compared with, read before.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    written: String,
    counted: Option<(i64, u32)>,
}

impl Bound {
    pub(super) fn new(written: &str) -> Self {
        Self {
            written: written.to_owned(),
            counted: counted(written),
        }
    }

    /// The order of a number to this one by value, as JSON writes it; `None` where either is no number, or
    /// has an exponent that is too large.
    #[inline]
    pub(super) fn order_of(&self, written: &str) -> Option<Ordering> {
        match (counted(written), self.counted) {
            // Zero, mostly.
            (Some((count, _)), Some((0, _))) => Some(count.cmp(&0)),
            (Some((count, scale)), Some((bound, bound_scale))) => {
                let scaled = |count: i64, by: u32| match by {
                    0 => i128::from(count),
                    by => i128::from(count) * 10_i128.pow(by),
                };
                let count = scaled(count, bound_scale.saturating_sub(scale));
                Some(count.cmp(&scaled(bound, scale.saturating_sub(bound_scale))))
            }
            _ => Some(Decimal::read(written)?.compare(&Decimal::read(&self.written)?)),
        }
    }
}

/// Whether it is a number of up to 16 bytes without sign and exponent, told without a branch for each
/// byte; so it is not below zero.
#[inline]
pub(super) fn is_plain(written: &str) -> bool {
    let bytes = written.as_bytes();
    let ([b'0'..=b'9', ..], [.., b'0'..=b'9'], Some(words)) = (bytes, bytes, words(bytes)) else {
        return false;
    };
    let digits = byte_ranges::count(words, b'0'..=b'9');
    let points = byte_ranges::count(words, b'.'..=b'.');
    points <= 1 && digits + points == bytes.len()
}

/// Almost every number: of at most 18 digits, without exponent. How often it has its smallest unit, and
/// how many digits that stands behind the point.
#[inline]
fn counted(written: &str) -> Option<(i64, u32)> {
    let (negative, digits) = match written.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let ([b'0'..=b'9', ..], [.., b'0'..=b'9'], ..=18) = (digits, digits, digits.len()) else {
        return None;
    };
    let mut count = 0;
    let mut scale = None;
    for byte in digits {
        match (byte, scale) {
            (b'0'..=b'9', _) => {
                count = count * 10 + i64::from(byte - b'0');
                scale = scale.map(|scale| scale + 1);
            }
            (b'.', None) => scale = Some(0),
            _ => return None,
        }
    }
    let count = if negative { -count } else { count };
    Some((count, scale.unwrap_or(0)))
}

/// Numbers are short.
fn length(digits: usize) -> i64 {
    i64::try_from(digits).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(one: &str, other: &str) -> Option<Ordering> {
        Bound::new(other).order_of(one)
    }

    /// Read as any number, which the short way to the order must agree with.
    fn compare(one: &str, other: &str) -> Ordering {
        let read = |text| Decimal::read(text).unwrap();
        let slowly = read(one).compare(&read(other));
        assert_eq!(order(one, other), Some(slowly), "{one} {other}");
        slowly
    }

    #[test]
    fn numbers_are_ordered_by_what_they_are_worth_and_not_by_how_they_are_written() {
        for (one, other, order) in [
            ("0", "-0.00e7", Ordering::Equal),
            ("1", "1.000", Ordering::Equal),
            ("1e2", "100", Ordering::Equal),
            ("0.001", "1E-3", Ordering::Equal),
            ("120e-1", "12", Ordering::Equal),
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("0.30000000000000000001", "0.3", Ordering::Greater),
            ("-2", "-1", Ordering::Less),
            ("-1", "0", Ordering::Less),
            ("1e400", "9.99e399", Ordering::Greater),
            ("10", "9", Ordering::Greater),
            ("0.1", "0.09", Ordering::Greater),
            ("999999999999999999", "0.1", Ordering::Greater),
            (
                "9999999999999999999",
                "999999999999999999",
                Ordering::Greater,
            ),
            ("-999999999999999.99", "-0.0000000000000001", Ordering::Less),
        ] {
            assert_eq!(compare(one, other), order, "{one} {other}");
            assert_eq!(compare(other, one), order.reverse(), "{other} {one}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_to_compare_is_not_read() {
        for text in [
            "",
            "-",
            "1.",
            ".5",
            "x",
            "1e",
            "1e401",
            "1e-999999999999",
            "0.1e-9223372036854775808",
            "1e9223372036854775807",
            "0x1",
            "1.2.3",
            "--1",
            "1-",
        ] {
            assert!(Decimal::read(text).is_none(), "{text}");
            assert_eq!(order(text, "1"), None, "{text}");
            assert_eq!(order("1", text), None, "{text}");
        }
    }

    #[test]
    fn multiples_are_exact() {
        let is_multiple = |number: &str, step: &str| {
            let step = Decimal::read(step).unwrap();
            Decimal::read(number).unwrap().is_multiple_of(&step)
        };
        for (number, step, expected) in [
            ("0.3", "0.1", true),
            ("12.50", "0.01", true),
            ("12.505", "0.01", false),
            ("1e20", "3", false),
            ("3e20", "3", true),
            ("-7", "7", true),
            ("0", "5", true),
            ("10", "1e30", false),
            ("1e-3", "1", false),
            ("5", "0", false),
            ("123456789012345678901234567890", "10", true),
            ("123456789012345678901234567891", "10", false),
        ] {
            assert_eq!(is_multiple(number, step), expected, "{number} {step}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_number_is_one_that_is_not_below_zero(text in "-?[0-9]{0,9}([.:/][0-9]{0,8})?([.e][0-9])?|[ -~é]{0,3}") {
            if is_plain(&text) {
                prop_assert!(Decimal::read(&text).is_some());
                prop_assert!(order(&text, "0").unwrap().is_ge());
            }
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let spelled = text.split_once('.').map_or_else(|| digits(&text), |(one, two)| digits(one) && digits(two));
            prop_assert_eq!(is_plain(&text), spelled && text.len() <= 16);
        }

        #[test]
        fn short_numbers_compare_as_long_ones(
            one in "-?(0|[1-9][0-9]{0,19})([.][0-9]{1,19})?",
            other in "-?(0|[1-9][0-9]{0,2})([.][0-9]{1,2})?",
        ) {
            prop_assert_eq!(compare(&one, &other), compare(&other, &one).reverse());
        }

        #[test]
        fn whole_numbers_compare_as_whole_numbers(one in any::<i64>(), other in any::<i64>(), step in 1..1000_i64) {
            let (written, beside, steps) = (one.to_string(), other.to_string(), step.to_string());
            prop_assert_eq!(compare(&written, &beside), one.cmp(&other));
            let read = |text| Decimal::read(text).unwrap();
            prop_assert_eq!(read(&written).is_multiple_of(&read(&steps)), one % step == 0);
        }
    }
}
