//! Durable appends a second, 256 writers, entries of about 600 bytes: the ledger against the plainest
//! thing that makes the same promise, a file that grows by length, CRC-32 and payload, one `fdatasync`
//! for all that wait. Same run, same file system, same queue and wake-up; rounds take turns.
//!
//! The ledger's figure holds all a disclosure pays for: the salt, canonical JSON, hashing, the signed
//! checkpoint, framing, and the publisher at work beside it.
//!
//! `cargo bench --bench ledger` prints the table; with `-- --test` it runs one short round.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on stops"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::future::Future;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use covenant::clock::Clock;
use covenant::entry::{Disclosure, Entry, Event, Recipient, RequestFacts, SubjectGroup};
use covenant::ledger::{Ledger, Options, Signer};
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
    println!(
        "median ratio {:.2} (target 0.40, aim 0.60)",
        ratios[ratios.len() / 2]
    );
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
