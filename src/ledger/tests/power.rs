//! The disk fails, or the power goes, at every single call that changes something in the life of a small
//! ledger, with the call done and not done. Whatever was acknowledged is there afterwards, at its place.

use std::path::Path;
use std::sync::Arc;

use super::super::reading::entries;
use super::super::storage::power::{Fault, Power};
use super::super::verify::verify_once;
use super::pruning::{LONG_BYTES, fill, purge_to};
use super::*;

/// What somebody was told is durable.
pub(super) type Acknowledged = Vec<(u64, Vec<u8>)>;

/// Numbers that look like chance and are the same in every run.
pub(super) fn chance(seed: usize) -> impl FnMut(u64) -> u64 {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    move |end| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % end
    }
}

pub(super) fn options(directory: &Path) -> Options {
    Options {
        directory: directory.to_owned(),
        second_checkpoint: Some(directory.with_file_name("second")),
        ..Place::new().options()
    }
}

pub(super) async fn append(ledger: &Ledger, what: &str, acknowledged: &mut Acknowledged) {
    let entry = entry(what);
    let bytes = entry.to_canonical();
    if let Ok(receipt) = ledger.append(entry).await {
        acknowledged.push((receipt.index(), bytes));
    }
}

/// The life of a small ledger in `folder`: segments follow on each other, a bundle becomes full, all is
/// published, and segments are released. What was acknowledged in it.
async fn live(place: &Place, folder: &Path, disk: &Power) -> Acknowledged {
    let mut acknowledged = Vec::new();
    let options = options(&folder.join("ledger"));
    let disk = Arc::new(disk.clone());
    let opened = Ledger::open_on(&options, place.signer().into(), &place.clock, disk);
    let Ok((ledger, _)) = opened else {
        return acknowledged;
    };
    append(&ledger, "first", &mut acknowledged).await;
    for number in 0..260 {
        ledger.note(entry(&format!("note {number}")));
    }
    for number in 0..3 {
        let long = format!("{number} {}", "x".repeat(LONG_BYTES));
        append(&ledger, &long, &mut acknowledged).await;
    }
    append(&ledger, "last", &mut acknowledged).await;
    ledger.close().await;
    acknowledged
}

/// The ledger in `folder` has what was acknowledged, opens by itself, and goes on.
async fn check(place: &Place, folder: &Path, acknowledged: &Acknowledged, case: &str) {
    let directory = folder.join("ledger");
    let holds = |acknowledged: &Acknowledged| {
        let found: Vec<_> = entries(&directory, 0).map(Result::unwrap).collect();
        for one in acknowledged {
            assert!(found.contains(one), "lost: entry {} {case}", one.0);
        }
    };
    if !acknowledged.is_empty() {
        verify_once(&directory, &place.keys(), None)
            .unwrap_or_else(|error| panic!("{error} {case}"));
        holds(acknowledged);
    }
    let disk = Power::new(folder, None);
    let opened = Ledger::open_on(
        &options(&directory),
        place.signer().into(),
        &place.clock,
        Arc::new(disk.clone()),
    );
    let (ledger, _) = opened.unwrap_or_else(|error| panic!("{error} {case}"));
    let mut after = acknowledged.clone();
    append(&ledger, "after", &mut after).await;
    ledger.close().await;
    assert_eq!(after.len(), acknowledged.len() + 1, "{case}");
    verify_once(&directory, &place.keys(), None).unwrap_or_else(|error| panic!("{error} {case}"));
    holds(&after);
    assert_eq!(disk.violations(), [""; 0], "{case}");
}

/// Tries the fault after no call, after one, and so on, until a try tells that it came to its end without.
pub(super) async fn at_every_call(
    calls_min: usize,
    mut has_failed: impl AsyncFnMut(usize) -> bool,
) {
    let mut calls = 0;
    while has_failed(calls).await {
        calls += 1;
    }
    assert!(calls > calls_min, "there are more calls than {calls}");
}

/// One life with one fault in it. Whether the fault came.
async fn try_fault(place: &Place, fault: Fault) -> bool {
    let case = format!("({fault:?})");
    let mut chance = chance(fault.after);
    let folder = tempfile::tempdir().unwrap();
    let disk = Power::new(folder.path(), Some(fault));
    let mut acknowledged = live(place, folder.path(), &disk).await;
    assert_eq!(disk.violations(), [""; 0], "{case}");
    // The power goes then, and once more while what is left is recovered.
    let left = tempfile::tempdir().unwrap();
    disk.cut(left.path(), &mut chance);
    if !fault.power_cut {
        // Without that, the next start finds what the program saw last.
        check(place, folder.path(), &acknowledged, &case).await;
    }
    let again = Fault {
        after: usize::try_from(chance(24)).unwrap(),
        done: chance(2) == 0,
        power_cut: true,
    };
    let disk_again = Power::new(left.path(), Some(again));
    acknowledged.extend(live(place, left.path(), &disk_again).await);
    let rest = tempfile::tempdir().unwrap();
    disk_again.cut(rest.path(), &mut chance);
    check(
        place,
        rest.path(),
        &acknowledged,
        &format!("{case} and {again:?}"),
    )
    .await;
    disk.has_failed()
}

