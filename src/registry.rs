//! What the gateway knows for a fact: the book of customers (whose customer someone is, and the
//! random [`CustomerRef`] that stands for them in the ledger), whose a job, list or document is and
//! what it was uploaded for, suspensions, consents, which figures were told, acts that wait for their second person,
//! which proofs of possession were seen, and every policy set that was published, with all its files.
//!
//! One SQLite file, written by one thread that gathers what waits into one transaction (WAL,
//! `synchronous=FULL`), so a change is on disk when its call returns. The whole book is also in
//! memory, and the request path reads only that: no SQL, no lock held longer than a look-up. That
//! costs about 250 bytes for each customer and 160 for each job, list or document with ids of 16
//! characters, measured with a million of each; ten million customers are 2.5 GB, which is where a
//! cluster's database takes over.
//! Keyed fingerprints of e-mail, telephone and address are on disk alone.
//!
//! A change of a fact is first an entry in the ledger: calls that change something take that entry's
//! log index and keep it beside the fact.
//!
//! Deliberately absent: who may change what (`administration`), contact data in clear, history (the
//! ledger has it) but that of policy sets, and what their files mean (`rules`).

mod consents;
mod customers;
mod database;
mod figures;
mod fingerprint;
mod forgetting;
mod import;
mod keys;
mod policy_sets;
mod policy_shadow;
mod proofs;
mod proposals;
mod recipient_keys;
mod resources;
mod shards;
mod suspensions;
mod writer;

use std::path::Path;
use std::sync::Arc;

use crate::clock::Clock;
use crate::terms::CustomerRef;

pub use consents::{Agreement, Consent};
pub use customers::{CustomerRow, FINGERPRINTS_MAX};
pub use database::CannotOpen;
pub use figures::{Against, Asking, NotAnswered, QUESTION_DAYS, QUESTIONS_MAX};
pub use forgetting::{HOLDS_MAX, Hold};
pub use import::{IMPORT_ROWS_MAX, Import, ImportMistake, ImportMistakes, ImportReport};
pub use policy_sets::{HISTORY_SHOWN_MAX, InForce, KeptSet, POLICY_PROPOSAL, Publication};
pub use policy_shadow::InShadow;
pub use proofs::{Claimed, PARTNER_PROOFS_MAX, PROOFS_MAX};
pub use proposals::{PROPOSAL_LIFE_HOURS, Proposal};
pub use recipient_keys::{Period, RecipientMonths};
pub use resources::ResourceRow;
pub use suspensions::{SUSPENSIONS_MAX, Suspension, Suspensions, TOKEN_SUSPENSION_HOURS};

use fingerprint::Fingerprints;
use recipient_keys::RecipientKeys;
use writer::Writer;

/// The longest id of a customer, job, list or document, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// The facts, in memory and on disk. Share it behind an `Arc`; dropping it waits until what was
/// noticed is written.
#[derive(Debug)]
pub struct Registry {
    clock: Clock,
    fingerprints: Arc<Fingerprints>,
    memory: Arc<Memory>,
    writer: Writer,
}

/// Everything the request path reads. Changed by the writer's thread after each commit, in the
/// order of commits; only what is merely noticed is put here first.
#[derive(Debug, Default)]
struct Memory {
    customers: customers::Customers,
    resources: resources::Resources,
    suspensions: Arc<Suspensions>,
    consents: consents::Consents,
    proofs: Arc<proofs::Proofs>,
}

/// A fact was not kept; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// It contradicts what the book holds.
    #[error("{0}")]
    Contradiction(String),
    /// The lines of an import that cannot be taken.
    #[error(transparent)]
    Import(#[from] ImportMistakes),
    /// The disk or the database failed.
    #[error("the registry could not be written: {0}")]
    Storage(String),
}

impl From<rusqlite::Error> for NotKept {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

impl Registry {
    /// Opens the database at `path`, or makes it, and reads the whole book into memory. Keys stand beside
    /// it (mode 0600): `<path>.lookup.key`, made with a new database and demanded with an old one, and
    /// one for each month, `<path>.recipient-2026-11.key`. Holds the file exclusively. Blocks.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, CannotOpen> {
        let connection = database::open(path)?;
        let empty = database::is_empty(&connection)?;
        let recipients = RecipientKeys::open(path, &connection, empty, clock.now())?;
        let fingerprints = Fingerprints::open(path, empty, recipients)?;
        let memory = Memory::load(&connection)?;
        Ok(Self {
            clock,
            fingerprints: Arc::new(fingerprints),
            memory: Arc::new(memory),
            writer: Writer::start(connection).map_err(CannotOpen::Thread)?,
        })
    }

    /// The reference of a mail recipient, by normalised name and postal address: the same person
    /// gets the same one all month (UTC), and without that month's key nobody can tell who. `None` where
    /// neither holds a letter or digit: such a person cannot be counted, so must not be disclosed. The first
    /// of a month that was not prepared for writes a file.
    ///
    /// # Errors
    /// Where there is no key for this month, and none can be made.
    pub fn recipient_reference(
        &self,
        name: &str,
        address: &str,
    ) -> Result<Option<CustomerRef>, NotKept> {
        let now = self.clock.now();
        let (reference, made) = self.fingerprints.recipient(name, address, now)?;
        self.note_recipient_key(made);
        Ok(reference)
    }

    /// Every reference that the recipient may have in entries, of the months whose keys are still there, and
    /// which those are that are not. There are no references where neither holds a letter or digit.
    pub fn recipient_months(&self, name: &str, address: &str) -> RecipientMonths {
        self.fingerprints.recipient_ever(name, address)
    }
}

impl Memory {
    fn load(connection: &rusqlite::Connection) -> rusqlite::Result<Self> {
        let memory = Self::default();
        memory.customers.load(connection)?;
        memory.resources.load(connection)?;
        memory.suspensions.load(connection)?;
        memory.consents.load(connection)?;
        memory.proofs.load(connection)?;
        Ok(memory)
    }
}

/// A log index as SQLite keeps integers.
fn entry_column(entry_index: u64) -> i64 {
    i64::try_from(entry_index).unwrap_or(i64::MAX)
}

/// Whether `id` can be one: not empty, not too long, no control characters, and no space around it,
/// which a core that reads it from a header would take away, and so read another id.
fn is_id(id: &str) -> bool {
    let sized = !id.is_empty() && id.len() <= ID_BYTES_MAX;
    sized && id.trim() == id && !id.chars().any(char::is_control)
}

fn check_id(id: &str) -> Result<(), NotKept> {
    if is_id(id) {
        return Ok(());
    }
    Err(NotKept::Contradiction(format!(
        "an id must have 1 to {ID_BYTES_MAX} bytes, no control characters and no space around it"
    )))
}

#[cfg(test)]
mod tests;
