//! Opens a ledger: takes the lock, replays what is there by the code that also verifies, cuts a torn
//! tail and records the cut, and starts the writer. Where something is damaged it refuses and says
//! what to do; it never repairs.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::Ledger;
use super::batch::{Leaf, log_id};
use super::checkpoint::Checkpoint;
use super::cosigned::cosigned;
use super::damage::{Damage, ReadError};
use super::journal::{FileJournal, Journal};
use super::key::{Signer, VerifierKey};
use super::keys::{KEYS_FILE, Keys};
use super::merkle::Frontier;
use super::options::Options;
use super::pruning::{self, Minimum};
use super::publisher::{Publisher, checkpoint_in, published_note};
use super::reads;
use super::replay::Replay;
use super::rotation;
use super::scan::Scan;
use super::sequencer::{Sequencer, Shared};
use super::storage::{Disk, Storage, make_folders, replace_file};
use super::tiles::{CHECKPOINT, Tiles, entries_shown};
use crate::clock::Clock;
use crate::entry::{Entry, EntryError, Event, GatewayNote};

/// What was found when a ledger was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Number of entries found.
    pub size: u64,
    /// Bytes of a torn batch that were cut off behind them. Nobody had been answered for it. The cut
    /// is an entry of its own, after those found.
    pub torn_bytes_cut: u64,
    /// The latest entry about a purge, which a stop may have cut off: what it says is to be destroyed is
    /// destroyed from now on.
    pub purge: Option<u64>,
}

/// Why a ledger cannot be opened. Nothing has been changed.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The options contradict each other.
    #[error("{0}")]
    Options(String),
    /// The last batch was signed with a key that is not at hand.
    #[error("{0}")]
    Key(String),
    /// Another process has it.
    #[error("the ledger in `{}` is open in another process; a log has one writer", .0.display())]
    InUse(PathBuf),
    /// What the second checkpoint says cannot be told.
    #[error(
        "the second checkpoint of the ledger: {0}. Run `covenant ledger verify` on the ledger; where it is sound and has all that is known of, remove that file, and it is written anew"
    )]
    Second(String),
    /// What is stored is not what was recorded.
    #[error(
        "the ledger is damaged and is not written to: {0}. Keep a copy of the directory as it is, run `covenant ledger verify` on it, and either restore the files from a backup or start a new log under a new origin"
    )]
    Damaged(Damage),
    /// The system refused.
    #[error("the ledger cannot be opened: `{}`: {source}", path.display())]
    System {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Opened, but the first thing to write was not written.
    #[error("the ledger cannot be written: {0}")]
    NotWritable(String),
}

impl OpenError {
    fn system(path: &Path, source: io::Error) -> Self {
        Self::System {
            path: path.to_owned(),
            source,
        }
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(damage) => Self::Damaged(damage),
            ReadError::Unreadable { path, source } => Self::System { path, source },
            other @ ReadError::Pruned { .. } => Self::NotWritable(other.to_string()),
        }
    }
}

/// The keys to write a log with.
#[derive(Debug)]
pub struct Signers {
    /// The one that signs.
    pub now: Signer,
    /// The one before it, until the change is on record.
    pub previous: Option<Signer>,
}

impl From<Signer> for Signers {
    fn from(now: Signer) -> Self {
        Self {
            now,
            previous: None,
        }
    }
}

