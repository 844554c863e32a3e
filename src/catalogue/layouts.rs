//! Patterns that say place by place what a text holds, as those of codes and identifiers do
//! (`^cus_[a-z0-9]+$`, `^\d{5}(-\d{4})?$`): then the length of a text alone says which class each of
//! its bytes must be of, so that no byte waits for what the one before it led to, as it does in a table
//! of states ([`super::matcher`]), and eight of them are looked at together.

use super::eights::{Eight, short};
use super::pattern::{Alternatives, Class, Item, Pattern, Piece};

/// Most ways in which one pattern may be laid out; beyond, trying them takes longer than a table.
const LAYOUTS_MAX: usize = 6;
/// Most bytes that have a place of their own.
const PLACES_MAX: usize = 128;

/// The layouts of one pattern.
#[derive(Debug)]
pub(super) struct Layouts(Box<[Layout]>);

/// Bytes at fixed places, with at most one stretch between them that can be of any length.
#[derive(Debug)]
struct Layout {
    head: Places,
    stretch: Option<Stretch>,
    tail: Places,
}

/// Bytes that have a place each.
#[derive(Debug)]
struct Places {
    count: usize,
    /// Eight by eight; the last are the last eight, which may have been looked at in part before.
    eights: Box<[Eight]>,
}

/// Bytes that are all of one class.
#[derive(Debug)]
struct Stretch {
    eight: Eight,
    least: usize,
    most: usize,
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
                layouts.push(classes.layout(&runs)?);
            }
        }
        (layouts.len() <= LAYOUTS_MAX).then(|| Self(layouts.into()))
    }

    /// Whether `text` is laid out in one of these ways.
    #[inline]
    pub(super) fn fit(&self, text: &str) -> bool {
        self.0.iter().any(|layout| layout.fits(text.as_bytes()))
    }
}

impl Layout {
    #[inline]
    fn fits(&self, text: &[u8]) -> bool {
        let Some(length) = text.len().checked_sub(self.head.count + self.tail.count) else {
            return false;
        };
        let (head, behind) = text.split_at_checked(self.head.count).unwrap_or_default();
        let (inside, tail) = behind.split_at_checked(length).unwrap_or_default();
        let stretches = match &self.stretch {
            None => length == 0,
            Some(stretch) => stretch.fits(inside),
        };
        stretches && self.head.fit(head) && self.tail.fit(tail)
    }
}

impl Places {
    /// Whether the bytes, which are as many, are of the classes of their places.
    #[inline]
    fn fit(&self, bytes: &[u8]) -> bool {
        match (&*self.eights, bytes.last_chunk()) {
            ([], _) => true,
            ([eight], _) => eight.has(short(bytes)),
            ([before @ .., last], Some(end)) => {
                let (words, _) = bytes.as_chunks();
                let mut before = before.iter().zip(words);
                before.all(|(eight, word)| eight.has(u64::from_le_bytes(*word)))
                    && last.has(u64::from_le_bytes(*end))
            }
            (_, None) => false,
        }
    }
}

impl Stretch {
    #[inline]
    fn fits(&self, bytes: &[u8]) -> bool {
        (self.least..=self.most).contains(&bytes.len())
            && match bytes.last_chunk() {
                None => self.eight.has_first(short(bytes), bytes.len()),
                Some(end) => {
                    let (words, _) = bytes.as_chunks();
                    let mut words = words.iter().chain([end]);
                    words.all(|word| self.eight.has(u64::from_le_bytes(*word)))
                }
            }
    }
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

    fn layout(&self, runs: &[Run]) -> Option<Layout> {
        let at = runs.iter().position(|run| run.most != Some(run.least));
        let (head, behind) = runs.split_at_checked(at.unwrap_or(runs.len()))?;
        let (stretch, tail) = match behind.split_first() {
            Some((run, tail)) => (
                Some(Stretch {
                    eight: Eight::of(&[self.members(run); 8])?,
                    least: run.least,
                    most: run.most.unwrap_or(usize::MAX),
                }),
                tail,
            ),
            None => (None, behind),
        };
        Some(Layout {
            head: self.places(head)?,
            stretch,
            tail: self.places(tail)?,
        })
    }

    /// The places of `runs`, which all come so many times and no others.
    fn places(&self, runs: &[Run]) -> Option<Places> {
        let count = runs.iter().map(|run| run.least).sum();
        if count > PLACES_MAX || runs.iter().any(|run| run.most != Some(run.least)) {
            return None;
        }
        let classes: Vec<u128> = runs
            .iter()
            .flat_map(|run| std::iter::repeat_n(self.members(run), run.least))
            .collect();
        let mut eights: Vec<_> = classes.chunks(8).collect();
        if let (Some(last), Some(ends)) = (eights.last_mut(), classes.last_chunk::<8>()) {
            *last = ends;
        }
        let eights: Option<_> = eights.into_iter().map(Eight::of).collect();
        Some(Places {
            count,
            eights: eights?,
        })
    }

    fn members(&self, run: &Run) -> u128 {
        let members = self.0.get(run.class.trailing_zeros() as usize);
        members.copied().unwrap_or_default()
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
