//! What the values of one field must be, made ready when the catalogue is loaded, so that it can be asked
//! about every value of every answer: one pass over the value, and no memory of its own. A value that
//! its schema does not allow could be anything, also what another field was not to tell.
//!
//! The same check decides what may stand in for a value: there is one truth about what fits.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::decimal::{Bound, Decimal, is_plain};
use super::format;
use super::hidden::is_document;
use super::matcher::Matcher;
use super::misfit::Misfit;
use super::pattern::Pattern;

/// Most characters of a text without `maxLength`, outside of what customers write themselves
/// (`user.content` and below).
pub const TEXT_CHARACTERS_MAX: usize = 16_384;

/// What the values of one field must be, beside their type. By default, anything.
#[derive(Clone, Debug, Default)]
pub struct Check(Option<Arc<Demands>>);

/// What a schema demands of a text.
#[derive(Clone, Debug, Default)]
pub struct TextBounds {
    /// `enum` and `const`: the only texts there are.
    pub words: Option<Vec<String>>,
    /// `pattern`, in ECMA-262.
    pub pattern: Option<String>,
    /// `format`; one that is not known demands nothing.
    pub format: Option<String>,
    /// `minLength`, in characters.
    pub characters_min: usize,
    /// `maxLength`, in characters.
    pub characters_max: Option<usize>,
    /// Whether anything may hide in it, as in what a customer wrote. Without, it is no JSON object or
    /// array that holds a text, and has at most [`TEXT_CHARACTERS_MAX`] characters.
    pub open: bool,
}

/// What a schema demands of a number, or of `true` and `false`.
#[derive(Clone, Debug, Default)]
pub struct NumberBounds {
    /// `enum` and `const`: the only values there are, as JSON writes them.
    pub words: Option<Vec<String>>,
    /// The least number, as JSON writes it, and whether itself is allowed.
    pub least: Option<(String, bool)>,
    /// The largest, likewise.
    pub most: Option<(String, bool)>,
    /// `multipleOf`, as JSON writes it.
    pub step: Option<String>,
}

/// Why nothing can be checked by a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Part of it is not understood.
    #[error("beyond what is understood here")]
    NotUnderstood,
    /// Its table of states would be too large.
    #[error("too large to be checked")]
    TooLarge,
}

#[derive(Debug)]
enum Demands {
    Text(Text),
    Number(Number),
}

#[derive(Debug)]
struct Number {
    bounds: NumberBounds,
    /// The bounds, read.
    least: Option<Bound>,
    most: Option<Bound>,
    /// Whether nothing is demanded but that it is not below zero.
    not_negative: bool,
}

#[derive(Debug)]
struct Text {
    /// Sorted.
    words: Option<Box<[Box<str>]>>,
    pattern: Option<(Box<str>, Arc<Matcher>)>,
    format: Option<(Box<str>, format::Checker)>,
    least: usize,
    most: usize,
    /// Whether `most` is the schema's own.
    named_most: bool,
    open: bool,
    /// Most bytes of a text of which nothing is demanded but that it is no longer than `most`, and no
    /// document.
    surely: usize,
}

impl Check {
    /// The check of texts.
    ///
    /// # Errors
    /// Where nothing can be checked by the pattern.
    pub fn of_text(bounds: &TextBounds) -> Result<Self, BadPattern> {
        let matcher = bounds.pattern.as_deref().map(matcher).transpose()?;
        Ok(Self::of_text_with(bounds, matcher))
    }

    /// The same, with the pattern made ready before.
    pub(super) fn of_text_with(bounds: &TextBounds, matcher: Option<Arc<Matcher>>) -> Self {
        let words = bounds.words.as_ref().map(|words| {
            let mut words: Vec<Box<str>> = words.iter().map(|word| word.as_str().into()).collect();
            words.sort();
            words.dedup();
            words.into()
        });
        let format = bounds.format.as_deref();
        let text = Text {
            words,
            pattern: bounds.pattern.as_deref().map(Box::from).zip(matcher),
            format: format.and_then(|name| Some((name.into(), format::checker(name)?))),
            least: bounds.characters_min,
            most: bounds.characters_max.unwrap_or(match bounds.open {
                true => usize::MAX,
                false => TEXT_CHARACTERS_MAX,
            }),
            named_most: bounds.characters_max.is_some(),
            open: bounds.open,
            surely: 0,
        };
        let named = text.words.is_some() || text.pattern.is_some() || text.format.is_some();
        let surely = if named || text.least > 0 {
            0
        } else {
            text.most
        };
        let text = Text { surely, ..text };
        let demands = text.words.is_some()
            || text.pattern.is_some()
            || text.format.is_some()
            || (text.least, text.most) != (0, usize::MAX)
            || !text.open;
        Self(demands.then(|| Arc::new(Demands::Text(text))))
    }

