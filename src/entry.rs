//! What stands in the ledger, as data: an [`Entry`] and its canonical bytes (RFC 8785), one JSON
//! object each. Never a value of a customer's field, never a token: customers appear as
//! `CustomerRef`, fields as paths of the catalogue (P12).
//!
//! Not here: when an entry must be made (the gateway's stages, the administration), and how it is kept
//! (`ledger`).

mod canonical;
mod parts;
mod purge;

use std::collections::BTreeMap;

use aws_lc_rs::rand;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use purge::{Approval, Purge};

use crate::terms::hexadecimal;

/// Version of the shape of an [`Entry`] that is written today. Every earlier one is still read; 2 added
/// what is needed to decide again: page size, signals, circumstances. 3 added where a basis is written down,
/// parts of disclosures, and what was delivered of them. 4 added with which kind of credential a partner
/// came, and in how many records something left. 5 added purges.
pub const VERSION: u32 = 5;

/// Entries of an earlier version have neither parts nor missing digests.
const VERSION_OF_PARTS: u32 = 3;

/// Entries of an earlier version do not say which kind of credential it was, and count no records.
const VERSION_OF_CREDENTIALS: u32 = 4;

/// Entries of an earlier version are about no purge.
const VERSION_OF_PURGES: u32 = 5;

/// [`RequestFacts::credential`] of a request that came with an API key.
pub const API_KEY: &str = "api-key";

/// Most bytes an entry may have: C2SP tlog-tiles stores the length of a leaf in 16 bits.
pub const ENTRY_BYTES_MAX: usize = 65_535;

const SALT_BYTES: usize = 16;

/// Why something is not an entry of the ledger.
#[derive(Debug, Error)]
pub enum EntryError {
    /// Not JSON, or not of the shape of an entry.
    #[error("not an entry of the ledger: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The same facts in other bytes than RFC 8785 gives; its hash would be another.
    #[error("the entry is not canonical JSON (RFC 8785), so it was not written by a ledger")]
    NotCanonical,
    /// Written by a later version.
    #[error("the entry has version {0}, this program reads up to {VERSION}; use a newer one")]
    Version(u32),
    /// Longer than a leaf of the log may be.
    #[error(
        "the entry has {bytes} bytes, a leaf of the log at most {ENTRY_BYTES_MAX}: divide its subjects over several entries"
    )]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The system gave no random bytes for the salt.
    #[error("the system's random number generator failed; no entry can be made")]
    NoRandomness,
}

/// One leaf of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Version of this shape: 1 to 5.
    pub v: u32,
    /// When it happened, by this machine's clock: a claim, while the order of leaves is a proof.
    pub time: Timestamp,
    /// 128 random bits in hexadecimal, so that a leaf hash outliving its entry confirms no guess.
    pub salt: String,
    /// What happened.
    pub event: Event,
}

impl Entry {
    /// An entry of today's version about `event` at `time`, with a fresh salt.
    ///
    /// # Errors
    ///
    /// [`EntryError::NoRandomness`].
    pub fn new(time: Timestamp, event: Event) -> Result<Self, EntryError> {
        let mut salt = [0_u8; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| EntryError::NoRandomness)?;
        Ok(Self {
            v: VERSION,
            time,
            salt: hexadecimal(&salt),
            event,
        })
    }

    /// The bytes that stand in the log: canonical JSON (RFC 8785). Not bounded here; the ledger
    /// refuses what is longer than [`ENTRY_BYTES_MAX`].
    pub fn to_canonical(&self) -> Vec<u8> {
        canonical::entry(self)
    }

    /// Reads an entry from its canonical bytes.
    ///
    /// # Errors
    ///
    /// All of [`EntryError`] but [`EntryError::NoRandomness`]; other bytes for the same facts are
    /// [`EntryError::NotCanonical`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(EntryError::TooLarge { bytes: bytes.len() });
        }
        let entry: Self = match serde_json::from_slice(bytes) {
            Ok(entry) => entry,
            Err(malformed) => return Err(later_version(bytes).unwrap_or(malformed.into())),
        };
        if !(1..=VERSION).contains(&entry.v) {
            return Err(EntryError::Version(entry.v));
        }
        if entry.v < VERSION_OF_PARTS && entry.event.is_of_parts() {
            return Err(EntryError::NotCanonical);
        }
        let says_more = entry.event.names_a_credential() || entry.event.counts_records();
        if entry.v < VERSION_OF_CREDENTIALS && says_more {
            return Err(EntryError::NotCanonical);
        }
        if entry.v < VERSION_OF_PURGES && matches!(entry.event, Event::Purge(_)) {
            return Err(EntryError::NotCanonical);
        }
        if entry.to_canonical() != bytes {
            return Err(EntryError::NotCanonical);
        }
        Ok(entry)
    }
}

