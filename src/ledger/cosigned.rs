//! Checkpoints that witnesses have cosigned, as they are kept beside the published one: for each witness the
//! newest, with the signatures of all who vouched for the same, in `cosigned/<id of its key>`.

use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::cosignature;
use super::damage::{Damage, ReadError};
use super::keys::Keys;
use super::pruning;
use super::reads;

/// Folder of the files.
pub(super) const FOLDER: &str = "cosigned";

/// Most files that are looked at: of more witnesses than a log has.
const FILES_MAX: usize = 64;

/// Path of the file of the key with this id, eight hexadecimal digits.
pub(super) fn path(directory: &Path, id: &str) -> PathBuf {
    directory.join(FOLDER).join(id)
}

/// Whether this is the id of a key.
pub(super) fn is_id(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 8 && text.bytes().all(digit)
}

/// A checkpoint of the log, and what is written under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The signed note, with all its signatures.
    pub note: String,
    /// What it says.
    pub checkpoint: Checkpoint,
}

/// The cosigned checkpoints in `directory`, the smallest first. The log's signature is good; whether those of
/// witnesses are, [`super::vouching`] says.
///
/// # Errors
///
/// [`ReadError::Damaged`], where one is not signed by any of `keys`.
pub fn cosigned(directory: &Path, keys: &Keys) -> Result<Vec<Cosigned>, ReadError> {
    let folder = directory.join(FOLDER);
    let mut found = Vec::new();
    for name in reads::names(&folder)?.into_iter().take(FILES_MAX) {
        if name.to_str().is_some_and(is_id) {
            let path = folder.join(name);
            let read = reads::file(&path)?;
            found.extend(read.map(|bytes| opened(bytes, &path, keys)).transpose()?);
        }
    }
    found.sort_by_key(|cosigned| cosigned.checkpoint.size);
    Ok(found)
}

/// A checkpoint that one of `keys` has signed, from the bytes of the file `path`.
pub(super) fn opened(bytes: Vec<u8>, path: &Path, keys: &Keys) -> Result<Cosigned, ReadError> {
    let wrong = |what: &str| {
        let path = path.display();
        ReadError::from(Damage::somewhere(format!(
            "the checkpoint in `{path}`: {what}"
        )))
    };
    let note = String::from_utf8(bytes).map_err(|_| wrong("it is not text"))?;
    let checkpoint = keys.read_checkpoint(&note);
    let checkpoint = checkpoint.map_err(|error| wrong(&error.to_string()))?;
    Ok(Cosigned { note, checkpoint })
}

/// The cosigned checkpoints that cover an entry that is still there, each once, in the order in which an entry
/// is best proven under them: those that most have signed first, and of these the newest.
pub(super) fn best_first(directory: &Path, keys: &Keys) -> Result<Vec<Cosigned>, ReadError> {
    let signers = |note: &str| cosignature::signers(note).map_or(0, |signers| signers.len());
    let minimum = pruning::read(directory)?.index;
    let mut found = cosigned(directory, keys)?;
    found.retain(|one| one.checkpoint.size > minimum);
    found.sort_by_cached_key(|one| (signers(&one.note), one.checkpoint.size, one.note.clone()));
    found.dedup();
    found.reverse();
    Ok(found)
}
