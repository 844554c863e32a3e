//! Damage of every kind to a small ledger, and what of it is seen.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::batch::{BLOCK_BYTES, MAGIC};
use super::super::merkle::{leaf_hash, tree_hash};
use super::super::reading::entries;
use super::super::tests::{Place, entry};
use super::super::{KEYS_FILE, Ledger, OpenError, Options, Recovery, Signer};
use super::*;

/// A closed ledger of a few batches over several segments, and the leaves it must have.
async fn small(count: usize, entry_bytes: usize) -> (Place, Vec<Vec<u8>>) {
    let place = Place::new();
    let (ledger, _) = place.open();
    let leaves = fill(&ledger, count, entry_bytes).await;
    ledger.close().await;
    (place, leaves)
}

/// Appends entries in batches of a few.
async fn fill(ledger: &Ledger, count: usize, entry_bytes: usize) -> Vec<Vec<u8>> {
    let mut leaves = Vec::new();
    for number in 0..count {
        let entry = entry(&format!("{number} {}", "x".repeat(entry_bytes)));
        leaves.push(entry.to_canonical());
        if number % 4 == 3 {
            ledger.append(entry).await.unwrap();
        } else {
            ledger.note(entry);
        }
    }
    leaves
}

fn check(place: &Place) -> Result<Verified, ReadError> {
    verify_once(&place.path(), &place.keys(), None)
}

fn damage(place: &Place) -> Damage {
    match check(place) {
        Err(ReadError::Damaged(damage)) => damage,
        other => panic!("not seen: {other:?}"),
    }
}

