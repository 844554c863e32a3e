//! A log is pruned: what was proven stays proven, and what is left is read, verified and gone on with.

use std::fs;
use std::path::PathBuf;

use super::super::damage::ReadError;
use super::super::merkle::{consistency_ranges, verify_consistency};
use super::super::proof::{self, NotProven, prove};
use super::super::reading::entries;
use super::super::tiles::{self, Tiles, bundle_path};
use super::super::verify::{Fetched, verify_once, verify_published};
use super::*;
use crate::entry::Purge;

/// Entries of 50,000 bytes fill a segment after two.
pub(super) const LONG_BYTES: usize = 50_000;

pub(super) fn purge_to(minimum: u64) -> Entry {
    let purge = Purge {
        minimum,
        ..Purge::default()
    };
    Entry::new(Timestamp::UNIX_EPOCH, Event::Purge(purge)).unwrap()
}

/// Adds notes and then entries so long that segments follow on each other.
pub(super) async fn fill(ledger: &Ledger, notes: usize) {
    for number in 0..notes {
        ledger
            .append(entry(&format!("note {number}")))
            .await
            .unwrap();
    }
    for number in 0..4 {
        let long = format!("{number} {}", "x".repeat(LONG_BYTES));
        ledger.append(entry(&long)).await.unwrap();
    }
}

/// A log of 1,120 entries, all of them published, whose segments begin behind entry 512.
async fn published() -> Place {
    let place = Place::new();
    let (ledger, _) = place.open();
    for notes in [276, 276, 276, 276] {
        fill(&ledger, notes).await;
    }
    ledger.close().await;
    let (begin, _) = segments(&place);
    assert!(begin >= 512, "{begin}");
    place
}

/// The first entry in a segment, and how many segments there are.
fn segments(place: &Place) -> (u64, usize) {
    let scan = super::super::scan::Scan::open(&place.path())
        .unwrap()
        .unwrap();
    let count = super::super::segment::list(&place.path()).unwrap().len();
    (scan.peek_index().unwrap().unwrap(), count)
}

/// Purges, closes, and tells the index of the entry about it.
async fn purge(place: &Place, minimum: u64) -> u64 {
    let (ledger, _) = place.open();
    let receipt = ledger.append(purge_to(minimum)).await.unwrap();
    ledger.close().await;
    receipt.index()
}

fn first(place: &Place) -> u64 {
    entries(&place.path(), 0).next().unwrap().unwrap().0
}

#[tokio::test]
async fn what_is_left_of_a_pruned_log_is_read_verified_and_gone_on_with() {
    let place = published().await;
    let before: Vec<_> = entries(&place.path(), 0).map(Result::unwrap).collect();
    let kept = fs::read_to_string(place.path().join("checkpoint")).unwrap();
    let purge = purge(&place, 512).await;
    let minimum = fs::read_to_string(place.path().join("minimum")).unwrap();
    assert_eq!(minimum, format!("512\n{purge}\n"));
    for bundle in [0, 1, 2] {
        let path = bundle_path(&place.path(), bundle, tiles::WIDTH);
        assert_eq!(path.exists(), bundle == 2);
    }
    let left: Vec<_> = entries(&place.path(), 0).map(Result::unwrap).collect();
    assert_eq!(left[..left.len() - 1], before[512..]);
    let from: Vec<_> = entries(&place.path(), 700).map(Result::unwrap).collect();
    assert_eq!(from, left[188..]);
    let verified = verify_once(&place.path(), &place.keys(), Some(&kept)).unwrap();
    assert_eq!((verified.entries, verified.minimum.index), (purge + 1, 512));
    assert_eq!(verified.minimum.purge, Some(purge));
    let (ledger, recovery) = place.open();
    assert_eq!((recovery.size, recovery.purge), (purge + 1, Some(purge)));
    assert_eq!(ledger.minimum(), 512);
    fill(&ledger, 600).await;
    ledger.close().await;
    verify_once(&place.path(), &place.keys(), Some(&kept)).unwrap();
}

