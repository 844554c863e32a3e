//! The published form of the tree: tiles of 256 hashes and bundles of 256 entries, in files named as
//! C2SP tlog-tiles says. This file knows names, contents and the arithmetic of tiles; who writes them
//! and when is the publisher's.

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::damage::{Damage, ReadError};
use super::merkle::{Frontier, Hash, leaf_hash, tree_hash};
use super::reads;

/// Hashes in a full tile, and entries in a full bundle.
pub(super) const WIDTH: usize = 256;
/// Bits of an index that one level of tiles takes.
pub(super) const WIDTH_BITS: u32 = 8;
/// Entries of a full bundle.
pub const BUNDLE_ENTRIES: u64 = WIDTH as u64;

/// Name of the published checkpoint.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// Path of the tile `index` of `level` with `width` hashes, 1 to 256.
pub(super) fn tile_path(directory: &Path, level: u32, index: u64, width: usize) -> PathBuf {
    sized(
        directory.join(format!("tile/{level}/{}", index_path(index))),
        width,
    )
}

/// Path of the bundle `index` with `width` entries, 1 to 256.
pub(super) fn bundle_path(directory: &Path, index: u64, width: usize) -> PathBuf {
    sized(
        directory.join(format!("tile/entries/{}", index_path(index))),
        width,
    )
}

/// tlog-tiles, "Merkle tree": groups of three digits, all but the last with an `x` before.
fn index_path(index: u64) -> String {
    let mut path = format!("{:03}", index % 1_000);
    let mut rest = index / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    path
}

fn sized(full: PathBuf, width: usize) -> PathBuf {
    if width == WIDTH {
        full
    } else {
        partials_folder(&full).join(width.to_string())
    }
}

/// Where the partial tiles of the full tile at `full` are.
pub(super) fn partials_folder(full: &Path) -> PathBuf {
    let mut name = full.as_os_str().to_owned();
    name.push(".p");
    PathBuf::from(name)
}

/// Widths of the partial tiles there are of the full tile at `full`, in order.
pub(super) fn partial_widths(full: &Path) -> Result<Vec<usize>, ReadError> {
    let names = reads::names(&partials_folder(full))?;
    let width = |name: OsString| name.to_str().and_then(|name| name.parse::<usize>().ok());
    let mut widths: Vec<_> = names.into_iter().filter_map(width).collect();
    widths.sort_unstable();
    Ok(widths)
}

/// How many entries the log had at least by the tiles in `directory`, looked for from the one on that has
/// entry `from`: they are made of durable entries only.
pub(super) fn entries_shown(directory: &Path, from: u64) -> Result<u64, ReadError> {
    let mut index = from / WIDTH as u64;
    loop {
        let full = tile_path(directory, 0, index, WIDTH);
        let begin = entries_under(0, index, 0);
        if !reads::is_there(&full)? {
            let widest = partial_widths(&full)?.pop().unwrap_or(0);
            return Ok(begin.saturating_add(widest as u64));
        }
        index += 1;
    }
}

/// Appends an entry, which must be shorter than 64 KiB, to the bytes of a bundle.
pub(super) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The entries of a bundle, as far as they can be read; `None` in place of the first that cannot.
pub(super) fn entries(mut bundle: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        if bundle.is_empty() {
            return None;
        }
        let taken = bundle.split_first_chunk::<2>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        });
        bundle = taken.map_or(&[], |(_, rest)| rest);
        Some(taken.map(|(entry, _)| entry))
    })
}

/// How many entries a tree must have to have this tile with this width.
pub(super) fn entries_under(level: u32, index: u64, width: usize) -> u64 {
    let hashes = index
        .saturating_mul(WIDTH as u64)
        .saturating_add(width as u64);
    match WIDTH_BITS.saturating_mul(level) {
        bits @ 0..64 if hashes.leading_zeros() >= bits => hashes << bits,
        _ => u64::MAX,
    }
}

