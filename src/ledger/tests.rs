//! The ledger as its users see it.

mod damage;
mod power;
mod pruning;
mod reads;
mod rotation;
mod thousand;

use std::time::Duration;

use jiff::Timestamp;

use super::journal::faulty::{Disk, Fault, FaultyJournal, GatedJournal};
use super::*;
use crate::clock::Clock;
use crate::entry::{Event, GatewayNote};

const ORIGIN: &str = "covenant.example/test";
/// The seed does not matter; that it stays the same over re-opening does.
const KEY: &str = "key";

pub(super) struct Place {
    pub(super) directory: tempfile::TempDir,
    pub(super) clock: Clock,
}

impl Place {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Signer::create_file(&directory.path().join(KEY), ORIGIN).unwrap();
        Self {
            directory,
            clock: Clock::manual(Timestamp::UNIX_EPOCH),
        }
    }

    pub(super) fn signer(&self) -> Signer {
        Signer::read_file(&self.directory.path().join(KEY)).unwrap()
    }

    pub(super) fn keys(&self) -> Keys {
        self.signer().verifier_key().clone().into()
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("ledger")
    }

    pub(super) fn options(&self) -> Options {
        Options {
            segment_bytes: 128 * 1024,
            wait_max: Duration::from_secs(30),
            publish_interval: Duration::from_secs(3_600),
            ..Options::new(self.path(), ORIGIN)
        }
    }

    pub(super) fn open(&self) -> (Ledger, Recovery) {
        self.try_open().unwrap()
    }

    pub(super) fn try_open(&self) -> Result<(Ledger, Recovery), OpenError> {
        Ledger::open(&self.options(), self.signer(), &self.clock)
    }

    fn open_faulty(&self, disk: &Disk, fault: Option<(usize, Fault)>) -> (Ledger, Recovery) {
        let journal = FaultyJournal {
            disk: disk.clone(),
            origin: ORIGIN.to_owned(),
            fault,
            poisoned: false,
        };
        let options = self.options();
        Ledger::open_journal(&options, Box::new(journal), self.signer(), &self.clock).unwrap()
    }
}

pub(super) fn entry(what: &str) -> Entry {
    let event = Event::Gateway(GatewayNote {
        what: what.to_owned(),
        detail: None,
        policy: None,
    });
    Entry::new(Timestamp::UNIX_EPOCH, event).unwrap()
}

#[tokio::test]
async fn content_comes_back_with_the_index_of_its_durable_entry() {
    let place = Place::new();
    let (ledger, recovery) = place.open();
    assert_eq!(
        recovery,
        Recovery {
            size: 0,
            torn_bytes_cut: 0,
            purge: None
        }
    );
    for index in 0..3 {
        let recorded = ledger
            .record(Unrecorded::new("answer", entry("disclosed")))
            .await
            .unwrap();
        assert_eq!(recorded.index(), index);
        assert_eq!(recorded.into_content(), "answer");
    }
    assert_eq!(ledger.size(), 3);
    ledger.close().await;
    let (_again, recovery) = place.open();
    assert_eq!(recovery.size, 3);
}

#[tokio::test]
async fn the_checkpoint_is_that_of_the_last_batch_and_survives() {
    let place = Place::new();
    let key = place.signer().verifier_key().clone();
    let (ledger, _) = place.open();
    let empty = Checkpoint::open(&ledger.checkpoint(), &key).unwrap();
    assert_eq!((empty.size, empty.root), (0, merkle::sha256(&[])));
    let one = entry("one");
    ledger.append(one.clone()).await.unwrap();
    let after = Checkpoint::open(&ledger.checkpoint(), &key).unwrap();
    assert_eq!(
        (after.size, after.root),
        (1, merkle::leaf_hash(&one.to_canonical()))
    );
    let checkpoint = ledger.checkpoint();
    ledger.close().await;
    assert_eq!(place.open().0.checkpoint(), checkpoint);
}

#[tokio::test]
async fn a_second_writer_is_refused_until_the_first_has_closed() {
    let place = Place::new();
    let (ledger, _) = place.open();
    assert!(matches!(place.try_open(), Err(OpenError::InUse(_))));
    ledger.close().await;
    assert!(place.try_open().is_ok());
}

