//! Verifies a whole ledger in a directory, which may be a copy or in use: every file against every
//! other and against the signed checkpoints, and names the first entry that is damaged.
//!
//! What cannot be seen from the directory alone: that whole batches are missing at the end, if no
//! published checkpoint covers them. Give `since` a checkpoint kept elsewhere, and that is seen too.
//! And whoever has the signing key can sign another history; only a checkpoint kept elsewhere shows it.
//!
//! A log that was pruned is verified from its minimum index on, and that an entry of it says so.

mod pruned;
mod source;

use std::collections::VecDeque;
use std::path::Path;
use std::thread;
use std::time::Duration;

pub use self::source::{Fetched, Published};

use self::pruned::{Beginning, is_on_record};
use self::source::Folder;
use super::batch::log_id;
use super::checkpoint::Checkpoint;
use super::cosigned::cosigned;
use super::damage::{Damage, ReadError};
use super::keys::Keys;
use super::merkle::{Frontier, Hash};
use super::pruning::Minimum;
use super::publisher::published;
use super::reading::entries;
use super::reads;
use super::replay::Replay;
use super::scan::{Next, Scan};
use super::segment;
use super::tiles::{self, Tile, Tiles, WIDTH, bundle_path, tile_path};

/// How long a log that is being written gets before a finding is looked at again.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// Names of published files are relative to their log.
const HERE: &str = "";

/// A ledger found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Number of entries.
    pub entries: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// The last signed checkpoint, over all of them; `None` of a log without entries.
    pub checkpoint: Option<String>,
    /// Entries under the published checkpoint.
    pub published: u64,
    /// From which entry on it was verified, and under which entry those before were destroyed.
    pub minimum: Minimum,
    /// Bytes of an unfinished batch at the end: one being written, or one torn by a crash, which the
    /// next start will cut. Nobody was answered for it.
    pub torn_tail_bytes: u64,
}

/// Verifies the ledger in `directory`, kept under `keys`, and that it has grown from the checkpoint
/// `since`, where one is given (a signed note).
///
/// # Errors
///
/// [`ReadError::Damaged`] with the first damaged entry; [`ReadError::Unreadable`] where the system
/// refused, which says nothing about the entries.
pub fn verify(directory: &Path, keys: &Keys, since: Option<&str>) -> Result<Verified, ReadError> {
    let since: Vec<_> = since.into_iter().map(str::to_owned).collect();
    verify_telling(directory, keys, &since, &|_| ())
}

/// Likewise, and tells `progress` how many entries are verified, now and then; the log must have grown from
/// all of `since`.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_telling(
    directory: &Path,
    keys: &Keys,
    since: &[String],
    progress: Progress<'_>,
) -> Result<Verified, ReadError> {
    twice(|| verify_with(directory, keys, since, progress))
}

/// Verifies what is published of a log, likewise: that its checkpoint is signed, that every tile and
/// every entry below it is right.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_published(
    published: &dyn Published,
    keys: &Keys,
    since: &[String],
    progress: Progress<'_>,
) -> Result<Verified, ReadError> {
    twice(|| published_once(published, keys, since, progress))
}

/// The published files in a folder.
pub(super) fn folder(directory: &Path) -> impl Published {
    Folder(directory)
}

/// Told how many entries are verified.
pub type Progress<'a> = &'a dyn Fn(u64);

/// A writer may have moved on between two files, so what is found is looked at again; damage stays.
fn twice(verify: impl Fn() -> Result<Verified, ReadError>) -> Result<Verified, ReadError> {
    match verify() {
        Err(_) => {
            thread::sleep(SECOND_LOOK);
            verify()
        }
        whole => whole,
    }
}

#[cfg(test)]
pub(super) fn verify_once(
    directory: &Path,
    keys: &Keys,
    since: Option<&str>,
) -> Result<Verified, ReadError> {
    let since: Vec<_> = since.into_iter().map(str::to_owned).collect();
    verify_with(directory, keys, &since, &|_| ())
}

