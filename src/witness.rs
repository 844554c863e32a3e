//! Has witnesses cosign the published ledger (C2SP tlog-witness), so that whoever has the log's key and the
//! disk cannot rewrite what is older than one round: a witness signs only what has grown from what it signed
//! before. Each round asks all of them for the same checkpoint; what they sign is published with it.
//!
//! A witness that does not answer is told of, and changes nothing. One that says that the log is not the one
//! it knows is an alarm, in the log, in metrics, at `/readyz` and as an entry. Only where configuration
//! requires a quorum, nothing is disclosed without it.
//!
//! Deliberately absent: being a witness, and trust in one's words beyond its signature.

mod ask;
mod standing;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use self::ask::{Trouble, ask};
use self::standing::{Standing, age_seconds};
use crate::clock::Clock;
use crate::config::{LedgerSettings, WitnessingSettings};
use crate::entry::{Entry, Event, GatewayNote};
use crate::identity::fetch::{FetchUrl, Reach};
use crate::ledger::cosignature::{self, Taken};
use crate::ledger::{KEYS_FILE, Keys, Ledger, WitnessKey};
use crate::telemetry::Metrics;

/// Between two looks at whether a round is due and there is a quorum.
const TICK: Duration = Duration::from_secs(1);

/// The longest a stop waits for the end of the ledger to be published and cosigned. Longer than a fetch takes at
/// most, so that a witness that does not answer does not lose what the others sign.
const LAST_ROUND: Duration = Duration::from_secs(8);

/// All witnesses of the ledger.
#[derive(Debug)]
pub struct Witnesses {
    all: Vec<Witness>,
    settings: WitnessingSettings,
    ledger: Ledger,
    keys: Keys,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// Whether there was a quorum when it was last looked at; not known before the first round.
    quorate: Mutex<Option<bool>>,
}

/// One of them.
#[derive(Debug)]
struct Witness {
    key: WitnessKey,
    url: FetchUrl,
    standing: Mutex<Standing>,
}

