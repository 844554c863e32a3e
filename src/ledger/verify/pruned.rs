//! Where the verification of a pruned log begins: at its minimum index, with the tree over what was pruned
//! as the tiles that are left have it. Whether those are right, the roots that were signed later say.

use std::path::{Path, PathBuf};

use super::super::damage::{Damage, ReadError};
use super::super::pruning::{self, MINIMUM, Minimum};
use super::super::tiles::{self, Tile, Tiles, WIDTH, WIDTH_BITS, bundle_path, tile_path};
use super::HERE;
use super::source::Published;

/// Where a verification begins.
pub(super) struct Beginning {
    pub(super) minimum: Minimum,
    /// The tree over the entries before.
    pub(super) tiles: Tiles,
}

impl Beginning {
    /// Of a log with this many published entries. Entries that were pruned are still looked at where
    /// segments have them: `segments_begin` is the first of those, or the end of what is published.
    pub(super) fn find(
        source: &dyn Published,
        segments_begin: u64,
        published: u64,
    ) -> Result<Self, ReadError> {
        let minimum = match source.read(Path::new(MINIMUM))? {
            Some(bytes) => {
                Minimum::parse(&bytes).ok_or_else(|| pruning::wrong(MINIMUM.as_ref()))?
            }
            None => Minimum::default(),
        };
        if minimum.index > published {
            let what = "the log is pruned beyond its published checkpoint";
            return Err(Damage::at(published, what).into());
        }
        let begin = segments_begin - segments_begin % WIDTH as u64;
        let tiles = edge(source, minimum.index.min(begin), published)?;
        Ok(Self { minimum, tiles })
    }

    /// Whether a checkpoint of this many entries can be compared with what is left.
    pub(super) fn reaches(&self, size: u64) -> Result<(), ReadError> {
        match self.minimum.purge {
            Some(purge) if size < self.tiles.size() => Err(ReadError::Pruned {
                size,
                minimum: self.minimum.index,
                purge,
            }),
            _ => Ok(()),
        }
    }
}

/// Whether the log itself says that it was pruned so: these are the bytes of the entry that `minimum` names.
pub(super) fn is_on_record(minimum: &Minimum, entry: Option<&[u8]>) -> Result<(), Damage> {
    let Some(purge) = minimum.purge else {
        return Ok(());
    };
    if entry.is_some_and(|bytes| minimum.is_told_by(purge, bytes)) {
        return Ok(());
    }
    let what = format!(
        "it does not say that the entries before {} were destroyed, as `{MINIMUM}` has it",
        minimum.index
    );
    Err(Damage::at(purge, what))
}

/// The entry `index` of a log with this many published entries; nothing where it is none of them.
pub(super) fn published_entry(
    source: &dyn Published,
    index: u64,
    published: u64,
) -> Result<Option<Vec<u8>>, ReadError> {
    if index >= published {
        return Ok(None);
    }
    let (bundle, place) = (index / WIDTH as u64, index % WIDTH as u64);
    let bytes = full_or_partial(source, published, |width| {
        bundle_path(HERE.as_ref(), bundle, width)
    })?;
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    let entry = tiles::entries(bytes.as_deref().unwrap_or_default()).nth(place);
    Ok(entry.flatten().map(<[u8]>::to_vec))
}

/// The right edge of the tree of `size` entries, from tiles of that of `published`.
fn edge(source: &dyn Published, size: u64, published: u64) -> Result<Tiles, ReadError> {
    let mut edge = Vec::new();
    for level in 0..u64::BITS / WIDTH_BITS {
        let bits = WIDTH_BITS * level;
        let hashes = size >> bits;
        if hashes == 0 {
            break;
        }
        let index = hashes / WIDTH as u64;
        let width = usize::try_from(hashes % WIDTH as u64).unwrap_or_default();
        let bytes = match width {
            0 => Some(Vec::new()),
            _ => full_or_partial(source, published >> bits, |wide| {
                tile_path(HERE.as_ref(), level, index, wide)
            })?,
        };
        let (stored, _) = bytes.as_deref().unwrap_or_default().as_chunks::<32>();
        let path = tile_path(HERE.as_ref(), level, index, WIDTH);
        let what = || format!("the tile `{}` is missing or too short", path.display());
        let hashes = stored.get(..width).map(<[_]>::to_vec);
        let hashes = hashes.ok_or_else(|| Damage::at(size, what()))?;
        edge.push(Tile {
            level,
            index,
            hashes,
        });
    }
    Ok(Tiles::of_edge(edge))
}

/// The full file, or else the partial one that a tree with so many hashes, or entries, ends with.
fn full_or_partial(
    source: &dyn Published,
    hashes: u64,
    path: impl Fn(usize) -> PathBuf,
) -> Result<Option<Vec<u8>>, ReadError> {
    let full = source.read(&path(WIDTH))?;
    let width = usize::try_from(hashes % WIDTH as u64).unwrap_or_default();
    match full {
        None if width > 0 => source.read(&path(width)),
        full => Ok(full),
    }
}
