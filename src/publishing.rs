//! Which policy set is in force, and how another takes its place: whole, at once, and on record.
//!
//! Every change is three steps in this order: the entry is durable in the ledger, the registry says
//! what is in force, the rules are swapped. The set's files are kept in the registry before the first
//! of them. A stop between the first two steps is completed by the next start, which finds the entry
//! ([`Announced`]); one between the last two needs nothing, for a start runs what the registry says.
//! Where the registry fails after the entry, another entry takes it back.
//!
//! A set that loosens never takes effect here by itself: [`Publishing::reload`] refuses it. Whether
//! one person or two are behind a change is for `administration` to judge, with what
//! [`Change::compare`] finds.
//!
//! Not here: people and their roles, what files mean ([`crate::rules`]), and old sets, which are on
//! disk alone.

mod announced;
mod opening;
mod reload;
mod shadow;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use aws_lc_rs::digest::{SHA256, digest};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::task::spawn_blocking;

pub use self::announced::{Announced, object};
pub use self::opening::{NotOpened, Opening};
pub use self::reload::{Cause, Reloaded};
pub use self::shadow::name_and_digest;
use crate::clock::Clock;
use crate::entry::{Entry, Event, GatewayNote};
use crate::ledger::Ledger;
use crate::mistakes::{Mistakes, Source, Span};
use crate::registry::{KeptSet, NotKept, Publication, Registry};
use crate::rules::{Comparison, Rules, VERSION_DIGITS_MIN, version};
use crate::source::Folder;
use crate::telemetry::Metrics;
use crate::terms::hexadecimal;

/// A change was announced by an entry, and did not take effect.
const NOT_CHANGED: &str = "policy.not_changed";

/// What publishing works with.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Keeps every set.
    pub registry: Arc<Registry>,
    /// Names of the core services that the configuration knows.
    pub services: BTreeSet<Arc<str>>,
    /// The folder that people edit.
    pub folder: PathBuf,
    /// The clock.
    pub clock: Clock,
}

/// The set in force and the way to another. Share it behind an `Arc`.
#[derive(Debug)]
pub struct Publishing {
    parts: Parts,
    ledger: Ledger,
    metrics: Arc<Metrics>,
    rules: Arc<ArcSwap<Rules>>,
    shadow: Arc<ArcSwapOption<Rules>>,
    /// One change at a time; what a reload refused last.
    changing: Mutex<Option<reload::Refused>>,
    /// Ends what runs in the background.
    stopped: watch::Receiver<bool>,
}

/// A set that could be in force: loaded, without a mistake, named.
#[derive(Debug)]
pub struct Candidate {
    rules: Rules,
    files: Folder,
    set: KeptSet,
}

impl Candidate {
    /// Name, digest, and what was proved.
    pub fn set(&self) -> &KeptSet {
        &self.set
    }
}

/// What a candidate would change.
#[derive(Debug)]
pub struct Difference {
    /// In people and fields.
    pub comparison: Comparison,
    /// Files of legal that are not the same: promises, schema, properties.
    pub legal_files: Vec<String>,
}

impl Difference {
    /// How much changes, on one line.
    pub fn summary(&self) -> String {
        self.comparison.summary().replace('\n', "; ")
    }
}

/// Leave to change what is in force, held by one at a time.
#[derive(Debug)]
pub struct Change<'a> {
    publishing: &'a Publishing,
    refused: MutexGuard<'a, Option<reload::Refused>>,
}

impl Publishing {
    /// The rules in force, for whoever decides by them.
    pub fn rules(&self) -> &Arc<ArcSwap<Rules>> {
        &self.rules
    }

