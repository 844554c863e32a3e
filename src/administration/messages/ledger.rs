//! What is said over the socket about the ledger.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ByAndWhy, Destroyed, Preserved};
use crate::entry::{Entry, Withheld};

/// What to look for in the ledger; everything that is given must fit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    /// A customer, as in [`super::CustomerQuery`].
    pub customer: Option<String>,
    /// Or a mail recipient, in entries of the months whose keys are still there.
    #[serde(default)]
    pub recipient: Option<RecipientTyped>,
    /// A partner's id.
    pub partner: Option<String>,
    /// A purpose, with those below it.
    pub purpose: Option<String>,
    /// An operation of the catalogue.
    pub operation: Option<String>,
    /// The kind of an entry, `allow` or `redact`, the code of a refusal, or what a person did.
    pub decision: Option<String>,
    /// A request's id.
    pub request: Option<String>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Only what stands after this entry: to go on where an answer ended.
    pub after: Option<u64>,
    /// Most entries to be told, 1 to 1,000; 1,000 where it is not said.
    pub limit: Option<u32>,
    /// Read the whole log, and not what its index says to read.
    #[serde(default)]
    pub scan: bool,
    /// Why it is asked.
    pub because: Option<String>,
}

/// A person on a customer's list, as somebody types name and postal address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientTyped {
    /// The whole name.
    pub name: String,
    /// The whole postal address.
    pub address: String,
}

/// A recipient of mail as the ledger names it, which is another name each month (UTC). The name and address
/// that were typed are in no report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientAccounted {
    /// Month (`2026-11`) to what stands for the recipient in entries of that month.
    pub references: BTreeMap<String, String>,
    /// Months whose keys were destroyed, each with the entry that says so: whether entries of these months
    /// are about this recipient, nobody can tell.
    pub destroyed: BTreeMap<String, u64>,
}

/// An export of the ledger that somebody is about to make.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportTold {
    /// In which form.
    pub format: String,
    /// From which entry on.
    pub from: u64,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Entries that fit.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchAnswer {
    /// The entries, oldest first.
    pub found: Vec<Found>,
    /// Whether there are more than are told at once.
    pub more: bool,
    /// How many entries were read.
    pub entries_read: u64,
    /// The signed checkpoint that each of them was proven under; nothing where none was found.
    pub checkpoint: Option<String>,
    /// What is not in the log any more, and so cannot be found.
    pub destroyed: Option<Destroyed>,
    /// As what a recipient was looked for, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<RecipientAccounted>,
}

/// An entry and its place.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Its index in the log.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
}

/// For whom to account: a customer or a recipient of mail.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportQuery {
    /// A customer, as in [`super::CustomerQuery`].
    pub customer: Option<String>,
    /// Or a mail recipient, in entries of the months whose keys are still there.
    #[serde(default)]
    pub recipient: Option<RecipientTyped>,
    /// Why it is asked.
    pub because: Option<String>,
    /// Read the whole log, and not what its index says to read.
    #[serde(default)]
    pub scan: bool,
}

/// An accounting of disclosures about one customer or recipient of mail (after 45 CFR 164.528).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What stands for the customer in the ledger; nothing where it is about a recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The customer's id, where the book still has it.
    pub customer: Option<String>,
    /// As what a recipient was looked for; nothing where it is about a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<RecipientAccounted>,
    /// When the report was made.
    pub time: Timestamp,
    /// How many entries were read for it.
    pub entries_read: u64,
    /// Disclosures, series of alike ones as one, by their first.
    pub disclosures: Vec<Series>,
    /// The signed checkpoint when it was made: what to verify the ledger against.
    pub checkpoint: String,
    /// What is not in the ledger any more, and so not accounted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroyed: Option<Destroyed>,
    /// Packages that have entries about this person which are not in the ledger any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserved: Option<Preserved>,
}

/// Disclosures to one recipient of the same data for the same purpose on the same basis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Who received it.
    pub recipient: RecipientShown,
    /// What: data category to form.
    pub data: BTreeMap<String, String>,
    /// By which operation.
    pub operation: String,
    /// What for.
    pub purpose: String,
    /// On what basis.
    pub basis: String,
    /// Where that is written down, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis_reference: Option<String>,
    /// Fields of those answers that were withheld.
    pub withheld: Vec<Withheld>,
    /// The first of them.
    pub first: Occurrence,
    /// How many.
    pub count: u64,
    /// The last of them.
    pub last: Occurrence,
    /// Those that did not leave whole, as far as that is known; oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Incomplete>,
}

/// A disclosure of which not all left, or of which that is not known. It was on record as if all had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incomplete {
    /// The `Request-Id` of the answer.
    pub request_id: String,
    /// How many bytes left; nothing where its end is not on record.
    pub bytes: Option<u64>,
    /// How many there were, where the core said so.
    pub bytes_expected: Option<u64>,
    /// Why not all of them.
    pub because: Option<String>,
}

/// One disclosure of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Occurrence {
    /// When.
    pub time: Timestamp,
    /// The `Request-Id` of the answer.
    pub request_id: String,
    /// Its entry's index in the log.
    pub entry: u64,
}

/// A recipient, as legal must name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientShown {
    /// `partner`, `customer`, `authority` or `staff`.
    pub kind: String,
    /// A partner's id, an order's reference, an actor's name.
    pub id: Option<String>,
    /// The name, as in the contract under which it was disclosed; nothing where that contract is not kept.
    pub name: Option<String>,
    /// The postal address, as in the same contract.
    pub address: Option<String>,
    /// Name and address in the contract in force when the report was made, where they are not those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<NameAndAddress>,
}

/// How a contract names a partner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameAndAddress {
    /// The name.
    pub name: String,
    /// The postal address.
    pub address: String,
}

/// Something to be done about one customer: to forget it, to place a hold, to end one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerChange {
    /// An id, a reference, an e-mail address, a telephone number or a postal address.
    pub customer: String,
    /// Why.
    pub because: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerChanged {
    /// Whether it is done; otherwise it waits for a second person.
    pub done: bool,
    /// What stands, or stood, for the customer in the ledger.
    pub reference: String,
    /// Where the entry about it stands in the log.
    pub entry: u64,
}

/// A legal hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldShown {
    /// What stands for the customer in the ledger.
    pub reference: String,
    /// The customer's id, where the book has it.
    pub customer: Option<String>,
    /// Since when, by whom and why.
    pub placed: ByAndWhy,
    /// Where one person asked to end it and a second is awaited.
    pub end_proposed: Option<ByAndWhy>,
}
