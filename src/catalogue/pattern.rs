//! Regular expressions as far as the patterns of identifiers and codes go: literals, classes, groups,
//! alternatives, counts and anchors. Enough to make a text that matches, for emptying a field whose
//! schema has a `pattern` and for its pseudonyms, and to say the same in the words of the library that
//! matches on the request path ([`super::matcher`]). What is beyond that (look-around, back references,
//! Unicode properties) is not understood, and the caller is told so.
//!
//! Nothing of an answer is ever matched here.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

/// Longest text that is made or checked.
const TEXT_CHARACTERS_MAX: usize = 1_024;
/// How often a sample repeats what it need not.
const REPEATED_MAX: usize = 32;
/// Deepest nesting of groups.
const GROUP_LEVELS_MAX: usize = 16;
/// What a sample is made of where a class allows it, best first.
const PLAIN: [char; 5] = ['0', 'x', 'A', '-', ' '];

/// White space and ends of lines (ECMA-262, `\s`).
const SPACES: [(char, char); 10] = [
    ('\t', '\r'),
    (' ', ' '),
    ('\u{a0}', '\u{a0}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{2000}', '\u{200a}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{202f}', '\u{202f}'),
    ('\u{205f}', '\u{205f}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{feff}', '\u{feff}'),
];

/// A pattern that was understood.
#[derive(Debug)]
pub(super) struct Pattern(pub(super) Alternatives);

#[derive(Debug)]
pub(super) struct Alternatives(pub(super) Vec<Vec<Piece>>);

/// An item and how often it comes.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) item: Item,
    pub(super) least: usize,
    pub(super) most: Option<usize>,
}

#[derive(Debug)]
pub(super) enum Item {
    Class(Class),
    Group(Alternatives),
    Start,
    End,
}

#[derive(Debug)]
pub(super) struct Class {
    ranges: Vec<(char, char)>,
    negated: bool,
}

impl Pattern {
    /// Reads a pattern (ECMA-262, as JSON Schema says), or `None` where it is not understood.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let mut reader = Reader {
            rest: pattern.chars().peekable(),
            levels: 0,
        };
        let alternatives = reader.alternatives()?;
        let at_end = reader.rest.peek().is_none();
        at_end.then_some(Self(alternatives))
    }

    /// A short text that matches, if one is found.
    #[cfg(test)]
    pub(super) fn sample(&self) -> Option<String> {
        self.samples().next()
    }

    /// Texts that match, the shortest first.
    pub(super) fn samples(&self) -> impl Iterator<Item = String> {
        (0..=REPEATED_MAX).filter_map(|repeated| {
            let mut text = String::new();
            self.0.sample(repeated, &mut text)?;
            self.matches(&text).then_some(text)
        })
    }

    /// Whether the pattern is found in `text`; a text that is too long to check is not.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let starts = (0..=text.len()).collect();
        text.len() <= TEXT_CHARACTERS_MAX && !self.0.ends(&text, &starts).is_empty()
    }

    /// Whether a match can begin at the start of a text only.
    pub(super) fn begins_at_start(&self) -> bool {
        let anchored = |sequence: &Vec<Piece>| {
            let first = sequence.first().map(|piece| &piece.item);
            matches!(first, Some(Item::Start))
        };
        self.0.0.iter().all(anchored)
    }

    /// The same in the syntax of the `regex` crate, with every class written out, so that none of its
    /// meanings (Unicode digits, lines) takes the place of ECMA-262's.
    pub(super) fn regular_expression(&self) -> String {
        let mut written = String::new();
        self.0.write(&mut written);
        written
    }
}

impl Alternatives {
    fn write(&self, out: &mut String) {
        for (place, sequence) in self.0.iter().enumerate() {
            out.push_str(if place > 0 { "|" } else { "" });
            for piece in sequence {
                piece.write(out);
            }
        }
    }

    /// Adds what the first alternative asks for, at least and, where it may be, so many times.
    fn sample(&self, repeated: usize, text: &mut String) -> Option<()> {
        for piece in self.0.first()? {
            let most = piece.most.unwrap_or(usize::MAX);
            for _ in 0..piece.least.max(repeated.min(most)) {
                match &piece.item {
                    Item::Class(class) => text.push(class.member()?),
                    Item::Group(group) => group.sample(repeated, text)?,
                    Item::Start | Item::End => {}
                }
                if text.len() > TEXT_CHARACTERS_MAX {
                    return None;
                }
            }
        }
        Some(())
    }