impl Ledger {
    /// Opens the ledger in a directory, or begins it. Reads and writes files, so it blocks; must not be
    /// called in async code without `spawn_blocking`.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(
        options: &Options,
        signers: impl Into<Signers>,
        clock: &Clock,
    ) -> Result<(Self, Recovery), OpenError> {
        Self::open_on(options, signers.into(), clock, Arc::new(Disk))
    }

    /// Likewise, on a disk of the caller's choice.
    pub(super) fn open_on(
        options: &Options,
        signers: Signers,
        clock: &Clock,
        storage: Arc<dyn Storage>,
    ) -> Result<(Self, Recovery), OpenError> {
        options.check(&signers.now).map_err(OpenError::Options)?;
        let directory = &options.directory;
        // A folder that a power cut takes away takes along what is in it. More is made only once it is clear
        // that the log opens: whoever looks into the reason for a refusal finds what the start has found.
        make_folders(&*storage, directory, true)
            .map_err(|error| OpenError::system(directory, error))?;
        let lock = lock(directory)?;
        let keys = keys(directory, &signers)?;
        let log = log_id(&options.origin);
        let journal = FileJournal::new(directory, log, options.segment_bytes, Arc::clone(&storage));
        let published = published_note(directory, &keys)?;
        let marks = marks(options, &keys, published.as_ref())?;
        // The entries before the first segment are in full bundles; their tree is in the tiles, and
        // the checkpoint of the first batch says whether it is the right one.
        let begin = match Scan::open(directory)? {
            Some(scan) => scan.peek_index()?.unwrap_or(0),
            None => 0,
        };
        if published.is_none() {
            Damage::if_unpublished(&directory.join(CHECKPOINT), begin)
                .map_err(OpenError::Damaged)?;
        }
        let frontier = Tiles::read_at(directory, begin)?.frontier();
        let beginning = Beginning {
            frontier,
            marks,
            shown: entries_shown(directory, begin)?,
        };
        let minimum = pruning::read(directory)?;
        let (mut sequencer, mut recovery) = recover(
            options,
            Box::new(journal),
            signers,
            clock,
            (&keys, beginning),
        )?;
        recovery.purge = recovery.purge.max(minimum.purge);
        if minimum.index > begin {
            // Entries that were pruned are in segments still: the last of those is to be released too.
            sequencer.begin_segment();
        }
        sequencer
            .check()
            .map_err(|error| OpenError::NotWritable(error.to_string()))?;
        keep_keys(&*storage, directory, &keys, &sequencer)?;
        let shared = share(&sequencer)?;
        let publisher = Publisher::new(
            options,
            published,
            Arc::clone(&shared),
            clock.clone(),
            storage,
        )?;
        let ledger = Self::start(options, sequencer, shared, Some((publisher, lock)))?;
        Ok((ledger, recovery))
    }

    /// Opens the ledger that `journal` keeps; `options.directory` is not used, and nothing is published.
    /// For journals that are no files, and for tests.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_journal(
        options: &Options,
        journal: Box<dyn Journal>,
        signer: Signer,
        clock: &Clock,
    ) -> Result<(Self, Recovery), OpenError> {
        options.check(&signer).map_err(OpenError::Options)?;
        let keys = Keys::from(signer.verifier_key().clone());
        let start = (&keys, Beginning::default());
        let (sequencer, recovery) = recover(options, journal, signer.into(), clock, start)?;
        let shared = share(&sequencer)?;
        Ok((Self::start(options, sequencer, shared, None)?, recovery))
    }

    /// Starts the writer and, behind it, the publisher. The lock goes with the last of them.
    fn start(
        options: &Options,
        sequencer: Sequencer,
        shared: Arc<Shared>,
        publication: Option<(Publisher, File)>,
    ) -> Result<Self, OpenError> {
        let (orders, queue) = mpsc::channel(options.queue_entries_max);
        let (running, finished) = watch::channel(());
        let (stop, stopped) = std::sync::mpsc::channel();
        let directory = publication
            .is_some()
            .then(|| options.directory.as_path().into());
        if let Some((publisher, lock)) = publication {
            let running = running.clone();
            // Weak, as the ledger closes when the last handle is gone.
            let writer = orders.downgrade();
            let order = move |order| {
                let writer = writer.upgrade();
                writer.is_some_and(|writer| writer.try_send(order).is_ok())
            };
            spawn("ledger-publish", move || {
                publisher.run(&stopped, order);
                drop(lock);
                drop(running);
            })?;
        }
        let writer_shared = Arc::clone(&shared);
        let runtime = Handle::try_current().ok();
        spawn("ledger-write", move || {
            sequencer.run(queue, &writer_shared, runtime.as_ref());
            // The publisher sees this end gone, publishes a last time, and stops.
            drop(stop);
            drop(running);
        })?;
        Ok(Self {
            orders,
            shared,
            wait_max: options.wait_max,
            directory,
            finished,
        })
    }
}

