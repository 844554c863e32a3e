//! Files that are made once and never overwritten, such as keys. Who may read a file is settled as it
//! is made, so at no moment can anybody else.
//!
//! Not here: reading them back, and what a key open to others means, which their rooms judge.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// The user who makes it: mode 0600.
    Owner,
    /// Whoever reaches its folder: mode 0644.
    Everyone,
}

/// Makes a folder, and those above it, with mode 0700. One that is there stays as it is.
///
/// # Errors
/// What the system says.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a new file. It and its name are durable on return: a key that is lost with the power takes
/// with it all that was made under it.
///
/// # Errors
/// What the system says; [`io::ErrorKind::AlreadyExists`] where there is a file.
pub fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everyone => 0o644,
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn only_the_owner_reads_what_is_made_and_nothing_is_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        make_private_folder(&folder).unwrap();
        make_private_folder(&folder).unwrap();
        let file = folder.join("secret.key");
        write_new(&file, b"first", Readers::Owner).unwrap();
        let again = write_new(&file, b"second", Readers::Owner).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&file).unwrap(), b"first");
        for (path, mode) in [(&folder, 0o700), (&file, 0o600)] {
            assert_eq!(path.metadata().unwrap().mode() & 0o777, mode, "{path:?}");
        }
    }
}
