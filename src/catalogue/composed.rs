//! Room for parts that stand in no file: what a document says in several places, put together. They
//! keep the places of what they are made of, and live as long as the document does, so that they are
//! read like it.

use std::cell::OnceCell;

use super::document::Entry;

/// Most parts that are put together for one document.
const COMPOSED_MAX: usize = 8_192;

/// Parts that were put together.
#[derive(Debug)]
pub(super) struct Composed(Box<[OnceCell<Entry>]>);

impl Composed {
    pub(super) fn new() -> Self {
        Self((0..COMPOSED_MAX).map(|_| OnceCell::new()).collect())
    }

    /// Keeps `entry`; `None` where there is no more room.
    pub(super) fn keep(&self, number: usize, entry: Entry) -> Option<&Entry> {
        let room = self.0.get(number)?;
        Some(room.get_or_init(|| entry))
    }
}
