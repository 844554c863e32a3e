//! What the ledger reads from the disk, call by call. A file that cannot be read is an error, never one that
//! is not there: whoever took it for that would begin a log anew over the old one, or delete what is needed.
//!
//! Not behind [`super::storage`]: reading changes nothing, and is the same for a copy of a ledger. In the
//! tests any call can be told to fail (`reads/faulty.rs`).

#[cfg(test)]
pub(super) mod faulty;

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::damage::ReadError;

#[cfg(test)]
use self::faulty::{called, whole};
#[cfg(not(test))]
use std::fs::read as whole;

/// Before every call to the system but [`whole`].
#[cfg(not(test))]
fn called(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The bytes of a file; `None` where there is none.
pub(super) fn file(path: &Path) -> Result<Option<Vec<u8>>, ReadError> {
    match whole(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ReadError::unreadable(path, error)),
    }
}

/// The names in a folder; none where there is no folder.
pub(super) fn names(folder: &Path) -> Result<Vec<OsString>, ReadError> {
    let read = || -> io::Result<_> {
        called(folder)?;
        let files = folder.read_dir()?;
        files.map(|file| Ok(file?.file_name())).collect()
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| ReadError::unreadable(folder, error)),
    }
}

/// Whether there is a file or a folder.
pub(super) fn is_there(path: &Path) -> Result<bool, ReadError> {
    let found = called(path).and_then(|()| path.try_exists());
    found.map_err(|error| ReadError::unreadable(path, error))
}

/// Opens a file for reading.
pub(super) fn open(path: &Path) -> Result<File, ReadError> {
    let opened = called(path).and_then(|()| File::open(path));
    opened.map_err(|error| ReadError::unreadable(path, error))
}

/// Opens a file that is there for reading and writing.
pub(super) fn open_for_writing(path: &Path) -> Result<File, ReadError> {
    let opened = called(path).and_then(|()| OpenOptions::new().read(true).write(true).open(path));
    opened.map_err(|error| ReadError::unreadable(path, error))
}

/// Fills `bytes` with what stands at `offset` in the open file that is `path`; fails where it has fewer.
pub(super) fn exact_at(file: &File, path: &Path, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    called(path)?;
    file.read_exact_at(bytes, offset)
}

/// What is known of the open file that is `path`.
pub(super) fn metadata(file: &File, path: &Path) -> io::Result<Metadata> {
    called(path)?;
    file.metadata()
}

/// What is known of whichever file has this path.
pub(super) fn metadata_at(path: &Path) -> io::Result<Metadata> {
    called(path)?;
    path.metadata()
}