fn verify_with(
    directory: &Path,
    keys: &Keys,
    since: &[String],
    progress: Progress<'_>,
) -> Result<Verified, ReadError> {
    let published = published(directory, keys)?;
    if published.is_none() && !reads::is_there(&directory.join(segment::FOLDER))? {
        let what = format!("there is no ledger in `{}`", directory.display());
        return Err(Damage::somewhere(what).into());
    }
    let published_size = published.as_ref().map_or(0, |checkpoint| checkpoint.size);
    // Looked at before the segments, as a writer may go on.
    let shown = tiles::entries_shown(directory, published_size)?;
    let scan = Scan::open(directory)?;
    if scan.is_none() && published_size > 0 && reads::is_there(&directory.join(segment::FOLDER))? {
        // The last segment is never released: a copy of what is published has no folder for them.
        let folder = directory.join(segment::FOLDER);
        let what = format!("the segments are missing from `{}`", folder.display());
        return Err(Damage::somewhere(what).into());
    }
    let is_copy = scan.is_none();
    let segments_begin = match &scan {
        Some(scan) => scan.peek_index()?.unwrap_or(published_size),
        None => published_size,
    };
    if published.is_none() {
        Damage::if_unpublished(&directory.join(tiles::CHECKPOINT), segments_begin)?;
    }
    let source = Folder(directory);
    let beginning = Beginning::find(&source, segments_begin, published_size)?;
    let minimum = beginning.minimum;
    let mut marks = marks(published.as_ref(), keys, since, &beginning)?;
    let cosigned = cosigned(directory, keys)?.into_iter();
    let cosigned = cosigned.map(|one| one.checkpoint);
    // Of what was pruned since, nothing can be said any more.
    marks.extend(cosigned.filter(|checkpoint| beginning.reaches(checkpoint.size).is_ok()));
    let (start, overlap) = Bundles::new(&source, published_size, &marks, progress, beginning)
        .verify_up_to(segments_begin)?;
    let replay = Replay::new(keys, start, marks);
    let mut verified = verify_segments(replay, scan, overlap, (keys, progress))?;
    if !is_copy {
        Damage::if_shorter(verified.entries, shown)?;
    }
    verified.published = published_size;
    verified.minimum = minimum;
    if let Some(purge) = minimum.purge {
        let entry = entries(directory, purge).next().transpose()?;
        let entry = entry.filter(|(index, _)| *index == purge);
        is_on_record(&minimum, entry.as_ref().map(|(_, bytes)| &**bytes))?;
    }
    if verified.checkpoint.is_none() && published.is_some() {
        verified.checkpoint = reads::file(&directory.join(tiles::CHECKPOINT))?
            .and_then(|bytes| String::from_utf8(bytes).ok());
    }
    signed_by_the_last(&verified, keys)?;
    Ok(verified)
}

fn published_once(
    source: &dyn Published,
    keys: &Keys,
    since: &[String],
    progress: Progress<'_>,
) -> Result<Verified, ReadError> {
    let somewhere = |what: String| Damage::somewhere(format!("the published checkpoint: {what}"));
    let signed = source.read(Path::new(tiles::CHECKPOINT))?;
    let signed = signed.ok_or_else(|| somewhere("there is none".to_owned()))?;
    let signed = String::from_utf8(signed).map_err(|_| somewhere("it is not text".to_owned()))?;
    let checkpoint = keys.read_checkpoint(&signed);
    let checkpoint = checkpoint.map_err(|error| somewhere(error.to_string()))?;
    let size = checkpoint.size;
    let beginning = Beginning::find(source, size, size)?;
    let minimum = beginning.minimum;
    let marks = marks(Some(&checkpoint), keys, since, &beginning)?;
    let bundles = Bundles::new(source, size, &marks, progress, beginning);
    let (frontier, _) = bundles.verify_up_to(size)?;
    // The bundles end here; a checkpoint of more shows that something is missing.
    Replay::new(keys, frontier.clone(), marks).finish()?;
    let verified = Verified {
        entries: size,
        root: frontier.root(),
        checkpoint: Some(signed),
        published: size,
        minimum,
        torn_tail_bytes: 0,
    };
    if let Some(purge) = minimum.purge {
        let entry = pruned::published_entry(source, purge, size)?;
        is_on_record(&minimum, entry.as_deref())?;
    }
    signed_by_the_last(&verified, keys)?;
    Ok(verified)
}

/// The checkpoints that the log must pass through.
fn marks(
    published: Option<&Checkpoint>,
    keys: &Keys,
    since: &[String],
    beginning: &Beginning,
) -> Result<Vec<Checkpoint>, ReadError> {
    let mut marks: Vec<Checkpoint> = published.into_iter().cloned().collect();
    for signed in since {
        let since = keys.read_checkpoint(signed);
        let since = since.map_err(|error| {
            Damage::somewhere(format!("the checkpoint to verify since: {error}"))
        })?;
        beginning.reaches(since.size)?;
        marks.push(since);
    }
    Ok(marks)
}

