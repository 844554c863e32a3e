//! Suspensions: who is shut out, since when, and why. Read on every request, so without a lock; and
//! heard by every open connection, so that one that asks nothing ends as well.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use tokio::sync::watch;

use super::{NotKept, Registry, database, entry_column};
use crate::terms::Principal;

/// How many may be suspended at once.
pub const SUSPENSIONS_MAX: usize = 10_000;
/// How long a token stays suspended, in hours: longer than any token is accepted, which is at most 24
/// hours from its `iat` and twice the largest leeway.
pub const TOKEN_SUSPENSION_HOURS: i64 = 25;

/// Somebody is shut out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub since: Timestamp,
    /// Who did it.
    pub by: Arc<str>,
    /// Why, in their words.
    pub because: Arc<str>,
}

impl Suspension {
    /// Whether it still matters at `now` for `principal`: a token is forgotten once it must have expired.
    fn holds(&self, principal: &Principal, now: Timestamp) -> bool {
        let life = SignedDuration::from_hours(TOKEN_SUSPENSION_HOURS);
        !matches!(principal, Principal::Token(_)) || now.duration_since(self.since) < life
    }
}

/// Everybody who is shut out.
#[derive(Debug, Default)]
pub struct Suspensions {
    all: ArcSwap<HashMap<Principal, Suspension>>,
    changes: watch::Sender<()>,
}

impl Suspensions {
    pub(super) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "SELECT kind, name, since, actor, because FROM shut_out";
        let mut statement = connection.prepare(sql)?;
        let read = |row: &rusqlite::Row<'_>| {
            let kind: String = row.get(0)?;
            let principal = database::column(row, 1, |name| Principal::parse(&kind, name))?;
            let suspension = Suspension {
                since: database::column(row, 2, |text| text.parse().ok())?,
                by: row.get::<_, String>(3)?.into(),
                because: row.get::<_, String>(4)?.into(),
            };
            Ok((principal, suspension))
        };
        let all: rusqlite::Result<HashMap<_, _>> = statement.query_map([], read)?.collect();
        self.all.store(Arc::new(all?));
        Ok(())
    }

    /// Since when and why somebody is suspended, if so.
    pub fn of(&self, principal: &Principal) -> Option<Suspension> {
        self.all.load().get(principal).cloned()
    }

    /// Whether any token is suspended.
    pub fn any_token(&self) -> bool {
        let all = self.all.load();
        all.keys().any(|one| matches!(one, Principal::Token(_)))
    }

    /// Everybody, in no order.
    pub fn all(&self) -> Vec<(Principal, Suspension)> {
        let all = self.all.load();
        let pairs = all.iter();
        pairs
            .map(|(principal, suspension)| (principal.clone(), suspension.clone()))
            .collect()
    }

    /// Hears of every change made from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Only the writer's thread changes it, so nothing is lost between load and store.
    fn change(&self, change: impl FnOnce(&mut HashMap<Principal, Suspension>)) {
        let mut all = HashMap::clone(&self.all.load());
        change(&mut all);
        self.all.store(Arc::new(all));
        self.changes.send_replace(());
    }
}

impl Registry {
    /// Who is suspended; share it with whoever must hear of a change.
    pub fn suspensions(&self) -> &Arc<Suspensions> {
        &self.memory.suspensions
    }

    /// Suspends somebody, durably. Who is suspended already stays as it was; tokens that must have
    /// expired are forgotten on the way.
    ///
    /// # Errors
    /// Where [`SUSPENSIONS_MAX`] are suspended, or the change could not be written.
    pub async fn suspend(
        &self,
        principal: &Principal,
        suspension: Suspension,
        entry_index: u64,
    ) -> Result<(), NotKept> {
        let memory = Arc::clone(&self.memory);
        let all = self.memory.suspensions.all();
        let now = suspension.since;
        let lapsed = all
            .into_iter()
            .filter(|(known, earlier)| !earlier.holds(known, now));
        let lapsed: Vec<Principal> = lapsed.map(|(known, _)| known).collect();
        let (written, kept) = (principal.clone(), suspension.clone());
        let change = move |connection: &Connection| {
            forget(connection, &lapsed)?;
            let count = "SELECT count(*) FROM shut_out";
            let count: i64 = connection.query_row(count, [], |row| row.get(0))?;
            if usize::try_from(count).unwrap_or(usize::MAX) >= SUSPENSIONS_MAX {
                return Err(NotKept::Contradiction(format!(
                    "{SUSPENSIONS_MAX} suspensions are the most there can be; suspend the client or \
                     the partner instead of single tokens"
                )));
            }
            let values = params![
                written.kind(),
                written.name(),
                suspension.since.to_string(),
                &*suspension.by,
                &*suspension.because,
                entry_column(entry_index),
            ];
            let sql = "INSERT OR IGNORE INTO shut_out (kind, name, since, actor, because, entry)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            connection.execute(sql, values)?;
            Ok(())
        };
        let principal = principal.clone();
        let apply = move |(): &()| {
            memory.suspensions.change(|all| {
                all.retain(|known, earlier| earlier.holds(known, now));
                all.entry(principal).or_insert(kept);
            });
        };
        self.writer.write(change, apply).await
    }

    /// Ends a suspension, durably.
    ///
    /// # Errors
    /// Where the change could not be written.
    pub async fn resume(&self, principal: &Principal) -> Result<(), NotKept> {
        let memory = Arc::clone(&self.memory);
        let written = principal.clone();
        let change =
            move |connection: &Connection| forget(connection, &[written]).map_err(NotKept::from);
        let principal = principal.clone();
        let apply = move |(): &()| {
            memory.suspensions.change(|all| {
                all.remove(&principal);
            });
        };
        self.writer.write(change, apply).await
    }
}

fn forget(connection: &Connection, principals: &[Principal]) -> rusqlite::Result<()> {
    for principal in principals {
        let sql = "DELETE FROM shut_out WHERE kind = ?1 AND name = ?2";
        connection.execute(sql, params![principal.kind(), principal.name()])?;
    }
    Ok(())
}
