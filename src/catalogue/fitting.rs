//! What may stand in a field, by the field's schema: its values, and whatever stands in for one. A
//! replacement that breaks the schema would break a strict client, so that none ever leaves.

use serde_json::Value;

use super::check::{BadPattern, Check, NumberBounds, TextBounds};
use super::decimal::Decimal;
use super::document::Part;
use super::format;
use super::misfit::Misfit;
use super::partial::{EMAIL_REST, PARTIAL_MASK, Partial};
use super::pattern::Pattern;
use super::pseudonym::Pseudonym;
use super::reading::Reading;
use super::schema::Schema;
use super::shape::ScalarKind;

/// What fits a field.
#[derive(Debug)]
pub(super) struct Fit {
    kind: ScalarKind,
    /// Of a text, what its schema says.
    text: TextBounds,
    /// The check of values. Without the pattern, where there is one that nothing can be checked by.
    pub(super) check: Check,
    /// Why the pattern is left out.
    pub(super) bad_pattern: Option<BadPattern>,
}

impl Fit {
    /// What fits a field of this schema; `open` where it holds what a customer wrote.
    pub(super) fn of(
        reading: &mut Reading<'_>,
        schema: &Schema<'_>,
        kind: ScalarKind,
        open: bool,
    ) -> Self {
        let mut fit = Self {
            kind,
            text: TextBounds::default(),
            check: Check::default(),
            bad_pattern: None,
        };
        if kind == ScalarKind::String {
            let (least, most) = lengths(schema);
            fit.text = TextBounds {
                words: words(schema, |word| word.as_str().map(str::to_owned)),
                pattern: text_of(schema, "pattern").map(str::to_owned),
                format: text_of(schema, "format").map(str::to_owned),
                characters_min: least,
                characters_max: most,
                open,
            };
            let matcher = fit.text.pattern.as_deref().map(|one| reading.matcher(one));
            let (matcher, bad) = match matcher.transpose() {
                Ok(matcher) => (matcher, None),
                Err(bad) => (None, Some(bad)),
            };
            fit.check = Check::of_text_with(&fit.text, matcher);
            fit.bad_pattern = bad;
        } else {
            fit.check = Check::of_number(number_bounds(schema));
        }
        fit
    }

    /// Why `value` does not satisfy the field's schema.
    pub(super) fn misfit(&self, value: &Value) -> Option<String> {
        let misfit = match (self.kind, value) {
            (ScalarKind::String, Value::String(text)) => self.check.fit(text),
            (ScalarKind::Integer, Value::Number(number)) if !number.is_f64() => {
                self.check.fit_bare(&number.to_string())
            }
            (ScalarKind::Number, Value::Number(number)) => self.check.fit_bare(&number.to_string()),
            (ScalarKind::Boolean, Value::Bool(flag)) => self.check.fit_bare(&flag.to_string()),
            _ => return Some("is of another type than the field".to_owned()),
        };
        let format = self.text.format.as_deref().unwrap_or_default();
        Some(match misfit.err()? {
            Misfit::Words => "is not one of the field's values".to_owned(),
            Misfit::Pattern => "does not match the field's pattern".to_owned(),
            Misfit::Format => format!("is not of the field's format `{format}`"),
            Misfit::Length => "is outside `minLength` and `maxLength`".to_owned(),
            Misfit::Document => "is JSON, which a text that nobody wrote may not be".to_owned(),
            Misfit::Bounds => "is outside `minimum` and `maximum`, or its format".to_owned(),
            Misfit::Step => "is not a multiple as `multipleOf` asks for".to_owned(),
        })
    }

    /// How its pseudonyms are written, if it has any.
    pub(super) fn pseudonym(&self) -> Option<Pseudonym> {
        let checked = self.kind == ScalarKind::String && self.bad_pattern.is_none();
        checked.then(|| Pseudonym::of(&self.text, &self.check))?
    }

