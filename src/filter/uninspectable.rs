//! Why a body was refused whole. Says where and what kind of doubt, in words of the catalogue, never a value or a
//! key of the body: these messages reach logs.

use std::fmt;

use crate::catalogue::{FieldId, Misfit, Shape};

/// A body that cannot be inspected: nothing of it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (at byte {offset})")]
pub struct Uninspectable {
    /// What was wrong.
    pub reason: Reason,
    /// Where, in bytes from the start of the body.
    pub offset: usize,
    /// The field of which a value does not match, where it is known.
    field: Option<Mismatched>,
}

/// A field, and what a value of it fails; nothing where it is of another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mismatched {
    field: FieldId,
    misfit: Option<Misfit>,
}

impl Uninspectable {
    #[cold]
    pub(super) fn new(reason: Reason, offset: usize) -> Self {
        Self {
            reason,
            offset,
            field: None,
        }
    }

    /// A value that does not match, of this field.
    #[cold]
    pub(super) fn of_field(self, field: FieldId, misfit: Option<Misfit>) -> Self {
        let field = Mismatched { field, misfit };
        Self {
            field: Some(field).filter(|_| self.reason == Reason::Mismatch),
            ..self
        }
    }

    /// The same, that many bytes further on.
    #[cold]
    pub(super) fn behind(self, bytes: usize) -> Self {
        Self {
            offset: self.offset + bytes,
            ..self
        }
    }

    /// In words, with the path of the field and the keyword of its schema where a value does not match; `shape`
    /// is that by which the body was read.
    pub fn told(&self, shape: &Shape) -> String {
        let Self { offset, field, .. } = *self;
        let field =
            field.and_then(|one| Some((shape.fields.get(usize::from(one.field.0))?, one.misfit)));
        let Some((field, misfit)) = field else {
            return self.to_string();
        };
        let fails = match misfit {
            None => "is not of the type in the catalogue",
            Some(Misfit::Words) => "fails `enum` or `const` in the catalogue",
            Some(Misfit::Pattern) => "fails `pattern` in the catalogue",
            Some(Misfit::Format) => "fails `format` in the catalogue",
            Some(Misfit::Length) => {
                "fails `minLength` or `maxLength`, without which a text has a limit too"
            }
            Some(Misfit::Document) => "is a JSON document, which only what customers wrote may be",
            Some(Misfit::Bounds) => "fails `minimum` or `maximum` in the catalogue",
            Some(Misfit::Step) => "fails `multipleOf` in the catalogue",
        };
        format!("a value of `{}` {fails} (at byte {offset})", field.path)
    }
}

