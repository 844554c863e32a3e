//! Policy sets: published, rolled back, shown. What only tightens takes one person; what loosens, two,
//! one of them legal; and what changes a file of legal, legal among those who act.

use super::messages::{
    ByAndWhy, PolicyChanged, PolicyOutcome, PolicyProposalShown, PolicyPublicationShown,
    PolicyPublish, PolicyRollback, PolicySetShown,
};
use super::two_persons::{Turn, proposal, turn};
use super::{Actor, Administration, Deed, NotDone, Role, reason};
use crate::mistakes::Mistakes;
use crate::publishing::{Candidate, Change, Difference, object};
use crate::registry::{
    HISTORY_SHOWN_MAX, InForce, KeptSet, POLICY_PROPOSAL, Proposal, Publication,
};
use crate::source::Folder;

/// Most bytes of what a command says was tested and proved.
const PROOF_BYTES_MAX: usize = 400;

/// The word for the set in force, in place of a name.
const IN_FORCE: &str = "in-force";

impl Administration {
    /// Publishes a set: its files, or the one that another person has proposed.
    pub async fn publish(
        &self,
        actor: &Actor,
        request: PolicyPublish,
    ) -> Result<PolicyChanged, NotDone> {
        Self::allow(actor, Deed::PolicyPublish)?;
        let because = reason(&request.because)?;
        let change = self.publishing.begin().await;
        let candidate = match (request.files, request.set) {
            (Some(files), None) => {
                let mut mistakes = Mistakes::new();
                let files = Folder::of("", files, &mut mistakes);
                if !mistakes.is_empty() {
                    return Err(mistakes.into());
                }
                let proof = proof(request.proof.as_deref());
                change.judge(files, proof).await??
            }
            (None, Some(name)) => self.proposed(&change, &name).await?,
            _ => {
                let message = "send either files, or the name of the set that is proposed";
                return Err(NotDone::Mistaken(message.to_owned()));
            }
        };
        let deed = Deed::PolicyPublish;
        self.change(deed, actor, because, change, candidate).await
    }

    /// Puts an earlier set in force again.
    pub async fn roll_back(
        &self,
        actor: &Actor,
        request: PolicyRollback,
    ) -> Result<PolicyChanged, NotDone> {
        Self::allow(actor, Deed::PolicyRollback)?;
        let because = reason(&request.because)?;
        let change = self.publishing.begin().await;
        let history = self.registry.policy_history(HISTORY_SHOWN_MAX).await?;
        let target = match &request.to {
            Some(name) => {
                let named = self.registry.policy_set(name).await?;
                let digest = named.map(|set| set.digest).unwrap_or_default();
                let published = self.registry.policy_publications(&digest).await?;
                published.into_iter().next().map(|row| row.set)
            }
            None => before(&history).cloned(),
        };
        let target = target.ok_or_else(|| never_in_force(request.to.as_deref()))?;
        let candidate = change.kept(&target.digest).await?;
        let candidate = candidate.ok_or_else(|| never_in_force(request.to.as_deref()))??;
        let deed = Deed::PolicyRollback;
        self.change(deed, actor, because, change, candidate).await
    }

    async fn change(
        &self,
        deed: Deed,
        actor: &Actor,
        because: String,
        change: Change<'_>,
        candidate: Candidate,
    ) -> Result<PolicyChanged, NotDone> {
        let KeptSet {
            version, digest, ..
        } = candidate.set().clone();
        let mut changed = PolicyChanged {
            outcome: PolicyOutcome::Unchanged,
            version,
            digest,
            entry: None,
            two_people_because: Vec::new(),
            instead_of: None,
            comparison: String::new(),
        };
        if change.is_in_force(&candidate) {
            return Ok(changed);
        }
        let (candidate, difference) = change.compare(candidate).await?;
        changed.comparison = difference.comparison.to_text();
        changed.two_people_because = two_people_because(&difference, Some(actor.role));
        let mut waiting = self.waiting().await?;
        let other = waiting.take_if(|first| first.object != changed.digest);
        changed.outcome = if changed.two_people_because.is_empty() {
            PolicyOutcome::InForce
        } else {
            match turn(waiting.as_ref(), actor)? {
                Turn::First => PolicyOutcome::Proposed,
                Turn::Second => PolicyOutcome::InForce,
            }
        };
        change.keep(&candidate).await?;
        let proposed = changed.outcome == PolicyOutcome::Proposed;
        let action = match proposed {
            true => format!("{}.propose", deed.name()),
            false => deed.name().to_owned(),
        };
        let object = object(candidate.set());
        let entry = self.enter(actor, action, Some(object), Some(because.clone()));
        let entry = entry.await?;
        changed.entry = Some(entry);
        if let Some(other) = other {
            let set = self.registry.policy_set(&other.object).await?;
            changed.instead_of = set.map(|set| set.version);
        }
        if proposed {
            let digest = changed.digest.clone();
            self.propose(actor, digest, because, entry).await?;
        } else {
            let publication = Publication {
                how: deed.name().to_owned(),
                by: match waiting.filter(|_| !changed.two_people_because.is_empty()) {
                    Some(first) => format!("{} and {}", first.actor, actor.name),
                    None => actor.name.to_string(),
                },
                because,
                time: self.clock.now(),
                entry,
            };
            change.put_in_force(candidate, publication).await?;
        }
        Ok(changed)
    }

    async fn propose(
        &self,
        actor: &Actor,
        digest: String,
        because: String,
        entry: u64,
    ) -> Result<(), NotDone> {
        let proposal = proposal(actor, POLICY_PROPOSAL, digest, because, self.clock.now());
        Ok(self.registry.propose_policy_set(proposal, entry).await?)
    }

