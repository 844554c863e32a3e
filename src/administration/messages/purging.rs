//! What is said over the socket about destroying what is past its term.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ByAndWhy;

/// What a purge would destroy, if two people asked for it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgePlan {
    /// The first entry that is there now.
    pub minimum: u64,
    /// The first that would be left.
    pub minimum_after: u64,
    /// How many entries of each kind would go.
    pub entries: BTreeMap<String, u64>,
    /// Time of the newest of them.
    pub newest: Option<Timestamp>,
    /// The terms: setting to days.
    pub terms: BTreeMap<String, u64>,
    /// What of it is copied into evidence packages first: what is on hold, and who put policy sets in force.
    pub held: Vec<Held>,
    /// The folder that these go into.
    pub held_folder: String,
    /// Months whose keys of mail recipients' fingerprints would go.
    pub recipient_keys: Vec<String>,
    /// Months whose keys are past their term and stay, as long as anything is on hold.
    pub recipient_keys_held: Vec<String>,
    /// What one person asked for already, where a second is awaited.
    pub proposed: Option<PurgeProposed>,
    /// What should be known of the terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// Entries that are kept, though they are destroyed in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// What they are about, as in a search: `customer:` and a reference, `decision:` and an act.
    pub about: String,
    /// How many of the entries that would go are.
    pub entries: u64,
    /// How many packages they need.
    pub packages: u64,
}

/// A purge that waits for its second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgeProposed {
    /// The first entry that would be left.
    pub minimum_after: u64,
    /// Months whose keys would go.
    pub recipient_keys: Vec<String>,
    /// Who asked, and why.
    pub by: ByAndWhy,
}

/// A purge is asked for, or agreed to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgeAsked {
    /// Why.
    pub because: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purged {
    /// Whether it is done; otherwise it waits for a second person.
    pub done: bool,
    /// Where the entry about it stands in the log.
    pub entry: u64,
    /// The first entry that is left, or would be.
    pub minimum: u64,
    /// How many entries are destroyed, or would be.
    pub entries: u64,
    /// Months whose keys are destroyed, or would be.
    pub recipient_keys: Vec<String>,
    /// Files of the evidence packages that were made first.
    pub held: Vec<String>,
}

/// What is not in the ledger any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destroyed {
    /// How many entries, from the first of the log on.
    pub entries: u64,
    /// How many of them were gone before the latest purge: all, where it destroyed keys alone.
    pub entries_before: u64,
    /// Time of the newest of them.
    pub newest: Option<Timestamp>,
    /// The entry about the latest purge.
    pub entry: u64,
    /// The terms that allowed what that one destroyed: setting to days.
    pub terms: BTreeMap<String, u64>,
    /// The newest month whose key of mail recipients' fingerprints was destroyed.
    pub recipient_keys_until: Option<String>,
}

/// What purges copied into evidence packages before they destroyed it, as far as it is about one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preserved {
    /// The folder that the packages are in; nothing where none is configured any more.
    pub folder: Option<String>,
    /// Those that have entries about the person, by name.
    pub packages: Vec<PreservedPackage>,
    /// How many more there are that were not looked into.
    #[serde(default)]
    pub more: u64,
    /// Why the packages there cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Where they cannot: SHA-256, hexadecimal, of all packages that the latest purge made first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<String>,
}

/// One evidence package that a purge made first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreservedPackage {
    /// Its file, in the folder.
    pub file: String,
    /// SHA-256 of it, hexadecimal.
    pub sha256: String,
    /// Entries about the person in it, by their places in the log.
    pub entries: Vec<u64>,
    /// What is wrong with it; then its entries cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}
