//! What the start counts from the ledger: budgets, and the latest change of the policy set. They are a fold
//! over all entries. So that a start does not take longer the longer the log is, the fold is kept now and
//! then, with the index up to which it goes, and the next start goes on from there.
//!
//! What is kept is derived and is never believed over the log: it counts only where it is whole, was sealed
//! with a key that is made from the log's signing key, and the log still begins with the very entries it was
//! counted from. Otherwise everything is counted from the first entry.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use tokio::task::spawn_blocking;

use crate::allowance::Allowance;
use crate::allowance::fold::spent;
use crate::clock::Clock;
use crate::entry::Entry;
use crate::files::{self, Readers};
use crate::ledger::merkle::Hash;
use crate::ledger::{Ledger, reading};
use crate::publishing::Announced;

/// How many entries more there must be for the fold to be kept anew; about so many are counted at a start.
const ENTRIES_BETWEEN: u64 = 20_000;

/// Name of the file in the ledger's directory.
const FILE: &str = "counted";

/// Largest file that is read: ten million people and more.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

const MAGIC: &[u8; 8] = b"CVNTCNT1";
const SEAL_BYTES: usize = 32;

/// Where no change of policies was announced.
const NONE_ANNOUNCED: u64 = u64::MAX;

/// How often it is looked whether there are so many.
const LOOK: Duration = Duration::from_secs(30);

/// Where the fold of one log is kept, and under which key.
#[derive(Debug)]
pub(super) struct Counting {
    directory: PathBuf,
    key: hmac::Key,
    clock: Clock,
    /// How many entries what is kept was counted from, as far as it was looked at.
    kept: AtomicU64,
}

/// The fold over the entries before `next`.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) allowance: Allowance,
    pub(super) announced: Option<Announced>,
    next: u64,
    /// How many entries were read for it this time.
    pub(super) entries_read: u64,
}

impl Counting {
    /// For the ledger in `directory`; `key` is known to nobody who does not have its signing key.
    pub(super) fn new(directory: &Path, key: &[u8; 32], clock: Clock) -> Self {
        Self {
            directory: directory.to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            clock,
            kept: AtomicU64::new(0),
        }
    }

    /// The fold over the whole log.
    ///
    /// # Errors
    ///
    /// In words, where an entry cannot be read.
    pub(super) fn count(&self) -> Result<Counted, String> {
        let mut counted = self.begin();
        self.go_on(&mut counted, None)?;
        counted.allowance.rebuilt();
        Ok(counted)
    }

    /// Keeps the fold over the first `size` entries, which are published, unless what is kept goes nearly as
    /// far: `between` entries must be new.
    ///
    /// # Errors
    ///
    /// In words, where an entry cannot be read or the file not be written.
    pub(super) fn keep(&self, size: u64, between: u64) -> Result<bool, String> {
        if size < self.kept.load(Ordering::SeqCst).saturating_add(between) {
            return Ok(false);
        }
        let mut counted = self.begin();
        if size < counted.next.saturating_add(between) {
            return Ok(false);
        }
        self.go_on(&mut counted, Some(size))?;
        if counted.next != size {
            return Err(format!("only {} of {size} entries are there", counted.next));
        }
        counted.allowance.rebuilt();
        let root = reading::root_at(&self.directory, size).map_err(|error| error.to_string())?;
        self.write(&self.sealed(&counted, &root))
            .map_err(|error| error.to_string())?;
        self.kept.store(size, Ordering::SeqCst);
        Ok(true)
    }

    /// What is kept, as far as it can be believed; else nothing counted yet.
    fn begin(&self) -> Counted {
        match self.read() {
            Ok(Some(counted)) => {
                self.kept.store(counted.next, Ordering::SeqCst);
                counted
            }
            Ok(None) => self.nothing(),
            Err(why) => {
                tracing::warn!(
                    why,
                    "what was counted before is not used: all entries are counted"
                );
                self.nothing()
            }
        }
    }

    fn nothing(&self) -> Counted {
        Counted {
            allowance: Allowance::new(self.clock.clone()),
            announced: None,
            next: 0,
            entries_read: 0,
        }
    }

