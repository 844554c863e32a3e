//! A decision in words, for partner managers, legal and the partner itself: what leaves in which
//! form, which rule or contract line decided, and what would have to change.
//!
//! A refusal is told in its own words, those of the partner's problem document; nothing here words
//! one anew. `explain/change.rs` finds what would have to change, `explain/text.rs` and
//! `explain/json.rs` write it down.

mod change;
mod json;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::circumstances::{Circumstances, Standing};
use super::contract::Contract;
use super::vocabulary::{Action, Question};
use super::{AccessRequest, Grant, PolicySet, Rule};
use crate::catalogue::{Body, FieldId, FieldRole, Operation, Shape};
use crate::filter::{Plan, Treatment};
use crate::refusal::Refusal;
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Form, FormSet, Promise};

/// Why a call is granted or refused.
#[derive(Clone, Debug)]
pub struct Explanation {
    contract: String,
    operation: Operation,
    purpose: Purpose,
    circumstances: Circumstances,
    outcome: Outcome,
}

#[derive(Clone, Debug)]
enum Outcome {
    /// What the partner is told, and what would have to change for the call to be granted.
    Refused(Box<Refusal>, Vec<String>),
    /// What becomes of the answer.
    Granted(Account),
}

/// What becomes of an answer.
#[derive(Clone, Debug)]
struct Account {
    lines: Vec<Line>,
    /// Fields of the answers that never leave, because nobody has said what they are (P1).
    unclassified: Vec<Arc<str>>,
    /// Whether records of such a customer are left out of the answer, as if there were none.
    left_out: bool,
}

/// What happens to one category, and why.
#[derive(Clone, Debug)]
struct Line {
    category: Category,
    form: Option<Form>,
    /// The rules that decided; none where no rule lets it leave, or where the contract withholds it.
    rules: Vec<Reason>,
    /// What the contract says, where it and not a promise keeps more from leaving.
    held_back: Option<&'static str>,
    /// The promise that keeps more from leaving; none where it leaves in the clear.
    promise: Option<Promise>,
    /// What would have to change for more to leave, any one of them.
    changes: Vec<String>,
    fields: Vec<FieldLine>,
}

/// What happens to a field of the answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FieldLine {
    path: Arc<str>,
    /// How it is withheld, as in RFC 9537; none where it leaves in the clear.
    method: Option<&'static str>,
    /// Whether anything of it leaves.
    leaves: bool,
}

/// A rule that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reason {
    rule: String,
    promise: String,
    sentence: String,
}

impl PolicySet {
    /// Explains what [`PolicySet::decide`] decides, and what leaves about a customer in
    /// `circumstances`. Where the request must name the customer and it is not the partner's own,
    /// that is what the gateway answers: as if there were no such customer.
    pub fn explain(
        &self,
        request: &AccessRequest<'_>,
        circumstances: Circumstances,
    ) -> Explanation {
        let hidden = request.standing == Standing::Good
            && request.operation.names_customer()
            && !circumstances.own;
        let decided = if hidden {
            Err(Box::new(Refusal::not_found()))
        } else {
            self.decide(request)
        };
        let outcome = match decided {
            Ok(grant) => Outcome::Granted(self.account(&grant, request, circumstances)),
            Err(refusal) => {
                let changes = self.changes_of_refusal(request, &refusal);
                Outcome::Refused(refusal, changes)
            }
        };
        let contract = self.contract(request.partner);
        Explanation {
            contract: contract.map_or_else(|| request.partner.to_string(), |c| c.label()),
            operation: request.operation.clone(),
            purpose: request.purpose,
            circumstances,
            outcome,
        }
    }

    fn account(
        &self,
        grant: &Grant,
        request: &AccessRequest<'_>,
        circumstances: Circumstances,
    ) -> Account {
        let mut fields = fields(request.operation, grant, circumstances);
        let unclassified = fields.remove(&None).unwrap_or_default();
        let mut categories = categories(request.operation);
        if categories.is_empty() {
            categories = named_by(grant.contract());
        }
        let lines = categories.into_iter().map(|category| {
            let fields = fields.remove(&Some(category)).unwrap_or_default();
            self.line(grant, request, circumstances, category, fields)
        });
        Account {
            lines: lines.collect(),
            unclassified: unclassified.into_iter().map(|field| field.path).collect(),
            left_out: leaves_out(request.operation, grant, circumstances),
        }
    }

    fn line(
        &self,
        grant: &Grant,
        request: &AccessRequest<'_>,
        circumstances: Circumstances,
        category: Category,
        fields: Vec<FieldLine>,
    ) -> Line {
        let contract = grant.contract();
        let form = at(grant.forms(circumstances), category);
        let question = Question {
            circumstances,
            ..request.question(contract)
        };
        let richest = self.richest(&question, category, FormSet::ALL);
        let held_back = (richest != form).then(|| contract.word(category));
        let rules = if form.is_none() && held_back.is_some() {
            Vec::new()
        } else {
            self.reasons(&question, form.unwrap_or(Form::Clear), category)
        };
        let clear = form == Some(Form::Clear);
        Line {
            category,
            form,
            rules,
            held_back,
            promise: (!clear).then(|| grant.withheld_by(circumstances, category)),
            changes: if clear {
                Vec::new()
            } else {
                self.changes(request, contract, &question, category, form)
            },
            fields,
        }
    }

