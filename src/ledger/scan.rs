//! Walks the batches of all segments in order. Recovery, verification, reading and publication all
//! walk through here, so that what one of them accepts, all do.

use std::path::{Path, PathBuf};

use super::batch::{Batch, LogId};
use super::damage::{Damage, ReadError};
use super::merkle::Hash;
use super::reads;
use super::segment::{self, Reader, Step, Tail};

/// A walk through the segments of one directory.
#[derive(Debug)]
pub(super) struct Scan {
    directory: PathBuf,
    number: u64,
    reader: Reader,
}

/// Where a walk ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// The last segment.
    pub(super) number: u64,
    /// Where its next batch goes.
    pub(super) offset: u64,
    /// Where the torn batch at `offset` ends, if there is one.
    pub(super) torn_until: Option<u64>,
}

/// One step of the walk.
#[derive(Debug)]
pub(super) enum Next {
    /// The next batch and its digest.
    Batch(Batch, Hash),
    /// No whole batch is left.
    End(End),
}

impl Scan {
    /// A walk from the first batch on; `None` where there is no segment.
    pub(super) fn open(directory: &Path) -> Result<Option<Self>, ReadError> {
        match segment::list(directory)?.first() {
            None => Ok(None),
            Some(&number) => Self::open_at(directory, number).map(Some),
        }
    }

    fn open_at(directory: &Path, number: u64) -> Result<Self, ReadError> {
        Ok(Self {
            directory: directory.to_owned(),
            number,
            reader: Reader::open(directory, number)?,
        })
    }

    /// A walk whose first batch is the one that holds entry `index`, or an earlier one; `None` where
    /// the segments begin later.
    pub(super) fn open_before(directory: &Path, index: u64) -> Result<Option<Self>, ReadError> {
        for number in segment::list(directory)?.into_iter().rev() {
            let scan = Self::open_at(directory, number)?;
            if scan
                .reader
                .peek_index()?
                .is_some_and(|first| first <= index)
            {
                return Ok(Some(scan));
            }
        }
        Ok(None)
    }

    /// Index of the first entry, where there is one in the segment that the walk has reached.
    pub(super) fn peek_index(&self) -> Result<Option<u64>, ReadError> {
        self.reader.peek_index()
    }

    /// The log the segments are of.
    pub(super) fn log(&self) -> LogId {
        self.reader.log()
    }

    /// The segment that the walk has reached.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next batch. At the end, may be asked again later, for a log that is being written.
    pub(super) fn next(&mut self) -> Result<Next, ReadError> {
        loop {
            // Asked before reading: once there is a next segment, nothing is added to this one.
            let following = segment::path(&self.directory, self.number + 1);
            let last = !reads::is_there(&following)?;
            let tail = match self.reader.step()? {
                Step::Batch(batch, digest) => return Ok(Next::Batch(batch, digest)),
                Step::End(tail) => tail,
            };
            let torn_until = match tail {
                Tail::Damaged(damage) => return Err(damage.into()),
                Tail::Empty => None,
                Tail::Torn { until } => Some(until),
            };
            if last {
                return Ok(Next::End(End {
                    number: self.number,
                    offset: self.reader.offset(),
                    torn_until,
                }));
            }
            if torn_until.is_some() {
                let path = segment::path(&self.directory, self.number);
                let what = format!(
                    "the segment `{}` is damaged behind its last batch",
                    path.display()
                );
                return Err(Damage::somewhere(what).into());
            }
            let log = self.reader.log();
            *self = Self::open_at(&self.directory, self.number + 1)?;
            if self.reader.log() != log {
                let what = format!("the segment `{}` is of another log", following.display());
                return Err(Damage::somewhere(what).into());
            }
        }
    }
}