    /// The check of numbers and of `true` and `false`.
    pub fn of_number(bounds: NumberBounds) -> Self {
        let NumberBounds {
            words,
            least,
            most,
            step,
        } = &bounds;
        let demands = words.is_some() || least.is_some() || most.is_some() || step.is_some();
        let read = |bound: &Option<(String, bool)>| {
            let bound = bound.as_ref();
            bound.map(|(written, _)| Bound::new(written))
        };
        let from_zero = least.as_ref() == Some(&("0".to_owned(), true));
        let number = Number {
            least: read(least),
            most: read(most),
            not_negative: from_zero && words.is_none() && most.is_none() && step.is_none(),
            bounds,
        };
        Self(demands.then(|| Arc::new(Demands::Number(number))))
    }

    /// Whether there is anything to check.
    #[inline]
    pub fn is_needed(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a text, decoded, is allowed.
    #[inline]
    pub fn admits(&self, text: &str) -> bool {
        self.fit(text).is_ok()
    }

    /// Whether a text is surely allowed that is coded as `written` in JSON, whatever its escapes stand for: it
    /// does not have to be decoded. Its characters are no more than its bytes.
    #[inline]
    pub fn surely_admits_coded(&self, written: &str) -> bool {
        match self.0.as_deref() {
            None => true,
            Some(Demands::Text(text)) => {
                // Begins so that nobody can take it for a document.
                let begins = matches!(written.as_bytes().first(), Some(b'!'..=b'Z' | b'a'..=b'z'));
                begins && written.len() <= text.surely
            }
            Some(Demands::Number(_)) => false,
        }
    }

    /// Whether a number, `true` or `false` is allowed, as JSON writes it. A number with an exponent beyond
    /// 400 is none that could be compared.
    #[inline]
    pub fn admits_bare(&self, written: &str) -> bool {
        self.fit_bare(written).is_ok()
    }

    /// What a text, decoded, fails.
    ///
    /// # Errors
    /// The first demand that it does not meet.
    #[inline]
    pub fn fit(&self, text: &str) -> Result<(), Misfit> {
        match self.0.as_deref() {
            None => Ok(()),
            Some(Demands::Text(demands)) => demands.fit(text),
            Some(Demands::Number(_)) => Err(Misfit::Bounds),
        }
    }

    /// What a number, `true` or `false` fails, as JSON writes it.
    ///
    /// # Errors
    /// The first demand that it does not meet.
    #[inline]
    pub fn fit_bare(&self, written: &str) -> Result<(), Misfit> {
        match self.0.as_deref() {
            None => Ok(()),
            Some(Demands::Number(demands)) => demands.fit(written),
            Some(Demands::Text(_)) => Err(Misfit::Format),
        }
    }

    /// Whether the schema itself bounds what a text can be: by `enum`, `const`, `pattern`, `format` or
    /// `maxLength`. Of numbers it always does.
    pub fn is_bounded(&self) -> bool {
        match self.0.as_deref() {
            None => false,
            Some(Demands::Number(_)) => true,
            Some(Demands::Text(text)) => {
                let named = text.words.is_some() || text.pattern.is_some();
                named || text.format.is_some() || text.named_most
            }
        }
    }

    /// A text that is allowed, `plain` where it is; `None` if none is found.
    pub fn example_text(&self, plain: &str) -> Option<String> {
        let mut candidates = vec![plain.to_owned()];
        if let Some(Demands::Text(text)) = self.0.as_deref() {
            let words = text.words.iter().flatten().map(|word| word.to_string());
            candidates.extend(words);
            let format = text.format.as_ref();
            candidates.extend(format.map(|(name, _)| format::nothing(name).to_owned()));
            let pattern = text
                .pattern
                .as_ref()
                .and_then(|(pattern, _)| Pattern::parse(pattern));
            candidates.extend(pattern.iter().flat_map(Pattern::samples));
            let length = text.least.max(1).min(text.most).min(TEXT_CHARACTERS_MAX);
            candidates.push("x".repeat(length));
        }
        candidates.into_iter().find(|text| self.admits(text))
    }

    /// A number or truth value that is allowed, `plain` where it is, as JSON writes it.
    pub fn example_bare(&self, plain: &str) -> Option<String> {
        let mut candidates = vec![plain.to_owned(), "0".to_owned()];
        if let Some(Demands::Number(number)) = self.0.as_deref() {
            let number = &number.bounds;
            candidates.extend(number.words.iter().flatten().cloned());
            let bounds = [&number.least, &number.most].into_iter().flatten();
            candidates.extend(bounds.map(|(bound, _)| bound.clone()));
            candidates.extend(number.step.clone());
        }
        candidates
            .into_iter()
            .find(|written| self.admits_bare(written))
    }

    /// Whether whatever this allows the other allows too, as far as it shows; where it does not, the answer is
    /// no.
    pub fn is_within(&self, other: &Self) -> bool {
        match (self.0.as_deref(), other.0.as_deref()) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(Demands::Text(one)), Some(Demands::Text(other))) => one.is_within(other),
            (Some(Demands::Number(one)), Some(Demands::Number(other))) => one.is_within(other),
            _ => false,
        }
    }
}