#[tokio::test]
async fn proofs_of_before_and_of_what_is_left_hold_after_a_purge() {
    let place = published().await;
    let old = prove(&place.path(), &place.keys(), 3).unwrap();
    purge(&place, 512).await;
    proof::check(&old.proof, &old.entry, &place.keys()).unwrap();
    for index in [512, 600, 1_023, 1_100] {
        let proven = prove(&place.path(), &place.keys(), index).unwrap();
        proof::check(&proven.proof, &proven.entry, &place.keys()).unwrap();
    }
    let gone = prove(&place.path(), &place.keys(), 511);
    assert!(matches!(gone, Err(NotProven::Pruned { index: 511, .. })));
    // C2SP tlog-tiles, "Pruning": consistency between any two trees that reach beyond the minimum index.
    let root = |size| {
        Tiles::read_at(&place.path(), size)
            .unwrap()
            .frontier()
            .root()
    };
    for (one, other) in [(512, 513), (512, 1_100), (700, 1_024), (1_000, 1_120)] {
        let ranges = consistency_ranges(one, other).unwrap().into_iter();
        let hashes: Vec<_> = ranges
            .map(|range| tiles::range_hash(&place.path(), range).unwrap())
            .collect();
        assert!(verify_consistency(
            one,
            &root(one),
            other,
            &root(other),
            &hashes
        ));
    }
}

#[tokio::test]
async fn a_pruned_log_is_pruned_again_and_never_backwards() {
    let place = published().await;
    purge(&place, 256).await;
    assert_eq!(first(&place), 256);
    let last = purge(&place, 512).await;
    assert_eq!(first(&place), 512);
    purge(&place, 256).await;
    let (ledger, _) = place.open();
    // Nor into the middle of a bundle, nor beyond what was published.
    for refused in [600, 2_048, 1 << 40] {
        ledger.append(purge_to(refused)).await.unwrap();
    }
    ledger.close().await;
    assert_eq!(first(&place), 512);
    let verified = verify_once(&place.path(), &place.keys(), None).unwrap();
    assert_eq!(verified.minimum.purge, Some(last));
}

#[tokio::test]
async fn pruned_entries_that_segments_have_go_once_the_next_segment_is_begun_and_full_bundles_follow()
 {
    let place = Place::new();
    let (ledger, _) = place.open();
    for number in 0..300 {
        ledger
            .append(entry(&format!("note {number}")))
            .await
            .unwrap();
    }
    ledger.close().await;
    purge(&place, 256).await;
    // Nobody is shown them any more, and the tree over them is still needed.
    assert_eq!(first(&place), 256);
    assert!(bundle_path(&place.path(), 0, tiles::WIDTH).exists());
    verify_once(&place.path(), &place.keys(), None).unwrap();
    let (ledger, _) = place.open();
    ledger.append(entry("in the next segment")).await.unwrap();
    for number in 0..300 {
        ledger
            .append(entry(&format!("more {number}")))
            .await
            .unwrap();
    }
    ledger.close().await;
    assert!(segments(&place).0 > 256);
    assert!(!bundle_path(&place.path(), 0, tiles::WIDTH).exists());
    verify_once(&place.path(), &place.keys(), None).unwrap();
}

/// Without a stop, and without anybody asking again.
#[tokio::test]
async fn a_ledger_that_runs_on_releases_what_it_pruned() {
    let place = Place::new();
    let options = Options {
        publish_interval: Duration::from_millis(20),
        ..place.options()
    };
    let (ledger, _) = Ledger::open(&options, place.signer(), &Clock::system()).unwrap();
    for number in 0..300 {
        ledger
            .append(entry(&format!("note {number}")))
            .await
            .unwrap();
    }
    while ledger.published() < 300 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ledger.append(purge_to(256)).await.unwrap();
    while ledger.minimum() < 256 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let bundle = bundle_path(&place.path(), 0, tiles::WIDTH);
    let mut number = 0;
    while bundle.exists() {
        ledger
            .append(entry(&format!("more {number}")))
            .await
            .unwrap();
        number += 1;
        assert!(number < 100_000, "it is still there");
    }
    assert_eq!(ledger.published_file("tile/entries/000").unwrap(), None);
    ledger.close().await;
    verify_once(&place.path(), &place.keys(), None).unwrap();
}

