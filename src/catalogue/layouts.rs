//! Patterns that say place by place what a text holds, as those of codes and identifiers do
//! (`^cus_[a-z0-9]+$`, `^\d{5}(-\d{4})?$`): then the length of a text alone says which class each of
//! its bytes must be of, so that no byte waits for what the one before it led to, as it does in a table
//! of states ([`super::matcher`]), and short texts are looked at as two words.

use super::byte_ranges::{BYTES, RangesByPlace, words};
use super::pattern::{Alternatives, Class, Item, Pattern, Piece};

/// Most ways in which one pattern may be laid out; beyond, trying them takes longer than a table.
const LAYOUTS_MAX: usize = 6;
/// Most bytes that have a place of their own.
const PLACES_MAX: usize = 128;

/// The layouts of one pattern.
#[derive(Debug)]
pub(super) struct Layouts {
    /// Of texts of up to sixteen bytes, by their length: the ways in which they may be laid out.
    short: Box<[Box<[RangesByPlace]>]>,
    /// For each byte the classes that it is not of, a bit each.
    strange: Box<[u16; 256]>,
    layouts: Box<[Layout]>,
}

/// Bytes at fixed places, with at most one stretch between them that can be of any length.
#[derive(Debug)]
struct Layout {
    /// The class of each byte before the stretch.
    head: Box<[u16]>,
    /// The class of all bytes of the stretch, and how many these are.
    stretch: u16,
    least: usize,
    most: usize,
    /// The class of each byte behind the stretch.
    tail: Box<[u16]>,
}

impl Layouts {
    /// Those of a pattern, or `None` where it is no pattern of such kind: not of ASCII, without anchors,
    /// with two stretches, or with too much of anything.
    pub(super) fn of(pattern: &Pattern) -> Option<Self> {
        let mut classes = Classes(Vec::new());
        let mut layouts = Vec::new();
        for sequence in &pattern.0.0 {
            let [first, inside @ .., last] = sequence.as_slice() else {
                return None;
            };
            let (Item::Start, Item::End) = (&first.item, &last.item) else {
                return None;
            };
            for runs in classes.sequence(inside)? {
                layouts.push(Layout::of(&runs)?);
            }
        }
        let short = |length| {
            let ways = layouts
                .iter()
                .filter_map(|layout: &Layout| layout.of_length(length));
            let ways = ways.map(|way| classes.members(&way));
            ways.map(|members| RangesByPlace::of(&members)).collect()
        };
        let short = (0..=BYTES).map(short).collect();
        (layouts.len() <= LAYOUTS_MAX).then(|| Self {
            short,
            strange: classes.strange(),
            layouts: layouts.into(),
        })
    }

    /// Whether `text` is laid out in one of these ways.
    #[inline]
    pub(super) fn fit(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        if let (Some(words), Some(ways)) = (words(bytes), self.short.get(bytes.len())) {
            return ways.iter().any(|way| way.has(words));
        }
        self.layouts
            .iter()
            .any(|layout| layout.fits(bytes, &self.strange))
    }
}

impl Layout {
    fn of(runs: &[Run]) -> Option<Self> {
        let at = runs.iter().position(|run| run.most != Some(run.least));
        let (head, behind) = runs.split_at_checked(at.unwrap_or(runs.len()))?;
        let (stretch, tail) = match behind.split_first() {
            Some((stretch, tail)) => (Some(stretch), tail),
            None => (None, behind),
        };
        Some(Self {
            head: places(head)?,
            stretch: stretch.map_or(0, |run| run.class),
            least: stretch.map_or(0, |run| run.least),
            most: stretch.map_or(0, |run| run.most.unwrap_or(usize::MAX)),
            tail: places(tail)?,
        })
    }

