//! Where batches become durable. [`Journal`] is the seam of the ledger's bytes: [`FileJournal`] keeps
//! them in segments on the local disk; the tests have one that fails at will.
//!
//! A journal knows nothing of keys and trees. It is owned by one writer, the sequencer, and is never
//! written again after an error: what a failed `fdatasync` left on the disk nobody can tell
//! ([fsyncgate](https://wiki.postgresql.org/wiki/Fsync_Errors)).

#[cfg(test)]
pub(super) mod faulty;

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use thiserror::Error;

use super::batch::{BLOCK_BYTES, Batch, LogId};
use super::damage::{Damage, ReadError};
use super::merkle::Hash;
use super::reads;
use super::scan::{End, Next, Scan};
use super::segment;
use super::storage::{Storage, make_folders};

/// Called with each batch found and its digest.
pub type Each<'a> = dyn FnMut(&Batch, Hash) -> Result<(), Damage> + 'a;

/// Keeps batches, in order, for one writer.
pub trait Journal: Send {
    /// Shows each batch it keeps to `each`, in order, and tells how many bytes of an unfinished batch a
    /// crash left behind the last. Changes nothing: those bytes are cut off by the first append. To be
    /// called once, before it.
    ///
    /// # Errors
    ///
    /// [`ReadError`], of its own or from `each`.
    fn recover(&mut self, each: &mut Each<'_>) -> Result<u64, ReadError>;

    /// Appends `batch`. It is durable when this returns; after an error it may or may not be, and
    /// every later call fails.
    ///
    /// # Errors
    ///
    /// [`JournalError`].
    fn append(&mut self, batch: &Batch) -> Result<(), JournalError>;

    /// Looks whether what was appended is still where it was put: nobody who writes to a file is told
    /// that it was deleted or replaced. After an error every later call fails.
    ///
    /// # Errors
    ///
    /// [`JournalError`].
    fn check(&mut self) -> Result<(), JournalError>;

    /// Has the next batch begin a segment, so that the one before can be released by itself.
    fn begin_segment(&mut self);
}

/// Why a batch was not made durable.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The system could not write.
    #[error("the ledger's segment `{}` cannot be {action}: {source}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// `made`, `written` or `checked`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody deleted, replaced or linked the file that is being written.
    #[error("the ledger's segment `{}` has been deleted, replaced or linked by somebody", .0.display())]
    Replaced(PathBuf),
    /// More than a segment holds.
    #[error("a batch of the ledger is longer than its segments")]
    BatchTooLarge,
    /// An earlier call failed.
    #[error(
        "the ledger is closed after an earlier error; restart the gateway once its cause is gone"
    )]
    Poisoned,
}

/// Segments in a directory.
#[derive(Debug)]
pub(super) struct FileJournal {
    directory: PathBuf,
    log: LogId,
    segment_bytes: u64,
    storage: Arc<dyn Storage>,
    open: Option<OpenSegment>,
    next_number: u64,
    /// The segment after the open one, being made ready ahead of time.
    spare: Option<JoinHandle<io::Result<File>>>,
    /// Whether the next batch begins a segment, though it may fit the open one.
    begins_segment: bool,
    poisoned: bool,
}

#[derive(Debug)]
struct OpenSegment {
    file: File,
    path: PathBuf,
    bytes: u64,
    offset: u64,
    /// Bytes at `offset` that a torn batch left.
    torn_bytes: u64,
}

impl FileJournal {
    /// The journal in `directory`, which must exist. Nothing is read yet.
    pub(super) fn new(
        directory: &Path,
        log: LogId,
        segment_bytes: u64,
        storage: Arc<dyn Storage>,
    ) -> Self {
        Self {
            directory: directory.to_owned(),
            log,
            segment_bytes,
            storage,
            open: None,
            next_number: 0,
            spare: None,
            begins_segment: false,
            poisoned: false,
        }
    }

    fn spare_path(&self) -> PathBuf {
        self.directory.join(segment::FOLDER).join("spare")
    }

    /// Opens the last segment for writing.
    fn resume(&mut self, end: End) -> Result<u64, ReadError> {
        let path = segment::path(&self.directory, end.number);
        let unreadable = |error| ReadError::unreadable(&path, error);
        let file = reads::open_for_writing(&path)?;
        let torn_bytes = end.torn_until.unwrap_or(end.offset) - end.offset;
        self.next_number = end.number + 1;
        self.open = Some(OpenSegment {
            bytes: reads::metadata(&file, &path).map_err(unreadable)?.len(),
            offset: end.offset,
            torn_bytes,
            file,
            path,
        });
        Ok(torn_bytes)
    }

