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
    /// No JSON value at all.
    Empty,
    /// It begins with a byte order mark (RFC 8259 section 8.1).
    ByteOrderMark,
    /// It is not UTF-8.
    NotUtf8,
    /// It ends before the value does.
    Truncated,
    /// A character that JSON does not allow there; also `NaN`, comments, trailing commas.
    Unexpected,
    /// An unescaped control character in a string.
    ControlCharacter,
    /// An escape that JSON does not have.
    BadEscape,
    /// An escaped surrogate without its partner: no character.
    LoneSurrogate,
    /// A number that is not written as JSON writes numbers.
    BadNumber,
    /// The same key twice in one object, however spelled.
    DuplicateKey,
    /// Nested more deeply than the limit.
    TooDeep,
    /// One object with more unknown members than the limit.
    TooManyMembers,
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
            Self::Unexpected => "a character stands where JSON does not allow it",
            Self::ControlCharacter => "a string holds an unescaped control character",
            Self::BadEscape => "a string holds an escape that JSON does not have",
            Self::LoneSurrogate => "a string holds half a surrogate pair",
            Self::BadNumber => "a number is not written as JSON writes numbers",
            Self::DuplicateKey => "an object has the same key twice",
            Self::TooDeep => "the body is nested more deeply than the limit",
            Self::TooManyMembers => "an object has more unknown members than the limit",
            Self::TrailingData => "something follows the JSON value",
            Self::Mismatch => "a value does not match the catalogue",
            Self::SeveralCustomers => "one record names several customers",
        })
    }
}
