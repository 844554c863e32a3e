//! A text that matches a regular expression, for emptying a field whose schema has a `pattern`. It
//! understands what patterns of identifiers and codes are made of: literals, classes, groups,
//! alternatives and counts. Anything else (look-around, back references, Unicode properties) has no
//! sample here, and the overlay must name one.

use std::iter::Peekable;
use std::str::Chars;

/// Longest sample that is made.
const SAMPLE_CHARACTERS_MAX: usize = 1_024;
/// Deepest nesting of groups.
const GROUP_LEVELS_MAX: usize = 16;

/// A short text that matches `pattern`, or `None` where the pattern is not understood.
pub(super) fn sample(pattern: &str) -> Option<String> {
    let mut reader = Reader {
        rest: pattern.chars().peekable(),
        levels: 0,
    };
    let sample = reader.alternatives()?;
    reader.rest.peek().is_none().then_some(sample)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    levels: usize,
}

impl Reader<'_> {
    /// The first alternative's sample; the others are read to know that they are understood.
    fn alternatives(&mut self) -> Option<String> {
        let first = self.sequence()?;
        while self.rest.next_if_eq(&'|').is_some() {
            self.sequence()?;
        }
        Some(first)
    }

    fn sequence(&mut self) -> Option<String> {
        let mut text = String::new();
        self.rest.next_if_eq(&'^');
        while let Some(next) = self.rest.peek() {
            match next {
                '|' | ')' => break,
                '$' => {
                    self.rest.next();
                    let ends = matches!(self.rest.peek(), None | Some('|' | ')'));
                    return ends.then_some(text);
                }
                _ => {
                    let atom = self.atom()?;
                    let count = self.count()?;
                    let characters = atom.chars().count().checked_mul(count)?;
                    if text.chars().count() + characters > SAMPLE_CHARACTERS_MAX {
                        return None;
                    }
                    text.push_str(&atom.repeat(count));
                }
            }
        }
        Some(text)
    }

    fn atom(&mut self) -> Option<String> {
        let character = match self.rest.next()? {
            '(' => return self.group(),
            '[' => self.class()?,
            '\\' => self.escape()?.0,
            '.' => 'x',
            '*' | '+' | '?' | '{' | '}' | ']' | '^' => return None,
            literal => literal,
        };
        Some(character.to_string())
    }

    fn group(&mut self) -> Option<String> {
        self.levels += 1;
        if self.levels > GROUP_LEVELS_MAX {
            return None;
        }
        if self.rest.next_if_eq(&'?').is_some() {
            self.rest.next_if_eq(&':')?;
        }
        let inner = self.alternatives()?;
        self.rest.next_if_eq(&')')?;
        self.levels -= 1;
        Some(inner)
    }

    /// The lowest count that satisfies the quantifier behind an atom; 1 without one.
    fn count(&mut self) -> Option<usize> {
        let count = match self.rest.peek() {
            Some('*' | '?') => {
                self.rest.next();
                0
            }
            Some('+') => {
                self.rest.next();
                1
            }
            Some('{') => {
                self.rest.next();
                self.range()?
            }
            _ => return Some(1),
        };
        self.rest.next_if_eq(&'?');
        // A quantifier behind a quantifier is possessive, or an error.
        (!matches!(self.rest.peek(), Some('*' | '+' | '?' | '{'))).then_some(count)
    }

    fn range(&mut self) -> Option<usize> {
        let mut text = String::new();
        while let Some(character) = self.rest.next_if(|character| *character != '}') {
            text.push(character);
        }
        self.rest.next_if_eq(&'}')?;
        let (least, most) = text.split_once(',').unwrap_or((&text, ""));
        let least: usize = least.parse().ok()?;
        let fits = most.is_empty() || most.parse::<usize>().is_ok_and(|most| most >= least);
        (fits && least <= SAMPLE_CHARACTERS_MAX).then_some(least)
    }

    /// A member of a class: `0` if it has that, else the first it names.
    fn class(&mut self) -> Option<char> {
        let (mut first, mut has_zero) = (None, false);
        loop {
            let (low, is_set) = match self.rest.next()? {
                ']' => break,
                '^' if first.is_none() => return None,
                '[' => return None,
                '\\' => self.escape()?,
                literal => (literal, false),
            };
            let mut high = low;
            if !is_set && self.rest.next_if_eq(&'-').is_some() {
                match self.rest.next()? {
                    // A hyphen at the end of a class stands for itself.
                    ']' => {
                        first = first.or(Some(low));
                        has_zero |= low == '0';
                        break;
                    }
                    '\\' => high = self.escape()?.0,
                    literal => high = literal,
                }
            }
            if high < low {
                return None;
            }
            first = first.or(Some(low));
            has_zero |= (low..=high).contains(&'0');
        }
        if has_zero { Some('0') } else { first }
    }

    /// A character that an escape stands for, and whether it stands for more than one.
    fn escape(&mut self) -> Option<(char, bool)> {
        match self.rest.next()? {
            'd' | 'w' => Some(('0', true)),
            's' => Some((' ', true)),
            'D' | 'S' => Some(('x', true)),
            'W' => Some(('-', true)),
            'n' => Some(('\n', false)),
            't' => Some(('\t', false)),
            letter if letter.is_alphanumeric() => None,
            literal => Some((literal, false)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (r"^[\w.]+?@[^ ]?", ""),
            ("^$", ""),
            ("abc", "abc"),
            ("^a$|^b$", "a"),
        ] {
            let expected = if pattern.contains("[^") {
                None
            } else {
                Some(expected.to_owned())
            };
            assert_eq!(sample(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_understood_has_none() {
        for pattern in [
            "(?=a)b", r"\bword", r"(a)\1", r"\p{L}+", "[^a]", "a{2,1}", "a{99999}", "a**", "(a",
            "a)", "a$b", "[b-a]", "[a", "{2}", "a^",
        ] {
            assert_eq!(sample(pattern), None, "{pattern}");
        }
        assert_eq!(
            sample(&format!("{}{}", "(".repeat(99), ")".repeat(99))),
            None
        );
        assert_eq!(sample("((a{1000}){1000}){1000}"), None);
    }
}