    /// Does something once, and nothing ever again after it failed.
    fn unless_poisoned(
        &mut self,
        what: impl FnOnce(&mut Self) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned);
        }
        let done = what(self);
        if done.is_err() {
            self.poisoned = true;
            self.open = None;
        }
        done
    }

    fn write(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let (frame, _) = batch.encode(self.log).ok_or(JournalError::BatchTooLarge)?;
        let length = frame.len() as u64;
        if length + BLOCK_BYTES as u64 > self.segment_bytes {
            return Err(JournalError::BatchTooLarge);
        }
        if let Some(open) = &mut self.open {
            open.cut_torn(&*self.storage)?;
        }
        let begins = std::mem::take(&mut self.begins_segment);
        let segment = match self.open.take() {
            Some(segment) if !begins && segment.offset + length <= segment.bytes => segment,
            _ => self.next_segment()?,
        };
        let segment = self.open.insert(segment);
        let failed = |source| failed(&segment.path, "written", source);
        self.storage
            .write(&segment.file, &frame, segment.offset)
            .map_err(failed)?;
        self.storage.sync(&segment.file).map_err(failed)?;
        // Durable in a file that nobody finds again is not durable.
        segment.check()?;
        segment.offset += length;
        if self.spare.is_none() && segment.offset >= segment.bytes / 4 {
            self.spare = Some(self.prepare_spare());
        }
        Ok(())
    }

    fn prepare_spare(&self) -> JoinHandle<io::Result<File>> {
        let path = self.spare_path();
        let (log, number, bytes) = (self.log, self.next_number, self.segment_bytes);
        let storage = Arc::clone(&self.storage);
        thread::spawn(move || {
            if let Some(folder) = path.parent() {
                make_folders(&*storage, folder, true)?;
            }
            // What a crash left under this name is of no use.
            let file = storage.make(&path)?;
            segment::fill(&*storage, &file, log, number, bytes)?;
            Ok(file)
        })
    }

    fn next_segment(&mut self) -> Result<OpenSegment, JournalError> {
        let path = segment::path(&self.directory, self.next_number);
        let failed = |source| failed(&path, "made", source);
        let spare = match self.spare.take() {
            Some(spare) => spare,
            None => self.prepare_spare(),
        };
        let file = spare
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that makes it panicked")))
            .map_err(failed)?;
        // The number goes up with the rename, so a segment is never overwritten by this.
        let rename = self.storage.rename(&self.spare_path(), &path);
        rename.map_err(failed)?;
        let folder = self.directory.join(segment::FOLDER);
        self.storage.sync_folder(&folder).map_err(failed)?;
        self.next_number += 1;
        Ok(OpenSegment {
            bytes: self.segment_bytes,
            offset: BLOCK_BYTES as u64,
            torn_bytes: 0,
            file,
            path,
        })
    }
}

impl Journal for FileJournal {
    fn recover(&mut self, each: &mut Each<'_>) -> Result<u64, ReadError> {
        let Some(mut scan) = Scan::open(&self.directory)? else {
            return Ok(0);
        };
        if scan.log() != self.log {
            let what = "the segments are of another log: check `origin` and the directory";
            return Err(Damage::somewhere(what).into());
        }
        loop {
            match scan.next()? {
                Next::Batch(batch, digest) => each(&batch, digest)?,
                Next::End(end) => return self.resume(end),
            }
        }
    }

    fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        self.unless_poisoned(|journal| journal.write(batch))
    }

    fn check(&mut self) -> Result<(), JournalError> {
        self.unless_poisoned(|journal| match &journal.open {
            Some(open) => open.check(),
            None => {
                // A new log: its first segment is made while the rest starts up.
                if journal.spare.is_none() {
                    journal.spare = Some(journal.prepare_spare());
                }
                Ok(())
            }
        })
    }

    fn begin_segment(&mut self) {
        // One without a batch has nothing to be released.
        let has_batch = |open: &OpenSegment| open.offset > BLOCK_BYTES as u64;
        self.begins_segment = self.open.as_ref().is_some_and(has_batch);
    }
}

