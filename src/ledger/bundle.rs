//! The bundle that is not full yet. Its entries, which may be 16 MiB, are in a file beside its place and
//! not in memory: each is written there as it comes, and a partial bundle is a copy of that file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::damage::{Damage, ReadError};
use super::reads;
use super::storage::{Storage, beside, make_folders};
use super::tiles::{self, Tiles, WIDTH, bundle_path};

/// Most bytes held before they are written, an entry more or less; and most copied at once.
const BYTES_AT_ONCE: usize = 32 << 10;

/// A bundle being written. After an error it must not be used any more: nobody knows what is in its file.
#[derive(Debug)]
pub(super) struct Bundle {
    directory: PathBuf,
    storage: Arc<dyn Storage>,
    index: u64,
    /// Made with the first bytes.
    file: Option<File>,
    bytes: u64,
    waiting: Vec<u8>,
}

impl Bundle {
    /// The bundle that the entry after those of `tree` belongs in, with the entries before it from the bundles
    /// that are published in `directory`. They must be those of the tree: the segments that have them too are
    /// deleted once this bundle is full.
    pub(super) fn resume(
        directory: &Path,
        storage: Arc<dyn Storage>,
        tree: &Tiles,
    ) -> Result<Self, ReadError> {
        let index = tree.size() / WIDTH as u64;
        let begun = tree.partial().find(|tile| tile.level == 0);
        let waiting = match begun {
            None => Vec::new(),
            Some(tile) => {
                let bundle = tiles::read_bundle(directory, index, tile.hashes.len())?;
                let found = tiles::leaf_hashes(&bundle);
                let same = found.iter().zip(&tile.hashes);
                let same = same.take_while(|(found, hash)| **found == Some(**hash));
                let same = same.count();
                if same < tile.hashes.len() {
                    let what = "its bundle is damaged";
                    return Err(Damage::at(tile.first_entry(same), what).into());
                }
                bundle
            }
        };
        Ok(Self {
            directory: directory.to_owned(),
            storage,
            index,
            file: None,
            bytes: 0,
            waiting,
        })
    }

    /// Adds an entry, which must be shorter than 64 KiB.
    pub(super) fn push(&mut self, entry: &[u8]) -> Result<(), ReadError> {
        tiles::push_entry(&mut self.waiting, entry);
        if self.waiting.len() < BYTES_AT_ONCE {
            return Ok(());
        }
        self.write()
    }

    /// The bundle is full: its path, which its file is to be renamed to. The next one begins.
    pub(super) fn finish(&mut self) -> Result<PathBuf, ReadError> {
        self.write()?;
        let path = self.path();
        self.file = None;
        self.index += 1;
        self.bytes = 0;
        Ok(path)
    }

    /// Copies what there is, `width` entries, beside the path of such a partial bundle; that path.
    pub(super) fn copy(&mut self, width: usize) -> Result<PathBuf, ReadError> {
        self.write()?;
        let path = bundle_path(&self.directory, self.index, width);
        self.copy_beside(&path)
            .map_err(|error| ReadError::unreadable(&path, error))?;
        Ok(path)
    }

    fn path(&self) -> PathBuf {
        bundle_path(&self.directory, self.index, WIDTH)
    }

    fn write(&mut self) -> Result<(), ReadError> {
        let written = self.write_waiting();
        written.map_err(|error| ReadError::unreadable(&self.path(), error))
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => make_beside(&*self.storage, &self.path())?,
        };
        self.storage.write(&file, &self.waiting, self.bytes)?;
        self.file = Some(file);
        self.bytes += self.waiting.len() as u64;
        self.waiting.clear();
        self.waiting.shrink_to(2 * BYTES_AT_ONCE);
        Ok(())
    }

    fn copy_beside(&self, path: &Path) -> io::Result<()> {
        let copy = make_beside(&*self.storage, path)?;
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut offset = 0;
        let mut bytes = vec![0; BYTES_AT_ONCE];
        while offset < self.bytes {
            let left = usize::try_from(self.bytes - offset).unwrap_or(usize::MAX);
            bytes.truncate(left);
            reads::exact_at(file, &beside(&self.path()), &mut bytes, offset)?;
            self.storage.write(&copy, &bytes, offset)?;
            offset += bytes.len() as u64;
        }
        Ok(())
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        // What is in its file is in the segments.
        if self.file.is_some() {
            let _ = self.storage.remove(&beside(&self.path()));
        }
    }
}

/// Makes the file that becomes `path`, and the folders it is in.
pub(super) fn make_beside(storage: &dyn Storage, path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        make_folders(storage, folder, false)?;
    }
    storage.make(&beside(path))
}
