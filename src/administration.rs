//! What people do, as opposed to partners: one service, whatever people reach it by. Whoever calls is an [`Actor`] in one role; who may do what is one table
//! ([`Deed::roles`]); and whatever is done, or looked up about a customer, is an entry in the ledger
//! first and a fact second, so that nothing was ever done without a trace.
//!
//! Tightening needs one person. Loosening needs two different ones, one of them legal
//! (`administration/two_persons.rs`).
//!
//! The command line reaches it over a Unix socket ([`server`], [`client`]); the actor there is the
//! operating-system user, as `covenant.toml` maps it ([`actors`]). Deliberately absent: passwords,
//! sessions, and any way to act that is not here.

pub mod actors;
pub mod client;
mod customers;
mod destroyed;
mod disclosures;
pub mod entries;
mod evidence;
mod forgetting;
mod hits;
pub mod messages;
pub mod paper;
mod partners;
mod policies;
mod preserved;
mod purging;
mod report;
pub mod server;
mod shadow;
mod simulate;
mod suspensions;
mod two_persons;
mod whom;
mod words;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use self::messages::ProblemKind;

use crate::allowance::Allowance;
use crate::clock::Clock;
use crate::config::RetentionSettings;
use crate::entry::{Act, Entry, Event};
use crate::index::{FindError, Index};
use crate::ledger::proof::NotProven;
use crate::ledger::{Ledger, NotRecorded, ReadError, WitnessKey};
use crate::mistakes::{Look, Mistakes};
use crate::policy::contract::Contract;
use crate::publishing::Publishing;
use crate::registry::{NotKept, Registry};

/// The longest reason a person may give, in bytes.
pub const BECAUSE_BYTES_MAX: usize = 1_000;

/// What a person is, while doing something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the gateway.
    Operator,
    /// Looks after partners and their contracts.
    PartnerManager,
    /// Answers for the promises.
    Legal,
    /// Reads, and changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [
        Self::Operator,
        Self::PartnerManager,
        Self::Legal,
        Self::Auditor,
    ];

    /// The word used in `covenant.toml` and in entries.
    pub fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::PartnerManager => "partner_manager",
            Self::Legal => "legal",
            Self::Auditor => "auditor",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// A person, in the role they act in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The person's name. Two actors of one name are one person.
    pub name: Arc<str>,
    /// The role.
    pub role: Role,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the name of each deed is its documentation")]
pub enum Deed {
    PartnerRead,
    PartnerSuspend,
    PartnerResume,
    PartnerEnd,
    CustomersImport,
    CustomersShow,
    LedgerSearch,
    LedgerReport,
    LedgerReindex,
    LedgerEvidence,
    LedgerHold,
    LedgerRelease,
    LedgerPurge,
    LedgerExport,
    CustomersForget,
    PolicyRead,
    PolicyPublish,
    PolicyRollback,
    PolicySimulate,
    PolicyHits,
    PolicyShadow,
}

impl Deed {
    /// Every deed.
    pub const ALL: [Self; 21] = [
        Self::PartnerRead,
        Self::PartnerSuspend,
        Self::PartnerResume,
        Self::PartnerEnd,
        Self::CustomersImport,
        Self::CustomersShow,
        Self::LedgerSearch,
        Self::LedgerReport,
        Self::LedgerReindex,
        Self::LedgerEvidence,
        Self::LedgerHold,
        Self::LedgerRelease,
        Self::LedgerPurge,
        Self::LedgerExport,
        Self::CustomersForget,
        Self::PolicyRead,
        Self::PolicyPublish,
        Self::PolicyRollback,
        Self::PolicySimulate,
        Self::PolicyHits,
        Self::PolicyShadow,
    ];

