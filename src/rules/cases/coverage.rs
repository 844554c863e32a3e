//! What the cases of a folder speak of, and what they do not: operations, fields, promises.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::{Case, Decision, Outcome, answered};
use crate::rules::Rules;
use crate::terms::Promise;

/// What is tested, and what is not.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Operations that no case is about, by id.
    pub operations: BTreeSet<Arc<str>>,
    /// Fields that no case speaks of, by operation. Of an operation that some contract grants, a field
    /// is spoken of where a case that is not refused expects something of it; of one that none grants,
    /// all are by an expected refusal. What a rejection of the core says never leaves, and is left out.
    pub fields: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// For each promise that is tested: the cases that a rule of it decided or that expect it, as
    /// `file: name`.
    pub promises: BTreeMap<Promise, BTreeSet<String>>,
}

impl Coverage {
    /// Of cases and what came of each, under the rules they were judged by.
    pub fn of(rules: &Rules, judged: &[(&Case, Outcome)]) -> Self {
        let mut coverage = Self::default();
        for operation in &rules.catalogue.operations {
            let asks = |outcome: &Outcome| {
                let asked = outcome.operation.as_ref();
                asked.is_some_and(|asked| asked.id == operation.id)
            };
            let about: Vec<_> = judged.iter().filter(|(_, outcome)| asks(outcome)).collect();
            let id = Arc::clone(&operation.id);
            if about.is_empty() {
                coverage.operations.insert(id);
                continue;
            }
            let mut contracts = rules.policy.contracts();
            let granted = contracts.any(|contract| contract.operations.contains(&*id));
            if !granted
                && about
                    .iter()
                    .any(|(case, _)| case.expect.decision == Decision::Deny)
            {
                continue;
            }
            let is_expected = |path: &str, category| {
                let mut expected = about.iter().flat_map(|(case, outcome)| {
                    let answered = case.expect.fields.iter();
                    answered.filter(move |_| outcome.decision != Decision::Deny)
                });
                expected.any(|field| field.of.mean(path, category))
            };
            let fields = operation.answers.iter().flat_map(answered);
            let mut silent: Vec<Arc<str>> = fields
                .filter(|(path, category)| !is_expected(path, *category))
                .map(|(path, _)| path)
                .collect();
            silent.sort();
            silent.dedup();
            if !silent.is_empty() {
                coverage.fields.insert(id, silent);
            }
        }
        for (case, outcome) in judged {
            for promise in outcome.promises.iter().chain(&case.expect.promise) {
                let cases = coverage.promises.entry(*promise).or_default();
                cases.insert(format!("{}: {}", case.file, case.name));
            }
        }
        coverage
    }

    /// Whether a case speaks of every operation and every field.
    pub fn is_whole(&self) -> bool {
        self.operations.is_empty() && self.fields.is_empty()
    }

    /// What no case speaks of, one a line; nothing if that is nothing.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for operation in &self.operations {
            let _ = writeln!(text, "{operation}");
        }
        for (operation, fields) in &self.fields {
            for field in fields {
                let _ = writeln!(text, "{operation} {field}");
            }
        }
        text
    }
}
