//! What of a recorded answer another set would withhold or disclose. The entry tells of each group of
//! customers which categories left in which form, and of the whole answer which fields did not leave
//! as they were; whose a withheld field was it does not tell.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Outcome, Told};
use crate::catalogue::{Body, FieldId, Operation, Shape};
use crate::entry::{Disclosure, SubjectGroup, Withheld};
use crate::filter::Plan;
use crate::policy::{Circumstances, Grant};
use crate::taxonomy::Category;
use crate::terms::Form;

/// How an answered call of `operation` would fare under `grant`.
pub(super) fn told(operation: &Operation, grant: &Grant, disclosure: &Disclosure) -> Told {
    let mut told = Told::default();
    let mut answers = operation.answers.iter();
    let answer = answers.find(|answer| answer.status == disclosure.status);
    let shape = match answer.map(|answer| &answer.body) {
        Some(Body::Data { shape, .. }) => shape,
        Some(Body::Empty | Body::Document { .. }) => return told,
        Some(Body::Uninspectable { .. }) | None => {
            told.not_told
                .insert("the catalogue here has no such answer of the operation");
            return told;
        }
    };
    let mut replaying = Replaying {
        shape,
        grant,
        plans: BTreeMap::new(),
        told,
    };
    for group in &disclosure.subjects {
        replaying.released(group);
    }
    let cases = every_case(&disclosure.subjects);
    for withheld in &disclosure.withheld {
        replaying.withheld(withheld, cases.as_ref());
    }
    replaying.told
}

/// The circumstances in which customers of an answer may have been, if the entry is sound. Where
/// nothing about anyone left, that may be any.
fn every_case(groups: &[SubjectGroup]) -> Option<Vec<Circumstances>> {
    if groups.is_empty() {
        return Some(Circumstances::all().collect());
    }
    let cases: Option<Vec<_>> = groups.iter().map(cases).collect();
    Some(cases?.concat())
}

/// Consent opens the categories it names, which are not on record: any may be or not be one.
fn cases(group: &SubjectGroup) -> Option<Vec<Circumstances>> {
    let words = group.circumstances.iter().map(String::as_str);
    let circumstances = Circumstances::from_words(words)?;
    let without = Circumstances {
        consented: false,
        ..circumstances
    };
    Some(if circumstances.consented {
        vec![circumstances, without]
    } else {
        vec![circumstances]
    })
}

struct Replaying<'a> {
    shape: &'a Shape,
    grant: &'a Grant,
    /// By the index of the circumstances.
    plans: BTreeMap<usize, Plan>,
    told: Told,
}

impl Replaying<'_> {
    /// In which form `field` leaves about a customer in these circumstances.
    fn form(&mut self, field: FieldId, about: Circumstances) -> Option<Form> {
        let plan = self.plans.entry(about.index());
        let plan = plan.or_insert_with(|| Plan::new(self.shape, self.grant.forms(about)));
        plan.treatment(field).form()
    }

    /// What left of one group of customers.
    fn released(&mut self, group: &SubjectGroup) {
        let Some(cases) = cases(group) else {
            self.told.not_told.insert(UNKNOWN_CIRCUMSTANCES);
            return;
        };
        for (key, word) in &group.categories {
            let category = Category::parse(key);
            let fields = self.fields(category, group.subject == "recipient");
            let (Some(before), false) = (Form::parse(word), fields.is_empty()) else {
                self.told.not_told.insert(OTHER_CATEGORY);
                continue;
            };
            let forms: BTreeSet<Option<Form>> = cases
                .iter()
                .map(|about| {
                    let forms = fields.iter().map(|field| self.form(*field, *about));
                    // The richest of them; nothing is poorer than any form.
                    forms.flatten().min()
                })
                .collect();
            let poorer = |form: &Option<Form>| form.is_none_or(|form| form > before);
            match (forms.iter().find(|form| poorer(form)), forms.len()) {
                (None, _) => {}
                (Some(after), 1) => {
                    self.note(Outcome::Withheld, key, Some(before), *after);
                }
                (Some(_), _) => {
                    self.told.not_told.insert(CONSENT);
                }
            }
        }
    }

    /// The fields that hold `category` of customers, or of recipients of their mail.
    fn fields(&self, category: Option<Category>, recipient: bool) -> Vec<FieldId> {
        let ids = (0..=u16::MAX).map(FieldId);
        let fields = ids.zip(&self.shape.fields);
        let holding = fields.filter(|(_, field)| {
            category.is_some() && field.category == category && field.recipient == recipient
        });
        holding.map(|(id, _)| id).collect()
    }

    /// A field that did not leave as it was, of a customer in one of these circumstances.
    fn withheld(&mut self, withheld: &Withheld, cases: Option<&Vec<Circumstances>>) {
        let Some(cases) = cases else {
            self.told.not_told.insert(UNKNOWN_CIRCUMSTANCES);
            return;
        };
        let ids = (0..=u16::MAX).map(FieldId);
        let mut fields = ids.zip(&self.shape.fields);
        let Some((field, shaped)) = fields.find(|(_, field)| *field.path == *withheld.field) else {
            self.told.not_told.insert(OTHER_FIELDS);
            return;
        };
        let before = match withheld.method.as_str() {
            "partialValue" => Some(Form::Partial),
            "replacementValue" => Some(Form::Pseudonym),
            _ => None,
        };
        let forms: BTreeSet<Option<Form>> =
            cases.iter().map(|about| self.form(field, *about)).collect();
        let richer = |form: &Option<Form>| match (form, before) {
            (Some(form), Some(before)) => *form < before,
            (Some(_), None) => true,
            (None, _) => false,
        };
        match (forms.iter().find(|form| richer(form)), forms.len()) {
            (None, _) => {}
            (Some(_), _) if shaped.link.is_some() => {
                self.told.not_told.insert(LINK);
            }
            (Some(after), 1) => self.note(Outcome::Disclosed, &withheld.field, before, *after),
            (Some(_), _) => {
                self.told.not_told.insert(WHOSE);
            }
        }
    }

    fn note(&mut self, outcome: Outcome, what: &str, before: Option<Form>, after: Option<Form>) {
        let word = |form: Option<Form>| form.map_or("withheld", Form::word).to_owned();
        self.told.changes.insert(Change {
            outcome,
            what: Some(what.to_owned()),
            before: word(before),
            after: word(after),
        });
    }
}

const UNKNOWN_CIRCUMSTANCES: &str = "the circumstances on record have no meaning here";
const OTHER_CATEGORY: &str = "what left is of another category in the catalogue here";
const OTHER_FIELDS: &str = "a field that was withheld is not in the catalogue here";
const CONSENT: &str = "whether the customer's consent names the category";
const LINK: &str = "whether a withheld link would lead anywhere";
const WHOSE: &str = "whose the withheld field was, of customers who differ here";