/// Where a replay begins, which checkpoints it must pass through, and how far it must come.
#[derive(Default)]
struct Beginning {
    frontier: Frontier,
    marks: Vec<Checkpoint>,
    /// How many entries there must be by the tiles.
    shown: u64,
}

/// All that is known to have been signed of the log.
fn marks(
    options: &Options,
    keys: &Keys,
    published: Option<&(String, Checkpoint)>,
) -> Result<Vec<Checkpoint>, OpenError> {
    let mut marks: Vec<_> = published.iter().map(|(_, now)| now.clone()).collect();
    let cosigned = cosigned(&options.directory, keys)?.into_iter();
    marks.extend(cosigned.map(|one| one.checkpoint));
    if let Some(path) = &options.second_checkpoint {
        let second = checkpoint_in(path, keys);
        marks.extend(second.map_err(|error| OpenError::Second(error.to_string()))?);
    }
    Ok(marks)
}

/// Replays the journal, and records what had to be cut off its end, and that another key signs now.
fn recover(
    options: &Options,
    mut journal: Box<dyn Journal>,
    signers: Signers,
    clock: &Clock,
    (keys, beginning): (&Keys, Beginning),
) -> Result<(Sequencer, Recovery), OpenError> {
    let mut replay = Replay::new(keys, beginning.frontier, beginning.marks);
    let mut purge = None;
    let torn_bytes_cut = journal.recover(&mut |batch, digest| {
        for (index, leaf) in (batch.first_index..).zip(&batch.leaves) {
            let found = Minimum::of_entry(index, leaf.bytes());
            purge = found.and_then(|found| found.purge).or(purge);
        }
        replay.take(batch, digest)
    })?;
    let state = replay.finish().map_err(OpenError::Damaged)?;
    Damage::if_shorter(state.frontier.size(), beginning.shown).map_err(OpenError::Damaged)?;
    let recovery = Recovery {
        size: state.frontier.size(),
        torn_bytes_cut,
        purge,
    };
    let rotated = state.signed_by.is_some_and(|key| key != keys.last_place());
    let previous = match (rotated, signers.previous) {
        (false, _) => None,
        (true, Some(previous))
            if state.signed_by.and_then(|key| keys.at(key)) == Some(previous.verifier_key()) =>
        {
            Some(previous)
        }
        (true, _) => return Err(OpenError::Key(other_key(keys.last()))),
    };
    let mut notes = Vec::new();
    if torn_bytes_cut > 0 {
        let cut =
            format!("{torn_bytes_cut} bytes of a batch that was never acknowledged were cut off");
        notes.push(("recovered", cut));
    }
    if previous.is_some() {
        notes.push((rotation::ROTATED, rotation::told(keys.last())));
    }
    let log = log_id(&options.origin);
    let room = options.batch_bytes_max();
    let mut sequencer = Sequencer::new(journal, signers.now, log, state, room);
    if !notes.is_empty() {
        let unwritable = |error: &dyn std::fmt::Display| OpenError::NotWritable(error.to_string());
        let leaves = notes
            .into_iter()
            .map(|(what, detail)| Ok(Leaf::new(note(clock, what, detail)?.to_canonical())))
            .collect::<Result<_, EntryError>>()
            .map_err(|error| unwritable(&error))?;
        sequencer
            .commit_with(leaves, previous.as_ref())
            .map_err(|error| unwritable(&error))?;
    }
    Ok((sequencer, recovery))
}

fn other_key(now: &VerifierKey) -> String {
    format!(
        "the ledger was not signed with the key `{now}` so far. If its key is to change, name the file of \
         the key before it as `previous_key` until the gateway has started once; if not, bring the right key back"
    )
}