async fn try_every_call(done: bool, power_cut: bool) {
    let place = Place::new();
    at_every_call(60, async |after| {
        let fault = Fault {
            after,
            done,
            power_cut,
        };
        try_fault(&place, fault).await
    })
    .await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_power_goes_before_any_call() {
    try_every_call(false, true).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_power_goes_after_any_call() {
    try_every_call(true, true).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_whichever_call_fails_without_effect() {
    try_every_call(false, false).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_whichever_call_fails_with_its_effect() {
    try_every_call(true, false).await;
}

/// A published log in `folder`, whose segments begin behind entry 512.
async fn long(place: &Place, folder: &Path) {
    let options = options(&folder.join("ledger"));
    let (ledger, _) = Ledger::open(&options, place.signer(), &place.clock).unwrap();
    for _ in 0..4 {
        fill(&ledger, 276).await;
    }
    ledger.close().await;
}

pub(super) fn copy(from: &Path, to: &Path) {
    for file in from.read_dir().unwrap() {
        let from = file.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// The life of a ledger that is purged. The entry about it, if that was acknowledged.
async fn purged(place: &Place, folder: &Path, disk: &Power) -> Option<u64> {
    let options = options(&folder.join("ledger"));
    let disk = Arc::new(disk.clone());
    let opened = Ledger::open_on(&options, place.signer().into(), &place.clock, disk);
    let (ledger, _) = opened.ok()?;
    let purge = ledger.append(purge_to(512)).await.ok();
    ledger.close().await;
    purge.map(|receipt| receipt.index())
}

/// The ledger in `folder` has everything, or all but what was purged; and by the end of another life
/// without faults, of a purge that was acknowledged nothing is left to be done.
async fn check_purged(
    place: &Place,
    folder: &Path,
    before: &Acknowledged,
    purge: Option<u64>,
    case: &str,
) {
    let directory = folder.join("ledger");
    let holds = || {
        let verified = verify_once(&directory, &place.keys(), None);
        let minimum = verified
            .unwrap_or_else(|error| panic!("{error} {case}"))
            .minimum;
        let begin = usize::try_from(minimum.index).unwrap();
        let found: Vec<_> = entries(&directory, 0).map(Result::unwrap).collect();
        assert_eq!(found[..before.len() - begin], before[begin..], "{case}");
        minimum
    };
    holds();
    let disk = Power::new(folder, None);
    let opened = Ledger::open_on(
        &options(&directory),
        place.signer().into(),
        &place.clock,
        Arc::new(disk.clone()),
    );
    let (ledger, recovery) = opened.unwrap_or_else(|error| panic!("{error} {case}"));
    assert!(recovery.purge >= purge, "{case}");
    append(&ledger, "after", &mut Vec::new()).await;
    ledger.close().await;
    let minimum = holds();
    assert!(purge.is_none() || minimum.index == 512, "{case}");
    for bundle in ["000", "001"] {
        let path = directory.join("tile/entries").join(bundle);
        assert_eq!(path.exists(), minimum.index == 0, "{case}");
    }
    assert_eq!(disk.violations(), [""; 0], "{case}");
}

/// A purge of a copy of the ledger in `whole`, with one fault in it. Whether the fault came.
async fn try_fault_of_a_purge(
    place: &Place,
    whole: &Path,
    before: &Acknowledged,
    fault: Fault,
) -> bool {
    let case = format!("({fault:?})");
    let mut chance = chance(fault.after);
    let folder = tempfile::tempdir().unwrap();
    copy(whole, folder.path());
    let disk = Power::new(folder.path(), Some(fault));
    let purge = purged(place, folder.path(), &disk).await;
    assert_eq!(disk.violations(), [""; 0], "{case}");
    let left = tempfile::tempdir().unwrap();
    disk.cut(left.path(), &mut chance);
    check_purged(place, left.path(), before, purge, &case).await;
    if !fault.power_cut {
        check_purged(place, folder.path(), before, purge, &case).await;
    }
    disk.has_failed()
}

async fn try_every_call_of_a_purge(done: bool, power_cut: bool) {
    let place = Place::new();
    let whole = tempfile::tempdir().unwrap();
    long(&place, whole.path()).await;
    let before = entries(&whole.path().join("ledger"), 0);
    let before: Acknowledged = before.map(Result::unwrap).collect();
    at_every_call(30, async |after| {
        let fault = Fault {
            after,
            done,
            power_cut,
        };
        try_fault_of_a_purge(&place, whole.path(), &before, fault).await
    })
    .await;
}

#[tokio::test]
async fn a_purge_is_whole_or_goes_on_when_the_power_goes_before_any_call() {
    try_every_call_of_a_purge(false, true).await;
}

#[tokio::test]
async fn a_purge_is_whole_or_goes_on_when_the_power_goes_after_any_call() {
    try_every_call_of_a_purge(true, true).await;
}

#[tokio::test]
async fn a_purge_is_whole_or_goes_on_whichever_call_fails_without_effect() {
    try_every_call_of_a_purge(false, false).await;
}

#[tokio::test]
async fn a_purge_is_whole_or_goes_on_whichever_call_fails_with_its_effect() {
    try_every_call_of_a_purge(true, false).await;
}
