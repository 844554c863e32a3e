//! Counters for Prometheus (OpenMetrics text). Labels are closed lists: partner ids of contracts,
//! operation ids of the catalogue, statuses and codes of ours.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Finished;

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    duration: Family<OperationLabels, Histogram, fn() -> Histogram>,
    writable: Gauge,
    entries: Gauge<u64, AtomicU64>,
    notes_dropped: Gauge<u64, AtomicU64>,
    index_behind: Gauge<u64, AtomicU64>,
    unpublished: Gauge<u64, AtomicU64>,
    refusals_unrecorded: Counter,
    handshakes_failed: Family<HandshakeLabels, Counter>,
    policies: Family<PolicyLabels, Gauge>,
    reloads_refused: Counter,
    shadow_differences: Family<ShadowLabels, Counter>,
    cores: CoreMetrics,
    witnesses: WitnessMetrics,
}

/// Those of the ledger's witnesses.
#[derive(Debug, Default)]
struct WitnessMetrics {
    behind: Family<WitnessLabels, Gauge<u64, AtomicU64>>,
    age: Family<WitnessLabels, Gauge<u64, AtomicU64>>,
    alarms: Family<WitnessLabels, Gauge>,
    failures: Family<WitnessFailureLabels, Counter>,
    /// There at all only where there are witnesses.
    quorum: Family<NoLabels, Gauge>,
}

impl WitnessMetrics {
    fn registered(registry: &mut Registry) -> Self {
        let witnesses = Self::default();
        registry.register(
            "witness_behind",
            "Entries of the ledger that a witness has not cosigned yet",
            witnesses.behind.clone(),
        );
        registry.register_with_unit(
            "witness_age",
            "Since a witness has cosigned; nothing where it never has",
            Unit::Seconds,
            witnesses.age.clone(),
        );
        registry.register(
            "witness_alarm",
            "1 while a witness says that the ledger is not the one it knows, or signs wrongly",
            witnesses.alarms.clone(),
        );
        registry.register(
            "witness_failures",
            "Times a witness was asked and did not cosign",
            witnesses.failures.clone(),
        );
        registry.register(
            "witness_quorum",
            "1 while witnesses enough have cosigned the ledger lately",
            witnesses.quorum.clone(),
        );
        witnesses
    }
}

/// `why` is one word of a closed list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabels {
    why: &'static str,
}

/// A witness, by the name in its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WitnessLabels {
    witness: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NoLabels {}

/// `why` is one word of a closed list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WitnessFailureLabels {
    witness: String,
    why: &'static str,
}

/// Those of core services and their instances.
#[derive(Debug, Default)]
struct CoreMetrics {
    are_in: Family<InstanceLabels, Gauge>,
    requests: Family<InstanceLabels, Gauge>,
    ejections: Family<InstanceLabels, Counter>,
    retries: Family<RetryLabels, Counter>,
}

impl CoreMetrics {
    fn registered(registry: &mut Registry) -> Self {
        let cores = Self::default();
        registry.register(
            "core_in",
            "1 for an instance of a core that is asked, 0 for one that is left out",
            cores.are_in.clone(),
        );
        registry.register(
            "core_requests",
            "Requests under way at an instance of a core",
            cores.requests.clone(),
        );
        registry.register(
            "core_ejections",
            "Times an instance of a core was left out for failures in a row",
            cores.ejections.clone(),
        );
        registry.register(
            "core_retries",
            "Requests that could be asked of a core once more, and whether they were",
            cores.retries.clone(),
        );
        cores
    }
}

/// A core service by name, and one of its configured addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InstanceLabels {
    service: String,
    instance: String,
}

impl InstanceLabels {
    fn of(service: &str, instance: &str) -> Self {
        Self {
            service: service.to_owned(),
            instance: instance.to_owned(),
        }
    }
}

/// `made` is `no` where the share of retries was used up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RetryLabels {
    service: String,
    made: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PolicyLabels {
    version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    partner: String,
    operation: String,
    status: u16,
    code: String,
}

