//! Ten million rows of the index, made by the index itself of a log: how large they are, how long it takes to
//! make them, and how long to ask for one customer, beside a bare look-up by primary key in a table of as many
//! rows, with the same settings.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use covenant::clock::Clock;
use covenant::index::{Index, Query};
use covenant::ledger::{Ledger, reading};
use rusqlite::{Connection, OpenFlags, params};

use super::load::{Dice, Load, Mix, bytes_in, customer, ledger};
use super::{Failure, middle};

/// Appends that wait together.
const AT_ONCE: usize = 2_048;
const ROUNDS: usize = 7;
const LOOKUPS_A_ROUND: u64 = 3_000;
/// As the index has them.
const CACHE_KIBIBYTES: i64 = 32 * 1_024;
const RATIO_MAX: f64 = 10.0;
const BYTES_MAX: f64 = 25.0;

/// Three of ten requests for a page of fifty, every customer as likely as any other: the worst that an index can
/// get, for what is read again stands where it stood.
const MIX: Mix = Mix {
    pages_percent: 30,
    page_customers: 50,
    again_percent: 0,
    customers: 1_000_000,
    requests_per_second: 500,
};

/// Runs it with so many rows; whether the limits were kept.
pub(crate) async fn looking(place: &Path, rows_wanted: u64) -> Result<bool, Failure> {
    let directory = place.join("many");
    let ledger = ledger(&directory)?;
    let begun = Clock::system().instant();
    fill(&ledger, rows_wanted).await?;
    let entries = ledger.size();
    println!(
        "a log of {entries} entries, {} in a hundred of them pages of {} customers, written in {:.0} s",
        MIX.pages_percent,
        MIX.page_customers,
        since(begun)
    );
    let before = resident_peak(true)?;
    let begun = Clock::system().instant();
    let index = Index::new(&directory);
    if index.rebuild(|_| {})? != entries {
        return Err("not all entries are in the index".into());
    }
    let took = since(begun);
    let peak = resident_peak(false)?.saturating_sub(before);
    let ratio = look(&index, &place.join("bare.sqlite"), rows_wanted)?;
    whole(&index, &directory, rows_wanted)?;
    // Closed, so that nothing is in the write-ahead log alone.
    drop(index);
    let folder = directory.join("index");
    let rows = rows_in(&folder.join("search.sqlite"))?;
    let bytes = bytes_in(&folder)? as f64;
    let each = bytes / rows as f64;
    println!(
        "index: {rows} rows in {:.1} MiB, {each:.1} bytes a row (bar {BYTES_MAX}), {:.1} an entry of the log",
        bytes / 1_048_576.0,
        bytes / entries as f64
    );
    println!(
        "made in {took:.0} s ({:.0} entries/s, {:.0} rows/s), with {:.0} MiB of memory more than before",
        entries as f64 / took,
        rows as f64 / took,
        peak as f64 / 1_024.0
    );
    let begun = Clock::system().instant();
    let index = Index::start(&directory, ledger.clone())?;
    while index.size() < entries {
        thread::sleep(Duration::from_millis(5));
    }
    println!(
        "opened, with every row of it checked, in {:.1} s",
        since(begun)
    );
    drop(index);
    ledger.close().await;
    fs::remove_dir_all(&directory)?;
    Ok(ratio <= RATIO_MAX && each <= BYTES_MAX && rows >= rows_wanted)
}

/// Writes entries about as many customers as there shall be rows, and a few more.
async fn fill(ledger: &Ledger, rows: u64) -> Result<(), Failure> {
    let mut load = Load::new(MIX);
    let each = MIX.pages_percent * MIX.page_customers + (100 - MIX.pages_percent);
    // Customers that are twice in a bundle have one row for it.
    let mut left = usize::try_from(rows * 101 / each)? + 1;
    while left > 0 {
        let some = AT_ONCE.min(left);
        let made: Result<Vec<_>, _> = (0..some).map(|_| load.next()).collect();
        let appends = made?.into_iter().map(|entry| ledger.append(entry));
        futures_util::future::try_join_all(appends).await?;
        left -= some;
    }
    Ok(())
}

fn since(begun: Instant) -> f64 {
    Clock::system()
        .instant()
        .duration_since(begun)
        .as_secs_f64()
}

