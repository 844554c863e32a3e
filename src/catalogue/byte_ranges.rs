//! RangesByPlace bytes of a text at a time, each held to ranges of its own, without a branch for any of them.

use std::ops::RangeInclusive;

/// Bytes that are looked at together.
pub(super) const BYTES: usize = 16;

const HIGHS: u64 = (u64::MAX / 255) << 7;

/// Which bytes of ASCII may stand at up to sixteen places, as many as a text has: at each, what is in one
/// of its ranges.
#[derive(Debug)]
pub(super) struct RangesByPlace {
    /// Most classes have one range or two.
    first: [Bounds; 2],
    more: Box<[Bounds]>,
}

/// A range for each place.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    least: [u64; 2],
    /// With the high bit of each byte set.
    most: [u64; 2],
}

impl RangesByPlace {
    /// Of up to sixteen classes, each as its members, a bit each.
    pub(super) fn of(classes: &[u128]) -> Self {
        let classes: Vec<_> = classes.iter().map(|members| ranges(*members)).collect();
        let bounds = |number: usize| Bounds::of(&classes, number);
        let most = classes.iter().map(Vec::len).max().unwrap_or(0);
        Self {
            first: [bounds(0), bounds(1)],
            more: (2..most).map(bounds).collect(),
        }
    }

    /// Whether the bytes may stand where they do, as [`words`] has them.
    #[inline]
    pub(super) fn has(&self, words: [u64; 2]) -> bool {
        let [one, other] = &self.first;
        let within = [one.within(words), other.within(words)];
        let within = self.more.iter().fold(or(within), |within, bounds| {
            or([within, bounds.within(words)])
        });
        let ([first, second], [one, two]) = (words, within);
        (first | second) & HIGHS == 0 && one & two & HIGHS == HIGHS
    }
}

impl Bounds {
    fn of(classes: &[Vec<RangeInclusive<u8>>], number: usize) -> Self {
        let mut bounds = Self {
            least: [0; 2],
            most: [HIGHS; 2],
        };
        for place in 0..BYTES {
            let (least, most) = match classes.get(place) {
                // Behind a text stand zeros.
                None => (0, 0),
                // A range that no byte is in.
                Some(ranges) => ranges
                    .get(number)
                    .map_or((0x7F, 0), |range| (*range.start(), *range.end())),
            };
            let (word, shift) = (place / 8, place % 8 * 8);
            let sides = [(&mut bounds.least, least), (&mut bounds.most, most)];
            for (words, bound) in sides {
                if let Some(word) = words.get_mut(word) {
                    *word |= u64::from(bound) << shift;
                }
            }
        }
        bounds
    }

    /// The high bit of each byte that is within, if all bytes are ASCII; then nothing is carried from one to
    /// another.
    #[inline]
    fn within(&self, words: [u64; 2]) -> [u64; 2] {
        let within = |word: u64, least: u64, most: u64| {
            (word | HIGHS).wrapping_sub(least) & most.wrapping_sub(word)
        };
        let ([one, two], [least, least_two], [most, most_two]) = (words, self.least, self.most);
        [within(one, least, most), within(two, least_two, most_two)]
    }
}

/// How many of up to sixteen bytes are in this range, which has no zero.
#[inline]
pub(super) fn count(words: [u64; 2], range: RangeInclusive<u8>) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let (least, most) = (u64::from(*range.start()), u64::from(*range.end()));
    let within = words.map(|word| {
        let ascii = !word & HIGHS;
        let (low, most) = (word | HIGHS, (ONES * most) | HIGHS);
        // Without the high bits, so that nothing is carried.
        low.wrapping_sub(ONES * least) & most.wrapping_sub(word & !HIGHS) & ascii
    });
    within
        .map(|within| within.count_ones() as usize)
        .iter()
        .sum()
}

#[inline]
fn or([[one, two], [other, other_two]]: [[u64; 2]; 2]) -> [u64; 2] {
    [one | other, two | other_two]
}

/// The ranges of a class.
fn ranges(members: u128) -> Vec<RangeInclusive<u8>> {
    let has = |byte: &u8| {
        members
            .checked_shr(u32::from(*byte))
            .is_some_and(|rest| rest & 1 == 1)
    };
    let mut ranges: Vec<RangeInclusive<u8>> = Vec::new();
    for byte in (0..128).filter(has) {
        match ranges.last_mut() {
            Some(range) if *range.end() + 1 == byte => *range = *range.start()..=byte,
            _ => ranges.push(byte..=byte),
        }
    }
    ranges
}

/// Up to sixteen bytes as words, the first being the lowest of the first; zeros where there are fewer. Of
/// more bytes, nothing.
#[inline]
pub(super) fn words(bytes: &[u8]) -> Option<[u64; 2]> {
    // Parts that may have bytes in common.
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            let behind = BYTES.checked_sub(bytes.len())?;
            let last = u64::from_le_bytes(*last).checked_shr(8 * u32::try_from(behind).ok()?);
            Some([u64::from_le_bytes(*first), last.unwrap_or(0)])
        }
        _ => Some([short(bytes), 0]),
    }
}

/// Up to seven bytes.
#[inline]
fn short(bytes: &[u8]) -> u64 {
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
    fn a_short_text_is_two_words_with_zeros_behind_it() {
        let text: Vec<u8> = (1..=20).collect();
        for length in 0..=20 {
            let mut expected = [0; BYTES];
            let fits = length <= BYTES;
            expected[..length.min(BYTES)].copy_from_slice(&text[..length.min(BYTES)]);
            let (words_expected, _) = expected.as_chunks::<8>();
            let expected = [words_expected[0], words_expected[1]].map(u64::from_le_bytes);
            assert_eq!(words(&text[..length]), fits.then_some(expected));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_048))]

        #[test]
        fn bytes_of_a_range_are_counted_as_one_by_one(
            bytes in proptest::collection::vec(any::<u8>(), 0..=16), least in 1..128u8, more in 0..40u8,
        ) {
            let range = least..=(least + more).min(127);
            let expected = bytes.iter().filter(|byte| range.contains(byte)).count();
            prop_assert_eq!(count(words(&bytes).unwrap(), range), expected);
        }

        #[test]
        fn sixteen_bytes_are_held_to_their_classes_as_one_by_one(
            classes in proptest::collection::vec(proptest::collection::vec((0..128u8, 0..4u8), 1..6), 0..=16),
            strange in proptest::option::of((0..16usize, any::<u8>())),
            choices in proptest::collection::vec(any::<usize>(), 16),
        ) {
            let members = |ranges: &Vec<(u8, u8)>| -> Vec<u8> {
                let ranges = ranges.iter().map(|(low, more)| *low..=(low + more).min(127));
                ranges.flatten().collect()
            };
            let classes: Vec<Vec<u8>> = classes.iter().map(members).collect();
            let chosen = classes.iter().zip(&choices).map(|(members, choice)| members[choice % members.len()]);
            let mut bytes: Vec<u8> = chosen.collect();
            if let Some((place, byte)) = strange && place < bytes.len() {
                bytes[place] = byte;
            }
            let fits = classes.iter().zip(&bytes).all(|(members, byte)| members.contains(byte));
            let bits = |members: &Vec<u8>| members.iter().fold(0u128, |bits, byte| bits | 1 << byte);
            let sixteen = RangesByPlace::of(&classes.iter().map(bits).collect::<Vec<_>>());
            prop_assert_eq!(sixteen.has(words(&bytes).unwrap()), fits);
        }
    }
}
