//! The set in the shadow of the one in force: what it would decide otherwise is put on record by the
//! gateway, and nothing of it is felt. It outlives a restart, and ends by itself when it is published.
//!
//! A stop between the entry about a start or an end and the registry's row is not completed: the
//! registry says what is in the shadow.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::{Candidate, Change, Publishing};
use crate::registry::{InShadow, KeptSet, NotKept, Publication};
use crate::rules::Rules;

/// A start or an end was announced by an entry, and did not take effect.
const NOT_CHANGED: &str = "policy.shadow.not_changed";

impl Publishing {
    /// The rules in the shadow, for whoever compares with them.
    pub fn shadow(&self) -> &Arc<ArcSwapOption<Rules>> {
        &self.shadow
    }

    /// Brings back the set that was in the shadow at the last stop. One that cannot be loaded any more
    /// is dropped, and an entry says so.
    pub(super) async fn restore_shadow(&self) -> Result<(), NotKept> {
        let registry = &self.parts.registry;
        let Some(InShadow { set, .. }) = registry.policy_in_shadow().await? else {
            return Ok(());
        };
        let before = self.rules.load_full();
        let loaded = self.parts.load_kept(set.clone(), Some(before)).await;
        let why = match loaded {
            Ok(Ok(candidate)) => {
                self.swap_shadow(Some(candidate.rules));
                return Ok(());
            }
            Ok(Err(mistakes)) => format!(
                "this program cannot read it any more ({})",
                mistakes.counted()
            ),
            Err(error) => error.to_string(),
        };
        let version = &set.version;
        tracing::warn!(version, why, "the policy set in the shadow is dropped");
        let detail = format!("{version} sha256:{}: {why}", set.digest);
        if let Err(reason) = self.note("policy.shadow.dropped", detail).await {
            tracing::error!(%reason, "not on record: the set in the shadow is dropped");
        }
        registry.end_policy_shadow().await
    }

    /// Ends the shadow of a set that is in force now; the registry has done so already.
    pub(super) fn end_shadow_of(&self, in_force: &Rules) {
        let digest = in_force.policy.digest();
        let shadow = self.shadow.load();
        if shadow
            .as_ref()
            .is_some_and(|one| one.policy.digest() == digest)
        {
            self.shadow.store(None);
        }
    }

    fn swap_shadow(&self, rules: Option<Rules>) {
        let rules = rules.map(Arc::new);
        self.shadow.store(rules.clone());
        if let Some(rules) = rules {
            self.warm_up(rules);
        }
    }
}

impl Change<'_> {
    /// The set in the shadow, and how it came there.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn in_shadow(&self) -> Result<Option<InShadow>, NotKept> {
        self.publishing.parts.registry.policy_in_shadow().await
    }

    /// Keeps the files of a candidate for the shadow, unless they are kept already, with what was
    /// proved of them.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub async fn keep_for_shadow(&self, candidate: &Candidate) -> Result<(), NotKept> {
        let registry = &self.publishing.parts.registry;
        match registry.policy_set(&candidate.set.digest).await? {
            Some(_) => Ok(()),
            None => self.keep(candidate).await,
        }
    }

    /// Puts a kept candidate into the shadow. The entry about it is durable; its index stands in
    /// `start`.
    ///
    /// # Errors
    /// When the registry cannot be written. Then nothing has changed, and an entry says so.
    pub async fn put_in_shadow(
        &self,
        candidate: Candidate,
        start: Publication,
    ) -> Result<(), NotKept> {
        let (registry, entry) = (&self.publishing.parts.registry, start.entry);
        let put = registry
            .put_policy_in_shadow(&candidate.set.digest, start)
            .await;
        self.or_noted(put, entry).await?;
        self.publishing.swap_shadow(Some(candidate.rules));
        Ok(())
    }

    /// Leaves no set in the shadow; the entry about it is durable, at this index.
    ///
    /// # Errors
    /// As [`Self::put_in_shadow`].
    pub async fn end_shadow(&self, entry: u64) -> Result<(), NotKept> {
        let ended = self.publishing.parts.registry.end_policy_shadow().await;
        self.or_noted(ended, entry).await?;
        self.publishing.swap_shadow(None);
        Ok(())
    }

    async fn or_noted(&self, done: Result<(), NotKept>, entry: u64) -> Result<(), NotKept> {
        if let Err(error) = &done {
            let detail = format!("what entry {entry} says did not take effect: {error}");
            tracing::error!(%error, "the policy set in the shadow stays");
            if let Err(reason) = self.publishing.note(NOT_CHANGED, detail).await {
                tracing::error!(%reason, "not on record: the policy set in the shadow stays");
            }
        }
        done
    }
}

/// How entries name a set in the shadow: nothing is said of its proof.
pub fn name_and_digest(set: &KeptSet) -> String {
    format!("{} sha256:{}", set.version, set.digest)
}