    /// Where a match can end that begins at one of `starts`. Sets of places instead of trying one way
    /// after the other, so that no pattern takes long.
    fn ends(&self, text: &[char], starts: &BTreeSet<usize>) -> BTreeSet<usize> {
        let along = |sequence: &Vec<Piece>| {
            sequence
                .iter()
                .fold(starts.clone(), |places, piece| piece.ends(text, places))
        };
        self.0.iter().flat_map(along).collect()
    }
}

impl Piece {
    fn write(&self, out: &mut String) {
        match &self.item {
            Item::Start => return out.push_str(r"\A"),
            Item::End => return out.push_str(r"\z"),
            Item::Class(class) => class.write(out),
            Item::Group(group) => {
                out.push_str("(?:");
                group.write(out);
                out.push(')');
            }
        }
        match (self.least, self.most) {
            (1, Some(1)) => {}
            (least, None) => out.push_str(&format!("{{{least},}}")),
            (least, Some(most)) => out.push_str(&format!("{{{least},{most}}}")),
        }
    }

    fn ends(&self, text: &[char], starts: BTreeSet<usize>) -> BTreeSet<usize> {
        let mut places = starts;
        for _ in 0..self.least {
            let next = self.item.ends(text, &places);
            // From here on, once more changes nothing.
            if next == places {
                break;
            }
            places = next;
        }
        let mut ends = places.clone();
        let more = self.most.map_or(usize::MAX, |most| most - self.least);
        for _ in 0..more {
            places = self.item.ends(text, &places);
            places.retain(|place| !ends.contains(place));
            if places.is_empty() {
                break;
            }
            ends.extend(&places);
        }
        ends
    }
}

impl Item {
    fn ends(&self, text: &[char], starts: &BTreeSet<usize>) -> BTreeSet<usize> {
        let only = |place: usize| starts.iter().copied().filter(move |start| *start == place);
        match self {
            Self::Group(group) => group.ends(text, starts),
            Self::Start => only(0).collect(),
            Self::End => only(text.len()).collect(),
            Self::Class(class) => {
                let fits = |start: &&usize| text.get(**start).is_some_and(|one| class.has(*one));
                starts.iter().filter(fits).map(|start| start + 1).collect()
            }
        }
    }
}

impl Class {
    fn of(ranges: &[(char, char)]) -> Self {
        Self {
            ranges: ranges.to_vec(),
            negated: false,
        }
    }

    fn write(&self, out: &mut String) {
        out.push_str(match (self.ranges.is_empty(), self.negated) {
            // Nothing at all, and anything at all: each is the opposite of the other.
            (true, false) => return out.push_str(r"[^\x{0}-\x{10FFFF}]"),
            (true, true) => return out.push_str(r"[\x{0}-\x{10FFFF}]"),
            (false, true) => "[^",
            (false, false) => "[",
        });
        for (low, high) in &self.ranges {
            out.push_str(&format!(
                r"\x{{{:X}}}-\x{{{:X}}}",
                u32::from(*low),
                u32::from(*high)
            ));
        }
        out.push(']');
    }

    pub(super) fn has(&self, character: char) -> bool {
        let within = |(low, high): &(char, char)| (*low..=*high).contains(&character);
        self.ranges.iter().any(within) != self.negated
    }

    /// The ASCII characters it has, a bit each, if it has no other.
    pub(super) fn ascii(&self) -> Option<u128> {
        let ascii = !self.negated && self.ranges.iter().all(|(_, high)| high.is_ascii());
        let members = (0..128u8).filter(|byte| self.has(char::from(*byte)));
        ascii.then(|| members.fold(0, |members, byte| members | 1 << byte))
    }

    /// A character it has, a plain one where there is one.
    pub(super) fn member(&self) -> Option<char> {
        let named = self.ranges.first().map(|(low, _)| *low);
        let mut members = PLAIN.into_iter().take(1).chain(named).chain(PLAIN);
        members.find(|member| self.has(*member))
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    levels: usize,
}

impl Reader<'_> {
    fn alternatives(&mut self) -> Option<Alternatives> {
        let mut alternatives = vec![self.sequence()?];
        while self.rest.next_if_eq(&'|').is_some() {
            alternatives.push(self.sequence()?);
        }
        Some(Alternatives(alternatives))
    }

