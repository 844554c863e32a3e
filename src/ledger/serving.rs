//! What of the ledger anybody may fetch: the files of C2SP tlog-tiles, from the minimum index on, as far as the
//! published checkpoint goes, and the checkpoints that witnesses have cosigned. Who asks, and over what, is the
//! listener's.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::cosigned;
use super::damage::{Damage, ReadError};
use super::merkle::Hash;
use super::note;
use super::pruning::{self, MINIMUM, Minimum};
use super::reads;
use super::rotation;
use super::tiles::{self, CHECKPOINT, WIDTH, bundle_path, entries_under, tile_path};

/// Digits of an index in a path come in groups of three; no log reaches more groups.
const GROUPS_MAX: usize = 5;

/// A file that may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it stays as it is for ever: all but checkpoints and the minimum index.
    pub is_immutable: bool,
}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Checkpoint,
    Minimum,
    /// The checkpoint that two keys have signed, by the number of the change.
    Rotation(usize),
    /// The newest checkpoint that the witness whose key has this id has cosigned.
    Cosigned(String),
    Tile {
        level: u32,
        index: u64,
        width: usize,
    },
    Bundle {
        index: u64,
        width: usize,
    },
}

/// The file under `name`, for example `tile/0/x001/067` or `checkpoint`; `None` where `name` is none of
/// the standard's or of ours, the published checkpoint does not reach that far, or it is of pruned entries alone:
/// `places` are those from the minimum index to the end of that checkpoint.
///
/// # Errors
///
/// [`ReadError`], also where the file does not have what must be in it; whether that is the log's is not
/// looked at, clients do.
pub(super) fn read(
    directory: &Path,
    name: &str,
    places: Range<u64>,
) -> Result<Option<Served>, ReadError> {
    let there = |name: &Name| name.entries() <= places.end && name.end() > places.start;
    let Some(parsed) = parse(name).filter(there) else {
        return Ok(None);
    };
    if parsed == Name::Minimum {
        return minimum(directory, &places);
    }
    let bytes = match whole(directory, &parsed)? {
        // A full file takes the place of partial ones; who has an older checkpoint may still ask for those.
        None => match parsed.full() {
            Some(full) => whole(directory, &full)?.and_then(|bytes| parsed.cut(bytes)),
            None => None,
        },
        bytes => bytes,
    };
    Ok(bytes.map(|bytes| Served {
        bytes,
        is_immutable: !matches!(parsed, Name::Checkpoint | Name::Cosigned(_)),
    }))
}

/// The bytes of what `name` names, if there is a file of it.
fn whole(directory: &Path, name: &Name) -> Result<Option<Vec<u8>>, ReadError> {
    let path = name.path(directory);
    let bytes = reads::file(&path)?;
    if bytes.as_ref().is_some_and(|bytes| !name.is_whole(bytes)) {
        // Clients keep it for ever.
        let what = format!("the file `{}` is cut short or damaged", path.display());
        return Err(Damage::somewhere(what).into());
    }
    Ok(bytes)
}

/// The minimum index, once the entry that it names is published: whoever reads it finds that entry.
fn minimum(directory: &Path, places: &Range<u64>) -> Result<Option<Served>, ReadError> {
    let minimum = pruning::read(directory)?;
    let is_published = minimum.purge.is_some_and(|entry| entry < places.end);
    Ok(is_published.then(|| Served {
        bytes: minimum.to_string().into_bytes(),
        is_immutable: false,
    }))
}

impl Name {
    /// How many entries a log must have for this to be in it.
    fn entries(&self) -> u64 {
        match *self {
            Self::Checkpoint | Self::Minimum | Self::Rotation(_) | Self::Cosigned(_) => 0,
            Self::Tile {
                level,
                index,
                width,
            } => entries_under(level, index, width),
            Self::Bundle { index, width } => entries_under(0, index, width),
        }
    }

    /// The first entry that the full tile or bundle does not span: C2SP tlog-tiles' end index.
    fn end(&self) -> u64 {
        match *self {
            Self::Checkpoint | Self::Minimum | Self::Rotation(_) | Self::Cosigned(_) => u64::MAX,
            Self::Tile { level, index, .. } => entries_under(level, index, WIDTH),
            Self::Bundle { index, .. } => entries_under(0, index, WIDTH),
        }
    }

