//! Which part of a text may be seen, and how it is written. What stands for the rest keeps the field's
//! schema satisfied: three stars where nothing is demanded, else a mask in the shape of the value, so that
//! `22201-1234` becomes `22200-0000` and a strict client still reads a postal code.
//!
//! A part is never the whole text, and a part of a part is the same. In a shape that cannot always show:
//! of `90200` the part is `90200`, which nobody can tell from the part of `90210`.

use super::check::Check;

/// What stands for the characters of a partial value that stay inside.
pub const PARTIAL_MASK: &str = "***";
/// What ends the partial form of an e-mail address.
pub const EMAIL_REST: &str = "@example.invalid";

/// What stands for a digit, a small letter and a capital that stay inside, in the order in which they are
/// tried: letters of hexadecimal numbers are digits too.
const MASKS: [[char; 3]; 2] = [['0', 'x', 'X'], ['0', '0', '0']];

/// What comes before the number of a part of a building (USPS Publication 28, appendix C2, and what
/// people write).
const UNITS: [&str; 26] = [
    "#",
    "apartment",
    "apt",
    "bldg",
    "box",
    "building",
    "department",
    "dept",
    "door",
    "fl",
    "flat",
    "floor",
    "hangar",
    "lot",
    "no",
    "nr",
    "pier",
    "room",
    "rm",
    "slip",
    "space",
    "spc",
    "ste",
    "stop",
    "suite",
    "unit",
];

/// How a partial value is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partial {
    /// Only the last `n` characters stay, behind `***`: `***-0199`.
    Last(u8),
    /// Only the first `n` characters stay, followed by `***`.
    First(u8),
    /// Only the first `n` characters before the `@` stay, followed by `***@example.invalid`: an e-mail
    /// address that nobody has (RFC 2606), where the schema asks for one.
    FirstOfEmail(u8),
    /// Only the last `n` characters and all punctuation of ASCII stay; other digits become `0`, other
    /// letters `x` or `X`.
    LastInShape(u8),
    /// Likewise with the first `n`.
    FirstInShape(u8),
    /// Of the line of an address its words stay, behind `***`: words with a digit go, other than `5th` and
    /// the like, and so does what stands behind `Apt` and the like. `1 Main St Apt B` is `*** Main St`.
    Street,
}

impl Partial {
    /// Puts the part of `value` that may be seen into `part`, in the first way of writing it that `check`
    /// admits. `false` is none: then nothing of the value may leave.
    #[must_use = "what was not admitted may not leave"]
    pub fn write(self, value: &str, check: &Check, part: &mut String) -> bool {
        let mut fits = |write: &dyn Fn(&mut String) -> bool| {
            part.clear();
            write(part) && check.admits(part)
        };
        match self {
            Self::Last(count) => fits(&|part| {
                part.push_str(PARTIAL_MASK);
                part.push_str(last(value, count));
                true
            }),
            Self::First(count) => fits(&|part| {
                part.push_str(first(value, count));
                part.push_str(PARTIAL_MASK);
                true
            }),
            Self::FirstOfEmail(count) => fits(&|part| {
                part.push_str(first(local_part(value), count));
                part.push_str(PARTIAL_MASK);
                part.push_str(EMAIL_REST);
                true
            }),
            Self::LastInShape(count) => {
                let kept = last(value, count);
                let (hidden, kept) = value.split_at(value.len() - kept.len());
                let mut masks = MASKS.iter();
                masks.any(|mask| fits(&|part| in_shape("", hidden, kept, mask, part)))
            }
            Self::FirstInShape(count) => {
                let (kept, hidden) = value.split_at(first(value, count).len());
                let mut masks = MASKS.iter();
                masks.any(|mask| fits(&|part| in_shape(kept, hidden, "", mask, part)))
            }
            Self::Street => {
                let mut marks = [PARTIAL_MASK, ""].into_iter();
                marks.any(|mark| fits(&|part| words_of_street(value, mark, part)))
            }
        }
    }
}

/// The first `count` characters of a longer text that is not the mask.
fn first(value: &str, count: u8) -> &str {
    if value == PARTIAL_MASK {
        return "";
    }
    let cut = value.char_indices().nth(usize::from(count));
    cut.and_then(|(at, _)| value.get(..at)).unwrap_or_default()
}

