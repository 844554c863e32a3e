//! The members of a request body, whatever format they came in.

use serde_json::Value;

/// One value that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// JSON's `null`.
    Null,
    /// `true` or `false`.
    Truth,
    /// A number, as it is written in its shortest form.
    Number(String),
    /// A text.
    Text(String),
    /// A file of this media type, empty where it says none; it is not opened.
    File(String),
    /// Several values.
    List(Vec<Sent>),
    /// Members: each that the catalogue names once, others as often as XML repeats them.
    Members(Vec<(String, Sent)>),
}

impl Sent {
    /// What a text or a number says, where it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Number(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<Value> for Sent {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Truth,
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                let members = members.into_iter();
                Self::Members(members.map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}
