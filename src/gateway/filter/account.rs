//! The account of an answer: whose data leaves, in which form, and what was withheld, as the ledger
//! says it. What the filter cut is cut from it too.

use std::collections::{BTreeMap, BTreeSet};

use super::Filtered;
use crate::catalogue::Shape;
use crate::entry::{SubjectGroup, Withheld};
use crate::filter::{self, FieldSet, Method, Released, Treatment, WithheldField};
use crate::gateway::decide::Permit;
use crate::judgement::{Granted, LINK_PROMISE, Owner};
use crate::taxonomy::Category;
use crate::terms::{CustomerRef, Promise};

/// What the ledger must say, gathered record by record; records of which the same fields left under
/// the same circumstances share a group.
pub(super) struct Account<'a> {
    permit: &'a Permit,
    shape: &'a Shape,
    groups: Vec<Group<'a>>,
    withheld: BTreeMap<WithheldKey, Promise>,
}

struct Group<'a> {
    granted: &'a Granted,
    released: FieldSet,
    references: BTreeSet<CustomerRef>,
}

/// Field and method.
type WithheldKey = (u16, Method);

impl<'a> Account<'a> {
    /// An empty account.
    pub(super) fn new(permit: &'a Permit, shape: &'a Shape) -> Self {
        Self {
            permit,
            shape,
            groups: Vec::new(),
            withheld: BTreeMap::new(),
        }
    }

    /// Adds what left of one record, or of what stands around the records.
    pub(super) fn add(&mut self, owner: &Owner, granted: &'a Granted, released: &Released) {
        let reference = match owner {
            Owner::Nobody => None,
            Owner::Customer { reference, .. } => Some(*reference),
        };
        let same = |group: &&mut Group<'_>| {
            std::ptr::eq(group.granted, granted) && group.released == released.released
        };
        match (self.groups.iter_mut().find(same), reference) {
            (Some(group), reference) => group.references.extend(reference),
            (None, Some(reference)) => {
                let references = BTreeSet::from([reference]);
                let released = released.released.clone();
                self.groups.push(Group {
                    granted,
                    released,
                    references,
                });
            }
            (None, None) => {}
        }
        self.add_withheld(granted, released);
    }

    /// Fields that stood in the answer and do not leave as they were.
    fn add_withheld(&mut self, granted: &Granted, released: &Released) {
        for WithheldField { field, method } in granted.plan.withheld() {
            let stood = released.released.contains(*field) || released.withheld.contains(*field);
            if !stood || self.withheld.contains_key(&(field.0, *method)) {
                continue;
            }
            let Some(shaped) = self.shape.fields.get(usize::from(field.0)) else {
                continue;
            };
            let promise = granted.withheld_by(self.permit.grant(), shaped);
            self.withheld.insert((field.0, *method), promise);
        }
        for lost in released.lost.iter() {
            if let Some(shaped) = self.shape.fields.get(usize::from(lost.0)) {
                let key = (lost.0, filter::withheld_link(shaped));
                self.withheld.insert(key, LINK_PROMISE);
            }
        }
    }

    /// Writes it down beside what leaves.
    pub(super) fn close(self, filtered: &mut Filtered) {
        for group in &self.groups {
            let person = self.categories(group);
            if person.iter().all(|(_, categories)| categories.is_empty()) {
                continue;
            }
            filtered.customers.extend(&group.references);
            let basis = self
                .permit
                .grant()
                .basis(group.granted.circumstances())
                .word();
            for (subject, categories) in person {
                if !categories.is_empty() {
                    filtered.subjects.push(SubjectGroup {
                        subject: subject.to_owned(),
                        basis: basis.to_owned(),
                        circumstances: super::words(group.granted.circumstances()),
                        categories,
                        references: group.references.iter().map(ToString::to_string).collect(),
                    });
                }
            }
        }
        for ((field, method), promise) in self.withheld {
            if let Some(field) = self.shape.fields.get(usize::from(field)) {
                filtered.withheld.push(Withheld {
                    field: field.path.to_string(),
                    method: method.word().to_owned(),
                    promise: promise.to_string(),
                });
            }
        }
    }

    /// Categories about a person that left, with their forms: the customer's own, and those of the
    /// people on the customer's lists.
    fn categories(&self, group: &Group<'_>) -> [(&'static str, BTreeMap<String, String>); 2] {
        let user = Category::parse("user");
        let (mut customer, mut recipient) = (BTreeMap::new(), BTreeMap::new());
        for id in group.released.iter() {
            let Some(field) = self.shape.fields.get(usize::from(id.0)) else {
                continue;
            };
            let personal = |category: &Category| user.is_some_and(|user| category.is_within(user));
            let Some(category) = field.category.filter(personal) else {
                continue;
            };
            let form = match group.granted.plan.treatment(id) {
                Treatment::Clear | Treatment::Link => "clear",
                Treatment::Partial(_) => "partial",
                Treatment::Pseudonym(_) => "pseudonym",
                Treatment::Null | Treatment::Empty | Treatment::Remove => continue,
            };
            let categories = if field.recipient {
                &mut recipient
            } else {
                &mut customer
            };
            categories.insert(category.key().to_owned(), form.to_owned());
        }
        [("customer", customer), ("recipient", recipient)]
    }
}
