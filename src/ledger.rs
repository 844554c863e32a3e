//! The ledger: the record of every disclosure, and the only way out for an answer. What stands in it
//! is durable before [`Ledger::record`] gives the answer back, and cannot be changed later without
//! being found: entries are leaves of an RFC 6962 tree whose root is signed with every batch
//! (`docs/ledger-format.md`). Start reading here, then `sequencer.rs`, then `journal.rs`.
//!
//! Deliberately absent: HTTP (the ledger records for any `T`), searching (built on [`reading`]), and
//! any way to change or to skip an entry.

mod batch;
mod bundle;
mod checkpoint;
mod consistency;
pub mod cosignature;
mod cosigned;
mod damage;
mod journal;
mod key;
mod keys;
pub mod merkle;
mod note;
mod open;
mod options;
pub mod proof;
mod pruning;
mod publisher;
pub mod reading;
mod reads;
mod replay;
pub mod rotation;
mod scan;
mod segment;
mod sequencer;
mod serving;
mod storage;
mod tiles;
pub mod verify;
pub mod vouching;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

pub use batch::Batch;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::WitnessKey;
pub use cosigned::{Cosigned, cosigned};
pub use damage::{Damage, ReadError};
pub use journal::{Each, Journal, JournalError};
pub use key::{KeyError, Signer, VerifierKey};
pub use keys::{KEYS_FILE, Keys};
pub use note::NoteError;
pub use open::{OpenError, Recovery, Signers};
pub use options::{Options, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MIN};
pub use pruning::Minimum;
pub use serving::Served;
pub use tiles::BUNDLE_ENTRIES;

use crate::entry::{ENTRY_BYTES_MAX, Entry};
use batch::Leaf;
use sequencer::{Appended, NewlyCosigned, Order, Shared};

/// Between two looks at whether what somebody waits for is published.
const PUBLISHED_LOOKED_AT_EVERY: Duration = Duration::from_millis(20);

/// Why something is not recorded. The answer it stands for must not leave.
///
/// The entry may become durable all the same after [`NotRecorded::Stalled`]: the record then says more
/// than happened, never less.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotRecorded {
    /// The journal failed earlier, or the ledger was closed. It stays so until the next start.
    #[error("the ledger is closed; see the log for the cause, remove it and restart the gateway")]
    Closed,
    /// The disk did not keep up within the time allowed.
    #[error("the ledger did not make the entry durable within {} ms", .waited.as_millis())]
    Stalled {
        /// How long it was waited for.
        waited: Duration,
    },
    /// Longer than a leaf may be.
    #[error(
        "the entry has {bytes} bytes, a leaf of the log at most {ENTRY_BYTES_MAX}: divide its subjects over several entries"
    )]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
}

/// An answer, with the entry that must be durable before it may be seen.
#[derive(Debug)]
pub struct Unrecorded<T> {
    content: T,
    entry: Entry,
}

impl<T> Unrecorded<T> {
    /// Locks `content` up until `entry` is durable.
    pub fn new(content: T, entry: Entry) -> Self {
        Self { content, entry }
    }

    /// The entry that will be recorded.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }
}

/// An answer whose entry is durable. Only [`Ledger::record`] makes one.
#[derive(Debug)]
pub struct Recorded<T> {
    content: T,
    index: u64,
}

impl<T> Recorded<T> {
    /// The answer, free to leave.
    pub fn into_content(self) -> T {
        self.content
    }

    /// Where its entry stands in the log.
    pub fn index(&self) -> u64 {
        self.index
    }
}

/// Proof that an entry is durable. Only [`Ledger::append`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    index: u64,
}

impl Receipt {
    /// Where the entry stands in the log.
    pub fn index(&self) -> u64 {
        self.index
    }
}

/// A handle on the open ledger; clones are handles on the same. The ledger closes when the last is
/// gone, or by [`Ledger::close`].
#[derive(Clone, Debug)]
pub struct Ledger {
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
    wait_max: Duration,
    /// Where it is published, if it is.
    directory: Option<Arc<Path>>,
    /// Its senders are dropped when the last thread of the ledger has ended.
    finished: watch::Receiver<()>,
}

impl Ledger {
    /// Gives the content back once its entry is durable.
    ///
    /// # Errors
    ///
    /// [`NotRecorded`], and the content is gone.
    pub async fn record<T>(&self, unrecorded: Unrecorded<T>) -> Result<Recorded<T>, NotRecorded> {
        let Unrecorded { content, entry } = unrecorded;
        let Receipt { index } = self.append(entry).await?;
        Ok(Recorded { content, index })
    }

