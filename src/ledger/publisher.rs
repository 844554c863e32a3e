//! Publishes the durable log as C2SP tlog-tiles: a thread of its own, behind the writer, so that it
//! never holds up an answer. It reads what it publishes back from the segments by the code that also
//! verifies; should it fail, it says so, keeps what it has not written, and tries again.
//!
//! The checkpoint is written last: whoever reads it finds the tiles it stands for. Segments whose
//! entries are all in full bundles are deleted then.
//!
//! An entry about a purge that comes by here is carried out: the minimum index is durable before a
//! checkpoint covers that entry, so that a stop at any time leaves it to be found again, and files go after.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::checkpoint::Checkpoint;
use super::cosigned;
use super::damage::{Damage, ReadError};
use super::keys::Keys;
use super::options::Options;
use super::pruning::{self, Minimum};
use super::scan::{Next, Scan};
use super::segment::{self, Reader};
use super::sequencer::{NewlyCosigned, Order, Shared};
use super::storage::{Storage, beside, make_folders, replace_file};
use super::tiles::{self, CHECKPOINT, Tiles, WIDTH, bundle_path, partials_folder};
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
    /// The tree as far as it has been read.
    tiles: Tiles,
    /// Bytes of the bundle that is not full yet.
    bundle: Vec<u8>,
    scan: Option<Scan>,
    /// Files to write, oldest first; kept until they are durable.
    files: Vec<(PathBuf, Vec<u8>)>,
    /// Folders of partial tiles that full tiles among `files` replace.
    replaced: Vec<PathBuf>,
    published: Option<Instant>,
    published_size: Option<u64>,
    /// The minimum index, as it is durable.
    minimum: Minimum,
    /// What an entry says it is to be, that no published checkpoint covers yet.
    announced: Option<Minimum>,
    /// Below this entry nothing is left of what was pruned.
    pruned: u64,
    /// The minimum index for whose sake the writer was asked to begin a segment.
    asked: u64,
}

/// The checkpoint published in `directory`, if there is one.
pub(super) fn published(directory: &Path, keys: &Keys) -> Result<Option<Checkpoint>, ReadError> {
    checkpoint_in(&directory.join(CHECKPOINT), keys)
}

/// The checkpoint in a file, if there is one.
pub(super) fn checkpoint_in(path: &Path, keys: &Keys) -> Result<Option<Checkpoint>, ReadError> {
    let Some(bytes) = tiles::read(path)? else {
        return Ok(None);
    };
    let wrong =
        |what: &str| Damage::somewhere(format!("the checkpoint in `{}`: {what}", path.display()));
    let signed = String::from_utf8(bytes).map_err(|_| wrong("it is not text"))?;
    let (checkpoint, _) = keys
        .open(&signed)
        .map_err(|error| wrong(&error.to_string()))?;
    Ok(Some(checkpoint))
}

