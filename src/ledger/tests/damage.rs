//! A ledger that is damaged where it lies: while it is written, and before it is opened.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::ledger::segment;

/// Everything below a folder, and what is in it.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        match path.is_dir() {
            true => {
                found.push((path.clone(), Vec::new()));
                found.extend(contents(&path));
            }
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn entries_that_are_damaged_behind_the_writers_back_close_the_ledger() {
    let place = Place::new();
    let (ledger, _) = place.open();
    ledger.append(entry("published")).await.unwrap();
    ledger.publish().await;
    ledger.append(entry("needle")).await.unwrap();
    let path = segment::path(&place.path(), 0);
    let bytes = fs::read(&path).unwrap();
    let needle = memchr::memmem::find(&bytes, b"needle").unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"n0", needle as u64).unwrap();
    assert!(ledger.is_writable(), "nobody has looked yet");
    let published = tokio::time::timeout(Duration::from_secs(3), ledger.publish()).await;
    assert!(published.is_err(), "what is damaged is not published");
    let closed = async {
        while ledger.is_writable() || ledger.append(entry("more")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let closed = tokio::time::timeout(Duration::from_secs(20), closed).await;
    assert!(closed.is_ok(), "entries are taken behind damaged ones");
    ledger.close().await;
    assert!(matches!(place.try_open(), Err(OpenError::Damaged(_))));
}

#[tokio::test]
async fn a_start_that_is_refused_leaves_everything_as_it_is() {
    let place = Place::new();
    let second = place.directory.path().join("second");
    let options = || Options {
        second_checkpoint: Some(second.clone()),
        ..place.options()
    };
    let open = || Ledger::open(&options(), place.signer(), &place.clock);
    let (ledger, _) = open().unwrap();
    ledger.append(entry("one")).await.unwrap();
    ledger.close().await;
    let rename = |from: &str, to: &str| {
        fs::rename(
            place.directory.path().join(from),
            place.directory.path().join(to),
        )
        .unwrap();
    };
    let refused = |what: &str| {
        let before = contents(&place.path());
        assert!(open().is_err(), "{what}");
        assert_eq!(contents(&place.path()), before, "{what}");
    };
    rename("ledger/journal", "journal");
    refused("without its journal");
    rename("ledger", "wiped");
    fs::create_dir(place.path()).unwrap();
    refused("with nothing in it");
}
