//! What a judged answer tells of itself, for a case to be held against.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::outcome::{JudgedField, Outcome};
use super::{Decision, Leaves};
use crate::catalogue::{FieldId, Shape};
use crate::filter::{self, Plan, Released};
use crate::judgement::{self, Granted, Owner};
use crate::policy::Grant;
use crate::taxonomy::Category;
use crate::terms::{CustomerRef, Form};

/// What the judged answer tells, gathered record by record.
pub(super) struct Account<'a> {
    shape: &'a Shape,
    grant: &'a Grant,
    outcome: &'a mut Outcome,
    /// By place of the field in the shape.
    leaves: BTreeMap<u16, BTreeSet<Leaves>>,
    customers: BTreeSet<CustomerRef>,
    /// Fields of records of which nothing leaves, not even that they were there.
    pub(super) dropped: filter::FieldSet,
}

impl<'a> Account<'a> {
    pub(super) fn new(shape: &'a Shape, grant: &'a Grant, outcome: &'a mut Outcome) -> Self {
        Self {
            shape,
            grant,
            outcome,
            leaves: BTreeMap::new(),
            customers: BTreeSet::new(),
            dropped: filter::FieldSet::default(),
        }
    }

    /// Adds what left of a record, or of what stands around the records.
    pub(super) fn add(
        &mut self,
        owner: &Owner,
        granted: &Granted,
        released: &Released,
        is_record: bool,
    ) {
        // Whatever leaves with a customer's record is the customer's.
        if let (true, Owner::Customer { reference, .. }) = (is_record, owner) {
            self.customers.insert(*reference);
        }
        let rules = self.grant.rules(granted.circumstances());
        self.outcome.rules.extend(rules.iter().cloned());
        let user = Category::parse("user");
        for (place, field) in (0..=u16::MAX).zip(&self.shape.fields) {
            let id = FieldId(place);
            if !released.released.contains(id) && !released.withheld.contains(id) {
                continue;
            }
            let lost = released.lost.contains(id);
            let leaves = if lost {
                Leaves::Withheld
            } else {
                leaves(&granted.plan, id)
            };
            self.leaves.entry(place).or_default().insert(leaves);
            if !leaves.is_whole() {
                let promise = if lost {
                    judgement::LINK_PROMISE
                } else {
                    granted.withheld_by(self.grant, field)
                };
                self.outcome.kept.insert(promise);
            }
            let personal = field.category.zip(user);
            let personal = personal.is_some_and(|(category, user)| category.is_within(user));
            if let (true, true, Owner::Customer { reference, .. }) =
                (personal, leaves != Leaves::Withheld, owner)
            {
                self.customers.insert(*reference);
            }
        }
    }

    pub(super) fn close(mut self) {
        let redacted = self
            .leaves
            .values()
            .flatten()
            .any(|leaves| !leaves.is_whole());
        self.outcome.decision = if redacted {
            Decision::Redact
        } else {
            Decision::Allow
        };
        self.outcome.customers = self.customers.len();
        for (place, field) in (0..=u16::MAX).zip(&self.shape.fields) {
            let mut leaves = self.leaves.remove(&place).unwrap_or_default();
            if leaves.is_empty() && self.dropped.contains(FieldId(place)) {
                leaves.insert(Leaves::Withheld);
            }
            self.outcome.fields.push(JudgedField {
                path: Arc::clone(&field.path),
                category: field.category,
                leaves,
            });
        }
    }
}

fn leaves(plan: &Plan, field: FieldId) -> Leaves {
    match plan.treatment(field).form() {
        Some(Form::Clear) => Leaves::Clear,
        Some(Form::Partial) => Leaves::Partial,
        Some(Form::Pseudonym) => Leaves::Pseudonym,
        Some(Form::Aggregate) => Leaves::Aggregate,
        None => Leaves::Withheld,
    }
}
