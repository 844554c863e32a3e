//! Publishes the durable log as C2SP tlog-tiles: a thread of its own, behind the writer, so that it
//! never holds up an answer. It reads what it publishes back from the segments by the code that also
//! verifies, and holds none of it; should it fail, it says so, and tries again from what it had published.
//!
//! The checkpoint is written last: whoever reads it finds the tiles it stands for. Segments whose
//! entries are all in full bundles are deleted then.
//!
//! An entry about a purge that comes by here is carried out: the minimum index is durable before a
//! checkpoint covers that entry, so that a stop at any time leaves it to be found again, and files go after.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::bundle::{Bundle, make_beside};
use super::checkpoint::Checkpoint;
use super::cosigned;
use super::damage::{Damage, ReadError};
use super::keys::Keys;
use super::merkle::Hash;
use super::options::Options;
use super::pruning::{self, Minimum};
use super::reads;
use super::scan::{Next, Scan};
use super::segment::{self, Reader};
use super::sequencer::{NewlyCosigned, Order, Shared};
use super::storage::{Storage, beside, make_folders, replace_file};
use super::tiles::{CHECKPOINT, Tile, Tiles, WIDTH, partials_folder};
use crate::clock::Clock;

/// Longest time between two looks at what has become durable.
const TICK: Duration = Duration::from_secs(1);

/// Most files written before they are made durable together.
const FILES_MAX: usize = 512;

/// Most files deleted at once, by a purge: what is to be published waits for them.
const FILES_REMOVED_MAX: usize = 2_048;

/// The publisher's own state.
pub(super) struct Publisher {
    directory: PathBuf,
    second_checkpoint: Option<PathBuf>,
    storage: Arc<dyn Storage>,
    shared: Arc<Shared>,
    clock: Clock,
    interval: Duration,
    /// Nothing after an error: then all is done again from what was published last.
    work: Option<Work>,
    published_at: Option<Instant>,
    /// Size and root of what was published last.
    published: Option<(u64, Hash)>,
    /// The minimum index, as it is durable.
    minimum: Minimum,
    /// What an entry says it is to be, that no published checkpoint covers yet.
    announced: Option<Minimum>,
    /// Below this entry nothing is left of what was pruned.
    pruned: u64,
    /// The minimum index for whose sake the writer was asked to begin a segment.
    asked: u64,
    /// Whether the last attempt found entries damaged that are durable.
    is_doubtful: bool,
}

/// How far the log has been read and written, of which only names and hashes are in memory.
struct Work {
    tiles: Tiles,
    bundle: Bundle,
    scan: Option<Scan>,
    /// Where the files go that were written beside and are not durable yet, oldest first.
    files: Vec<PathBuf>,
    /// Folders of partial tiles that full tiles among `files` replace.
    replaced: Vec<PathBuf>,
    /// Those that are replaced by files that are durable, but by no published checkpoint yet.
    outdated: Vec<PathBuf>,
}

/// The checkpoint published in `directory`, if there is one.
pub(super) fn published(directory: &Path, keys: &Keys) -> Result<Option<Checkpoint>, ReadError> {
    checkpoint_in(&directory.join(CHECKPOINT), keys)
}

/// The checkpoint in a file, if there is one.
pub(super) fn checkpoint_in(path: &Path, keys: &Keys) -> Result<Option<Checkpoint>, ReadError> {
    let found = note_in(path, keys)?;
    Ok(found.map(|(_, checkpoint)| checkpoint))
}

/// The note published in `directory`, if there is one, and the checkpoint that it says.
pub(super) fn published_note(
    directory: &Path,
    keys: &Keys,
) -> Result<Option<(String, Checkpoint)>, ReadError> {
    note_in(&directory.join(CHECKPOINT), keys)
}

fn note_in(path: &Path, keys: &Keys) -> Result<Option<(String, Checkpoint)>, ReadError> {
    let Some(bytes) = reads::file(path)? else {
        return Ok(None);
    };
    let wrong =
        |what: &str| Damage::somewhere(format!("the checkpoint in `{}`: {what}", path.display()));
    let signed = String::from_utf8(bytes).map_err(|_| wrong("it is not text"))?;
    let (checkpoint, _) = keys
        .open(&signed)
        .map_err(|error| wrong(&error.to_string()))?;
    Ok(Some((signed, checkpoint)))
}

