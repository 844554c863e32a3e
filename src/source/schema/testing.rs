//! What tests ask of a schema: whether a value satisfies it, as far as our schemas go, and which keys and
//! limits it names.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Keywords that say nothing about a value.
const ANNOTATIONS: [&str; 6] = [
    "$schema",
    "title",
    "description",
    "format",
    "$defs",
    "examples",
];

/// Holds a reader to the limits of its schema, of which there are `count`: each limit fits, in the place of
/// what `whole` has there, and the next number beyond it does not. `refuses` asks the reader.
pub(crate) fn assert_same_limits(
    schema: &Value,
    whole: &Value,
    count: usize,
    refuses: impl Fn(&Value) -> bool,
) {
    let limits = limits(schema);
    assert_eq!(limits.len(), count);
    for (pointer, least, most) in limits {
        let beyond = [least - 1, most + 1].map(|number| (number, false));
        for (number, right) in [(least, true), (most, true)].into_iter().chain(beyond) {
            let mut changed = whole.clone();
            *changed.pointer_mut(&pointer).unwrap() = json!(number);
            assert_eq!(!refuses(&changed), right, "the reader, {pointer} {number}");
            let fits = misfits(schema, &changed).is_empty();
            assert_eq!(fits, right, "the schema, {pointer} {number}");
        }
    }
}

/// Why `value` does not satisfy `schema`, with the path. A keyword that is not known here fails the test.
pub(crate) fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if schema == &Value::Bool(false) {
        return found.push(format!("{at}: must not be there"));
    }
    let Some(keywords) = schema.as_object() else {
        return;
    };
    for (keyword, said) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let pointer = said.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(pointer).unwrap(), value, at, found);
            }
            "type" if !is_type(said, value) => found.push(format!("{at}: is not {said}")),
            "enum" if !said.as_array().unwrap().contains(value) => {
                found.push(format!("{at}: {value} is not one of {said}"));
            }
            "const" if said != value => found.push(format!("{at}: {value} is not {said}")),
            "pattern" => {
                let text = value.as_str();
                if text.is_some_and(|text| !matches(said.as_str().unwrap(), text)) {
                    found.push(format!("{at}: {value} does not match {said}"));
                }
            }
            "minimum" | "maximum" => {
                let (limit, number) = (said.as_i64().unwrap(), value.as_i64());
                let outside = number.is_some_and(|number| match keyword.as_str() {
                    "minimum" => number < limit,
                    _ => number > limit,
                });
                if outside {
                    found.push(format!("{at}: {value} is beyond the {keyword} {said}"));
                }
            }
            "minItems" | "uniqueItems" | "minProperties" | "maxProperties" => {
                if !counts(keyword, said, value) {
                    found.push(format!("{at}: {keyword}"));
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, said, item, &format!("{at}[{index}]"), found);
                }
            }
            "required" => {
                for name in said.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    if value.as_object().is_some_and(|map| !map.contains_key(name)) {
                        found.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "properties" | "additionalProperties" | "propertyNames" => {
                members(root, schema, value, (keyword, at), found);
            }
            "anyOf" => {
                let alternatives = said.as_array().unwrap().iter();
                let fits = |one: &Value| {
                    let mut found = Vec::new();
                    check(root, one, value, at, &mut found);
                    found.is_empty()
                };
                if !alternatives.clone().any(fits) {
                    found.push(format!("{at}: none of anyOf"));
                }
            }
            "if" => {
                let mut unmet = Vec::new();
                check(root, said, value, at, &mut unmet);
                let branch = if unmet.is_empty() { "then" } else { "else" };
                check(
                    root,
                    schema.get(branch).unwrap_or(&Value::Null),
                    value,
                    at,
                    found,
                );
            }
            "type" | "enum" | "const" | "then" | "else" => {}
            annotation => assert!(
                ANNOTATIONS.contains(&annotation),
                "{annotation} is not known"
            ),
        }
    }
}

fn members(
    root: &Value,
    schema: &Value,
    value: &Value,
    (keyword, at): (&str, &str),
    found: &mut Vec<String>,
) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let named = schema
            .get("properties")
            .and_then(|properties| properties.get(name));
        let (schema, member) = match keyword {
            "properties" => (named, member.clone()),
            "propertyNames" => (schema.get(keyword), Value::String(name.clone())),
            _ => (
                schema.get(keyword).filter(|_| named.is_none()),
                member.clone(),
            ),
        };
        if let Some(schema) = schema {
            check(root, schema, &member, &format!("{at}.{name}"), found);
        }
    }
}

