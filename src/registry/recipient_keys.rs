//! The keys that mail recipients are named with in the ledger: one for each month (UTC), a file of its own
//! beside the database, so that a month's can be destroyed and nobody tells any more whom a fingerprint of
//! that month meant. The month is that of the entry; across a month's end it may be the one before.
//!
//! The database says which months have a key and whose were destroyed: a key that is gone without that is
//! missed at the start, and one that comes back from a backup is destroyed again.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::{Connection, params};

use super::keys::{beside, key, make_key};
use super::{CannotOpen, NotKept, Registry, entry_column};
use crate::terms::CustomerRef;

/// What stands in the name of each key's file before its month and behind it.
const PREFIX: &str = ".recipient-";
const SUFFIX: &str = ".key";

/// Name of the one key of a book from before there was one for each month.
const FORMER: &str = ".recipient.key";

/// The month that a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Date);

impl Period {
    /// The one that has this moment.
    pub fn of(time: Timestamp) -> Self {
        Self(time.to_zoned(TimeZone::UTC).date().first_of_month())
    }

    /// The first day after it.
    pub fn end(self) -> Date {
        self.0.last_of_month().tomorrow().unwrap_or(Date::MAX)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl FromStr for Period {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let period = format!("{text}-01").parse().map(Self).map_err(drop)?;
        (period.to_string() == text).then_some(period).ok_or(())
    }
}

/// All that there are, in memory.
pub(super) struct RecipientKeys {
    database: PathBuf,
    keys: RwLock<Keys>,
}

#[derive(Default)]
struct Keys {
    there: BTreeMap<Period, hmac::Key>,
    /// With the log index of the entry about each.
    destroyed: BTreeMap<Period, u64>,
}

/// A mail recipient, as entries may name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientMonths {
    /// Its reference in entries of each month whose key is still there; the oldest first.
    pub references: BTreeMap<Period, CustomerRef>,
    /// Months whose keys were destroyed, each with the log index of the entry that says so: whom the
    /// fingerprints of those months meant, nobody can tell.
    pub destroyed: BTreeMap<Period, u64>,
}

impl fmt::Debug for RecipientKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecipientKeys(not shown)")
    }
}

impl RecipientKeys {
    /// Reads the keys beside the database and makes those of this month and the next. The one key of a
    /// book from before there were months becomes this month's, so that nobody is counted twice in it.
    pub(super) fn open(
        database: &Path,
        connection: &Connection,
        is_empty: bool,
        now: Timestamp,
    ) -> Result<Self, CannotOpen> {
        let failed = |path: &Path, cause| CannotOpen::File {
            path: path.to_owned(),
            cause,
        };
        let (this, next) = (Period::of(now), Period::of(now).next());
        let former = beside(database, FORMER);
        let first = file(database, this);
        let known = known(connection)?;
        if former.exists() && !first.exists() {
            fs::rename(&former, &first).map_err(|error| failed(&former, error))?;
            sync_folder_of(&first).map_err(|error| failed(&first, error))?;
        } else if known.is_empty() && !is_empty && found(database)?.is_empty() {
            return Err(missing(&former));
        }
        let mut keys = Keys::default();
        for (period, destroyed_by) in &known {
            let path = file(database, *period);
            match (destroyed_by, path.exists()) {
                (Some(_), true) => destroy(&path).map_err(|error| failed(&path, error))?,
                (None, false) => return Err(missing(&path)),
                _ => {}
            }
            if let Some(entry) = destroyed_by {
                keys.destroyed.insert(*period, *entry);
            }
        }
        for period in found(database)?.into_iter().chain([this, next]) {
            if !keys.destroyed.contains_key(&period) {
                let path = file(database, period);
                if !path.exists() {
                    make(&path).map_err(|error| failed(&path, error))?;
                }
                let key = key(&path, false)?;
                keys.there.insert(period, key);
                made_for(connection, period)?;
            }
        }
        Ok(Self {
            database: database.to_owned(),
            keys: RwLock::new(keys),
        })
    }