impl Publisher {
    /// A publisher that goes on from the `published` checkpoint, a note and what it says.
    pub(super) fn new(
        options: &Options,
        published: Option<(String, Checkpoint)>,
        shared: Arc<Shared>,
        clock: Clock,
        storage: Arc<dyn Storage>,
    ) -> Result<Self, ReadError> {
        let directory = &options.directory;
        let size = published.as_ref().map_or(0, |(_, now)| now.size);
        let minimum = pruning::read(directory)?;
        if minimum.index > size {
            let what = "the log is pruned beyond its published checkpoint";
            return Err(Damage::at(size, what).into());
        }
        shared.minimum.store(minimum.index, Ordering::SeqCst);
        if let Some((note, _)) = &published {
            shared.set_published(note, size);
        }
        let published = published.map(|(_, now)| (now.size, now.root));
        let mut publisher = Self {
            directory: directory.clone(),
            second_checkpoint: options.second_checkpoint.clone(),
            storage,
            shared,
            clock,
            interval: options.publish_interval,
            work: None,
            published_at: None,
            published,
            minimum,
            announced: None,
            pruned: 0,
            asked: 0,
            is_doubtful: false,
        };
        publisher.work = Some(publisher.begin()?);
        Ok(publisher)
    }

    /// The work as it stands when nothing has been done since what was published last.
    fn begin(&self) -> Result<Work, ReadError> {
        let size = self.published.map_or(0, |(size, _)| size);
        let tiles = Tiles::read_at(&self.directory, size)?;
        if self
            .published
            .is_some_and(|(_, root)| root != tiles.frontier().root())
        {
            let what = "the published tiles are not those of the published checkpoint";
            return Err(Damage::somewhere(what).into());
        }
        let bundle = Bundle::resume(&self.directory, Arc::clone(&self.storage), &tiles)?;
        Ok(Work {
            tiles,
            bundle,
            scan: None,
            files: Vec::new(),
            replaced: Vec::new(),
            outdated: Vec::new(),
        })
    }

    fn published_size(&self) -> Option<u64> {
        self.published.map(|(size, _)| size)
    }

    /// Works until the other end of `stop` is gone, then publishes a last time. At least once a second
    /// it has the writer check its file, which may be long without work. `order` tells the writer what to do,
    /// and says whether that was taken.
    pub(super) fn run(mut self, stop: &Receiver<()>, order: impl Fn(Order) -> bool) {
        loop {
            let tick = stop.recv_timeout(self.interval.min(TICK));
            let last = tick != Err(RecvTimeoutError::Timeout);
            // A full queue means that there is something to commit, which looks too.
            order(Order::Check);
            // Taken before it is looked how far the log is, which is at least as far as whoever asked knew.
            let asked = self.shared.publish_asked.swap(false, Ordering::SeqCst);
            let advanced = self.advance(last || asked);
            match advanced.and_then(|()| self.prune(&order)) {
                Ok(()) => self.is_doubtful = false,
                Err(error) => {
                    self.shared.publish_asked.fetch_or(asked, Ordering::SeqCst);
                    self.hear(&error, &order);
                }
            }
            if last {
                return;
            }
        }
    }

    /// Says why nothing was published. Entries that are damaged where they were made durable, also when they
    /// are read anew, are not on record any more, and what would come behind them could not be verified: no
    /// more may be disclosed.
    fn hear(&mut self, error: &ReadError, order: &impl Fn(Order) -> bool) {
        let ReadError::Damaged(damage) = error else {
            tracing::warn!(%error, "the ledger could not be published; its entries are safe");
            return;
        };
        if !std::mem::replace(&mut self.is_doubtful, true) {
            tracing::warn!(%damage, "the ledger could not be published, and is read once more");
            return;
        }
        if self.shared.open.swap(false, Ordering::SeqCst) {
            tracing::error!(
                %damage,
                "the ledger is damaged on the disk: nothing is disclosed any more. Stop the gateway and run \
                 `covenant ledger verify`; docs/operating.md says how to go on"
            );
        }
        order(Order::GiveUp);
    }