    /// Begins a change; waits until the one before has ended.
    pub async fn begin(&self) -> Change<'_> {
        Change {
            publishing: self,
            refused: self.changing.lock().await,
        }
    }

    /// Makes `rules` those of every request from now on. A request under way keeps what it began with.
    fn swap(&self, rules: Rules) {
        let rules = Arc::new(rules);
        self.rules.store(Arc::clone(&rules));
        self.metrics.policy(rules.policy.version());
        self.end_shadow_of(&rules);
        self.warm_up(rules);
    }

    /// Nobody waits for this, and a gateway that stops does not either: it ends after milliseconds.
    fn warm_up(&self, rules: Arc<Rules>) {
        let (in_force, shadow) = (Arc::clone(&self.rules), Arc::clone(&self.shadow));
        let stopped = self.stopped.clone();
        spawn_blocking(move || {
            let in_shadow = || {
                shadow
                    .load()
                    .as_ref()
                    .is_some_and(|one| Arc::ptr_eq(one, &rules))
            };
            let in_use = || Arc::ptr_eq(&in_force.load(), &rules) || in_shadow();
            let goes_on = || !*stopped.borrow() && in_use();
            rules.policy.warm_up(&rules.catalogue, goes_on);
        });
    }

    /// Puts on record what happened without a person; its index.
    async fn note(&self, what: &str, detail: String) -> Result<u64, String> {
        let note = GatewayNote {
            what: what.to_owned(),
            detail: Some(detail),
            policy: Some(self.rules.load().policy.version().to_owned()),
        };
        let entry = Entry::new(self.parts.clock.now(), Event::Gateway(note))
            .map_err(|error| error.to_string())?;
        let receipt = self.ledger.append(entry).await;
        receipt
            .map(|receipt| receipt.index())
            .map_err(|error| error.to_string())
    }
}

impl Change<'_> {
    /// Loads a folder as a set that could be in force; all its mistakes where it could not.
    ///
    /// # Errors
    /// When the registry cannot be asked for its name.
    pub async fn judge(
        &self,
        files: Folder,
        proof: String,
    ) -> Result<Result<Candidate, Mistakes>, NotKept> {
        let before = self.publishing.rules.load_full();
        self.publishing
            .parts
            .judge(files, Some(before), proof)
            .await
    }

    /// A kept set, loaded again; `None` where none has this name or digest.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn kept(&self, name: &str) -> Result<Option<Result<Candidate, Mistakes>>, NotKept> {
        let parts = &self.publishing.parts;
        let Some(set) = parts.registry.policy_set(name).await? else {
            return Ok(None);
        };
        let before = self.publishing.rules.load_full();
        let loaded = parts.load_kept(set, Some(before)).await?;
        Ok(Some(loaded.and_then(|candidate| parts.served(candidate))))
    }

    /// Whether this is the set in force already.
    pub fn is_in_force(&self, candidate: &Candidate) -> bool {
        self.publishing.rules.load().policy.digest() == candidate.set.digest
    }

    /// What the candidate changes of what is in force.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn compare(&self, candidate: Candidate) -> Result<(Candidate, Difference), NotKept> {
        let in_force = self.publishing.rules.load_full();
        let registry = &self.publishing.parts.registry;
        let before = registry
            .policy_file_hashes(&in_force.policy.digest())
            .await?;
        let compared = spawn_blocking(move || {
            let comparison = Comparison::of(&in_force, &candidate.rules);
            let hash = |source: &Source| digest(&SHA256, source.text().as_bytes());
            let same = |name: &str, source: &Source| {
                let known = before.get(name);
                known.is_some_and(|known| known.as_slice() == hash(source).as_ref())
            };
            let files = candidate.files.files();
            let changed = files
                .filter(|(name, source)| is_legals(name) && !same(name, source))
                .map(|(name, _)| name.to_owned());
            let removed = before
                .keys()
                .filter(|name| is_legals(name) && candidate.files.file(name).is_none())
                .cloned();
            let legal_files = changed.chain(removed).collect();
            let difference = Difference {
                comparison,
                legal_files,
            };
            (candidate, difference)
        });
        compared.await.map_err(broke)
    }

    /// Keeps the candidate's files: before anything is on record about it.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub async fn keep(&self, candidate: &Candidate) -> Result<(), NotKept> {
        let registry = &self.publishing.parts.registry;
        registry
            .keep_policy_set(candidate.set.clone(), &candidate.files)
            .await
    }

    /// Puts a kept candidate in force, for every request that begins from now on. The entry about it
    /// is durable; its index stands in `publication`.
    ///
    /// # Errors
    /// When the registry cannot be written. Then nothing has changed, and an entry says so.
    pub async fn put_in_force(
        &self,
        candidate: Candidate,
        publication: Publication,
    ) -> Result<(), NotKept> {
        let Publishing { parts, .. } = self.publishing;
        let entry = publication.entry;
        let put = parts
            .registry
            .put_policy_in_force(&candidate.set.digest, publication)
            .await;
        if let Err(error) = put {
            let detail = format!("what entry {entry} says did not take effect: {error}");
            tracing::error!(%error, "the policy set in force stays");
            if let Err(reason) = self.publishing.note(NOT_CHANGED, detail).await {
                tracing::error!(%reason, "not on record: the policy set in force stays");
            }
            return Err(error);
        }
        self.publishing.swap(candidate.rules);
        Ok(())
    }
}