    /// Counts on to the end of the log, or to the entry `end`.
    fn go_on(&self, counted: &mut Counted, end: Option<u64>) -> Result<(), String> {
        for entry in reading::entries(&self.directory, counted.next) {
            if end == Some(counted.next) {
                break;
            }
            let (index, bytes) = entry.map_err(|error| error.to_string())?;
            let entry = Entry::parse(&bytes).map_err(|error| error.to_string())?;
            Announced::follow(&mut counted.announced, index, &entry);
            counted.allowance.rebuild(spent(&entry).into_iter());
            counted.next = index + 1;
            counted.entries_read += 1;
        }
        Ok(())
    }

    /// Magic, number of entries, root over them, entry of the latest change of policies, budgets; and a seal
    /// over it all.
    fn sealed(&self, counted: &Counted, root: &Hash) -> Vec<u8> {
        let announced = counted.announced.as_ref().map(Announced::entry);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&counted.next.to_be_bytes());
        bytes.extend_from_slice(root);
        bytes.extend_from_slice(&announced.unwrap_or(NONE_ANNOUNCED).to_be_bytes());
        bytes.extend_from_slice(&counted.allowance.budgets());
        let seal = hmac::sign(&self.key, &bytes);
        bytes.extend_from_slice(seal.as_ref());
        bytes
    }

    fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.directory.join(format!("{FILE}.new"));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        files::write_new(&new, bytes, Readers::Owner)?;
        fs::rename(new, self.path())
    }

    /// What is kept; why it is not believed, where it is not.
    fn read(&self) -> Result<Option<Counted>, &'static str> {
        let file = match File::open(self.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) => return Err("it cannot be read"),
        };
        let mut bytes = Vec::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|_| "it cannot be read")?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err("it is too long");
        }
        let (body, seal) = bytes
            .split_last_chunk::<SEAL_BYTES>()
            .ok_or("it is too short")?;
        hmac::verify(&self.key, body, seal).map_err(|_| "it was changed, or is of another key")?;
        self.parse(body).map(Some)
    }

    fn parse(&self, body: &[u8]) -> Result<Counted, &'static str> {
        const SHORT: &str = "it is of another form";
        let body = body.strip_prefix(MAGIC).ok_or(SHORT)?;
        let (next, body) = body.split_first_chunk().ok_or(SHORT)?;
        let (root, body) = body.split_first_chunk::<32>().ok_or(SHORT)?;
        let (announced, budgets) = body.split_first_chunk().ok_or(SHORT)?;
        let next = u64::from_be_bytes(*next);
        // Also where the log is shorter than that.
        if !reading::root_at(&self.directory, next).is_ok_and(|found| found == *root) {
            return Err("the log does not begin with the entries it was counted from");
        }
        let announced = match u64::from_be_bytes(*announced) {
            NONE_ANNOUNCED => None,
            index => Some(
                self.announced(index)
                    .ok_or("its change of policies is none")?,
            ),
        };
        let allowance = Allowance::with_budgets(self.clock.clone(), budgets);
        Ok(Counted {
            allowance: allowance.ok_or(SHORT)?,
            announced,
            next,
            entries_read: 0,
        })
    }

    fn announced(&self, index: u64) -> Option<Announced> {
        let (found, bytes) = reading::entries(&self.directory, index).next()?.ok()?;
        let mut announced = None;
        if found == index {
            Announced::follow(&mut announced, index, &Entry::parse(&bytes).ok()?);
        }
        announced
    }
}

/// Keeps the fold of `ledger` now and then, for ever.
pub(super) async fn keep_counted(counting: Arc<Counting>, ledger: Ledger) {
    loop {
        tokio::time::sleep(LOOK).await;
        keep(&counting, &ledger, ENTRIES_BETWEEN).await;
    }
}

/// Keeps the fold of what is published, where it has `between` entries more than what is kept. That it fails
/// costs the next start time, and nothing else.
pub(super) async fn keep(counting: &Arc<Counting>, ledger: &Ledger, between: u64) {
    let (counting, size) = (Arc::clone(counting), ledger.published());
    match spawn_blocking(move || counting.keep(size, between)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(error, "what is counted of the ledger is not kept"),
        Err(error) => tracing::warn!(%error, "what is counted of the ledger is not kept"),
    }
}

#[cfg(test)]
mod tests;
