//! The account of an answer: whose data leaves, in which form, and what was withheld, as the ledger
//! says it. What the filter cut is cut from it too. A person on a customer's list stands in it as a
//! recipient, under a reference of the person's own, beside the customer whose list it is.

use std::collections::{BTreeMap, BTreeSet};

use super::Filtered;
use crate::allowance::Subject;
use crate::catalogue::{Field, Shape};
use crate::entry::{SubjectGroup, Withheld};
use crate::filter::{self, FieldSet, Method, Released, WithheldField};
use crate::gateway::decide::Permit;
use crate::judgement::{Granted, LINK_PROMISE, Opened, Owner, Recipient};
use crate::taxonomy::Category;
use crate::terms::{Basis, CustomerRef, Promise};

/// What the ledger must say, gathered record by record; records of which the same fields left under
/// the same circumstances share a group.
pub(super) struct Account<'a> {
    permit: &'a Permit,
    shape: &'a Shape,
    groups: Vec<Group<'a>>,
    withheld: BTreeMap<WithheldKey, Promise>,
}

struct Group<'a> {
    subject: Subject,
    granted: &'a Granted,
    /// What the customers opened, where they did; of all alike.
    opened: Option<&'a Opened>,
    released: FieldSet,
    /// Whether these are records of customers who are known. What leaves with one is theirs, be it only that
    /// it is there.
    has_owner: bool,
    /// Records, or people on lists.
    records: u32,
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

    /// Adds what left of one record.
    pub(super) fn add(&mut self, owner: &'a Owner, granted: &'a Granted, released: &Released) {
        // Figures are about people, and about none of them.
        let who = reference(owner);
        let about = Subject::Customer;
        self.count(
            about,
            (owner, who.is_some()),
            granted,
            &released.released,
            who,
        );
        self.add_withheld(granted, released);
    }

    /// Adds what left of what stands around the records.
    pub(super) fn add_around(
        &mut self,
        owner: &'a Owner,
        granted: &'a Granted,
        released: &Released,
    ) {
        let (about, who) = (Subject::Customer, reference(owner));
        self.count(about, (owner, false), granted, &released.released, who);
        self.add_withheld(granted, released);
    }

    /// Adds one person on a list of this owner's.
    pub(super) fn add_recipient(&mut self, recipient: &Recipient<'a>, reference: CustomerRef) {
        let (owner, granted) = (recipient.owner, recipient.granted);
        let who = Some(reference);
        let about = Subject::Recipient;
        self.count(about, (owner, false), granted, &recipient.released, who);
    }

    fn count(
        &mut self,
        subject: Subject,
        (owner, has_owner): (&'a Owner, bool),
        granted: &'a Granted,
        released: &FieldSet,
        reference: Option<CustomerRef>,
    ) {
        let opened = match owner {
            Owner::Customer { opened, .. } => Some(opened).filter(|it| **it != Opened::default()),
            Owner::Nobody => None,
        };
        let same = |group: &&mut Group<'_>| {
            let same = (group.subject, group.has_owner) == (subject, has_owner);
            let same = same && std::ptr::eq(group.granted, granted);
            same && group.released == *released && group.opened == opened
        };
        match self.groups.iter_mut().find(same) {
            Some(group) => {
                group.records = group.records.saturating_add(1);
                group.references.extend(reference);
            }
            None => self.groups.push(Group {
                subject,
                granted,
                opened,
                released: released.clone(),
                has_owner,
                records: 1,
                references: reference.into_iter().collect(),
            }),
        }
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
            if !self.says_something(group) {
                continue;
            }
            let people = match group.subject {
                Subject::Customer => &mut filtered.customers,
                Subject::Recipient => &mut filtered.recipients,
            };
            people.extend(&group.references);
            let circumstances = group.granted.circumstances();
            for ((basis, reference), categories) in self.categories(group) {
                filtered.subjects.push(SubjectGroup {
                    subject: group.subject.word().to_owned(),
                    basis: basis.word().to_owned(),
                    basis_reference: reference.map(|reference| reference.to_string()),
                    circumstances: super::words(circumstances),
                    categories,
                    records: Some(group.records),
                    references: group.references.iter().map(ToString::to_string).collect(),
                });
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

    /// Whether anything about a person left with the records of this group: of a customer's record anything,
    /// and else a field about somebody. A customer of whom nothing left but people on a list is one whose
    /// data left all the same.
    fn says_something(&self, group: &Group<'_>) -> bool {
        let mut released = group.released.iter();
        group.has_owner
            || released.any(|id| {
                let field = self.shape.fields.get(usize::from(id.0));
                let form = group.granted.plan.treatment(id).form();
                form.is_some() && field.is_some_and(Field::is_personal)
            })
    }

    /// Categories about the group's subject that left, with their forms, apart by what explains each: what
    /// would have left without consent and agreement does not rest on them.
    fn categories(&self, group: &Group<'a>) -> BTreeMap<Ground<'a>, BTreeMap<String, String>> {
        let mut grounds: BTreeMap<Ground<'a>, BTreeMap<String, String>> = BTreeMap::new();
        for id in group.released.iter() {
            let Some(field) = self.shape.fields.get(usize::from(id.0)) else {
                continue;
            };
            let about =
                field.is_personal() && field.recipient == (group.subject == Subject::Recipient);
            let form = group.granted.plan.treatment(id).form().filter(|_| about);
            if let Some((category, form)) = field.category.zip(form) {
                let categories = grounds.entry(self.ground(group, category)).or_default();
                categories.insert(category.key().to_owned(), form.word().to_owned());
            }
        }
        if grounds.is_empty() {
            let circumstances = group.granted.circumstances();
            let basis = self.permit.grant().basis(circumstances);
            grounds.insert((basis, None), BTreeMap::new());
        }
        grounds
    }

    fn ground(&self, group: &Group<'a>, category: Category) -> Ground<'a> {
        let grant = self.permit.grant();
        let about = group.granted.grounds(grant, category);
        match (grant.basis(about), group.opened) {
            (basis @ (Basis::LegalProcess | Basis::CustomerRequest), _) => (basis, None),
            (_, Some(opened)) if about.agreement => {
                let reference = opened.agreement_reference.as_deref();
                (Basis::CustomerAgreement, reference)
            }
            (_, Some(opened)) if about.consented => {
                (Basis::Consent, opened.consent_reference.as_deref())
            }
            (basis, _) => (basis, None),
        }
    }
}

fn reference(owner: &Owner) -> Option<CustomerRef> {
    match owner {
        Owner::Customer { reference, .. } => Some(*reference),
        Owner::Nobody => None,
    }
}

/// On what something left, and where that is written down.
type Ground<'a> = (Basis, Option<&'a str>);