/// In words, for people; "anything" where there is nothing to check.
impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = match self.0.as_deref() {
            None => Vec::new(),
            Some(Demands::Text(text)) => text.told(),
            Some(Demands::Number(number)) => number.bounds.told(),
        };
        match parts.as_slice() {
            [] => out.write_str("anything"),
            parts => out.write_str(&parts.join(", ")),
        }
    }
}

/// A pattern made ready.
///
/// # Errors
/// Where it cannot be.
pub(super) fn matcher(pattern: &str) -> Result<Arc<Matcher>, BadPattern> {
    let pattern = Pattern::parse(pattern).ok_or(BadPattern::NotUnderstood)?;
    let matcher = Matcher::new(&pattern).ok_or(BadPattern::TooLarge)?;
    Ok(Arc::new(matcher))
}

impl Text {
    #[inline]
    fn fit(&self, text: &str) -> Result<(), Misfit> {
        if let Some(words) = &self.words
            && words.binary_search_by(|word| (**word).cmp(text)).is_err()
        {
            return Err(Misfit::Words);
        }
        if let Some((_, pattern)) = &self.pattern
            && !pattern.matches(text)
        {
            return Err(Misfit::Pattern);
        }
        if let Some((_, is_of)) = &self.format
            && !is_of(text)
        {
            return Err(Misfit::Format);
        }
        if !self.has_length(text) {
            return Err(Misfit::Length);
        }
        if !self.open && is_document(text) {
            return Err(Misfit::Document);
        }
        Ok(())
    }

    /// A character has one to four bytes; so few texts need to be counted.
    #[inline]
    fn has_length(&self, text: &str) -> bool {
        let bytes = text.len();
        let surely = bytes <= self.most && bytes.div_ceil(4) >= self.least;
        surely || (self.least..=self.most).contains(&text.chars().count())
    }

    fn is_within(&self, other: &Self) -> bool {
        if let Some(words) = &self.words {
            return words.iter().all(|word| other.fit(word).is_ok());
        }
        let pattern = |text: &Self| text.pattern.as_ref().map(|(pattern, _)| pattern.clone());
        let format = |text: &Self| text.format.as_ref().map(|(format, _)| format.clone());
        let (patterns, formats) = (
            [pattern(self), pattern(other)],
            [format(self), format(other)],
        );
        other.words.is_none()
            && (patterns[1].is_none() || patterns[0] == patterns[1])
            && (formats[1].is_none() || formats[0] == formats[1])
            && self.least >= other.least
            && self.most <= other.most
            && (other.open || !self.open)
    }

    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if let Some(words) = &self.words {
            told.push(format!("one of {}", words.join(", ")));
        }
        if let Some((pattern, _)) = &self.pattern {
            told.push(format!("of the pattern `{pattern}`"));
        }
        if let Some((format, _)) = &self.format {
            told.push(format!("of the format `{format}`"));
        }
        match (self.least, self.most) {
            (0, usize::MAX) => {}
            (0, most) => told.push(format!("up to {most} characters")),
            (least, usize::MAX) => told.push(format!("at least {least} characters")),
            (least, most) => told.push(format!("{least} to {most} characters")),
        }
        told
    }
}

