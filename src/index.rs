//! Finding entries of the ledger by what they are about. The index is derived: it names bundles of 256
//! entries by words that stand in them, and every hit is read again from the log, so that nothing has to
//! be believed of it. It is fed behind the ledger by a thread of its own, never on an answer's way; what it
//! does not have yet is read from the log itself, so a search is whole at any time. Deleted, damaged, of
//! another version or of another log, it is made again from the log.
//!
//! Not here: who may search (`administration`), proofs (`ledger::proof`), and any fact: whoever is
//! forgotten in the Registry is not found here, for the index has numbers made of references only.

mod feed;
mod query;
mod store;
mod terms;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

pub use query::Query;

use crate::entry::{Entry, EntryError};
use crate::ledger::{BUNDLE_ENTRIES, Ledger, ReadError, reading};
use store::Store;

/// Folder of the index below the ledger's directory.
const FOLDER: &str = "index";
/// Name of its file.
const FILE: &str = "search.sqlite";
/// Bundles asked of the database at once.
const BUNDLES_AT_ONCE: u32 = 1_024;

/// Why nothing could be found out.
#[derive(Debug, Error)]
pub enum FindError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// What was read is no entry.
    #[error("entry {index}: {cause}")]
    Entry {
        /// Its index in the log.
        index: u64,
        /// Why.
        cause: EntryError,
    },
    /// The index could not be written or read.
    #[error("the index of the ledger: {0}")]
    Index(#[from] rusqlite::Error),
    /// Its file could not be made or removed.
    #[error("the index of the ledger, `{}`: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
}

/// An entry that fits: its index in the log, its canonical bytes, and itself.
pub type Hit = (u64, Vec<u8>, Entry);

/// The index of one ledger.
#[derive(Debug)]
pub struct Index {
    directory: PathBuf,
    /// Nothing while it is not there, or not to be trusted.
    store: Mutex<Option<Store>>,
    /// Index of the first entry that it does not have.
    next: AtomicU64,
    to_be_made_again: AtomicBool,
}

impl Index {
    /// The index of the ledger in `directory`, with nothing in it until it is fed.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            store: Mutex::new(None),
            next: AtomicU64::new(0),
            to_be_made_again: AtomicBool::new(false),
        }
    }

    /// Likewise, fed from `ledger` by a thread that ends when the index is dropped.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn start(directory: &Path, ledger: Ledger) -> std::io::Result<Arc<Self>> {
        let index = Arc::new(Self::new(directory));
        feed::start(&index, ledger)?;
        Ok(index)
    }

    /// How many entries it has, from the first.
    pub fn size(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    /// Has it made again from the log, by the thread that feeds it. Until that is done, searches read the
    /// log itself.
    pub fn make_again(&self) {
        self.to_be_made_again.store(true, Ordering::SeqCst);
        self.next.store(0, Ordering::SeqCst);
    }

    /// Makes the index again at once, up to the end of the log as it stands; `told` now and then how many
    /// entries it has. For a log whose gateway does not run.
    ///
    /// # Errors
    /// [`FindError`]; [`FindError::Index`] also where a gateway has it open.
    pub fn rebuild(&self, told: impl Fn(u64)) -> Result<u64, FindError> {
        self.make_again();
        let mut feeding = feed::Feeding::default();
        while feeding.step(self, u64::MAX)? {
            told(self.size());
        }
        Ok(self.size())
    }

    /// Hands the entries at `places` of the log that fit `query` to `take`, in order, until that says no
    /// more; how many entries were read for it. Reads files, so it blocks.
    ///
    /// # Errors
    /// [`FindError::Log`] and [`FindError::Entry`]. What is wrong with the index alone is no error: the log
    /// is read instead.
    pub fn find(
        &self,
        query: &Query,
        places: Range<u64>,
        mut take: impl FnMut(Hit) -> bool,
    ) -> Result<u64, FindError> {
        let mut finding = Finding {
            directory: &self.directory,
            query,
            entries_read: 0,
            take: &mut take,
        };
        let mut place = places.start;
        // Nobody has to be asked about a query that says nothing: all bundles would fit.
        while query.says_something() {
            let Some((bundles, indexed)) = self.bundles(query, place / BUNDLE_ENTRIES) else {
                break;
            };
            let indexed = indexed.min(places.end);
            let last = (bundles.len() as u64) < u64::from(BUNDLES_AT_ONCE);
            for bundle in bundles {
                let begin = place.max(bundle * BUNDLE_ENTRIES);
                let end = indexed.min((bundle + 1) * BUNDLE_ENTRIES);
                if !finding.read(begin..end)? {
                    return Ok(finding.entries_read);
                }
                place = place.max(end);
            }
            if last {
                place = place.max(indexed);
                break;
            }
        }
        finding.read(place..places.end)?;
        Ok(finding.entries_read)
    }

    /// The first bundles of 256 entries, from this one on, that may hold what fits, at most 1,024 of them, and
    /// how many entries the index has; nothing where it cannot be asked, and then the log must be read.
    pub fn bundles(&self, query: &Query, from: u64) -> Option<(Vec<u64>, u64)> {
        let mut store = self.store();
        if self.to_be_made_again.load(Ordering::SeqCst) {
            return None;
        }
        match store.as_ref()?.bundles(query, from, BUNDLES_AT_ONCE) {
            Ok(found) => Some((found, self.size())),
            Err(error) => {
                tracing::warn!(%error, "the index of the ledger cannot be read; it is made again");
                *store = None;
                self.make_again();
                None
            }
        }
    }

    fn store(&self) -> MutexGuard<'_, Option<Store>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self) -> PathBuf {
        self.directory.join(FOLDER).join(FILE)
    }
}

/// A walk through parts of the log.
struct Finding<'a> {
    directory: &'a Path,
    query: &'a Query,
    entries_read: u64,
    take: &'a mut dyn FnMut(Hit) -> bool,
}

impl Finding<'_> {
    /// Reads these entries; whether more are wanted.
    fn read(&mut self, places: Range<u64>) -> Result<bool, FindError> {
        if places.is_empty() {
            return Ok(true);
        }
        for item in reading::entries(self.directory, places.start) {
            let (index, bytes) = item?;
            if index >= places.end {
                break;
            }
            self.entries_read += 1;
            if !self.query.may_fit(&bytes) {
                continue;
            }
            let entry = Entry::parse(&bytes).map_err(|cause| FindError::Entry { index, cause })?;
            if self.query.fits(&entry) && !(self.take)((index, bytes, entry)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