/// Earlier keys vouch for what was signed before; the key that is trusted must have signed the end.
fn signed_by_the_last(verified: &Verified, keys: &Keys) -> Result<(), Damage> {
    let Some(checkpoint) = &verified.checkpoint else {
        return Ok(());
    };
    let last = Keys::from(keys.last().clone());
    let signed = last.open(checkpoint).map(drop);
    signed.map_err(|error| Damage::somewhere(format!("the last checkpoint: {error}")))
}

/// Replays the segments, and compares them with the bundles as far as both have an entry.
fn verify_segments(
    mut replay: Replay<'_>,
    scan: Option<Scan>,
    mut overlap: VecDeque<Hash>,
    (keys, progress): (&Keys, Progress<'_>),
) -> Result<Verified, ReadError> {
    let mut torn_tail_bytes = 0;
    if let Some(mut scan) = scan {
        if scan.log() != log_id(keys.name()) {
            let what = format!("the segments are not of the log `{}`", keys.name());
            return Err(Damage::somewhere(what).into());
        }
        loop {
            match scan.next()? {
                Next::Batch(batch, digest) => {
                    for (index, leaf) in (batch.first_index..).zip(&batch.leaves) {
                        let bundled = overlap.pop_front();
                        if bundled.is_some_and(|bundled| bundled != *leaf.hash()) {
                            let what = "its bundle and its segment have different entries";
                            return Err(Damage::at(index, what).into());
                        }
                    }
                    replay.take(&batch, digest)?;
                    progress(batch.end_index());
                }
                Next::End(end) => {
                    torn_tail_bytes = end.torn_until.map_or(0, |until| until - end.offset);
                    break;
                }
            }
        }
    }
    let state = replay.finish()?;
    Ok(Verified {
        entries: state.frontier.size(),
        root: state.frontier.root(),
        checkpoint: state.checkpoint,
        published: 0,
        minimum: Minimum::default(),
        torn_tail_bytes,
    })
}

/// The pass over bundles and tiles.
struct Bundles<'a> {
    source: &'a dyn Published,
    published_size: u64,
    segments_begin: u64,
    marks: &'a [Checkpoint],
    progress: Progress<'a>,
    tiles: Tiles,
    /// The tree where the segments begin, once it is reached.
    at_segments: Option<Frontier>,
    /// Hashes of the entries from there on.
    overlap: VecDeque<Hash>,
}

impl<'a> Bundles<'a> {
    fn new(
        source: &'a dyn Published,
        published_size: u64,
        marks: &'a [Checkpoint],
        progress: Progress<'a>,
        beginning: Beginning,
    ) -> Self {
        Self {
            source,
            published_size,
            segments_begin: 0,
            marks,
            progress,
            tiles: beginning.tiles,
            at_segments: None,
            overlap: VecDeque::new(),
        }
    }

    /// Verifies all of them. The tree where the segments begin, and the hashes of the entries from there
    /// on.
    fn verify_up_to(
        mut self,
        segments_begin: u64,
    ) -> Result<(Frontier, VecDeque<Hash>), ReadError> {
        self.segments_begin = segments_begin;
        self.verify()?;
        let at_segments = self.at_segments.ok_or_else(|| {
            let what = format!("missing: the segments begin with entry {segments_begin}");
            Damage::at(self.tiles.size(), what)
        })?;
        Ok((at_segments, self.overlap))
    }

    fn verify(&mut self) -> Result<(), ReadError> {
        self.reached()?;
        for index in self.tiles.size() / WIDTH as u64.. {
            let first = index * WIDTH as u64;
            let rest = usize::try_from(self.published_size.saturating_sub(first));
            let width = if self.source.has(&bundle_path(HERE.as_ref(), index, WIDTH))? {
                WIDTH
            } else {
                rest.unwrap_or(WIDTH).min(WIDTH)
            };
            if width == 0 {
                break;
            }
            self.verify_bundle(index, width)?;
            (self.progress)(self.tiles.size());
            if width < WIDTH {
                break;
            }
        }
        Ok(())
    }

