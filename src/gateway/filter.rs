//! Stage `filter`: only what the grant gives, per record by the circumstances of its customer. What
//! is cut here is cut from the disclosure's record too, so that the ledger says what left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::decide::Permit;
use super::inspect::{Content, Document, Inspected, Owner};
use crate::catalogue::Shape;
use crate::entry::{SubjectGroup, Withheld};
use crate::filter::{
    FieldSet, Method, Plan, PseudonymKey, PseudonymSecret, RecordDecision, Released, Treatment,
    WithheldField,
};
use crate::policy::{Circumstances, Grant};
use crate::refusal::{Refusal, Stopped};
use crate::registry::CategorySet;
use crate::taxonomy::Category;
use crate::terms::{CategoryForms, CustomerRef, Promise};

/// What would leave, and what the ledger must say about it.
#[derive(Debug)]
pub struct Filtered {
    /// Status.
    pub status: u16,
    /// Media type, where there is a body.
    pub media_type: Option<Arc<str>>,
    /// The bytes granted.
    pub body: Bytes,
    /// Whose data, in which form.
    pub subjects: Vec<SubjectGroup>,
    /// Distinct customers of whom something leaves.
    pub customers: BTreeSet<CustomerRef>,
    /// Fields that do not leave as they were.
    pub withheld: Vec<Withheld>,
}

/// Filters.
///
/// # Errors
/// `not-found` when the one record asked for is not this partner's to see.
pub fn filter(
    permit: &Permit,
    inspected: &Inspected<'_>,
    secret: &PseudonymSecret,
) -> Result<Filtered, Stopped> {
    let filtered = Filtered {
        status: inspected.status,
        media_type: None,
        body: Bytes::new(),
        subjects: Vec::new(),
        customers: BTreeSet::new(),
        withheld: Vec::new(),
    };
    match &inspected.content {
        Content::Empty => Ok(filtered),
        Content::Whole {
            media_type,
            category,
            body,
        } => Ok(whole(permit, filtered, media_type, *category, body)),
        Content::Json(document) => {
            let answer = Answer { permit, document };
            let partner = &permit.partner().contract().partner;
            answer.filter(filtered, &secret.key_of(partner))
        }
    }
}

/// A document leaves whole: `decide` made sure that its category may.
fn whole(
    permit: &Permit,
    mut filtered: Filtered,
    media_type: &Arc<str>,
    category: Category,
    body: &Bytes,
) -> Filtered {
    filtered.media_type = Some(Arc::clone(media_type));
    filtered.body = body.clone();
    if let Some(customer) = permit.customer() {
        filtered.customers.insert(customer.reference);
        filtered.subjects.push(SubjectGroup {
            subject: "customer".to_owned(),
            basis: permit.grant().basis(Circumstances::OWN).word().to_owned(),
            circumstances: words(Circumstances::OWN),
            categories: BTreeMap::from([(category.key().to_owned(), "clear".to_owned())]),
            references: vec![customer.reference.to_string()],
        });
    }
    filtered
}

fn words(circumstances: Circumstances) -> Vec<String> {
    circumstances.words().map(str::to_owned).collect()
}

/// A JSON answer under its permit.
struct Answer<'a> {
    permit: &'a Permit,
    document: &'a Document<'a>,
}

/// What decides about a customer's categories: the circumstances, and what was consented to.
type Case = (Circumstances, CategorySet);

/// What the customers of one case are granted.
struct Granted {
    case: Case,
    plan: Plan,
}