    /// What waits for a second person.
    async fn waiting(&self) -> Result<Option<Proposal>, NotDone> {
        let waiting = self.registry.proposals(POLICY_PROPOSAL).await?;
        Ok(waiting.into_iter().next())
    }

    /// The set that waits for a second person, if this is its name.
    async fn proposed(&self, change: &Change<'_>, name: &str) -> Result<Candidate, NotDone> {
        let nothing = || {
            NotDone::NotFound(format!(
                "no policy set `{name}` waits for a second person; publish a folder with --dir, or \
                 go back to an earlier set with `covenant policy rollback --to {name}`"
            ))
        };
        let waiting = self.waiting().await?.ok_or_else(nothing)?;
        let candidate = change.kept(name).await?.ok_or_else(nothing)??;
        if candidate.set().digest != waiting.object {
            return Err(nothing());
        }
        Ok(candidate)
    }

    /// What was in force, the latest first.
    pub async fn policy_history(
        &self,
        actor: &Actor,
    ) -> Result<Vec<PolicyPublicationShown>, NotDone> {
        Self::allow(actor, Deed::PolicyRead)?;
        let history = self.registry.policy_history(HISTORY_SHOWN_MAX).await?;
        let rows = history.into_iter().enumerate();
        Ok(rows.map(|(place, row)| shown(row, place == 0)).collect())
    }

    /// What waits for a second person, and what it would change.
    pub async fn policy_proposal(
        &self,
        actor: &Actor,
    ) -> Result<Option<PolicyProposalShown>, NotDone> {
        Self::allow(actor, Deed::PolicyRead)?;
        let change = self.publishing.begin().await;
        let Some(first) = self.waiting().await? else {
            return Ok(None);
        };
        let Some(candidate) = change.kept(&first.object).await? else {
            return Ok(None);
        };
        let (set, difference) = self.set_shown(&change, candidate?).await?;
        Ok(Some(PolicyProposalShown {
            set,
            proposed: ByAndWhy {
                time: first.time,
                by: first.actor,
                because: first.because,
            },
            role: first.role,
            two_people_because: difference
                .map(|difference| two_people_because(&difference, None))
                .unwrap_or_default(),
        }))
    }

    /// One set by its name or digest, `in-force` for the one that decides.
    pub async fn policy_set(&self, actor: &Actor, name: &str) -> Result<PolicySetShown, NotDone> {
        Self::allow(actor, Deed::PolicyRead)?;
        let change = self.publishing.begin().await;
        let in_force = self.publishing.rules().load().policy.digest();
        let name = if name == IN_FORCE { &in_force } else { name };
        let candidate = change.kept(name).await?;
        let candidate = candidate.ok_or_else(|| never_in_force(Some(name)))??;
        Ok(self.set_shown(&change, candidate).await?.0)
    }

    async fn set_shown(
        &self,
        change: &Change<'_>,
        candidate: Candidate,
    ) -> Result<(PolicySetShown, Option<Difference>), NotDone> {
        let set = candidate.set().clone();
        let latest = self.registry.policy_in_force().await?;
        let latest = latest.map(|row| row.publication.entry);
        let publications = self.registry.policy_publications(&set.digest).await?;
        let files = self.registry.policy_file_hashes(&set.digest).await?;
        let difference = match change.is_in_force(&candidate) {
            true => None,
            false => Some(change.compare(candidate).await?.1),
        };
        let publications = publications.into_iter().map(|row| {
            let in_force = Some(row.publication.entry) == latest;
            shown(row, in_force)
        });
        let shown = PolicySetShown {
            version: set.version,
            digest: set.digest,
            proof: set.proof,
            files: files.into_keys().collect(),
            publications: publications.collect(),
            comparison: difference
                .as_ref()
                .map(|difference| difference.comparison.to_text()),
        };
        Ok((shown, difference))
    }
}

/// Why one person in `role` is not enough; nothing where they are. Without a role: why anyone needs
/// another.
fn two_people_because(difference: &Difference, role: Option<Role>) -> Vec<String> {
    let mut reasons = Vec::new();
    if difference.comparison.loosens() {
        reasons.push(format!("it loosens: {}", difference.summary()));
    }
    if role != Some(Role::Legal) && !difference.legal_files.is_empty() {
        let files = difference.legal_files.join(", ");
        reasons.push(format!("it changes what legal answers for: {files}"));
    }
    reasons
}

/// The set before the one in force.
fn before(history: &[InForce]) -> Option<&KeptSet> {
    let now = &history.first()?.set;
    let mut sets = history.iter().map(|row| &row.set);
    sets.find(|set| set.digest != now.digest)
}

fn never_in_force(name: Option<&str>) -> NotDone {
    NotDone::NotFound(match name {
        Some(name) => {
            format!("no policy set `{name}` is kept; `covenant policy history` lists them")
        }
        None => "no other policy set was ever in force".to_owned(),
    })
}

fn shown(row: InForce, in_force: bool) -> PolicyPublicationShown {
    let InForce { set, publication } = row;
    PolicyPublicationShown {
        version: set.version,
        digest: set.digest,
        in_force,
        time: publication.time,
        by: publication.by,
        how: publication.how,
        because: publication.because,
        proof: set.proof,
        entry: publication.entry,
    }
}

/// What the publisher's command says of tests and proof. It is their word: the gateway runs neither.
fn proof(said: Option<&str>) -> String {
    let said = said.map(str::trim).filter(|said| !said.is_empty());
    let plain: String = said
        .unwrap_or("unproved: nothing was said of a proof")
        .chars()
        .filter(|letter| !letter.is_control())
        .collect();
    let end = plain.floor_char_boundary(PROOF_BYTES_MAX);
    plain.get(..end).unwrap_or_default().to_owned()
}
