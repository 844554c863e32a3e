//! An hour of requests in a few minutes: how far the index is behind a ledger that is written that much faster
//! than ever, how soon it has caught up, and whether those who wait for the ledger feel it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use covenant::clock::Clock;
use covenant::index::Index;
use covenant::ledger::Ledger;
use tokio::sync::Mutex;

use super::load::{Load, Mix, ledger};
use super::{Failure, middle};

/// Of ten requests, one asks for a page of 25 and nine for one customer; of ten customers, eight were read
/// before, any of them as likely as another.
const MIX: Mix = Mix {
    pages_percent: 10,
    page_customers: 25,
    again_percent: 80,
    customers: u64::MAX,
    requests_per_second: 500,
};
const WRITERS: u32 = 64;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Seconds of the pushed load that the index may be behind, as a rule and where the machine hiccups, and that it
/// may need once the load ends.
const BEHIND_P99_SECONDS_MAX: f64 = 2.0;
const BEHIND_SECONDS_MAX: f64 = 10.0;
const CAUGHT_UP_SECONDS_MAX: f64 = 2.0;
/// How much longer the middle wait for the ledger may be with the index beside it.
const WAIT_RATIO_MAX: f64 = 1.5;
/// How many times the load of that hour the index must be able to take in.
const HEADROOM_MIN: f64 = 10.0;

/// What came of a stretch of load.
struct Stretch {
    waits: Vec<f64>,
    seconds: f64,
}

/// Runs so many seconds of requests, `faster` times as fast as they come; whether the limits were kept.
pub(crate) async fn hour(place: &Path, seconds: u32, faster: u32) -> Result<bool, Failure> {
    let directory = place.join("hour");
    let ledger = ledger(&directory)?;
    let load = Arc::new(Mutex::new(Load::new(MIX)));
    let requests = u64::from(seconds * MIX.requests_per_second);
    let rate = f64::from(MIX.requests_per_second * faster);
    println!(
        "{requests} requests, {seconds} s of {} a second, pushed at {rate:.0} a second: one in ten for a page of \
         {}, eight of ten customers read before",
        MIX.requests_per_second, MIX.page_customers
    );
    // A stretch alone before and after: the machine may be another meanwhile.
    let before = push(&ledger, &load, requests / 10, rate).await?;
    let index = Index::start(&directory, ledger.clone())?;
    let caught_up = |index: &Index| index.size() >= ledger.size();
    while !caught_up(&index) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let watch = Watch::start(Arc::clone(&index), ledger.clone());
    let beside = push(&ledger, &load, requests, rate).await?;
    let begun = Clock::system().instant();
    while !caught_up(&index) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let caught_up = Clock::system().instant().duration_since(begun);
    let behind = watch.end()?;
    drop(index);
    let after = push(&ledger, &load, requests / 10, rate).await?;
    let headroom = headroom(&directory, ledger.size())?;
    ledger.close().await;
    fs::remove_dir_all(&directory)?;
    tell(&[before, beside, after], &behind, caught_up, headroom)
}

