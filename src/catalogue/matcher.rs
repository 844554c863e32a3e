//! A pattern made ready for the request path: laid out place by place where it can be, or else a table of
//! states, one step for each byte of a text, however the pattern is written. Whatever a pattern repeats, a text is read once and no further than
//! it has to be.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};

use super::layouts::Layouts;
use super::pattern::Pattern;

/// Largest table of one pattern, in bytes.
const TABLE_BYTES_MAX: usize = 1 << 20;
/// Most bytes in use while it is made.
const MAKING_BYTES_MAX: usize = 8 << 20;

/// A pattern, as it is asked about texts.
#[derive(Debug)]
pub(super) enum Matcher {
    /// Place by place.
    Layouts(Layouts),
    /// By a table of states.
    Table(Box<Table>),
}

/// A pattern as a table of states.
#[derive(Debug)]
pub(super) struct Table {
    table: dense::DFA<Vec<u32>>,
    start: StateID,
}

impl Matcher {
    /// The pattern, or `None` where its table would be too large.
    pub(super) fn new(pattern: &Pattern) -> Option<Self> {
        match Layouts::of(pattern) {
            Some(layouts) => Some(Self::Layouts(layouts)),
            None => Some(Self::Table(Box::new(Table::new(pattern)?))),
        }
    }

    /// Whether the pattern is found in `text` (ECMA-262: anywhere in it, unless it has anchors).
    #[inline]
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Layouts(layouts) => layouts.fit(text),
            Self::Table(table) => table.matches(text),
        }
    }
}

impl Table {
    /// The table of a pattern, or `None` where it would be too large.
    pub(super) fn new(pattern: &Pattern) -> Option<Self> {
        // What begins at the beginning needs no state for "not begun yet".
        let (starts, anchored) = if pattern.begins_at_start() {
            (StartKind::Anchored, Anchored::Yes)
        } else {
            (StartKind::Unanchored, Anchored::No)
        };
        let table = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(starts)
                    .match_kind(MatchKind::All)
                    .accelerate(false)
                    .dfa_size_limit(Some(TABLE_BYTES_MAX))
                    .determinize_size_limit(Some(MAKING_BYTES_MAX)),
            )
            .thompson(
                thompson::Config::new()
                    .which_captures(WhichCaptures::None)
                    .nfa_size_limit(Some(MAKING_BYTES_MAX)),
            )
            .build(&pattern.regular_expression())
            .ok()?;
        let start = table.start_state(&start::Config::new().anchored(anchored));
        Some(Self {
            start: start.ok()?,
            table,
        })
    }

    /// Whether the pattern is found in `text` (ECMA-262: anywhere in it, unless it has anchors).
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut state = self.start;
        for byte in text.as_bytes() {
            state = self.table.next_state(state, *byte);
            if self.table.is_special_state(state) {
                if self.table.is_match_state(state) {
                    return true;
                }
                if self.table.is_dead_state(state) || self.table.is_quit_state(state) {
                    return false;
                }
            }
        }
        self.table.is_match_state(self.table.next_eoi_state(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the table says and what the plain reading says; nothing of a table that would be too large.
    fn both(pattern: &str, text: &str) -> Option<(bool, bool)> {
        let pattern = Pattern::parse(pattern).unwrap();
        let table = Table::new(&pattern)?;
        let matcher = Matcher::new(&pattern).unwrap();
        assert_eq!(matcher.matches(text), table.matches(text));
        Some((table.matches(text), pattern.matches(text)))
    }

    /// Patterns put together from what the reader understands.
    fn any_pattern() -> impl Strategy<Value = String> {
        let atom = prop_oneof![
            Just("a"),
            Just("b"),
            Just("é"),
            Just("."),
            Just(r"\d"),
            Just(r"\w"),
            Just(r"\s"),
            Just(r"\S"),
            Just("[a-c]"),
            Just("[^ab]"),
            Just(r"\."),
            Just("😀"),
            Just("^"),
            Just("$"),
            Just("[^]"),
            Just("[]"),
            Just(r"\W"),
            Just("[0-9_-]"),
        ];
        let leaf = (
            atom,
            prop_oneof![
                Just(""),
                Just("?"),
                Just("*"),
                Just("+"),
                Just("{2}"),
                Just("{1,3}"),
                Just("{0,}"),
            ],
        )
            .prop_map(|(atom, count)| {
                let count = if matches!(atom, "^" | "$") { "" } else { count };
                format!("{atom}{count}")
            });
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                proptest::collection::vec(inner.clone(), 1..3)
                    .prop_map(|parts| format!("({})", parts.join("|"))),
                inner.prop_map(|inner| format!("(?:{inner})+")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn the_table_says_what_the_plain_reading_of_the_pattern_says(
            pattern in any_pattern(),
            texts in proptest::collection::vec("[ab0_ é😀.\\n-]{0,8}", 1..6),
        ) {
            for text in texts {
                if let Some((table, plain)) = both(&pattern, &text) {
                    prop_assert_eq!(table, plain, "{} {:?}", pattern, text);
                }
            }
        }
    }

    #[test]
    fn a_pattern_means_what_ecma_262_says() {
        for (pattern, text, expected) in [
            (r"^\d{5}(-\d{4})?$", "22201-1234", true),
            (r"^\d{5}(-\d{4})?$", "22201-1234\n", false),
            (r"^\d{5}$", "٢٢٢٠١", false),
            (r"^\w+$", "naïve", false),
            ("^.$", "\n", false),
            ("^.$", "\u{2028}", false),
            ("^.$", "😀", true),
            (r"^\s$", "\u{feff}", true),
            ("b", "abc", true),
            ("^b|c$", "abc", true),
            ("", "anything", true),
            ("[.]", "a", false),
        ] {
            assert_eq!(
                both(pattern, text),
                Some((expected, expected)),
                "{pattern} {text:?}"
            );
        }
    }

    #[test]
    fn a_table_that_would_be_too_large_is_not_made() {
        let huge = Pattern::parse("((.{1000}){1000}){1000}").unwrap();
        assert!(Matcher::new(&huge).is_none());
    }
}