impl Witness {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witnesses {
    /// Those of the ledger that `settings` configure, where there are some. To be made before the first request
    /// is taken, as they may have to vouch for what is disclosed. Reads files, so it blocks.
    ///
    /// # Errors
    ///
    /// As of [`Self::new`].
    pub fn configured(
        settings: &LedgerSettings,
        ledger: &Ledger,
        clock: &Clock,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Arc<Self>>, String> {
        let Some(witnessing) = &settings.witnessing else {
            return Ok(None);
        };
        let directory = &settings.directory;
        let keys = std::fs::read_to_string(directory.join(KEYS_FILE));
        let keys = Keys::parse(&keys.map_err(|error| error.to_string())?);
        let keys = keys.map_err(|error| error.to_string())?;
        let (ledger, clock) = (ledger.clone(), clock.clone());
        let metrics = Arc::clone(metrics);
        let all = Self::new(witnessing.clone(), ledger, directory, keys, clock, metrics);
        all.map(|all| Some(Arc::new(all)))
    }

    /// Those that `settings` name, as they stood with the ledger in `directory`. Reads files, so it blocks.
    ///
    /// # Errors
    ///
    /// What is wrong with a URL, a key, or a checkpoint that is kept there, in words.
    pub fn new(
        settings: WitnessingSettings,
        ledger: Ledger,
        directory: &Path,
        keys: Keys,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        let kept = crate::ledger::cosigned(directory, &keys).map_err(|error| error.to_string())?;
        let reach = Reach {
            authorities: settings.authority.clone(),
            private_hosts: settings.private_hosts.clone(),
        };
        let mut all: Vec<Witness> = Vec::new();
        for witness in &settings.witnesses {
            let key = WitnessKey::parse(&witness.key);
            let key = key.map_err(|error| format!("`{}`: {error}", witness.key))?;
            if key.name() == keys.name() || all.iter().any(|other| other.key.name() == key.name()) {
                return Err(format!(
                    "`{}` is the name of the log or of another witness",
                    key.name()
                ));
            }
            let url = FetchUrl::of_witness(&witness.url, &reach);
            let url = url.map_err(|error| error.to_string())?;
            let standing = Mutex::new(Standing::kept(&kept, &key, clock.now()));
            all.push(Witness { key, url, standing });
        }
        let witnesses = Self {
            all,
            settings,
            ledger,
            keys,
            clock,
            metrics,
            quorate: Mutex::default(),
        };
        // From the first request on.
        witnesses.hold(witnesses.is_quorate());
        Ok(witnesses)
    }

    /// Their keys.
    pub fn keys(&self) -> Vec<WitnessKey> {
        self.all.iter().map(|witness| witness.key.clone()).collect()
    }

    /// Has the log cosigned every so often, for ever.
    pub async fn keep_cosigned(&self) {
        let interval = Duration::from_secs(self.settings.interval_seconds.into());
        let mut asked = None;
        loop {
            let now = self.clock.instant();
            let due = asked.is_none_or(|asked| now.duration_since(asked) >= interval);
            if due && self.round().await {
                asked = Some(now);
            }
            self.judge(asked.is_some());
            tokio::time::sleep(TICK).await;
        }
    }

    /// Has what is recorded published and cosigned a last time, before the ledger is closed, as far as that
    /// takes no longer than 8 s.
    pub async fn last_round(&self) {
        let last = async {
            self.ledger.publish().await;
            self.round().await
        };
        if tokio::time::timeout(LAST_ROUND, last).await.is_err() {
            tracing::warn!(
                "the end of the ledger was not cosigned in time; witnesses are asked after the next start"
            );
        }
    }

    /// Asks each witness to cosign the published checkpoint; false where none is published yet.
    pub async fn round(&self) -> bool {
        let Some(published) = self.ledger.published_checkpoint() else {
            return false;
        };
        let read = self.keys.read_checkpoint(&published);
        let bare = cosignature::without(&published);
        let (Ok(checkpoint), Ok(note)) = (read, bare) else {
            tracing::error!("the published checkpoint cannot be read: no witness is asked");
            return false;
        };
        let (size, note) = (checkpoint.size, note.as_str());
        let asked = self.all.iter().map(|witness| {
            let known = witness.standing().size;
            async move {
                let answer = ask(&self.ledger, &witness.url, &witness.key, note, size, known);
                (witness, answer.await)
            }
        });
        let mut taken: Vec<Taken> = Vec::new();
        let mut by = Vec::new();
        for (witness, answer) in join_all(asked).await {
            match answer {
                Ok(answer) => {
                    taken.push(answer);
                    by.push(witness.key.id_text());
                    self.cosigned(witness, size);
                }
                Err(trouble) => self.in_trouble(witness, trouble),
            }
        }
        match cosignature::add(note, &taken) {
            Ok(note) if !taken.is_empty() => self.ledger.keep_cosigned(note, size, by),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the cosignatures cannot be published"),
        }
        true
    }

    fn cosigned(&self, witness: &Witness, size: u64) {
        let before = witness.standing().cosigned(size, self.clock.now());
        if let Some(trouble) = before {
            tracing::info!(witness = witness.key.name(), before = %trouble, "cosigned again");
        }
    }

    /// Tells of a trouble once, until it is another.
    fn in_trouble(&self, witness: &Witness, trouble: Trouble) {
        let name = witness.key.name();
        self.metrics.witness_failed(name, trouble.kind());
        let is_alarm = trouble.is_alarm();
        let told = format!("{name}: {trouble}");
        if !witness.standing().troubled(trouble) {
            return;
        }
        if is_alarm {
            tracing::error!(
                witness = name,
                "ALARM: a witness refuses the ledger: {told}"
            );
            self.note("witness-alarm", told);
        } else {
            tracing::warn!(witness = name, "the ledger is not cosigned: {told}");
        }
    }

    /// Looks whether there is a quorum, and tells where that has changed.
    fn judge(&self, asked: bool) {
        let now = self.is_quorate();
        self.hold(now);
        let mut before = self.quorate.lock().unwrap_or_else(PoisonError::into_inner);
        if !asked || *before == Some(now) {
            return;
        }
        let detail = self.quorum_in_words();
        if !now {
            tracing::error!("ALARM: {detail}");
            self.note("witness-quorum-lost", detail);
        } else if before.is_some() {
            tracing::info!("witnesses enough vouch for the ledger again");
            self.note("witness-quorum-back", detail);
        }
        *before = Some(now);
    }

    fn hold(&self, is_quorate: bool) {
        self.ledger.hold(self.settings.required && !is_quorate);
    }

    /// Whether enough witnesses have cosigned lately.
    pub fn is_quorate(&self) -> bool {
        let now = self.clock.now();
        let within = u64::from(self.settings.quorum_seconds);
        let lately = |at: Timestamp| age_seconds(at, now) <= within;
        let count = self.all.iter();
        let count = count.filter(|witness| witness.standing().at.is_some_and(lately));
        u32::try_from(count.count()).is_ok_and(|count| count >= self.settings.quorum)
    }

    /// Whether nothing is disclosed without a quorum.
    pub fn is_required(&self) -> bool {
        self.settings.required
    }

    fn quorum_in_words(&self) -> String {
        let (quorum, seconds) = (self.settings.quorum, self.settings.quorum_seconds);
        format!("{quorum} of the witnesses must have cosigned the ledger within {seconds} s")
    }

    /// What people must know, a line each; nothing where all is well.
    pub fn complaints(&self) -> String {
        let mut lines = String::new();
        if !self.is_quorate() {
            lines.push_str(&format!("no quorum: {}\n", self.quorum_in_words()));
        }
        for witness in &self.all {
            let standing = witness.standing();
            if let Some(trouble) = &standing.trouble {
                let alarm = if trouble.is_alarm() { "ALARM: " } else { "" };
                let name = witness.key.name();
                lines.push_str(&format!("witness `{name}`: {alarm}{trouble}\n"));
            }
        }
        lines
    }

    /// Notes in the metrics how far behind each witness is.
    pub fn measure(&self) {
        let (now, size) = (self.clock.now(), self.ledger.size());
        for witness in &self.all {
            let standing = witness.standing();
            let age = standing.at.map(|at| age_seconds(at, now));
            let alarm = standing.trouble.as_ref().is_some_and(Trouble::is_alarm);
            let behind = size.saturating_sub(standing.size);
            let name = witness.key.name();
            self.metrics.witness(name, behind, age, alarm);
        }
        self.metrics.witness_quorum(self.is_quorate());
    }

    fn note(&self, what: &str, detail: String) {
        let note = GatewayNote {
            what: what.to_owned(),
            detail: Some(detail),
            policy: None,
        };
        match Entry::new(self.clock.now(), Event::Gateway(note)) {
            Ok(entry) => self.ledger.note(entry),
            Err(reason) => tracing::error!(%reason, what, "not on record"),
        }
    }
}
