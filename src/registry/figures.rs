//! Questions about figures that were answered, and how large each released group was: so that no two
//! answers to one family of partners can be subtracted down to a few customers (P2). Kept are days, and
//! digests of everything else.
//!
//! A question is forgotten [`QUESTION_DAYS`] days after it was last answered. From then on another may be
//! asked that overlaps it, and whoever kept the old answer can compare the two.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan as _};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{NotKept, Registry, database};
use crate::judgement::{Earlier, Figures, Question};
use crate::terms::PartnerId;

/// Different questions remembered of one family about one operation; one more is refused.
pub const QUESTIONS_MAX: usize = 1_000;
/// Days for which a question is remembered after it was last answered.
pub const QUESTION_DAYS: i64 = 400;
/// Sizes of groups remembered of one question; where there are more, it is refused.
const SIZES_MAX: usize = 10_000;

/// Why a question about figures is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnswered {
    /// What stands against it.
    pub why: Against,
    /// When that is forgotten.
    pub until: Timestamp,
}

/// What stands against an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// An answer to another question that may be about some of the same customers and days.
    Overlap,
    /// So many different questions that no more are remembered.
    TooMany,
}

impl Against {
    /// The word told as the case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overlap => "overlapping-figures",
            Self::TooMany => "too-many-figures",
        }
    }
}

/// Who asks, about what.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The partner, or the parent of a co-brand: a family can put its answers together.
    pub owner: PartnerId,
    /// The operation.
    pub operation: String,
    /// The question.
    pub question: Question,
}

impl Registry {
    /// Whether a question could be answered, without remembering it.
    ///
    /// # Errors
    /// What stands against it; [`NotKept`] where the book cannot be read.
    pub async fn may_answer(&self, asking: &Asking) -> Result<Result<(), NotAnswered>, NotKept> {
        let (asking, now) = (asking.clone(), self.clock.now());
        let look = move |connection: &Connection| Ok(find(connection, &asking, now)?.map(|_| ()));
        self.writer.write(look, |_| {}).await
    }

    /// Remembers a question and what of `figures` is released of groups of at least `smallest` customers,
    /// durably; gives back the figures with what earlier answers speak against held back. One step: of
    /// two questions that overlap one is answered.
    ///
    /// # Errors
    /// What stands against it; [`NotKept`] where the book cannot be written.
    pub async fn answer(
        &self,
        asking: &Asking,
        mut figures: Figures,
        smallest: u32,
    ) -> Result<Result<Figures, NotAnswered>, NotKept> {
        let (asking, now) = (asking.clone(), self.clock.now());
        let change = move |connection: &Connection| {
            let place = match find(connection, &asking, now)? {
                Ok(place) => place,
                Err(against) => return Ok(Err(against)),
            };
            let earlier = match place {
                Some(place) => earlier(connection, place)?,
                None => Earlier::new(),
            };
            figures.compare(&earlier, smallest);
            let released = figures.released(Some(smallest));
            let known = earlier.values().map(BTreeSet::len).sum::<usize>();
            if known + released.len() > SIZES_MAX {
                return Ok(Err(NotAnswered {
                    why: Against::TooMany,
                    until: forgotten(now),
                }));
            }
            if released.is_empty() {
                return Ok(Ok(figures));
            }
            let place = keep(connection, &asking, place, now)?;
            let mut statement = connection.prepare_cached(
                "INSERT OR IGNORE INTO figure_group (question, label, size) VALUES (?1, ?2, ?3)",
            )?;
            for (label, size) in released {
                let size = i64::try_from(size).unwrap_or(i64::MAX);
                statement.execute(params![place, label, size])?;
            }
            Ok(Ok(figures))
        };
        self.writer.write(change, |_| {}).await
    }
}

/// The place of a question that was answered before, or nothing for a new one; what stands against it.
fn find(
    connection: &Connection,
    asking: &Asking,
    now: Timestamp,
) -> Result<Result<Option<i64>, NotAnswered>, NotKept> {
    connection
        .prepare_cached("DELETE FROM figure_question WHERE until <= ?1")?
        .execute([now.as_second()])?;
    let mut statement = connection.prepare_cached(
        "SELECT place, question, until FROM figure_question
         WHERE owner = ?1 AND operation = ?2 ORDER BY until",
    )?;
    let mut rows = statement.query(params![asking.owner.as_str(), asking.operation])?;
    let mut same = None;
    let mut against = None;
    let (mut count, mut first) = (0, None);
    while let Some(row) = rows.next()? {
        let question: Question = database::column(row, 1, |text| serde_json::from_str(text).ok())?;
        let until: i64 = row.get(2)?;
        count += 1;
        first = first.or(Some(until));
        if question.whole == asking.question.whole {
            same = Some(row.get(0)?);
        } else if !question.is_apart_from(&asking.question) {
            // The last to be forgotten is what has to be waited for.
            against = Some((Against::Overlap, until));
        }
    }
    if same.is_none() && against.is_none() && count >= QUESTIONS_MAX {
        against = first.map(|until| (Against::TooMany, until));
    }
    Ok(match against {
        Some((why, until)) => Err(NotAnswered {
            why,
            until: Timestamp::from_second(until).unwrap_or(Timestamp::MAX),
        }),
        None => Ok(same),
    })
}

fn earlier(connection: &Connection, place: i64) -> rusqlite::Result<Earlier> {
    let mut statement =
        connection.prepare_cached("SELECT label, size FROM figure_group WHERE question = ?1")?;
    let mut rows = statement.query([place])?;
    let mut earlier = Earlier::new();
    while let Some(row) = rows.next()? {
        let size: i64 = row.get(1)?;
        let sizes = earlier.entry(row.get(0)?).or_default();
        sizes.insert(size.unsigned_abs());
    }
    Ok(earlier)
}

fn keep(
    connection: &Connection,
    asking: &Asking,
    place: Option<i64>,
    now: Timestamp,
) -> Result<i64, NotKept> {
    let until = forgotten(now).as_second();
    if let Some(place) = place {
        connection
            .prepare_cached("UPDATE figure_question SET until = ?2 WHERE place = ?1")?
            .execute([place, until])?;
        return Ok(place);
    }
    let question = serde_json::to_string(&asking.question)
        .map_err(|error| NotKept::Storage(error.to_string()))?;
    let sql = "INSERT INTO figure_question (owner, operation, question, until)
               VALUES (?1, ?2, ?3, ?4) RETURNING place";
    let values = params![asking.owner.as_str(), asking.operation, question, until];
    let place = connection
        .prepare_cached(sql)?
        .query_row(values, |row| row.get(0))
        .optional()?;
    place.ok_or_else(|| NotKept::Storage("the question got no place".to_owned()))
}

fn forgotten(now: Timestamp) -> Timestamp {
    // Days of a timestamp are of 24 hours.
    let remembered = (QUESTION_DAYS * 24).hours();
    now.checked_add(remembered).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
