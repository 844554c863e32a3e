//! What a scan leaves behind: the catalogued values of a body in order, each 16 bytes, pointing into
//! the body. Flat, so that a subtree is skipped by one jump.

use crate::catalogue::FieldId;

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
    /// `null` where an object may stand.
    NullObject,
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
    /// `null`.
    Null,
    /// A number, `true` or `false`.
    Bare,
    /// A string without escapes.
    Plain,
    /// A string with escapes, each of which serialising it again would give.
    Escaped,
    /// A string with an escape that serialising it again would not give.
    Respelled,
}

impl Piece {
    /// The place of the piece behind this one, which stands at `place`, and behind all inside it.
    #[inline]
    pub(super) fn next(&self, place: usize) -> usize {
        match self.content {
            Content::Object { after }
            | Content::Record { after, .. }
            | Content::Array { after } => after as usize,
            Content::NullObject | Content::Scalar(_) => place + 1,
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
