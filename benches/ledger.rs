//! Durable appends a second, 256 writers, entries of about 600 bytes: the ledger against the plainest
//! thing that makes the same promise, a file that grows by length, CRC-32 and payload, one `fdatasync`
//! for all that wait. Same run, same file system, same queue and wake-up; rounds take turns.
//!
//! The ledger's figure holds all a disclosure pays for: the salt, canonical JSON, hashing, the signed
//! checkpoint, framing, and the publisher at work beside it.
//!
//! Then, each against the raw thing in the same run: the wait for an answer at half that load against a
//! bare `fdatasync`, verifying against reading and hashing, and opening a large log against a small one.
//!
//! `cargo bench --bench ledger` prints the tables; with `-- --test` it runs one short round.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on stops"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::future::Future;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use covenant::clock::Clock;
use covenant::entry::{Disclosure, Entry, Event, Recipient, RequestFacts, SubjectGroup};
use covenant::ledger::merkle::leaf_hash;
use covenant::ledger::reading::entries;
use covenant::ledger::verify::verify;
use covenant::ledger::{Keys, Ledger, Options, Signer};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

const WRITERS: usize = 256;
const QUEUE: usize = 4_096;
const ORIGIN: &str = "covenant.example/bench";

fn main() {
    let quick = std::env::args().any(|argument| argument == "--test");
    let (rounds, round) = if quick {
        (1, Duration::from_millis(100))
    } else {
        (5, Duration::from_millis(1_200))
    };
    let place =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ledger-{}", std::process::id()));
    fs::create_dir_all(&place).expect("a place to write");
    let runtime = Runtime::new().expect("a runtime");
    let bytes = sample(&Clock::system()).to_canonical().len();
    println!("durable appends/s, {WRITERS} writers, {bytes} byte entries");
    println!(
        "{:>5} {:>12} {:>12} {:>7}",
        "round", "plain file", "ledger", "ratio"
    );
    let mut ratios: Vec<f64> = (0..rounds)
        .map(|number| {
            let plain = runtime.block_on(plain_file(&place.join("plain"), round));
            let ledger = runtime.block_on(ledger(&place.join(format!("ledger-{number}")), round));
            println!(
                "{number:>5} {plain:>12.0} {ledger:>12.0} {:>7.2}",
                ledger / plain
            );
            ledger / plain
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2} (bar 0.60)", ratios[ratios.len() / 2]);
    let full = runtime.block_on(ledger(&place.join("full"), round));
    runtime.block_on(acknowledgement(&place, full / 2.0, round));
    let (few, many) = if quick {
        (2_000, 4_000)
    } else {
        (60_000, 600_000)
    };
    runtime.block_on(verifying_and_opening(&place, few, many));
    fs::remove_dir_all(&place).expect("the place was ours");
}

/// An entry as a page of one customer's records makes it.
fn sample(clock: &Clock) -> Entry {
    let request = RequestFacts {
        request_id: "01930f2e-7a8b-7c3d-9e4f-5a6b7c8d9e0f".to_owned(),
        trace_id: None,
        recipient: Some(Recipient::Partner {
            id: "acme".to_owned(),
            parent: None,
        }),
        certificate: Some("bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2".to_owned()),
        client: None,
        operation: Some("getCustomer".to_owned()),
        purpose: Some("essential.service".to_owned()),
        policy: Some("2026-11-22.3f9c".to_owned()),
        ..RequestFacts::default()
    };
    let subject = SubjectGroup {
        subject: "customer".to_owned(),
        basis: "service".to_owned(),
        basis_reference: None,
        circumstances: vec!["own".to_owned()],
        categories: BTreeMap::from([("user.name".to_owned(), "clear".to_owned())]),
        records: Some(1),
        references: vec!["9f86d081884c7d659a2feaa0c55ad015".to_owned()],
    };
    let event = Event::Disclosure(Disclosure {
        request,
        decision: "allow".to_owned(),
        rules: vec!["service-own-customers".to_owned()],
        status: 200,
        subjects: vec![subject],
        withheld: vec![],
        created: None,
        part: None,
        answer_sha256: Some("0".repeat(64)),
    });
    Entry::new(clock.now(), event).expect("random bytes")
}

/// Lets all writers append as fast as they are answered, and counts the answers.
async fn closed_loop<Append, Answer>(round: Duration, append: Append) -> f64
where
    Append: Fn() -> Answer + Clone + Send + 'static,
    Answer: Future<Output = ()> + Send,
{
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let begun = Clock::system().instant();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (stop, done, append) = (Arc::clone(&stop), Arc::clone(&done), append.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    append().await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(round).await;
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("a writer");
    }
    let seconds = Clock::system()
        .instant()
        .duration_since(begun)
        .as_secs_f64();
    done.load(Ordering::Relaxed) as f64 / seconds
}

async fn ledger(directory: &Path, round: Duration) -> f64 {
    let options = Options::new(directory, ORIGIN);
    let signer = Signer::generate(ORIGIN).expect("a key");
    let clock = Clock::system();
    let (ledger, _) = Ledger::open(&options, signer, &clock).expect("a new ledger");
    let Event::Disclosure(disclosure) = sample(&clock).event else {
        unreachable!("the sample is a disclosure");
    };
    // One append ahead, so that the first segment is made.
    ledger.append(sample(&clock)).await.expect("durable");
    let writing = ledger.clone();
    let rate = closed_loop(round, move || {
        let ledger = writing.clone();
        let event = Event::Disclosure(disclosure.clone());
        let entry = Entry::new(clock.now(), event).expect("random bytes");
        async move {
            ledger.append(entry).await.expect("durable");
        }
    })
    .await;
    ledger.close().await;
    fs::remove_dir_all(directory).expect("the directory was ours");
    rate
}

/// A bare `fdatasync` of 4 KiB in a file written full of zeros before: the middle of many, in seconds.
fn bare_sync(path: &Path, times: u64) -> f64 {
    let file = File::create(path).expect("a file");
    file.write_all_at(&vec![0; 4_096 * usize::try_from(times).expect("few")], 0)
        .expect("written");
    file.sync_all().expect("synced");
    let clock = Clock::system();
    let mut seconds: Vec<f64> = (0..times)
        .map(|number| {
            let begun = clock.instant();
            file.write_all_at(&[1; 4_096], number * 4_096)
                .expect("written");
            file.sync_data().expect("synced");
            clock.instant().duration_since(begun).as_secs_f64()
        })
        .collect();
    fs::remove_file(path).expect("the file was ours");
    middle(&mut seconds)
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How long writers that come evenly, `rate` a second, wait for their entry.
async fn acknowledgement(place: &Path, rate: f64, round: Duration) {
    let times = if round.as_millis() < 500 { 50 } else { 1_000 };
    let before = bare_sync(&place.join("sync"), times);
    let directory = place.join("waits");
    let signer = Signer::generate(ORIGIN).expect("a key");
    let clock = Clock::system();
    let (ledger, _) =
        Ledger::open(&Options::new(&directory, ORIGIN), signer, &clock).expect("a new ledger");
    ledger.append(sample(&clock)).await.expect("durable");
    let between = Duration::from_secs_f64(WRITERS as f64 / rate);
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (ledger, clock) = (ledger.clone(), clock.clone());
            tokio::spawn(async move {
                tokio::time::sleep(between.mul_f64(number as f64 / WRITERS as f64)).await;
                let mut ticks = tokio::time::interval(between);
                let (mut waits, end) = (Vec::new(), clock.instant() + round);
                while clock.instant() < end {
                    ticks.tick().await;
                    let entry = sample(&clock);
                    let begun = clock.instant();
                    ledger.append(entry).await.expect("durable");
                    waits.push(clock.instant().duration_since(begun).as_secs_f64());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for writer in writers {
        waits.extend(writer.await.expect("a writer"));
    }
    ledger.close().await;
    let bare = before.midpoint(bare_sync(&place.join("sync"), times));
    let wait = middle(&mut waits);
    println!(
        "a wait at half that load, {:.0}/s: p50 {:.0} us, p99 {:.0} us; bare fdatasync p50 {:.0} us; ratio {:.2} (bar 2.5)",
        waits.len() as f64 / round.as_secs_f64(),
        wait * 1e6,
        waits[waits.len() * 99 / 100] * 1e6,
        bare * 1e6,
        wait / bare
    );
    fs::remove_dir_all(directory).expect("the directory was ours");
}

/// A ledger of so many entries in small segments, and its keys.
async fn filled(directory: &Path, count: usize) -> Keys {
    let options = Options {
        segment_bytes: 8 * 1024 * 1024,
        ..Options::new(directory, ORIGIN)
    };
    let secret = directory.with_extension("key");
    let signer = Signer::create_file(&secret, ORIGIN).expect("a key");
    let keys = Keys::from(signer.verifier_key().clone());
    let clock = Clock::system();
    let (ledger, _) = Ledger::open(&options, signer, &clock).expect("a new ledger");
    let mut left = count;
    while left > 0 {
        let some = left.min(QUEUE / 2);
        let appends = (0..some).map(|_| ledger.append(sample(&clock)));
        futures_util::future::try_join_all(appends)
            .await
            .expect("durable");
        left -= some;
    }
    ledger.close().await;
    keys
}

async fn verifying_and_opening(place: &Path, few: usize, many: usize) {
    let clock = Clock::system();
    let timed = |what: &mut dyn FnMut()| {
        let mut rounds: Vec<f64> = (0..5)
            .map(|_| {
                let begun = clock.instant();
                what();
                clock.instant().duration_since(begun).as_secs_f64()
            })
            .collect();
        middle(&mut rounds)
    };
    let mut opened = Vec::new();
    for (name, count) in [("few", few), ("many", many)] {
        let directory = place.join(name);
        let keys = filled(&directory, count).await;
        let mut open = Vec::new();
        for _ in 0..5 {
            let signer = Signer::read_file(&directory.with_extension("key")).expect("its key");
            let begun = clock.instant();
            let (ledger, recovery) =
                Ledger::open(&Options::new(&directory, ORIGIN), signer, &clock).expect("a ledger");
            open.push(clock.instant().duration_since(begun).as_secs_f64());
            assert_eq!(recovery.size, count as u64);
            ledger.close().await;
        }
        opened.push(middle(&mut open));
        if name == "many" {
            let verified = timed(&mut || {
                let verified = verify(&directory, &keys, None).expect("it is sound");
                assert_eq!(verified.entries, count as u64);
            });
            let read = timed(&mut || {
                let hashed = entries(&directory, 0)
                    .map(|entry| leaf_hash(&entry.expect("an entry").1))
                    .filter(|hash| hash[0] != hash[1])
                    .count();
                assert!(hashed > 0);
            });
            println!(
                "verifying {count} entries: {:.0}/s; reading and hashing them: {:.0}/s; ratio {:.2} (bar 0.70)",
                count as f64 / verified,
                count as f64 / read,
                read / verified
            );
        }
    }
    println!(
        "opening {few} entries: {:.1} ms; {many}: {:.1} ms; ratio {:.2}",
        opened[0] * 1e3,
        opened[1] * 1e3,
        opened[1] / opened[0]
    );
}

type Waiting = (Vec<u8>, oneshot::Sender<()>);

async fn plain_file(path: &Path, round: Duration) -> f64 {
    let (queue, pending) = mpsc::channel::<Waiting>(QUEUE);
    let file = File::create(path).expect("a file");
    let committer = thread::spawn(move || group_commit(file, pending));
    let payload = sample(&Clock::system()).to_canonical();
    let rate = closed_loop(round, move || {
        let (queue, payload) = (queue.clone(), payload.clone());
        async move {
            let (done, durable) = oneshot::channel();
            queue.send((payload, done)).await.expect("the committer");
            durable.await.expect("the committer");
        }
    })
    .await;
    committer.join().expect("the committer");
    fs::remove_file(path).expect("the file was ours");
    rate
}

fn group_commit(mut file: File, mut pending: mpsc::Receiver<Waiting>) {
    let tables = crc_tables();
    let mut taken = Vec::new();
    let mut buffer = Vec::new();
    while pending.blocking_recv_many(&mut taken, QUEUE) > 0 {
        buffer.clear();
        for (payload, _) in &taken {
            let length = u32::try_from(payload.len()).expect("a short payload");
            buffer.extend_from_slice(&length.to_le_bytes());
            buffer.extend_from_slice(&crc32(&tables, payload).to_le_bytes());
            buffer.extend_from_slice(payload);
        }
        file.write_all(&buffer).expect("written");
        file.sync_data().expect("synced");
        for (_, done) in taken.drain(..) {
            let _ = done.send(());
        }
    }
}

/// Tables to take eight bytes at a time, so that the plain file is not held up by its checksum.
fn crc_tables() -> Vec<[u32; 256]> {
    let mut tables = vec![[0_u32; 256]; 8];
    for (byte, entry) in (0_u32..).zip(&mut tables[0]) {
        *entry = (0..8).fold(byte, |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)));
    }
    for step in 1..8 {
        tables[step] = tables[step - 1].map(|crc| (crc >> 8) ^ tables[0][(crc & 0xff) as usize]);
    }
    tables
}

fn crc32(tables: &[[u32; 256]], bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut crc = !0_u32;
    for word in words {
        let mixed = u64::from_le_bytes(*word) ^ u64::from(crc);
        crc = mixed
            .to_le_bytes()
            .iter()
            .zip(tables.iter().rev())
            .fold(0, |crc, (&byte, table)| crc ^ table[usize::from(byte)]);
    }
    for &byte in rest {
        crc = (crc >> 8) ^ tables[0][usize::from(crc as u8 ^ byte)];
    }
    !crc
}