impl Answer<'_> {
    fn filter(&self, mut filtered: Filtered, key: &PseudonymKey) -> Result<Filtered, Stopped> {
        let grants = self.grants();
        let granted = |owner: &Owner| {
            let case = case_of(owner);
            grants.iter().find(|granted| granted.case == case)
        };
        let decide = |owner: &Owner| match (owner, granted(owner)) {
            // A record that belongs to no customer (a price, a status) may leave, without anything
            // that would belong to one.
            (Owner::Nobody, Some(granted)) if self.is_ownerless() => {
                RecordDecision::Keep(&granted.plan)
            }
            (Owner::Nobody, _) | (_, None) => RecordDecision::Drop,
            (_, Some(granted)) if granted.plan.discloses_nothing() => RecordDecision::Drop,
            (_, Some(granted)) => RecordDecision::Keep(&granted.plan),
        };
        let decisions: Vec<_> = self.document.owners.iter().map(decide).collect();
        let Some(around) = granted(&self.document.envelope) else {
            return Err(Refusal::not_found().into());
        };
        let mut body = Vec::new();
        let emitted = self
            .document
            .scanned
            .emit(&decisions, &around.plan, key, &mut body)
            .ok_or_else(Refusal::not_found)?;
        filtered.media_type = Some("application/json".into());
        filtered.body = body.into();
        let mut account = Account::new(self.permit, self.document.shape);
        account.add(&self.document.envelope, around, &emitted.envelope);
        for (owner, released) in self.document.owners.iter().zip(&emitted.records) {
            if let (Some(granted), Some(released)) = (granted(owner), released) {
                account.add(owner, granted, released);
            }
        }
        account.close(&mut filtered);
        Ok(filtered)
    }

    /// One plan for each case that occurs.
    fn grants(&self) -> Vec<Granted> {
        let mut grants: Vec<Granted> = Vec::new();
        for owner in std::iter::once(&self.document.envelope).chain(&self.document.owners) {
            let case = case_of(owner);
            if grants.iter().all(|granted| granted.case != case) {
                let plan = Plan::new(self.document.shape, &forms(self.permit.grant(), case));
                grants.push(Granted { case, plan });
            }
        }
        grants
    }

    /// Whether the shape has no field that is about a person, so that no record of it needs an owner.
    fn is_ownerless(&self) -> bool {
        let user = Category::parse("user");
        self.document.shape.fields.iter().all(|field| {
            !field
                .category
                .zip(user)
                .is_some_and(|(category, user)| category.is_within(user))
        })
    }
}

fn case_of(owner: &Owner) -> Case {
    match owner {
        Owner::Nobody => (Circumstances::default(), CategorySet::NONE),
        Owner::Customer {
            circumstances,
            consented,
            ..
        } => (*circumstances, *consented),
    }
}

/// Consent opens the categories it names, and no other.
fn forms(grant: &Grant, (circumstances, consented): Case) -> CategoryForms {
    let mut forms = *grant.forms(circumstances);
    if circumstances.consented {
        let without = grant.forms(Circumstances {
            consented: false,
            ..circumstances
        });
        for category in Category::all().filter(|category| !consented.contains(*category)) {
            if let (Some(form), Some(plain)) = (
                forms.get_mut(category.index()),
                without.get(category.index()),
            ) {
                *form = *plain;
            }
        }
    }
    forms
}

/// What the ledger must say, gathered record by record; records of which the same fields left under
/// the same circumstances share a group.
struct Account<'a> {
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
    fn new(permit: &'a Permit, shape: &'a Shape) -> Self {
        Self {
            permit,
            shape,
            groups: Vec::new(),
            withheld: BTreeMap::new(),
        }
    }

    fn add(&mut self, owner: &Owner, granted: &'a Granted, released: &Released) {
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
            let category = self
                .shape
                .fields
                .get(usize::from(field.0))
                .and_then(|field| field.category);
            // A field without a category is withheld because it is not classified (P1).
            let promise = category.map_or(Promise::number(1), |category| {
                self.permit.grant().withheld_by(granted.case.0, category)
            });
            self.withheld.insert((field.0, *method), promise);
        }
    }

    fn close(self, filtered: &mut Filtered) {
        for group in &self.groups {
            let person = self.categories(group);
            if person.iter().all(|(_, categories)| categories.is_empty()) {
                continue;
            }
            filtered.customers.extend(&group.references);
            let basis = self.permit.grant().basis(group.granted.case.0).word();
            for (subject, categories) in person {
                if !categories.is_empty() {
                    filtered.subjects.push(SubjectGroup {
                        subject: subject.to_owned(),
                        basis: basis.to_owned(),
                        circumstances: words(group.granted.case.0),
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
                Treatment::Clear => "clear",
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
