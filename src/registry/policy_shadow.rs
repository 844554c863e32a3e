//! The policy set in the shadow of the one in force: at most one, kept with its files like those that
//! are published, so that a restart brings it back.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::policy_sets::{forget_what_nobody_needs, kept_set};
use super::{KeptSet, NotKept, Publication, Registry, database, entry_column};

/// The set in the shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InShadow {
    /// The set.
    pub set: KeptSet,
    /// How it came there.
    pub start: Publication,
}

impl Registry {
    /// Puts a kept set into the shadow, durably, in place of the one before.
    pub async fn put_policy_in_shadow(
        &self,
        digest: &str,
        start: Publication,
    ) -> Result<(), NotKept> {
        let digest = digest.to_owned();
        let change = move |connection: &Connection| {
            let sql = "INSERT OR REPLACE INTO policy_shadow
                       (place, digest, how, actor, because, time, entry)
                       VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)";
            let values = params![
                digest,
                start.how,
                start.by,
                start.because,
                start.time.to_string(),
                entry_column(start.entry),
            ];
            connection.execute(sql, values)?;
            forget_what_nobody_needs(connection)
        };
        self.writer.write(change, |()| {}).await
    }

    /// Leaves no set in the shadow, durably.
    pub async fn end_policy_shadow(&self) -> Result<(), NotKept> {
        let change = |connection: &Connection| {
            connection.execute("DELETE FROM policy_shadow", [])?;
            forget_what_nobody_needs(connection)
        };
        self.writer.write(change, |()| {}).await
    }

    /// The set in the shadow, if there is one.
    pub async fn policy_in_shadow(&self) -> Result<Option<InShadow>, NotKept> {
        let read = |connection: &Connection| {
            let sql = "SELECT digest, version, proof, how, actor, because, time, entry
                       FROM policy_shadow JOIN policy_set USING (digest)";
            let found = connection.query_row(sql, [], |row| {
                Ok(InShadow {
                    set: kept_set(row)?,
                    start: Publication {
                        how: row.get(3)?,
                        by: row.get(4)?,
                        because: row.get(5)?,
                        time: database::column(row, 6, |text| text.parse().ok())?,
                        entry: row.get::<_, i64>(7)?.unsigned_abs(),
                    },
                })
            });
            Ok(found.optional()?)
        };
        self.writer.write(read, |_| {}).await
    }
}
