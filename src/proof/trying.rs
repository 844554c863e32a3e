//! Findings without a solver: every request that rules can tell apart, one by one, by the evaluator
//! itself. Exact for the taxonomy as it is; that contracts only narrow is no question to it, as it
//! asks the promises alone.

use std::collections::HashSet;

use cedar_policy::{Effect, Policy, PolicySet};

use super::ProofError;
use super::domain::{Domain, Setting};
use super::judge::{Judge, finding_of_set};
use super::report::{Example, Finding, Subject, Verdict};
use super::situation::Situation;
use crate::policy::Action;

/// Of how many requests one is taken into a sample; prime, so that no word falls out altogether.
const SAMPLE_STRIDE: usize = 7;
/// Most requests that a comparison lists.
const GAINED_MAX: usize = 10_000;

/// All findings, in the order of a report.
pub(super) fn findings(
    judge: &Judge<'_>,
    progress: &dyn Fn(f64),
) -> Result<Vec<Finding>, ProofError> {
    let domain = Domain::new(&judge.policies());
    let parts = parts(judge)?;
    let mut seen = Seen::default();
    let settings: Vec<Setting> = domain.settings().collect();
    for (number, setting) in settings.iter().enumerate() {
        for part in &parts {
            for category in domain.categories() {
                seen.note(judge, part, &setting.with(part.action, category));
            }
        }
        progress(number as f64 / settings.len() as f64);
    }
    let mut findings = seen.findings(judge);
    if judge.against.is_some() {
        let examples = gained(judge, &domain, progress);
        let verdict = broken_by(examples);
        findings.push(finding_of_set(Subject::Comparison, verdict, 0));
    }
    Ok(findings)
}

/// The ids of rules that alone decide some request of a sample. What a single request shows needs no
/// solver, to which finding one is much harder than showing that there is none.
pub(super) fn seen_to_decide(
    judge: &Judge<'_>,
    domain: &Domain,
) -> Result<HashSet<String>, ProofError> {
    let mut seen = Seen::default();
    for part in parts(judge)? {
        for one in domain.situations(part.action).step_by(SAMPLE_STRIDE) {
            seen.note(judge, &part, &one);
        }
    }
    Ok(seen.decided)
}

fn parts(judge: &Judge<'_>) -> Result<Vec<Parts>, ProofError> {
    let parts = Action::all().map(|action| Parts::new(judge, action));
    let parts: Option<Vec<_>> = parts.collect();
    parts.ok_or_else(|| ProofError::Ours("the rules cannot be taken apart".to_owned()))
}

/// Every request that the set allows and the one it is compared with does not, each once for all that
/// no rule can tell from it and only in the plainest circumstances, at most [`GAINED_MAX`].
pub(super) fn gained(judge: &Judge<'_>, domain: &Domain, progress: &dyn Fn(f64)) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut told = HashSet::new();
    let actions = Action::all().count() as f64;
    for (number, action) in Action::all().enumerate() {
        for one in domain.situations(action) {
            let cell = (action, one.question.purpose, one.category);
            if !told.contains(&cell) && judge.is_gained(&one) && examples.len() < GAINED_MAX {
                told.insert(cell);
                let plainest = one.plainest(|one| judge.is_gained(one));
                examples.push(judge.example(&plainest, true));
            }
        }
        progress(number as f64 / actions);
    }
    examples
}

/// The rules that can apply to one action, by effect, and the properties about it.
struct Parts {
    action: Action,
    permits: PolicySet,
    forbids: PolicySet,
    patterns: PolicySet,
}

impl Parts {
    fn new(judge: &Judge<'_>, action: Action) -> Option<Self> {
        let rules = &judge.book.rules;
        let (permits, forbids): (Vec<Policy>, Vec<Policy>) = rules
            .policies()
            .iter()
            .cloned()
            .partition(|policy| policy.effect() == Effect::Permit);
        Some(Self {
            action,
            permits: rules.slice(&permits, action)?,
            forbids: rules.slice(&forbids, action)?,
            patterns: rules.slice(&judge.patterns, action)?,
        })
    }
}

/// What was seen while all requests passed by.
#[derive(Default)]
struct Seen {
    /// Ids of the rules that matched, and of those that decided alone.
    matched: HashSet<String>,
    decided: HashSet<String>,
    broken: Vec<(String, Situation)>,
    failed: Option<Situation>,
}

impl Seen {
    fn note(&mut self, judge: &Judge<'_>, part: &Parts, one: &Situation) {
        let matching = |set| judge.matching(set, one, judge.context(one)?);
        let (Some(permits), Some(forbids)) = (matching(&part.permits), matching(&part.forbids))
        else {
            self.failed.get_or_insert(*one);
            return;
        };
        match (permits.as_slice(), forbids.as_slice()) {
            ([only], []) => self.decided.extend([only.clone()]),
            ([_, ..], [only]) => self.decided.extend([only.clone()]),
            _ => {}
        }
        let allowed = !permits.is_empty() && forbids.is_empty();
        for id in permits.into_iter().chain(forbids) {
            self.matched.insert(id);
        }
        for id in matching(&part.patterns).unwrap_or_default() {
            let mut properties = judge.book.properties.all().iter();
            let property = properties.find(|property| *property.rule.id == *id);
            let breaks = property.is_some_and(|property| property.rule.forbids == allowed);
            if breaks && !self.broken.iter().any(|(broken, _)| *broken == id) {
                self.broken.push((id, *one));
            }
        }
    }

    fn findings(&self, judge: &Judge<'_>) -> Vec<Finding> {
        let properties = judge.book.properties.all().iter().zip(&judge.patterns);
        let mut findings: Vec<Finding> = properties
            .map(|(property, pattern)| {
                let mut broken = self.broken.iter();
                let broken = broken.find(|(id, _)| *id == *property.rule.id);
                let examples = broken.map(|(_, one)| {
                    let plainest = one.broadest(|one| judge.breaks(property, pattern, one));
                    judge.example(&plainest, true)
                });
                let verdict = broken_by(examples.into_iter().collect());
                judge.finding_of_property(property, verdict, 0)
            })
            .collect();
        let failed = self.failed.iter().map(|one| judge.example(one, true));
        let verdict = broken_by(failed.collect());
        findings.push(finding_of_set(Subject::Errors, verdict, 0));
        let rules = judge.book.rules.all().iter();
        findings.extend(rules.map(|rule| {
            let verdict = if self.decided.contains(&*rule.id) {
                Verdict::Holds
            } else if self.matched.contains(&*rule.id) {
                Verdict::SecondLock
            } else {
                Verdict::Dead
            };
            judge.finding_of_rule(rule, verdict, 0)
        }));
        findings
    }
}

fn broken_by(examples: Vec<Example>) -> Verdict {
    if examples.is_empty() {
        Verdict::Holds
    } else {
        Verdict::Broken { examples }
    }
}
