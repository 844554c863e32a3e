//! The set in the shadow: started, ended, shown. One person is enough, since nobody feels it.

use std::collections::BTreeMap;
use std::path::Path;

use super::disclosures::blocking;
use super::messages::{
    ByAndWhy, PolicyShadow, PolicyShadowChanged, PolicyShadowShown, ShadowDifference, ShadowOutcome,
};
use super::{Actor, Administration, Deed, NotDone, entries, reason};
use crate::entry::{Entry, Event};
use crate::mistakes::Mistakes;
use crate::publishing::{Candidate, Change, name_and_digest};
use crate::registry::{InShadow, Publication};
use crate::source::Folder;

/// Most requests that are named for each difference.
const EXAMPLES_MAX: usize = 3;

/// What is kept of the proof of a set that was never published.
const UNPROVED: &str = "unproved: kept for the shadow";

impl Administration {
    /// Puts a set into the shadow in place of the one before, or ends the shadow. A set with mistakes
    /// is refused, and the one before stays.
    pub async fn change_shadow(
        &self,
        actor: &Actor,
        request: PolicyShadow,
    ) -> Result<PolicyShadowChanged, NotDone> {
        Self::allow(actor, Deed::PolicyShadow)?;
        let because = reason(&request.because)?;
        let change = self.publishing.begin().await;
        let candidate = match (request.files, request.set) {
            (None, None) => return self.stop_shadow(actor, because, change).await,
            (Some(files), None) => {
                let mut mistakes = Mistakes::new();
                let files = Folder::of("", files, &mut mistakes);
                if !mistakes.is_empty() {
                    return Err(mistakes.into());
                }
                change.judge(files, UNPROVED.to_owned()).await??
            }
            (None, Some(name)) => {
                let kept = change.kept(&name).await?;
                kept.ok_or_else(|| {
                    let hint = "`covenant policy history` lists those that were in force";
                    NotDone::NotFound(format!("no policy set `{name}` is kept; {hint}"))
                })??
            }
            (Some(_), Some(_)) => {
                let message = "send either files, or the name of a set";
                return Err(NotDone::Mistaken(message.to_owned()));
            }
        };
        self.start_shadow(actor, because, change, candidate).await
    }

    async fn start_shadow(
        &self,
        actor: &Actor,
        because: String,
        change: Change<'_>,
        candidate: Candidate,
    ) -> Result<PolicyShadowChanged, NotDone> {
        let set = candidate.set().clone();
        if change.is_in_force(&candidate) {
            let version = &set.version;
            let message = format!("{version} is in force; a shadow of itself tells nothing");
            return Err(NotDone::Mistaken(message));
        }
        let before = change.in_shadow().await?.map(|before| before.set);
        if before
            .as_ref()
            .is_some_and(|before| before.digest == set.digest)
        {
            return Ok(PolicyShadowChanged {
                outcome: ShadowOutcome::Unchanged,
                version: set.version,
                digest: set.digest,
                entry: None,
                instead_of: None,
            });
        }
        change.keep_for_shadow(&candidate).await?;
        let how = format!("{}.start", Deed::PolicyShadow.name());
        let object = Some(name_and_digest(&set));
        let entry = self.enter(actor, how.clone(), object, Some(because.clone()));
        let entry = entry.await?;
        let start = Publication {
            how,
            by: actor.name.to_string(),
            because,
            time: self.clock.now(),
            entry,
        };
        change.put_in_shadow(candidate, start).await?;
        Ok(PolicyShadowChanged {
            outcome: ShadowOutcome::Started,
            version: set.version,
            digest: set.digest,
            entry: Some(entry),
            instead_of: before.map(|before| before.version),
        })
    }

    async fn stop_shadow(
        &self,
        actor: &Actor,
        because: String,
        change: Change<'_>,
    ) -> Result<PolicyShadowChanged, NotDone> {
        let nothing = || NotDone::NotFound("no policy set is in the shadow".to_owned());
        let InShadow { set, .. } = change.in_shadow().await?.ok_or_else(nothing)?;
        let action = format!("{}.stop", Deed::PolicyShadow.name());
        let object = Some(name_and_digest(&set));
        let entry = self.enter(actor, action, object, Some(because)).await?;
        change.end_shadow(entry).await?;
        Ok(PolicyShadowChanged {
            outcome: ShadowOutcome::Stopped,
            version: set.version,
            digest: set.digest,
            entry: Some(entry),
            instead_of: None,
        })
    }

    /// The set in the shadow, and what it would have decided otherwise since it was put there.
    pub async fn policy_shadow(&self, actor: &Actor) -> Result<Option<PolicyShadowShown>, NotDone> {
        Self::allow(actor, Deed::PolicyRead)?;
        let Some(InShadow { set, start }) = self.registry.policy_in_shadow().await? else {
            return Ok(None);
        };
        let directory = self.ledger_directory.clone();
        let (version, from) = (set.version.clone(), start.entry);
        let differences = blocking(move || differences(&directory, from, &version)).await?;
        Ok(Some(PolicyShadowShown {
            version: set.version,
            digest: set.digest,
            started: ByAndWhy {
                time: start.time,
                by: start.by,
                because: start.because,
            },
            entry: start.entry,
            differences,
        }))
    }
}

/// Counts the differences of a set on record from this entry on, the most frequent first.
fn differences(
    directory: &Path,
    from: u64,
    version: &str,
) -> Result<Vec<ShadowDifference>, NotDone> {
    let mut found: BTreeMap<(String, String), (u64, Vec<String>)> = BTreeMap::new();
    let count = |_, entry: &Entry| {
        let Event::Shadow(one) = &entry.event else {
            return;
        };
        if one.version == version {
            let key = (one.decided.clone(), one.instead.clone());
            let (count, examples) = found.entry(key).or_default();
            *count += 1;
            if examples.len() < EXAMPLES_MAX {
                examples.push(one.request.request_id.clone());
            }
        }
    };
    entries::each(directory, from..u64::MAX, None, count, |_| {})?;
    let rows = found.into_iter();
    let rows = rows.map(|((decided, instead), (count, examples))| ShadowDifference {
        decided,
        instead,
        count,
        examples,
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    Ok(rows)
}
