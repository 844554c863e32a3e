//! Why a body was refused whole. Says where and what kind of doubt, never a value or a key: these
//! messages reach logs.

use std::fmt;

/// A body that cannot be inspected: nothing of it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (at byte {offset})")]
pub struct Uninspectable {
    /// What was wrong.
    pub reason: Reason,
    /// Where, in bytes from the start of the body.
    pub offset: usize,
}

impl Uninspectable {
    #[cold]
    pub(super) fn new(reason: Reason, offset: usize) -> Self {
        Self { reason, offset }
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