    /// The class of each byte of a text of so many; nothing where none has this length.
    fn of_length(&self, length: usize) -> Option<Vec<u16>> {
        let stretched = length.checked_sub(self.head.len() + self.tail.len())?;
        let stretched = Some(stretched).filter(|it| (self.least..=self.most).contains(it))?;
        let stretch = vec![self.stretch; stretched];
        Some([&*self.head, &stretch, &*self.tail].concat())
    }

    fn fits(&self, text: &[u8], strange: &[u16; 256]) -> bool {
        let fixed = self.head.len() + self.tail.len();
        let length = text.len().checked_sub(fixed);
        let Some(length) = length.filter(|length| (self.least..=self.most).contains(length)) else {
            return false;
        };
        let (head, behind) = text.split_at_checked(self.head.len()).unwrap_or_default();
        let (stretch, tail) = behind.split_at_checked(length).unwrap_or_default();
        let to = |byte: &u8| strange.get(usize::from(*byte)).copied().unwrap_or(u16::MAX);
        let at_places = |bytes: &[u8], classes: &[u16]| {
            let places = bytes.iter().zip(classes);
            places.fold(0, |wrong, (byte, class)| wrong | (to(byte) & class))
        };
        let within = stretch.iter().fold(0, |classes, byte| classes | to(byte));
        at_places(head, &self.head) | at_places(tail, &self.tail) | (within & self.stretch) == 0
    }
}

/// The class of each byte of `runs`, which all come so many times and no others.
fn places(runs: &[Run]) -> Option<Box<[u16]>> {
    let many = runs.iter().map(|run| run.least).sum::<usize>() > PLACES_MAX;
    let places = runs
        .iter()
        .flat_map(|run| std::iter::repeat_n(run.class, run.least));
    (!many && runs.iter().all(|run| run.most == Some(run.least))).then(|| places.collect())
}

/// Bytes of one class, and how many at least and at most.
#[derive(Clone, Copy)]
struct Run {
    class: u16,
    least: usize,
    most: Option<usize>,
}

/// The classes of one pattern, each as the ASCII characters in it.
struct Classes(Vec<u128>);

impl Classes {
    /// Every way in which `sequence` can be written.
    fn sequence(&mut self, sequence: &[Piece]) -> Option<Vec<Vec<Run>>> {
        let mut ways = vec![Vec::new()];
        for piece in sequence {
            let next = self.piece(piece)?;
            ways = ways
                .iter()
                .flat_map(|way| next.iter().map(|next| [&**way, next].concat()))
                .collect();
            if ways.len() > LAYOUTS_MAX {
                return None;
            }
        }
        Some(ways)
    }

    fn piece(&mut self, piece: &Piece) -> Option<Vec<Vec<Run>>> {
        let (least, most) = (piece.least, piece.most);
        let mut ways = match &piece.item {
            Item::Class(class) => {
                let class = self.bit(class)?;
                // What may be missing is a way of its own, so that it is no stretch.
                let least = if most == Some(1) { 1 } else { least };
                vec![vec![Run { class, least, most }]]
            }
            Item::Group(Alternatives(alternatives)) if most == Some(1) => {
                let mut ways = Vec::new();
                for sequence in alternatives {
                    ways.extend(self.sequence(sequence)?);
                }
                ways
            }
            Item::Group(_) | Item::Start | Item::End => return None,
        };
        if (least, most) == (0, Some(1)) {
            ways.push(Vec::new());
        }
        Some(ways)
    }

    /// The bit of a class.
    fn bit(&mut self, class: &Class) -> Option<u16> {
        let members = class.ascii()?;
        let known = self.0.iter().position(|known| *known == members);
        let place = known.unwrap_or_else(|| {
            self.0.push(members);
            self.0.len() - 1
        });
        1u16.checked_shl(u32::try_from(place).ok()?)
    }

    /// The members of these classes.
    fn members(&self, classes: &[u16]) -> Vec<u128> {
        let of = |class: &u16| self.0.get(class.trailing_zeros() as usize).copied();
        classes
            .iter()
            .map(|class| of(class).unwrap_or_default())
            .collect()
    }

