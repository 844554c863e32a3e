//! Suspensions: who is shut out, since when, and why. Read on every request, so without a lock.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{NotKept, Registry, database, entry_column};
use crate::terms::PartnerId;

/// A partner is shut out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub since: Timestamp,
    /// Who did it.
    pub by: Arc<str>,
    /// Why, in their words.
    pub because: Arc<str>,
}

#[derive(Debug, Default)]
pub(super) struct Suspensions(ArcSwap<HashMap<PartnerId, Suspension>>);

impl Suspensions {
    pub(super) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement =
            connection.prepare("SELECT partner, since, actor, because FROM suspension")?;
        let read = |row: &rusqlite::Row<'_>| {
            let suspension = Suspension {
                since: database::column(row, 1, |text| text.parse().ok())?,
                by: row.get::<_, String>(2)?.into(),
                because: row.get::<_, String>(3)?.into(),
            };
            Ok((database::column(row, 0, PartnerId::parse)?, suspension))
        };
        let all: rusqlite::Result<HashMap<_, _>> = statement.query_map([], read)?.collect();
        self.0.store(Arc::new(all?));
        Ok(())
    }

    /// Only the writer's thread changes it, so nothing is lost between load and store.
    fn change(&self, change: impl FnOnce(&mut HashMap<PartnerId, Suspension>)) {
        let mut all = HashMap::clone(&self.0.load());
        change(&mut all);
        self.0.store(Arc::new(all));
    }
}

impl Registry {
    /// Whether, since when and why a partner is suspended.
    pub fn suspension(&self, partner: &PartnerId) -> Option<Suspension> {
        self.memory.suspensions.0.load().get(partner).cloned()
    }

    /// Suspends a partner, durably. One that is suspended already stays as it was.
    pub async fn suspend(
        &self,
        partner: &PartnerId,
        suspension: Suspension,
        entry_index: u64,
    ) -> Result<(), NotKept> {
        let memory = Arc::clone(&self.memory);
        let (written, kept) = (partner.clone(), suspension.clone());
        let change = move |connection: &Connection| {
            let values = params![
                written.as_str(),
                suspension.since.to_string(),
                &*suspension.by,
                &*suspension.because,
                entry_column(entry_index),
            ];
            let sql = "INSERT OR IGNORE INTO suspension (partner, since, actor, because, entry)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            connection.execute(sql, values)?;
            Ok(())
        };
        let partner = partner.clone();
        let apply = move |(): &()| {
            memory.suspensions.change(|all| {
                all.entry(partner).or_insert(kept);
            });
        };
        self.writer.write(change, apply).await
    }

    /// Ends a suspension, durably.
    pub async fn resume(&self, partner: &PartnerId) -> Result<(), NotKept> {
        let memory = Arc::clone(&self.memory);
        let written = partner.clone();
        let change = move |connection: &Connection| {
            let sql = "DELETE FROM suspension WHERE partner = ?1";
            connection.execute(sql, [written.as_str()])?;
            Ok(())
        };
        let partner = partner.clone();
        let apply = move |(): &()| {
            memory.suspensions.change(|all| {
                all.remove(&partner);
            });
        };
        self.writer.write(change, apply).await
    }
}