#[tokio::test]
async fn a_closed_ledger_records_nothing() {
    let place = Place::new();
    let (ledger, _) = place.open();
    let other = ledger.clone();
    ledger.close().await;
    assert!(!other.is_writable());
    assert_eq!(other.append(entry("late")).await, Err(NotRecorded::Closed));
    other.note(entry("late"));
    assert_eq!(other.notes_dropped(), 1);
}

#[tokio::test]
async fn notes_are_recorded_without_being_waited_for() {
    let place = Place::new();
    let (ledger, _) = place.open();
    ledger.note(entry("refused"));
    ledger.close().await;
    assert_eq!((ledger.size(), ledger.notes_dropped()), (1, 0));
}

#[tokio::test]
async fn an_entry_longer_than_a_leaf_is_refused_and_the_ledger_goes_on() {
    let place = Place::new();
    let (ledger, _) = place.open();
    let frame = entry("").to_canonical().len();
    let longest = "x".repeat(crate::entry::ENTRY_BYTES_MAX - frame);
    assert!(matches!(
        ledger.append(entry(&format!("{longest}x"))).await,
        Err(NotRecorded::TooLarge { bytes: 65_536 })
    ));
    assert_eq!(ledger.append(entry(&longest)).await.unwrap().index(), 0);
}

#[tokio::test]
async fn many_writers_get_different_indexes_and_all_are_found_again() {
    let place = Place::new();
    let (ledger, _) = place.open();
    let tasks: Vec<_> = (0..64)
        .map(|writer| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut indexes = Vec::new();
                for count in 0..8 {
                    let entry = entry(&format!("{writer} {count} {}", "x".repeat(600)));
                    indexes.push(ledger.append(entry).await.unwrap().index());
                }
                assert!(indexes.is_sorted(), "a writer's own order is kept");
                indexes
            })
        })
        .collect();
    let mut indexes = Vec::new();
    for task in tasks {
        indexes.extend(task.await.unwrap());
    }
    indexes.sort_unstable();
    assert_eq!(indexes, (0..512).collect::<Vec<_>>());
    ledger.close().await;
    assert_eq!(place.open().1.size, 512);
}