#[tokio::test]
async fn a_pruned_log_verifies_from_what_is_served_and_from_a_copy() {
    let place = published().await;
    let old = fs::read_to_string(place.path().join("checkpoint")).unwrap();
    let purge = purge(&place, 512).await;
    let (ledger, _) = place.open();
    let served = Fetched::new(|name: &std::path::Path| {
        let found = ledger.published_file(name.to_str().unwrap())?;
        Ok(found.map(|served| served.bytes))
    });
    let verified =
        verify_published(&served, &place.keys(), std::slice::from_ref(&old), &|_| ()).unwrap();
    assert_eq!(verified.minimum.purge, Some(purge));
    ledger.close().await;
    fs::remove_dir_all(place.path().join("journal")).unwrap();
    let verified = verify_once(&place.path(), &place.keys(), Some(&old)).unwrap();
    assert_eq!((verified.entries, verified.minimum.index), (purge + 1, 512));
}

#[tokio::test]
async fn a_checkpoint_from_before_the_minimum_index_is_neither_confirmed_nor_called_damage() {
    let place = Place::new();
    let (ledger, _) = place.open();
    ledger.append(entry("first")).await.unwrap();
    ledger.close().await;
    let old = fs::read_to_string(place.path().join("checkpoint")).unwrap();
    let (ledger, _) = place.open();
    for notes in [276, 276, 276, 276] {
        fill(&ledger, notes).await;
    }
    ledger.close().await;
    verify_once(&place.path(), &place.keys(), Some(&old)).unwrap();
    purge(&place, 512).await;
    let told = verify_once(&place.path(), &place.keys(), Some(&old)).unwrap_err();
    assert!(
        matches!(
            told,
            ReadError::Pruned {
                size: 1,
                minimum: 512,
                ..
            }
        ),
        "{told}"
    );
}

/// Whoever deletes the oldest entries and says that they were pruned is found out by the log.
#[tokio::test]
async fn a_minimum_index_that_no_entry_tells_of_is_damage() {
    for (how, minimum) in [
        ("the file is gone", None),
        ("it says more", Some("768\nPURGE\n")),
        ("it says less", Some("256\nPURGE\n")),
        ("it names another entry", Some("512\nBEFORE\n")),
        ("it is no number", Some("all\n")),
    ] {
        let place = published().await;
        let path = place.path().join("minimum");
        let purge = purge(&place, 512).await;
        match minimum {
            Some(text) => {
                let text = text.replace("PURGE", &purge.to_string());
                let text = text.replace("BEFORE", &(purge - 1).to_string());
                fs::write(&path, text).unwrap();
            }
            None => fs::remove_file(&path).unwrap(),
        }
        let told = verify_once(&place.path(), &place.keys(), None);
        assert!(
            matches!(told, Err(ReadError::Damaged(_))),
            "{how}: {told:?}"
        );
    }
}

/// Not pruned, but deleted: a reading of the log does not begin later in silence.
#[tokio::test]
async fn entries_that_are_missing_before_the_segments_are_no_end_of_the_log() {
    let place = published().await;
    let bundle: PathBuf = bundle_path(&place.path(), 0, tiles::WIDTH);
    fs::remove_file(bundle).unwrap();
    let read = entries(&place.path(), 0).next().unwrap();
    assert!(matches!(read, Err(ReadError::Damaged(damage)) if damage.index == Some(0)));
}

fn files_in(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
    for file in folder.read_dir().unwrap() {
        let path = file.unwrap().path();
        match path.is_dir() {
            true => files_in(&path, found),
            false => found.push(path),
        }
    }
}

/// Among them hashes over what was pruned, which nothing but a signed root can vouch for.
#[tokio::test]
async fn a_changed_byte_of_what_is_left_of_a_pruned_log_is_seen() {
    const STEP: usize = 1_499;
    let place = published().await;
    purge(&place, 512).await;
    let mut files = vec![
        place.path().join("minimum"),
        place.path().join("checkpoint"),
    ];
    files_in(&place.path().join("tile"), &mut files);
    let mut tried = 0;
    for path in files {
        let bytes = fs::read(&path).unwrap();
        for position in (0..bytes.len()).step_by(STEP) {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            fs::write(&path, changed).unwrap();
            let verified = verify_once(&place.path(), &place.keys(), None);
            assert!(verified.is_err(), "byte {position} of {}", path.display());
            tried += 1;
        }
        fs::write(&path, bytes).unwrap();
    }
    assert!(tried > 100, "{tried}");
    verify_once(&place.path(), &place.keys(), None).unwrap();
}