/// A later version may well have another shape, and then its number is the better message.
fn later_version(bytes: &[u8]) -> Option<EntryError> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    let Versioned { v } = serde_json::from_slice(bytes).ok()?;
    (v > VERSION).then_some(EntryError::Version(v))
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// An answer was about to leave.
    Disclosure(Disclosure),
    /// A call that changes something was about to be forwarded to the core.
    Intent(Intent),
    /// A request ended without its answer.
    Refusal(Refused),
    /// A person did something through the administration service.
    Act(Act),
    /// The gateway itself did something: started, recovered, stopped.
    Gateway(GatewayNote),
    /// A set of rules that runs in the shadow of the one in force would have decided otherwise.
    Shadow(Shadowed),
    /// An answer that was disclosed before it was all there has left, wholly or in part.
    Delivered(Delivered),
    /// The oldest part of the log, or keys whose term had ended, were about to be destroyed.
    Purge(Purge),
}

impl Event {
    /// The words for all kinds.
    pub const KINDS: [&str; 8] = [
        "disclosure",
        "intent",
        "refusal",
        "act",
        "gateway",
        "shadow",
        "delivered",
        "purge",
    ];

    /// The word for its kind, as it stands in the entry.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Disclosure(_) => "disclosure",
            Self::Intent(_) => "intent",
            Self::Refusal(_) => "refusal",
            Self::Act(_) => "act",
            Self::Gateway(_) => "gateway",
            Self::Shadow(_) => "shadow",
            Self::Delivered(_) => "delivered",
            Self::Purge(_) => "purge",
        }
    }

    /// Whether only entries of version 4 and later can say it.
    fn counts_records(&self) -> bool {
        match self {
            Self::Disclosure(it) => it.subjects.iter().any(|group| group.records.is_some()),
            _ => false,
        }
    }

    /// Whether only entries of version 3 and later can say it.
    fn is_of_parts(&self) -> bool {
        match self {
            Self::Disclosure(it) => it.part.is_some() || it.answer_sha256.is_none(),
            Self::Delivered(_) => true,
            _ => false,
        }
    }

    /// Whether only entries of version 4 and later can say it.
    fn names_a_credential(&self) -> bool {
        let request = match self {
            Self::Disclosure(it) => &it.request,
            Self::Intent(it) => &it.request,
            Self::Refusal(it) => &it.request,
            Self::Shadow(it) => &it.request,
            Self::Delivered(it) => &it.request,
            Self::Act(_) | Self::Gateway(_) | Self::Purge(_) => return false,
        };
        request.credential.is_some()
    }
}

/// Who asked, how they proved it, for what: common to everything a partner's request causes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFacts {
    /// The same id as in the answer's `Request-Id`.
    pub request_id: String,
    /// W3C trace id, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Who received it, or would have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Recipient>,
    /// SHA-256 thumbprint of the client certificate, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// `client_id` of the access token, or prefix of the API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What it proved itself by beside its certificate: `certificate-bound-token`, `dpop-bound-token`,
    /// `certificate-and-dpop-bound-token`, `unbound-token` or `api-key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Operation id of the catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Purpose it was asked for: the one chosen; of what was refused before one was, the one declared, if it
    /// is one of the vocabulary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// How many records the page it asked for should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_records: Option<u32>,
    /// What in it spoke of marketing: `use_type`, `audience`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<String>,
    /// Version of the policy set and contract that decided, as in `Covenant-Policy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

impl RequestFacts {
    /// The name of the policy set in the `Covenant-Policy` label: `2026-11-22.3f9c` of
    /// `"2026-11-22.3f9c";contract="acme.7"`.
    pub fn policy_set(&self) -> Option<&str> {
        let label = self.policy.as_deref()?.strip_prefix('"')?;
        Some(label.split_once('"')?.0)
    }
}

