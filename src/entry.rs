//! What stands in the ledger, as data: an [`Entry`] and its canonical bytes (RFC 8785), one JSON
//! object each. Never a value of a customer's field, never a token: customers appear as
//! [`CustomerRef`], fields as paths of the catalogue (P12).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One leaf of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Version of this shape; 1.
    pub v: u32,
    /// When it happened, by this machine's clock: a claim, while the order of leaves is a proof.
    pub time: Timestamp,
    /// 128 random bits in hexadecimal, so that a leaf hash outliving its entry confirms no guess.
    pub salt: String,
    /// What happened.
    pub event: Event,
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
}

/// Who asked, how they proved it, for what: common to everything a partner's request causes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// `client_id` of the access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Operation id of the catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Purpose it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Version of the policy set and contract that decided, as in `Covenant-Policy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
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
    /// SHA-256 of the body that left, hexadecimal.
    pub answer_sha256: String,
}

/// Subjects of whom the same categories left in the same forms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectGroup {
    /// `customer` or `recipient` (a person on a customer's mailing list).
    pub subject: String,
    /// Basis on which it left.
    pub basis: String,
    /// Data category to form.
    pub categories: BTreeMap<String, String>,
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