    fn reasons(&self, question: &Question, form: Form, category: Category) -> Vec<Reason> {
        let action = Action::Disclose(form);
        let answer = self.promises.rules().ask(question, action, category);
        let rules = answer.rules.iter();
        let rules = rules.filter_map(|index| self.promises.rule(*index));
        rules.map(Reason::of).collect()
    }

    /// The richest of `forms` that the promises allow.
    fn richest(&self, question: &Question, category: Category, forms: FormSet) -> Option<Form> {
        let rules = self.promises.rules();
        let allows = |form: &Form| {
            let action = Action::Disclose(*form);
            forms.contains(*form) && rules.ask(question, action, category).allowed
        };
        Form::ALL.into_iter().find(allows)
    }
}

impl Contract {
    /// The richest form it lets a category leave in, in the word of its file.
    fn word(&self, category: Category) -> &'static str {
        let forms = self.categories.get(category.index());
        let richest = forms.and_then(|forms| forms.richest());
        richest.map_or("withheld", Form::word)
    }
}

impl Reason {
    fn of(rule: &Rule) -> Self {
        Self {
            rule: rule.id.to_string(),
            promise: rule.promise.to_string(),
            sentence: rule.sentence.to_string(),
        }
    }
}

impl Explanation {
    /// Whether the call is refused.
    pub fn is_denied(&self) -> bool {
        matches!(self.outcome, Outcome::Refused(..))
    }

    /// `allow`, `redact` or `deny`, as in `Covenant-Decision`.
    pub fn decision(&self) -> &'static str {
        let clear = |line: &Line| {
            line.form == Some(Form::Clear) && line.fields.iter().all(|field| field.method.is_none())
        };
        match &self.outcome {
            Outcome::Refused(..) => "deny",
            Outcome::Granted(account)
                if !account.left_out
                    && account.unclassified.is_empty()
                    && account.lines.iter().all(clear) =>
            {
                "allow"
            }
            Outcome::Granted(_) => "redact",
        }
    }
}

fn at(forms: &crate::terms::CategoryForms, category: Category) -> Option<Form> {
    forms.get(category.index()).copied().flatten()
}

/// The shapes of the answers that are passed on: what a core says of an error is not.
fn shapes(operation: &Operation) -> impl Iterator<Item = &Arc<Shape>> {
    let answers = operation.answers.iter();
    let answers = answers.filter(|answer| answer.status < 400);
    answers.filter_map(|answer| match &answer.body {
        Body::Data { shape, .. } => Some(shape),
        _ => None,
    })
}

/// The categories of the operation's answers, sorted.
pub fn categories(operation: &Operation) -> Vec<Category> {
    let fields = shapes(operation).flat_map(|shape| &shape.fields);
    let mut found: Vec<Category> = fields.filter_map(|field| field.category).collect();
    found.extend(
        operation
            .answers
            .iter()
            .filter_map(|answer| match answer.body {
                Body::Document { category, .. } => Some(category),
                _ => None,
            }),
    );
    found.sort_unstable();
    found.dedup();
    found
}

/// The categories of which the contract lets anything leave.
fn named_by(contract: &Contract) -> Vec<Category> {
    let masked = Category::all().zip(contract.categories.iter());
    let named = masked.filter(|(_, forms)| !forms.is_empty());
    named.map(|(category, _)| category).collect()
}

/// What the filter does to each field of the answers, by category.
fn fields(
    operation: &Operation,
    grant: &Grant,
    circumstances: Circumstances,
) -> BTreeMap<Option<Category>, Vec<FieldLine>> {
    let mut found: BTreeMap<Option<Category>, Vec<FieldLine>> = BTreeMap::new();
    for shape in shapes(operation) {
        let plan = Plan::new(shape, grant.forms(circumstances));
        for (id, field) in (0..=u16::MAX).map(FieldId).zip(&shape.fields) {
            let withheld = plan.withheld().iter().find(|withheld| withheld.field == id);
            let treatment = plan.treatment(id);
            found.entry(field.category).or_default().push(FieldLine {
                path: Arc::clone(&field.path),
                method: withheld.map(|withheld| withheld.method.word()),
                leaves: !matches!(
                    treatment,
                    Treatment::Null | Treatment::Empty | Treatment::Remove
                ),
            });
        }
    }
    for lines in found.values_mut() {
        lines.sort_unstable();
        lines.dedup();
    }
    found
}

/// Whether each record of such a customer is left out: only what is about nobody would leave of it. So it is
/// with records that say whose they are, and with those of a customer whom every request names.
pub fn leaves_out(operation: &Operation, grant: &Grant, circumstances: Circumstances) -> bool {
    let named = operation.names_customer();
    let mut owned = shapes(operation).filter(|shape| {
        let mut roles = shape.fields.iter().map(|field| field.role);
        let keyed = roles.any(|role| role == FieldRole::CustomerKey);
        let figures = shape.fields.iter().any(|field| field.figure);
        keyed || named && !figures && shape.root.holds_records()
    });
    let nothing_of =
        |shape: &Arc<Shape>| Plan::new(shape, grant.forms(circumstances)).discloses_nothing();
    let first = owned.next();
    first.is_some_and(|first| nothing_of(first) && owned.all(nothing_of))
}

#[cfg(test)]
mod tests;
