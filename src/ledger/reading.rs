//! Reads the entries of a ledger in order, from a directory that may be a copy, or may be written at
//! the same time by another process: full bundles first, segments for the rest, partial bundles where
//! there are no segments. It reads, and proves nothing: that is [`super::verify`]'s.
//!
//! Of a log that is being written, the last entries read may not be durable yet.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::damage::{Damage, ReadError};
use super::merkle::Hash;
use super::pruning::{self, Minimum};
use super::reads;
use super::scan::{Next, Scan};
use super::segment::{Reader, Step, Tail};
use super::tiles::{self, Tiles, WIDTH, bundle_path};

/// The entries in `directory` from the one with index `from` on, in order: index and canonical bytes. Those
/// that were pruned are not there; the first is then the one with the minimum index.
///
/// Ends after the last whole batch. After an error, ends.
pub fn entries(directory: &Path, from: u64) -> Entries {
    Entries {
        directory: directory.to_owned(),
        next: from,
        ready: VecDeque::new(),
        source: Source::Bundles,
        looked_again: false,
        knows_minimum: false,
    }
}

/// From which entry on the log in `directory` is there.
///
/// # Errors
///
/// [`ReadError`].
pub fn minimum(directory: &Path) -> Result<Minimum, ReadError> {
    pruning::read(directory)
}

/// See [`entries`].
#[derive(Debug)]
pub struct Entries {
    directory: PathBuf,
    /// Index of the next entry to be fetched.
    next: u64,
    ready: VecDeque<(u64, Vec<u8>)>,
    source: Source,
    /// Whether an error is the second at this entry. The first may only mean that the writer moved on:
    /// a segment is released once its entries are in bundles.
    looked_again: bool,
    /// Whether pruned entries have been stepped over.
    knows_minimum: bool,
}

/// The root over the first `size` entries in `directory`, from its published tiles; which log they are of is
/// not looked at.
///
/// # Errors
///
/// [`ReadError`], also where fewer are published.
pub fn root_at(directory: &Path, size: u64) -> Result<Hash, ReadError> {
    let tiles = Tiles::read_at(directory, size)?;
    Ok(tiles.frontier().root())
}

/// The entries of one segment that lies in memory, for whoever has no more than that; whether they
/// are those of the log is not looked at. `number` is that in the segment's name.
///
/// # Errors
///
/// [`Damage`], where it is no segment, or something in it is damaged.
pub fn segment_entries(bytes: Vec<u8>, number: u64) -> Result<Vec<(u64, Vec<u8>)>, Damage> {
    let whole = |error: ReadError| match error {
        ReadError::Damaged(damage) => damage,
        other => Damage::somewhere(other.to_string()),
    };
    let mut reader = Reader::in_memory(bytes, number).map_err(whole)?;
    let mut found = Vec::new();
    loop {
        match reader.step().map_err(whole)? {
            Step::Batch(batch, _) => {
                let leaves = (batch.first_index..).zip(batch.leaves);
                found.extend(leaves.map(|(index, leaf)| (index, leaf.into_bytes())));
            }
            Step::End(Tail::Damaged(damage)) => return Err(damage),
            Step::End(_) => return Ok(found),
        }
    }
}

#[derive(Debug)]
enum Source {
    Bundles,
    Segments(Box<Scan>),
    /// The end of the segments, as it was; a writer may have added to them.
    Followed(Box<Scan>),
    Done,
}

impl Iterator for Entries {
    type Item = Result<(u64, Vec<u8>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.is_at_the_end() {
            match self.fetch() {
                Ok(()) => self.looked_again &= self.ready.is_empty(),
                Err(_) if !self.looked_again => {
                    self.looked_again = true;
                    self.knows_minimum = false;
                    self.source = Source::Bundles;
                }
                Err(error) => {
                    self.source = Source::Done;
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

impl Entries {
    /// After the end, has what was written since come next.
    pub fn follow(&mut self) {
        self.source = match std::mem::replace(&mut self.source, Source::Bundles) {
            Source::Followed(scan) => Source::Segments(scan),
            Source::Done => Source::Bundles,
            reading => reading,
        };
    }

    fn is_at_the_end(&self) -> bool {
        matches!(self.source, Source::Done | Source::Followed(_))
    }

    fn fetch(&mut self) -> Result<(), ReadError> {
        match &mut self.source {
            Source::Bundles => self.fetch_bundle(),
            Source::Followed(_) | Source::Done => Ok(()),
            Source::Segments(scan) => match scan.next()? {
                Next::Batch(batch, _) => {
                    if batch.first_index > self.next {
                        return Err(Damage::at(self.next, "missing from the segments").into());
                    }
                    for (index, leaf) in (batch.first_index..).zip(batch.leaves) {
                        if index == self.next {
                            self.ready.push_back((index, leaf.into_bytes()));
                            self.next += 1;
                        }
                    }
                    Ok(())
                }
                Next::End(_) => {
                    // No segment comes next where the writer has released it meanwhile; what was in it
                    // was in bundles before.
                    let index = self.next / WIDTH as u64;
                    let released = reads::is_there(&bundle_path(&self.directory, index, WIDTH))?;
                    self.source = match std::mem::replace(&mut self.source, Source::Done) {
                        Source::Segments(_) if released => Source::Bundles,
                        Source::Segments(scan) => Source::Followed(scan),
                        other => other,
                    };
                    Ok(())
                }
            },
        }
    }

    fn fetch_bundle(&mut self) -> Result<(), ReadError> {
        if !self.knows_minimum {
            self.next = self.next.max(pruning::read(&self.directory)?.index);
            self.knows_minimum = true;
        }
        let index = self.next / WIDTH as u64;
        let full = bundle_path(&self.directory, index, WIDTH);
        if let Some(bundle) = reads::file(&full)? {
            return self.take_bundle(&bundle, WIDTH);
        }
        if let Some(scan) = Scan::open_before(&self.directory, self.next)? {
            self.source = Source::Segments(Box::new(scan));
            return Ok(());
        }
        let segments_begin = match Scan::open(&self.directory)? {
            Some(scan) => scan.peek_index()?,
            None => None,
        };
        if segments_begin.is_some_and(|begin| begin > self.next) {
            return Err(Damage::at(self.next, "its bundle is missing").into());
        }
        self.source = Source::Done;
        if let Some(&width) = tiles::partial_widths(&full)?.last()
            && let Some(bundle) = reads::file(&bundle_path(&self.directory, index, width))?
        {
            self.take_bundle(&bundle, width)?;
        }
        Ok(())
    }

    fn take_bundle(&mut self, bundle: &[u8], width: usize) -> Result<(), ReadError> {
        let first = self.next - self.next % WIDTH as u64;
        let mut found = 0;
        for (index, entry) in (first..).zip(tiles::entries(bundle)) {
            let entry = entry.ok_or_else(|| Damage::at(index, "its bundle is damaged"))?;
            found += 1;
            if index == self.next {
                self.ready.push_back((index, entry.to_vec()));
                self.next += 1;
            }
        }
        if found != width {
            return Err(Damage::at(first + found as u64, "its bundle is damaged").into());
        }
        Ok(())
    }
}
