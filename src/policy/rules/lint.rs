//! What Cedar's validator lets pass and we do not: ids outside the vocabulary, arithmetic (which
//! can overflow, and a forbid that errs is skipped), unknown or wrong annotations.

use std::sync::Arc;

use cedar_policy::{ActionConstraint, Effect, Policy};

use super::super::vocabulary::{Action, Vocabulary};
use super::Rule;
use crate::mistakes::{Mistakes, Source, Span};
use crate::refusal::Code;
use crate::terms::{Form, Promise};

const ANNOTATIONS: [&str; 6] = [
    "id",
    "promise",
    "sentence",
    "refusal",
    "fix",
    SMALLEST_GROUP,
];
const SMALLEST_GROUP: &str = "smallest_group";
/// A group of one is a person.
const SMALLEST_GROUP_MIN: u32 = 2;
const SMALLEST_GROUP_MAX: u32 = 1_000_000;

/// One policy and where its text stands.
pub(super) struct Placed<'a> {
    pub(super) policy: &'a Policy,
    pub(super) source: &'a Arc<Source>,
    pub(super) span: Span,
}

impl Placed<'_> {
    fn text(&self) -> &str {
        let end = self.span.offset + self.span.length;
        let text = self.source.text().get(self.span.offset..end);
        text.unwrap_or_default()
    }

    /// Where `part` first stands in the policy; the policy's beginning where it does not.
    fn place(&self, part: &str) -> Span {
        self.text().find(part).map_or(
            Span {
                offset: self.span.offset,
                length: 0,
            },
            |at| Span {
                offset: self.span.offset + at,
                length: part.len(),
            },
        )
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.policy.annotation(name)
    }

    fn annotation_place(&self, name: &str) -> Span {
        self.place(&format!("@{name}("))
    }

    /// What the annotations say, if they are right.
    pub(super) fn rule(&self, mistakes: &mut Mistakes) -> Option<Rule> {
        let unknown: Vec<String> = self
            .policy
            .annotations()
            .map(|(name, _)| name.to_owned())
            .filter(|name| !ANNOTATIONS.contains(&name.as_str()))
            .collect();
        for name in unknown {
            let span = self.place(&format!("@{name}"));
            let message = format!("unknown annotation `@{name}`");
            mistakes.add_unknown(self.source, span, message, &name, ANNOTATIONS);
        }
        let id = self.needed("id", mistakes);
        let sentence = self.needed("sentence", mistakes);
        let promise = self
            .needed("promise", mistakes)
            .and_then(|text| self.promise(text, mistakes));
        let refusal = self
            .annotation("refusal")
            .and_then(|name| self.refusal(name, mistakes));
        let forbids = self.policy.effect() == Effect::Forbid;
        let fix = self.annotation("fix");
        if forbids && refusal.is_some() != fix.is_some() {
            let message = "a forbid that refuses calls has both @refusal and @fix";
            mistakes.add(self.source, self.place("@id("), message);
        }
        if !forbids && (refusal.is_some() || fix.is_some()) {
            let message = "only a forbid can have @refusal and @fix";
            mistakes.add(self.source, self.place("@id("), message);
        }
        let smallest_group = self.smallest_group(mistakes);
        Some(Rule {
            id: id?.into(),
            promise: promise?,
            sentence: sentence?.into(),
            forbids,
            refusal,
            smallest_group,
            fix: fix.map(Arc::from),
            line: self.source.position(self.span.offset).line,
            logic: self.logic().into(),
        })
    }

    /// Of how many customers a figure must be: said by the permits that let figures leave, and by no other
    /// rule.
    fn smallest_group(&self, mistakes: &mut Mistakes) -> Option<u32> {
        let figures = Vocabulary::new()?.action(Action::Disclose(Form::Aggregate));
        let only_figures = self.policy.action_constraint() == ActionConstraint::Eq(figures);
        let lets_figures_leave = self.policy.effect() == Effect::Permit && only_figures;
        let (message, place) = match (self.annotation(SMALLEST_GROUP), lets_figures_leave) {
            (None, false) => return None,
            (None, true) => {
                let message = "a permit of figures says of how many customers they must be: \
                               `@smallest_group(\"50\")`";
                (message.to_owned(), self.place("@id("))
            }
            (Some(_), false) => {
                let message =
                    "only a permit whose action is `disclose.aggregate` has `@smallest_group`";
                (message.to_owned(), self.annotation_place(SMALLEST_GROUP))
            }
            (Some(text), true) => {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                let number = text.parse().ok().filter(|_| digits);
                let range = SMALLEST_GROUP_MIN..=SMALLEST_GROUP_MAX;
                if let Some(number) = number.filter(|number| range.contains(number)) {
                    return Some(number);
                }
                let message = format!(
                    "`{text}` is not a number of customers from {SMALLEST_GROUP_MIN} to \
                     {SMALLEST_GROUP_MAX}"
                );
                (message, self.annotation_place(SMALLEST_GROUP))
            }
        };
        mistakes.add(self.source, place, message);
        None
    }

    fn logic(&self) -> String {
        let mut whole = self.policy.to_json().unwrap_or_default();
        if let Some(members) = whole.as_object_mut() {
            members.remove("annotations");
        }
        whole.to_string()
    }

    fn needed(&self, name: &str, mistakes: &mut Mistakes) -> Option<&str> {
        let value = self.annotation(name).filter(|value| !value.is_empty());
        if value.is_none() {
            let message = format!("this rule has no `@{name}(\"…\")`");
            mistakes.add(self.source, self.annotation_place(name), message);
        }
        value
    }

    fn promise(&self, text: &str, mistakes: &mut Mistakes) -> Option<Promise> {
        let promise = Promise::parse(text);
        if promise.is_none() {
            let message = format!("`{text}` is not a promise; there are P1 to P18");
            mistakes.add(self.source, self.annotation_place("promise"), message);
        }
        promise
    }

    fn refusal(&self, name: &str, mistakes: &mut Mistakes) -> Option<Code> {
        let code = Code::parse(name);
        if code.is_none() {
            let message = format!("`{name}` is not the code of a refusal");
            let span = self.annotation_place("refusal");
            let valid = Code::ALL.map(Code::name);
            mistakes.add_unknown(self.source, span, message, name, valid);
        }
        code
    }

    /// Notes every literal that is not in the vocabulary, and every arithmetic operator.
    pub(super) fn check_words(&self, vocabulary: &Vocabulary, mistakes: &mut Mistakes) {
        let mut literals = self.policy.entity_literals();
        literals.sort_by_key(ToString::to_string);
        literals.dedup();
        for literal in literals {
            if let Some(fault) = vocabulary.fault_of(&literal) {
                let span = self.place(&literal.to_string());
                let id: &str = literal.id().unescaped();
                mistakes.add_unknown(self.source, span, fault.message, id, fault.valid);
            }
        }
        let as_json = self.policy.to_json().unwrap_or_default();
        if has_arithmetic(&as_json) {
            let message =
                "rules do not calculate: a sum can overflow, and then the rule is skipped";
            mistakes.add(self.source, self.place("@id("), message);
        }
    }
}

/// Whether an operator of Cedar's JSON form can overflow.
fn has_arithmetic(expression: &serde_json::Value) -> bool {
    match expression {
        serde_json::Value::Object(members) => members.iter().any(|(name, value)| {
            matches!(name.as_str(), "+" | "-" | "*" | "neg") || has_arithmetic(value)
        }),
        serde_json::Value::Array(items) => items.iter().any(has_arithmetic),
        _ => false,
    }
}
