//! Durable appends a second, 256 writers, entries of about 600 bytes: the ledger against the plainest
//! thing that makes the same promise, a file that grows by length, CRC-32 and payload, one `fdatasync`
//! for all that wait. Same run, same file system, same queue and wake-up; rounds take turns.
//!
//! The ledger's figure holds all a disclosure pays for: the salt, canonical JSON, hashing, the signed
//! checkpoint, framing, and the publisher at work beside it.
//!
//! Then, each against the raw thing in the same run: the wait for an answer, by the number of writers, against a
//! bare `fdatasync`, verifying against reading and hashing, and opening a large log against a small one.
//!
//! `cargo bench --bench ledger` prints the tables; with `-- --test` it runs one short round; `-- appends`
//! and `-- verifying` run one half.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on stops"
)]

mod plain;
mod waits;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use covenant::clock::Clock;
use covenant::entry::{Disclosure, Entry, Event, Recipient, RequestFacts, SubjectGroup};
use covenant::ledger::merkle::leaf_hash;
use covenant::ledger::reading::entries;
use covenant::ledger::verify::verify;
use covenant::ledger::{Keys, Ledger, Options, Signer};
use tokio::runtime::Runtime;

use self::plain::PlainFile;

const WRITERS: usize = 256;
const QUEUE: usize = 4_096;
const ORIGIN: &str = "covenant.example/bench";

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--test");
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    let place =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ledger-{}", std::process::id()));
    fs::create_dir_all(&place).expect("a place to write");
    let runtime = Runtime::new().expect("a runtime");
    if is_wanted("appends") {
        runtime.block_on(appending(&place, is_quick));
    }
    if is_wanted("verifying") {
        let (few, many) = if is_quick {
            (2_000, 4_000)
        } else {
            (60_000, 600_000)
        };
        runtime.block_on(verifying_and_opening(&place, few, many));
    }
    fs::remove_dir_all(&place).expect("the place was ours");
}

async fn appending(place: &Path, is_quick: bool) {
    let (rounds, round) = if is_quick {
        (1, Duration::from_millis(100))
    } else {
        (5, Duration::from_millis(1_200))
    };
    let bytes = sample(&Clock::system()).to_canonical().len();
    println!("durable appends/s, {WRITERS} writers, {bytes} byte entries");
    println!(
        "{:>5} {:>12} {:>12} {:>7}",
        "round", "plain file", "ledger", "ratio"
    );
    let (mut plain_rates, mut rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..rounds {
        let plain = Contestant::PlainFile.run(place, WRITERS, round).await.rate;
        let ledger = Contestant::Ledger.run(place, WRITERS, round).await.rate;
        let ratio = ledger / plain;
        println!("{number:>5} {plain:>12.0} {ledger:>12.0} {ratio:>7.2}");
        plain_rates.push(plain);
        rates.push(ledger);
        ratios.push(ratio);
    }
    println!("median ratio {:.2} (bar 0.60)", middle(&mut ratios));
    let rates = [
        (Contestant::PlainFile, middle(&mut plain_rates)),
        (Contestant::Ledger, middle(&mut rates)),
    ];
    waits::print(place, rates, round).await;
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

/// Who makes entries durable.
#[derive(Clone, Copy, Debug)]
enum Contestant {
    PlainFile,
    Ledger,
}

impl fmt::Display for Contestant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::PlainFile => "plain file",
            Self::Ledger => "ledger",
        })
    }
}

impl Contestant {
    /// Has so many writers append for so long. What is written stays until the end of all rounds: a file system
    /// looks long for room for a file where many were deleted just before.
    async fn run(self, place: &Path, writers: usize, round: Duration) -> Loaded {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let path = place.join(format!("{self}-{run}"));
        match self {
            Self::PlainFile => plain_file(&path, writers, round).await,
            Self::Ledger => ledger(&path, writers, round).await,
        }
    }
}

/// Entries a second, and how long each was waited for, in seconds.
struct Loaded {
    rate: f64,
    waits: Vec<f64>,
}

/// Lets so many writers append as fast as they are answered.
async fn closed_loop<Append, Answer>(writers: usize, round: Duration, append: Append) -> Loaded
where
    Append: Fn() -> Answer + Clone + Send + 'static,
    Answer: Future<Output = ()> + Send,
{
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Clock::system().instant();
    let writers: Vec<_> = (0..writers)
        .map(|_| {
            let (stop, append) = (Arc::clone(&stop), append.clone());
            tokio::spawn(async move {
                let clock = Clock::system();
                let mut waits = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let answer = append();
                    let called = clock.instant();
                    answer.await;
                    waits.push(clock.instant().duration_since(called).as_secs_f64());
                }
                waits
            })
        })
        .collect();
    tokio::time::sleep(round).await;
    stop.store(true, Ordering::Relaxed);
    let mut waits = Vec::new();
    for writer in writers {
        waits.append(&mut writer.await.expect("a writer"));
    }
    let passed = Clock::system().instant().duration_since(begun);
    Loaded {
        rate: waits.len() as f64 / passed.as_secs_f64(),
        waits,
    }
}

async fn ledger(directory: &Path, writers: usize, round: Duration) -> Loaded {
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
    let loaded = closed_loop(writers, round, move || {
        let ledger = writing.clone();
        let event = Event::Disclosure(disclosure.clone());
        let entry = Entry::new(clock.now(), event).expect("random bytes");
        async move {
            ledger.append(entry).await.expect("durable");
        }
    });
    let loaded = loaded.await;
    ledger.close().await;
    loaded
}

/// The plainest file.
async fn plain_file(path: &Path, writers: usize, round: Duration) -> Loaded {
    let plain = PlainFile::open(path);
    let payload = sample(&Clock::system()).to_canonical();
    let writing = plain.clone();
    let loaded = closed_loop(writers, round, move || {
        let (plain, payload) = (writing.clone(), payload.clone());
        async move { plain.append(payload).await }
    });
    let loaded = loaded.await;
    plain.close();
    loaded
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
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