impl Number {
    #[inline]
    fn fit(&self, written: &str) -> Result<(), Misfit> {
        if self.not_negative && is_plain(written) {
            return Ok(());
        }
        self.fit_bounds(written)
    }

    fn fit_bounds(&self, written: &str) -> Result<(), Misfit> {
        let bounds = &self.bounds;
        if let Some(words) = &bounds.words
            && !words.iter().any(|word| is_same(word, written))
        {
            return Err(Misfit::Words);
        }
        let beyond = |read: &Option<Bound>, bound: &Option<(String, bool)>, wrong: Ordering| {
            let (Some(read), Some((_, itself))) = (read, bound) else {
                return false;
            };
            let order = read.order_of(written);
            order.is_none_or(|order| order == wrong || (!itself && order.is_eq()))
        };
        if beyond(&self.least, &bounds.least, Ordering::Less)
            || beyond(&self.most, &bounds.most, Ordering::Greater)
        {
            return Err(Misfit::Bounds);
        }
        let Some(step) = &bounds.step else {
            return Ok(());
        };
        let number = Decimal::read(written).ok_or(Misfit::Bounds)?;
        let is_multiple = Decimal::read(step).is_some_and(|step| number.is_multiple_of(&step));
        match is_multiple {
            true => Ok(()),
            false => Err(Misfit::Step),
        }
    }

    fn is_within(&self, other: &Self) -> bool {
        let (one, those) = (&self.bounds, &other.bounds);
        if let Some(words) = &one.words {
            return words.iter().all(|word| other.fit(word).is_ok());
        }
        let closer = |one: &Option<(String, bool)>, other: &Option<(String, bool)>, wrong| {
            let (Some(one), Some(other)) = (one, other) else {
                return other.is_none();
            };
            let order = Decimal::read(&one.0).zip(Decimal::read(&other.0));
            order.is_some_and(|(number, bound)| match number.compare(&bound) {
                Ordering::Equal => other.1 || !one.1,
                order => order != wrong,
            })
        };
        let steps = match (&one.step, &those.step) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(one), Some(other)) => {
                let steps = Decimal::read(one).zip(Decimal::read(other));
                steps.is_some_and(|(one, other)| one.is_multiple_of(&other))
            }
        };
        those.words.is_none()
            && closer(&one.least, &those.least, Ordering::Less)
            && closer(&one.most, &those.most, Ordering::Greater)
            && steps
    }
}

impl NumberBounds {
    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if let Some(words) = &self.words {
            told.push(format!("one of {}", words.join(", ")));
        }
        let bounds = [
            (&self.least, ["at least", "more than"]),
            (&self.most, ["at most", "less than"]),
        ];
        for (bound, [with, without]) in bounds {
            if let Some((bound, itself)) = bound {
                told.push(format!("{} {bound}", if *itself { with } else { without }));
            }
        }
        told.extend(
            self.step
                .as_ref()
                .map(|step| format!("a multiple of {step}")),
        );
        told
    }
}

