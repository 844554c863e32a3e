//! How long an entry waits where entries come evenly, at half the rate that can be had: of the ledger and,
//! beside it, of the plain file at half of its own rate.
//!
//! A thread that sleeps some 60 µs at a time releases the entries due since, a task for each. What is told
//! is the wait from the call of `append` on; from the moment an entry was due on is told beside it, which has
//! the sleep and the way to a core in it.

use std::fs::{self, File};
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use covenant::clock::Clock;
use covenant::entry::{Entry, Event};
use covenant::ledger::{Ledger, Options, Signer};
use tokio::runtime::Handle;

use super::plain::PlainFile;
use super::{ORIGIN, middle, sample};

/// Sleep of the thread that releases; the system adds its slack.
const SLEEP: Duration = Duration::from_micros(50);

/// How much later than asked the system may wake that thread, so that it can wake others with it.
const SLACK_NANOSECONDS: &str = "5000";

/// Prints the waits at these rates a second, of the plain file and of the ledger.
pub(crate) async fn print(place: &Path, [plain_rate, ledger_rate]: [f64; 2], round: Duration) {
    let times = if round.as_millis() < 500 { 50 } else { 1_000 };
    let bare = bare_sync(&place.join("sync"), times);
    let plain = plain_file(&place.join("plain"), plain_rate, round).await;
    let bare = [bare, bare_sync(&place.join("sync"), times)];
    let ledger = ledger(&place.join("waits"), ledger_rate, round).await;
    let bare = [bare[0], bare[1], bare_sync(&place.join("sync"), times)];
    let (before, after) = (bare[0].midpoint(bare[1]), bare[1].midpoint(bare[2]));
    println!(
        "waits at half the rate, us: {:>9} {:>10} {:>10} {:>12} {:>14} {:>7}",
        "entries/s", "p50", "p99", "due p50", "fdatasync p50", "ratio"
    );
    for (name, mut waits, bare) in [("plain file", plain, before), ("ledger", ledger, after)] {
        let wait = middle(&mut waits.called);
        println!(
            "{name:>27} {:>10.0} {:>10.0} {:>10.0} {:>12.0} {:>14.0} {:>7.2}",
            waits.called.len() as f64 / round.as_secs_f64(),
            wait * 1e6,
            waits.called[waits.called.len() * 99 / 100] * 1e6,
            middle(&mut waits.due) * 1e6,
            bare * 1e6,
            wait / bare
        );
    }
    println!("bar of the ledger's ratio 2.5");
}

/// In seconds: since each entry was due, and since its `append` was called.
struct Waits {
    due: Vec<f64>,
    called: Vec<f64>,
}

async fn plain_file(path: &Path, rate: f64, round: Duration) -> Waits {
    let plain = PlainFile::open(path);
    let payload = sample(&Clock::system()).to_canonical();
    let writing = plain.clone();
    let waits = evenly(rate, round, move || {
        let (plain, payload) = (writing.clone(), payload.clone());
        async move { plain.append(payload).await }
    });
    let waits = waits.await;
    plain.close();
    fs::remove_file(path).expect("the file was ours");
    waits
}

async fn ledger(directory: &Path, rate: f64, round: Duration) -> Waits {
    let clock = Clock::system();
    let signer = Signer::generate(ORIGIN).expect("a key");
    let opened = Ledger::open(&Options::new(directory, ORIGIN), signer, &clock);
    let (ledger, _) = opened.expect("a new ledger");
    let Event::Disclosure(disclosure) = sample(&clock).event else {
        unreachable!("the sample is a disclosure");
    };
    // One append ahead, so that the first segment is made.
    ledger.append(sample(&clock)).await.expect("durable");
    let writing = ledger.clone();
    let waits = evenly(rate, round, move || {
        let ledger = writing.clone();
        let event = Event::Disclosure(disclosure.clone());
        let entry = Entry::new(clock.now(), event).expect("random bytes");
        async move {
            ledger.append(entry).await.expect("durable");
        }
    });
    let waits = waits.await;
    ledger.close().await;
    fs::remove_dir_all(directory).expect("the directory was ours");
    waits
}

/// Calls `append` so many times a second, evenly.
async fn evenly<Append, Answer>(rate: f64, round: Duration, append: Append) -> Waits
where
    Append: Fn() -> Answer + Clone + Send + 'static,
    Answer: Future<Output = ()> + Send,
{
    let (told, waits) = mpsc::channel();
    let tasks = Handle::current();
    let releasing = thread::spawn(move || {
        release(rate, round, |due| {
            let (append, told) = (append.clone(), told.clone());
            tasks.spawn(async move {
                let clock = Clock::system();
                let answer = append();
                let called = clock.instant();
                answer.await;
                let done = clock.instant();
                let _ = told.send((done.duration_since(due), done.duration_since(called)));
            });
        });
    });
    let collected = tokio::task::spawn_blocking(move || {
        releasing.join().expect("the thread that releases");
        waits.iter().collect::<Vec<_>>()
    });
    let collected = collected.await.expect("all waits");
    Waits {
        due: collected.iter().map(|(due, _)| due.as_secs_f64()).collect(),
        called: collected
            .iter()
            .map(|(_, wait)| wait.as_secs_f64())
            .collect(),
    }
}

/// Calls `each` with the time at which it was due, `rate` times a second.
fn release(rate: f64, round: Duration, each: impl Fn(Instant)) {
    wake_precisely();
    let clock = Clock::system();
    let begun = clock.instant();
    let mut released = 0_u32;
    loop {
        let passed = clock.instant().duration_since(begun);
        if passed >= round {
            return;
        }
        while f64::from(released) / rate <= passed.as_secs_f64() {
            each(begun + Duration::from_secs_f64(f64::from(released) / rate));
            released += 1;
        }
        thread::sleep(SLEEP);
    }
}

/// Asks the system to wake this thread when it should; where it will not, waits come in larger groups.
fn wake_precisely() {
    let thread = fs::read_link("/proc/thread-self").unwrap_or_default();
    let slack = Path::new("/proc").join(thread.file_name().unwrap_or_default());
    let _ = fs::write(slack.join("timerslack_ns"), SLACK_NANOSECONDS);
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
