//! Members that the catalogue does not list and has one category for.

use super::{Scanner, index};
use crate::catalogue::FieldId;
use crate::filter::piece::{Content, OTHER, Piece};
use crate::filter::uninspectable::{Reason, Uninspectable};

impl Scanner<'_> {
    /// Reads a member that only the category of all others is about, behind its key, in an object whose
    /// unknown keys begin at `opened`.
    pub(super) fn other(&mut self, field: FieldId, opened: usize) -> Result<(), Uninspectable> {
        let key = self.walk.last_key.clone();
        let many = self.walk.unknown(opened) > self.limits.other_members_max;
        if many || key.len() > self.limits.name_bytes_max {
            return Err(Uninspectable::new(Reason::TooManyMembers, key.start));
        }
        let (start, end) = (index(key.start), index(key.end));
        self.pieces.push(Piece {
            member: OTHER,
            content: Content::Name { start, end },
        });
        let mut reader = self.walk.reader;
        self.scalar(&mut reader, field, OTHER)?;
        self.walk.reader = reader;
        Ok(())
    }
}
