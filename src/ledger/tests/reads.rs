//! A read fails at every single call in the life of a ledger: while it is opened and recovers from a crash,
//! while it is served and proven, while it is published and purged. Nothing that was acknowledged is lost,
//! no start goes on over what it has not read, and what is given away is right or is refused in words.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::batch::{BLOCK_BYTES, MAGIC};
use super::super::proof::{self, prove};
use super::super::reading::entries;
use super::super::reads::faulty::{Fault, Reads};
use super::super::segment;
use super::super::storage::power::{self, Power};
use super::super::verify::verify_once;
use super::power::{Acknowledged, append, at_every_call, chance, copy, options};
use super::pruning::{LONG_BYTES, purge_to};
use super::*;

/// Bytes of a batch that a crash left: one sector.
const TORN_BYTES: usize = 512;

/// Lives in which both a read and a call that changes something fail: one for each of the first reads.
const BOTH: usize = 150;

/// Names of what is served of it.
const NAMES: [&str; 6] = [
    "checkpoint",
    "tile/0/000",
    "tile/0/001.p/250",
    "tile/1/000.p/1",
    "tile/entries/000",
    "tile/entries/001.p/250",
];

/// A ledger that a crash has left in `folder`, published as far as entry 506, and all that is right about it.
struct Crashed {
    place: Place,
    folder: tempfile::TempDir,
    acknowledged: Acknowledged,
    entries: Vec<(u64, Vec<u8>)>,
    published: u64,
    served: BTreeMap<&'static str, Vec<u8>>,
    consistency: Vec<merkle::Hash>,
}

impl Crashed {
    async fn new() -> Self {
        let place = Place::new();
        let running = tempfile::tempdir().unwrap();
        let options = options(&running.path().join("ledger"));
        let open = || Ledger::open(&options, place.signer(), &place.clock).unwrap();
        let mut acknowledged = Vec::new();
        let (ledger, _) = open();
        for (notes, last) in [
            (249, 1),
            (1, LONG_BYTES),
            (0, LONG_BYTES),
            (0, LONG_BYTES),
            (251, 1),
        ] {
            (0..notes).for_each(|_| ledger.note(entry("note")));
            append(&ledger, &"x".repeat(last), &mut acknowledged).await;
        }
        ledger.close().await;
        let (ledger, _) = open();
        append(&ledger, "not published", &mut acknowledged).await;
        for _ in 0..2 {
            // So long that they go into the next segment.
            append(&ledger, &"x".repeat(LONG_BYTES), &mut acknowledged).await;
        }
        append(&ledger, &"x".repeat(TORN_BYTES), &mut acknowledged).await;
        let folder = tempfile::tempdir().unwrap();
        copy(running.path(), folder.path());
        let published = ledger.published();
        let served = NAMES
            .into_iter()
            .map(|name| (name, ledger.published_file(name).unwrap().unwrap().bytes));
        let crashed = Self {
            served: served.collect(),
            consistency: ledger.consistency(3, published).unwrap(),
            entries: entries(&options.directory, 0).map(Result::unwrap).collect(),
            place,
            folder,
            acknowledged,
            published,
        };
        assert_eq!((published, crashed.entries.len()), (506, 510));
        let directory = crashed.folder.path().join("ledger");
        assert!(segment::list(&directory).unwrap()[0] > 0, "one is released");
        crashed.tear();
        crashed
    }

    /// Leaves the first sector of another batch behind the last.
    fn tear(&self) {
        let directory = self.folder.path().join("ledger");
        let last = *segment::list(&directory).unwrap().last().unwrap();
        let path = segment::path(&directory, last);
        let mut bytes = std::fs::read(&path).unwrap();
        let mut begins = (0..bytes.len()).step_by(BLOCK_BYTES);
        let begin = begins.rfind(|&at| bytes[at..].starts_with(MAGIC)).unwrap();
        bytes.copy_within(begin..begin + TORN_BYTES, begin + BLOCK_BYTES);
        std::fs::write(&path, bytes).unwrap();
    }

    /// Opens the ledger in `folder`, on a disk that writes as it should and is not waited for.
    fn open(&self, folder: &Path) -> Result<(Ledger, Recovery), OpenError> {
        self.open_on(folder, &Power::new(folder, None))
    }

    fn open_on(&self, folder: &Path, disk: &Power) -> Result<(Ledger, Recovery), OpenError> {
        let options = options(&folder.join("ledger"));
        let disk = Arc::new(disk.clone());
        Ledger::open_on(
            &options,
            self.place.signer().into(),
            &self.place.clock,
            disk,
        )
    }

    /// Everything that is done with the ledger in `folder` until it is closed. What was acknowledged in it.
    async fn used(&self, folder: &Path, disk: &Power, reads: &Reads, case: &str) -> Acknowledged {
        let mut acknowledged = Vec::new();
        let options = options(&folder.join("ledger"));
        let (ledger, recovery) = match self.open_on(folder, disk) {
            Ok(opened) => opened,
            Err(_) if disk.has_failed() => return acknowledged,
            Err(error) => {
                let failed = reads.failed().expect("a start fails for a reason");
                let told = error.to_string();
                let name = failed.file_name().unwrap().to_str().unwrap();
                let is_named = told.contains(name) || matches!(error, OpenError::NotWritable(_));
                assert!(is_named || told.contains("damaged"), "{told} {case}");
                return acknowledged;
            }
        };
        assert_eq!(recovery.size, self.entries.len() as u64, "{case}");
        assert_eq!(recovery.torn_bytes_cut, TORN_BYTES as u64, "{case}");
        let note = ledger.published_checkpoint().unwrap();
        assert_eq!(note.as_bytes(), self.served["checkpoint"], "{case}");
        self.given_away(&ledger, &options.directory, case);
        append(&ledger, "after", &mut acknowledged).await;
        let _ = ledger.append(purge_to(256)).await;
        append(&ledger, "the bundle is full with this", &mut acknowledged).await;
        append(&ledger, "last", &mut acknowledged).await;
        ledger.close().await;
        acknowledged
    }

