//! Which members of an object were read, so that none is read twice.

/// The members of one object that have been read, by their place.
#[derive(Debug, Default)]
pub(super) struct Seen {
    first: u64,
    others: Vec<u16>,
}

impl Seen {
    /// Adds one; whether it was new.
    #[inline]
    pub(super) fn insert(&mut self, member: u16) -> bool {
        match 1u64.checked_shl(u32::from(member)) {
            Some(bit) => {
                let new = self.first & bit == 0;
                self.first |= bit;
                new
            }
            None => match self.others.binary_search(&member) {
                Ok(_) => false,
                Err(place) => {
                    self.others.insert(place, member);
                    true
                }
            },
        }
    }
}
