//! Eight bytes of a text at a time, each held to ranges of its own, without a branch for any of them.

const HIGHS: u64 = u64::MAX / 255 << 7;

/// Most ranges of one class: `\\w` has four.
const RANGES_MAX: usize = 4;

/// Which bytes of ASCII may stand at eight places: at each, what is in one of its ranges.
#[derive(Debug)]
pub(super) struct Eight(Box<[(u64, u64)]>);

impl Eight {
    /// Of up to eight classes, each as its members, a bit each; at the places behind them may stand whatever
    /// is ASCII. Nothing where one has too many ranges.
    pub(super) fn of(classes: &[u128]) -> Option<Self> {
        let classes: Vec<_> = classes.iter().map(|members| ranges(*members)).collect();
        let most = classes.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let range = |number: usize| {
            let of_place = |place: usize| match classes.get(place) {
                None => (0, 0x7F),
                // One that no byte is in.
                Some(ranges) => ranges.get(number).copied().unwrap_or((0x7F, 0)),
            };
            let ranges = (0..8).rev().map(of_place);
            let (low, high) = ranges.fold((0, 0), |(lows, highs), (low, high)| {
                (lows << 8 | u64::from(low), highs << 8 | u64::from(high))
            });
            (low, high | HIGHS)
        };
        (most <= RANGES_MAX).then(|| Self((0..most).map(range).collect()))
    }

    /// Whether all eight bytes may stand where they do, the first being the lowest of `word`.
    #[inline]
    pub(super) fn has(&self, word: u64) -> bool {
        // Nothing is carried from one byte to another as long as all are ASCII.
        let within = self.0.iter().fold(0, |within, (low, high)| {
            within | (word | HIGHS).wrapping_sub(*low) & high.wrapping_sub(word)
        });
        word & HIGHS == 0 && within & HIGHS == HIGHS
    }

    /// Whether the first `count` of eight bytes may.
    #[inline]
    pub(super) fn has_first(&self, word: u64, count: usize) -> bool {
        let within = self.0.iter().fold(0, |within, (low, high)| {
            within | (word | HIGHS).wrapping_sub(*low) & high.wrapping_sub(word)
        });
        let bits = u32::try_from(count).unwrap_or(8) * 8;
        let asked = HIGHS & !u64::MAX.checked_shl(bits).unwrap_or_default();
        word & HIGHS == 0 && within & asked == asked
    }
}

/// The ranges of a class.
fn ranges(members: u128) -> Vec<(u8, u8)> {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for byte in (0..128u8).filter(|byte| members >> byte & 1 == 1) {
        match ranges.last_mut() {
            Some((_, high)) if *high + 1 == byte => *high = byte,
            _ => ranges.push((byte, byte)),
        }
    }
    ranges
}

/// Up to eight bytes as a word, the first being the lowest; zeros where there are fewer.
#[inline]
pub(super) fn short(bytes: &[u8]) -> u64 {
    if let Some(word) = bytes.first_chunk() {
        return u64::from_le_bytes(*word);
    }
    // Two parts that may have bytes in common.
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << (8 * (bytes.len() - 4));
    }
    match *bytes {
        [] => 0,
        [one] => u64::from(one),
        [one, two] => u64::from(two) << 8 | u64::from(one),
        [one, two, three, ..] => u64::from(three) << 16 | u64::from(two) << 8 | u64::from(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_text_is_a_word_with_zeros_behind_it() {
        let text = [1, 2, 3, 4, 5, 6, 7, 8];
        for length in 0..=8 {
            let mut expected = [0; 8];
            expected[..length].copy_from_slice(&text[..length]);
            assert_eq!(short(&text[..length]), u64::from_le_bytes(expected));
        }
    }

    proptest! {
        #[test]
        fn eight_bytes_are_held_to_their_classes_as_one_by_one(
            classes in proptest::collection::vec(proptest::collection::vec((0..128u8, 0..4u8), 0..4), 0..9),
            bytes in proptest::collection::vec(any::<u8>(), 8),
            near: bool,
            count in 0..9usize,
        ) {
            let members = |ranges: &Vec<(u8, u8)>| {
                let bytes = ranges.iter().flat_map(|(low, more)| *low..=(low + more).min(127));
                bytes.fold(0u128, |members, byte| members | 1 << byte)
            };
            let classes: Vec<u128> = classes.iter().map(members).collect();
            let mut bytes: [u8; 8] = bytes.try_into().unwrap();
            if near {
                for (byte, members) in bytes.iter_mut().zip(&classes) {
                    *byte = if *byte < 200 { members.trailing_zeros() as u8 & 0x7f } else { *byte };
                }
            }
            let fits = |(place, byte): (usize, &u8)| {
                byte.is_ascii() && classes.get(place).is_none_or(|members| members >> byte & 1 == 1)
            };
            let eight = Eight::of(&classes).unwrap();
            let word = u64::from_le_bytes(bytes);
            prop_assert_eq!(eight.has(word), bytes.iter().enumerate().all(fits));
            let first = bytes.iter().enumerate().take(count).all(fits);
            prop_assert_eq!(eight.has_first(word, count), first && bytes.is_ascii());
        }
    }
}
