//! How a replacement for a text looks. Where the field's schema leaves open what a text is, 26 characters;
//! else as the schema asks: an e-mail address nobody has, a UUID, a text of its pattern, a shorter or longer
//! one. What it is made of, keyed and from the value, comes from elsewhere.
//!
//! There are enough replacements of each kind that two values do not share one: at least 2^40, so that
//! among a thousand values of one partner two collide with a chance of one in two million, among a hundred
//! thousand of one in two hundred. An enumeration and a date have none: a choice among them would be a
//! statement about someone. Neither has what is too short, such as a postal code.

use std::sync::Arc;

use super::check::{Check, TextBounds};
use super::format;
use super::partial::EMAIL_REST;
use super::pattern::{Alternatives, Class, Item, Pattern};

/// The length of a pseudonym where nothing else is asked for, in characters: 128 bits, five to each.
pub const PSEUDONYM_CHARACTERS: usize = 26;
/// The least number of different pseudonyms, as a power of two.
const BITS_MIN: f64 = 40.0;
/// The shortest pseudonym of base32, in characters: 40 bits.
const CHARACTERS_MIN: usize = 8;
/// The longest pseudonym, in characters.
const CHARACTERS_MAX: usize = 1_024;
/// Most characters that are chosen for a pattern.
const CHOICES_MAX: usize = 128;
/// How often a part of a pattern is repeated, at most, of its own accord.
const REPEATED_MAX: usize = 26;
/// Digits of base32 (RFC 4648 section 6), in small letters.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// How the pseudonym of a text is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pseudonym {
    /// So many characters of base32; behind the 26th, `a`.
    Text(usize),
    /// So many characters of base32 before `@example.invalid`.
    Email(usize),
    /// A UUID of version 8 (RFC 9562 section 5.8): 122 bits.
    Uuid,
    /// For each place of a text of the schema's pattern, the characters that may stand there.
    Pattern(Arc<[Box<[char]>]>),
}

impl Pseudonym {
    /// That of a text of which nothing else is demanded.
    pub const PLAIN: Self = Self::Text(PSEUDONYM_CHARACTERS);

    /// The first way of writing one that the check of the same bounds admits; `None` if there is none.
    pub fn of(bounds: &TextBounds, check: &Check) -> Option<Self> {
        if bounds.words.is_some() {
            return None;
        }
        let most = bounds.characters_max.unwrap_or(usize::MAX);
        let plain = PSEUDONYM_CHARACTERS.max(bounds.characters_min).min(most);
        let format = bounds.format.as_deref().unwrap_or_default();
        let of_format = match format {
            _ if format::is_email(format) => {
                let room = most.saturating_sub(EMAIL_REST.len());
                Some(Self::Email(room.min(PSEUDONYM_CHARACTERS)))
            }
            "uuid" => Some(Self::Uuid),
            _ if format::is_free(format) && bounds.pattern.is_none() => Some(Self::Text(plain)),
            _ => None,
        };
        let pattern = bounds
            .pattern
            .as_deref()
            .filter(|_| format::keeps_shape(format));
        let pattern = pattern.and_then(Pattern::parse);
        let repeated = (0..=REPEATED_MAX).rev();
        let walks = pattern.iter().flat_map(|pattern| {
            let walks = repeated.clone();
            walks.filter_map(|repeated| Self::of_pattern(pattern, repeated))
        });
        let mut fitting = of_format.into_iter().chain(walks);
        fitting.find(|form| form.is_large_enough() && form.fits(check))
    }

    fn of_pattern(pattern: &Pattern, repeated: usize) -> Option<Self> {
        let mut places = Vec::new();
        walk(&pattern.0, repeated, &mut places)?;
        Some(Self::Pattern(places.into()))
    }

    fn is_large_enough(&self) -> bool {
        match self {
            Self::Text(count) => (CHARACTERS_MIN..=CHARACTERS_MAX).contains(count),
            Self::Email(count) => *count >= CHARACTERS_MIN,
            Self::Uuid => true,
            Self::Pattern(places) => bits(places) >= BITS_MIN,
        }
    }

