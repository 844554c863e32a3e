//! Segments: files of one fixed length, zeros when made, that batches are written into from the front
//! (`docs/ledger-format.md` section 2). This file makes and reads them, and judges what stands behind
//! the last whole batch: nothing, a batch that a crash tore before anyone was answered, or damage.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::batch::{BLOCK_BYTES, Batch, Header, LogId, MAGIC};
use super::damage::{Damage, ReadError};
use super::merkle::{Hash, sha256};
use super::reads;
use super::storage::Storage;

/// Folder of the segments inside the ledger's.
pub(super) const FOLDER: &str = "journal";

const SEGMENT_MAGIC: &[u8; 8] = b"CVNTSEG1";

/// Disks write a sector whole or not at all; this is the smallest in use.
const SECTOR_BYTES: usize = 512;

/// Path of the segment with this number, counted from 0.
pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(FOLDER).join(format!("{number:010}.segment"))
}

/// Numbers of the segments there are, in order.
pub(super) fn list(directory: &Path) -> Result<Vec<u64>, ReadError> {
    let mut numbers = Vec::new();
    for name in reads::names(&directory.join(FOLDER))? {
        let stem = name.to_str().and_then(|name| name.strip_suffix(".segment"));
        numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    for pair in numbers.windows(2) {
        if let &[one, next] = pair
            && next != one + 1
        {
            let missing = path(directory, one + 1);
            let what = format!("the segment `{}` is missing", missing.display());
            return Err(Damage::somewhere(what).into());
        }
    }
    Ok(numbers)
}

/// Writes a new, empty segment of `bytes` (a multiple of the block) into `file` and makes it durable.
/// Zeros are written, not just reserved: only then does a later `fdatasync` have no metadata to write.
pub(super) fn fill(
    storage: &dyn Storage,
    file: &File,
    log: LogId,
    number: u64,
    bytes: u64,
) -> io::Result<()> {
    storage.write(file, &header(log, number, bytes), 0)?;
    let zeros = vec![0; BLOCK_BYTES * 64];
    let mut offset = BLOCK_BYTES as u64;
    while offset < bytes {
        let length = usize::try_from(bytes - offset)
            .unwrap_or(usize::MAX)
            .min(zeros.len());
        storage.write(file, zeros.get(..length).unwrap_or_default(), offset)?;
        offset += length as u64;
    }
    storage.sync(file)
}

/// The first block of a segment.
fn header(log: LogId, number: u64, bytes: u64) -> Vec<u8> {
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    block.extend_from_slice(SEGMENT_MAGIC);
    block.extend_from_slice(&log);
    block.extend_from_slice(&number.to_be_bytes());
    block.extend_from_slice(&bytes.to_be_bytes());
    let check = sha256(&[&block]);
    block.extend_from_slice(&check);
    block.resize(BLOCK_BYTES, 0);
    block
}

/// Position of the last byte that is not zero. Whole blocks are compared first, which is fast.
fn last_not_zero(bytes: &[u8]) -> Option<usize> {
    const ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
    let mut blocks = bytes.chunks(BLOCK_BYTES).enumerate().rev();
    let (number, block) =
        blocks.find(|(_, block)| ZEROS.get(..block.len()).is_none_or(|zeros| zeros != *block))?;
    let position = block.iter().rposition(|&byte| byte != 0)?;
    Some(number * BLOCK_BYTES + position)
}

/// What stands behind the last whole batch of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Zeros.
    Empty,
    /// Part of a batch: at least one of its sectors never reached the disk, so its `fdatasync` never
    /// returned and nobody was answered. It ends before `until`.
    Torn {
        /// Offset of the byte after the last that is not zero.
        until: u64,
    },
    /// Something that no crash leaves.
    Damaged(Damage),
}

/// One step through a segment.
#[derive(Debug)]
pub(super) enum Step {
    /// The next batch and its digest.
    Batch(Batch, Hash),
    /// No whole batch is left.
    End(Tail),
}

/// Where the bytes of a segment are.
#[derive(Debug)]
enum Source {
    File(File),
    Memory(Vec<u8>),
}

impl Source {
    fn length(&self, path: &Path) -> io::Result<u64> {
        match self {
            Self::File(file) => Ok(reads::metadata(file, path)?.len()),
            Self::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// The bytes at `offset`; fails where there are fewer.
    fn read(&self, path: &Path, offset: u64, length: u64) -> io::Result<Cow<'_, [u8]>> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match self {
            Self::File(file) => {
                let mut bytes = vec![0; length];
                reads::exact_at(file, path, &mut bytes, offset)?;
                Ok(bytes.into())
            }
            Self::Memory(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let read = bytes.get(from..from.saturating_add(length));
                read.map(Cow::from)
                    .ok_or(io::ErrorKind::UnexpectedEof.into())
            }
        }
    }
}

/// Reads the batches of one segment.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    source: Source,
    log: LogId,
    bytes: u64,
    offset: u64,
    /// Index the next batch must begin with, once known: names the place of damage.
    next_index: Option<u64>,
}

impl Reader {
    /// Opens the segment with this number.
    pub(super) fn open(directory: &Path, number: u64) -> Result<Self, ReadError> {
        let path = path(directory, number);
        Self::over(Source::File(reads::open(&path)?), path, number)
    }

    /// Opens a segment that lies in memory.
    pub(super) fn in_memory(bytes: Vec<u8>, number: u64) -> Result<Self, ReadError> {
        let path = PathBuf::from(format!("{number}"));
        Self::over(Source::Memory(bytes), path, number)
    }