fn tell(
    stretches: &[Stretch; 3],
    behind: &[u64],
    caught_up: Duration,
    headroom: f64,
) -> Result<bool, Failure> {
    let mut waits = stretches.each_ref().map(|stretch| stretch.waits.clone());
    let late = waits.each_mut().map(|waits| {
        let wait = middle(waits);
        (
            wait,
            waits.get(waits.len() * 99 / 100).copied().unwrap_or(wait),
        )
    });
    let [before, beside, after] = late;
    let alone = before.0.midpoint(after.0);
    let [_, stretch, _] = stretches;
    let rate = stretch.waits.len() as f64 / stretch.seconds;
    let (first, second) = behind.split_at(behind.len() / 2);
    let seconds = |part: &[u64], hundredths| of(part, hundredths) as f64 / rate;
    let (usual, most) = (seconds(behind, 99), seconds(behind, 100));
    println!(
        "recorded at {rate:.0} a second; behind by {} entries as a rule in the first half and {} in the second; p99 \
         {} entries or {usual:.2} s (bar {BEHIND_P99_SECONDS_MAX}), at most {} or {most:.2} s (bar \
         {BEHIND_SECONDS_MAX}); caught up {:.2} s after the last (bar {CAUGHT_UP_SECONDS_MAX})",
        of(first, 50),
        of(second, 50),
        of(behind, 99),
        of(behind, 100),
        caught_up.as_secs_f64()
    );
    println!(
        "wait for the ledger: p50 {:.2} ms, p99 {:.2} ms; without the index p50 {:.2} and {:.2} ms, p99 {:.2} and \
         {:.2} ms; ratio of p50 {:.2} (bar {WAIT_RATIO_MAX})",
        beside.0 * 1e3,
        beside.1 * 1e3,
        before.0 * 1e3,
        after.0 * 1e3,
        before.1 * 1e3,
        after.1 * 1e3,
        beside.0 / alone
    );
    println!("made again of that log: {headroom:.0} times the load's rate (bar {HEADROOM_MIN})");
    Ok(usual <= BEHIND_P99_SECONDS_MAX
        && most <= BEHIND_SECONDS_MAX
        && caught_up.as_secs_f64() <= CAUGHT_UP_SECONDS_MAX
        && beside.0 / alone <= WAIT_RATIO_MAX
        && headroom >= HEADROOM_MIN)
}

/// So many hundredths of some numbers are no larger.
fn of(numbers: &[u64], hundredths: usize) -> u64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    let place = (numbers.len() * hundredths / 100).min(numbers.len().saturating_sub(1));
    numbers.get(place).copied().unwrap_or(0)
}

/// Lets writers that come evenly append so many entries, and says how long each waited.
async fn push(
    ledger: &Ledger,
    load: &Arc<Mutex<Load>>,
    requests: u64,
    rate: f64,
) -> Result<Stretch, Failure> {
    let between = Duration::from_secs_f64(f64::from(WRITERS) / rate);
    let each = requests / u64::from(WRITERS);
    let clock = Clock::system();
    let begun = clock.instant();
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (ledger, load, clock) = (ledger.clone(), Arc::clone(load), clock.clone());
            tokio::spawn(async move {
                tokio::time::sleep(between * number / WRITERS).await;
                let mut ticks = tokio::time::interval(between);
                let mut waits = Vec::new();
                for _ in 0..each {
                    ticks.tick().await;
                    let entry = load.lock().await.next()?;
                    let begun = clock.instant();
                    ledger.append(entry).await?;
                    waits.push(clock.instant().duration_since(begun).as_secs_f64());
                }
                Ok::<_, Failure>(waits)
            })
        })
        .collect();
    let mut waits = Vec::new();
    for writer in writers {
        waits.extend(writer.await??);
    }
    let seconds = clock.instant().duration_since(begun).as_secs_f64();
    Ok(Stretch { waits, seconds })
}

/// How many times the load's rate the index is made at, of a log that is there.
fn headroom(directory: &Path, entries: u64) -> Result<f64, Failure> {
    let begun: Instant = Clock::system().instant();
    let made = Index::new(directory).rebuild(|_| {})?;
    let took = Clock::system().instant().duration_since(begun);
    if made != entries {
        return Err(format!("{made} of {entries} entries are in the index").into());
    }
    Ok(entries as f64 / took.as_secs_f64() / f64::from(MIX.requests_per_second))
}

/// Looks all the time by how many entries the index is behind.
struct Watch {
    ended: Arc<AtomicBool>,
    looking: thread::JoinHandle<Vec<u64>>,
}

impl Watch {
    fn start(index: Arc<Index>, ledger: Ledger) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&ended);
        let looking = thread::spawn(move || {
            let mut behind = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let has = index.size();
                behind.push(ledger.size().saturating_sub(has));
                thread::sleep(LOOK_EVERY);
            }
            behind
        });
        Self { ended, looking }
    }

    fn end(self) -> Result<Vec<u64>, Failure> {
        self.ended.store(true, Ordering::Relaxed);
        self.looking.join().map_err(|_| "the watch ended".into())
    }
}