    /// The key of a month, and the month if the key was made for it now, durably.
    pub(super) fn of(&self, period: Period) -> Result<(hmac::Key, Option<Period>), NotKept> {
        let read = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = read.there.get(&period) {
            return Ok((key.clone(), None));
        }
        drop(read);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.there.get(&period) {
            return Ok((key.clone(), None));
        }
        if keys.destroyed.contains_key(&period) {
            let what = format!("the key of {period} for recipients was destroyed");
            return Err(NotKept::Contradiction(what));
        }
        let path = file(&self.database, period);
        let unmade = |error: io::Error| NotKept::Storage(format!("`{}`: {error}", path.display()));
        let bytes = make(&path).map_err(unmade)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        keys.there.insert(period, key.clone());
        Ok((key, Some(period)))
    }

    /// Names a recipient under every key there is, and says which were destroyed: both as of one moment.
    pub(super) fn months(
        &self,
        name: impl Fn(&hmac::Key) -> Option<CustomerRef>,
    ) -> RecipientMonths {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let named = keys.there.iter();
        RecipientMonths {
            references: named
                .filter_map(|(period, key)| Some((*period, name(key)?)))
                .collect(),
            destroyed: keys.destroyed.clone(),
        }
    }

    /// Months that have a key, the oldest first.
    fn periods(&self) -> Vec<Period> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.there.keys().copied().collect()
    }

    /// Destroys keys, in memory and on disk, as the entry with this log index says.
    fn destroy(&self, periods: &[Period], entry_index: u64) -> io::Result<()> {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        for period in periods {
            keys.there.remove(period);
            keys.destroyed.entry(*period).or_insert(entry_index);
            let path = file(&self.database, *period);
            if path.exists() {
                destroy(&path)?;
            }
        }
        Ok(())
    }
}

impl Period {
    fn next(self) -> Self {
        Self(self.end())
    }
}

impl Registry {
    /// Makes the key of the month to come, so that no answer waits for a file. Blocks.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn prepare_recipient_key(&self) -> Result<(), NotKept> {
        let next = Period::of(self.clock.now()).next();
        let (_, made) = self.fingerprints.recipients.of(next)?;
        self.note_recipient_key(made);
        Ok(())
    }

    /// Notes which month's key was made. Left out, the next start finds the file.
    pub(super) fn note_recipient_key(&self, made: Option<Period>) {
        if let Some(period) = made {
            self.writer
                .write_soon(move |connection| Ok(made_for(connection, period)?));
        }
    }

    /// Months that ended on this day or before and whose key for mail recipients is still there, the oldest
    /// first.
    pub fn recipient_keys_until(&self, day: Date) -> Vec<Period> {
        let all = self.fingerprints.recipients.periods().into_iter();
        all.filter(|period| period.end() <= day).collect()
    }

    /// Destroys the keys of these months, durably: what was fingerprinted with them names nobody from then
    /// on. The entry about it must be durable. Months without a key are passed over.
    ///
    /// # Errors
    /// Where it could not be written; what was not destroyed then is at the next start.
    pub async fn destroy_recipient_keys(
        &self,
        periods: Vec<Period>,
        entry_index: u64,
    ) -> Result<(), NotKept> {
        let marked = periods.clone();
        let change = move |connection: &Connection| {
            for period in &marked {
                let sql = "INSERT INTO recipient_key (period, destroyed) VALUES (?1, ?2)
                           ON CONFLICT (period) DO UPDATE SET destroyed = ?2 WHERE destroyed IS NULL";
                let values = params![period.to_string(), entry_column(entry_index)];
                connection.execute(sql, values)?;
            }
            Ok(())
        };
        self.writer.write(change, |()| {}).await?;
        let fingerprints = Arc::clone(&self.fingerprints);
        let destroyed = tokio::task::spawn_blocking(move || {
            fingerprints.recipients.destroy(&periods, entry_index)
        });
        let failed = |error: &dyn fmt::Display| NotKept::Storage(error.to_string());
        let destroyed = destroyed.await.map_err(|error| failed(&error))?;
        destroyed.map_err(|error| failed(&error))
    }
}