    /// Whether the check admits some that were made of nothing: what it admits of these it admits of most,
    /// and each is checked again when it is made.
    fn fits(&self, check: &Check) -> bool {
        [0x00, 0x55, 0xAA, 0xFF].into_iter().all(|byte| {
            let mut text = String::new();
            self.write(|number| [byte ^ number.to_le_bytes()[0]; 32], &mut text);
            check.admits(&text)
        })
    }

    /// Appends the pseudonym that is made of a stream of blocks, numbered from 0, of which each bit must
    /// be as good as random.
    pub fn write(&self, block: impl Fn(u32) -> [u8; 32], out: &mut String) {
        match self {
            Self::Text(count) => write_base32(&block(0), *count, out),
            Self::Email(count) => {
                write_base32(&block(0), *count, out);
                out.push_str(EMAIL_REST);
            }
            Self::Uuid => {
                let number = first_bits(&block(0)) & !(0xF << 76 | 0b11 << 62);
                let uuid = uuid::Uuid::from_u128(number | 8 << 76 | 0b10 << 62);
                out.push_str(uuid.hyphenated().encode_lower(&mut [0; 36]));
            }
            Self::Pattern(places) => {
                let mut numbers = [0; 32];
                for (place, characters) in places.iter().enumerate() {
                    if place.is_multiple_of(8) {
                        numbers = block(u32::try_from(1 + place / 8).unwrap_or(u32::MAX));
                    }
                    let (numbers, _) = numbers.as_chunks::<4>();
                    let number = numbers
                        .get(place % 8)
                        .copied()
                        .map_or(0, u32::from_be_bytes);
                    let chosen =
                        usize::try_from(number).unwrap_or_default() % characters.len().max(1);
                    out.extend(characters.get(chosen));
                }
            }
        }
    }
}

/// The first 128 bits, five to a character; 26 characters hold 130 bits, so that the last two are zero.
fn write_base32(tag: &[u8; 32], count: usize, out: &mut String) {
    let number = first_bits(tag);
    out.extend((0..count).map(|place| {
        let shifted = match 123usize.checked_sub(5 * place) {
            Some(shift) => number >> shift,
            None if place < PSEUDONYM_CHARACTERS => number << 2,
            None => 0,
        };
        let digit = BASE32.get((shifted & 31) as usize).copied();
        char::from(digit.unwrap_or(b'a'))
    }));
}