    fn sequence(&mut self) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        while self.rest.peek().is_some_and(|next| !"|)".contains(*next)) {
            let item = self.item()?;
            let (least, most) = self.count()?;
            let anchor = matches!(item, Item::Start | Item::End);
            if anchor && (least, most) != (1, Some(1)) {
                return None;
            }
            pieces.push(Piece { item, least, most });
        }
        Some(pieces)
    }

    fn item(&mut self) -> Option<Item> {
        Some(match self.rest.next()? {
            '^' => Item::Start,
            '$' => Item::End,
            '(' => Item::Group(self.group()?),
            '[' => Item::Class(self.class()?),
            '\\' => Item::Class(self.escape()?),
            '.' => Item::Class(Class {
                ranges: vec![('\n', '\n'), ('\r', '\r'), ('\u{2028}', '\u{2029}')],
                negated: true,
            }),
            '*' | '+' | '?' | '{' | '}' | ']' => return None,
            literal => Item::Class(Class::of(&[(literal, literal)])),
        })
    }

    fn group(&mut self) -> Option<Alternatives> {
        self.levels += 1;
        if self.levels > GROUP_LEVELS_MAX {
            return None;
        }
        if self.rest.next_if_eq(&'?').is_some() && self.rest.next_if_eq(&':').is_none() {
            self.name()?;
        }
        let inner = self.alternatives()?;
        self.rest.next_if_eq(&')')?;
        self.levels -= 1;
        Some(inner)
    }

    /// The name of a group, which has no effect.
    fn name(&mut self) -> Option<()> {
        self.rest.next_if_eq(&'<')?;
        let mut characters = 0;
        while self
            .rest
            .next_if(|next| next.is_alphanumeric() || *next == '_')
            .is_some()
        {
            characters += 1;
        }
        self.rest
            .next_if_eq(&'>')
            .filter(|_| characters > 0)
            .map(|_| ())
    }

    /// How often the item before it comes, at least and at most.
    fn count(&mut self) -> Option<(usize, Option<usize>)> {
        let count = match self.rest.peek() {
            Some('*') => (0, None),
            Some('?') => (0, Some(1)),
            Some('+') => (1, None),
            Some('{') => self.range()?,
            _ => return Some((1, Some(1))),
        };
        // Of `{n}` the closing brace, of the others the sign itself.
        self.rest.next();
        self.rest.next_if_eq(&'?');
        Some(count)
    }

    fn range(&mut self) -> Option<(usize, Option<usize>)> {
        self.rest.next_if_eq(&'{')?;
        let mut text = String::new();
        while let Some(character) = self.rest.next_if(|character| *character != '}') {
            text.push(character);
        }
        let (least, most) = match text.split_once(',') {
            None => (text.parse().ok()?, Some(text.parse().ok()?)),
            Some((least, "")) => (least.parse().ok()?, None),
            Some((least, most)) => (least.parse().ok()?, Some(most.parse().ok()?)),
        };
        let in_order = most.is_none_or(|most: usize| (least..=TEXT_CHARACTERS_MAX).contains(&most));
        (in_order && least <= TEXT_CHARACTERS_MAX).then_some((least, most))
    }

    fn class(&mut self) -> Option<Class> {
        let mut class = Class::of(&[]);
        class.negated = self.rest.next_if_eq(&'^').is_some();
        loop {
            let low = match self.rest.next()? {
                ']' => return Some(class),
                '\\' => {
                    let escaped = self.escape().filter(|escaped| !escaped.negated)?;
                    class.ranges.extend(&escaped.ranges);
                    match escaped.ranges.as_slice() {
                        [(low, high)] if low == high => *low,
                        _ => continue,
                    }
                }
                literal => literal,
            };
            let mut high = low;
            if self.rest.next_if_eq(&'-').is_some() {
                match self.rest.next()? {
                    // A hyphen at the end of a class stands for itself.
                    ']' => {
                        class.ranges.extend([(low, low), ('-', '-')]);
                        return Some(class);
                    }
                    '\\' => return None,
                    literal => high = literal,
                }
            }
            if high < low {
                return None;
            }
            class.ranges.push((low, high));
        }
    }

    fn escape(&mut self) -> Option<Class> {
        let letter = self.rest.next()?;
        let mut class = match letter.to_ascii_lowercase() {
            'd' => Class::of(&[('0', '9')]),
            'w' => Class::of(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
            's' => Class::of(&SPACES),
            _ if letter == 'n' => Class::of(&[('\n', '\n')]),
            _ if letter == 'r' => Class::of(&[('\r', '\r')]),
            _ if letter == 't' => Class::of(&[('\t', '\t')]),
            _ if letter == 'u' => self.code_point(4)?,
            _ if letter == 'x' => self.code_point(2)?,
            _ if letter.is_alphanumeric() => return None,
            _ => Class::of(&[(letter, letter)]),
        };
        class.negated = letter.is_ascii_uppercase();
        Some(class)
    }

    /// The character with a code of so many hexadecimal digits.
    fn code_point(&mut self, digits: usize) -> Option<Class> {
        let mut code = 0;
        for _ in 0..digits {
            code = code << 4 | self.rest.next()?.to_digit(16)?;
        }
        let character = char::from_u32(code)?;
        Some(Class::of(&[(character, character)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(pattern: &str) -> Option<String> {
        Pattern::parse(pattern)?.sample()
    }

    #[test]
    fn codes_and_identifiers_have_a_sample() {
        for (pattern, expected) in [
            (r"^\d{5}(-\d{4})?$", "00000"),
            ("^[A-Z]{2}$", "AA"),
            ("^cus_[a-z0-9]+$", "cus_0"),
            (r"^\+1-\d{3}-555-01\d\d$", "+1-000-555-0100"),
            ("^(?:red|green)(ish)?$", "red"),
            ("^[-a]{1,3}$", "-"),
            ("^[a-]x*$", "a"),
            (r"^[\w.]+?@[^ 0]$", "0@x"),
            (r"^\S\D\.$", "0x."),
            ("^$", ""),
            ("abc", "abc"),
            ("^a$|^b$", "a"),
            (r"^(?<year>\d{4})\x2D\u0041$", "0000-A"),
        ] {
            assert_eq!(sample(pattern).as_deref(), Some(expected), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_tells_what_matches_from_what_does_not() {
        for (pattern, right, wrong) in [
            (r"^\d{5}(-\d{4})?$", "12345-6789", "12345-678"),
            ("^(a|bc)*d?$", "abcbcad", "abcbd b"),
            ("^[^a-c]+$", "xyz", "xaz"),
            ("b{2,3}", "abba", "aba"),
            (r"^[\d_-]{2}$", "-4", "a4"),
            (r"^\W.$", "-x", "xx"),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            assert!(pattern.matches(right), "{pattern:?} {right}");
            assert!(!pattern.matches(wrong), "{pattern:?} {wrong}");
        }
    }

    #[test]
    fn a_pattern_made_to_take_for_ever_does_not() {
        let pattern = Pattern::parse("^((a+)+)+$").unwrap();
        assert!(!pattern.matches(&format!("{}b", "a".repeat(200))));
        for pattern in ["^((a{1000}){1000}){1000}$", "^(((b?){1000}){1000}){1000}$"] {
            assert!(!Pattern::parse(pattern).unwrap().matches("aaa"));
        }
    }

    #[test]
    fn what_is_not_understood_or_cannot_match_has_no_sample() {
        for pattern in [
            "(?=a)b", "(?<=a)b", "(?<>a)", r"\u{41}", r"\x4", r"\bword", r"(a)\1", r"\p{L}+",
            "a{2,1}", "a{99999}", "a**", "(a", "a)", "a$b", "[b-a]", "[a", "{2}", "a^", "^*",
            r"[\D]", "[]", r"[a-\d]",
        ] {
            assert_eq!(sample(pattern), None, "{pattern}");
        }
        let groups = format!("{}{}", "(".repeat(99), ")".repeat(99));
        assert_eq!(sample(&groups), None);
        assert_eq!(sample("((a{1000}){1000}){1000}"), None);
    }
}