/// Notes that a month has a key.
fn made_for(connection: &Connection, period: Period) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO recipient_key (period) VALUES (?1)";
    connection.execute(sql, [period.to_string()])?;
    Ok(())
}

/// Months that have, or had, a key, and the entry that says that it was destroyed, if it was.
fn known(connection: &Connection) -> rusqlite::Result<Vec<(Period, Option<u64>)>> {
    let sql = "SELECT period, destroyed FROM recipient_key";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let period = super::database::column(row, 0, |text| text.parse().ok())?;
        let destroyed: Option<i64> = row.get(1)?;
        Ok((period, destroyed.map(i64::unsigned_abs)))
    })?;
    rows.collect()
}

/// Months that have a file.
fn found(database: &Path) -> Result<Vec<Period>, CannotOpen> {
    let folder = folder_of(database);
    let failed = |cause| CannotOpen::File {
        path: folder.to_owned(),
        cause,
    };
    let stem = database.file_name().and_then(|name| name.to_str());
    let prefix = format!("{}{PREFIX}", stem.unwrap_or_default());
    let mut periods = Vec::new();
    for file in fs::read_dir(folder).map_err(failed)? {
        let name = file.map_err(failed)?.file_name();
        let month = name.to_str().and_then(|name| {
            let month = name.strip_prefix(&prefix)?.strip_suffix(SUFFIX)?;
            month.parse::<Period>().ok()
        });
        periods.extend(month);
    }
    Ok(periods)
}

fn file(database: &Path, period: Period) -> PathBuf {
    beside(database, &format!("{PREFIX}{period}{SUFFIX}"))
}

fn missing(path: &Path) -> CannotOpen {
    CannotOpen::Key {
        path: path.to_owned(),
        mistake: "this key is missing, and no entry says that it was destroyed; bring it back from a backup",
    }
}

/// Makes a key. Its name is there once the key is, whole: a stop leaves no half of one.
fn make(path: &Path) -> io::Result<Vec<u8>> {
    let beside = path.with_added_extension("new");
    if beside.exists() {
        fs::remove_file(&beside)?;
    }
    let bytes = make_key(&beside)?;
    fs::rename(&beside, path)?;
    sync_folder_of(path)?;
    Ok(bytes)
}

