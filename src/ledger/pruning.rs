//! Pruning, as C2SP tlog-tiles has it: entries below the minimum index are gone, with the tiles and bundles
//! that span nothing else. Which index that is, and under which entry of the log, stands in a file of its
//! own, written before anything is deleted; deleting can be broken off and goes on at the next start.
//!
//! Not here: who may move it and when (`administration`), and when files go (the publisher's).

use std::fmt;
use std::io;
use std::path::Path;

use super::damage::{Damage, ReadError};
use super::reads;
use super::storage::{Storage, replace_file};
use super::tiles::{WIDTH, WIDTH_BITS};
use crate::entry::Purge;

/// Name of the file with the minimum index.
pub(super) const MINIMUM: &str = "minimum";

/// Levels of tiles, C2SP tlog-tiles.
const LEVELS: u32 = 64;

/// Folders of paths are no deeper: three digits in each name, as in `serving`.
const FOLDERS_MAX: usize = 8;

/// From which entry on a log is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minimum {
    /// The first entry that is, a multiple of 256.
    pub index: u64,
    /// The entry under which those before it were destroyed; nothing of a log that was never pruned. The
    /// latest, also where it destroyed keys alone.
    pub purge: Option<u64>,
}

impl fmt::Display for Minimum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.purge {
            Some(purge) => write!(formatter, "{}\n{purge}\n", self.index),
            None => Ok(()),
        }
    }
}

impl Minimum {
    /// From a file's bytes: two numbers, each on a line of its own.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let (index, purge) = text.split_once('\n')?;
        let minimum = Self {
            index: index.parse().ok()?,
            purge: Some(purge.strip_suffix('\n')?.parse().ok()?),
        };
        // The one spelling, and an entry that destroys others stands behind them.
        let whole = minimum.index.is_multiple_of(WIDTH as u64);
        let is_one = whole && minimum.purge >= Some(minimum.index) && minimum.to_string() == text;
        is_one.then_some(minimum)
    }

    /// What the entry with this index and these bytes moves it to, if it is about a purge.
    pub(super) fn of_entry(index: u64, bytes: &[u8]) -> Option<Self> {
        let purge = Purge::of(bytes)?;
        Some(Self {
            index: purge.minimum,
            purge: Some(index),
        })
    }

    /// Whether the entry that it names, with these bytes, says so.
    pub(super) fn is_told_by(&self, index: u64, bytes: &[u8]) -> bool {
        self.purge == Some(index) && Self::of_entry(index, bytes) == Some(*self)
    }
}

/// That of the log in `directory`.
pub(super) fn read(directory: &Path) -> Result<Minimum, ReadError> {
    let path = directory.join(MINIMUM);
    let Some(bytes) = reads::file(&path)? else {
        return Ok(Minimum::default());
    };
    Minimum::parse(&bytes).ok_or_else(|| wrong(&path).into())
}

/// What is wrong with a file that holds no minimum index.
pub(super) fn wrong(path: &Path) -> Damage {
    Damage::somewhere(format!("`{}` holds no minimum index", path.display()))
}

/// Makes it that of the log in `directory`, durably.
pub(super) fn write(
    storage: &dyn Storage,
    directory: &Path,
    minimum: &Minimum,
) -> Result<(), ReadError> {
    let path = directory.join(MINIMUM);
    replace_file(storage, &path, minimum.to_string().as_bytes())
        .map_err(|error| ReadError::unreadable(&path, error))
}

/// Deletes every tile and bundle of the log in `directory` that spans entries below `end` alone, but no
/// more than `files_max` at once; whether all are gone. What was deleted is so durably.
pub(super) fn remove_below(
    storage: &dyn Storage,
    directory: &Path,
    end: u64,
    files_max: usize,
) -> Result<bool, ReadError> {
    let mut removal = Removal {
        storage,
        left: files_max,
    };
    let tiles = directory.join("tile");
    removal.below(&tiles.join("entries"), end >> WIDTH_BITS)?;
    for level in 0..LEVELS {
        let folder = tiles.join(level.to_string());
        // A tile of this level spans so many entries, as a power of two.
        let bits = WIDTH_BITS * (level + 1);
        if bits >= u64::BITS || !reads::is_there(&folder)? {
            break;
        }
        removal.below(&folder, end >> bits)?;
    }
    Ok(removal.left > 0)
}

/// A walk that deletes.
struct Removal<'a> {
    storage: &'a dyn Storage,
    /// How many files may still be deleted.
    left: usize,
}

/// Something in a folder of tiles: a file or a folder of partial ones, with its index; or a folder of
/// indexes that begin with this number.
enum Found {
    Tile(u64),
    Partials(u64),
    Folder(u64),
}

