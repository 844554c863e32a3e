//! What goes over the socket: JSON both ways, the same types on both sides.

mod partners;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::partners::{PartnerEnd, UsageShown, WindowShown};
use crate::registry::{Proposal, Suspension};
use crate::terms::PartnerKind;

mod ledger;
mod purging;

pub use ledger::{
    CustomerChange, CustomerChanged, ExportTold, Found, HoldShown, Incomplete, NameAndAddress,
    Occurrence, RecipientAccounted, RecipientShown, RecipientTyped, Report, ReportQuery,
    SearchAnswer, SearchQuery, Series,
};
pub use purging::{
    Destroyed, Held, Preserved, PreservedPackage, PurgeAsked, PurgePlan, PurgeProposed, Purged,
};

/// Header that names the role to act in, by its word.
pub const ROLE_HEADER: &str = "covenant-role";

/// Body of an answer that is not a success.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// What went wrong and what to do, for people.
    pub error: String,
    /// What kind of thing that is, for programs.
    #[serde(default)]
    pub kind: ProblemKind,
}

/// What a command makes of a [`Problem`] beside its status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// What the status says.
    #[default]
    Other,
    /// What was asked makes no sense.
    Usage,
    /// The ledger is damaged.
    Damaged,
}

/// A partner, as listed and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerShown {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its postal address.
    pub address: String,
    /// Dealer, reseller or co-brand.
    pub kind: PartnerKind,
    /// The parent of a co-brand.
    pub parent: Option<String>,
    /// Its contract: `acme.7`.
    pub contract: String,
    /// Purposes it may declare.
    pub purposes: Vec<String>,
    /// Its request rate.
    pub requests_per_minute: u32,
    /// Its budget of distinct customers per UTC day.
    pub customers_per_day: u32,
    /// Its budget of distinct customers per UTC month.
    pub customers_per_month: u32,
    /// Its budget of distinct recipients of mail per UTC day, where it has one.
    pub recipients_per_day: Option<u32>,
    /// Its budget of distinct recipients of mail per UTC month, where it has one.
    pub recipients_per_month: Option<u32>,
    /// Where it is suspended: since when, by whom and why.
    pub suspended: Option<ByAndWhy>,
    /// Where one person asked to resume it and a second is awaited. Not told in lists.
    pub resume_proposed: Option<ByAndWhy>,
}

/// Who did something, when, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByAndWhy {
    /// When.
    pub time: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    pub because: String,
}

impl From<Suspension> for ByAndWhy {
    fn from(suspension: Suspension) -> Self {
        Self {
            time: suspension.since,
            by: suspension.by.to_string(),
            because: suspension.because.to_string(),
        }
    }
}

impl From<Proposal> for ByAndWhy {
    fn from(first: Proposal) -> Self {
        Self {
            time: first.time,
            by: first.actor,
            because: first.because,
        }
    }
}

/// Body of a suspension, or of an end of one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// `partner`, `certificate`, `client` or `token`.
    pub kind: String,
    /// A partner's id, `sha256:` and a thumbprint, a `client_id`, a `jti`.
    pub name: String,
    /// Why.
    pub because: String,
}

/// Somebody who is suspended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspendedShown {
    /// As in [`Suspend`].
    pub kind: String,
    /// As in [`Suspend`].
    pub name: String,
    /// Since when, by whom and why.
    pub suspended: ByAndWhy,
    /// When it is forgotten: for a token, which must have expired then.
    pub until: Option<Timestamp>,
    /// Where one person asked to end it and a second is awaited.
    pub resume_proposed: Option<ByAndWhy>,
}

/// Answer to a suspension, or to an end of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    /// `suspended`, `resumed`, or `proposed` where a second person is needed.
    pub outcome: Outcome,
    /// Where the entry about it stands in the log.
    pub entry: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each word says it")]
pub enum Outcome {
    Suspended,
    Proposed,
    Resumed,
}

/// Which customer is meant.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerQuery {
    /// An id, a reference, an e-mail address, a telephone number or a postal address.
    pub customer: String,
    /// Why it is asked.
    pub because: Option<String>,
}

/// A customer of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerShown {
    /// Its id.
    pub id: String,
    /// Whose customer it is.
    pub partner: String,
    /// What stands for it in the ledger.
    pub reference: String,
}

/// A policy set to be published: its files, or the name or digest of the one that is proposed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyPublish {
    /// Every file of the folder, by its path below it.
    pub files: Option<BTreeMap<String, String>>,
    /// What waits for a second person.
    pub set: Option<String>,
    /// What was tested and proved of the files, in words.
    pub proof: Option<String>,
    /// Why.
    pub because: String,
}