/// The last `count` characters of a longer text that is not the mask.
fn last(value: &str, count: u8) -> &str {
    if value == PARTIAL_MASK {
        return "";
    }
    let whole = if value.is_ascii() {
        value.len()
    } else {
        value.chars().count()
    };
    let Some(before) = whole.checked_sub(usize::from(count)) else {
        return "";
    };
    if whole == value.len() {
        return value
            .get(before..)
            .filter(|_| before > 0)
            .unwrap_or_default();
    }
    let cut = value.char_indices().nth(before).filter(|_| before > 0);
    cut.and_then(|(at, _)| value.get(at..)).unwrap_or_default()
}

/// What stands before the `@`, where a part of it is one of an e-mail address again: a dot-atom of
/// ASCII (RFC 5322 section 3.2.3).
fn local_part(value: &str) -> &str {
    let of_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let is_atom = |atom: &str| !atom.is_empty() && atom.bytes().all(of_atom);
    let local = value.rsplit_once('@').map_or("", |(local, _)| local);
    if local.split('.').all(is_atom) {
        local
    } else {
        ""
    }
}

/// Whether a character shows nothing of what is masked around it.
fn is_shape(character: char) -> bool {
    character == ' ' || character.is_ascii_punctuation()
}

/// Writes `hidden` masked, between what is kept of the text; where there is nothing to hide in it, all is
/// hidden. `false` is a text in which nothing can be hidden.
fn in_shape(before: &str, hidden: &str, behind: &str, mask: &[char; 3], out: &mut String) -> bool {
    let whole = hidden.chars().all(is_shape);
    let [digit, small, capital] = *mask;
    let masked = |character: char| match character {
        _ if is_shape(character) => character,
        _ if character.is_ascii_digit() => digit,
        _ if character.is_uppercase() => capital,
        _ => small,
    };
    let mut write = |text: &str, hide: bool| {
        out.extend(text.chars().map(|one| if hide { masked(one) } else { one }));
    };
    write(before, whole);
    write(hidden, true);
    write(behind, whole);
    let all = || [before, hidden, behind];
    !all().iter().all(|text| text.chars().all(is_shape))
}

/// Writes `mark`, then the words that are not numbers of houses or of parts of them. `false` is none left.
fn words_of_street(value: &str, mark: &str, out: &mut String) -> bool {
    out.push_str(mark);
    let mut unit = false;
    let mut words = 0;
    for word in value.split_whitespace() {
        let bare = word.trim_matches(|one: char| one != '#' && !one.is_alphanumeric());
        let names_unit = UNITS.iter().any(|known| bare.eq_ignore_ascii_case(known));
        let numbered = bare.contains('#') || (bare.contains(char::is_numeric) && !is_ordinal(bare));
        // What stands behind the name of a unit is its number, even where it is a letter.
        let of_unit = std::mem::replace(&mut unit, names_unit);
        if numbered || names_unit || of_unit || word == PARTIAL_MASK {
            continue;
        }
        out.push_str(if out.is_empty() { "" } else { " " });
        out.push_str(word);
        words += 1;
    }
    words > 0
}

