//! Changes of the log's key, in a form that goes to others: the entry about one, which names the new key, and
//! the proof of it under the checkpoint that both keys have signed. Both signatures alone say nothing, as
//! anybody can add a line to a signed note; the entry is what the key before has signed.

use std::path::Path;

use super::checkpoint::Checkpoint;
use super::cosigned::opened;
use super::damage::{Damage, ReadError};
use super::key::VerifierKey;
use super::keys::Keys;
use super::proof::{self, NotProven, Prover};
use super::pruning;
use super::reading::entries;
use super::reads;
use crate::entry::{Entry, Event};

/// What the entry about a change is called.
pub(super) const ROTATED: &str = "key-rotated";

/// What it says before the new verifier key.
const NAMES: &str = "signed from now on by ";

/// A change of the log's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Which: from the first key to the second is 1.
    pub number: usize,
    /// The canonical bytes of the entry about it.
    pub entry: Vec<u8>,
    /// The text of its proof, under the checkpoint that both keys have signed.
    pub proof: String,
}

/// Name of the file with the checkpoint of a change, in the ledger's directory.
pub(super) fn file_name(number: usize) -> String {
    format!("rotation-{number}.checkpoint")
}

/// What the entry about a change to `key` says.
pub(super) fn told(key: &VerifierKey) -> String {
    format!("{NAMES}{key}")
}

/// The key that the entry with these bytes names as the next, if it is about a change.
fn named(entry: &[u8]) -> Option<VerifierKey> {
    match Entry::parse(entry).ok()?.event {
        Event::Gateway(note) if note.what == ROTATED => {
            VerifierKey::parse(note.detail?.strip_prefix(NAMES)?).ok()
        }
        _ => None,
    }
}

/// The changes between `keys` of the log in `directory`, in order, as far as their checkpoints are kept and
/// their entries were not pruned.
///
/// # Errors
///
/// [`ReadError::Damaged`], where one that is kept is not what it should be.
pub fn rotations(directory: &Path, keys: &Keys) -> Result<Vec<Rotation>, ReadError> {
    let minimum = pruning::read(directory)?.index;
    let mut found = Vec::new();
    for number in 1..=keys.last_place() {
        let path = directory.join(file_name(number));
        let Some(bytes) = reads::file(&path)? else {
            continue;
        };
        let both = opened(bytes, &path, keys)?;
        // The batch that a key begins with ends with the entry about it.
        let index = both.checkpoint.size.saturating_sub(1);
        if index < minimum {
            continue;
        }
        let wrong = || Damage::at(index, format!("`{}` is not about it", path.display()));
        let (_, entry) = entries(directory, index).next().ok_or_else(wrong)??;
        let prover = Prover::new(directory, keys.clone(), &both.note)?;
        let proof = prover.prove(index, &entry).map_err(|error| match error {
            NotProven::Read(error) => error,
            other => Damage::at(index, other.to_string()).into(),
        })?;
        let before = keys.at(number - 1).cloned().map(Keys::from);
        let after = before.and_then(|before| follow(&before, &entry, &proof));
        if after.is_none_or(|after| Some(after.last()) != keys.at(number)) {
            return Err(wrong().into());
        }
        found.push(Rotation {
            number,
            entry,
            proof,
        });
    }
    Ok(found)
}

/// `trusted` and the key that the last of them handed over to, as this entry and its proof say; nothing where
/// they do not say so.
pub fn follow(trusted: &Keys, entry: &[u8], proof: &str) -> Option<Keys> {
    let before = Keys::from(trusted.last().clone());
    proof::check(proof, entry, &before).ok()?;
    let next = named(entry)?;
    Checkpoint::open(proof::checkpoint_of(proof), &next).ok()?;
    (!trusted.contains(&next)).then(|| trusted.up_to(&next))
}