fn first_bits(tag: &[u8; 32]) -> u128 {
    tag.first_chunk()
        .map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

/// How many texts there are, as a power of two.
fn bits(places: &[Box<[char]>]) -> f64 {
    let choices = places.iter().map(|characters| characters.len().max(1));
    choices.map(|count| (count as f64).log2()).sum()
}

/// Adds the places of the alternative with the most choices, in which what may be repeated is, up to
/// `repeated` times.
fn walk(pattern: &Alternatives, repeated: usize, places: &mut Vec<Box<[char]>>) -> Option<()> {
    let mut best: Option<(f64, Vec<Box<[char]>>)> = None;
    for sequence in &pattern.0 {
        let mut found = Vec::new();
        for piece in sequence {
            let most = piece.most.unwrap_or(usize::MAX);
            for _ in 0..piece.least.max(repeated.min(most)) {
                match &piece.item {
                    Item::Class(class) => found.push(characters(class)?),
                    Item::Group(group) => walk(group, repeated, &mut found)?,
                    Item::Start | Item::End => break,
                }
                if found.len() > CHOICES_MAX {
                    return None;
                }
            }
        }
        let choices = bits(&found);
        if best.as_ref().is_none_or(|(most, _)| choices > *most) {
            best = Some((choices, found));
        }
    }
    places.extend(best?.1);
    Some(())
}

/// What is chosen from for one place: the letters and digits of ASCII that may stand there, or else one
/// character.
fn characters(class: &Class) -> Option<Box<[char]>> {
    let plain = ('a'..='z').chain('0'..='9').chain('A'..='Z');
    let plain: Box<[char]> = plain.filter(|character| class.has(*character)).collect();
    match plain.is_empty() {
        false => Some(plain),
        true => Some([class.member()?].into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bounds(
        pattern: Option<&str>,
        format: Option<&str>,
        least: usize,
        most: Option<usize>,
    ) -> TextBounds {
        TextBounds {
            pattern: pattern.map(str::to_owned),
            format: format.map(str::to_owned),
            characters_min: least,
            characters_max: most,
            ..TextBounds::default()
        }
    }

    fn form(bounds: &TextBounds) -> Option<(Pseudonym, Check)> {
        let check = Check::of_text(bounds).unwrap();
        Pseudonym::of(bounds, &check).map(|form| (form, check))
    }

    /// Numbered blocks of a seed, with every byte spread.
    fn blocks(seed: u64) -> impl Fn(u32) -> [u8; 32] {
        move |number| {
            let text = format!("{seed} {number}");
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
            digest.as_ref().try_into().unwrap()
        }
    }

    fn made(form: &Pseudonym, seed: u64) -> String {
        let mut text = String::new();
        form.write(blocks(seed), &mut text);
        text
    }

    /// Schemas as mailing services write them, each with room for enough pseudonyms.
    fn roomy() -> Vec<TextBounds> {
        let pattern = |pattern| bounds(Some(pattern), None, 0, None);
        vec![
            bounds(None, None, 0, None),
            bounds(None, None, 0, Some(8)),
            bounds(None, None, 40, Some(40)),
            bounds(None, Some("email"), 0, None),
            bounds(None, Some("email"), 0, Some(24)),
            bounds(Some("^[^@]+@[^@]+$"), Some("email"), 0, None),
            bounds(None, Some("uuid"), 0, None),
            bounds(Some("^[0-9a-f-]{36}$"), Some("uuid"), 0, None),
            bounds(Some("^[a-z0-9_]+$"), None, 0, Some(12)),
            pattern("^cus_[a-z0-9]+$"),
            pattern("^(adr|psc)_[a-zA-Z0-9]{16,20}$"),
            pattern(r"^\d{13}$"),
            pattern(r"^([A-Z]{2}\d{4}-){3}\d$"),
            pattern(r"^$|^[\w.]{10,}$"),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn a_pseudonym_satisfies_its_schema_and_is_another_for_another_value(seed in any::<u64>()) {
            for bounds in roomy() {
                let (form, check) = form(&bounds).unwrap();
                let text = made(&form, seed);
                prop_assert!(check.admits(&text), "{check}: {text}");
                prop_assert_eq!(&text, &made(&form, seed));
                prop_assert_ne!(text, made(&form, seed ^ 1));
            }
        }
    }

    #[test]
    fn a_pseudonym_keeps_the_format_of_its_field() {
        let written: Vec<String> = roomy()
            .iter()
            .map(|one| made(&form(one).unwrap().0, 1))
            .collect();
        let lengths: Vec<usize> = written.iter().map(String::len).collect();
        assert_eq!(
            lengths,
            [26, 8, 40, 42, 24, 42, 36, 36, 12, 30, 24, 13, 22, 26]
        );
        let uuid = uuid::Uuid::parse_str(&written[6]).unwrap();
        assert_eq!(
            (uuid.get_version_num(), uuid.get_variant()),
            (8, uuid::Variant::RFC4122)
        );
        assert!(written[3].ends_with("@example.invalid") && written[9].starts_with("cus_"));
    }

    #[test]
    fn what_is_too_short_or_a_choice_among_few_has_none() {
        let words = TextBounds {
            words: Some(vec!["a".into()]),
            ..TextBounds::default()
        };
        for bounds in [
            words,
            bounds(None, None, 0, Some(7)),
            bounds(None, Some("email"), 0, Some(23)),
            bounds(None, Some("date"), 0, None),
            bounds(None, Some("date-time"), 0, None),
            bounds(None, Some("ipv4"), 0, None),
            bounds(Some(r"^\d{5}(-\d{4})?$"), None, 0, None),
            bounds(Some("^[A-Z]{2}$"), None, 0, None),
            bounds(Some(r"^\d{12}$"), None, 0, None),
            bounds(Some("^(red|green)$"), None, 0, None),
            bounds(Some("^[a-z]+$"), None, 0, Some(8)),
            bounds(Some("^[a-z]{200}$"), None, 0, None),
            bounds(Some(r"^\d{4}-\d\d-\d\d$"), Some("date"), 0, None),
        ] {
            assert_eq!(form(&bounds).map(|found| found.0), None, "{bounds:?}");
        }
    }
}
