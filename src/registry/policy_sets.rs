//! Policy sets: every one that was published, or waits for its second person, with all its files, and
//! which were in force one after another. Only on disk: memory holds the set in force alone, and that
//! compiled. A text that many sets share is kept once, so an edit of one contract costs that contract
//! and a row for each file.
//!
//! Not here: what the files mean, and when one set may follow another.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{NotKept, Proposal, Registry, database, entry_column};
use crate::source::Folder;

/// The act under which proposals of policy sets are kept; their object is the set's digest.
pub const POLICY_PROPOSAL: &str = "policy.publish";

/// Most rows of the history that are told at once, the latest.
pub const HISTORY_SHOWN_MAX: u32 = 1_000;

/// Files written or read at once: the request path's own changes wait no longer than for these.
const FILES_AT_ONCE: u16 = 256;

/// A set of policies as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSet {
    /// SHA-256 of its folder, hexadecimal.
    pub digest: String,
    /// Its name for ever: `2026-11-22.3f9c`.
    pub version: String,
    /// What was proved of it, in words.
    pub proof: String,
}

/// How a set came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// What put it there: `policy.publish`, `policy.rollback`, `policy.reload`, `policy.first`.
    pub how: String,
    /// Who, or by what.
    pub by: String,
    /// Why, in their words.
    pub because: String,
    /// When.
    pub time: Timestamp,
    /// Where its entry stands in the log.
    pub entry: u64,
}

/// A set that was in force from some time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The set.
    pub set: KeptSet,
    /// How it came to be.
    pub publication: Publication,
}

impl Registry {
    /// Keeps a set with all its files, durably. It is not in force by that, and forgotten again at the
    /// next change of the set in force unless it is by then, is in the shadow, or waits for a second person.
    pub async fn keep_policy_set(&self, set: KeptSet, files: &Folder) -> Result<(), NotKept> {
        let known = set.clone();
        let begin = move |connection: &Connection| {
            let sql = "INSERT INTO policy_set (digest, version, proof, complete)
                       VALUES (?1, ?2, ?3, 0)
                       ON CONFLICT (digest) DO UPDATE SET proof = excluded.proof";
            connection.execute(sql, [&known.digest, &known.version, &known.proof])?;
            Ok(())
        };
        self.writer.write(begin, |()| {}).await?;
        let mut files = files.files();
        loop {
            let some: Vec<_> = files
                .by_ref()
                .take(FILES_AT_ONCE.into())
                .map(|(name, source)| (name.to_owned(), std::sync::Arc::clone(source)))
                .collect();
            if some.is_empty() {
                break;
            }
            let set = set.digest.clone();
            let change = move |connection: &Connection| {
                for (name, source) in &some {
                    keep_file(connection, &set, name, source.text())?;
                }
                Ok(())
            };
            self.writer.write(change, |()| {}).await?;
        }
        let finish = move |connection: &Connection| {
            let sql = "UPDATE policy_set SET complete = 1 WHERE digest = ?1";
            connection.execute(sql, [&set.digest])?;
            Ok(())
        };
        self.writer.write(finish, |()| {}).await
    }

    /// The set of this name or digest.
    pub async fn policy_set(&self, name: &str) -> Result<Option<KeptSet>, NotKept> {
        let name = name.to_owned();
        let find = move |connection: &Connection| {
            let sql = "SELECT digest, version, proof FROM policy_set
                       WHERE (version = ?1 OR digest = ?1) AND complete = 1";
            Ok(connection.query_row(sql, [&name], kept_set).optional()?)
        };
        self.writer.write(find, |_| {}).await
    }

