//! How a customer is reached, in clear, on its way to the book, which keeps keyed fingerprints of it.

use std::fmt;

/// Most contacts of one kind that are taken of one customer at once.
pub const CONTACTS_MAX: usize = 16;

/// What somebody is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactKind {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Telephone,
    /// A postal address, its parts in any order.
    Address,
}

impl ContactKind {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Email, Self::Telephone, Self::Address];
}

/// E-mail addresses, telephone numbers and postal addresses of one customer, as they are written
/// somewhere. Holds what it must not show: made for fingerprints and dropped.
#[derive(Clone, Default)]
pub struct Contacts {
    by_kind: [Vec<String>; ContactKind::ALL.len()],
}

impl Contacts {
    /// Adds one. An empty one, one that is there already, and those beyond [`CONTACTS_MAX`] of a kind
    /// are left out.
    pub fn add(&mut self, kind: ContactKind, written: &str) {
        let written = written.trim();
        if let Some(known) = self.by_kind.get_mut(kind as usize)
            && known.len() < CONTACTS_MAX
            && !written.is_empty()
            && !known.iter().any(|one| one == written)
        {
            known.push(written.to_owned());
        }
    }

    /// Those of one kind, in the order in which they were added.
    pub fn of(&self, kind: ContactKind) -> &[String] {
        self.by_kind.get(kind as usize).map_or(&[], Vec::as_slice)
    }
}

impl fmt::Debug for Contacts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Contacts(not shown)")
    }
}