    /// Writes what has become full, and all with a checkpoint if it is time or `now` is set.
    fn advance(&mut self, now: bool) -> Result<(), ReadError> {
        let mut work = match self.work.take() {
            Some(work) => work,
            None => self.begin()?,
        };
        let durable = self.shared.durable();
        while work.tiles.size() < durable.size {
            self.take_batch(&mut work)?;
            if work.files.len() >= FILES_MAX {
                self.flush(&mut work)?;
            }
        }
        self.flush(&mut work)?;
        let time = self.clock.instant();
        let due = self
            .published_at
            .is_none_or(|published| time.duration_since(published) >= self.interval);
        if (now || due) && self.published_size() != Some(durable.size) {
            self.publish(&mut work, &durable.checkpoint)?;
            self.published_at = Some(time);
            self.published = Some((durable.size, work.tiles.frontier().root()));
            self.shared.set_published(&durable.checkpoint, durable.size);
            for folder in work.outdated.drain(..) {
                // Left over, they are only in the way: every client takes the full tile first. Before, the
                // checkpoint that was published had no other tiles than these.
                let _ = self.storage.remove_folder(&folder);
            }
            self.release_segments(&work, durable.size)?;
        }
        self.work = Some(work);
        match self.shared.take_cosigned() {
            Some(cosigned) => self.keep_cosigned(&cosigned),
            None => Ok(()),
        }
    }

    /// Keeps a cosigned checkpoint for each witness that has; where it is the one that is published, that
    /// has their signatures from now on. Should it fail, the witnesses are asked again soon.
    fn keep_cosigned(&self, cosigned: &NewlyCosigned) -> Result<(), ReadError> {
        let folder = self.directory.join(cosigned::FOLDER);
        make_folders(&*self.storage, &folder, true)
            .map_err(|error| ReadError::unreadable(&folder, error))?;
        for id in &cosigned.by {
            let path = cosigned::path(&self.directory, id);
            replace_file(&*self.storage, &path, cosigned.note.as_bytes())
                .map_err(|error| ReadError::unreadable(&path, error))?;
        }
        if self.published_size() == Some(cosigned.size) {
            self.write_checkpoint(&cosigned.note)?;
            self.shared.set_published(&cosigned.note, cosigned.size);
        }
        Ok(())
    }

    /// Reads the next batch from the segments. Only called while a durable one is known to be there.
    fn take_batch(&mut self, work: &mut Work) -> Result<(), ReadError> {
        let size = work.tiles.size();
        let missing = || Damage::at(size, "it is in no segment, though it was made durable");
        let mut scan = match work.scan.take() {
            Some(scan) => scan,
            None => Scan::open_before(&self.directory, size)?.ok_or_else(missing)?,
        };
        let Next::Batch(batch, _) = scan.next()? else {
            return Err(missing().into());
        };
        work.scan = Some(scan);
        for (index, leaf) in (batch.first_index..).zip(&batch.leaves) {
            if index < size {
                continue;
            }
            if let Some(announced) = Minimum::of_entry(index, leaf.bytes()) {
                self.announce(announced);
            }
            work.bundle.push(leaf.bytes())?;
            for tile in work.tiles.push(leaf.hash()) {
                let path = self.write_beside(&tile)?;
                work.replaced.push(partials_folder(&path));
                work.files.push(path);
                if tile.level == 0 {
                    let path = work.bundle.finish()?;
                    work.replaced.push(partials_folder(&path));
                    work.files.push(path);
                }
            }
        }
        Ok(())
    }

