//! The index's file (SQLite): which words stand in which bundle of 256 entries, and from when to when its
//! entries are. A row of `posting` costs 12 to 13 bytes and what SQLite leaves free in its pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params, params_from_iter};

use super::terms;
use super::{FindError, Query};
use crate::entry::Entry;
use crate::files;
use crate::ledger::BUNDLE_ENTRIES;

/// Version of the tables and of [`terms`]; another one is made again.
const VERSION: i64 = 1;
/// Most memory for pages of the file.
const CACHE_KIBIBYTES: i64 = 32 * 1_024;
/// Pages in the write-ahead log before they are moved into the file: seldom, for the disk is the ledger's.
const CHECKPOINT_PAGES: i64 = 4_096;

/// `sum` is over all postings and spans, so that a changed row is found at the next start; `leaf` is the
/// hash of the entry before `next`, so that the index of another log is found as well.
const SCHEMA: &str = "
    CREATE TABLE posting (
        word INTEGER NOT NULL, bundle INTEGER NOT NULL, PRIMARY KEY (word, bundle)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE span (bundle INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;
    CREATE TABLE state (
        place INTEGER PRIMARY KEY CHECK (place = 1), next INTEGER NOT NULL, leaf BLOB NOT NULL,
        sum INTEGER NOT NULL
    ) STRICT;
    INSERT INTO state VALUES (1, 0, x'', 0);
";

/// How far an index goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The first entry that is not in it.
    pub(super) next: u64,
    /// Leaf hash of the entry before.
    pub(super) leaf: Vec<u8>,
    sum: i64,
}

/// What to add: entries that follow one another.
#[derive(Debug, Default)]
pub(super) struct Addition {
    postings: BTreeSet<(i32, i64)>,
    spans: BTreeMap<i64, (i64, i64)>,
    pub(super) entries: u64,
    /// Behind the last of them.
    end: u64,
}

impl Addition {
    /// How many words it has, each once for a bundle.
    pub(super) fn postings(&self) -> usize {
        self.postings.len()
    }

    /// Adds what is in an entry.
    pub(super) fn take(&mut self, index: u64, entry: &Entry) {
        let bundle = column(index / BUNDLE_ENTRIES);
        terms::words(entry, &mut |kind, word| {
            self.postings.insert((terms::number(kind, word), bundle));
        });
        let time = entry.time.as_millisecond();
        let span = self.spans.entry(bundle).or_insert((time, time));
        *span = (span.0.min(time), span.1.max(time));
        self.entries += 1;
        self.end = index + 1;
    }
}

#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    state: State,
}