    fn verify_bundle(&mut self, index: u64, width: usize) -> Result<(), ReadError> {
        let first = index * WIDTH as u64;
        let path = bundle_path(HERE.as_ref(), index, width);
        let missing = || Damage::at(first, format!("its bundle `{}` is missing", path.display()));
        let bundle = self.source.read(&path)?.ok_or_else(missing)?;
        let leaves = tiles::leaf_hashes(&bundle);
        let tile = Tile {
            level: 0,
            index,
            hashes: leaves.iter().map_while(|leaf| *leaf).take(width).collect(),
        };
        let begun = width < WIDTH || first + width as u64 > self.published_size;
        self.compare(
            &tile,
            width,
            !begun || first + width as u64 == self.published_size,
        )?;
        if tile.hashes.len() != width || leaves.len() != width {
            let what = format!("its bundle `{}` is damaged", path.display());
            return Err(Damage::at(first + tile.hashes.len() as u64, what).into());
        }
        self.compare_partial_bundles(index, &tile.hashes)?;
        for leaf in &tile.hashes {
            if self.at_segments.is_some() {
                self.overlap.push_back(*leaf);
            }
            for full in self.tiles.push(leaf) {
                if full.level > 0 {
                    let end = full.first_entry(WIDTH);
                    self.compare(&full, WIDTH, end <= self.published_size)?;
                }
            }
            self.reached()?;
        }
        Ok(())
    }

    /// What is due when the tree has just this size.
    fn reached(&mut self) -> Result<(), ReadError> {
        let size = self.tiles.size();
        if size == self.segments_begin {
            self.at_segments = Some(self.tiles.frontier());
        }
        if size == self.published_size {
            for tile in self.tiles.partial().filter(|tile| tile.level > 0) {
                self.compare(tile, tile.hashes.len(), true)?;
            }
        }
        for mark in self.marks.iter().filter(|mark| mark.size == size) {
            if mark.root != self.tiles.frontier().root() {
                let what = format!(
                    "the first {size} entries are not those of the checkpoint signed for them"
                );
                return Err(Damage::somewhere(what).into());
            }
        }
        Ok(())
    }

    /// Compares the files of a tile, whole and partial, with the hashes it must have. Of `tile`,
    /// hashes may be missing at the end, where a bundle could not be read further.
    fn compare(&self, tile: &Tile, width: usize, required: bool) -> Result<(), ReadError> {
        let full = tile.full_path(HERE.as_ref());
        let path = |width| tile_path(HERE.as_ref(), tile.level, tile.index, width);
        let mut widths = self.source.partial_widths(&full)?;
        widths.retain(|&partial| partial < width);
        if self.source.has(&path(width))? {
            widths.push(width);
        }
        // The tile of full width may stand for a partial one that was replaced by it.
        if required && !widths.contains(&width) && !self.source.has(&full)? {
            let path = path(width);
            let what = format!("the tile `{}` is missing", path.display());
            return Err(Damage::at(tile.first_entry(0), what).into());
        }
        for wide in widths.into_iter().rev() {
            let path = path(wide);
            let bytes = self.source.read(&path)?.unwrap_or_default();
            let (stored, rest) = bytes.as_chunks::<32>();
            let expected = tile.hashes.get(..wide).unwrap_or(&tile.hashes);
            let same = expected
                .iter()
                .zip(stored)
                .take_while(|(one, other)| one == other);
            let same = same.count();
            if same < wide || stored.len() != wide || !rest.is_empty() {
                let what = format!("it does not fit the tile `{}`", path.display());
                return Err(Damage::at(tile.first_entry(same), what).into());
            }
        }
        Ok(())
    }

    /// A partial bundle is the beginning of the fuller one.
    fn compare_partial_bundles(&self, index: u64, leaves: &[Hash]) -> Result<(), ReadError> {
        let full = bundle_path(HERE.as_ref(), index, WIDTH);
        for width in self.source.partial_widths(&full)? {
            let path = bundle_path(HERE.as_ref(), index, width);
            let bytes = self.source.read(&path)?.unwrap_or_default();
            let partial = tiles::leaf_hashes(&bytes);
            let same = leaves
                .iter()
                .zip(&partial)
                .take_while(|(one, other)| Some(**one) == **other);
            let same = same.count();
            if width <= leaves.len() && (same < width || partial.len() != width) {
                let what = format!("it does not fit the partial bundle `{}`", path.display());
                return Err(Damage::at(index * WIDTH as u64 + same as u64, what).into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
