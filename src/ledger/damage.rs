//! What is wrong with a stored ledger: damage, told by the entry it begins at, or files that cannot be
//! read at all, which says nothing about the entries in them.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Something stored is not what was recorded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}{what}", place(*.index))]
pub struct Damage {
    /// The first entry that is damaged, where one can be named.
    pub index: Option<u64>,
    /// What is wrong, in words.
    pub what: String,
}

impl Damage {
    pub(super) fn at(index: u64, what: impl Into<String>) -> Self {
        Self {
            index: Some(index),
            what: what.into(),
        }
    }

    pub(super) fn somewhere(what: impl Into<String>) -> Self {
        Self {
            index: None,
            what: what.into(),
        }
    }
}

impl Damage {
    /// Segments are released only under the published checkpoint: where those that are left begin with an entry
    /// behind the first, the file `checkpoint` was there.
    pub(super) fn if_unpublished(checkpoint: &Path, segments_begin: u64) -> Result<(), Self> {
        if segments_begin == 0 {
            return Ok(());
        }
        let path = checkpoint.display();
        Err(Self::somewhere(format!(
            "the published checkpoint `{path}` is gone, and nothing else vouches for what stands before entry {segments_begin}; bring it back, be it from the second checkpoint or from a file in `cosigned`"
        )))
    }

    /// Tiles are made of durable entries only: a log of `size` entries with tiles of more was cut.
    pub(super) fn if_shorter(size: u64, shown: u64) -> Result<(), Self> {
        if size >= shown {
            return Ok(());
        }
        let what = format!("the log ends before it, and there are tiles of {shown} entries");
        Err(Self::at(size, what))
    }
}

fn place(index: Option<u64>) -> String {
    index.map_or_else(String::new, |index| format!("entry {index}: "))
}

/// Why stored entries could not be had.
#[derive(Debug, Error)]
pub enum ReadError {
    /// They are damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The system could not read it, or what the publisher writes could not be written.
    #[error("`{}` cannot be read or written: {source}", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The checkpoint that a log is held against is older than what is left of it.
    #[error(
        "the checkpoint to verify since has {size} entries, and those before entry {minimum} were destroyed (entry {purge} is the latest about a purge): nothing can tell any more whether the log has grown from it"
    )]
    Pruned {
        /// Entries under that checkpoint.
        size: u64,
        /// The first entry that is left.
        minimum: u64,
        /// The entry about the purge.
        purge: u64,
    },
}

impl ReadError {
    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            source,
        }
    }
}
