//! The files people edit, as trees in which every key and value knows its place. YAML, JSON and TOML
//! become the same [`Node`]s, so that one reader ([`Fields`]) checks them all and every mistake is
//! reported at its line.
//!
//! Nothing here knows what a key means. serde's derive is not used for these files because it stops
//! at the first mistake.

mod fields;
mod folder;
pub mod schema;
mod toml;
mod yaml;

use serde_json::{Map, Number, Value as Json};

pub use self::fields::Fields;
#[cfg(test)]
pub(crate) use self::fields::asked;
pub use self::folder::{FOLDER_BYTES_MAX, Folder};
pub use self::toml::read_toml;
pub use self::yaml::read_yaml;
pub use crate::mistakes::{Source, Span};

/// One value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What stands there.
    pub value: Value,
    /// Where. Of a mapping or sequence, where it begins.
    pub span: Span,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// Text; dates too.
    Text(String),
    /// Values in a row.
    Sequence(Vec<Node>),
    /// Keys and values, in the order of the file. Keys are unique.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// As text, also where the file has a number (`200:`).
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

impl Node {
    /// The value under `name`, if this is a mapping that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let mut entries = self.entries().iter();
        entries
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node)
    }

    /// Keys and values; empty if this is not a mapping.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items; empty if this is not a sequence.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self.value {
            Value::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_boolean(&self) -> Option<bool> {
        match self.value {
            Value::Boolean(boolean) => Some(boolean),
            _ => None,
        }
    }

    /// Whether it is a mapping.
    pub fn is_mapping(&self) -> bool {
        matches!(self.value, Value::Mapping(_))
    }

    /// What it is, for messages: `text`, `a mapping`, ...
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Boolean(_) => "true or false",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The same without places. A float that JSON cannot carry (infinite, not a number) is `null`.
    pub fn to_value(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Boolean(boolean) => Json::Bool(*boolean),
            Value::Integer(integer) => Json::Number((*integer).into()),
            Value::Float(float) => Number::from_f64(*float).map_or(Json::Null, Json::Number),
            Value::Text(text) => Json::String(text.clone()),
            Value::Sequence(items) => items.iter().map(Self::to_value).collect(),
            Value::Mapping(entries) => {
                let plain = |(key, node): &(Key, Self)| (key.name.clone(), node.to_value());
                Json::Object(entries.iter().map(plain).collect::<Map<_, _>>())
            }
        }
    }
}