/// The keys of the log in `directory`, the last of which is the one that signs now. What the file there
/// says of earlier ones is believed as far as each has signed the checkpoint with which the next began.
fn keys(directory: &Path, signers: &Signers) -> Result<Keys, OpenError> {
    let path = directory.join(KEYS_FILE);
    let now = signers.now.verifier_key();
    let wrong = |what: &str| OpenError::Key(format!("`{}`: {what}", path.display()));
    let earlier = match reads::file(&path)? {
        Some(bytes) => {
            let text = str::from_utf8(&bytes).map_err(|_| wrong("it is not text"))?;
            Keys::parse(text).map_err(|error| wrong(&error.to_string()))?
        }
        None if reads::is_there(&directory.join(rotation::file_name(1)))? => {
            return Err(wrong(
                "it is gone, and the log has had other keys; bring it back from a copy, which nobody need keep secret",
            ));
        }
        None => {
            let first = signers.previous.as_ref().unwrap_or(&signers.now);
            Keys::from(first.verifier_key().clone())
        }
    };
    if earlier.contains(now) && earlier.last() != now {
        return Err(OpenError::Key(format!(
            "the key `{now}` was replaced by `{}`: bring that one back",
            earlier.last()
        )));
    }
    Ok(earlier.up_to(now))
}

/// Writes down which keys the log has had, and what both signed when the last of them began.
fn keep_keys(
    storage: &dyn Storage,
    directory: &Path,
    keys: &Keys,
    sequencer: &Sequencer,
) -> Result<(), OpenError> {
    let durable = sequencer.durable();
    let durable = durable.map_err(|error| OpenError::NotWritable(error.to_string()))?;
    let both = keys
        .open(&durable.checkpoint)
        .is_ok_and(|(_, signed)| signed.len() > 1);
    if both {
        let path = directory.join(rotation::file_name(keys.last_place()));
        replace_file(storage, &path, durable.checkpoint.as_bytes())
            .map_err(|error| OpenError::system(&path, error))?;
    }
    // Also where it says so already: a disk that cannot be written is found out by the start, not by the
    // first answer.
    let path = directory.join(KEYS_FILE);
    replace_file(storage, &path, keys.to_text().as_bytes())
        .map_err(|error| OpenError::system(&path, error))
}

fn share(sequencer: &Sequencer) -> Result<Arc<Shared>, OpenError> {
    let durable = sequencer
        .durable()
        .map_err(|error| OpenError::NotWritable(error.to_string()))?;
    Ok(Arc::new(Shared::new(durable)))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| OpenError::NotWritable(error.to_string()))
}

/// Takes the lock that every writer of `directory` must hold. It goes when the file is closed, by
/// whatever end the process comes to. It is on the directory itself: a file of its own could be deleted, and
/// made again by a second writer.
fn lock(directory: &Path) -> Result<File, OpenError> {
    let system = |error| OpenError::system(directory, error);
    let opened = File::open(directory).map_err(system)?;
    match opened.try_lock() {
        Ok(()) => Ok(opened),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(system(error)),
    }
}

/// An entry about what the ledger itself did.
fn note(clock: &Clock, what: &str, detail: String) -> Result<Entry, EntryError> {
    let event = Event::Gateway(GatewayNote {
        what: what.to_owned(),
        detail: Some(detail),
        policy: None,
    });
    Entry::new(clock.now(), event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_cannot_work_are_refused_in_words() {
        let clock = Clock::manual(jiff::Timestamp::UNIX_EPOCH);
        let place = tempfile::tempdir().unwrap();
        let refused = |change: &dyn Fn(&mut Options), origin: &str| {
            let mut options = Options::new(place.path(), origin);
            change(&mut options);
            let opened = Ledger::open(&options, Signer::generate(origin).unwrap(), &clock);
            matches!(opened, Err(OpenError::Options(_)))
        };
        assert!(refused(&|options| options.segment_bytes = 64 * 1024, "log"));
        assert!(refused(&|options| options.segment_bytes += 1, "log"));
        assert!(refused(&|options| options.segment_bytes = 1 << 40, "log"));
        assert!(refused(&|options| options.queue_entries_max = 1, "log"));
        assert!(refused(
            &|options| options.origin = "other".to_owned(),
            "log"
        ));
        assert!(refused(&|_| (), &"x".repeat(256)));
        assert_eq!(
            place.path().read_dir().unwrap().count(),
            0,
            "nothing was made"
        );
    }
}