    /// Its name in entries.
    pub fn name(self) -> &'static str {
        match self {
            Self::PartnerRead => "partner.read",
            Self::PartnerSuspend => "partner.suspend",
            Self::PartnerResume => "partner.resume",
            Self::PartnerEnd => "partner.end",
            Self::CustomersImport => "customers.import",
            Self::CustomersShow => "customers.show",
            Self::LedgerSearch => "ledger.search",
            Self::LedgerReport => "ledger.report",
            Self::LedgerReindex => "ledger.reindex",
            Self::LedgerEvidence => "ledger.evidence",
            Self::LedgerHold => "ledger.hold",
            Self::LedgerRelease => "ledger.release",
            Self::LedgerPurge => "ledger.purge",
            Self::LedgerExport => "ledger.export",
            Self::CustomersForget => "customers.forget",
            Self::PolicyRead => "policy.read",
            Self::PolicyPublish => "policy.publish",
            Self::PolicyRollback => "policy.rollback",
            Self::PolicySimulate => "policy.simulate",
            Self::PolicyHits => "policy.hits",
            Self::PolicyShadow => "policy.shadow",
        }
    }

    /// Who may do it.
    pub fn roles(self) -> &'static [Role] {
        use Role::{Auditor, Legal, Operator, PartnerManager};
        match self {
            Self::PartnerRead | Self::PolicyRead | Self::PolicyHits => {
                &[Operator, PartnerManager, Legal, Auditor]
            }
            Self::PartnerSuspend => &[Operator, PartnerManager, Legal],
            Self::PartnerResume => &[Legal, Operator, PartnerManager],
            Self::CustomersImport | Self::LedgerReindex => &[Operator],
            Self::LedgerHold => &[Legal],
            Self::LedgerRelease | Self::LedgerPurge | Self::CustomersForget => {
                &[Legal, PartnerManager, Operator]
            }
            Self::LedgerExport => &[Legal, Auditor, Operator],
            Self::CustomersShow => &[PartnerManager, Legal],
            Self::LedgerSearch | Self::LedgerReport | Self::LedgerEvidence => &[Legal, Auditor],
            Self::PartnerEnd | Self::PolicyPublish | Self::PolicyRollback | Self::PolicyShadow => {
                &[Legal, PartnerManager]
            }
            Self::PolicySimulate => &[PartnerManager, Legal, Operator],
        }
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// The role does not allow it.
    #[error(
        "`{}` is not for the role {role}; it is for {}",
        deed.name(),
        words(deed.roles())
    )]
    NotAllowed {
        /// What was asked.
        deed: Deed,
        /// The role it was asked in.
        role: Role,
    },
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be done like this; the message says how.
    #[error("{0}")]
    Mistaken(String),
    /// What was asked makes no sense; the message says what would.
    #[error("{0}")]
    Misasked(String),
    /// The policies sent have mistakes: all of them, rendered.
    #[error("nothing was changed, because of {count}:\n\n{rendered}")]
    Invalid {
        /// How many, in words.
        count: String,
        /// All of them, each at its place.
        rendered: String,
    },
    /// There is no entry for it, so it was not done.
    #[error("nothing was done, because it could not be recorded: {0}")]
    NotRecorded(String),
    /// The entry is there, the fact is not.
    #[error(transparent)]
    NotKept(#[from] NotKept),
    /// The ledger could not be read.
    #[error("the ledger could not be read: {0}")]
    Unreadable(String),
    /// Something in the ledger is not what was recorded.
    #[error(
        "the ledger is damaged: {0}. Leave it as it is, copy its directory, and run `covenant ledger verify --dir \
         COPY --key KEY`, which names the first bad entry; what to do then is told in docs/operating.md, \"When the \
         ledger is damaged\""
    )]
    Damaged(String),
}

