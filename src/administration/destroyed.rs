//! What is not in the ledger any more, as it says itself.

use std::path::Path;

use super::NotDone;
use super::messages::Destroyed;
use crate::entry::Purge;
use crate::ledger::reading;

/// What the ledger in `directory` says of entries that are not in it any more.
pub(super) fn destroyed(directory: &Path) -> Result<Option<Destroyed>, NotDone> {
    let minimum = reading::minimum(directory)?;
    let Some(index) = minimum.purge else {
        return Ok(None);
    };
    let missing = || NotDone::Damaged(format!("entry {index} is missing"));
    let found = reading::entries(directory, index)
        .next()
        .ok_or_else(missing)?;
    let (place, bytes) = found?;
    let purge = Purge::of(&bytes)
        .filter(|_| place == index)
        .ok_or_else(missing)?;
    Ok(Some(Destroyed {
        entries: minimum.index,
        entries_before: purge.minimum_before,
        newest: purge.newest,
        entry: index,
        terms: purge.terms,
        recipient_keys_until: purge.recipient_keys_until,
    }))
}
