//! The SQLite file: how it is opened, and its tables.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::types::Type;
use rusqlite::{Connection, Row};

/// Version of the tables below, in SQLite's `user_version`.
const SCHEMA_VERSION: i64 = 8;

/// `entry` is the log index of the ledger entry each fact rests on; absent where it was only noticed.
const SCHEMA: &str = "
    CREATE TABLE customer (
        id TEXT PRIMARY KEY, reference BLOB NOT NULL UNIQUE CHECK (length(reference) = 16),
        partner TEXT NOT NULL, entry INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE fingerprint (
        fingerprint BLOB NOT NULL, customer TEXT NOT NULL REFERENCES customer ON DELETE CASCADE,
        PRIMARY KEY (fingerprint, customer)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX fingerprint_customer ON fingerprint (customer);
    CREATE TABLE resource (
        kind TEXT NOT NULL, id TEXT NOT NULL,
        customer TEXT NOT NULL REFERENCES customer ON DELETE CASCADE,
        purpose TEXT, entry INTEGER, PRIMARY KEY (kind, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX resource_customer ON resource (customer);
    CREATE TABLE suspension (
        partner TEXT PRIMARY KEY, since TEXT NOT NULL, actor TEXT NOT NULL, because TEXT NOT NULL,
        entry INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE consent (
        entry INTEGER NOT NULL, reference BLOB NOT NULL, partner TEXT NOT NULL,
        purpose TEXT NOT NULL, categories TEXT NOT NULL, until TEXT NOT NULL
    ) STRICT;
    CREATE INDEX consent_reference ON consent (reference);
    CREATE TABLE proposal (
        act TEXT NOT NULL, object TEXT NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL,
        because TEXT NOT NULL, time TEXT NOT NULL, entry INTEGER NOT NULL,
        PRIMARY KEY (act, object)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;
";

/// Published policy sets: each text once, however many sets have it; a set is whole when it is
/// `complete`; the last row of `policy_in_force` is the set in force.
const SCHEMA_OF_POLICIES: &str = "
    CREATE TABLE policy_set (
        digest TEXT PRIMARY KEY, version TEXT NOT NULL UNIQUE, proof TEXT NOT NULL,
        complete INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE policy_text (sha256 BLOB PRIMARY KEY, text TEXT NOT NULL) STRICT;
    CREATE TABLE policy_file (
        digest TEXT NOT NULL REFERENCES policy_set, name TEXT NOT NULL,
        sha256 BLOB NOT NULL REFERENCES policy_text, PRIMARY KEY (digest, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX policy_file_text ON policy_file (sha256);
    CREATE TABLE policy_in_force (
        place INTEGER PRIMARY KEY, digest TEXT NOT NULL REFERENCES policy_set,
        how TEXT NOT NULL, actor TEXT NOT NULL, because TEXT NOT NULL, time TEXT NOT NULL,
        entry INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX policy_in_force_set ON policy_in_force (digest);
    PRAGMA user_version = 2;
";

/// The set in the shadow of the one in force: one row, or none.
const SCHEMA_OF_THE_SHADOW: &str = "
    CREATE TABLE policy_shadow (
        place INTEGER PRIMARY KEY CHECK (place = 1), digest TEXT NOT NULL REFERENCES policy_set,
        how TEXT NOT NULL, actor TEXT NOT NULL, because TEXT NOT NULL, time TEXT NOT NULL,
        entry INTEGER NOT NULL
    ) STRICT;
    PRAGMA user_version = 3;
";

/// Partners are not the only ones who can be suspended: `kind` and `name` are those of a principal.
const SCHEMA_OF_SUSPENSIONS: &str = "
    CREATE TABLE shut_out (
        kind TEXT NOT NULL, name TEXT NOT NULL, since TEXT NOT NULL, actor TEXT NOT NULL,
        because TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (kind, name)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO shut_out (kind, name, since, actor, because, entry)
        SELECT 'partner', partner, since, actor, because, entry FROM suspension;
    DROP TABLE suspension;
    PRAGMA user_version = 4;
";

/// Agreements stand beside consents, with the profile and the document of each; questions about figures that
/// were answered, with the sizes of the groups that were released.
const SCHEMA_OF_AGREEMENTS_AND_FIGURES: &str = "
    ALTER TABLE consent ADD COLUMN profile TEXT;
    ALTER TABLE consent ADD COLUMN document TEXT;
    CREATE TABLE figure_question (
        place INTEGER PRIMARY KEY, owner TEXT NOT NULL, operation TEXT NOT NULL,
        question TEXT NOT NULL, until INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX figure_question_asked ON figure_question (owner, operation);
    CREATE INDEX figure_question_until ON figure_question (until);
    CREATE TABLE figure_group (
        question INTEGER NOT NULL REFERENCES figure_question ON DELETE CASCADE,
        label BLOB NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (question, label, size)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 5;
";

/// Proofs of possession that were seen, until they are too old to be taken.
const SCHEMA_OF_PROOFS: &str = "
    CREATE TABLE proof (digest BLOB PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX proof_until ON proof (until);
    PRAGMA user_version = 6;
";

/// Legal holds: customers that must not be forgotten.
const SCHEMA_OF_HOLDS: &str = "
    CREATE TABLE hold (
        reference BLOB PRIMARY KEY, since TEXT NOT NULL, actor TEXT NOT NULL,
        because TEXT NOT NULL, entry INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 7;
";

/// Months that have a key for mail recipients, and the entry under which it was destroyed.
const SCHEMA_OF_RECIPIENT_KEYS: &str = "
    CREATE TABLE recipient_key (period TEXT PRIMARY KEY, destroyed INTEGER) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 8;
";

/// The registry cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// The database.
    #[error("the registry's database cannot be used (is another gateway running on it?): {0}")]
    Database(#[from] rusqlite::Error),
    /// It was written by a later version.
    #[error("the registry has tables of version {found}, this program knows {SCHEMA_VERSION}")]
    Version {
        /// Version of the tables found.
        found: i64,
    },
    /// A key or the database file.
    #[error("`{}` cannot be used: {cause}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A key file is not a key, or open to others.
    #[error("`{}`: {mistake}", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        mistake: &'static str,
    },
    /// The writer's thread.
    #[error("the registry's thread cannot be started: {0}")]
    Thread(io::Error),
}

/// Opens or makes the database, readable by this user alone.
pub(super) fn open(path: &Path) -> Result<Connection, CannotOpen> {
    // SQLite would make it with the umask; the WAL takes over the mode of the main file.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(|cause| CannotOpen::File {
        path: path.to_owned(),
        cause,
    })?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::ZERO)?;
    // Exclusive: a second gateway on the same book would have another memory of it. Deleted rows are
    // overwritten, so that a forgotten customer is not left in free pages.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    let steps = [
        SCHEMA,
        SCHEMA_OF_POLICIES,
        SCHEMA_OF_THE_SHADOW,
        SCHEMA_OF_SUSPENSIONS,
        SCHEMA_OF_AGREEMENTS_AND_FIGURES,
        SCHEMA_OF_PROOFS,
        SCHEMA_OF_HOLDS,
        SCHEMA_OF_RECIPIENT_KEYS,
    ];
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let missing = usize::try_from(found)
        .ok()
        .and_then(|known| steps.get(known..));
    let missing = missing.ok_or(CannotOpen::Version { found })?.concat();
    connection.execute_batch(&format!("BEGIN; {missing} COMMIT;"))?;
    Ok(connection)
}

/// Whether the book has no customer yet.
pub(super) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM customer)", [], |row| {
        row.get(0)
    })
}

/// A text column that this program wrote in a form of its own; anything else is damage.
pub(super) fn column<T>(
    row: &Row<'_>,
    index: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(index)?;
    parse(&text).ok_or_else(|| {
        let cause = format!("`{text}` is not a value of this column");
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, cause.into())
    })
}
