//! Which witnesses vouch for how much of a log, by the checkpoints that are published of it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::cosignature::{self, WitnessKey};
use super::cosigned::{Cosigned, opened, path as path_of};
use super::damage::{Damage, ReadError};
use super::keys::Keys;
use super::tiles::CHECKPOINT;
use super::verify::{Published, folder};

/// The checkpoints that may have been cosigned by any of `witnesses`, as far as they are published.
///
/// # Errors
///
/// As of [`cosigned()`](super::cosigned()).
pub fn published_for(
    source: &dyn Published,
    keys: &Keys,
    witnesses: &[WitnessKey],
) -> Result<Vec<Cosigned>, ReadError> {
    let ids = witnesses
        .iter()
        .map(|key| path_of("".as_ref(), &key.id_text()));
    let mut found = Vec::new();
    for name in ids.chain([PathBuf::from(CHECKPOINT)]) {
        let read = source.read(&name)?;
        found.extend(read.map(|bytes| opened(bytes, &name, keys)).transpose()?);
    }
    Ok(found)
}

/// Likewise, of a ledger in a directory.
///
/// # Errors
///
/// As of [`published_for`].
pub fn kept_for(
    directory: &Path,
    keys: &Keys,
    witnesses: &[WitnessKey],
) -> Result<Vec<Cosigned>, ReadError> {
    published_for(&folder(directory), keys, witnesses)
}

/// What a witness vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouch {
    /// Its name.
    pub witness: String,
    /// The id of its key.
    pub id: String,
    /// Number of entries of the largest checkpoint that it has cosigned, and when, by its own clock; `None`
    /// where it has cosigned none of those looked at.
    pub newest: Option<(u64, Timestamp)>,
}

/// What each of `witnesses` vouches for among `notes`, which are checkpoints of the log.
///
/// # Errors
///
/// [`Damage`], where a line by one of these keys does not verify.
pub fn vouches<'a>(
    notes: impl Iterator<Item = &'a Cosigned> + Clone,
    witnesses: &[WitnessKey],
) -> Result<Vec<Vouch>, Damage> {
    let mut vouches = Vec::new();
    for key in witnesses {
        let mut newest = None;
        for Cosigned { note, checkpoint } in notes.clone() {
            let found = cosignature::cosigned(note, key);
            let found = found.map_err(|error| {
                let size = checkpoint.size;
                Damage::somewhere(format!("the checkpoint of {size} entries: {error}"))
            })?;
            newest = newest.max(found.map(|time| (checkpoint.size, time)));
        }
        vouches.push(Vouch {
            witness: key.name().to_owned(),
            id: key.id_text(),
            newest,
        });
    }
    Ok(vouches)
}