fn is_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        other => panic!("{other}"),
    };
    match types {
        Value::Array(types) => types.iter().any(is),
        one => is(one),
    }
}

fn counts(keyword: &str, said: &Value, value: &Value) -> bool {
    let items = value.as_array();
    let members = value.as_object().map(serde_json::Map::len);
    let limit = said.as_u64().map(|limit| usize::try_from(limit).unwrap());
    match keyword {
        "minItems" => items.is_none_or(|items| items.len() >= limit.unwrap()),
        "minProperties" => members.is_none_or(|count| count >= limit.unwrap()),
        "maxProperties" => members.is_none_or(|count| count <= limit.unwrap()),
        _ => items.is_none_or(|items| {
            let texts: BTreeSet<String> = items.iter().map(Value::to_string).collect();
            texts.len() == items.len()
        }),
    }
}

/// The patterns that our schemas use.
fn matches(pattern: &str, text: &str) -> bool {
    let all = |text: &str, fits: fn(u8) -> bool| text.bytes().all(fits);
    match pattern {
        "\\S" => !text.trim().is_empty(),
        "^\\d{4}-\\d{2}-\\d{2}$" => text.parse::<jiff::civil::Date>().is_ok(),
        "^[a-z][a-z0-9-]{0,63}$" => crate::terms::PartnerId::parse(text).is_some(),
        "^x-covenant-" => text.starts_with("x-covenant-"),
        "^covenant_[a-z2-7]{12}$" => crate::identity::api_key::is_prefix(text),
        "^[A-Za-z0-9_-]{43}$" => text.len() == 43,
        "^sha256:[A-Za-z0-9_-]{43}$" => text.len() == 50 && text.starts_with("sha256:"),
        "^1\\.0\\.\\d+$" => text.starts_with("1.0."),
        "^P([1-9]|1[0-8])$" => crate::terms::Promise::parse(text).is_some(),
        "^https://[^/?#@ ]+$" => text.starts_with("https://") && !text[8..].contains('/'),
        "^https?://[^/?#@ ]+$" => {
            let authority = text
                .strip_prefix("http://")
                .or(text.strip_prefix("https://"));
            authority.is_some_and(|authority| !authority.contains('/'))
        }
        "^[^/?#@ ]+:\\d+$" => text
            .rsplit_once(':')
            .is_some_and(|(_, port)| all(port, |b| b.is_ascii_digit())),
        "^/" => text.starts_with('/'),
        "^[A-Za-z0-9-]+$" => all(text, |b| b.is_ascii_alphanumeric() || b == b'-'),
        "^(\\[.*\\]|[^:]+):\\d+$" => text
            .rsplit_once(':')
            .is_some_and(|(_, port)| all(port, |b| b.is_ascii_digit())),
        other => panic!("{other}"),
    }
}

/// Every key that a schema names, at any depth, but those below `left_out`.
pub(crate) fn keys(schema: &Value, left_out: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(schema) = open.pop() {
        match schema {
            Value::Object(map) => {
                for (keyword, value) in map {
                    if keyword == "properties" {
                        for (key, below) in value.as_object().unwrap() {
                            found.insert(key.clone());
                            if !left_out.contains(&key.as_str()) {
                                open.push(below);
                            }
                        }
                    } else {
                        open.push(value);
                    }
                }
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// The JSON pointer and the limits of every number that a schema bounds, through mappings and the first
/// items of lists: where in a file that has everything the number stands.
pub(crate) fn limits(schema: &Value) -> Vec<(String, i64, i64)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), schema)];
    while let Some((pointer, schema)) = open.pop() {
        let limit = |name: &str| schema.get(name).and_then(Value::as_i64);
        if let (Some(least), Some(most)) = (limit("minimum"), limit("maximum")) {
            found.push((pointer.clone(), least, most));
        }
        if let Some(items) = schema.get("items") {
            open.push((format!("{pointer}/0"), items));
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, below) in properties.into_iter().flatten() {
            open.push((format!("{pointer}/{key}"), below));
        }
    }
    found
}