    /// The files of a set, by name.
    pub async fn policy_files(&self, digest: &str) -> Result<Vec<(String, String)>, NotKept> {
        let mut files: Vec<(String, String)> = Vec::new();
        loop {
            let digest = digest.to_owned();
            let after = files.last().map_or(String::new(), |(name, _)| name.clone());
            let read = move |connection: &Connection| {
                let sql = "SELECT name, text FROM policy_file JOIN policy_text USING (sha256)
                           WHERE digest = ?1 AND name > ?2 ORDER BY name LIMIT ?3";
                let mut statement = connection.prepare(sql)?;
                let rows = statement.query_map(params![digest, after, FILES_AT_ONCE], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
                Ok(rows.collect::<Result<Vec<_>, _>>()?)
            };
            let some = self.writer.write(read, |_| {}).await?;
            if some.is_empty() {
                return Ok(files);
            }
            files.extend(some);
        }
    }

    /// One file of the set of this name or digest; nothing where the set is not kept, or has no such file.
    pub async fn policy_file(&self, set: &str, name: &str) -> Result<Option<String>, NotKept> {
        let (set, name) = (set.to_owned(), name.to_owned());
        let read = move |connection: &Connection| {
            let sql = "SELECT text FROM policy_set JOIN policy_file USING (digest)
                       JOIN policy_text USING (sha256)
                       WHERE (version = ?1 OR digest = ?1) AND complete = 1 AND name = ?2";
            let row = connection.query_row(sql, [&set, &name], |row| row.get(0));
            Ok(row.optional()?)
        };
        self.writer.write(read, |_| {}).await
    }

    /// The SHA-256 of each file of a set, by name.
    pub async fn policy_file_hashes(
        &self,
        digest: &str,
    ) -> Result<BTreeMap<String, [u8; 32]>, NotKept> {
        let digest = digest.to_owned();
        let read = move |connection: &Connection| {
            let sql = "SELECT name, sha256 FROM policy_file WHERE digest = ?1";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([digest], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.writer.write(read, |_| {}).await
    }

    /// Puts a kept set in force, durably. Proposals were about a change of the set before, so they are
    /// forgotten, and with them sets that never were in force. In the shadow it is no longer.
    pub async fn put_policy_in_force(
        &self,
        digest: &str,
        publication: Publication,
    ) -> Result<(), NotKept> {
        let digest = digest.to_owned();
        let change = move |connection: &Connection| {
            let sql = "INSERT INTO policy_in_force (digest, how, actor, because, time, entry)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let values = params![
                digest,
                publication.how,
                publication.by,
                publication.because,
                publication.time.to_string(),
                entry_column(publication.entry),
            ];
            connection.execute(sql, values)?;
            connection.execute("DELETE FROM proposal WHERE act = ?1", [POLICY_PROPOSAL])?;
            connection.execute("DELETE FROM policy_shadow WHERE digest = ?1", [&digest])?;
            forget_what_nobody_needs(connection)
        };
        self.writer.write(change, |()| {}).await
    }

    /// Remembers that one person asked for a kept set, in place of whatever waited before: only one
    /// set can be next.
    pub async fn propose_policy_set(
        &self,
        proposal: Proposal,
        entry_index: u64,
    ) -> Result<(), NotKept> {
        let act = [POLICY_PROPOSAL];
        let forget = move |connection: &Connection| {
            connection.execute("DELETE FROM proposal WHERE act = ?1", act)?;
            Ok(())
        };
        self.writer.write(forget, |()| {}).await?;
        self.propose(proposal, entry_index).await?;
        self.writer.write(forget_what_nobody_needs, |()| {}).await
    }

    /// The set in force; `None` where none ever was.
    pub async fn policy_in_force(&self) -> Result<Option<InForce>, NotKept> {
        Ok(self.policy_history(1).await?.pop())
    }

    /// What was in force, the latest first, at most so many.
    pub async fn policy_history(&self, rows_max: u32) -> Result<Vec<InForce>, NotKept> {
        self.publications(None, rows_max).await
    }

    /// When and how this set came into force, the latest first; nothing where it never was.
    pub async fn policy_publications(&self, digest: &str) -> Result<Vec<InForce>, NotKept> {
        self.publications(Some(digest.to_owned()), HISTORY_SHOWN_MAX)
            .await
    }

    async fn publications(
        &self,
        digest: Option<String>,
        rows_max: u32,
    ) -> Result<Vec<InForce>, NotKept> {
        let read = move |connection: &Connection| {
            let sql = "SELECT digest, version, proof, how, actor, because, time, entry
                       FROM policy_in_force JOIN policy_set USING (digest)
                       WHERE ?1 IS NULL OR digest = ?1 ORDER BY place DESC LIMIT ?2";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map(params![digest, rows_max], |row| {
                Ok(InForce {
                    set: kept_set(row)?,
                    publication: Publication {
                        how: row.get(3)?,
                        by: row.get(4)?,
                        because: row.get(5)?,
                        time: database::column(row, 6, |text| text.parse().ok())?,
                        entry: row.get::<_, i64>(7)?.unsigned_abs(),
                    },
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.writer.write(read, |_| {}).await
    }
}

pub(super) fn kept_set(row: &Row<'_>) -> rusqlite::Result<KeptSet> {
    Ok(KeptSet {
        digest: row.get(0)?,
        version: row.get(1)?,
        proof: row.get(2)?,
    })
}

fn keep_file(connection: &Connection, set: &str, name: &str, text: &str) -> Result<(), NotKept> {
    let hash = digest(&SHA256, text.as_bytes());
    let sql = "INSERT OR IGNORE INTO policy_text (sha256, text) VALUES (?1, ?2)";
    connection.execute(sql, params![hash.as_ref(), text])?;
    let sql = "INSERT OR IGNORE INTO policy_file (digest, name, sha256) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![set, name, hash.as_ref()])?;
    Ok(())
}

/// Sets that never were in force, are not in the shadow and wait for nobody, their files, and texts that no other set has.
pub(super) fn forget_what_nobody_needs(connection: &Connection) -> Result<(), NotKept> {
    let sql = "SELECT digest FROM policy_set
               WHERE digest NOT IN (SELECT digest FROM policy_in_force)
               AND digest NOT IN (SELECT digest FROM policy_shadow)
               AND digest NOT IN (SELECT object FROM proposal WHERE act = ?1)";
    let mut statement = connection.prepare(sql)?;
    let unneeded: Vec<String> = statement
        .query_map([POLICY_PROPOSAL], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for digest in unneeded {
        let sql = "SELECT sha256 FROM policy_file AS file WHERE digest = ?1 AND NOT EXISTS
                   (SELECT 1 FROM policy_file WHERE sha256 = file.sha256 AND digest <> ?1)";
        let mut statement = connection.prepare(sql)?;
        let texts: Vec<[u8; 32]> = statement
            .query_map([&digest], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        connection.execute("DELETE FROM policy_file WHERE digest = ?1", [&digest])?;
        for text in texts {
            connection.execute("DELETE FROM policy_text WHERE sha256 = ?1", [text])?;
        }
        connection.execute("DELETE FROM policy_set WHERE digest = ?1", [&digest])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::mistakes::Mistakes;

    fn folder(files: &[(&str, &str)]) -> Folder {
        let files = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Folder::of("policies", files, &mut Mistakes::new())
    }

    fn set(name: &str) -> KeptSet {
        KeptSet {
            digest: format!("digest of {name}"),
            version: format!("2026-11-22.{name}"),
            proof: "proved".to_owned(),
        }
    }

    fn publication(entry: u64) -> Publication {
        Publication {
            how: "policy.publish".to_owned(),
            by: "Ann".to_owned(),
            because: "a new partner".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            entry,
        }
    }

    fn registry(place: &tempfile::TempDir) -> Registry {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        Registry::open(&place.path().join("registry"), clock).unwrap()
    }

    async fn texts(registry: &Registry) -> i64 {
        let count = |connection: &Connection| {
            let sql = "SELECT count(*) FROM policy_text";
            Ok(connection.query_row(sql, [], |row| row.get(0))?)
        };
        registry.writer.write(count, |_| {}).await.unwrap()
    }

    #[tokio::test]
    async fn every_published_set_is_kept_with_its_files_and_what_was_in_force_in_order() {
        let place = tempfile::tempdir().unwrap();
        let open = registry(&place);
        let (one, two) = (
            folder(&[("a", "same"), ("b", "one")]),
            folder(&[("a", "same"), ("b", "two")]),
        );
        assert_eq!(open.policy_in_force().await.unwrap(), None);
        open.keep_policy_set(set("1"), &one).await.unwrap();
        open.put_policy_in_force("digest of 1", publication(3))
            .await
            .unwrap();
        open.keep_policy_set(set("2"), &two).await.unwrap();
        open.put_policy_in_force("digest of 2", publication(5))
            .await
            .unwrap();
        open.put_policy_in_force("digest of 1", publication(9))
            .await
            .unwrap();
        drop(open);
        let open = registry(&place);
        let history = open.policy_history(HISTORY_SHOWN_MAX).await.unwrap();
        let told: Vec<_> = history
            .iter()
            .map(|row| (row.set.version.as_str(), row.publication.entry))
            .collect();
        assert_eq!(
            told,
            [
                ("2026-11-22.1", 9),
                ("2026-11-22.2", 5),
                ("2026-11-22.1", 3)
            ]
        );
        assert_eq!(
            open.policy_in_force().await.unwrap().as_ref(),
            history.first()
        );
        let files = open.policy_files("digest of 2").await.unwrap();
        assert_eq!(
            folder(&[("a", &files[0].1), ("b", &files[1].1)]).digest(),
            two.digest()
        );
        assert_eq!(texts(&open).await, 3, "a shared text is kept once");
        let file = open.policy_file("2026-11-22.1", "b").await.unwrap();
        assert_eq!(file.as_deref(), Some("one"));
        for (set, name) in [("2026-11-22.1", "c"), ("2026-11-22.3", "b")] {
            assert_eq!(open.policy_file(set, name).await.unwrap(), None);
        }
        let found = open.policy_set("2026-11-22.2").await.unwrap();
        assert_eq!(found, open.policy_set("digest of 2").await.unwrap());
        assert!(found.is_some());
    }

    #[tokio::test]
    async fn a_set_that_never_came_into_force_is_forgotten_with_the_texts_that_only_it_had() {
        let place = tempfile::tempdir().unwrap();
        let registry = registry(&place);
        registry
            .keep_policy_set(set("1"), &folder(&[("a", "same")]))
            .await
            .unwrap();
        registry
            .put_policy_in_force("digest of 1", publication(1))
            .await
            .unwrap();
        let proposed = folder(&[("a", "same"), ("b", "new")]);
        registry.keep_policy_set(set("2"), &proposed).await.unwrap();
        let proposal = Proposal {
            act: POLICY_PROPOSAL.to_owned(),
            object: "digest of 2".to_owned(),
            actor: "Ann".to_owned(),
            role: "legal".to_owned(),
            because: "wider".to_owned(),
            time: Timestamp::UNIX_EPOCH,
        };
        registry
            .propose_policy_set(proposal.clone(), 2)
            .await
            .unwrap();
        assert_eq!(texts(&registry).await, 2, "it waits for its second person");
        assert_eq!(
            registry.proposals(POLICY_PROPOSAL).await.unwrap(),
            [proposal]
        );
        registry
            .put_policy_in_force("digest of 1", publication(4))
            .await
            .unwrap();
        assert_eq!(registry.proposals(POLICY_PROPOSAL).await.unwrap(), []);
        assert_eq!(registry.policy_set("digest of 2").await.unwrap(), None);
        assert_eq!(texts(&registry).await, 1);
        assert_eq!(registry.policy_files("digest of 1").await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_book_of_the_version_before_gets_the_tables_of_policies() {
        let place = tempfile::tempdir().unwrap();
        drop(registry(&place));
        let connection = Connection::open(place.path().join("registry")).unwrap();
        let older = "DROP TABLE recipient_key; DROP TABLE hold; DROP TABLE proof; DROP TABLE policy_shadow; DROP TABLE policy_in_force; DROP TABLE policy_file; DROP TABLE policy_text;
                     DROP TABLE policy_set; DROP TABLE figure_group; DROP TABLE figure_question;
                     ALTER TABLE consent DROP COLUMN profile; ALTER TABLE consent DROP COLUMN document;
                     DROP TABLE shut_out; CREATE TABLE suspension (partner TEXT, since TEXT, actor TEXT,
                     because TEXT, entry INTEGER); PRAGMA user_version = 1;";
        connection.execute_batch(older).unwrap();
        drop(connection);
        assert_eq!(registry(&place).policy_in_force().await.unwrap(), None);
    }
}
