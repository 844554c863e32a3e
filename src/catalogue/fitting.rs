//! What may stand in a field instead of its value, by the field's schema: a replacement that breaks
//! the schema would break a strict client, so that none ever leaves.

use serde_json::Value;

use super::document::Part;
use super::format;
use super::pattern::Pattern;
use super::schema::Schema;
use super::shape::{
    EMAIL_REST, LINK_CHARACTERS_MAX, PARTIAL_MASK, PSEUDONYM_CHARACTERS, Partial, ScalarKind,
};

/// Characters of `https://`, a host of one and a path of one.
const LINK_CHARACTERS_MIN: usize = 10;

/// Why `value` does not satisfy the field's schema.
pub(super) fn misfit(schema: &Schema<'_>, kind: ScalarKind, value: &Value) -> Option<String> {
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
    match value {
        Value::String(text) => misfit_of_text(schema, text),
        Value::Number(number) => misfit_of_number(schema, number.as_f64().unwrap_or_default()),
        _ => None,
    }
}

fn misfit_of_text(schema: &Schema<'_>, text: &str) -> Option<String> {
    let pattern = schema.keyword("pattern").and_then(Part::text);
    if let Some(pattern) = pattern.and_then(Pattern::parse)
        && !pattern.matches(text)
    {
        return Some("does not match the field's pattern".to_owned());
    }
    let format = format_of(schema);
    if !format::fits(format, text) {
        return Some(format!("is not of the field's format `{format}`"));
    }
    let (least, most) = lengths(schema);
    let length = text.chars().count();
    (length < least || length > most).then(|| "is outside `minLength` and `maxLength`".to_owned())
}

fn misfit_of_number(schema: &Schema<'_>, number: f64) -> Option<String> {
    let bound = |name: &str| {
        let node = schema.keyword(name).and_then(Part::scalar);
        node.and_then(|node| node.to_value().as_f64())
    };
    // OpenAPI 3.0 says with `true` that a bound is exclusive, 3.1 gives the bound itself.
    let strict = |name: &str| schema.keyword(name).and_then(Part::boolean) == Some(true);
    let (least, most) = (bound("minimum"), bound("maximum"));
    let below = least
        .is_some_and(|least| number < least || (strict("exclusiveMinimum") && number <= least))
        || bound("exclusiveMinimum").is_some_and(|least| number <= least);
    let above = most
        .is_some_and(|most| number > most || (strict("exclusiveMaximum") && number >= most))
        || bound("exclusiveMaximum").is_some_and(|most| number >= most);
    if below || above {
        return Some("is outside `minimum` and `maximum`".to_owned());
    }
    if bound("multipleOf").is_some_and(|step| step > 0.0 && number % step != 0.0) {
        return Some("is not a multiple as `multipleOf` asks for".to_owned());
    }
    let (least, most) = match format_of(schema) {
        "int8" => (f64::from(i8::MIN), f64::from(i8::MAX)),
        "uint8" => (f64::from(u8::MIN), f64::from(u8::MAX)),
        "int16" => (f64::from(i16::MIN), f64::from(i16::MAX)),
        "int32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => return None,
    };
    let outside = !(least..=most).contains(&number);
    outside.then(|| format!("is too large for the format `{}`", format_of(schema)))
}

/// Whether it can be told what matches the field's pattern: it has none, or one that is understood.
pub(super) fn pattern_is_understood(schema: &Schema<'_>) -> bool {
    match schema.keyword("pattern") {
        Some(pattern) => pattern.text().and_then(Pattern::parse).is_some(),
        None => true,
    }
}

/// Whether `null`, which the type allows, is also among the field's values.
pub(super) fn null_fits(schema: &Schema<'_>) -> bool {
    let words = schema.keyword("enum").map(Part::items).unwrap_or_default();
    let among = words.is_empty() || words.iter().any(|word| word.to_value().is_null());
    let fixed = schema.keyword("const").map(Part::to_value);
    among && fixed.is_none_or(|fixed| fixed.is_null())
}

/// Whether every pseudonym satisfies the field's schema. That a pattern matches them all is not
/// looked into: where there is one, the answer is no.
pub(super) fn pseudonym_fits(schema: &Schema<'_>, kind: ScalarKind) -> bool {
    let (least, most) = lengths(schema);
    kind == ScalarKind::String
        && bounding_keyword(schema).is_none()
        && format::is_free(format_of(schema))
        && (least..=most).contains(&PSEUDONYM_CHARACTERS)
}

/// The partial form that is made of `partial` for this field, every value of which satisfies its
/// schema.
///
/// # Errors
/// Why there is none.
pub(super) fn partial(schema: &Schema<'_>, partial: Partial) -> Result<Partial, String> {
    if let Some(keyword) = bounding_keyword(schema) {
        return Err(format!("a part of a value breaks the field's `{keyword}`"));
    }
    let format = format_of(schema);
    let (partial, shown) = match partial {
        Partial::First(shown) | Partial::FirstOfEmail(shown) if format::is_email(format) => {
            (Partial::FirstOfEmail(shown), shown)
        }
        Partial::Last(_) if format::is_email(format) => {
            let reason = "of an e-mail address only the first characters can be shown, or it is \
                          none: write `{first: n}`";
            return Err(reason.to_owned());
        }
        _ if !format::is_free(format) => {
            return Err(format!(
                "a part of a value is not of the field's format `{format}`"
            ));
        }
        Partial::First(shown) | Partial::Last(shown) | Partial::FirstOfEmail(shown) => {
            (partial, shown)
        }
    };
    let shown = usize::from(shown);
    let rest = match partial {
        Partial::FirstOfEmail(_) => EMAIL_REST.len(),
        Partial::First(_) | Partial::Last(_) => 0,
    };
    let masked = PARTIAL_MASK.len() + rest;
    let (least, most) = lengths(schema);
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
    Ok(partial)
}

/// Why a link that the gateway makes may not satisfy the field's schema.
pub(super) fn link_misfit(schema: &Schema<'_>) -> Option<String> {
    if let Some(keyword) = bounding_keyword(schema) {
        return Some(format!("breaks the field's `{keyword}`"));
    }
    let format = format_of(schema);
    if !format::is_link(format) && !format::is_free(format) {
        return Some(format!("is not of the field's format `{format}`"));
    }
    let (least, most) = lengths(schema);
    if least > LINK_CHARACTERS_MIN || most < LINK_CHARACTERS_MAX {
        return Some(format!(
            "has {LINK_CHARACTERS_MIN} to {LINK_CHARACTERS_MAX} characters, which is outside the \
             field's `minLength` and `maxLength`; an overlay can set those"
        ));
    }
    None
}

/// The keyword that fixes what a text may be.
fn bounding_keyword(schema: &Schema<'_>) -> Option<&'static str> {
    let mut keywords = ["enum", "const", "pattern"].into_iter();
    keywords.find(|keyword| schema.keyword(keyword).is_some())
}

pub(super) fn format_of<'a>(schema: &Schema<'a>) -> &'a str {
    let format = schema.keyword("format").and_then(Part::text);
    format.unwrap_or_default()
}

/// The least and the most characters of a text.
fn lengths(schema: &Schema<'_>) -> (usize, usize) {
    let count = |name: &str| {
        let count = schema.keyword(name).and_then(Part::integer)?;
        usize::try_from(count).ok()
    };
    let least = count("minLength").unwrap_or_default();
    (least, count("maxLength").unwrap_or(usize::MAX))
}
