//! Parts of an answer that has been read, and the values in them, decoded: for whoever must know what they
//! say without letting any of it out.

use std::borrow::Cow;

use super::piece::{Content, Token};
use super::scanned::Scanned;
use crate::catalogue::FieldId;

/// Everything inside one object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subtree {
    pub(super) first: usize,
    pub(super) after: usize,
}

impl Scanned<'_> {
    /// The records, by their place in [`Scanned::records`].
    pub fn subtrees(&self) -> Vec<Subtree> {
        let mut subtrees = vec![Subtree::default(); self.records.len()];
        for (place, piece) in self.pieces.iter().enumerate() {
            if let Content::Record { after, record } = piece.content
                && let Some(subtree) = subtrees.get_mut(record as usize)
            {
                *subtree = Subtree {
                    first: place + 1,
                    after: after as usize,
                };
            }
        }
        subtrees
    }

    /// The values in a subtree, in order, but for `null`.
    pub fn values(&self, subtree: Subtree) -> impl Iterator<Item = (FieldId, Cow<'_, str>)> {
        let pieces = self.pieces.get(subtree.first..subtree.after);
        let pieces = pieces.unwrap_or_default().iter();
        pieces.filter_map(|piece| match piece.content {
            Content::Scalar(scalar) => {
                let written = self.text.get(scalar.start as usize..scalar.end as usize)?;
                let value = (scalar.token != Token::Null).then(|| scalar.token.decode(written));
                Some((scalar.field, value?))
            }
            _ => None,
        })
    }
}
