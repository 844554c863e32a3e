//! Pieces of JSON Schema (2020-12) for the files people edit, so that an editor tells while typing what
//! loading would tell afterwards. What belongs in which file is said beside that file's reader.
//!
//! A schema is an aid: what a file is right by is the reader.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

/// The dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A mapping with these keys and no others. A key is required where `!` ends it.
pub fn mapping(description: &str, keys: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut required = Vec::new();
    let mut properties = Map::new();
    for (key, schema) in keys {
        let name = key.trim_end_matches('!');
        if name != key {
            required.push(name);
        }
        properties.insert(name.to_owned(), schema);
    }
    json!({
        "type": "object",
        "description": description,
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// The schema of a whole file.
pub fn file(title: &str, mut top: Value) -> Value {
    if let Value::Object(map) = &mut top {
        map.shift_insert(0, "$schema".to_owned(), json!(DIALECT));
        map.shift_insert(1, "title".to_owned(), json!(title));
    }
    top
}

/// A text that is not empty.
pub fn text(description: &str) -> Value {
    json!({"type": "string", "description": description, "pattern": "\\S"})
}

/// A whole number.
pub fn integer(description: &str, range: RangeInclusive<u32>) -> Value {
    let (least, most) = (range.start(), range.end());
    json!({"type": "integer", "description": description, "minimum": least, "maximum": most})
}

/// True or false.
pub fn boolean(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

/// A day, as `2026-11-22`.
pub fn date(description: &str) -> Value {
    json!({"type": "string", "format": "date", "pattern": "^\\d{4}-\\d{2}-\\d{2}$", "description": description})
}

/// One of some words.
pub fn one_of<'a>(description: &str, words: impl IntoIterator<Item = &'a str>) -> Value {
    let words: Vec<&str> = words.into_iter().collect();
    json!({"type": "string", "description": description, "enum": words})
}

/// A list.
pub fn list(description: &str, items: Value) -> Value {
    json!({"type": "array", "description": description, "items": items})
}

/// A list that is not empty and holds nothing twice.
pub fn set(description: &str, items: Value) -> Value {
    json!({"type": "array", "description": description, "items": items, "minItems": 1, "uniqueItems": true})
}

#[cfg(test)]
pub(crate) mod testing;