/// The root over a range of leaves that is a node of a tree (RFC 9162 section 2.1.1), from the tiles.
pub(super) fn range_hash(directory: &Path, range: Range<u64>) -> Result<Hash, ReadError> {
    let mut frontier = Frontier::default();
    let mut next = range.start;
    while next < range.end {
        // The largest subtree with a hash of its own that begins here and fits.
        let fits = |level: &u32| {
            let leaves = 1_u64 << (WIDTH_BITS * level);
            next.is_multiple_of(leaves) && range.end - next >= leaves
        };
        let level = (0..u64::BITS / WIDTH_BITS).rev().find(fits).unwrap_or(0);
        let bits = WIDTH_BITS * level;
        let index = next >> bits;
        let position = index % WIDTH as u64;
        // All of them that are in this tile, which is read once.
        let count = ((range.end - next) >> bits).min(WIDTH as u64 - position);
        let width = usize::try_from(position + count).unwrap_or(WIDTH);
        let hashes = read_hashes(directory, level, index / WIDTH as u64, width)?;
        let position = usize::try_from(position).unwrap_or(WIDTH);
        let mut hashes = hashes.get(position..).unwrap_or_default().iter();
        if !hashes.all(|hash| frontier.push_subtree(bits, hash)) {
            return Err(Damage::at(next, "its tile is damaged").into());
        }
        next += count << bits;
    }
    Ok(frontier.root())
}

/// A tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) level: u32,
    pub(super) index: u64,
    /// 1 to 256 of them.
    pub(super) hashes: Vec<Hash>,
}

impl Tile {
    pub(super) fn path(&self, directory: &Path) -> PathBuf {
        tile_path(directory, self.level, self.index, self.hashes.len())
    }

    /// Where the tile is, or will be, once it is full.
    pub(super) fn full_path(&self, directory: &Path) -> PathBuf {
        tile_path(directory, self.level, self.index, WIDTH)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.hashes.concat()
    }

    /// The first entry under the hash at `position`.
    pub(super) fn first_entry(&self, position: usize) -> u64 {
        (self.index * WIDTH as u64 + position as u64) << (WIDTH_BITS * self.level)
    }
}

/// The right edge of the tiles of a growing tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Tiles {
    /// The tile of each level that is not full yet, the leaves' first.
    edge: Vec<Tile>,
}

impl Tiles {
    /// Number of leaves.
    pub(super) fn size(&self) -> u64 {
        self.edge.first().map_or(0, |tile| {
            tile.index * WIDTH as u64 + tile.hashes.len() as u64
        })
    }

    /// Appends a leaf, given as its hash, and gives the tiles that became full by it.
    pub(super) fn push(&mut self, leaf: &Hash) -> Vec<Tile> {
        let mut full = Vec::new();
        let mut hash = *leaf;
        for level in 0.. {
            let position = level as usize;
            if position == self.edge.len() {
                let hashes = Vec::with_capacity(WIDTH);
                self.edge.push(Tile {
                    level,
                    index: 0,
                    hashes,
                });
            }
            let Some(tile) = self.edge.get_mut(position) else {
                break;
            };
            tile.hashes.push(hash);
            if tile.hashes.len() < WIDTH {
                break;
            }
            let next = Tile {
                level,
                index: tile.index + 1,
                hashes: Vec::with_capacity(WIDTH),
            };
            let done = std::mem::replace(tile, next);
            hash = tree_hash(&done.hashes);
            full.push(done);
        }
        full
    }

    /// The tiles that are begun and not full.
    pub(super) fn partial(&self) -> impl Iterator<Item = &Tile> {
        self.edge.iter().filter(|tile| !tile.hashes.is_empty())
    }

    /// With the tiles of the right edge, the leaves' first; each may be empty, none full.
    pub(super) fn of_edge(edge: Vec<Tile>) -> Self {
        Self { edge }
    }

    /// The tree as a frontier.
    pub(super) fn frontier(&self) -> Frontier {
        let mut frontier = Frontier::default();
        for tile in self.edge.iter().rev() {
            for hash in &tile.hashes {
                // Sizes are multiples of the subtree's: higher levels come first.
                let _ = frontier.push_subtree(WIDTH_BITS * tile.level, hash);
            }
        }
        frontier
    }

    /// The edge of the tree of `size` leaves, from the tiles and the bundle in `directory`, which may
    /// be those of a larger tree. Whether they are right is for the caller to see by the root.
    pub(super) fn read_at(directory: &Path, size: u64) -> Result<Self, ReadError> {
        let mut edge = Vec::new();
        for level in 0..u64::BITS / WIDTH_BITS {
            let hashes = size >> (WIDTH_BITS * level);
            if hashes == 0 {
                break;
            }
            let index = hashes / WIDTH as u64;
            let width = usize::try_from(hashes % WIDTH as u64).unwrap_or_default();
            let hashes = read_hashes(directory, level, index, width)?;
            edge.push(Tile {
                level,
                index,
                hashes,
            });
        }
        Ok(Self { edge })
    }
}