/// What makes a body uninspectable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// More bytes than the limit.
    TooLarge,
    /// Nothing at all.
    Empty,
    /// It begins with a byte order mark (RFC 8259 section 8.1).
    ByteOrderMark,
    /// It is not UTF-8.
    NotUtf8,
    /// It ends before the value does.
    Truncated,
    /// A character that the format does not allow there; also `NaN`, comments, trailing commas in JSON.
    Unexpected,
    /// A control character where the format allows none.
    ControlCharacter,
    /// An escape that JSON does not have.
    BadEscape,
    /// An escaped surrogate without its partner: no character.
    LoneSurrogate,
    /// A number that is not written as JSON writes numbers.
    BadNumber,
    /// The same key twice in one object, however spelled; likewise elements, attributes, columns.
    DuplicateKey,
    /// Nested more deeply than the limit.
    TooDeep,
    /// One object with more unknown members than the limit, or an unlisted name longer than the limit.
    TooManyMembers,
    /// What is only ever an invitation in data: a document type, an entity of its own, a processing
    /// instruction, a comment, another version or coding of XML.
    Markup,
    /// A reference to something else than a character.
    BadReference,
    /// Something that is no name of XML.
    BadName,
    /// A namespace, or a prefix, that the catalogue does not know.
    Namespace,
    /// The end of another element than the one that is open.
    EndTag,
    /// The first line does not name the columns that must be there.
    NoHeader,
    /// A line with more or fewer cells than the header.
    Ragged,
    /// A quote inside a cell that does not begin with one, or something behind a closing quote.
    BadQuoting,
    /// Something follows the value.
    TrailingData,
    /// A value of another type than the catalogue says, or one that its schema does not allow.
    Mismatch,
    /// One record, or what surrounds the records, names two customers.
    SeveralCustomers,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooLarge => "the body is larger than the limit",
            Self::Empty => "the body is empty",
            Self::ByteOrderMark => "the body begins with a byte order mark",
            Self::NotUtf8 => "the body is not UTF-8",
            Self::Truncated => "the body ends too early",
            Self::Unexpected => "a character stands where its format does not allow it",
            Self::ControlCharacter => "a text holds a control character that may not stand there",
            Self::BadEscape => "a string holds an escape that JSON does not have",
            Self::LoneSurrogate => "a string holds half a surrogate pair",
            Self::BadNumber => "a number is not written as JSON writes numbers",
            Self::DuplicateKey => "an object has the same member twice",
            Self::TooDeep => "the body is nested more deeply than the limit",
            Self::TooManyMembers => "an object has more or longer unknown members than the limit",
            Self::Markup => "a document type, entity, instruction or comment stands in it",
            Self::BadReference => "a reference stands for no character",
            Self::BadName => "something that is no name stands for one",
            Self::Namespace => "a namespace or prefix is not the catalogue's",
            Self::EndTag => "an element ends that is not open",
            Self::NoHeader => "the first line does not name the columns of the catalogue",
            Self::Ragged => "a line has more or fewer cells than the header",
            Self::BadQuoting => "a cell is not quoted as CSV quotes",
            Self::TrailingData => "something follows the value",
            Self::Mismatch => "a value does not match the catalogue",
            Self::SeveralCustomers => "one record names several customers",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Check, Format, Node, NumberBounds, ScalarKind, TextBounds};
    use crate::filter::sample::{Builder, record};
    use crate::filter::stream::Stream;
    use crate::filter::{Limits, read};

    fn codes() -> Shape {
        let mut builder = Builder::default();
        let code = builder.text("system.operations");
        let bounds = TextBounds {
            pattern: Some("^[A-Z]+$".to_owned()),
            characters_max: Some(3),
            ..TextBounds::default()
        };
        builder.last().path = "$[*].code".into();
        builder.last().check = Check::of_text(&bounds).unwrap();
        let count = builder.field(ScalarKind::Integer, "system.operations");
        let bounds = NumberBounds {
            most: Some(("9".to_owned(), true)),
            ..NumberBounds::default()
        };
        builder.last().path = "$[*].count".into();
        builder.last().check = Check::of_number(bounds);
        let record = record([("code", code), ("count", count)]);
        builder.shape(Node::Array(Box::new(record)))
    }

    #[test]
    fn a_value_that_does_not_match_is_told_by_its_field_and_keyword_and_never_itself() {
        let shape = codes();
        for (format, body, told) in [
            (
                Format::Json,
                r#"[{"code":"canary"}]"#,
                "a value of `$[*].code` fails `pattern` in the catalogue (at byte 9)",
            ),
            (
                Format::JsonLines,
                "{\"code\":\"A\"}\n{\"count\":\"canary\"}\n",
                "a value of `$[*].count` is not of the type in the catalogue (at byte 22)",
            ),
            (
                Format::Csv,
                "code,count\r\nABCD,1\r\n",
                "a value of `$[*].code` fails `minLength` or `maxLength`, without which a text has a limit too (at byte 12)",
            ),
            (
                Format::Csv,
                "code,count\r\nABC,10\r\n",
                "a value of `$[*].count` fails `minimum` or `maximum` in the catalogue (at byte 16)",
            ),
            (
                Format::Json,
                r#"["canary"]"#,
                "a value does not match the catalogue (at byte 1)",
            ),
        ] {
            let found = read(format, &shape, body.as_bytes(), &Limits::default());
            assert_eq!(found.unwrap_err().told(&shape), told);
        }
        let mut stream = Stream::new(Format::JsonLines, &shape, Vec::new(), Limits::default());
        let stream = stream.as_mut().unwrap();
        let mut input = &b"{\"code\":\"canary\"}\n"[..];
        assert!(stream.next(&mut input).unwrap().is_none());
        let told = stream.end().unwrap_err().told(&shape);
        let expected = "a value of `$[*].code` fails `pattern` in the catalogue (at byte 8)";
        assert_eq!(told, expected);
    }
}
