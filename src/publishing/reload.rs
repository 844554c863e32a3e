//! Taking over the folder's files without a person: only what loosens nothing takes effect, and leaves
//! alone what legal answers for.

use super::{Candidate, Change, Publishing, object};
use crate::mistakes::Mistakes;
use crate::registry::{NotKept, Publication};
use crate::terms::hexadecimal;

/// Most bytes of the reason that an entry holds.
const REASON_BYTES_MAX: usize = 4_000;

/// Why the files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The gateway starts.
    Start,
    /// SIGHUP.
    Signal,
    /// `POST /reload` on the operator listener.
    Listener,
}

impl Cause {
    fn words(self) -> &'static str {
        match self {
            Self::Start => "at the start",
            Self::Signal => "on SIGHUP",
            Self::Listener => "by the operator listener",
        }
    }
}

/// What came of a reload. Its text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reloaded {
    /// The files are those of the set in force.
    #[error("the files are those of the policy set in force, {version}")]
    Unchanged {
        /// Its name.
        version: String,
    },
    /// The files are in force.
    #[error("policy set {version} is in force (entry {entry} of the ledger)")]
    InForce {
        /// Its name.
        version: String,
        /// Where its entry stands in the log.
        entry: u64,
    },
    /// They are not; the set before is.
    #[error("refused: {why}; {version} stays in force (entry {entry} of the ledger)")]
    Refused {
        /// What is in force.
        version: String,
        /// What is wrong, and what to do.
        why: String,
        /// Where the entry about it stands in the log.
        entry: u64,
    },
    /// Neither taken over nor refused: it could not be recorded or kept.
    #[error("nothing was changed, because {cause}; {version} stays in force")]
    Failed {
        /// What is in force.
        version: String,
        /// What failed.
        cause: String,
    },
}

/// A folder that was refused, so that asking again fills no disk.
#[derive(Debug)]
pub(super) struct Refused {
    files: [u8; 32],
    in_force: String,
    why: String,
    entry: u64,
}

impl Publishing {
    /// Looks at the folder, and takes it over if it is without mistake and loosens nothing.
    pub async fn reload(&self, cause: Cause) -> Reloaded {
        let mut change = self.begin().await;
        let outcome = change.reload(cause).await;
        let version = self.rules.load().policy.version().to_owned();
        let outcome = outcome.unwrap_or_else(|cause| Reloaded::Failed { version, cause });
        match &outcome {
            Reloaded::Unchanged { .. } => {}
            Reloaded::InForce { version, .. } => {
                tracing::info!(version, cause = cause.words(), "policies reloaded");
            }
            Reloaded::Refused { .. } | Reloaded::Failed { .. } => {
                self.metrics.policy_reload_refused();
                tracing::warn!(told = %outcome, cause = cause.words(), "policies not reloaded");
            }
        }
        outcome
    }
}

impl Change<'_> {
    async fn reload(&mut self, cause: Cause) -> Result<Reloaded, String> {
        let parts = &self.publishing.parts;
        let failed = |error: NotKept| error.to_string();
        let (files, unread) = parts.read_folder().await.map_err(failed)?;
        let (hash, in_force) = (files.digest(), self.publishing.rules.load_full());
        let version = in_force.policy.version().to_owned();
        if unread.is_empty() && hexadecimal(&hash) == in_force.policy.digest() {
            return Ok(Reloaded::Unchanged { version });
        }
        if let Some(refused) = self.refused.as_ref()
            && (refused.files, &refused.in_force) == (hash, &version)
        {
            return Ok(Reloaded::Refused {
                version,
                why: refused.why.clone(),
                entry: refused.entry,
            });
        }
        if !unread.is_empty() {
            return self.refuse(hash, &version, mistaken(&unread), cause).await;
        }
        let proof = format!("unproved: taken over from the files {}", cause.words());
        let candidate = match self.judge(files, proof).await.map_err(failed)? {
            Ok(candidate) => candidate,
            Err(mistakes) => {
                return self
                    .refuse(hash, &version, mistaken(&mistakes), cause)
                    .await;
            }
        };
        let (candidate, difference) = self.compare(candidate).await.map_err(failed)?;
        if difference.comparison.loosens() {
            let summary = difference.summary();
            let why = format!("it loosens: {summary}; run `covenant policy publish`");
            return self.refuse(hash, &version, why, cause).await;
        }
        if !difference.legal_files.is_empty() {
            let files = difference.legal_files.join(", ");
            let why = format!(
                "it changes what legal answers for ({files}), and nobody has said who they are; run \
                 `covenant policy publish`"
            );
            return self.refuse(hash, &version, why, cause).await;
        }
        self.take_over(candidate, cause).await
    }

    async fn take_over(&self, candidate: Candidate, cause: Cause) -> Result<Reloaded, String> {
        let failed = |error: NotKept| error.to_string();
        self.keep(&candidate).await.map_err(failed)?;
        let set = candidate.set.clone();
        let how = "policy.reload";
        let publication = Publication {
            entry: self.publishing.note(how, object(&set)).await?,
            how: how.to_owned(),
            by: "the gateway".to_owned(),
            because: format!("reload {}", cause.words()),
            time: self.publishing.parts.clock.now(),
        };
        let entry = publication.entry;
        self.put_in_force(candidate, publication)
            .await
            .map_err(failed)?;
        Ok(Reloaded::InForce {
            version: set.version,
            entry,
        })
    }

    async fn refuse(
        &mut self,
        files: [u8; 32],
        version: &str,
        why: String,
        cause: Cause,
    ) -> Result<Reloaded, String> {
        let digest = hexadecimal(&files);
        let mut detail = format!("sha256:{digest} {}: {why}", cause.words());
        detail.truncate(detail.floor_char_boundary(REASON_BYTES_MAX));
        let entry = self
            .publishing
            .note("policy.reload.refused", detail)
            .await?;
        let version = version.to_owned();
        *self.refused = Some(Refused {
            files,
            in_force: version.clone(),
            why: why.clone(),
            entry,
        });
        Ok(Reloaded::Refused {
            version,
            why,
            entry,
        })
    }
}

fn mistaken(mistakes: &Mistakes) -> String {
    let count = mistakes.counted();
    format!("the files have {count}; run `covenant policy check`")
}