/// Decisions in words: `allow`, `redact`, or the code of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShadowLabels {
    operation: String,
    decided: String,
    instead: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: String,
}

/// Seconds; 1 ms to 8 s in doublings.
fn duration_histogram() -> Histogram {
    Histogram::new((0..14).map(|doubling| 0.001 * f64::from(1_u32 << doubling)))
}

/// What is not on record: refusals beyond a limit, and handshakes that failed.
fn unrecorded(registry: &mut Registry) -> (Counter, Family<HandshakeLabels, Counter>) {
    let refusals = Counter::default();
    registry.register(
        "refusals_unrecorded",
        "Refusals beyond what one certificate may put on record in a minute",
        refusals.clone(),
    );
    let handshakes = Family::<HandshakeLabels, Counter>::default();
    registry.register(
        "handshakes_failed",
        "TLS handshakes of partners that failed, by reason",
        handshakes.clone(),
    );
    (refusals, handshakes)
}

/// How far the index, and the published log, are behind the ledger.
fn behind(registry: &mut Registry) -> [Gauge<u64, AtomicU64>; 2] {
    [
        (
            "ledger_index_behind",
            "Entries of the ledger that its index does not have yet",
        ),
        (
            "ledger_unpublished",
            "Entries of the ledger that its published checkpoint does not cover yet",
        ),
    ]
    .map(|(name, help)| {
        let behind = Gauge::default();
        registry.register(name, help, behind.clone());
        behind
    })
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("covenant");
        let requests = Family::<RequestLabels, Counter>::default();
        let duration = Family::<OperationLabels, Histogram, _>::new_with_constructor(
            duration_histogram as fn() -> Histogram,
        );
        let (writable, entries) = (Gauge::default(), Gauge::default());
        let notes_dropped = Gauge::default();
        registry.register(
            "requests",
            "Requests answered, by outcome",
            requests.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "From arrival to answer",
            Unit::Seconds,
            duration.clone(),
        );
        registry.register(
            "ledger_writable",
            "1 while disclosures can be recorded",
            writable.clone(),
        );
        registry.register("ledger_entries", "Entries of the ledger", entries.clone());
        registry.register(
            "ledger_notes_dropped",
            "Refusals that could not be queued for the ledger",
            notes_dropped.clone(),
        );
        let [index_behind, unpublished] = behind(&mut registry);
        let (refusals_unrecorded, handshakes_failed) = unrecorded(&mut registry);
        let policies = Family::<PolicyLabels, Gauge>::default();
        registry.register("policy", "1 for the policy set in force", policies.clone());
        let reloads_refused = Counter::default();
        registry.register(
            "policy_reloads_refused",
            "Reloads of the policies folder that left the set in force",
            reloads_refused.clone(),
        );
        let shadow_differences = Family::<ShadowLabels, Counter>::default();
        registry.register(
            "shadow_differences",
            "Requests that the rules in the shadow would have decided otherwise",
            shadow_differences.clone(),
        );
        let cores = CoreMetrics::registered(&mut registry);
        let witnesses = WitnessMetrics::registered(&mut registry);
        Self {
            cores,
            witnesses,
            refusals_unrecorded,
            handshakes_failed,
            shadow_differences,
            policies,
            reloads_refused,
            registry,
            requests,
            duration,
            writable,
            entries,
            notes_dropped,
            index_behind,
            unpublished,
        }
    }
}

impl Metrics {
    /// Counts one request.
    pub fn finished(&self, finished: &Finished<'_>) {
        let text = |value: Option<&str>| value.unwrap_or("none").to_owned();
        let operation = text(finished.operation);
        self.duration
            .get_or_create(&OperationLabels {
                operation: operation.clone(),
            })
            .observe(finished.duration.as_secs_f64());
        self.requests
            .get_or_create(&RequestLabels {
                partner: text(finished.partner),
                operation,
                status: finished.status,
                code: text(finished.code),
            })
            .inc();
    }

