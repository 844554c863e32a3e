//! The start: the set that was in force is in force again, under its own name; the folder's, where
//! nothing was ever published; and what the ledger announced and a stop cut off is completed.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{Mutex, watch};

use super::{Announced, Candidate, Cause, Parts, Publishing, broke, object};
use crate::ledger::Ledger;
use crate::mistakes::Mistakes;
use crate::registry::{InForce, NotKept, Publication};
use crate::source::Folder;
use crate::telemetry::Metrics;

/// Why there are no rules to start with.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// Nothing was published yet, or this program cannot read it any more, and the folder has mistakes.
    #[error("the policies have mistakes")]
    Mistaken(Mistakes),
    /// The registry cannot be read or written.
    #[error(transparent)]
    NotKept(#[from] NotKept),
    /// The ledger cannot be written.
    #[error("the policy set could not be recorded: {0}")]
    NotRecorded(String),
}

/// Rules to start with, before the ledger is open.
#[derive(Debug)]
pub struct Opening {
    parts: Parts,
    candidate: Candidate,
    in_force: Option<InForce>,
}

impl Opening {
    /// Loads the set in force, or the folder's.
    ///
    /// # Errors
    /// When neither can be had.
    pub async fn read(parts: Parts) -> Result<Self, NotOpened> {
        let in_force = parts.registry.policy_in_force().await?;
        let Some(before) = in_force else {
            return Self::first(parts, "taken from the files at the first start").await;
        };
        match parts.load_kept(before.set.clone(), None).await? {
            // A service that the configuration lacks is the configuration's mistake, and no reason to
            // take the folder's files unseen.
            Ok(candidate) => Ok(Self {
                candidate: parts.served(candidate).map_err(NotOpened::Mistaken)?,
                parts,
                in_force: Some(before),
            }),
            Err(mistakes) => {
                // A set that this program cannot read can be neither run nor compared with.
                let (version, count) = (before.set.version, mistakes.counted());
                tracing::warn!(version, count, "this program cannot read the set in force");
                let why = format!("this program cannot read {version} any more ({count})");
                Self::first(parts, &why).await
            }
        }
    }

    async fn first(parts: Parts, why: &str) -> Result<Self, NotOpened> {
        let (files, mistakes) = parts.read_folder().await?;
        if !mistakes.is_empty() {
            // Mistakes of what could be read are told too, all at once.
            let mut all = mistakes;
            crate::rules::Rules::load(&files, None, jiff::civil::Date::ZERO, &mut all);
            return Err(NotOpened::Mistaken(all));
        }
        let judged = parts.judge(files, None, format!("unproved: {why}")).await?;
        let candidate = judged.map_err(NotOpened::Mistaken)?;
        Ok(Self {
            parts,
            candidate,
            in_force: None,
        })
    }

    /// Goes on once the ledger is open: `announced` is the latest change it tells of. A folder that
    /// differs from what is in force is a reload.
    ///
    /// # Errors
    /// When the registry or the ledger cannot be written.
    pub async fn finish(
        self,
        ledger: Ledger,
        metrics: Arc<Metrics>,
        announced: Option<Announced>,
        stopped: watch::Receiver<bool>,
    ) -> Result<Publishing, NotOpened> {
        let Self {
            parts,
            mut candidate,
            mut in_force,
        } = self;
        // Later than the registry's, or the same entry, but about another set: the ledger is what counts.
        let told = |announced: &Announced| {
            in_force.as_ref().is_some_and(|before| {
                let (entry, since) = (announced.publication.entry, before.publication.entry);
                entry < since || entry == since && announced.digest == before.set.digest
            })
        };
        if let Some(announced) = announced
            && !told(&announced)
            && let Some(completed) = complete(&parts, announced).await?
        {
            candidate = completed;
            in_force = parts.registry.policy_in_force().await?;
        }
        metrics.policy(candidate.rules.policy.version());
        let Candidate { rules, files, set } = candidate;
        let publishing = Publishing {
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            shadow: Arc::new(ArcSwapOption::empty()),
            parts,
            ledger,
            metrics,
            changing: Mutex::default(),
            stopped,
        };
        let registry = &publishing.parts.registry;
        if in_force.is_none() {
            registry.keep_policy_set(set.clone(), &files).await?;
            let noted = publishing.note("policy.first", object(&set)).await;
            let publication = Publication {
                how: "policy.first".to_owned(),
                by: "the gateway".to_owned(),
                because: "first".to_owned(),
                time: publishing.parts.clock.now(),
                entry: noted.map_err(NotOpened::NotRecorded)?,
            };
            registry
                .put_policy_in_force(&set.digest, publication)
                .await?;
        } else {
            let reloaded = publishing.reload(Cause::Start).await;
            tracing::info!(told = %reloaded, "policies");
        }
        publishing.restore_shadow().await?;
        publishing.warm_up(publishing.rules.load_full());
        Ok(publishing)
    }
}

/// Does what an entry announced before a stop: the ledger is what counts.
async fn complete(parts: &Parts, announced: Announced) -> Result<Option<Candidate>, NotOpened> {
    let Announced {
        digest,
        publication,
    } = announced;
    let entry = publication.entry;
    let Some(set) = parts.registry.policy_set(&digest).await? else {
        tracing::error!(
            entry,
            digest,
            "an entry names a policy set that is not kept"
        );
        return Ok(None);
    };
    let version = set.version.clone();
    let loaded = parts.load_kept(set, None).await?;
    match loaded.and_then(|candidate| parts.served(candidate)) {
        Ok(candidate) => {
            tracing::warn!(
                entry,
                version,
                "a stop cut this publication off; it is completed"
            );
            let registry = &parts.registry;
            registry.put_policy_in_force(&digest, publication).await?;
            Ok(Some(candidate))
        }
        Err(mistakes) => {
            let count = mistakes.counted();
            tracing::error!(entry, version, count, "cut off, and cannot be completed");
            Ok(None)
        }
    }
}

impl Parts {
    /// The folder that people edit, as it is now.
    pub(super) async fn read_folder(&self) -> Result<(Folder, Mistakes), NotKept> {
        let root = self.folder.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut mistakes = Mistakes::new();
            let files = Folder::read(&root, &mut mistakes);
            (files, mistakes)
        });
        read.await.map_err(broke)
    }
}
