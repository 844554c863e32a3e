//! Forgetting a customer, and legal holds, which forbid it. What stands in the ledger names a customer by
//! a reference alone; who that is stands here, and is gone when the row is.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{NotKept, Registry, customers, database, entry_column};
use crate::terms::{CustomerRef, ResourceKind};

/// Most holds at once.
pub const HOLDS_MAX: i64 = 100_000;

/// A customer whose link to a person must stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What stands for the customer in the ledger.
    pub reference: CustomerRef,
    /// Since when.
    pub since: Timestamp,
    /// Who placed it.
    pub by: String,
    /// Why, in their words.
    pub because: String,
}

/// What is gone from the database, and so must go from memory.
struct Gone {
    reference: CustomerRef,
    resources: Vec<(ResourceKind, String)>,
}

impl Registry {
    /// Unlinks the customer from its person, durably: its row, its fingerprints, its jobs, lists and
    /// documents, its consents and agreements. Entries of the ledger, and what was proved of them, stay as
    /// they are. The write-ahead log is emptied, so that no page of before stays in a file.
    ///
    /// # Errors
    /// [`NotKept::Contradiction`] where a hold forbids it or nobody has this id.
    pub async fn forget_customer(&self, id: &str) -> Result<(), NotKept> {
        let memory = Arc::clone(&self.memory);
        let (id, gone): (Arc<str>, Arc<str>) = (id.into(), id.into());
        let change = move |connection: &Connection| forget(connection, &id);
        let apply = move |found: &Gone| {
            memory.customers.remove(&gone, found.reference);
            memory.consents.remove(found.reference);
            for (kind, id) in &found.resources {
                memory
                    .resources
                    .of(*kind)
                    .change(id.as_str().into(), |slot| *slot = None);
            }
        };
        self.writer.write_and_leave_no_trace(change, apply).await?;
        Ok(())
    }

    /// Places a hold, durably; one that is there stays as it is.
    ///
    /// # Errors
    /// Where there are [`HOLDS_MAX`].
    pub async fn hold(&self, hold: Hold, entry_index: u64) -> Result<(), NotKept> {
        let change = move |connection: &Connection| {
            let count = "SELECT count(*) FROM hold";
            let count: i64 = connection.query_row(count, [], |row| row.get(0))?;
            if count >= HOLDS_MAX {
                let message = format!("{HOLDS_MAX} holds are the most there can be");
                return Err(NotKept::Contradiction(message));
            }
            let sql = "INSERT OR IGNORE INTO hold (reference, since, actor, because, entry)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            let values = params![
                hold.reference.as_bytes(),
                hold.since.to_string(),
                hold.by,
                hold.because,
                entry_column(entry_index),
            ];
            connection.execute(sql, values)?;
            Ok(())
        };
        self.writer.write(change, |()| {}).await
    }

    /// Ends a hold, durably.
    ///
    /// # Errors
    /// Where it could not be written.
    pub async fn end_hold(&self, reference: CustomerRef) -> Result<(), NotKept> {
        let change = move |connection: &Connection| {
            let sql = "DELETE FROM hold WHERE reference = ?1";
            connection.execute(sql, [reference.as_bytes()])?;
            Ok(())
        };
        self.writer.write(change, |()| {}).await
    }

    /// Every hold, the latest first.
    ///
    /// # Errors
    /// Where it could not be read.
    pub async fn holds(&self) -> Result<Vec<Hold>, NotKept> {
        let read = |connection: &Connection| {
            let sql = "SELECT reference, since, actor, because FROM hold ORDER BY entry DESC";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| {
                Ok(Hold {
                    reference: CustomerRef::from_bytes(row.get(0)?),
                    since: database::column(row, 1, |text| text.parse().ok())?,
                    by: row.get(2)?,
                    because: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        };
        self.writer.write(read, |_| {}).await
    }
}

fn forget(connection: &Connection, id: &str) -> Result<Gone, NotKept> {
    let found = customers::find(connection, id)?;
    let nobody = || NotKept::Contradiction(format!("nobody in the book is the customer `{id}`"));
    let reference = found.ok_or_else(nobody)?.reference;
    // Looked at again in the same transaction: a hold may have been placed meanwhile.
    let sql = "SELECT actor FROM hold WHERE reference = ?1";
    let held: Option<String> = connection
        .query_row(sql, [reference.as_bytes()], |row| row.get(0))
        .optional()?;
    if let Some(by) = held {
        return Err(NotKept::Contradiction(format!(
            "a legal hold by {by} forbids to forget this customer"
        )));
    }
    let mut statement = connection.prepare("SELECT kind, id FROM resource WHERE customer = ?1")?;
    let resources = statement.query_map([id], |row| {
        Ok((database::column(row, 0, ResourceKind::parse)?, row.get(1)?))
    })?;
    let resources = resources.collect::<Result<Vec<_>, _>>()?;
    // Fingerprints and resources go with the row.
    connection.execute("DELETE FROM customer WHERE id = ?1", [id])?;
    let sql = "DELETE FROM consent WHERE reference = ?1";
    connection.execute(sql, [reference.as_bytes()])?;
    Ok(Gone {
        reference,
        resources,
    })
}
