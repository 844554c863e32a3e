//! The value that stands for "nothing" in a field that must be there: it satisfies the field's type,
//! enumeration, pattern and length, so that a strict client still reads the answer (RFC 9537, method
//! `emptyValue`).
//!
//! Of an enumeration none is chosen here: a status nobody has would be a statement about someone. The
//! overlay names one with `x-covenant-empty`. Where there is one value only, that stands there anyway.

use serde_json::{Value, json};

use super::document::Part;
use super::fitting::Fit;
use super::format;
use super::pattern::Pattern;
use super::schema::Schema;
use super::shape::ScalarKind;

/// Words of an enumeration that say nothing of anyone, the plainest first; in lower case, with `_`
/// between words.
const NOTHING: [&str; 7] = [
    "",
    "unknown",
    "none",
    "other",
    "n/a",
    "not_available",
    "unspecified",
];
/// Longest text that is made up to satisfy a `minLength`.
const LENGTH_MAX: i64 = 1_024;

/// The empty value as JSON, or why there is none.
pub(super) fn value(
    schema: &Schema<'_>,
    kind: ScalarKind,
    fit: &Fit,
    named: Option<&Part>,
) -> Result<Value, String> {
    if let Some(named) = named {
        let value = named.to_value();
        return match fit.misfit(&value) {
            None => Ok(value),
            Some(reason) => Err(format!("`x-covenant-empty` {reason}")),
        };
    }
    if schema.values().is_some() {
        return match fixed(schema, fit).as_slice() {
            [only] => Ok(only.clone()),
            _ => Err("a required field of fixed values needs `x-covenant-empty`".to_owned()),
        };
    }
    // Whether an example satisfies a pattern that is not understood, nobody can say.
    let example = schema.keyword("example").map(Part::to_value);
    let example = example.filter(|_| fit.bad_pattern.is_none());
    let candidates = made(schema, kind, fit).into_iter().chain(example);
    let mut fitting = candidates.filter(|value| fit.misfit(value).is_none());
    fitting.next().ok_or_else(|| {
        "a required field needs `x-covenant-empty`: no value satisfies its schema by itself"
            .to_owned()
    })
}

/// The first of `words` that says nothing, in whatever case and with whatever between its words.
pub(super) fn nothing(words: &[Value]) -> Option<&Value> {
    NOTHING.iter().find_map(|nothing| {
        let mut words = words.iter();
        words.find(|word| word.as_str().map(plain).as_deref() == Some(*nothing))
    })
}

fn plain(word: &str) -> String {
    word.trim().to_lowercase().replace([' ', '-'], "_")
}

/// Whether `value`, where it stands for nothing, could be taken for something that is so: a number, a
/// date, one of several words.
pub(super) fn says_something(schema: &Schema<'_>, fit: &Fit, value: &Value) -> bool {
    let only = fixed(schema, fit).len() == 1;
    let Some(text) = value.as_str() else {
        return !only && !value.is_null();
    };
    let format = schema.keyword("format").and_then(Part::text);
    let format = format.unwrap_or_default();
    let is_time = matches!(format, "date-time" | "date" | "time" | "duration");
    let of_format = !is_time && format != "decimal" && text == format::nothing(format);
    let dashes = text.bytes().all(|byte| byte == b'-');
    !only && !of_format && !dashes && !NOTHING.contains(&plain(text).as_str())
}

/// The values that `const` and `enum` leave, each once.
fn fixed(schema: &Schema<'_>, fit: &Fit) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    let all = schema.values().unwrap_or_default();
    for value in all.into_iter().map(Part::to_value) {
        if fit.misfit(&value).is_none() && !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// Values that may fit, the plainest first.
fn made(schema: &Schema<'_>, kind: ScalarKind, fit: &Fit) -> Vec<Value> {
    match kind {
        ScalarKind::Boolean => vec![json!(false)],
        ScalarKind::Integer | ScalarKind::Number => {
            let bounds = [
                ("minimum", 0),
                ("minimum", 1),
                ("exclusiveMinimum", 1),
                ("maximum", 0),
                ("maximum", -1),
                ("exclusiveMaximum", -1),
            ];
            let near = bounds.into_iter().filter_map(|(name, beside)| {
                let bound = schema.keyword(name).and_then(Part::integer)?;
                bound.checked_add(beside)
            });
            let step = schema.keyword("multipleOf").and_then(Part::integer);
            let step = step.unwrap_or(1).max(1);
            // The multiples on both sides; 0 is one of everything.
            let multiples = |number: i64| {
                let below = number.div_euclid(step).saturating_mul(step);
                [number, below, below.saturating_add(step)]
            };
            let near = near.flat_map(multiples);
            std::iter::once(0).chain(near).map(Value::from).collect()
        }
        ScalarKind::String => {
            let pattern = schema.keyword("pattern").and_then(Part::text);
            let plain = pattern.is_none() || schema.keyword("format").is_some();
            let pattern = pattern.and_then(Pattern::parse);
            let mut samples = pattern.iter().flat_map(Pattern::samples);
            let sample = samples.find(|sample| fit.check.admits(sample));
            let texts = plain.then(|| text(schema)).into_iter().chain(sample);
            let texts = texts.filter(|_| fit.bad_pattern.is_none());
            texts.map(Value::String).collect()
        }
    }
}

fn text(schema: &Schema<'_>) -> String {
    let format = schema.keyword("format").and_then(Part::text);
    let plain = format::nothing(format.unwrap_or_default());
    let least = schema.keyword("minLength").and_then(Part::integer);
    let least = least.unwrap_or_default().clamp(0, LENGTH_MAX);
    let missing = usize::try_from(least)
        .unwrap_or_default()
        .saturating_sub(plain.len());
    format!("{plain}{}", "-".repeat(missing))
}