    /// Appends an entry; it is durable on return. For intents and acts, before they are carried out.
    ///
    /// # Errors
    ///
    /// [`NotRecorded`].
    pub async fn append(&self, entry: Entry) -> Result<Receipt, NotRecorded> {
        let leaf = leaf(&entry)?;
        let commits = self.shared.commits();
        let wait = async {
            let (done, durable) = oneshot::channel();
            self.orders
                .send(Order::Append(leaf, Some(done)))
                .await
                .map_err(|_| NotRecorded::Closed)?;
            durable.await.map_err(|_| NotRecorded::Closed)
        };
        match timeout(self.wait_max, wait).await {
            Ok(appended) => appended.map(|Appended { index, leaf }| {
                drop(leaf);
                Receipt { index }
            }),
            Err(_) => {
                self.shared.stalled_since(commits);
                Err(NotRecorded::Stalled {
                    waited: self.wait_max,
                })
            }
        }
    }

    /// Appends an entry nobody waits for: a refusal. It is dropped, and counted, where the ledger is
    /// closed or half its queue is taken, so that a flood of refusals holds up no answer.
    pub fn note(&self, entry: Entry) {
        let room = self.orders.capacity() > self.orders.max_capacity() / 2;
        let taken = room
            && leaf(&entry)
                .is_ok_and(|leaf| self.orders.try_send(Order::Append(leaf, None)).is_ok());
        if !taken {
            self.shared.notes_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many notes were dropped since the ledger was opened.
    pub fn notes_dropped(&self) -> u64 {
        self.shared.notes_dropped.load(Ordering::Relaxed)
    }

    /// Whether entries can be expected to become durable: false for ever once the journal has failed
    /// or the ledger is closed, and false from a wait in vain until the next batch; and while it is
    /// [held](Self::hold).
    pub fn is_writable(&self) -> bool {
        self.shared.open.load(Ordering::SeqCst) && !self.shared.is_stalled() && !self.is_held()
    }

    /// From now on, or no longer, nothing is to be disclosed although it could be recorded: too few witnesses
    /// vouch for the log. What people and the gateway itself do is recorded all the same.
    pub fn hold(&self, held: bool) {
        self.shared.held.store(held, Ordering::SeqCst);
    }

    /// Whether it is held.
    pub fn is_held(&self) -> bool {
        self.shared.held.load(Ordering::SeqCst)
    }

    /// Number of durable entries.
    pub fn size(&self) -> u64 {
        self.shared.durable().size
    }

    /// The signed checkpoint of the durable log, a C2SP signed note.
    pub fn checkpoint(&self) -> Arc<str> {
        self.shared.durable().checkpoint
    }

    /// Number of entries under the published checkpoint.
    pub fn published(&self) -> u64 {
        self.shared.published.load(Ordering::SeqCst)
    }

    /// The first entry that is not pruned.
    pub fn minimum(&self) -> u64 {
        self.shared.minimum.load(Ordering::SeqCst)
    }

    /// Has what is durable now published within about a second instead of when it is time, and waits until
    /// it is: for ever where it cannot be, so whoever calls sets a limit.
    pub async fn publish(&self) {
        let size = self.size();
        if self.published() < size {
            self.shared.publish_asked.store(true, Ordering::SeqCst);
        }
        while self.published() < size {
            tokio::time::sleep(PUBLISHED_LOOKED_AT_EVERY).await;
        }
    }

    /// The published checkpoint with all its signatures; `None` until there is one.
    pub fn published_checkpoint(&self) -> Option<Arc<str>> {
        self.shared.published_note()
    }

    /// The consistency proof from the tree of `old` entries to that of `new`, both published (RFC 9162 section
    /// 2.1.4); empty where `old` is 0 or `new`. Reads files, so it blocks.
    ///
    /// # Errors
    ///
    /// [`ReadError`], also where `old` is larger than `new`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<merkle::Hash>, ReadError> {
        match &self.directory {
            Some(directory) => consistency::prove(directory, old, new),
            None => Err(Damage::somewhere("it is not published").into()),
        }
    }

    /// Has the publisher keep `note`, a checkpoint of `size` entries that was published, with the signatures of
    /// the witnesses whose keys have the ids `by`.
    pub fn keep_cosigned(&self, note: String, size: u64, by: Vec<String>) {
        self.shared.hand_over(NewlyCosigned { note, size, by });
    }

    /// The file `name` of the published log: `checkpoint`, `minimum`, `tile/…`, `cosigned/…`. Reads a file, so it blocks.
    ///
    /// # Errors
    ///
    /// [`ReadError`] where the system refuses.
    pub fn published_file(&self, name: &str) -> Result<Option<Served>, ReadError> {
        let Some(directory) = &self.directory else {
            return Ok(None);
        };
        serving::read(directory, name, self.minimum()..self.published())
    }

    /// Makes what was handed in before durable, publishes it, and closes the ledger for all handles.
    pub async fn close(&self) {
        // A closed queue means that somebody else was first.
        let _ = self.orders.send(Order::Close).await;
        let mut finished = self.finished.clone();
        while finished.changed().await.is_ok() {}
    }
}

fn leaf(entry: &Entry) -> Result<Leaf, NotRecorded> {
    let bytes = entry.to_canonical();
    if bytes.len() > ENTRY_BYTES_MAX {
        return Err(NotRecorded::TooLarge { bytes: bytes.len() });
    }
    Ok(Leaf::new(bytes))
}

#[cfg(test)]
mod tests;
