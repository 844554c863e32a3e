//! The cases of `policies/tests`: requests with the decision that is expected of each, as partner
//! managers and legal write them. [`Cases::load`] reads them, [`Case::run`] judges one with the very
//! code of the gateway ([`crate::judgement`]), [`Coverage`] tells what no case speaks of.
//!
//! Deliberately not here: what a case cannot show, since it depends on more than one request: budgets,
//! rates, authentication, the state of the core. A case that expects such a refusal is a mistake.

mod account;
mod coverage;
mod expect;
mod fullest;
mod junit;
mod links;
mod outcome;
mod read;
mod report;
mod request;
mod run;
pub mod schema;
mod vocabulary;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use jiff::civil::Date;

pub use self::coverage::Coverage;
pub use self::junit::to_junit;
pub use self::outcome::{JudgedField, Outcome, Refused};
pub use self::report::{to_json, to_text};

use crate::catalogue::{self, Body, Operation};
use crate::policy::{Circumstances, Standing};
use crate::refusal::Code;
use crate::source::Source;
use crate::taxonomy::{Category, CategorySet, Purpose};
use crate::terms::{PartnerId, Promise};

/// Every case of a policies folder, by file and in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Cases {
    /// The cases.
    pub all: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name, the only one of its file.
    pub name: Arc<str>,
    /// The file it stands in.
    pub source: Arc<Source>,
    /// That file below the tests folder: `acme.yaml`.
    pub file: Arc<str>,
    /// Its line in the file, from 1.
    pub line: usize,
    /// What is asked.
    pub request: Asking,
    /// Under which circumstances.
    pub given: Given,
    /// The core's answer, where the case brings one; else the fullest the operation can give.
    pub answer: Option<Bytes>,
    /// The status of that answer; else the first of the operation that is no rejection.
    pub status: Option<u16>,
    /// What must come of it.
    pub expect: Expect,
}

impl Case {
    /// Whether a filter of the command line means it: its file (`acme`, `acme.yaml`) or a part of its
    /// name.
    pub fn is_meant(&self, filter: &str) -> bool {
        let wanted = Path::new(filter);
        let file = Path::new(&*self.file);
        wanted.file_name() == file.file_name()
            || wanted.as_os_str() == file.with_extension("").as_os_str()
            || self.name.contains(filter)
    }
}

/// The request of a case.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// `Purpose-Of-Use`, where it is sent.
    pub purpose: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Body; empty is none.
    pub body: Bytes,
}

/// What a case assumes, each with who says so.
#[derive(Clone, Debug)]
pub struct Given {
    /// Who asks.
    pub partner: Stated<PartnerId>,
    /// The purposes in the token; without them, all of the contract.
    pub token_purposes: Stated<Option<Vec<Arc<str>>>>,
    /// What is known about the customers.
    pub customers: Stated<Customers>,
    /// The day; without one, the day of the run.
    pub today: Stated<Option<Date>>,
    /// Whether the partner is in good standing.
    pub standing: Stated<Standing>,
    /// What the things the request names were uploaded for (P11).
    pub uploaded_for: Stated<Option<Purpose>>,
}

/// A value and who says so.
#[derive(Clone, Debug)]
pub struct Stated<T> {
    /// What is assumed.
    pub value: T,
    /// Who says so.
    pub by: By,
}

/// Who says what is assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The case itself.
    Case,
    /// `given` at the head of the file.
    File,
    /// Nobody: it is assumed because nothing else is said.
    Nobody,
}

/// What is known about the customers of a case.
#[derive(Clone, Debug, Default)]
pub struct Customers {
    /// About each who is not named below.
    pub every: Customer,
    /// About some, by their id.
    pub named: BTreeMap<String, Customer>,
}

/// What is known about one customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    /// Circumstances.
    pub circumstances: Circumstances,
    /// Categories consented to, where that is a circumstance.
    pub consented: CategorySet,
}

/// What must come of a request.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The decision.
    pub decision: Decision,
    /// The code of the refusal.
    pub code: Option<Code>,
    /// The promise that is kept: by the refusal, or by something that is withheld.
    pub promise: Option<Promise>,
    /// The rule that refuses, or one of those that allow.
    pub rule: Option<Arc<str>>,
    /// What becomes of fields.
    pub fields: Vec<ExpectedField>,
    /// Of how many customers something leaves.
    pub customers: Option<u32>,
}

/// The three decisions, as in `Covenant-Decision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Everything leaves as it was answered.
    Allow,
    /// Something does not leave as it was answered.
    Redact,
    /// Nothing leaves.
    Deny,
}

impl Decision {
    const ALL: [Self; 3] = [Self::Allow, Self::Redact, Self::Deny];

    /// The word of case files and headers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Redact => "redact",
            Self::Deny => "deny",
        }
    }
}

/// What must become of some fields.
#[derive(Clone, Debug)]
pub struct ExpectedField {
    /// Which.
    pub of: Fields,
    /// What.
    pub leaves: Leaves,
}

/// Fields of an answer, as cases name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Every field of this category and those below it.
    Category(Category),
    /// The field of this path: `$.data[*].email`.
    Path(Arc<str>),
}

impl Fields {
    /// Whether a field is meant.
    pub fn mean(&self, path: &str, category: Option<Category>) -> bool {
        match self {
            Self::Category(wide) => category.is_some_and(|category| category.is_within(*wide)),
            Self::Path(meant) => **meant == *path,
        }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Category(category) => formatter.write_str(category.key()),
            Self::Path(path) => formatter.write_str(path),
        }
    }
}

/// How a field leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaves {
    /// As it was answered.
    Clear,
    /// A part of it.
    Partial,
    /// A replacement.
    Pseudonym,
    /// As a figure over a group of customers.
    Aggregate,
    /// Not at all: left out, or emptied where the schema requires it.
    Withheld,
}

impl Leaves {
    const ALL: [Self; 5] = [
        Self::Clear,
        Self::Partial,
        Self::Pseudonym,
        Self::Aggregate,
        Self::Withheld,
    ];

    /// Whether the answer says of it what the core said.
    fn is_whole(self) -> bool {
        matches!(self, Self::Clear | Self::Aggregate)
    }

    /// The word of contracts and cases.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Partial => "partial",
            Self::Pseudonym => "pseudonym",
            Self::Aggregate => "aggregate",
            Self::Withheld => "withheld",
        }
    }
}

/// The status of the answer that a case is about: the one it names, or the first that is no rejection.
fn status_of(operation: &Operation, named: Option<u16>) -> Option<u16> {
    let mut listed = operation.answers.iter().map(|answer| answer.status);
    named.or_else(|| listed.find(|status| *status < 400))
}

/// The path of a body that leaves whole or not at all.
const WHOLE: &str = "$";

/// What an answer consists of: the fields of a JSON document, or a document as one. Rejections of the
/// core never leave, so they consist of nothing.
fn answered(answer: &catalogue::Answer) -> Vec<(Arc<str>, Option<Category>)> {
    match &answer.body {
        _ if answer.status >= 400 => Vec::new(),
        Body::Data { shape, .. } => {
            let fields = shape.fields.iter();
            fields
                .map(|field| (Arc::clone(&field.path), field.category))
                .collect()
        }
        Body::Document { category, .. } => vec![(WHOLE.into(), Some(*category))],
        Body::Empty | Body::Uninspectable { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