impl Drop for FileJournal {
    /// Waits for the spare, so that nothing is written to the directory after the lock is given back.
    fn drop(&mut self) {
        if let Some(spare) = self.spare.take() {
            let _ = spare.join();
        }
    }
}

impl OpenSegment {
    /// Puts zeros where a torn batch stands, durably, before anything is written over its beginning.
    fn cut_torn(&mut self, storage: &dyn Storage) -> Result<(), JournalError> {
        if self.torn_bytes > 0 {
            let zeros = vec![0; usize::try_from(self.torn_bytes).unwrap_or(usize::MAX)];
            storage
                .write(&self.file, &zeros, self.offset)
                .and_then(|()| storage.sync(&self.file))
                .map_err(|source| failed(&self.path, "written", source))?;
            self.torn_bytes = 0;
        }
        Ok(())
    }

    /// Deleting or replacing an open file goes unnoticed by whoever writes to it, so it is looked for.
    fn check(&self) -> Result<(), JournalError> {
        let failed = |source| failed(&self.path, "checked", source);
        let ours = reads::metadata(&self.file, &self.path).map_err(failed)?;
        let named = match reads::metadata_at(&self.path) {
            Ok(named) => named,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(JournalError::Replaced(self.path.clone()));
            }
            Err(error) => return Err(failed(error)),
        };
        let same = (ours.dev(), ours.ino(), ours.len()) == (named.dev(), named.ino(), self.bytes);
        if !same || named.nlink() != 1 {
            return Err(JournalError::Replaced(self.path.clone()));
        }
        Ok(())
    }
}

fn failed(path: &Path, action: &'static str, source: io::Error) -> JournalError {
    JournalError::Failed {
        path: path.to_owned(),
        action,
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::batch::{Leaf, log_id};
    use super::super::storage::Disk;
    use super::*;

    fn batch(first_index: u64) -> Batch {
        Batch {
            first_index,
            leaves: vec![Leaf::new(b"entry".to_vec())],
            checkpoint: "checkpoint".to_owned(),
            previous: Hash::default(),
        }
    }

    fn journal(directory: &Path) -> FileJournal {
        fs::create_dir_all(directory.join(segment::FOLDER)).unwrap();
        FileJournal::new(directory, log_id("log"), 128 * 1024, Arc::new(Disk))
    }

    #[test]
    fn a_segment_deleted_replaced_or_linked_under_the_writer_is_noticed() {
        let tampering: [fn(&Path); 4] = [
            |path| fs::remove_file(path).unwrap(),
            |path| {
                let bytes = fs::read(path).unwrap();
                fs::remove_file(path).unwrap();
                fs::write(path, bytes).unwrap();
            },
            |path| fs::hard_link(path, path.with_extension("link")).unwrap(),
            |path| {
                File::options()
                    .write(true)
                    .open(path)
                    .unwrap()
                    .set_len(9_000)
                    .unwrap()
            },
        ];
        for tamper in tampering {
            let place = tempfile::tempdir().unwrap();
            let mut journal = journal(place.path());
            journal.append(&batch(0)).unwrap();
            let open = journal.open.as_ref().unwrap();
            open.check().unwrap();
            tamper(&open.path);
            assert!(matches!(open.check(), Err(JournalError::Replaced(_))));
            // Whatever was written to such a file is not durable, and nobody is told that it is.
            assert!(matches!(
                journal.append(&batch(1)),
                Err(JournalError::Replaced(_))
            ));
            assert!(matches!(journal.check(), Err(JournalError::Poisoned)));
        }
    }

    #[test]
    fn after_an_error_the_segment_is_closed_and_never_written_again() {
        let place = tempfile::tempdir().unwrap();
        let mut journal = journal(place.path());
        journal.append(&batch(0)).unwrap();
        let path = segment::path(place.path(), 0);
        let before = fs::read(&path).unwrap();
        // A descriptor that cannot write stands for a disk that cannot.
        journal.open.as_mut().unwrap().file = File::open(&path).unwrap();
        assert!(matches!(
            journal.append(&batch(1)),
            Err(JournalError::Failed { .. })
        ));
        assert!(journal.open.is_none());
        assert!(matches!(
            journal.append(&batch(1)),
            Err(JournalError::Poisoned)
        ));
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
