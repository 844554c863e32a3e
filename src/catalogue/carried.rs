//! Whatever form is granted, what leaves satisfies the field's schema: every stand-in of a field of
//! small generated schemas, beside a validator that knows nothing of the loader.

use super::*;
use crate::mistakes::Mistakes;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Whether a schema in JSON allows `value`. Each pattern that is generated is judged by code of its own.
fn allows(schema: &Value, value: &Value) -> bool {
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "null" => value.is_null(),
        _ => value.is_boolean(),
    };
    let of_type = types.iter().any(|kind| is(kind.as_str().unwrap()));
    let among = schema["enum"]
        .as_array()
        .is_none_or(|words| words.contains(value));
    let bound = |name: &str| schema[name].as_i64();
    let sized = match value {
        Value::String(text) => {
            let length = i64::try_from(text.chars().count()).unwrap();
            bound("minLength").is_none_or(|least| length >= least)
                && bound("maxLength").is_none_or(|most| length <= most)
                && schema["pattern"]
                    .as_str()
                    .is_none_or(|one| matches(one, text))
                && schema["format"].as_str().is_none_or(|one| is_of(one, text))
        }
        Value::Number(number) => {
            let number = number.as_i64().unwrap();
            bound("minimum").is_none_or(|least| number >= least)
                && bound("multipleOf").is_none_or(|step| number % step == 0)
        }
        _ => true,
    };
    of_type && among && sized
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[A-Z]{2}$" => text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()),
        "^x_[0-9]+$" => text
            .strip_prefix("x_")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())),
        other => panic!("{other}"),
    }
}

fn is_of(format: &str, text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match format {
        "email" => text.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && !host.contains('@') && host.contains('.')
        }),
        "date" => text.len() == 10 && text.split('-').all(digits),
        _ => true,
    }
}

/// A schema of a text or a number, bounded in one way or several.
fn any_schema() -> impl Strategy<Value = Value> {
    let texts = (
        prop_oneof![
            Just(json!({})),
            Just(json!({"pattern": "^[A-Z]{2}$"})),
            Just(json!({"pattern": "^x_[0-9]+$"})),
            Just(json!({"format": "email"})),
            Just(json!({"format": "date"})),
            Just(json!({"format": "password"})),
            Just(json!({"enum": ["open", "shut"]})),
        ],
        proptest::option::of(0..8_i64),
        proptest::option::of(8..40_i64),
        any::<bool>(),
    );
    let texts = texts.prop_map(|(mut schema, least, most, nullable)| {
        schema["type"] = if nullable {
            json!(["string", "null"])
        } else {
            json!("string")
        };
        if let Some(least) = least {
            schema["minLength"] = json!(least);
        }
        if let Some(most) = most {
            schema["maxLength"] = json!(most);
        }
        schema
    });
    let numbers = (-5..9_i64, 1..4_i64)
        .prop_map(|(least, step)| json!({"type": "integer", "minimum": least, "multipleOf": step}));
    prop_oneof![4 => texts, 1 => numbers]
}

/// The field of that schema, required, as the catalogue reads it with a partial form or without;
/// `None` where the catalogue says it cannot.
fn field_of(schema: &Value, partial: Option<&str>) -> Option<Field> {
    let document = super::tests::DOCUMENT
        .replace("name: {type: string}", &format!("name: {schema}"))
        .replace("[id, owner]", "[id, owner, name]");
    let overlay = super::tests::OVERLAY.replace(
        "user.name}",
        &format!(
            "user.name{}}}",
            partial.map_or(String::new(), |one| format!(", x-covenant-partial: {one}"))
        ),
    );
    let mut mistakes = Mistakes::new();
    let folder = Folder::of(
        "zoo",
        [("openapi", document), ("overlay", overlay)]
            .map(|(kind, text)| (format!("catalogue/zoo.{kind}.yaml"), text)),
        &mut mistakes,
    );
    let catalogue = Catalogue::load(&folder, &mut mistakes)?;
    let Body::Data { shape, .. } = &catalogue.operation("getPet")?.answers[0].body else {
        return None;
    };
    let mut fields = shape.fields.iter();
    fields.find(|field| &*field.path == "$.name").cloned()
}

/// What a partial form makes of values of every length that the schema allows.
fn parts(partial: Partial, schema: &Value) -> Vec<String> {
    let (shown, first, rest) = match partial {
        Partial::First(count) => (count, true, ""),
        Partial::Last(count) => (count, false, ""),
        Partial::FirstOfEmail(count) => (count, true, "@example.invalid"),
    };
    let bound = |name: &str, other: i64| schema[name].as_i64().unwrap_or(other);
    let lengths = bound("minLength", 0)..=bound("maxLength", 40);
    let of_length = |length: i64| {
        let shown = if length > i64::from(shown) { shown } else { 0 };
        let kept = "a".repeat(usize::from(shown));
        if first {
            format!("{kept}***{rest}")
        } else {
            format!("***{kept}")
        }
    };
    lengths.map(of_length).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_stands_in_for_a_value_satisfies_the_schema(
        schema in any_schema(),
        partial in proptest::option::of(prop_oneof![
            Just("{first: 2}"), Just("{last: 4}"), Just("{first: 9}")
        ]),
    ) {
        // A form that the schema cannot carry is a mistake, and then there is no catalogue.
        let Some(field) = field_of(&schema, partial) else {
            let without = field_of(&schema, None);
            let named = schema["enum"].is_array() || schema["pattern"].is_string()
                || schema["format"].is_string() || partial.is_some();
            prop_assert!(without.is_some() || named, "refused without need: {schema}");
            return Ok(());
        };
        if field.nullable && field.null_fits {
            prop_assert!(allows(&schema, &Value::Null));
        } else {
            let empty: Value = serde_json::from_slice(&field.empty).unwrap();
            prop_assert!(allows(&schema, &empty), "{schema} {empty}");
        }
        if field.pseudonym_fits {
            let pseudonym = json!("a".repeat(PSEUDONYM_CHARACTERS));
            prop_assert!(allows(&schema, &pseudonym), "{schema}");
        }
        for part in field.partial.iter().flat_map(|one| parts(*one, &schema)) {
            prop_assert!(allows(&schema, &json!(part)), "{schema} {part}");
        }
    }
}

#[test]
fn a_form_that_the_schema_cannot_carry_is_a_mistake() {
    for (schema, partial) in [
        (
            json!({"type": "string", "pattern": "^x_[0-9]+$"}),
            "{first: 2}",
        ),
        (json!({"type": "string", "format": "date"}), "{first: 4}"),
        (json!({"type": "string", "format": "email"}), "{last: 4}"),
        (json!({"type": "string", "maxLength": 5}), "{first: 4}"),
        (json!({"type": "string", "minLength": 4}), "{first: 4}"),
    ] {
        assert!(field_of(&schema, None).is_some(), "{schema}");
        assert!(
            field_of(&schema, Some(partial)).is_none(),
            "{schema} {partial}"
        );
    }
    let fixed = json!({"type": ["string", "null"], "enum": ["open", "shut"]});
    assert!(
        field_of(&fixed, None).is_none(),
        "null is not among its values"
    );
}
