//! The check of a field says what its schema says, and whatever form is granted, what leaves satisfies it:
//! every value and every stand-in of a field of small generated schemas, beside a validator that knows
//! nothing of the loader.

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
        r"^\d{5}(-\d{4})?$" => {
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let (five, four) = text.split_once('-').unwrap_or((text, "0000"));
            five.len() == 5 && four.len() == 4 && digits(five) && digits(four)
        }
        "^cus_[a-z0-9]+$" => text.strip_prefix("cus_").is_some_and(|rest| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            !rest.is_empty() && rest.bytes().all(plain)
        }),
        other => panic!("{other}"),
    }
}

fn is_of(format: &str, text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match format {
        "email" => text.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && !host.contains('@') && host.contains('.')
        }),
        "date" => text.split('-').map(str::len).eq([4, 2, 2]) && text.split('-').all(digits),
        "uuid" => uuid::Uuid::try_parse(text).is_ok() && text.len() == 36,
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
            Just(json!({"pattern": r"^\d{5}(-\d{4})?$"})),
            Just(json!({"pattern": "^cus_[a-z0-9]+$"})),
            Just(json!({"format": "uuid"})),
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

/// Values that some of the schemas allow.
fn values() -> Vec<Value> {
    let texts = [
        "",
        "NY",
        "ny",
        "x_0",
        "x_12345678",
        "x_",
        "22201",
        "22201-1234",
        "22201-123",
        "cus_a1",
        "cus_0123456789",
        "ann@example.com",
        "annette.long@mail.example.com",
        "ann",
        "2026-01-31",
        "open",
        "shut",
        "ajar",
        "0191f3a0-0000-7000-8000-0000000000ff",
        "Ünïcödé",
        "a",
        "aaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];
    let numbers = [-6, -1, 0, 1, 2, 3, 4, 6, 8, 9, 12];
    texts
        .iter()
        .map(|text| json!(text))
        .chain(numbers.iter().map(|number| json!(number)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_value_is_admitted_and_replaced_as_its_schema_says(
        schema in any_schema(),
        partial in proptest::option::of(prop_oneof![
            Just("{first: 2}"), Just("{last: 4}"), Just("{first: 9}"), Just("street")
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
        let stand_in: Value = serde_json::from_slice(field.stand_in()).unwrap();
        prop_assert!(allows(&schema, &stand_in), "{schema} {stand_in}");
        for value in values() {
            let admitted = match &value {
                Value::String(text) if field.kind == ScalarKind::String => field.check.admits(text),
                Value::Number(number) if field.kind != ScalarKind::String => {
                    field.check.admits_bare(&number.to_string())
                }
                _ => continue,
            };
            prop_assert_eq!(admitted, allows(&schema, &value), "{} {}", schema, value);
            let mut made = String::new();
            let text = value.as_str().filter(|_| admitted).unwrap_or_default();
            if field.partial.is_some_and(|one| one.write(text, &field.check, &mut made)) {
                prop_assert!(allows(&schema, &json!(made)), "{schema} {made}");
            }
            made.clear();
            if let Some(pseudonym) = &field.pseudonym {
                let byte = u8::try_from(text.len()).unwrap();
                pseudonym.write(|number| [byte ^ number.to_le_bytes()[0]; 32], &mut made);
                prop_assert!(allows(&schema, &json!(made)), "{schema} {made}");
            }
        }
    }
}

#[test]
fn a_form_that_the_schema_cannot_carry_is_a_mistake() {
    for (schema, partial) in [
        (
            json!({"type": "string", "pattern": "^x_[1-9]+$"}),
            "{first: 2}",
        ),
        (json!({"type": "string", "format": "date"}), "{first: 4}"),
        (json!({"type": "string", "format": "email"}), "{last: 4}"),
        (json!({"type": "string", "format": "email"}), "street"),
        (
            json!({"type": "string", "format": "email", "maxLength": 24}),
            "{first: 9}",
        ),
    ] {
        assert!(field_of(&schema, None).is_some(), "{schema}");
        assert!(
            field_of(&schema, Some(partial)).is_none(),
            "{schema} {partial}"
        );
    }
    let shaped = [
        (
            json!({"type": "string", "maxLength": 5}),
            Partial::FirstInShape(4),
        ),
        (
            json!({"type": "string", "minLength": 4}),
            Partial::FirstInShape(4),
        ),
        (
            json!({"type": "string", "pattern": "^x_[0-9]+$"}),
            Partial::FirstInShape(4),
        ),
        (
            json!({"type": "string", "format": "ipv4"}),
            Partial::FirstInShape(4),
        ),
        (json!({"type": "string", "maxLength": 7}), Partial::First(4)),
    ];
    for (schema, expected) in shaped {
        let field = field_of(&schema, Some("{first: 4}")).unwrap();
        assert_eq!(field.partial, Some(expected), "{schema}");
    }
    let fixed = json!({"type": ["string", "null"], "enum": ["open", "shut"]});
    assert!(
        field_of(&fixed, None).is_none(),
        "null is not among its values"
    );
}