/// Overwrites a key's file and removes it, durably. What the disk itself keeps of it is beyond us.
fn destroy(path: &Path) -> io::Result<()> {
    let length = fs::metadata(path)?.len();
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(&vec![0; usize::try_from(length).unwrap_or_default()])?;
    file.sync_all()?;
    fs::remove_file(path)?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const NOVEMBER: &str = "2026-11-30T23:59:59Z";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn open(path: &Path, now: &str) -> Result<Registry, CannotOpen> {
        Registry::open(path, Clock::manual(time(now)))
    }

    #[test]
    fn a_recipient_is_the_same_within_a_month_and_another_in_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry");
        let clock = Clock::manual(time("2026-11-01T00:00:00Z"));
        let registry = Registry::open(&path, clock.clone()).unwrap();
        let ann = || registry.recipient_reference("Ann", "1 Main St").unwrap();
        let first = ann();
        clock.set(time(NOVEMBER));
        assert_eq!(ann(), first);
        clock.set(time("2026-12-01T00:00:00Z"));
        let second = ann();
        assert_ne!(second, first);
        // The next one is there already, and one more once it was prepared.
        assert!(file(&path, Period::of(clock.now())).exists());
        let january = Period::of(clock.now()).next();
        assert!(!file(&path, january).exists());
        registry.prepare_recipient_key().unwrap();
        assert!(file(&path, january).exists());
        // A month nobody was prepared for.
        clock.set(time("2027-03-01T00:00:00Z"));
        assert!(![first, second].contains(&ann()));
        let third = ann();
        let all = registry.recipient_months("ann", "1 Main St.").references;
        let months: Vec<_> = all.keys().map(ToString::to_string).collect();
        assert_eq!(months, ["2026-11", "2026-12", "2027-01", "2027-03"]);
        for (month, one) in [("2026-11", first), ("2026-12", second), ("2027-03", third)] {
            assert_eq!(all.get(&month.parse().unwrap()), one.as_ref());
        }
        drop(registry);
        let registry = open(&path, "2027-03-31T00:00:00Z").unwrap();
        assert_eq!(
            registry.recipient_reference("Ann", "1 Main St").unwrap(),
            third
        );
    }

    #[tokio::test]
    async fn whom_a_fingerprint_meant_is_not_to_be_told_once_its_month_is_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry");
        let clock = Clock::manual(time(NOVEMBER));
        let registry = Registry::open(&path, clock.clone()).unwrap();
        let november = registry
            .recipient_reference("Ann", "1 Main St")
            .unwrap()
            .unwrap();
        let until = |day: &str| registry.recipient_keys_until(day.parse().unwrap());
        assert_eq!(until("2026-11-30"), []);
        let periods = until("2026-12-01");
        assert_eq!(
            periods.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["2026-11"]
        );
        let key = file(&path, periods[0]);
        let backup = fs::read(&key).unwrap();
        registry
            .destroy_recipient_keys(periods.clone(), 7)
            .await
            .unwrap();
        assert!(!key.exists());
        let is_forgotten = |registry: &Registry| {
            let months = registry.recipient_months("Ann", "1 Main St");
            assert_eq!(months.destroyed, [(periods[0], 7)].into());
            assert!(!months.references.contains_key(&periods[0]));
            assert!(!months.references.values().any(|one| *one == november));
        };
        is_forgotten(&registry);
        // Nor does a clock that goes back make another in its place.
        assert!(registry.recipient_reference("Ann", "1 Main St").is_err());
        drop(registry);
        // A key that comes back from a backup is destroyed again.
        fs::write(&key, backup).unwrap();
        let registry = open(&path, "2026-12-01T00:00:00Z").unwrap();
        assert!(!key.exists());
        is_forgotten(&registry);
    }

    #[test]
    fn a_key_that_is_gone_though_nobody_destroyed_it_is_missed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry");
        drop(open(&path, NOVEMBER).unwrap());
        fs::remove_file(file(&path, Period::of(time(NOVEMBER)))).unwrap();
        let refused = open(&path, NOVEMBER).unwrap_err().to_string();
        assert!(refused.contains("bring it back"), "{refused}");
    }

    #[test]
    fn the_one_key_of_a_former_book_is_this_months() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry");
        let registry = open(&path, NOVEMBER).unwrap();
        let ann = registry.recipient_reference("Ann", "1 Main St").unwrap();
        drop(registry);
        let connection = Connection::open(&path).unwrap();
        connection.execute("DELETE FROM recipient_key", []).unwrap();
        drop(connection);
        fs::remove_file(file(&path, Period::of(time(NOVEMBER)).next())).unwrap();
        fs::rename(
            file(&path, Period::of(time(NOVEMBER))),
            beside(&path, FORMER),
        )
        .unwrap();
        let registry = open(&path, NOVEMBER).unwrap();
        assert_eq!(
            registry.recipient_reference("Ann", "1 Main St").unwrap(),
            ann
        );
        assert!(!beside(&path, FORMER).exists());
    }

    #[test]
    fn a_month_has_one_spelling() {
        assert_eq!(
            "2026-11".parse::<Period>().unwrap().end().to_string(),
            "2026-12-01"
        );
        for other in [
            "2026-1",
            "2026-13",
            "2026-11-01",
            "+2026-11",
            "",
            "2026-11 ",
        ] {
            assert!(other.parse::<Period>().is_err(), "{other}");
        }
    }
}