    /// Makes the files durable under their names: synced, renamed, synced. One `syncfs` instead of an
    /// `fsync` for each leaves the disk to the writer.
    fn flush(&self, work: &mut Work) -> Result<(), ReadError> {
        if work.files.is_empty() {
            return Ok(());
        }
        self.sync()?;
        for path in work.files.drain(..) {
            self.storage
                .rename(&beside(&path), &path)
                .map_err(|error| ReadError::unreadable(&path, error))?;
        }
        self.sync()?;
        for folder in work.replaced.drain(..) {
            if reads::is_there(&folder)? {
                work.outdated.push(folder);
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), ReadError> {
        self.storage
            .sync_system(&self.directory)
            .map_err(|error| ReadError::unreadable(&self.directory, error))
    }

    fn publish(&mut self, work: &mut Work, checkpoint: &str) -> Result<(), ReadError> {
        for tile in work.tiles.partial() {
            work.files.push(self.write_beside(tile)?);
            if tile.level == 0 {
                work.files.push(work.bundle.copy(tile.hashes.len())?);
            }
        }
        self.flush(work)?;
        if let Some(announced) = self.announced {
            // Once a checkpoint covers its entry, nobody looks for that again.
            pruning::write(&*self.storage, &self.directory, &announced)?;
            self.minimum = announced;
            self.announced = None;
            self.shared.minimum.store(announced.index, Ordering::SeqCst);
        }
        self.write_checkpoint(checkpoint)
    }

    fn write_checkpoint(&self, checkpoint: &str) -> Result<(), ReadError> {
        let path = self.directory.join(CHECKPOINT);
        replace_file(&*self.storage, &path, checkpoint.as_bytes())
            .map_err(|error| ReadError::unreadable(&path, error))?;
        if let Some(second) = &self.second_checkpoint
            && let Err(error) = replace_file(&*self.storage, second, checkpoint.as_bytes())
        {
            // What is published must not wait for another disk; the next one is tried again.
            let path = second.display();
            tracing::warn!(%error, %path, "the second checkpoint of the ledger cannot be written");
        }
        Ok(())
    }

    /// Deletes the segments whose entries are all in full bundles under the checkpoint of `size`. The
    /// last segment with a batch always stays: it says where the log ends.
    fn release_segments(&self, work: &Work, size: u64) -> Result<(), ReadError> {
        let bundled = size - size % WIDTH as u64;
        for number in segment::list(&self.directory)? {
            let reached = work.scan.as_ref().map(Scan::number);
            if reached.is_none_or(|reached| number >= reached) {
                break;
            }
            let next = Reader::open(&self.directory, number + 1)?.peek_index()?;
            if next.is_none_or(|next| next > bundled) {
                break;
            }
            let path = segment::path(&self.directory, number);
            // One after the other durably, so that no power cut leaves a gap between segments.
            self.storage
                .remove(&path)
                .and_then(|()| {
                    self.storage
                        .sync_folder(&self.directory.join(segment::FOLDER))
                })
                .map_err(|error| ReadError::unreadable(&path, error))?;
        }
        Ok(())
    }

    /// Takes note of where an entry moves the minimum index to, unless it would go beyond what is published.
    fn announce(&mut self, announced: Minimum) {
        let (before, published) = (self.minimum.index, self.published_size().unwrap_or(0));
        if (before..=published).contains(&announced.index)
            && announced.index.is_multiple_of(WIDTH as u64)
        {
            self.announced = Some(announced);
        } else {
            tracing::error!(
                entry = announced.purge,
                "a purge that cannot be: nothing is deleted"
            );
        }
    }

    /// Deletes what is left below the minimum index, a step at a time, as far as the segments begin behind
    /// it. Where they do not, the writer is to begin another: the one before is then released by itself.
    fn prune(&mut self, order: &impl Fn(Order) -> bool) -> Result<(), ReadError> {
        let minimum = self.minimum.index;
        if self.pruned >= minimum {
            return Ok(());
        }
        let begin = match Scan::open(&self.directory)? {
            Some(scan) => scan.peek_index()?.unwrap_or(0),
            None => 0,
        };
        if begin < minimum && self.asked < minimum && order(Order::BeginSegment) {
            self.asked = minimum;
        }
        let end = minimum.min(begin - begin % WIDTH as u64);
        if end > self.pruned {
            let folder = self.directory.join(segment::FOLDER);
            // A segment that came back with the power would need what is deleted here.
            self.storage
                .sync_folder(&folder)
                .map_err(|error| ReadError::unreadable(&folder, error))?;
            if pruning::remove_below(&*self.storage, &self.directory, end, FILES_REMOVED_MAX)? {
                self.pruned = end;
            }
        }
        Ok(())
    }

    /// Writes a tile beside its path; that path.
    fn write_beside(&self, tile: &Tile) -> Result<PathBuf, ReadError> {
        let path = tile.path(&self.directory);
        make_beside(&*self.storage, &path)
            .and_then(|file| self.storage.write(&file, &tile.bytes(), 0))
            .map_err(|error| ReadError::unreadable(&path, error))?;
        Ok(path)
    }
}
