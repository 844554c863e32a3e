//! Where the published files of a log are read from: a folder, or what somebody serves.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::super::damage::ReadError;
use super::super::reads;
use super::super::tiles;

/// The published files of a log, by their names relative to it.
pub trait Published {
    /// The file's bytes; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unreadable`].
    fn read(&self, name: &Path) -> Result<Option<Vec<u8>>, ReadError>;

    /// Whether there is the file.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unreadable`].
    fn has(&self, name: &Path) -> Result<bool, ReadError>;

    /// Widths of the partial files of the full one `name`, in order, as far as they can be listed.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unreadable`].
    fn partial_widths(&self, name: &Path) -> Result<Vec<usize>, ReadError>;
}

/// A folder with the files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folder<'a>(pub(super) &'a Path);

impl Published for Folder<'_> {
    fn read(&self, name: &Path) -> Result<Option<Vec<u8>>, ReadError> {
        reads::file(&self.0.join(name))
    }

    fn has(&self, name: &Path) -> Result<bool, ReadError> {
        reads::is_there(&self.0.join(name))
    }

    fn partial_widths(&self, name: &Path) -> Result<Vec<usize>, ReadError> {
        tiles::partial_widths(&self.0.join(name))
    }
}

/// Files that are fetched one by one, by a function that gets their names.
pub struct Fetched<Fetch> {
    fetch: Fetch,
    /// The last one, as it is asked for before it is read.
    last: RefCell<Option<(PathBuf, Option<Vec<u8>>)>>,
}

impl<Fetch> std::fmt::Debug for Fetched<Fetch> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Fetched")
    }
}

impl<Fetch: Fn(&Path) -> Result<Option<Vec<u8>>, ReadError>> Fetched<Fetch> {
    /// What `fetch` gets: a file's bytes, or `None` where there is none.
    pub fn new(fetch: Fetch) -> Self {
        let last = RefCell::new(None);
        Self { fetch, last }
    }
}

impl<Fetch: Fn(&Path) -> Result<Option<Vec<u8>>, ReadError>> Published for Fetched<Fetch> {
    fn read(&self, name: &Path) -> Result<Option<Vec<u8>>, ReadError> {
        match self.last.take() {
            Some((last, bytes)) if last == name => Ok(bytes),
            _ => (self.fetch)(name),
        }
    }

    fn has(&self, name: &Path) -> Result<bool, ReadError> {
        let bytes = self.read(name)?;
        let there = bytes.is_some();
        self.last.replace(Some((name.to_owned(), bytes)));
        Ok(there)
    }

    fn partial_widths(&self, _: &Path) -> Result<Vec<usize>, ReadError> {
        Ok(Vec::new())
    }
}