/// Who received a disclosure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Recipient {
    /// A partner, with its parent where it is a co-brand.
    Partner {
        /// The partner's id.
        id: String,
        /// The parent partner's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
    },
    /// The customer the data is about.
    Customer,
    /// An authority, under a release order.
    Authority {
        /// The reference of the order.
        reference: String,
    },
    /// The company's own staff.
    Staff {
        /// The actor's name.
        name: String,
    },
}

/// An answer that left, or may have left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// Who asked, how, for what.
    pub request: RequestFacts,
    /// `allow` or `redact`.
    pub decision: String,
    /// Ids of the rules that granted it.
    pub rules: Vec<String>,
    /// Status of the answer.
    pub status: u16,
    /// Whose data, in which form; customers with the same forms share a group.
    pub subjects: Vec<SubjectGroup>,
    /// Fields withheld, as paths of the catalogue.
    pub withheld: Vec<Withheld>,
    /// A thing that came to be by this call, for example `job:job_1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Which entry about the same answer it is, from 1; nothing where it is the only one. An answer that
    /// was judged whole says how many they are; one that streams is closed by [`Delivered`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// SHA-256, hexadecimal, of the body that was let out; where that streams, of what was let out when
    /// this entry was made. Missing where no byte of it was there: in the opening entry of a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_sha256: Option<String>,
}

impl Disclosure {
    /// Whether it is the first or only entry about its answer.
    pub fn is_first_part(&self) -> bool {
        self.part.is_none_or(|part| part.number == 1)
    }
}

/// The place of an entry among those about one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// How many there are, where that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
}

/// What became of an answer that streamed. Bytes count as left once they were handed to the connection;
/// whether the partner's machine received them is not known to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivered {
    /// Who asked, how, for what.
    pub request: RequestFacts,
    /// Log index of its first disclosure.
    pub opening: u64,
    /// How many disclosures there are about it.
    pub parts: u32,
    /// Bytes that left.
    pub bytes: u64,
    /// Bytes that should have, where the core said how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_expected: Option<u64>,
    /// SHA-256 of the bytes that left, hexadecimal.
    pub sha256: String,
    /// Whether all of the answer left.
    pub complete: bool,
    /// Why not: the code of a refusal, `client-left`, or `headers-only`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// Subjects of whom the same categories left in the same forms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectGroup {
    /// `customer` or `recipient` (a person on a customer's mailing list).
    pub subject: String,
    /// Basis on which it left.
    pub basis: String,
    /// Where that is written down: of an agreement always, of a consent where it is. From version 3 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis_reference: Option<String>,
    /// What was known of each of them: `own`, `consented`, `agreement`, `order`. Not in version 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub circumstances: Vec<String>,
    /// Data category to form.
    pub categories: BTreeMap<String, String>,
    /// In how many records they left, of all these subjects together. A group divided over several
    /// entries says it in each. From version 4 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u32>,
    /// References, 32 hexadecimal digits each.
    pub references: Vec<String>,
}

/// A field that did not leave as the core answered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// Its path, for example `$.data[*].email`.
    pub field: String,
    /// RFC 9537 method: `removal`, `emptyValue`, `partialValue` or `replacementValue`.
    pub method: String,
    /// The promise kept by it, for example `P5`.
    pub promise: String,
}

/// A changing call about to be forwarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Who asked, how, for what.
    pub request: RequestFacts,
    /// On whose behalf, where the call names a customer: the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
}

/// A request that ended without its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Who asked, how, for what, as far as it was known.
    pub request: RequestFacts,
    /// The problem's code.
    pub code: String,
    /// The promise kept by refusing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<String>,
    /// The rule that refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether the core had carried the call out: `yes`, `no` or `unknown`.
    pub executed: String,
}

/// What a person did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// The actor's name.
    pub actor: String,
    /// The role acted in.
    pub role: String,
    /// What was done, for example `partner.suspend`.
    pub action: String,
    /// To what: a partner's id, a customer's reference. Never a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Why, in the actor's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// What a set in the shadow would have decided otherwise. Nothing of it was enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadowed {
    /// Who asked, how, for what, and the version that decided.
    pub request: RequestFacts,
    /// Version of the set in the shadow.
    pub version: String,
    /// What was decided: `allow`, `redact`, or the code of the refusal.
    pub decided: String,
    /// What the set in the shadow would have decided, likewise.
    pub instead: String,
    /// Fields that would have left with more in them.
    pub disclosed: Vec<String>,
    /// Fields that would have left with less in them, or not.
    pub withheld: Vec<String>,
}