    fn over(source: Source, path: PathBuf, number: u64) -> Result<Self, ReadError> {
        let unreadable = |error| ReadError::unreadable(&path, error);
        let length = source.length(&path).map_err(unreadable)?;
        let wrong = |what: &str| {
            let what = format!("the segment `{}` {what}", path.display());
            ReadError::from(Damage::somewhere(what))
        };
        if length < BLOCK_BYTES as u64 {
            return Err(wrong("has been cut short"));
        }
        let block = source.read(&path, 0, BLOCK_BYTES as u64);
        let block = block.map_err(unreadable)?;
        let field = |from: usize| {
            let bytes = block.get(from..).unwrap_or_default();
            bytes.first_chunk::<8>().copied().unwrap_or_default()
        };
        let (log, bytes) = (field(8), u64::from_be_bytes(field(24)));
        if *block != header(log, number, bytes) {
            return Err(wrong("has a damaged header, or another segment's"));
        }
        if length != bytes {
            return Err(wrong("is not as long as it was made"));
        }
        drop(block);
        Ok(Self {
            source,
            log,
            bytes,
            offset: BLOCK_BYTES as u64,
            next_index: None,
            path,
        })
    }

    /// Goes to a batch that begins with the entry `next_index`.
    #[cfg(test)]
    pub(super) fn skip_to(&mut self, offset: u64, next_index: u64) {
        self.offset = offset;
        self.next_index = Some(next_index);
    }

    /// Flips bits of one byte in memory.
    #[cfg(test)]
    pub(super) fn flip(&mut self, position: usize, bits: u8) {
        if let Source::Memory(bytes) = &mut self.source {
            bytes[position] ^= bits;
        }
    }

    /// The log this segment is of.
    pub(super) fn log(&self) -> LogId {
        self.log
    }

    /// Where the next batch begins, or would.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next batch. At the end, may be asked again: a batch may have come by then.
    pub(super) fn step(&mut self) -> Result<Step, ReadError> {
        match self.header()? {
            None => Ok(Step::End(self.tail(None)?)),
            Some(header) => {
                let decoded =
                    Batch::decode(&header, &self.read(self.offset, header.padded_bytes())?);
                match decoded {
                    Ok((batch, digest)) => {
                        self.offset += header.padded_bytes();
                        self.next_index = Some(batch.end_index());
                        Ok(Step::Batch(batch, digest))
                    }
                    Err(damage) => Ok(Step::End(self.tail(Some((header, damage)))?)),
                }
            }
        }
    }

    /// The index the next batch begins with, where there is a whole header.
    pub(super) fn peek_index(&self) -> Result<Option<u64>, ReadError> {
        Ok(self.header()?.map(|header| header.first_index))
    }

    /// The header at the present offset, if it is one of this log that fits.
    fn header(&self) -> Result<Option<Header>, ReadError> {
        if self.offset >= self.bytes {
            return Ok(None);
        }
        let block = self.read(self.offset, BLOCK_BYTES as u64)?;
        Ok(self.header_in(&block, self.offset))
    }

    fn header_in(&self, block: &[u8], offset: u64) -> Option<Header> {
        Header::decode(block)
            .filter(|header| header.log == self.log && offset + header.padded_bytes() <= self.bytes)
    }

    fn read(&self, offset: u64, length: u64) -> Result<Cow<'_, [u8]>, ReadError> {
        let read = self.source.read(&self.path, offset, length);
        read.map_err(|error| ReadError::unreadable(&self.path, error))
    }

    /// Judges what stands at the present offset and behind, where no whole batch does.
    ///
    /// A crash can leave only one batch unfinished, the last, and of that one it leaves each sector
    /// either written or zero. No sector of a whole frame is zero. So: a valid batch behind, a header
    /// half right, or a batch of which every sector was written, is damage.
    fn tail(&self, bad: Option<(Header, Damage)>) -> Result<Tail, ReadError> {
        let rest = self.read(self.offset, self.bytes - self.offset)?;
        let Some(last) = last_not_zero(&rest) else {
            return Ok(Tail::Empty);
        };
        let damaged = |what: &str| match self.next_index {
            Some(index) => Damage::at(index, what),
            None => Damage::somewhere(format!("segment `{}`: {what}", self.path.display())),
        };
        if self.valid_batch_behind(&rest) {
            let damage = bad.map(|(_, damage)| damage);
            let damage = damage.unwrap_or_else(|| damaged("its batch is damaged"));
            return Ok(Tail::Damaged(damage));
        }
        let sectors = |length: u64| {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            rest.get(..length).unwrap_or(&rest).chunks(SECTOR_BYTES)
        };
        let zero = |sector: &[u8]| sector.iter().all(|&byte| byte == 0);
        let until = self.offset + last as u64 + 1;
        Ok(match bad {
            None if sectors(SECTOR_BYTES as u64).all(zero) => Tail::Torn { until },
            None => Tail::Damaged(damaged("the header of its batch is damaged")),
            Some((header, _)) if last as u64 >= header.frame_bytes() => {
                Tail::Damaged(damaged("its batch is damaged, and not by a crash"))
            }
            Some((header, _)) if sectors(header.frame_bytes()).any(zero) => Tail::Torn { until },
            Some((_, damage)) => Tail::Damaged(damage),
        })
    }

    fn valid_batch_behind(&self, rest: &[u8]) -> bool {
        (self.offset..)
            .step_by(BLOCK_BYTES)
            .zip(rest.chunks(BLOCK_BYTES))
            .skip(1)
            .filter(|(_, block)| block.starts_with(MAGIC))
            .filter_map(|(offset, block)| Some((offset, self.header_in(block, offset)?)))
            .any(|(offset, header)| {
                self.read(offset, header.padded_bytes())
                    .is_ok_and(|frame| Batch::decode(&header, &frame).is_ok())
            })
    }
}