    fn strange(&self) -> Box<[u16; 256]> {
        let mut strange = Box::new([u16::MAX; 256]);
        for (byte, strange) in strange.iter_mut().enumerate().take(128) {
            for (place, members) in self.0.iter().enumerate() {
                *strange ^= u16::from(members >> byte & 1 == 1) << place;
            }
        }
        strange
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::matcher::Table;
    use proptest::prelude::*;

    fn layouts(pattern: &str) -> Option<Layouts> {
        Layouts::of(&Pattern::parse(pattern).unwrap())
    }

    #[test]
    fn codes_and_identifiers_are_laid_out() {
        for (pattern, right, wrong) in [
            (r"^\d{5}(-\d{4})?$", "22201-1234", "22201-123"),
            (r"^\d{5}(-\d{4})?$", "22201", "222011234"),
            ("^cus_[a-z0-9]+$", "cus_1", "cus_"),
            ("^cus_[a-z0-9]+$", "cus_a1", "cus_aé"),
            ("^[A-Z]{2}$", "VA", "V\u{c1}"),
            ("^(red|green)$", "green", "greed"),
            ("^a*b$|^c$", "aab", "aac"),
            ("^-?[0-9]{1,3}$", "-123", "--12"),
            ("^$", "", "a"),
            ("^[]?$", "", "]"),
        ] {
            let layouts = layouts(pattern).unwrap();
            assert!(layouts.fit(right), "{pattern} {right}");
            assert!(!layouts.fit(wrong), "{pattern} {wrong}");
        }
    }

    #[test]
    fn what_its_length_does_not_lay_out_is_left_to_the_table() {
        for pattern in [
            "^a",
            "a$",
            "a",
            "^.$",
            "^é$",
            "^[^a]$",
            r"^\s$",
            "^a*b+$",
            "^(ab)+$",
            "^(ab){2}$",
            "^(^a)$",
            "^a?b?c?$",
            "^a{129}$",
            "^abcdefghijklmnopq$",
            "^a|b$",
            "",
        ] {
            assert!(layouts(pattern).is_none(), "{pattern}");
        }
        assert!(layouts("^abcdefghijklmnop$").is_some());
    }

    /// Patterns as they are laid out, most of them.
    fn any_code() -> impl Strategy<Value = String> {
        let class = prop_oneof![
            Just("a"),
            Just("b"),
            Just("[ab]"),
            Just("[a-c]"),
            Just("-"),
            Just(r"\d")
        ];
        let fixed = (class, prop_oneof![Just(""), Just("{2}"), Just("?")]);
        let fixed = fixed.prop_map(|(class, count)| format!("{class}{count}"));
        let fixed = proptest::collection::vec(fixed, 0..3).prop_map(|parts| parts.concat());
        let stretch = prop_oneof![
            Just(""),
            Just("[ab]+"),
            Just("a*"),
            Just("[a-c]{1,3}"),
            Just("(ab?|c)?"),
            Just("(a|b|)")
        ];
        let one = (fixed.clone(), stretch, fixed)
            .prop_map(|(head, stretch, tail)| format!("^{head}{stretch}{tail}$"));
        proptest::collection::vec(one, 1..3).prop_map(|all| all.join("|"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_layout_says_what_the_plain_reading_and_the_table_say(
            pattern in any_code(),
            texts in proptest::collection::vec("[ab1é-]{0,6}", 1..8),
        ) {
            let parsed = Pattern::parse(&pattern).unwrap();
            let table = Table::new(&parsed).unwrap();
            if let Some(layouts) = Layouts::of(&parsed) {
                for text in texts.into_iter().chain(parsed.samples().take(4)) {
                    let laid_out = layouts.fit(&text);
                    prop_assert_eq!(laid_out, parsed.matches(&text), "{} {:?}", pattern, text);
                    prop_assert_eq!(laid_out, table.matches(&text), "{} {:?}", pattern, text);
                }
            }
        }
    }
}