    /// Whether this may be all of its bytes.
    fn is_whole(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Tile { width, .. } => bytes.len() == size_of::<Hash>() * width,
            Self::Bundle { width, .. } => {
                let entries = tiles::entries(bytes).map(|entry| entry.map(drop));
                entries.eq(std::iter::repeat_n(Some(()), *width))
            }
            Self::Checkpoint | Self::Rotation(_) | Self::Cosigned(_) => {
                str::from_utf8(bytes).is_ok_and(|note| note::parts(note).is_ok())
            }
            Self::Minimum => Minimum::parse(bytes).is_some(),
        }
    }

    /// The full tile or bundle that a partial one is the beginning of.
    fn full(&self) -> Option<Self> {
        match *self {
            Self::Tile {
                level,
                index,
                width: ..WIDTH,
            } => Some(Self::Tile {
                level,
                index,
                width: WIDTH,
            }),
            Self::Bundle {
                index,
                width: ..WIDTH,
            } => Some(Self::Bundle {
                index,
                width: WIDTH,
            }),
            _ => None,
        }
    }

    /// What of the full tile or bundle this one has.
    fn cut(&self, mut full: Vec<u8>) -> Option<Vec<u8>> {
        let bytes = match *self {
            Self::Tile { width, .. } => size_of::<Hash>() * width,
            Self::Bundle { width, .. } => {
                let entries = tiles::entries(&full).take(width);
                let sizes = entries.map(|entry| Some(size_of::<u16>() + entry?.len()));
                sizes.sum::<Option<usize>>()?
            }
            _ => return None,
        };
        full.truncate(bytes);
        Some(full)
    }

    fn path(&self, directory: &Path) -> PathBuf {
        match *self {
            Self::Checkpoint => directory.join(CHECKPOINT),
            Self::Minimum => directory.join(MINIMUM),
            Self::Rotation(number) => directory.join(rotation::file_name(number)),
            Self::Cosigned(ref id) => cosigned::path(directory, id),
            Self::Tile {
                level,
                index,
                width,
            } => tile_path(directory, level, index, width),
            Self::Bundle { index, width } => bundle_path(directory, index, width),
        }
    }
}

/// Reads a name in its one spelling.
fn parse(name: &str) -> Option<Name> {
    if name == CHECKPOINT {
        return Some(Name::Checkpoint);
    }
    if name == MINIMUM {
        return Some(Name::Minimum);
    }
    if let Some(rest) = name.strip_prefix("rotation-") {
        let number = decimal(rest.strip_suffix(".checkpoint")?)?;
        return usize::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .map(Name::Rotation);
    }
    if let Some(id) = name.strip_prefix("cosigned/") {
        return cosigned::is_id(id).then(|| Name::Cosigned(id.to_owned()));
    }
    let (level, rest) = name.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (
            index,
            decimal(width).filter(|width| (1..256).contains(width))?,
        ),
        None => (rest, WIDTH as u64),
    };
    let (index, width) = (parse_index(index)?, usize::try_from(width).ok()?);
    if level == "entries" {
        return Some(Name::Bundle { index, width });
    }
    let level = decimal(level).filter(|level| *level < 64)?;
    let level = u32::try_from(level).ok()?;
    Some(Name::Tile {
        level,
        index,
        width,
    })
}

/// A number without leading zeros.
fn decimal(digits: &str) -> Option<u64> {
    let canonical = digits == "0" || !digits.starts_with('0');
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    (canonical && plain).then(|| digits.parse().ok())?
}