impl NotDone {
    /// The status it is answered with.
    fn status(&self) -> StatusCode {
        match self {
            Self::NotAllowed { .. } => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid { .. } => StatusCode::BAD_REQUEST,
            Self::Mistaken(_) | Self::Misasked(_) | Self::NotKept(NotKept::Import(_)) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::NotKept(NotKept::Contradiction(_)) => StatusCode::CONFLICT,
            Self::NotRecorded(_) | Self::NotKept(NotKept::Storage(_)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Unreadable(_) | Self::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What a command makes of it.
    fn kind(&self) -> ProblemKind {
        match self {
            Self::Misasked(_) => ProblemKind::Usage,
            Self::Damaged(_) => ProblemKind::Damaged,
            _ => ProblemKind::Other,
        }
    }
}

impl From<Mistakes> for NotDone {
    fn from(mistakes: Mistakes) -> Self {
        Self::Invalid {
            count: mistakes.counted(),
            rendered: mistakes.render(Look::Plain),
        }
    }
}

impl From<NotRecorded> for NotDone {
    fn from(error: NotRecorded) -> Self {
        Self::NotRecorded(error.to_string())
    }
}

impl From<FindError> for NotDone {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Log(error) => error.into(),
            FindError::Entry { .. } => Self::Damaged(error.to_string()),
            FindError::Index(_) | FindError::File { .. } => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<ReadError> for NotDone {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(damage) => Self::Damaged(damage.to_string()),
            error => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<NotProven> for NotDone {
    fn from(error: NotProven) -> Self {
        match error {
            NotProven::Read(error) => error.into(),
            error => Self::Unreadable(error.to_string()),
        }
    }
}

fn words(roles: &[Role]) -> String {
    roles
        .iter()
        .map(|role| role.word())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The contracts in force at the moment it is called.
pub type Contracts = Box<dyn Fn() -> Vec<Arc<Contract>> + Send + Sync>;

/// The ledger, as the service reads and writes it.
#[derive(Debug)]
pub struct Record {
    /// The open ledger.
    pub ledger: Ledger,
    /// Where it is kept.
    pub directory: PathBuf,
    /// By what its entries are found.
    pub index: Arc<Index>,
    /// How long they are kept; for ever, where nothing is said.
    pub retention: Option<RetentionSettings>,
    /// Who is asked to cosign it, by their keys.
    pub witnesses: Vec<WitnessKey>,
}

/// The service. Share it behind an `Arc`.
pub struct Administration {
    registry: Arc<Registry>,
    ledger: Ledger,
    ledger_directory: PathBuf,
    index: Arc<Index>,
    retention: Option<RetentionSettings>,
    witnesses: Vec<WitnessKey>,
    contracts: Contracts,
    publishing: Arc<Publishing>,
    allowance: Arc<Allowance>,
    clock: Clock,
    /// One change at a time: between looking who went first and acting as the second, nobody else.
    changing: Mutex<()>,
    /// While something is destroyed, which may take minutes, nobody places a hold; whatever else people do goes
    /// on. Locked before `changing`.
    purging: Mutex<()>,
    /// One simulation at a time: each holds a set of rules and keeps a thread busy.
    simulating: Mutex<()>,
}

impl fmt::Debug for Administration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Administration")
            .finish_non_exhaustive()
    }
}

impl Administration {
    /// The service over the gateway's own registry, ledger, policy set in force and budgets.
    pub fn new(
        registry: Arc<Registry>,
        record: Record,
        contracts: Contracts,
        publishing: Arc<Publishing>,
        allowance: Arc<Allowance>,
        clock: Clock,
    ) -> Self {
        Self {
            registry,
            ledger: record.ledger,
            ledger_directory: record.directory,
            index: record.index,
            retention: record.retention,
            witnesses: record.witnesses,
            contracts,
            publishing,
            allowance,
            clock,
            changing: Mutex::default(),
            purging: Mutex::default(),
            simulating: Mutex::default(),
        }
    }

    fn allow(actor: &Actor, deed: Deed) -> Result<(), NotDone> {
        if deed.roles().contains(&actor.role) {
            return Ok(());
        }
        Err(NotDone::NotAllowed {
            deed,
            role: actor.role,
        })
    }

    /// The entry that comes before the deed: its index in the log, once it is durable.
    async fn enter(
        &self,
        actor: &Actor,
        action: String,
        object: Option<String>,
        because: Option<String>,
    ) -> Result<u64, NotDone> {
        let act = Act {
            actor: actor.name.to_string(),
            role: actor.role.word().to_owned(),
            action,
            object,
            because,
        };
        let entry = Entry::new(self.clock.now(), Event::Act(act))
            .map_err(|error| NotDone::NotRecorded(error.to_string()))?;
        Ok(self.ledger.append(entry).await?.index())
    }
}

/// A reason, as people must give one: some words, on one line.
fn reason(because: &str) -> Result<String, NotDone> {
    let because = because.trim();
    if because.is_empty() || because.len() > BECAUSE_BYTES_MAX || because.contains(char::is_control)
    {
        return Err(NotDone::Misasked(format!(
            "say why with --because, on one line of at most {BECAUSE_BYTES_MAX} bytes"
        )));
    }
    Ok(because.to_owned())
}

#[cfg(test)]
mod tests;