fn read_all(place: &Place, from: u64) -> Vec<(u64, Vec<u8>)> {
    entries(&place.path(), from).map(Result::unwrap).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in directory.read_dir().unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !["spare", KEYS_FILE]
            .into_iter()
            .any(|name| path.ends_with(name))
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_ledger_over_bundles_and_segments_is_whole_and_read_in_order() {
    let (place, leaves) = small(700, 600).await;
    let verified = check(&place).unwrap();
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    assert_eq!(verified.entries, 700);
    assert_eq!(verified.published, 700);
    assert_eq!(verified.root, tree_hash(&hashes));
    assert_eq!(verified.torn_tail_bytes, 0);
    for from in [0, 1, 255, 256, 300, 511, 512, 699, 700] {
        let read = read_all(&place, from);
        let expected: Vec<_> = (0..)
            .zip(leaves.clone())
            .skip(usize::try_from(from).unwrap())
            .collect();
        assert_eq!(read, expected, "from {from}");
    }
}

#[tokio::test]
async fn segments_that_are_wholly_bundled_are_released_and_the_log_goes_on() {
    let (place, mut leaves) = small(700, 600).await;
    let first = segment::list(&place.path()).unwrap()[0];
    assert!(first > 0, "at least the first segment is gone");
    let (ledger, recovery) = place.open();
    assert_eq!(recovery.size, 700);
    leaves.extend(fill(&ledger, 400, 600).await);
    ledger.close().await;
    assert_eq!(check(&place).unwrap().entries, 1_100);
    let read: Vec<_> = read_all(&place, 0)
        .into_iter()
        .map(|(_, entry)| entry)
        .collect();
    assert_eq!(read, leaves);
}

#[tokio::test]
async fn a_directory_with_the_published_files_alone_verifies() {
    let (place, leaves) = small(300, 10).await;
    fs::remove_dir_all(place.path().join(segment::FOLDER)).unwrap();
    let verified = check(&place).unwrap();
    assert_eq!((verified.entries, verified.published), (300, 300));
    assert_eq!(read_all(&place, 0).len(), leaves.len());
}

/// Every byte of every file, except that the zeros behind the last batch are sampled.
#[tokio::test]
async fn every_flipped_byte_is_seen() {
    let (place, _) = small(5, 4).await;
    assert_eq!(check(&place).unwrap().entries, 5);
    for path in files(&place.path()) {
        let original = fs::read(&path).unwrap();
        let used = original.iter().rposition(|&byte| byte != 0).unwrap() + 1;
        let zeros = (used..original.len()).step_by(5_003);
        for position in (0..used).chain(zeros) {
            let mut flipped = original.clone();
            flipped[position] ^= 0x20;
            fs::write(&path, &flipped).unwrap();
            let seen = match check(&place) {
                Err(ReadError::Damaged(damage)) => damage.index.is_none_or(|index| index < 5),
                Ok(verified) => position >= used && verified.torn_tail_bytes > 0,
                Err(unreadable) => panic!("{unreadable}"),
            };
            assert!(seen, "{} at {position}", path.display());
        }
        fs::write(&path, &original).unwrap();
    }
    assert_eq!(check(&place).unwrap().entries, 5);
}

#[tokio::test]
async fn a_flipped_byte_in_an_entry_is_found_at_that_entry() {
    let (place, leaves) = small(13, 10).await;
    for (index, leaf) in (0..).zip(&leaves) {
        for path in files(&place.path()) {
            let original = fs::read(&path).unwrap();
            let Some(begin) = memchr::memmem::find(&original, leaf) else {
                continue;
            };
            let mut flipped = original.clone();
            flipped[begin + leaf.len() / 2] ^= 0x01;
            fs::write(&path, &flipped).unwrap();
            assert_eq!(damage(&place).index, Some(index), "{}", path.display());
            fs::write(&path, &original).unwrap();
        }
    }
}

#[tokio::test]
async fn a_file_cut_short_or_missing_is_seen() {
    let (place, _) = small(300, 10).await;
    for path in files(&place.path()) {
        let original = fs::read(&path).unwrap();
        let step = original.len().div_ceil(97);
        for length in (0..original.len()).step_by(step) {
            fs::write(&path, &original[..length]).unwrap();
            damage(&place);
        }
        fs::remove_file(&path).unwrap();
        let full =
            path.starts_with(place.path().join("tile")) && !path.to_str().unwrap().contains(".p/");
        match check(&place) {
            Err(ReadError::Damaged(_)) => {}
            // A released segment, a partial tile that was replaced, or what is in the segments too.
            Ok(verified) => assert!(!full && verified.entries == 300, "{}", path.display()),
            Err(unreadable) => panic!("{unreadable}"),
        }
        fs::write(&path, &original).unwrap();
    }
    assert_eq!(check(&place).unwrap().entries, 300);
}

/// The first segment's bytes, and where its batches begin.
fn blocks(place: &Place) -> (PathBuf, Vec<u8>, Vec<usize>) {
    let path = segment::path(&place.path(), 0);
    let bytes = fs::read(&path).unwrap();
    let begins = (BLOCK_BYTES..bytes.len())
        .step_by(BLOCK_BYTES)
        .filter(|&at| bytes[at..].starts_with(MAGIC))
        .collect();
    (path, bytes, begins)
}

#[tokio::test]
async fn batches_removed_or_swapped_are_seen() {
    let (place, _) = small(16, 10).await;
    let (path, bytes, begins) = blocks(&place);
    assert!(begins.len() >= 3);
    let block = |at: usize| bytes[at..at + BLOCK_BYTES].to_vec();
    let mut swapped = bytes.clone();
    swapped[begins[0]..begins[0] + BLOCK_BYTES].copy_from_slice(&block(begins[1]));
    swapped[begins[1]..begins[1] + BLOCK_BYTES].copy_from_slice(&block(begins[0]));
    fs::write(&path, swapped).unwrap();
    damage(&place);
    let mut removed = bytes.clone();
    removed.drain(begins[1]..begins[2]);
    removed.resize(bytes.len(), 0);
    fs::write(&path, removed).unwrap();
    damage(&place);
    let mut zeroed = bytes.clone();
    zeroed[begins[1]..begins[2]].fill(0);
    fs::write(&path, zeroed).unwrap();
    damage(&place);
    fs::write(&path, &bytes).unwrap();
    assert!(check(&place).is_ok());
}

#[tokio::test]
async fn a_cut_of_the_tail_is_seen_against_what_was_published_or_kept() {
    let (place, _) = small(16, 10).await;
    let key = place.keys();
    let kept = fs::read_to_string(place.path().join(tiles::CHECKPOINT)).unwrap();
    let (path, bytes, begins) = blocks(&place);
    let mut cut = bytes.clone();
    cut[*begins.last().unwrap()..].fill(0);
    fs::write(&path, cut).unwrap();
    damage(&place);
    assert!(matches!(place.try_open(), Err(OpenError::Damaged(_))));
    // With everything published gone as well, only a checkpoint kept elsewhere shows it.
    fs::remove_file(place.path().join(tiles::CHECKPOINT)).unwrap();
    fs::remove_dir_all(place.path().join("tile")).unwrap();
    assert!(check(&place).unwrap().entries < 16);
    assert!(verify_once(&place.path(), &key, Some(&kept)).is_err());
    fs::write(&path, &bytes).unwrap();
    assert_eq!(
        verify_once(&place.path(), &key, Some(&kept))
            .unwrap()
            .entries,
        16
    );
}

#[tokio::test]
async fn another_key_or_an_empty_place_is_not_verified() {
    let (place, _) = small(4, 10).await;
    let other = Signer::generate(place.keys().name()).unwrap();
    let other = Keys::from(other.verifier_key().clone());
    assert!(verify_once(&place.path(), &other, None).is_err());
    let nothing = place.directory.path().join("nothing");
    assert!(verify_once(&nothing, &other, None).is_err());
}

/// Leaves the last batch as a crash might: not published, and of its sectors only some written.
#[tokio::test]
async fn a_torn_batch_is_cut_and_the_cut_recorded_whatever_sectors_reached_the_disk() {
    let (place, _) = small(8, 300).await;
    fs::remove_file(place.path().join(tiles::CHECKPOINT)).unwrap();
    fs::remove_dir_all(place.path().join("tile")).unwrap();
    let (path, bytes, begins) = blocks(&place);
    let last = *begins.last().unwrap();
    let used = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let sectors: Vec<_> = (last..used).step_by(512).collect();
    for written in 1_u32..(1 << sectors.len()) - 1 {
        let mut torn = bytes.clone();
        for (number, &at) in sectors.iter().enumerate() {
            if written & (1 << number) == 0 {
                torn[at..at + 512].fill(0);
            }
        }
        fs::write(&path, &torn).unwrap();
        let seen = check(&place).unwrap();
        assert!(seen.torn_tail_bytes > 0, "{written:b}");
        let (ledger, recovery) = place.open();
        assert_eq!(recovery.torn_bytes_cut, seen.torn_tail_bytes);
        assert_eq!(recovery.size, seen.entries);
        ledger.close().await;
        let (_, note) = read_all(&place, recovery.size).remove(0);
        assert!(String::from_utf8(note).unwrap().contains("recovered"));
        let verified = check(&place).unwrap();
        assert_eq!(
            (verified.entries, verified.torn_tail_bytes),
            (seen.entries + 1, 0)
        );
        fs::remove_file(place.path().join(tiles::CHECKPOINT)).unwrap();
        fs::remove_dir_all(place.path().join("tile")).unwrap();
    }
}

#[tokio::test]
async fn a_damaged_last_batch_is_told_from_a_torn_one_and_nothing_is_changed() {
    let (place, _) = small(8, 300).await;
    fs::remove_file(place.path().join(tiles::CHECKPOINT)).unwrap();
    fs::remove_dir_all(place.path().join("tile")).unwrap();
    let (path, bytes, begins) = blocks(&place);
    let last = *begins.last().unwrap();
    let used = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    for position in (last..used).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[position] ^= 0x10;
        fs::write(&path, &flipped).unwrap();
        assert!(
            matches!(place.try_open(), Err(OpenError::Damaged(_))),
            "{position}"
        );
        assert_eq!(fs::read(&path).unwrap(), flipped);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The model of a log is a list of leaves. Each step appends some, and sometimes closes and opens.
    #[test]
    fn a_log_is_what_the_list_of_its_leaves_says(
        steps in vec((1_usize..40, 0_usize..2_000, any::<bool>()), 1..8)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let place = Place::new();
            let key = place.keys();
            let mut model: Vec<Vec<u8>> = Vec::new();
            let mut earlier = None;
            let (mut ledger, _) = place.open();
            for (count, bytes, reopen) in steps {
                for number in 0..count {
                    let entry = entry(&format!("{number} {}", "x".repeat(bytes)));
                    model.push(entry.to_canonical());
                    let index = ledger.append(entry).await.unwrap().index();
                    assert_eq!(index + 1, model.len() as u64);
                }
                if reopen {
                    ledger.close().await;
                    let (again, recovery) = place.open();
                    assert_eq!(recovery, Recovery { size: model.len() as u64, torn_bytes_cut: 0, purge: None });
                    ledger = again;
                }
                let hashes: Vec<_> = model.iter().map(|leaf| leaf_hash(leaf)).collect();
                let verified = verify(&place.path(), &key, earlier.as_deref()).unwrap();
                assert_eq!((verified.entries, verified.root), (model.len() as u64, tree_hash(&hashes)));
                assert_eq!(verified.checkpoint.as_deref(), Some(&*ledger.checkpoint()));
                earlier = verified.checkpoint;
            }
            let read: Vec<_> = read_all(&place, 0).into_iter().map(|(_, entry)| entry).collect();
            assert_eq!(read, model);
            ledger.close().await;
        });
    }
}