impl Store {
    /// Opens the file at `path`, or makes it. Whether it is whole is looked at, row by row.
    pub(super) fn open(path: &Path) -> Result<Self, FindError> {
        if let Some(folder) = path.parent() {
            let file = |cause| FindError::File {
                path: path.to_owned(),
                cause,
            };
            files::make_private_folder(folder).map_err(file)?;
        }
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Never synced: the disk is the ledger's. What a power cut leaves behind does not have its sum.
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            let make = format!("BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;");
            connection.execute_batch(&make)?;
        } else if version != VERSION {
            return Err(not_to_be_used("it has another version"));
        }
        let state = whole(&connection)?;
        Ok(Self { connection, state })
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Whether it has something about entries before this one.
    pub(super) fn begins_before(&self, index: u64) -> rusqlite::Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM span WHERE bundle < ?1)";
        let bundle = column(index / BUNDLE_ENTRIES);
        self.connection.query_row(sql, [bundle], |row| row.get(0))
    }

    /// Adds entries; all of them or none.
    pub(super) fn add(&mut self, addition: &Addition, leaf: &[u8]) -> rusqlite::Result<u64> {
        let mut sum = self.state.sum;
        let transaction = self.connection.transaction()?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT OR IGNORE INTO posting VALUES (?1, ?2)")?;
            for (word, bundle) in &addition.postings {
                if insert.execute(params![word, bundle])? == 1 {
                    sum = sum.wrapping_add(mixed(i64::from(*word), *bundle, 0));
                }
            }
            let mut known =
                transaction.prepare_cached("SELECT first, last FROM span WHERE bundle = ?1")?;
            let mut keep =
                transaction.prepare_cached("INSERT OR REPLACE INTO span VALUES (?1, ?2, ?3)")?;
            for (bundle, (first, last)) in &addition.spans {
                let before = known.query_row([bundle], |row| Ok((row.get(0)?, row.get(1)?)));
                let (mut first, mut last): (i64, i64) = (*first, *last);
                if let Some((known_first, known_last)) = before.optional()? {
                    sum = sum.wrapping_sub(mixed(known_first, *bundle, known_last));
                    (first, last) = (first.min(known_first), last.max(known_last));
                }
                keep.execute(params![bundle, first, last])?;
                sum = sum.wrapping_add(mixed(first, *bundle, last));
            }
        }
        let state = State {
            next: addition.end.max(self.state.next),
            leaf: leaf.to_vec(),
            sum,
        };
        let sql = "UPDATE state SET next = ?1, leaf = ?2, sum = ?3";
        transaction.execute(sql, params![column(state.next), state.leaf, state.sum])?;
        transaction.commit()?;
        self.state = state;
        Ok(self.state.next)
    }

    /// The first bundles from `from` on that have a word of each group of `query` and its times.
    pub(super) fn bundles(
        &self,
        query: &Query,
        from: u64,
        most: u32,
    ) -> rusqlite::Result<Vec<u64>> {
        let mut values = vec![Value::from(column(from))];
        let mut place = |value: i64| {
            values.push(Value::from(value));
            format!("?{}", values.len())
        };
        let mut conditions = String::new();
        if query.numbers().is_empty() {
            conditions += "FROM (SELECT bundle FROM span WHERE bundle >= ?1) AS found WHERE true";
        }
        for (number, group) in query.numbers().into_iter().enumerate() {
            let words: Vec<_> = group.into_iter().map(|word| place(word.into())).collect();
            let words = words.join(", ");
            conditions += &match number {
                0 => format!(
                    "FROM (SELECT DISTINCT bundle FROM posting WHERE word IN ({words}) AND bundle >= ?1) \
                     AS found WHERE true"
                ),
                _ => format!(
                    " AND EXISTS (SELECT 1 FROM posting WHERE word IN ({words}) \
                     AND bundle = found.bundle)"
                ),
            };
        }
        for (time, test) in [(query.since, "last >="), (query.until, "first <=")] {
            if let Some(time) = time {
                let time = place(time.as_millisecond());
                conditions += &format!(
                    " AND EXISTS (SELECT 1 FROM span WHERE bundle = found.bundle AND {test} {time})"
                );
            }
        }
        let sql = format!("SELECT found.bundle {conditions} ORDER BY found.bundle LIMIT {most}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| row.get::<_, i64>(0))?;
        rows.map(|row| row.map(i64::unsigned_abs)).collect()
    }
}

/// How far the index goes, if every row of it is as it was written.
fn whole(connection: &Connection) -> Result<State, FindError> {
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        return Err(not_to_be_used(&check));
    }
    let mut sum = 0_i64;
    for sql in [
        "SELECT word, bundle, 0 FROM posting",
        "SELECT first, bundle, last FROM span",
    ] {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            sum = sum.wrapping_add(mixed(row.get(0)?, row.get(1)?, row.get(2)?));
        }
    }
    let state = connection.query_row("SELECT next, leaf, sum FROM state", [], |row| {
        Ok(State {
            next: row.get::<_, i64>(0)?.unsigned_abs(),
            leaf: row.get(1)?,
            sum: row.get(2)?,
        })
    })?;
    if state.sum != sum {
        return Err(not_to_be_used("a row of it has changed"));
    }
    Ok(state)
}

/// Three numbers as one, any of whose bits depends on all of theirs.
fn mixed(one: i64, two: i64, three: i64) -> i64 {
    let step = |so_far: u64, number: i64| {
        let mut bits = (so_far ^ number.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits ^= bits >> 29;
        bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits ^ (bits >> 32)
    };
    step(step(step(1, one), two), three).cast_signed()
}

/// An error that says: make it again.
fn not_to_be_used(why: &str) -> FindError {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    FindError::Index(rusqlite::Error::SqliteFailure(code, Some(why.to_owned())))
}

/// Whether what is wrong is the file itself, so that another one must be made.
pub(super) fn is_damage(error: &FindError) -> bool {
    let FindError::Index(error) = error else {
        return false;
    };
    match error.sqlite_error_code() {
        Some(code) => matches!(
            code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
        ),
        // A column of another type, a row that is not there.
        None => true,
    }
}

/// Removes the file and what SQLite keeps beside it.
pub(super) fn remove(path: &Path) -> Result<(), FindError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                let path = name.into();
                return Err(FindError::File { path, cause });
            }
            _ => {}
        }
    }
    Ok(())
}

/// A number as SQLite keeps integers.
fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