    /// Notes how many entries of the ledger its index does not have yet.
    pub fn index_behind(&self, entries: u64) {
        self.index_behind.set(entries);
    }

    /// Notes how many entries of the ledger its published checkpoint does not cover yet.
    pub fn unpublished(&self, entries: u64) {
        self.unpublished.set(entries);
    }

    /// Counts a TLS handshake that failed, by one word of a closed list.
    pub fn handshake_failed(&self, why: &'static str) {
        let labels = HandshakeLabels { why };
        self.handshakes_failed.get_or_create(&labels).inc();
    }

    /// Counts a refusal that is not put on record, because its certificate caused too many.
    pub fn refusal_unrecorded(&self) {
        self.refusals_unrecorded.inc();
    }

    /// Notes which policy set is in force.
    pub fn policy(&self, version: &str) {
        let labels = PolicyLabels {
            version: version.to_owned(),
        };
        self.policies.clear();
        self.policies.get_or_create(&labels).set(1);
    }

    /// Counts a reload that left the set in force.
    pub fn policy_reload_refused(&self) {
        self.reloads_refused.inc();
    }

    /// Counts a request that the set in the shadow would have decided otherwise.
    pub fn shadow_differed(&self, operation: Option<&str>, decided: &str, instead: &str) {
        let labels = ShadowLabels {
            operation: operation.unwrap_or("none").to_owned(),
            decided: decided.to_owned(),
            instead: instead.to_owned(),
        };
        self.shadow_differences.get_or_create(&labels).inc();
    }

    /// Notes how the ledger stands.
    pub fn ledger(&self, writable: bool, entries: u64, notes_dropped: u64) {
        self.writable.set(i64::from(writable));
        self.entries.set(entries);
        self.notes_dropped.set(notes_dropped);
    }

    /// Notes how an instance of a core stands.
    pub fn core(&self, service: &str, instance: &str, is_in: bool, under_way: u32) {
        let labels = InstanceLabels::of(service, instance);
        self.cores
            .are_in
            .get_or_create(&labels)
            .set(i64::from(is_in));
        self.cores
            .requests
            .get_or_create(&labels)
            .set(under_way.into());
    }

    /// Counts that an instance of a core is left out for failures.
    pub fn core_ejected(&self, service: &str, instance: &str) {
        let labels = InstanceLabels::of(service, instance);
        self.cores.ejections.get_or_create(&labels).inc();
    }

    /// Counts a request that could be asked of a core once more.
    pub fn core_retried(&self, service: &str, made: bool) {
        let labels = RetryLabels {
            service: service.to_owned(),
            made: if made { "yes" } else { "no" },
        };
        self.cores.retries.get_or_create(&labels).inc();
    }

    /// Notes how a witness stands: entries it has not cosigned, seconds since it has, if ever, and
    /// whether what it says is an alarm.
    pub fn witness(&self, witness: &str, behind: u64, age_seconds: Option<u64>, is_alarm: bool) {
        let labels = WitnessLabels {
            witness: witness.to_owned(),
        };
        let Self { witnesses, .. } = self;
        witnesses.behind.get_or_create(&labels).set(behind);
        if let Some(age) = age_seconds {
            witnesses.age.get_or_create(&labels).set(age);
        }
        witnesses
            .alarms
            .get_or_create(&labels)
            .set(i64::from(is_alarm));
    }

    /// Notes whether witnesses enough have cosigned lately.
    pub fn witness_quorum(&self, is_quorate: bool) {
        let quorum = self.witnesses.quorum.get_or_create(&NoLabels {});
        quorum.set(i64::from(is_quorate));
    }

    /// Counts that a witness was asked and has not cosigned, and why in one word.
    pub fn witness_failed(&self, witness: &str, why: &'static str) {
        let labels = WitnessFailureLabels {
            witness: witness.to_owned(),
            why,
        };
        self.witnesses.failures.get_or_create(&labels).inc();
    }

    /// Everything as OpenMetrics text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => "# EOF\n".to_owned(),
        }
    }
}