/// What the gateway itself did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayNote {
    /// What, for example `started`, `recovered`, `stopped`.
    pub what: String,
    /// More, for example how many bytes of a torn tail were cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Version of the policy set in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "[a-z0-9_.:$*-]{0,24}",
            1 => any::<String>(),
        ]
    }

    fn any_recipient() -> impl Strategy<Value = Recipient> {
        prop_oneof![
            (text(), option::of(text())).prop_map(|(id, parent)| Recipient::Partner { id, parent }),
            Just(Recipient::Customer),
            text().prop_map(|reference| Recipient::Authority { reference }),
            text().prop_map(|name| Recipient::Staff { name }),
        ]
    }

    fn any_request() -> BoxedStrategy<RequestFacts> {
        let optional = || option::of(text());
        (
            (text(), optional(), option::of(any_recipient()), optional()),
            (optional(), optional(), optional(), optional()),
            (option::of(any::<u32>()), vec(text(), 0..3), optional()),
        )
            .prop_map(
                |(
                    (request_id, trace_id, recipient, certificate),
                    (client, operation, purpose, policy),
                    (page_records, signals, credential),
                )| RequestFacts {
                    request_id,
                    trace_id,
                    recipient,
                    certificate,
                    client,
                    credential,
                    operation,
                    purpose,
                    page_records,
                    signals,
                    policy,
                },
            )
            .boxed()
    }

    fn any_disclosure() -> impl Strategy<Value = Disclosure> {
        let subjects = (
            text(),
            (text(), option::of(text())),
            vec(text(), 0..3),
            (btree_map(text(), text(), 0..4), option::of(any::<u32>())),
            vec(text(), 0..4),
        )
            .prop_map(
                |(
                    subject,
                    (basis, basis_reference),
                    circumstances,
                    (categories, records),
                    references,
                )| {
                    SubjectGroup {
                        subject,
                        basis,
                        basis_reference,
                        circumstances,
                        categories,
                        records,
                        references,
                    }
                },
            );
        let withheld = (text(), text(), text()).prop_map(|(field, method, promise)| Withheld {
            field,
            method,
            promise,
        });
        (
            (any_request(), text(), vec(text(), 0..3), any::<u16>()),
            (
                vec(subjects, 0..3),
                vec(withheld, 0..3),
                option::of(text()),
                option::of(text()),
                option::of((any::<u32>(), option::of(any::<u32>()))),
            ),
        )
            .prop_map(
                |(
                    (request, decision, rules, status),
                    (subjects, withheld, created, answer_sha256, part),
                )| Disclosure {
                    request,
                    decision,
                    rules,
                    status,
                    subjects,
                    withheld,
                    created,
                    part: part.map(|(number, of)| Part { number, of }),
                    answer_sha256,
                },
            )
    }

    fn any_shadowed() -> impl Strategy<Value = Shadowed> {
        let texts = || vec(text(), 0..3);
        (any_request(), (text(), text(), text()), (texts(), texts())).prop_map(
            |(request, (version, decided, instead), (disclosed, withheld))| Shadowed {
                request,
                version,
                decided,
                instead,
                disclosed,
                withheld,
            },
        )
    }

    fn any_delivered() -> impl Strategy<Value = Delivered> {
        // RFC 8785 writes numbers up to 2^53 as they are.
        let number = || 0..1_u64 << 53;
        (
            (any_request(), number(), any::<u32>(), number()),
            (
                option::of(number()),
                text(),
                any::<bool>(),
                option::of(text()),
            ),
        )
            .prop_map(
                |(
                    (request, opening, parts, bytes),
                    (bytes_expected, sha256, complete, because),
                )| Delivered {
                    request,
                    opening,
                    parts,
                    bytes,
                    bytes_expected,
                    sha256,
                    complete,
                    because,
                },
            )
    }

    fn any_purge() -> impl Strategy<Value = Purge> {
        let number = || 0..1_u64 << 53;
        let counts = move || btree_map(text(), number(), 0..4);
        let approval = (text(), text(), text()).prop_map(|(actor, role, because)| Approval {
            actor,
            role,
            because,
        });
        (
            (vec(approval, 0..3), counts(), vec(text(), 0..3), number()),
            (
                number(),
                option::of(0_i64..4_000_000_000),
                vec(text(), 0..3),
            ),
            (text(), number(), counts(), option::of(text())),
        )
            .prop_map(
                |(
                    (approvals, entries, held, minimum),
                    (minimum_before, newest, recipient_keys),
                    (root, size, terms, recipient_keys_until),
                )| Purge {
                    approvals,
                    entries,
                    held,
                    minimum,
                    minimum_before,
                    newest: newest.map(|second| Timestamp::from_second(second).unwrap()),
                    recipient_keys,
                    recipient_keys_until,
                    root,
                    size,
                    terms,
                },
            )
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let optional = || option::of(text());
        prop_oneof![
            // Boxed, as the tree of so many strategies does not fit a test's stack.
            3 => any_disclosure().prop_map(Event::Disclosure).boxed(),
            1 => (any_request(), optional())
                .prop_map(|(request, customer)| Event::Intent(Intent { request, customer }))
                .boxed(),
            1 => (any_request(), text(), optional(), optional(), text()).prop_map(
                |(request, code, promise, rule, executed)| {
                    Event::Refusal(Refused { request, code, promise, rule, executed })
                }
            ),
            1 => (text(), text(), text(), optional(), optional()).prop_map(
                |(actor, role, action, object, because)| {
                    Event::Act(Act { actor, role, action, object, because })
                }
            ),
            1 => (text(), optional(), optional()).prop_map(|(what, detail, policy)| {
                Event::Gateway(GatewayNote { what, detail, policy })
            }),
            1 => any_shadowed().prop_map(Event::Shadow).boxed(),
            1 => any_delivered().prop_map(Event::Delivered).boxed(),
            1 => any_purge().prop_map(Event::Purge).boxed(),
        ]
    }

    /// Entries of every kind, with every awkward string.
    pub(crate) fn any_entry() -> impl Strategy<Value = Entry> {
        (0_i64..4_000_000_000_000_000, any_event()).prop_map(|(microseconds, event)| {
            Entry::new(Timestamp::from_microsecond(microseconds).unwrap(), event).unwrap()
        })
    }

    fn note() -> Entry {
        let event = Event::Gateway(GatewayNote {
            what: "started".to_owned(),
            detail: None,
            policy: None,
        });
        let mut entry = Entry::new(Timestamp::UNIX_EPOCH, event).unwrap();
        entry.salt = "00".repeat(SALT_BYTES);
        entry
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn an_entry_reads_back_from_its_canonical_bytes(entry in any_entry()) {
            prop_assert_eq!(Entry::parse(&entry.to_canonical()).unwrap(), entry);
        }
    }

    #[test]
    fn the_canonical_form_is_fixed() {
        assert_eq!(
            String::from_utf8(note().to_canonical()).unwrap(),
            r#"{"event":{"kind":"gateway","what":"started"},"salt":"00000000000000000000000000000000","time":"1970-01-01T00:00:00Z","v":5}"#
        );
    }

    #[test]
    fn other_bytes_for_the_same_facts_are_refused() {
        let canonical = String::from_utf8(note().to_canonical()).unwrap();
        for other in [
            canonical.replace("\"v\":5", "\"v\": 3"),
            canonical.replace("started", "\\u0073tarted"),
            canonical.replace(r#""what":"started""#, r#""what":"started","policy":null"#),
            canonical.replace("00:00:00Z", "00:00:00.000Z"),
        ] {
            assert_ne!(other, canonical);
            let refused = Entry::parse(other.as_bytes());
            assert!(matches!(refused, Err(EntryError::NotCanonical)), "{other}");
        }
        let more = canonical.replace("\"v\":5", "\"v\":5,\"w\":1");
        assert!(matches!(
            Entry::parse(more.as_bytes()),
            Err(EntryError::Malformed(_))
        ));
    }

    #[test]
    fn an_entry_of_the_first_version_is_still_read() {
        let mut first = note();
        first.v = 1;
        assert_eq!(Entry::parse(&first.to_canonical()).unwrap(), first);
        first.v = 0;
        assert!(Entry::parse(&first.to_canonical()).is_err());
    }

    #[test]
    fn earlier_versions_count_no_records() {
        let group = |records| SubjectGroup {
            subject: "customer".to_owned(),
            basis: "service".to_owned(),
            basis_reference: None,
            circumstances: Vec::new(),
            categories: BTreeMap::new(),
            records,
            references: Vec::new(),
        };
        for (records, is_read) in [(None, true), (Some(0), false), (Some(3), false)] {
            let disclosure = Disclosure {
                request: RequestFacts::default(),
                decision: "allow".to_owned(),
                rules: Vec::new(),
                status: 200,
                subjects: vec![group(records)],
                withheld: Vec::new(),
                created: None,
                part: None,
                answer_sha256: Some("00".to_owned()),
            };
            let mut entry =
                Entry::new(Timestamp::UNIX_EPOCH, Event::Disclosure(disclosure)).unwrap();
            assert!(Entry::parse(&entry.to_canonical()).is_ok());
            entry.v = 3;
            assert_eq!(Entry::parse(&entry.to_canonical()).is_ok(), is_read);
        }
    }

    #[test]
    fn earlier_versions_know_no_parts() {
        let disclosure = Disclosure {
            request: RequestFacts::default(),
            decision: "allow".to_owned(),
            rules: Vec::new(),
            status: 200,
            subjects: Vec::new(),
            withheld: Vec::new(),
            created: None,
            part: None,
            answer_sha256: Some("00".to_owned()),
        };
        let part = Some(Part {
            number: 1,
            of: None,
        });
        for (event, is_read) in [
            (disclosure.clone(), true),
            (
                Disclosure {
                    part,
                    ..disclosure.clone()
                },
                false,
            ),
            (
                Disclosure {
                    answer_sha256: None,
                    ..disclosure
                },
                false,
            ),
        ] {
            let mut entry = Entry::new(Timestamp::UNIX_EPOCH, Event::Disclosure(event)).unwrap();
            assert!(Entry::parse(&entry.to_canonical()).is_ok());
            entry.v = 2;
            assert_eq!(Entry::parse(&entry.to_canonical()).is_ok(), is_read);
        }
    }

    #[test]
    fn earlier_versions_know_no_kind_of_credential() {
        let request = RequestFacts {
            credential: Some(API_KEY.to_owned()),
            ..RequestFacts::default()
        };
        for request in [request, RequestFacts::default()] {
            let is_read = request.credential.is_none();
            let event = Event::Intent(Intent {
                request,
                customer: None,
            });
            let mut entry = Entry::new(Timestamp::UNIX_EPOCH, event).unwrap();
            assert!(Entry::parse(&entry.to_canonical()).is_ok());
            entry.v = 3;
            assert_eq!(Entry::parse(&entry.to_canonical()).is_ok(), is_read);
        }
    }

    #[test]
    fn earlier_versions_know_no_purge_and_only_a_purge_is_taken_for_one() {
        let mut entry = Entry::new(Timestamp::UNIX_EPOCH, Event::Purge(Purge::default())).unwrap();
        assert_eq!(Purge::of(&entry.to_canonical()), Some(Purge::default()));
        entry.v = 4;
        assert!(Entry::parse(&entry.to_canonical()).is_err());
        let mut talk = note();
        talk.event = Event::Gateway(GatewayNote {
            what: "\"kind\":\"purge\"".to_owned(),
            detail: None,
            policy: None,
        });
        assert_eq!(Purge::of(&talk.to_canonical()), None);
    }

    #[test]
    fn a_later_version_is_named_even_when_its_shape_is_unknown() {
        let later = br#"{"event":{"kind":"dream"},"v":7}"#;
        assert!(matches!(Entry::parse(later), Err(EntryError::Version(7))));
    }

    #[test]
    fn two_entries_about_the_same_thing_have_different_salts() {
        let event = note().event;
        let one = Entry::new(Timestamp::UNIX_EPOCH, event.clone()).unwrap();
        let other = Entry::new(Timestamp::UNIX_EPOCH, event).unwrap();
        assert_eq!(one.salt.len(), 2 * SALT_BYTES);
        assert_ne!(one.salt, other.salt);
    }
}