/// The first `width` hashes of a tile, from whichever file has that many.
fn read_hashes(
    directory: &Path,
    level: u32,
    index: u64,
    width: usize,
) -> Result<Vec<Hash>, ReadError> {
    if width == 0 {
        return Ok(Vec::new());
    }
    let full = tile_path(directory, level, index, WIDTH);
    let partial = partial_widths(&full)?
        .into_iter()
        .find(|&wide| wide >= width);
    for wide in std::iter::once(WIDTH).chain(partial) {
        let path = tile_path(directory, level, index, wide);
        if let Some(bytes) = reads::file(&path)? {
            let (hashes, _) = bytes.as_chunks::<32>();
            let hashes = hashes.get(..width).map(<[Hash]>::to_vec);
            let what = || Damage::somewhere(format!("the tile `{}` is too short", path.display()));
            return hashes.ok_or_else(|| what().into());
        }
    }
    let what = format!("the tile `{}` is missing", full.display());
    Err(Damage::somewhere(what).into())
}

/// The first `width` entries of a bundle, from whichever file has that many.
pub(super) fn read_bundle(
    directory: &Path,
    index: u64,
    width: usize,
) -> Result<Vec<u8>, ReadError> {
    let full = bundle_path(directory, index, WIDTH);
    let partial = partial_widths(&full)?
        .into_iter()
        .find(|&wide| wide >= width);
    for wide in std::iter::once(WIDTH).chain(partial) {
        if let Some(bytes) = reads::file(&bundle_path(directory, index, wide))? {
            let mut taken = Vec::with_capacity(bytes.len());
            for entry in entries(&bytes).take(width).flatten() {
                push_entry(&mut taken, entry);
            }
            return Ok(taken);
        }
    }
    let what = format!("the bundle `{}` is missing", full.display());
    Err(Damage::at(index * WIDTH as u64, what).into())
}

/// Leaf hashes of the entries of a bundle.
pub(super) fn leaf_hashes(bundle: &[u8]) -> Vec<Option<Hash>> {
    entries(bundle).map(|entry| entry.map(leaf_hash)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let directory = Path::new("/log");
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        assert_eq!(
            path(tile_path(directory, 0, 1_234_067, WIDTH)),
            "/log/tile/0/x001/x234/067"
        );
        assert_eq!(path(tile_path(directory, 2, 0, 1)), "/log/tile/2/000.p/1");
        assert_eq!(
            path(bundle_path(directory, 1_000, 112)),
            "/log/tile/entries/x001/000.p/112"
        );
    }

    /// tlog-tiles, "Merkle tree": a log of 70,000 entries has 273 full tiles at level 0 and partial
    /// tiles of 112, 17 and 1 hashes.
    #[test]
    fn seventy_thousand_entries_make_the_tiles_of_the_specification() {
        let mut tiles = Tiles::default();
        let mut frontier = Frontier::default();
        let mut full = Vec::new();
        for count in 0_u32..70_000 {
            let leaf = leaf_hash(&count.to_be_bytes());
            full.extend(tiles.push(&leaf));
            frontier.push(&leaf);
        }
        assert_eq!(full.iter().filter(|tile| tile.level == 0).count(), 273);
        assert_eq!(full.iter().filter(|tile| tile.level == 1).count(), 1);
        let widths: Vec<_> = tiles.partial().map(|tile| tile.hashes.len()).collect();
        assert_eq!(widths, [112, 17, 1]);
        assert_eq!(tiles.size(), 70_000);
        assert_eq!(tiles.frontier(), frontier);
    }

    #[test]
    fn a_bundle_that_ends_too_early_has_one_entry_that_cannot_be_read() {
        let mut bundle = Vec::new();
        push_entry(&mut bundle, b"one");
        push_entry(&mut bundle, b"");
        push_entry(&mut bundle, b"three");
        let read = |bundle| entries(bundle).collect::<Vec<_>>();
        assert_eq!(
            read(&bundle),
            [Some(&b"one"[..]), Some(b""), Some(b"three")]
        );
        let cut = &bundle[..bundle.len() - 1];
        assert_eq!(read(cut), [Some(&b"one"[..]), Some(b""), None]);
    }
}
