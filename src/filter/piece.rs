//! What a scan leaves behind: the catalogued values of a body in order, each 16 bytes, pointing into
//! the body. Flat, so that a subtree is skipped by one jump.

use std::borrow::Cow;

use super::text::{self, unescape, unquoted};
use crate::catalogue::FieldId;

/// Stands for the place of a member that only [`crate::catalogue::ObjectNode::others`] is about: its
/// piece is a [`Content::Name`].
pub(super) const OTHER: u16 = u16::MAX;

/// One catalogued value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Its place in the members of the object around it; meaningless for items and the document.
    pub(super) member: u16,
    pub(super) content: Content,
}

/// What a piece is. `after` is the place in the list of pieces behind everything inside it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// An object that is not a record.
    Object { after: u32 },
    /// The record with this place in [`super::Scanned::records`].
    Record { after: u32, record: u32 },
    /// An array.
    Array { after: u32 },
    /// The name of a member that the catalogue does not list; its scalar is the next piece. In XML and CSV
    /// as it is written, in JSON as a token.
    Name { start: u32, end: u32 },
    /// `null` where an object or a list may stand.
    Null,
    /// A scalar.
    Scalar(Scalar),
}

/// A scalar: its token is `start..end` of the body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scalar {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) field: FieldId,
    pub(super) token: Token,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `null`; in XML and CSV, nothing where `null` may stand.
    Null,
    /// A number, `true` or `false`.
    Bare,
    /// A JSON string without escapes.
    Plain,
    /// A JSON string with escapes, each of which serialising it again would give.
    Escaped,
    /// A JSON string with an escape that serialising it again would not give.
    Respelled,
    /// A text that stands there as it is and as it would be written, in XML or CSV.
    Text,
    /// Text of an element of XML, with references, CDATA sections or ends of lines.
    Marked,
    /// The value of an attribute of XML, with references or white space.
    Attribute,
    /// The inside of a quoted cell of CSV, without quotes in it.
    Quoted,
    /// The inside of a quoted cell of CSV, with doubled quotes.
    Doubled,
}

impl Token {
    /// The value that is written as `written`; of `null` and of what is no text, what stands there.
    pub(super) fn decode(self, written: &str) -> Cow<'_, str> {
        match self {
            Self::Null | Self::Bare | Self::Text | Self::Quoted => Cow::Borrowed(written),
            Self::Plain => Cow::Borrowed(unquoted(written)),
            Self::Escaped | Self::Respelled => unescape(unquoted(written)),
            Self::Marked => text::xml::decode_text(written),
            Self::Attribute => text::xml::decode_attribute(written),
            Self::Doubled => text::csv::decode(written),
        }
    }
}

impl Piece {
    /// The place of the piece behind this one, which stands at `place`, and behind all inside it.
    #[inline]
    pub(super) fn next(&self, place: usize) -> usize {
        match self.content {
            Content::Object { after }
            | Content::Record { after, .. }
            | Content::Array { after } => after as usize,
            Content::Name { .. } => place + 2,
            Content::Null | Content::Scalar(_) => place + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_piece_stays_small() {
        assert_eq!(std::mem::size_of::<super::Piece>(), 16);
    }
}
