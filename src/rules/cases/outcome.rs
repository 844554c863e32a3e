//! What came of a case.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;

use super::{Decision, Leaves};
use crate::catalogue::Operation;
use crate::refusal::{Code, Stopped};
use crate::taxonomy::{Category, Purpose};
use crate::terms::Promise;

/// What came of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The operation asked for, where there is one.
    pub operation: Option<Arc<Operation>>,
    /// The purpose it was decided for.
    pub purpose: Option<Purpose>,
    /// The decision.
    pub decision: Decision,
    /// Why nothing leaves.
    pub refused: Option<Refused>,
    /// Rules that decided: the one that refuses, or those that allow.
    pub rules: BTreeSet<Arc<str>>,
    /// Promises that decided: of those rules, and those kept by what is withheld.
    pub promises: BTreeSet<Promise>,
    /// Promises kept: by the refusal, or by what is withheld.
    pub kept: BTreeSet<Promise>,
    /// Every field that the operation can answer.
    pub fields: Vec<JudgedField>,
    /// Of how many customers something leaves.
    pub customers: usize,
    /// The day it was judged on.
    pub today: Date,
    /// Whose things the request names, where it does not say so, and why that is assumed.
    pub owner_assumed: Option<(String, &'static str)>,
    /// What is not as expected, in words; nothing is as it should be.
    pub failures: Vec<String>,
}

/// A refusal, or the fault of an answer that cannot be inspected.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Its code.
    pub code: Code,
    /// The promise it keeps.
    pub promise: Option<Promise>,
    /// The rule it comes from.
    pub rule: Option<String>,
    /// What it says.
    pub detail: String,
}

/// A field and what became of it.
#[derive(Clone, Debug)]
pub struct JudgedField {
    /// Its path.
    pub path: Arc<str>,
    /// Its category.
    pub category: Option<Category>,
    /// How it leaves; in several ways if records differ; in none if the answer does not have it.
    pub leaves: BTreeSet<Leaves>,
}

impl Outcome {
    /// Nothing leaves, for this reason.
    pub(super) fn refuse(&mut self, stopped: Stopped) {
        let refused = match stopped {
            Stopped::Refused(refusal) => Refused {
                code: refusal.code,
                promise: refusal.promise,
                rule: refusal.rule,
                detail: refusal.detail,
            },
            Stopped::Broken(fault) => Refused {
                code: fault.code,
                promise: None,
                rule: None,
                detail: fault.cause,
            },
        };
        self.decision = Decision::Deny;
        self.kept = refused.promise.into_iter().collect();
        self.rules = refused.rule.as_deref().map(Arc::from).into_iter().collect();
        self.fields.clear();
        self.customers = 0;
        self.refused = Some(refused);
    }
}
