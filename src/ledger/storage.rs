//! What the ledger changes on the disk, call by call. [`Disk`] does it; the tests have one that fails
//! at any call and forgets what was not synced when the power goes (`storage/power.rs`). Reading is
//! not behind this seam: it changes nothing, and is the same for a copy of a ledger.

#[cfg(test)]
pub(super) mod power;

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Makes, writes, syncs, renames and removes files. What was written is durable after [`Self::sync`],
/// a name after [`Self::sync_folder`] of the folder it is in, both after [`Self::sync_system`].
///
/// Every call fails as the system does; whether it had an effect then, nobody can tell.
pub(super) trait Storage: Debug + Send + Sync {
    /// Makes a folder in one that is there. One that is there already is left as it is.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a new file that nobody else has open, in place of one of that name.
    fn make(&self, path: &Path) -> io::Result<File>;
    /// Writes to a file made here, or opened.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written to the file durable.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Gives a file another name, and takes that from whichever has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder with all that is in it.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes everything in the file system that has `path` durable.
    fn sync_system(&self, path: &Path) -> io::Result<()>;
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk;

impl Storage for Disk {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn make(&self, path: &Path) -> io::Result<File> {
        // Where it cannot be removed, making the new one fails.
        let _ = fs::remove_file(path);
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_system(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(path)?)?)
    }
}

/// Makes `path` and the folders above it that are missing, and with `durably` their names durable,
/// also where they were there: whoever made them may not have come to that.
pub(super) fn make_folders(storage: &dyn Storage, path: &Path, durably: bool) -> io::Result<()> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above
        && !above.exists()
    {
        make_folders(storage, above, durably)?;
    }
    if !path.exists() {
        storage.make_folder(path)?;
    }
    if durably {
        storage.sync_folder(above.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

/// Writes a file of this name whole: whoever looks finds the old one or the new one, also after a
/// power cut. Its folder must be there.
pub(super) fn replace_file(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    let file = storage.make(&beside)?;
    storage.write(&file, bytes, 0)?;
    storage.sync(&file)?;
    storage.rename(&beside, path)?;
    let folder = path.parent().filter(|above| !above.as_os_str().is_empty());
    storage.sync_folder(folder.unwrap_or(Path::new(".")))
}

/// Name of the file that becomes `path`.
pub(super) fn beside(path: &Path) -> std::path::PathBuf {
    path.with_added_extension("new")
}