    /// What is served, proven and read is right, or refused.
    fn given_away(&self, ledger: &Ledger, directory: &Path, case: &str) {
        for (name, bytes) in &self.served {
            if let Ok(served) = ledger.published_file(name) {
                assert_eq!(&served.expect(name).bytes, bytes, "{name} {case}");
            }
        }
        if let Ok(hashes) = ledger.consistency(3, self.published) {
            assert_eq!(hashes, self.consistency, "{case}");
        }
        let keys = self.place.keys();
        if let Ok(proven) = prove(directory, &keys, 3) {
            proof::check(&proven.proof, &proven.entry, &keys).unwrap();
        }
        let read: Result<Vec<_>, _> = entries(directory, 0).collect();
        if let Ok(read) = read {
            assert_eq!(read[..self.entries.len()], self.entries, "{case}");
        }
    }

    /// The ledger in `folder` is whole, and has all but what was purged.
    fn check(&self, folder: &Path, acknowledged: &Acknowledged, case: &str) {
        let directory = folder.join("ledger");
        let verified = verify_once(&directory, &self.place.keys(), None);
        let verified = verified.unwrap_or_else(|error| panic!("{error} {case}"));
        let found: Vec<_> = entries(&directory, 0).map(Result::unwrap).collect();
        for one in self.acknowledged.iter().chain(acknowledged) {
            let is_purged = one.0 < verified.minimum.index;
            assert!(
                is_purged || found.contains(one),
                "lost: entry {} {case}",
                one.0
            );
        }
    }

    /// Whether the fault came.
    async fn try_fault(&self, after: usize, fault: Fault) -> bool {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        let reads = Reads::fail(folder.path(), after, fault);
        let case = format!("({fault:?} after {after})");
        let disk = Power::new(folder.path(), None);
        let mut acknowledged = self.used(folder.path(), &disk, &reads, &case).await;
        let failed = reads.failed();
        drop(reads);
        let case = format!("{case} of {failed:?}");
        self.check(folder.path(), &acknowledged, &case);
        // And it opens and goes on once it can be read again.
        let opened = self.open(folder.path());
        let (ledger, _) = opened.unwrap_or_else(|error| panic!("{error} {case}"));
        let before = acknowledged.len();
        append(&ledger, "again", &mut acknowledged).await;
        assert_eq!(acknowledged.len(), before + 1, "{case}");
        ledger.close().await;
        self.check(folder.path(), &acknowledged, &case);
        failed.is_some()
    }

    /// Likewise where a call that changes something fails too, and then the power goes. Whether both came.
    async fn try_both(&self, after: usize, chance: &mut impl FnMut(u64) -> u64) -> bool {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        let written = power::Fault {
            after: usize::try_from(chance(60)).unwrap(),
            done: chance(2) == 0,
            power_cut: chance(2) == 0,
        };
        let fault = [Fault::Error, Fault::Short][usize::try_from(chance(2)).unwrap()];
        let case = format!("({fault:?} after {after}, {written:?})");
        let disk = Power::new(folder.path(), Some(written));
        let reads = Reads::fail(folder.path(), after, fault);
        let mut acknowledged = self.used(folder.path(), &disk, &reads, &case).await;
        let failed = reads.failed();
        drop(reads);
        assert_eq!(disk.violations(), [""; 0], "{case}");
        let left = tempfile::tempdir().unwrap();
        disk.cut(left.path(), chance);
        self.check(left.path(), &acknowledged, &case);
        let opened = self.open(left.path());
        let (ledger, _) = opened.unwrap_or_else(|error| panic!("{error} {case}"));
        append(&ledger, "again", &mut acknowledged).await;
        ledger.close().await;
        self.check(left.path(), &acknowledged, &case);
        failed.is_some() && disk.has_failed()
    }
}

#[tokio::test]
async fn nothing_is_lost_where_the_disk_fails_at_reading_and_at_writing_and_the_power_goes() {
    let crashed = Crashed::new().await;
    let mut chance = chance(0);
    let mut both = 0;
    for after in 0..BOTH {
        both += usize::from(crashed.try_both(after, &mut chance).await);
    }
    assert!(both > BOTH / 4, "reads failed in {both} of {BOTH}");
}

#[tokio::test]
async fn nothing_is_lost_or_passed_over_whichever_read_fails() {
    let crashed = Crashed::new().await;
    at_every_call(100, async |after| {
        crashed.try_fault(after, Fault::Error).await
    })
    .await;
}

#[tokio::test]
async fn nothing_is_lost_or_passed_over_whichever_read_is_cut_short() {
    let crashed = Crashed::new().await;
    at_every_call(100, async |after| {
        crashed.try_fault(after, Fault::Short).await
    })
    .await;
}
