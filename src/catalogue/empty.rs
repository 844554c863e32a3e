//! The value that stands for "nothing" in a field that must be there: it satisfies the field's type,
//! enumeration, pattern and length, so that a strict client still reads the answer (RFC 9537, method
//! `emptyValue`).
//!
//! Of an enumeration none is chosen here: a status nobody has would be a statement about someone. The
//! overlay names one with `x-covenant-empty`.

use serde_json::{Value, json};

use super::document::Part;
use super::pattern::Pattern;
use super::schema::Schema;
use super::shape::ScalarKind;

/// Longest text that is made up to satisfy a `minLength`.
const LENGTH_MAX: i64 = 1_024;

/// The empty value as JSON, or why there is none.
pub(super) fn value(
    schema: &Schema<'_>,
    kind: ScalarKind,
    named: Option<&Part>,
) -> Result<Value, String> {
    if let Some(named) = named {
        let value = named.to_value();
        return match misfit(schema, kind, &value) {
            None => Ok(value),
            Some(reason) => Err(format!("`x-covenant-empty` {reason}")),
        };
    }
    let fixed = schema.keyword("const").map(Part::to_value);
    let words = schema.keyword("enum").map(Part::items).unwrap_or_default();
    if fixed.is_some() || !words.is_empty() {
        return Err("a required field of fixed values needs `x-covenant-empty`".to_owned());
    }
    let candidates = [
        made(schema, kind),
        schema.keyword("example").map(Part::to_value),
    ];
    let mut fitting = candidates.into_iter().flatten();
    fitting
        .find(|value| misfit(schema, kind, value).is_none())
        .ok_or_else(|| {
            "a required field needs `x-covenant-empty`: no value satisfies its schema by itself"
                .to_owned()
        })
}

fn made(schema: &Schema<'_>, kind: ScalarKind) -> Option<Value> {
    match kind {
        ScalarKind::Boolean => Some(json!(false)),
        ScalarKind::Integer | ScalarKind::Number => {
            let least = schema.keyword("minimum").and_then(Part::integer);
            Some(json!(least.unwrap_or_default().max(0)))
        }
        ScalarKind::String => match schema.keyword("pattern") {
            Some(pattern) => Pattern::parse(pattern.text()?)?.sample().map(Value::String),
            None => Some(Value::String(text(schema))),
        },
    }
}

fn text(schema: &Schema<'_>) -> String {
    let format = schema.keyword("format").and_then(Part::text);
    let fixed = match format.unwrap_or_default() {
        "date-time" => "1970-01-01T00:00:00Z",
        "date" => "1970-01-01",
        "time" => "00:00:00Z",
        "email" => "withheld@example.invalid",
        "hostname" => "example.invalid",
        "uri" | "url" => "about:blank",
        "uuid" => "00000000-0000-0000-0000-000000000000",
        "ipv4" => "0.0.0.0",
        "ipv6" => "::",
        _ => "",
    };
    let least = schema.keyword("minLength").and_then(Part::integer);
    let least = least.unwrap_or_default().clamp(0, LENGTH_MAX);
    let missing = usize::try_from(least)
        .unwrap_or_default()
        .saturating_sub(fixed.len());
    format!("{fixed}{}", "-".repeat(missing))
}

/// Why `value` does not satisfy the schema, if it does not. A pattern that is not understood is taken
/// as satisfied: then whoever named the value has to know.
fn misfit(schema: &Schema<'_>, kind: ScalarKind, value: &Value) -> Option<String> {
    let right_type = match kind {
        ScalarKind::String => value.is_string(),
        ScalarKind::Integer => value.is_i64() || value.is_u64(),
        ScalarKind::Number => value.is_number(),
        ScalarKind::Boolean => value.is_boolean(),
    };
    if !right_type {
        return Some("is of another type than the field".to_owned());
    }
    let words = schema.keyword("enum").map(Part::items).unwrap_or_default();
    if !words.is_empty() && !words.iter().any(|word| word.to_value() == *value) {
        return Some("is not one of the field's values".to_owned());
    }
    let fixed = schema.keyword("const").map(Part::to_value);
    if fixed.is_some_and(|fixed| fixed != *value) {
        return Some("is not the field's fixed value".to_owned());
    }
    let pattern = schema.keyword("pattern").and_then(Part::text);
    if let (Some(pattern), Some(text)) = (pattern.and_then(Pattern::parse), value.as_str())
        && !pattern.matches(text)
    {
        return Some("does not match the field's pattern".to_owned());
    }
    let bound = |name: &str| schema.keyword(name).and_then(Part::scalar);
    let bound = |name: &str| bound(name).and_then(|node| node.to_value().as_f64());
    let (size, least, most) = match value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a text of 2^52 characters does not fit a file"
        )]
        Value::String(text) => (text.chars().count() as f64, "minLength", "maxLength"),
        _ => (value.as_f64().unwrap_or_default(), "minimum", "maximum"),
    };
    let numeric = !value.is_string();
    let outside = bound(least).is_some_and(|least| size < least)
        || bound(most).is_some_and(|most| size > most)
        || (numeric && bound("exclusiveMinimum").is_some_and(|least| size <= least))
        || (numeric && bound("exclusiveMaximum").is_some_and(|most| size >= most));
    outside.then(|| format!("is outside `{least}` and `{most}`"))
}