/// An earlier policy set to be put in force again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRollback {
    /// Its name or digest; the one before the one in force, where absent.
    pub to: Option<String>,
    /// Why.
    pub because: String,
}

/// Answer to a publication or a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyChanged {
    /// What came of it.
    pub outcome: PolicyOutcome,
    /// Name of the set that was asked for.
    pub version: String,
    /// Its digest.
    pub digest: String,
    /// Where the entry about it stands in the log; none where nothing was to change.
    pub entry: Option<u64>,
    /// Why two people are needed, where they are.
    pub two_people_because: Vec<String>,
    /// Another set that waited for a second person until now.
    pub instead_of: Option<String>,
    /// What changes, in people and fields.
    pub comparison: String,
}

/// What came of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyOutcome {
    /// It decides from now on.
    InForce,
    /// It waits for a second person.
    Proposed,
    /// It was in force already.
    Unchanged,
}

/// One time that a policy set came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyPublicationShown {
    /// The set's name.
    pub version: String,
    /// Its digest.
    pub digest: String,
    /// Whether it is the one in force.
    pub in_force: bool,
    /// When.
    pub time: Timestamp,
    /// Who.
    pub by: String,
    /// What they did: `policy.publish`, `policy.rollback`, `policy.reload`, `policy.first`.
    pub how: String,
    /// Why.
    pub because: String,
    /// What was tested and proved of it, in words.
    pub proof: String,
    /// Its entry's index in the log.
    pub entry: u64,
}

/// A policy set that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySetShown {
    /// Its name.
    pub version: String,
    /// Its digest.
    pub digest: String,
    /// What was tested and proved of it, in words.
    pub proof: String,
    /// Names of its files.
    pub files: Vec<String>,
    /// When it came into force, the latest first.
    pub publications: Vec<PolicyPublicationShown>,
    /// What would change from what is in force; none where that is this set.
    pub comparison: Option<String>,
}

/// A policy set that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyProposalShown {
    /// The set.
    pub set: PolicySetShown,
    /// Who asked for it.
    pub proposed: ByAndWhy,
    /// The role they acted in.
    pub role: String,
    /// Why two people are needed.
    pub two_people_because: Vec<String>,
}

/// Which policies shall decide again what is on record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateQuery {
    /// The files of a policies folder, by their path below it.
    pub files: BTreeMap<String, String>,
    /// Only calls not before this time.
    pub since: Option<Timestamp>,
    /// How many calls are told of each difference.
    pub examples: usize,
}

/// Rules whose use is counted over the ledger.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HitsQuery {
    /// The promise, `P1` to `P18`, of each rule by its id.
    pub rules: BTreeMap<String, String>,
    /// Only entries not before this time.
    pub since: Timestamp,
}

/// A policy set for the shadow: its files, or its name or digest; neither ends the shadow.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyShadow {
    /// Every file of the folder, by its path below it.
    pub files: Option<BTreeMap<String, String>>,
    /// A set that is kept.
    pub set: Option<String>,
    /// Why.
    pub because: String,
}

/// Answer to a start or an end of a shadow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyShadowChanged {
    /// What came of it.
    pub outcome: ShadowOutcome,
    /// Name of the set.
    pub version: String,
    /// Its digest.
    pub digest: String,
    /// Where the entry about it stands in the log; none where nothing was to change.
    pub entry: Option<u64>,
    /// Another set that was in the shadow until now.
    pub instead_of: Option<String>,
}

/// What came of a change of the shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each word says it")]
pub enum ShadowOutcome {
    Started,
    Stopped,
    Unchanged,
}

/// The policy set in the shadow of the one in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyShadowShown {
    /// Its name.
    pub version: String,
    /// Its digest.
    pub digest: String,
    /// Since when, by whom, why.
    pub started: ByAndWhy,
    /// Where the entry about its start stands in the log.
    pub entry: u64,
    /// What it would have decided otherwise since, the most frequent first.
    pub differences: Vec<ShadowDifference>,
}

/// Requests that a set in the shadow would have decided otherwise, in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowDifference {
    /// What was decided: `allow`, `redact`, or the code of the refusal.
    pub decided: String,
    /// What the set in the shadow would have decided, likewise.
    pub instead: String,
    /// How many requests.
    pub count: u64,
    /// The first of them, by `Request-Id`.
    pub examples: Vec<String>,
}
