//! Acts that wait for their second person. Who counts as a second person is for `administration` to
//! judge; the book only remembers who went first.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{NotKept, Registry, database, entry_column};

/// How long an act waits for its second person.
pub const PROPOSAL_LIFE_HOURS: i64 = 24;

/// An act one person has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The act, for example `partner.resume`.
    pub act: String,
    /// To what, for example a partner's id.
    pub object: String,
    /// Who asked.
    pub actor: String,
    /// The role they asked in.
    pub role: String,
    /// Why, in their words.
    pub because: String,
    /// When.
    pub time: Timestamp,
}

impl Registry {
    /// What waits for a second person, unless it has lapsed.
    pub async fn proposal(&self, act: &str, object: &str) -> Result<Option<Proposal>, NotKept> {
        let (act, object) = (act.to_owned(), object.to_owned());
        let now = self.clock.now();
        let find = move |connection: &Connection| {
            let sql = "SELECT actor, role, because, time FROM proposal
                       WHERE act = ?1 AND object = ?2";
            let found = connection
                .query_row(sql, [&act, &object], |row| {
                    Ok(Proposal {
                        act: act.clone(),
                        object: object.clone(),
                        actor: row.get(0)?,
                        role: row.get(1)?,
                        because: row.get(2)?,
                        time: database::column(row, 3, |text| text.parse().ok())?,
                    })
                })
                .optional()?;
            let life = SignedDuration::from_hours(PROPOSAL_LIFE_HOURS);
            let holds = |found: &Proposal| now.duration_since(found.time) < life;
            Ok(found.filter(holds))
        };
        self.writer.write(find, |_| {}).await
    }

    /// Every proposal of this act that has not lapsed, the latest first.
    pub async fn proposals(&self, act: &str) -> Result<Vec<Proposal>, NotKept> {
        let act = act.to_owned();
        let now = self.clock.now();
        let find = move |connection: &Connection| {
            let sql = "SELECT object, actor, role, because, time FROM proposal WHERE act = ?1";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([&act], |row| {
                Ok(Proposal {
                    act: act.clone(),
                    object: row.get(0)?,
                    actor: row.get(1)?,
                    role: row.get(2)?,
                    because: row.get(3)?,
                    time: database::column(row, 4, |text| text.parse().ok())?,
                })
            })?;
            let mut found = rows.collect::<Result<Vec<_>, _>>()?;
            let life = SignedDuration::from_hours(PROPOSAL_LIFE_HOURS);
            found.retain(|proposal| now.duration_since(proposal.time) < life);
            found.sort_by_key(|proposal| std::cmp::Reverse(proposal.time));
            Ok(found)
        };
        self.writer.write(find, |_| {}).await
    }

    /// Remembers who went first, durably, in place of whoever did before.
    pub async fn propose(&self, proposal: Proposal, entry_index: u64) -> Result<(), NotKept> {
        let change = move |connection: &Connection| {
            let sql = "INSERT OR REPLACE INTO proposal
                       (act, object, actor, role, because, time, entry)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let values = params![
                proposal.act,
                proposal.object,
                proposal.actor,
                proposal.role,
                proposal.because,
                proposal.time.to_string(),
                entry_column(entry_index),
            ];
            connection.execute(sql, values)?;
            Ok(())
        };
        self.writer.write(change, |()| {}).await
    }

    /// Forgets a proposal: the act was done.
    pub async fn settle(&self, act: &str, object: &str) -> Result<(), NotKept> {
        let (act, object) = (act.to_owned(), object.to_owned());
        let change = move |connection: &Connection| {
            let sql = "DELETE FROM proposal WHERE act = ?1 AND object = ?2";
            connection.execute(sql, [act, object])?;
            Ok(())
        };
        self.writer.write(change, |()| {}).await
    }
}
