//! The entry under which the oldest part of the log is destroyed. It is durable before anything is, and
//! says what there was: how many entries of which kind, under which terms, who asked and who agreed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Entry, Event};

/// Bytes that an entry about a purge has, and no other: in canonical JSON a quotation mark within a text
/// is escaped, and no other member has this value.
const KIND: &[u8] = b"\"kind\":\"purge\"";

/// What was destroyed from this entry on, and on whose word. From version 5 on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purge {
    /// Who asked, and who agreed, in this order.
    pub approvals: Vec<Approval>,
    /// How many entries of each kind were destroyed.
    pub entries: BTreeMap<String, u64>,
    /// SHA-256, hexadecimal, of each evidence package that was made of it first: of what is on hold, and of
    /// who put policy sets in force.
    pub held: Vec<String>,
    /// The first entry of the log that is still there: the minimum index of C2SP tlog-tiles, a multiple of
    /// 256.
    pub minimum: u64,
    /// What it was before. The same, where only keys were destroyed.
    pub minimum_before: u64,
    /// Time of the newest entry destroyed; nothing where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
    /// Periods whose keys of recipients' fingerprints were destroyed, for example `2020-11`.
    pub recipient_keys: Vec<String>,
    /// The newest of those that were ever destroyed: of it and of those before there is to be no key, also
    /// after a backup was brought back. Nothing where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_keys_until: Option<String>,
    /// Root of the log of `size` entries, hexadecimal.
    pub root: String,
    /// Entries in the log when it was decided.
    pub size: u64,
    /// The terms that allowed it: setting to days.
    pub terms: BTreeMap<String, u64>,
}

/// One person's word for a purge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The actor's name.
    pub actor: String,
    /// The role acted in.
    pub role: String,
    /// Why, in the actor's words.
    pub because: String,
}

impl Purge {
    /// The purge that the canonical bytes of an entry are about, if they are about one. Far cheaper than
    /// to parse, where they are not.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        memchr::memmem::find(bytes, KIND)?;
        match Entry::parse(bytes).ok()?.event {
            Event::Purge(purge) => Some(purge),
            _ => None,
        }
    }
}