/// `1st`, `42nd`, `3rd`, `5th`: a name of streets.
fn is_ordinal(word: &str) -> bool {
    let number = word.trim_end_matches(|one: char| one.is_ascii_alphabetic());
    let ending = word.get(number.len()..).unwrap_or_default();
    let is_number =
        (1..=3).contains(&number.len()) && number.bytes().all(|one| one.is_ascii_digit());
    let mut endings = ["st", "nd", "rd", "th"].iter();
    is_number && endings.any(|known| ending.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::super::check::TextBounds;
    use super::*;
    use proptest::prelude::*;

    fn part(partial: Partial, value: &str, check: &Check) -> Option<String> {
        let mut part = "before".to_owned();
        partial.write(value, check, &mut part).then_some(part)
    }

    fn of_pattern(pattern: &str) -> Check {
        let pattern = Some(pattern.to_owned());
        Check::of_text(&TextBounds {
            pattern,
            ..TextBounds::default()
        })
        .unwrap()
    }

    #[test]
    fn a_part_is_never_the_whole() {
        for (partial, value, expected) in [
            (Partial::Last(4), "555-0199", "***0199"),
            (Partial::Last(4), "0199", "***"),
            (Partial::Last(4), "", "***"),
            (Partial::Last(2), "añ😀é", "***😀é"),
            (Partial::First(2), "é😀ña", "é😀***"),
            (Partial::First(5), "90210", "***"),
            (Partial::First(5), "90210-1234", "90210***"),
            (Partial::First(0), "x", "***"),
            (
                Partial::FirstOfEmail(3),
                "annette@example.com",
                "ann***@example.invalid",
            ),
            (
                Partial::FirstOfEmail(3),
                "ann@example.com",
                "***@example.invalid",
            ),
            (
                Partial::FirstOfEmail(3),
                "\"a b\"@example.com",
                "***@example.invalid",
            ),
            (Partial::FirstOfEmail(3), "nobody", "***@example.invalid"),
            (Partial::FirstInShape(3), "22201-1234", "22200-0000"),
            (Partial::FirstInShape(5), "90210", "00000"),
            (Partial::FirstInShape(5), "90210-", "00000-"),
            (Partial::FirstInShape(2), "Émile Ô'Å", "Émxxx X'X"),
            (Partial::LastInShape(4), "(206) 555-0199", "(000) 000-0199"),
            (Partial::LastInShape(2), "-42", "-00"),
            (Partial::Street, "123 Main St", "*** Main St"),
            (Partial::Street, "Main St", "*** Main St"),
            (Partial::Street, "12a, rue de l'Abbé 5", "*** rue de l'Abbé"),
            (Partial::Street, "1 W 42nd St., Apt. B", "*** W 42nd St.,"),
            (Partial::Street, "9 Elm Rd #4B Suite C", "*** Elm Rd"),
            (Partial::Street, "9 Elm Rd # 4B", "*** Elm Rd"),
        ] {
            let made = part(partial, value, &Check::default());
            assert_eq!(made.as_deref(), Some(expected), "{partial:?} {value}");
            let again = part(partial, expected, &Check::default());
            assert_eq!(
                again.as_deref(),
                Some(expected),
                "a part of a part is the same"
            );
        }
    }

    #[test]
    fn where_nothing_can_be_hidden_there_is_no_part() {
        for (partial, value) in [
            (Partial::FirstInShape(3), "--"),
            (Partial::LastInShape(3), ""),
            (Partial::Street, "12"),
            (Partial::Street, ""),
        ] {
            assert_eq!(part(partial, value, &Check::default()), None, "{value}");
        }
    }

    #[test]
    fn a_part_satisfies_the_check_or_there_is_none() {
        let zip = of_pattern(r"^\d{5}(-\d{4})?$");
        let made = part(Partial::FirstInShape(3), "22201-1234", &zip);
        assert_eq!(made.as_deref(), Some("22200-0000"));
        let hexadecimal = of_pattern("^[0-9a-f-]+$");
        let made = part(Partial::FirstInShape(2), "beef-9a", &hexadecimal);
        assert_eq!(made.as_deref(), Some("be00-00"));
        let not_zero = of_pattern("^[1-9]+$");
        assert_eq!(part(Partial::FirstInShape(3), "22201", &not_zero), None);
        let short = TextBounds {
            characters_max: Some(10),
            ..TextBounds::default()
        };
        let short = Check::of_text(&short).unwrap();
        let made = part(Partial::Street, "77 Long Road", &short);
        assert_eq!(
            made.as_deref(),
            Some("Long Road"),
            "without the mark it has room"
        );
        assert_eq!(part(Partial::Street, "7 Longest Road", &short), None);
    }

    proptest! {
        #[test]
        fn a_part_of_a_part_is_the_same_and_shows_no_more_than_it_may(value in "[a-cA-C0-2é😀# .,'*@-]{0,12}", count in 0..6_u8) {
            for partial in [
                Partial::Last(count), Partial::First(count), Partial::FirstOfEmail(count),
                Partial::LastInShape(count), Partial::FirstInShape(count), Partial::Street,
            ] {
                let Some(once) = part(partial, &value, &Check::default()) else { continue };
                prop_assert_eq!(part(partial, &once, &Check::default()), Some(once.clone()), "{:?} {:?}", partial, value);
                let digits = |text: &str| text.chars().filter(|one| ('1'..='9').contains(one)).count();
                match partial {
                    Partial::Street => prop_assert_eq!(digits(&once), 0),
                    _ => prop_assert!(digits(&once) <= usize::from(count)),
                }
            }
        }
    }
}