impl Removal<'_> {
    /// Deletes what has an index below `count` in a folder of tiles of one level.
    fn below(&mut self, folder: &Path, count: u64) -> Result<(), ReadError> {
        self.walk(folder, 0, count, FOLDERS_MAX)
    }

    fn walk(
        &mut self,
        folder: &Path,
        prefix: u64,
        count: u64,
        depth: usize,
    ) -> Result<(), ReadError> {
        let mut names = reads::names(folder)?;
        names.sort_unstable();
        let (mut is_empty, mut has_changed) = (true, false);
        for name in names {
            let path = folder.join(&name);
            let found = name.to_str().and_then(|name| parse(name, prefix));
            let gone = match found {
                _ if self.left == 0 => false,
                Some(Found::Tile(index)) if index < count => {
                    self.act(&path, |storage| storage.remove(&path))?
                }
                Some(Found::Partials(index)) if index < count => {
                    self.act(&path, |storage| storage.remove_folder(&path))?
                }
                // The indexes in there are a thousand times the number in its name, or more.
                Some(Found::Folder(begin)) if begin.saturating_mul(1_000) < count && depth > 0 => {
                    self.walk(&path, begin, count, depth - 1)?;
                    let nothing_left = reads::names(&path)?.is_empty() && self.left > 0;
                    nothing_left && self.act(&path, |storage| storage.remove_folder(&path))?
                }
                _ => false,
            };
            is_empty &= gone;
            has_changed |= gone;
        }
        if has_changed && !is_empty {
            self.sync(folder)?;
        }
        Ok(())
    }

    /// Does something to one file or folder; true, as it is gone then.
    fn act(
        &mut self,
        path: &Path,
        change: impl FnOnce(&dyn Storage) -> io::Result<()>,
    ) -> Result<bool, ReadError> {
        match change(self.storage) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ReadError::unreadable(path, error))
            }
            _ => {
                self.left = self.left.saturating_sub(1);
                Ok(true)
            }
        }
    }

    fn sync(&self, folder: &Path) -> Result<(), ReadError> {
        self.storage
            .sync_folder(folder)
            .map_err(|error| ReadError::unreadable(folder, error))
    }
}

/// `067`, `067.p`, `067.new` or `x067`, in a folder of indexes that begin with `prefix`.
fn parse(name: &str, prefix: u64) -> Option<Found> {
    let (digits, found): (&str, fn(u64) -> Found) = if let Some(digits) = name.strip_prefix('x') {
        (digits, Found::Folder)
    } else if let Some(digits) = name.strip_suffix(".p") {
        (digits, Found::Partials)
    } else {
        (name.strip_suffix(".new").unwrap_or(name), Found::Tile)
    };
    let plain = digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let last: u64 = plain.then(|| digits.parse().ok())??;
    Some(found(prefix.checked_mul(1_000)?.checked_add(last)?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::storage::Disk;
    use super::super::tiles::{bundle_path, tile_path};
    use super::*;

    #[test]
    fn a_minimum_index_has_one_spelling_and_an_entry_behind_it() {
        let minimum = Minimum {
            index: 512,
            purge: Some(1_000),
        };
        assert_eq!(
            Minimum::parse(minimum.to_string().as_bytes()),
            Some(minimum)
        );
        for other in [
            "",
            "512",
            "512\n",
            "512\n1000",
            "0512\n1000\n",
            "512\n+1000\n",
            "512\n1000\n\n",
            "500\n1000\n",
            "512\n511\n",
            "512 1000\n",
        ] {
            assert_eq!(Minimum::parse(other.as_bytes()), None, "{other:?}");
        }
    }

    fn make(paths: &[PathBuf]) {
        for path in paths {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "hashes").unwrap();
        }
    }

    /// A log pruned below entry 66,304 (259 bundles): the tile of the first level over the first 65,536
    /// spans nothing that is left; the next one does.
    #[test]
    fn what_spans_pruned_entries_alone_is_deleted_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path();
        let of = |level, index| tile_path(directory, level, index, WIDTH);
        let bundle = |index| bundle_path(directory, index, WIDTH);
        let mut gone = vec![of(1, 0), tile_path(directory, 0, 258, 3), bundle(100)];
        gone.extend((0..259).map(|index| of(0, index)));
        gone.push(bundle(258).with_extension("new"));
        let kept = [
            of(0, 259),
            of(0, 1_234),
            of(0, 1_234_067),
            of(1, 1),
            of(2, 0),
            tile_path(directory, 1, 1, 3),
            bundle(259),
            bundle(1_258),
            directory.join("tile/0/other"),
        ];
        make(&gone);
        make(&kept);
        let mut steps = 1;
        while !remove_below(&Disk, directory, 259 * 256, 100).unwrap() {
            steps += 1;
        }
        assert_eq!(steps, 3);
        assert_eq!(gone.iter().find(|path| path.exists()), None);
        assert_eq!(kept.iter().find(|path| !path.exists()), None);
        assert!(remove_below(&Disk, directory, 259 * 256, 100).unwrap());
    }

    #[test]
    fn folders_that_are_empty_go_with_what_was_in_them() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path();
        make(&[
            tile_path(directory, 0, 1_001, WIDTH),
            tile_path(directory, 0, 2_001, WIDTH),
        ]);
        assert!(remove_below(&Disk, directory, 2_000 * 256, 100).unwrap());
        assert!(!directory.join("tile/0/x001").exists());
        assert!(directory.join("tile/0/x002/001").exists());
    }
}