/// Numbers are the same by value, `true` and `false` by name.
fn is_same(word: &str, written: &str) -> bool {
    match (Decimal::read(word), Decimal::read(written)) {
        (Some(word), Some(written)) => word.compare(&written).is_eq(),
        _ => word == written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bounds: TextBounds) -> Check {
        Check::of_text(&bounds).unwrap()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_text_satisfies_every_demand_of_its_schema() {
        let words = || TextBounds {
            words: Some(vec!["b".into(), "a".into(), "é".into()]),
            ..TextBounds::default()
        };
        let zip = || TextBounds {
            pattern: some(r"^\d{5}(-\d{4})?$"),
            ..TextBounds::default()
        };
        let sized = || TextBounds {
            characters_min: 2,
            characters_max: Some(3),
            ..TextBounds::default()
        };
        let email = || TextBounds {
            format: some("email"),
            ..TextBounds::default()
        };
        for (bounds, text_given, misfit) in [
            (words(), "a", None),
            (words(), "é", None),
            (words(), "A", Some(Misfit::Words)),
            (words(), "", Some(Misfit::Words)),
            (zip(), "22201-1234", None),
            (zip(), "22201-123", Some(Misfit::Pattern)),
            (zip(), "x22201", Some(Misfit::Pattern)),
            (sized(), "ññ", None),
            (sized(), "😀😀😀", None),
            (sized(), "ñ", Some(Misfit::Length)),
            (sized(), "abcd", Some(Misfit::Length)),
            (email(), "ann@example.com", None),
            (email(), "ann", Some(Misfit::Format)),
        ] {
            let check = text(bounds);
            assert_eq!(check.fit(text_given).err(), misfit, "{check} {text_given}");
            assert!(!check.admits_bare("1"));
        }
        assert!(Check::default().admits("anything") && Check::default().admits_bare("1"));
    }

    #[test]
    fn a_text_that_is_no_ones_writing_is_no_json_and_not_endless() {
        let (closed, open) = (
            TextBounds::default(),
            TextBounds {
                open: true,
                ..TextBounds::default()
            },
        );
        let deep = format!("{}\"x\"{}", "[".repeat(5_000), "]".repeat(5_000));
        let long = "a".repeat(TEXT_CHARACTERS_MAX + 1);
        for smuggled in [
            r#"{"email":"ann@example.com"}"#,
            "\n [\"ann\"]\t",
            "\u{a0}[{\"a\":1}]",
            "\u{2028}{\"a\":null}\u{2029}",
            &deep,
            &long,
        ] {
            assert!(!text(closed.clone()).admits(smuggled));
            assert!(text(open.clone()).admits(smuggled));
        }
        for harmless in [
            "[sic]",
            "{name}",
            "[1, 2]",
            "[]",
            "{}",
            "[the \"Old\" mill]",
            "",
            " ",
            "a {\"b\":1}",
            &long[1..],
        ] {
            assert!(text(closed.clone()).admits(harmless), "{harmless}");
        }
        assert!(!text(open).is_needed());
    }

    #[test]
    fn a_number_satisfies_every_demand_exactly() {
        let number = |words: &[&str],
                      least: Option<(&str, bool)>,
                      most: Option<(&str, bool)>,
                      step: Option<&str>| {
            let owned = |(bound, itself): (&str, bool)| (bound.to_owned(), itself);
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Check::of_number(NumberBounds {
                words: Some(words).filter(|words| !words.is_empty()),
                least: least.map(owned),
                most: most.map(owned),
                step: step.map(str::to_owned),
            })
        };
        let cents = || number(&[], Some(("0", true)), Some(("1", false)), Some("0.01"));
        for (check, written, misfit) in [
            (cents(), "0.30", None),
            (cents(), "3e-1", None),
            (cents(), "-0.0", None),
            (cents(), "0.301", Some(Misfit::Step)),
            (cents(), "1", Some(Misfit::Bounds)),
            (cents(), "0.99999999999999999999", Some(Misfit::Step)),
            (cents(), "-0.01", Some(Misfit::Bounds)),
            (cents(), "1e999", Some(Misfit::Bounds)),
            (number(&["1", "2.5"], None, None, None), "2.50", None),
            (
                number(&["1", "2.5"], None, None, None),
                "2",
                Some(Misfit::Words),
            ),
            (number(&["true"], None, None, None), "true", None),
            (
                number(&["true"], None, None, None),
                "false",
                Some(Misfit::Words),
            ),
        ] {
            assert_eq!(check.fit_bare(written).err(), misfit, "{check} {written}");
            assert!(!check.admits("1"));
        }
    }

    #[test]
    fn what_is_within_another_check_is_seen_and_nothing_else() {
        let words = |words: &[&str]| TextBounds {
            words: Some(words.iter().map(|word| (*word).to_owned()).collect()),
            ..TextBounds::default()
        };
        let pattern = |pattern: &str| TextBounds {
            pattern: some(pattern),
            ..TextBounds::default()
        };
        let most = |most| TextBounds {
            characters_max: Some(most),
            ..TextBounds::default()
        };
        let plain = TextBounds::default;
        for (one, other, forth, back) in [
            (words(&["a"]), words(&["a", "b"]), true, false),
            (words(&["a"]), pattern("^[ab]$"), true, false),
            (words(&["c"]), pattern("^[ab]$"), false, false),
            (pattern("^a$"), plain(), true, false),
            (pattern("^a$"), pattern("^[ab]$"), false, false),
            (most(3), most(4), true, false),
            (most(3), plain(), true, false),
            (
                plain(),
                TextBounds {
                    open: true,
                    ..plain()
                },
                true,
                false,
            ),
        ] {
            let (one, other) = (text(one), text(other));
            assert_eq!(one.is_within(&other), forth, "{one} / {other}");
            assert_eq!(other.is_within(&one), back, "{other} / {one}");
            assert!(one.is_within(&one) && one.is_within(&Check::default()));
            assert!(!Check::default().is_within(&one));
        }
        let least = |bound: &str, itself| NumberBounds {
            least: Some((bound.to_owned(), itself)),
            ..NumberBounds::default()
        };
        let (with, without) = (least("0", true), least("0.0", false));
        let (with, without) = (Check::of_number(with), Check::of_number(without));
        assert!(without.is_within(&with) && !with.is_within(&without));
        assert!(!with.is_within(&text(plain())));
    }

    #[test]
    fn an_example_is_allowed_and_plain_where_it_can_be() {
        let example = |bounds: TextBounds| text(bounds).example_text("made up");
        let pattern = |pattern: &str| TextBounds {
            pattern: some(pattern),
            ..TextBounds::default()
        };
        assert_eq!(example(TextBounds::default()), some("made up"));
        assert_eq!(example(pattern("^job_[a-z0-9]{3,}$")), some("job_000"));
        let format = TextBounds {
            format: some("date"),
            ..TextBounds::default()
        };
        assert_eq!(example(format), some("1970-01-01"));
        let long = TextBounds {
            characters_min: 9,
            ..TextBounds::default()
        };
        assert_eq!(example(long), some("xxxxxxxxx"));
        assert_eq!(
            example(TextBounds {
                characters_max: Some(2),
                ..TextBounds::default()
            }),
            some("x")
        );
        assert_eq!(example(pattern("^[]$")), None);
        let small = NumberBounds {
            most: Some(("-2".to_owned(), true)),
            ..NumberBounds::default()
        };
        assert_eq!(Check::of_number(small).example_bare("1"), some("-2"));
    }

    #[test]
    fn a_pattern_that_nothing_can_be_checked_by_says_so() {
        let wrong = |pattern: &str| {
            let bounds = TextBounds {
                pattern: some(pattern),
                ..TextBounds::default()
            };
            Check::of_text(&bounds).err()
        };
        assert_eq!(wrong("(?=a)b"), Some(BadPattern::NotUnderstood));
        assert_eq!(wrong("((.{1000}){1000}){1000}"), Some(BadPattern::TooLarge));
    }

    proptest::proptest! {
        #[test]
        fn what_is_surely_admitted_is_admitted_once_it_is_decoded(
            text in "[ \\[{}\"a\u{e9}\\t\\\\:1-]{0,12}", most in 0..20usize, least in 0..3usize, open: bool,
            escaped: bool,
        ) {
            let check = Check::of_text(&TextBounds {
                characters_min: least,
                characters_max: Some(most),
                open,
                ..TextBounds::default()
            });
            let check = check.unwrap();
            let coded = match escaped {
                true => text.chars().map(|one| format!("\\u{:04x}", u32::from(one))).collect(),
                false => serde_json::to_string(&text).unwrap(),
            };
            let coded = coded.trim_matches('"');
            if check.surely_admits_coded(coded) {
                proptest::prop_assert!(check.admits(&text), "{coded} {check}");
            }
        }
    }
}