impl Publisher {
    /// A publisher that goes on from the `published` checkpoint.
    pub(super) fn new(
        options: &Options,
        published: Option<&Checkpoint>,
        shared: Arc<Shared>,
        clock: Clock,
        storage: Arc<dyn Storage>,
    ) -> Result<Self, ReadError> {
        let directory = &options.directory;
        let size = published.map_or(0, |checkpoint| checkpoint.size);
        let tiles = Tiles::read_at(directory, size)?;
        if published.is_some_and(|checkpoint| checkpoint.root != tiles.frontier().root()) {
            let what = "the published tiles are not those of the published checkpoint";
            return Err(Damage::somewhere(what).into());
        }
        let width = usize::try_from(size % WIDTH as u64).unwrap_or_default();
        let bundle = match width {
            0 => Vec::new(),
            _ => tiles::read_bundle(directory, size / WIDTH as u64, width)?,
        };
        let minimum = pruning::read(directory)?;
        if minimum.index > size {
            let what = "the log is pruned beyond its published checkpoint";
            return Err(Damage::at(size, what).into());
        }
        shared.published.store(size, Ordering::SeqCst);
        shared.minimum.store(minimum.index, Ordering::SeqCst);
        if let Some(Ok(note)) = tiles::read(&directory.join(CHECKPOINT))?.map(String::from_utf8) {
            shared.set_published(&note, size);
        }
        Ok(Self {
            directory: directory.to_owned(),
            second_checkpoint: options.second_checkpoint.clone(),
            storage,
            shared,
            clock,
            interval: options.publish_interval,
            tiles,
            bundle,
            scan: None,
            files: Vec::new(),
            replaced: Vec::new(),
            published: None,
            published_size: published.map(|checkpoint| checkpoint.size),
            minimum,
            announced: None,
            pruned: 0,
            asked: 0,
        })
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
            let advanced = self.advance(last).and_then(|()| self.prune(&order));
            if let Err(error) = advanced {
                tracing::warn!(%error, "the ledger could not be published; its entries are safe");
            }
            if last {
                return;
            }
        }
    }

    /// Writes what has become full, and all with a checkpoint if it is time or `now` is set.
    fn advance(&mut self, now: bool) -> Result<(), ReadError> {
        let durable = self.shared.durable();
        while self.tiles.size() < durable.size {
            self.take_batch()?;
            if self.files.len() >= FILES_MAX {
                self.flush()?;
            }
        }
        self.flush()?;
        let time = self.clock.instant();
        let due = self
            .published
            .is_none_or(|published| time.duration_since(published) >= self.interval);
        if (now || due) && self.published_size != Some(durable.size) {
            self.publish(&durable.checkpoint)?;
            self.published = Some(time);
            self.published_size = Some(durable.size);
            self.shared.set_published(&durable.checkpoint, durable.size);
            self.release_segments(durable.size)?;
        }
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
        if self.published_size == Some(cosigned.size) {
            self.write_checkpoint(&cosigned.note)?;
            self.shared.set_published(&cosigned.note, cosigned.size);
        }
        Ok(())
    }

    /// Reads the next batch from the segments. Only called while a durable one is known to be there.
    fn take_batch(&mut self) -> Result<(), ReadError> {
        let size = self.tiles.size();
        let missing = || Damage::at(size, "it is in no segment, though it was made durable");
        let mut scan = match self.scan.take() {
            Some(scan) => scan,
            None => Scan::open_before(&self.directory, size)?.ok_or_else(missing)?,
        };
        let Next::Batch(batch, _) = scan.next()? else {
            return Err(missing().into());
        };
        self.scan = Some(scan);
        for (index, leaf) in (batch.first_index..).zip(&batch.leaves) {
            if index < size {
                continue;
            }
            if let Some(announced) = Minimum::of_entry(index, leaf.bytes()) {
                self.announce(announced);
            }
            tiles::push_entry(&mut self.bundle, leaf.bytes());
            for tile in self.tiles.push(leaf.hash()) {
                let path = tile.full_path(&self.directory);
                self.replaced.push(partials_folder(&path));
                self.files.push((path, tile.bytes()));
                if tile.level == 0 {
                    let path = bundle_path(&self.directory, tile.index, WIDTH);
                    self.replaced.push(partials_folder(&path));
                    self.files.push((path, std::mem::take(&mut self.bundle)));
                }
            }
        }
        Ok(())
    }

    /// Makes `files` durable under their names: written beside them, synced, renamed, synced. One
    /// `syncfs` instead of an `fsync` for each leaves the disk to the writer.
    fn flush(&mut self) -> Result<(), ReadError> {
        if self.files.is_empty() {
            return Ok(());
        }
        for (path, bytes) in &self.files {
            self.write_beside(path, bytes)
                .map_err(|error| ReadError::unreadable(path, error))?;
        }
        self.sync()?;
        for (path, _) in &self.files {
            self.storage
                .rename(&beside(path), path)
                .map_err(|error| ReadError::unreadable(path, error))?;
        }
        self.sync()?;
        self.files.clear();
        for folder in self.replaced.drain(..) {
            // Left over, they are only in the way: every client takes the full tile first.
            if folder.exists() {
                let _ = self.storage.remove_folder(&folder);
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), ReadError> {
        self.storage
            .sync_system(&self.directory)
            .map_err(|error| ReadError::unreadable(&self.directory, error))
    }

    fn publish(&mut self, checkpoint: &str) -> Result<(), ReadError> {
        for tile in self.tiles.partial() {
            self.files.push((tile.path(&self.directory), tile.bytes()));
            if tile.level == 0 {
                let path = bundle_path(&self.directory, tile.index, tile.hashes.len());
                self.files.push((path, self.bundle.clone()));
            }
        }
        self.flush()?;
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
    fn release_segments(&self, size: u64) -> Result<(), ReadError> {
        let bundled = size - size % WIDTH as u64;
        for number in segment::list(&self.directory)? {
            let read = self
                .scan
                .as_ref()
                .is_some_and(|scan| number < scan.number());
            if !read {
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
        let (before, published) = (self.minimum.index, self.published_size.unwrap_or(0));
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

    fn write_beside(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            make_folders(&*self.storage, folder, false)?;
        }
        let file = self.storage.make(&beside(path))?;
        self.storage.write(&file, bytes, 0)
    }
}