    /// The partial form that is made of `partial` for this field: of every value or, where the schema says
    /// more than can be looked through beforehand, of all for which the check admits it.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn partial(&self, partial: Partial) -> Result<Partial, String> {
        let format = self.text.format.as_deref().unwrap_or_default();
        if self.text.words.is_some() {
            return Err("a part of a value is none of the field's values".to_owned());
        }
        let partial = match partial {
            Partial::First(shown) if format::is_email(format) => {
                self.check_lengths(Partial::FirstOfEmail(shown))?;
                Partial::FirstOfEmail(shown)
            }
            _ if format::is_email(format) => {
                let reason = "of an e-mail address only the first characters can be shown, or it \
                              is none: write `{first: n}`";
                return Err(reason.to_owned());
            }
            _ if !format::keeps_shape(format) => {
                return Err(format!(
                    "a part of a value is not of the field's format `{format}`"
                ));
            }
            // Three stars fit where nothing is said against them.
            Partial::First(shown) if !self.takes_stars(partial) => Partial::FirstInShape(shown),
            Partial::Last(shown) if !self.takes_stars(partial) => Partial::LastInShape(shown),
            other => other,
        };
        self.try_out(partial)?;
        Ok(partial)
    }

    fn takes_stars(&self, partial: Partial) -> bool {
        let format = self.text.format.as_deref().unwrap_or_default();
        let free = self.text.pattern.is_none() && format::is_free(format);
        free && self.check_lengths(partial).is_ok()
    }

    /// A pattern's own sample tells whether a part can match it at all.
    fn try_out(&self, partial: Partial) -> Result<(), String> {
        let pattern = self.text.pattern.as_deref().and_then(Pattern::parse);
        let samples = pattern.iter().flat_map(Pattern::samples);
        let mut samples = samples
            .filter(|sample| self.check.admits(sample))
            .peekable();
        let tried = partial != Partial::Street && samples.peek().is_some();
        let part = &mut String::new();
        if tried && !samples.any(|sample| partial.write(&sample, &self.check, part)) {
            return Err("a part of a value breaks the field's `pattern`".to_owned());
        }
        Ok(())
    }

    /// Whether a part of every value that has a length the schema allows has one too.
    fn check_lengths(&self, partial: Partial) -> Result<(), String> {
        let (shown, rest) = match partial {
            Partial::FirstOfEmail(shown) => (shown, EMAIL_REST.len()),
            Partial::First(shown) | Partial::Last(shown) => (shown, 0),
            Partial::FirstInShape(_) | Partial::LastInShape(_) | Partial::Street => return Ok(()),
        };
        let shown = usize::from(shown);
        let masked = PARTIAL_MASK.len() + rest;
        let least = self.text.characters_min;
        let most = self.text.characters_max.unwrap_or(usize::MAX);
        // A value of `shown` characters or fewer becomes the mask alone.
        let longest = if most > shown { shown + masked } else { masked };
        let whole = rest == 0 && least > shown;
        let shortest = if whole { shown + masked } else { masked };
        if shortest < least || longest > most {
            return Err(format!(
                "a part of a value has {shortest} to {longest} characters, which is outside the \
                 field's `minLength` and `maxLength`"
            ));
        }
        Ok(())
    }
}

/// The values that `enum` and `const` leave, each as `written` has it, but `null` and those of other types.
fn words(schema: &Schema<'_>, written: impl Fn(&Value) -> Option<String>) -> Option<Vec<String>> {
    let words: Vec<Value> = schema.values()?.into_iter().map(Part::to_value).collect();
    Some(words.iter().filter_map(written).collect())
}

fn number_bounds(schema: &Schema<'_>) -> NumberBounds {
    let bound = |name: &str| {
        let value = schema.keyword(name).map(Part::to_value);
        value
            .filter(Value::is_number)
            .map(|value| value.to_string())
    };
    // OpenAPI 3.0 says with `true` that a bound is exclusive, 3.1 gives the bound itself.
    let strict = |name: &str| schema.keyword(name).and_then(Part::boolean) == Some(true);
    let both = |plain: &str, exclusive: &str| {
        let plain = bound(plain).map(|bound| (bound, !strict(exclusive)));
        [plain, bound(exclusive).map(|bound| (bound, false))]
    };
    let of_format = |low: i64, high: i64| [low, high].map(|bound| Some((bound.to_string(), true)));
    let [low, high] = match text_of(schema, "format").unwrap_or_default() {
        "int8" => of_format(i8::MIN.into(), i8::MAX.into()),
        "uint8" => of_format(u8::MIN.into(), u8::MAX.into()),
        "int16" => of_format(i16::MIN.into(), i16::MAX.into()),
        "int32" => of_format(i32::MIN.into(), i32::MAX.into()),
        "int64" => of_format(i64::MIN, i64::MAX),
        _ => [None, None],
    };
    let narrowest = |bounds: [Option<(String, bool)>; 3], least: bool| {
        bounds.into_iter().flatten().reduce(|one, other| {
            let order = Decimal::read(&one.0).zip(Decimal::read(&other.0));
            let order = order.map_or(std::cmp::Ordering::Equal, |(one, other)| {
                one.compare(&other)
            });
            let order = if least { order.reverse() } else { order };
            match order.then(one.1.cmp(&other.1)) {
                std::cmp::Ordering::Greater => other,
                _ => one,
            }
        })
    };
    let [minimum, above] = both("minimum", "exclusiveMinimum");
    let [maximum, below] = both("maximum", "exclusiveMaximum");
    NumberBounds {
        words: words(schema, |word| {
            (word.is_number() || word.is_boolean()).then(|| word.to_string())
        }),
        least: narrowest([minimum, above, low], true),
        most: narrowest([maximum, below, high], false),
        step: bound("multipleOf")
            .filter(|step| Decimal::read(step).is_some_and(|one| one.is_positive())),
    }
}

/// Why no link of the gateway can satisfy the field's schema, whatever it is.
pub(super) fn link_misfit(schema: &Schema<'_>) -> Option<&'static str> {
    let format = format_of(schema);
    if schema.values().is_some() {
        Some("is none of the field's values")
    } else if !format::is_link(format) && !format::is_free(format) {
        Some("is not of the field's format")
    } else {
        None
    }
}

pub(super) fn format_of<'a>(schema: &Schema<'a>) -> &'a str {
    text_of(schema, "format").unwrap_or_default()
}

fn text_of<'a>(schema: &Schema<'a>, keyword: &str) -> Option<&'a str> {
    schema.keyword(keyword).and_then(Part::text)
}

/// The least and the most characters of a text.
fn lengths(schema: &Schema<'_>) -> (usize, Option<usize>) {
    let count = |name: &str| {
        let count = schema.keyword(name).and_then(Part::integer)?;
        usize::try_from(count).ok()
    };
    (count("minLength").unwrap_or_default(), count("maxLength"))
}