impl Parts {
    async fn judge(
        &self,
        files: Folder,
        before: Option<Arc<Rules>>,
        proof: String,
    ) -> Result<Result<Candidate, Mistakes>, NotKept> {
        let digest = hexadecimal(&files.digest());
        let version = self.name(&digest).await?;
        let set = KeptSet {
            digest,
            version,
            proof,
        };
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        let loaded = self.load(set, files, before, today).await?;
        Ok(loaded.and_then(|candidate| self.served(candidate)))
    }

    /// The name a set has, or gets today: with more digits where another set has that name.
    async fn name(&self, digest: &str) -> Result<String, NotKept> {
        if let Some(known) = self.registry.policy_set(digest).await? {
            return Ok(known.version);
        }
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        let mut digits = VERSION_DIGITS_MIN;
        loop {
            let name = version(today, digest, digits);
            if digits >= digest.len() || self.registry.policy_set(&name).await?.is_none() {
                return Ok(name);
            }
            digits += 2;
        }
    }

    /// A kept set was right on the day of its name, and stays so whatever the clock says now. Whether its
    /// services are configured is for [`Self::served`].
    async fn load_kept(
        &self,
        set: KeptSet,
        before: Option<Arc<Rules>>,
    ) -> Result<Result<Candidate, Mistakes>, NotKept> {
        let texts = self.registry.policy_files(&set.digest).await?;
        let mut mistakes = Mistakes::new();
        let files = Folder::of(&self.folder, texts, &mut mistakes);
        if !mistakes.is_empty() || hexadecimal(&files.digest()) != set.digest {
            let message = "the kept files of policy set {} are not those that were published";
            return Err(NotKept::Storage(message.replace("{}", &set.version)));
        }
        let day = day_of(&set.version);
        let today = || self.clock.now().to_zoned(TimeZone::UTC).date();
        let day = day.unwrap_or_else(today);
        self.load(set, files, before, day).await
    }

    async fn load(
        &self,
        set: KeptSet,
        files: Folder,
        before: Option<Arc<Rules>>,
        day: Date,
    ) -> Result<Result<Candidate, Mistakes>, NotKept> {
        let loaded = spawn_blocking(move || {
            let mut mistakes = Mistakes::new();
            let rules = Rules::load(&files, before.as_deref(), day, &mut mistakes);
            match rules.filter(|_| mistakes.is_empty()) {
                None => Err(mistakes),
                Some(rules) => Ok(Candidate {
                    rules: rules.named(&set.version, files.digest()),
                    files,
                    set,
                }),
            }
        });
        loaded.await.map_err(broke)
    }

    /// The candidate, if the configuration has all of its services.
    fn served(&self, candidate: Candidate) -> Result<Candidate, Mistakes> {
        let mut mistakes = Mistakes::new();
        let Candidate { rules, files, .. } = &candidate;
        check_services(rules, files, &self.services, &mut mistakes);
        if mistakes.is_empty() {
            Ok(candidate)
        } else {
            Err(mistakes)
        }
    }
}

/// The day on which a set got its name.
fn day_of(version: &str) -> Option<Date> {
    version.split('.').next()?.parse().ok()
}

/// A service of the catalogue without an address could never be asked.
fn check_services(
    rules: &Rules,
    files: &Folder,
    services: &BTreeSet<Arc<str>>,
    mistakes: &mut Mistakes,
) {
    let offered: BTreeSet<_> = rules
        .catalogue
        .operations
        .iter()
        .map(|operation| &operation.service)
        .collect();
    for service in offered {
        if !services.contains(service) {
            let path = format!("catalogue/{service}.openapi.yaml");
            let place = Source::new(files.root().join(path), "");
            let message = format!(
                "the catalogue has a service `{service}`, but the configuration no [[services]] of \
                 this name"
            );
            mistakes.add(&place, Span::default(), message);
        }
    }
}

/// What legal answers for: a change of it needs legal among those who publish it.
fn is_legals(name: &str) -> bool {
    name == "promises.cedar" || name == "schema.cedarschema" || name.starts_with("properties/")
}

fn broke(error: tokio::task::JoinError) -> NotKept {
    NotKept::Storage(format!("a defect ended the work on a policy set: {error}"))
}

#[cfg(test)]
mod tests;