/// tlog-tiles, "Merkle Tree": three digits in each group, all but the last with an `x` before.
fn parse_index(path: &str) -> Option<u64> {
    let groups: Vec<_> = path.split('/').collect();
    let (last, before) = groups.split_last()?;
    if before.len() >= GROUPS_MAX || before.first() == Some(&"x000") {
        return None;
    }
    let before = before.iter().map(|group| group.strip_prefix('x'));
    let mut index = 0_u64;
    for group in before.chain([Some(*last)]) {
        let digits = group.filter(|digits| digits.len() == 3)?;
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        index = index
            .checked_mul(1_000)?
            .checked_add(digits.parse().ok()?)?;
    }
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_standard_is_the_file_it_names() {
        let directory = Path::new("");
        for index in [0, 7, 999, 1_000, 999_999, 1_000_000, 1_234_067] {
            for width in [1, 255, WIDTH] {
                for level in [0, 3, 7] {
                    let tile = tile_path(directory, level, index, width);
                    let name = parse(tile.to_str().unwrap()).unwrap();
                    assert_eq!(name.path(directory), tile);
                }
                let bundle = bundle_path(directory, index, width);
                let name = parse(bundle.to_str().unwrap()).unwrap();
                assert_eq!(name.path(directory), bundle);
            }
        }
    }

    #[test]
    fn no_other_spelling_and_no_other_file_is_served() {
        for name in [
            "",
            "counted",
            "verifier.key",
            "journal/0000000000.segment",
            "tile/0",
            "tile/0/",
            "tile/00/000",
            "tile/64/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/../000",
            "tile/0/+01",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/1/2",
            "tile/entries/000.new",
            "tile/entries/000.p/1.new",
            "tile/-1/000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    fn write(path: &Path, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn bundle(width: usize) -> Vec<u8> {
        let mut bundle = Vec::new();
        (0..width).for_each(|_| tiles::push_entry(&mut bundle, b"entry"));
        bundle
    }

    #[test]
    fn nothing_that_is_cut_short_is_served() {
        let place = tempfile::tempdir().unwrap();
        let note = "log\n3\nroot\n\n\u{2014} log AAAAAAAA\n"
            .as_bytes()
            .to_vec();
        let files = [
            ("checkpoint", note.clone()),
            ("cosigned/01234567", note),
            ("tile/0/000.p/3", vec![7; 96]),
            ("tile/entries/000.p/3", bundle(3)),
        ];
        for (name, whole) in files {
            let path = place.path().join(name);
            write(&path, &whole);
            let served = read(place.path(), name, 0..3).unwrap();
            assert_eq!(served.unwrap().bytes, whole);
            for length in [0, 1, whole.len() / 2, whole.len() - 1] {
                write(&path, &whole[..length]);
                let refused = read(place.path(), name, 0..3).unwrap_err();
                assert!(refused.to_string().contains("cut short"), "{refused}");
            }
        }
    }

    #[test]
    fn what_is_partial_is_served_from_the_full_file_that_took_its_place() {
        let place = tempfile::tempdir().unwrap();
        let tile: Vec<u8> = (0..=255).flat_map(|hash| [hash; 32]).collect();
        write(&tile_path(place.path(), 0, 0, WIDTH), &tile);
        write(&bundle_path(place.path(), 0, WIDTH), &bundle(WIDTH));
        let served = |name| read(place.path(), name, 0..256).unwrap().unwrap().bytes;
        assert_eq!(served("tile/0/000.p/18"), tile[..18 * 32]);
        assert_eq!(served("tile/entries/000.p/18"), bundle(18));
        assert_eq!(read(place.path(), "tile/0/001.p/1", 0..257).unwrap(), None);
    }

    #[test]
    fn nothing_beyond_the_published_checkpoint_is_served() {
        let place = tempfile::tempdir().unwrap();
        write(&tile_path(place.path(), 1, 0, 2), &[7; 64]);
        let served = |places| read(place.path(), "tile/1/000.p/2", places).unwrap();
        assert_eq!(served(0..511), None);
        assert!(served(0..512).is_some_and(|served| served.is_immutable));
    }

    #[test]
    fn nothing_that_spans_pruned_entries_alone_is_served_even_where_it_is_left() {
        let place = tempfile::tempdir().unwrap();
        write(&tile_path(place.path(), 1, 0, 2), &[7; 64]);
        for index in [0, 1] {
            write(&bundle_path(place.path(), index, WIDTH), &bundle(WIDTH));
        }
        let served = |name, minimum| read(place.path(), name, minimum..600).unwrap().is_some();
        assert!(served("tile/entries/000", 0) && !served("tile/entries/000", 256));
        assert!(served("tile/entries/001", 256) && served("tile/1/000.p/2", 256));
    }

    #[test]
    fn the_minimum_index_is_served_once_its_entry_is_published() {
        let place = tempfile::tempdir().unwrap();
        let served = |published| read(place.path(), "minimum", 256..published).unwrap();
        assert_eq!(served(1_000), None);
        std::fs::write(place.path().join("minimum"), "256\n700\n").unwrap();
        assert_eq!(served(700), None);
        let found = served(701).unwrap();
        assert!(!found.is_immutable && found.bytes == b"256\n700\n");
    }
}