/// What the publisher had reached when a crash came does not matter: any older published state does.
#[tokio::test]
async fn an_older_published_state_is_caught_up_with() {
    let place = Place::new();
    let (ledger, _) = place.open();
    fill(&ledger, 100, 10).await;
    ledger.close().await;
    let copy = |from: &Path, to: &Path| {
        for file in files(from) {
            let target = to.join(file.strip_prefix(from).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(&file, target).unwrap();
        }
    };
    let saved = place.directory.path().join("saved");
    copy(&place.path().join("tile"), &saved.join("tile"));
    fs::copy(
        place.path().join(tiles::CHECKPOINT),
        saved.join(tiles::CHECKPOINT),
    )
    .unwrap();
    let (ledger, _) = place.open();
    fill(&ledger, 120, 10).await;
    ledger.close().await;
    fs::remove_dir_all(place.path().join("tile")).unwrap();
    copy(&saved, &place.path());
    assert_eq!(check(&place).unwrap().entries, 220);
    let (ledger, recovery) = place.open();
    assert_eq!(recovery.size, 220);
    ledger.close().await;
    assert_eq!(check(&place).unwrap().published, 220);
}

#[tokio::test]
async fn damage_met_while_reading_ends_the_reading_after_the_entries_before_it() {
    let (place, leaves) = small(300, 10).await;
    let bundle = bundle_path(&place.path(), 0, WIDTH);
    let bytes = fs::read(&bundle).unwrap();
    fs::write(&bundle, &bytes[..bytes.len() - 1]).unwrap();
    let read: Vec<_> = entries(&place.path(), 0).collect();
    assert!(
        matches!(read.as_slice(), [.., Err(ReadError::Damaged(damage))] if damage.index == Some(255))
    );
    let good = read
        .into_iter()
        .filter_map(Result::ok)
        .map(|(_, entry)| entry);
    assert!(good.eq(leaves.into_iter().take(255)));
}

#[tokio::test]
async fn a_log_is_read_and_verified_while_it_is_written() {
    let place = Place::new();
    let key = place.keys();
    let options = Options {
        publish_interval: Duration::from_millis(5),
        ..place.options()
    };
    let (ledger, _) = Ledger::open(&options, place.signer(), &place.clock).unwrap();
    for round in 1..=20 {
        fill(&ledger, 40, 600).await;
        let verified = verify(&place.path(), &key, Some(&ledger.checkpoint())).unwrap();
        assert_eq!(verified.entries, round * 40);
        assert_eq!(read_all(&place, 0).len() as u64, round * 40);
    }
    ledger.close().await;
}