fn rows_in(path: &Path) -> Result<u64, Failure> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let rows: i64 = connection.query_row("SELECT count(*) FROM posting", [], |row| row.get(0))?;
    Ok(rows.unsigned_abs())
}

/// Asks the index and the bare table in turns; the middle ratio.
fn look(index: &Index, bare: &Path, rows: u64) -> Result<f64, Failure> {
    let clock = Clock::system();
    let table = bare_table(bare, rows)?;
    let mut statement = table.prepare("SELECT value FROM bare WHERE id = ?1")?;
    let mut dice = Dice(11);
    let (mut ratios, mut bares, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    let (mut found, mut bundles_found) = (0_u64, 0);
    for round in 0..=ROUNDS {
        let begun = clock.instant();
        for _ in 0..LOOKUPS_A_ROUND {
            let id = i64::try_from(dice.below(rows))?;
            let value: i64 = statement.query_row([id], |row| row.get(0))?;
            found += u64::from(value == id);
        }
        let bare = per_look(clock.instant().duration_since(begun));
        let queries: Vec<_> = (0..LOOKUPS_A_ROUND)
            .map(|_| about(dice.below(known(rows))))
            .collect();
        let begun = clock.instant();
        for query in &queries {
            let bundles = index.bundles(query, 0).ok_or("the index cannot be asked")?;
            bundles_found += bundles.0.len();
        }
        let one = per_look(clock.instant().duration_since(begun));
        // The first round is for the caches.
        if round > 0 {
            ratios.push(one / bare);
            bares.push(bare);
            asked.push(one);
        }
    }
    let looks = LOOKUPS_A_ROUND * (ROUNDS as u64 + 1);
    if found != looks || bundles_found == 0 {
        return Err("a row that was written is not there".into());
    }
    let ratio = middle(&mut ratios);
    println!(
        "one customer of {rows} rows: {:.1} us, in {:.1} places; bare look-up by primary key {:.1} us; ratio \
         {ratio:.1} (bar {RATIO_MAX})",
        middle(&mut asked) * 1e6,
        bundles_found as f64 / looks as f64,
        middle(&mut bares) * 1e6
    );
    fs::remove_file(bare)?;
    Ok(ratio)
}

/// What legal waits for: the places, and each of them read from the log and compared.
fn whole(index: &Index, directory: &Path, rows: u64) -> Result<(), Failure> {
    let clock = Clock::system();
    let mut dice = Dice(13);
    let (mut searches, mut hits) = (Vec::new(), 0);
    for _ in 0..100 {
        let query = about(dice.below(known(rows)));
        let begun = clock.instant();
        index.find(&query, 0..index.size(), |_| {
            hits += 1;
            true
        })?;
        searches.push(clock.instant().duration_since(begun).as_secs_f64());
    }
    let begun = clock.instant();
    let read = reading::entries(directory, 0).take(256).count();
    let bundle = clock.instant().duration_since(begun).as_secs_f64();
    println!(
        "with reading them from the log: {:.1} ms for {:.1} entries; one bundle of {read} alone {:.2} ms",
        middle(&mut searches) * 1e3,
        f64::from(hits) / 100.0,
        bundle * 1e3
    );
    Ok(())
}

/// Customers that are sure to have been read where there are so many rows.
fn known(rows: u64) -> u64 {
    MIX.customers.min(rows / 2)
}

fn about(number: u64) -> Query {
    Query {
        references: vec![customer(number)],
        ..Query::default()
    }
}

fn per_look(took: Duration) -> f64 {
    took.as_secs_f64() / LOOKUPS_A_ROUND as f64
}

/// A table of so many rows that holds nothing but numbers.
fn bare_table(path: &Path, rows: u64) -> Result<Connection, Failure> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    connection.execute_batch(
        "CREATE TABLE bare (id INTEGER PRIMARY KEY, value INTEGER NOT NULL) STRICT;",
    )?;
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare("INSERT INTO bare VALUES (?1, ?1)")?;
        for id in 0..i64::try_from(rows)? {
            insert.execute(params![id])?;
        }
    }
    transaction.commit()?;
    Ok(connection)
}

/// The most memory that this process had resident, in KiB; `anew` counts from now on.
fn resident_peak(anew: bool) -> Result<u64, Failure> {
    if anew {
        fs::write("/proc/self/clear_refs", "5")?;
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(number.ok_or("no VmHWM")?.trim().parse()?)
}