#[tokio::test]
async fn at_every_fault_only_what_the_journal_has_is_acknowledged() {
    for fault in [Fault::Written, Fault::NotWritten] {
        for step in 0..4 {
            let place = Place::new();
            let disk = Disk::default();
            let (ledger, _) = place.open_faulty(&disk, Some((step, fault)));
            let mut acknowledged = Vec::new();
            for count in 0..6 {
                let entry = entry(&count.to_string());
                let bytes = entry.to_canonical();
                match ledger.record(Unrecorded::new(bytes, entry)).await {
                    Ok(recorded) => acknowledged.push(recorded.into_content()),
                    Err(not_recorded) => assert_eq!(not_recorded, NotRecorded::Closed),
                }
            }
            assert_eq!(acknowledged.len(), step);
            assert!(!ledger.is_writable());
            let kept: Vec<_> = disk
                .batches()
                .into_iter()
                .flat_map(|batch| batch.leaves.into_iter().map(|leaf| leaf.into_bytes()))
                .collect();
            assert_eq!(kept[..step], acknowledged);
            assert_eq!(kept.len(), step + usize::from(fault == Fault::Written));
            let (again, recovery) = place.open_faulty(&disk, None);
            assert_eq!(recovery.size, kept.len() as u64);
            assert!(again.append(entry("after")).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_disk_that_hangs_fails_the_wait_and_is_told_until_it_answers() {
    let place = Place::new();
    let (gate, gated) = std::sync::mpsc::channel();
    let options = Options {
        wait_max: Duration::from_millis(20),
        ..place.options()
    };
    let journal = Box::new(GatedJournal(gated));
    let (ledger, _) =
        Ledger::open_journal(&options, journal, place.signer(), &place.clock).unwrap();
    assert!(ledger.is_writable());
    let recorded = ledger.record(Unrecorded::new((), entry("slow"))).await;
    assert!(matches!(recorded, Err(NotRecorded::Stalled { .. })));
    assert!(!ledger.is_writable());
    gate.send(()).unwrap();
    while !ledger.is_writable() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // More is on record than was answered for, never less.
    assert_eq!(ledger.size(), 1);
}

#[tokio::test]
async fn refusals_never_take_the_half_of_the_queue_that_answers_need() {
    let place = Place::new();
    let (gate, gated) = std::sync::mpsc::channel();
    let options = Options {
        queue_entries_max: 8,
        ..place.options()
    };
    let journal = Box::new(GatedJournal(gated));
    let (ledger, _) =
        Ledger::open_journal(&options, journal, place.signer(), &place.clock).unwrap();
    for _ in 0..100 {
        ledger.note(entry("refused"));
    }
    assert!(ledger.notes_dropped() > 0);
    assert!(ledger.orders.capacity() >= 4);
    for _ in 0..100 {
        gate.send(()).unwrap();
    }
    assert!(ledger.append(entry("answered")).await.is_ok());
    ledger.close().await;
    assert_eq!(ledger.size() + ledger.notes_dropped(), 101);
}

/// Whoever gets text into entries writes no line, no batch and no signature with it.
#[tokio::test]
async fn no_text_in_an_entry_is_taken_for_anything_but_text() {
    let place = Place::new();
    let texts = [
        "\n\n\u{2014} covenant.example/test AAAAAAAA\n".to_owned(),
        "CVNTBAT1".repeat(1_024),
        "\u{0}".repeat(4_096),
        format!(
            "\r\n{{\"v\":3}}\n{}",
            "\u{2028}\u{85}\u{7f}\u{1b}[2J".repeat(100)
        ),
        "\",\"what\":\"stopped\"},\"v\":3}".to_owned(),
    ];
    let (ledger, _) = place.open();
    let mut leaves = Vec::new();
    for round in 0..40 {
        for text in &texts {
            // Moved a little each time, so that it comes to stand where batches begin.
            let entry = entry(&format!("{}{text}", "x".repeat(round)));
            leaves.push(entry.to_canonical());
            ledger.append(entry).await.unwrap();
        }
    }
    ledger.close().await;
    assert_eq!(place.open().1.size, leaves.len() as u64);
    let read: Vec<_> = reading::entries(&place.path(), 0)
        .map(|entry| entry.unwrap().1)
        .collect();
    assert_eq!(read, leaves);
    for (number, leaf) in leaves.iter().enumerate() {
        assert!(leaf.iter().all(|&byte| byte >= 0x20), "a control character");
        let Event::Gateway(note) = Entry::parse(leaf).unwrap().event else {
            panic!("another event than was written");
        };
        assert!(note.what.ends_with(&texts[number % texts.len()]));
    }
}

#[tokio::test]
async fn a_segment_that_vanishes_closes_the_ledger_although_nobody_writes() {
    let place = Place::new();
    let (ledger, _) = place.open();
    ledger.append(entry("one")).await.unwrap();
    std::fs::remove_file(segment::path(&place.path(), 0)).unwrap();
    let closed = async {
        while ledger.is_writable() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(60), closed).await.unwrap();
    assert_eq!(ledger.append(entry("two")).await, Err(NotRecorded::Closed));
}

#[tokio::test]
async fn a_log_shorter_than_the_second_checkpoint_is_not_opened() {
    let place = Place::new();
    let options = Options {
        second_checkpoint: Some(place.directory.path().join("second")),
        ..place.options()
    };
    let open = || Ledger::open(&options, place.signer(), &place.clock);
    let (ledger, _) = open().unwrap();
    ledger.append(entry("one")).await.unwrap();
    ledger.close().await;
    let (ledger, recovery) = open().unwrap();
    assert_eq!(recovery.size, 1);
    ledger.close().await;
    // Somebody takes the whole log away, with all that was published in its folder.
    std::fs::remove_dir_all(place.path()).unwrap();
    let refused = open().unwrap_err();
    assert!(
        matches!(&refused, OpenError::Damaged(damage) if damage.index == Some(0)),
        "{refused}"
    );
    assert!(
        refused
            .to_string()
            .contains("restore the files from a backup")
    );
    std::fs::write(place.directory.path().join("second"), "nonsense").unwrap();
    assert!(matches!(open(), Err(OpenError::Second(_))));
}

#[tokio::test]
async fn when_no_new_segment_can_be_made_the_ledger_closes_and_what_was_acknowledged_stays() {
    let place = Place::new();
    let (ledger, _) = place.open();
    ledger.append(entry("first")).await.unwrap();
    // A folder where the file should go stands for a full disk.
    std::fs::create_dir(place.path().join("journal/spare")).unwrap();
    let long = "x".repeat(40_000);
    let mut acknowledged = 1;
    while ledger.append(entry(&long)).await.is_ok() {
        acknowledged += 1;
        assert!(acknowledged < 10, "a segment of 128 KiB holds fewer");
    }
    assert!(!ledger.is_writable());
    assert_eq!(
        ledger.append(entry("later")).await,
        Err(NotRecorded::Closed)
    );
    ledger.close().await;
    std::fs::remove_dir(place.path().join("journal/spare")).unwrap();
    let (ledger, recovery) = place.open();
    assert_eq!(recovery.size, acknowledged);
    assert!(ledger.append(entry(&long)).await.is_ok());
}

#[tokio::test]
async fn a_published_log_verifies_while_another_checkpoint_is_not_published_yet() {
    let place = Place::new();
    let (ledger, _) = place.open();
    let served = |name: &str| ledger.published_file(name).unwrap();
    let verified = || {
        let published = verify::Fetched::new(|name: &std::path::Path| {
            Ok(served(name.to_str().unwrap()).map(|served| served.bytes))
        });
        let verified = verify::verify_published(&published, &place.keys(), &[], &|_| ());
        verified.unwrap().entries
    };
    for _ in 0..18 {
        ledger.append(entry("published")).await.unwrap();
    }
    ledger.publish().await;
    assert_eq!(verified(), 18);
    for _ in 0..300 {
        ledger.note(entry("not published"));
    }
    ledger.append(entry("not published")).await.unwrap();
    // What is full is written as soon as it is.
    while !place.path().join("tile/entries/000").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(verified(), 18);
    assert_eq!(served("tile/0/000"), None);
    let before = served("tile/0/000.p/18").unwrap();
    ledger.publish().await;
    assert_eq!(verified(), 319);
    while place.path().join("tile/0/000.p").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(served("tile/0/000.p/18").unwrap(), before);
    ledger.close().await;
}

#[tokio::test]
async fn a_log_whose_published_checkpoint_is_gone_is_neither_opened_nor_called_sound() {
    let place = Place::new();
    let (ledger, _) = place.open();
    let long = "x".repeat(40_000);
    for _ in 0..5 {
        (0..255).for_each(|_| ledger.note(entry("note")));
        ledger.append(entry(&long)).await.unwrap();
    }
    ledger.publish().await;
    while segment::list(&place.path()).unwrap()[0] == 0 {
        ledger.note(entry("note"));
        ledger.append(entry(&long)).await.unwrap();
        ledger.publish().await;
    }
    ledger.close().await;
    let checkpoint = place.path().join("checkpoint");
    let kept = place.path().join("kept");
    std::fs::rename(&checkpoint, &kept).unwrap();
    let refused = place.try_open().unwrap_err().to_string();
    assert!(refused.contains("bring it back"), "{refused}");
    let refused = verify::verify_once(&place.path(), &place.keys(), None).unwrap_err();
    assert!(refused.to_string().contains("bring it back"), "{refused}");
    std::fs::rename(&kept, &checkpoint).unwrap();
    place.open().0.close().await;
}

#[tokio::test]
async fn a_log_that_ends_before_its_tiles_is_neither_opened_nor_called_sound() {
    let place = Place::new();
    let (ledger, _) = place.open();
    for _ in 0..4 {
        ledger.append(entry("one")).await.unwrap();
    }
    ledger.close().await;
    // The last batch is taken away, and the checkpoint that knew of it.
    let path = segment::path(&place.path(), 0);
    let mut bytes = std::fs::read(&path).unwrap();
    let begins = (0..bytes.len()).step_by(super::batch::BLOCK_BYTES);
    let is_batch = |at: &usize| bytes[*at..].starts_with(super::batch::MAGIC);
    let last = begins.rev().find(is_batch).unwrap();
    bytes[last..].fill(0);
    std::fs::write(&path, bytes).unwrap();
    std::fs::remove_file(place.path().join("checkpoint")).unwrap();
    let refused = place.try_open().unwrap_err().to_string();
    assert!(
        refused.contains("entry 3: ") && refused.contains("tiles of 4"),
        "{refused}"
    );
    let refused = verify::verify_once(&place.path(), &place.keys(), None).unwrap_err();
    assert!(refused.to_string().contains("tiles of 4"), "{refused}");
}
