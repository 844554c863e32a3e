//! What of a JSON answer leaves: per record by the circumstances of its customer, under one grant.

use super::answer::Owner;
use crate::catalogue::{Field, Shape};
use crate::filter::{Emitted, Plan, PseudonymKey, RecordDecision, Scanned};
use crate::policy::{Circumstances, Grant};
use crate::taxonomy::{Category, CategorySet};
use crate::terms::{CategoryForms, Promise};

/// A JSON document of the catalogue's shape, and whose it is.
#[derive(Debug)]
pub struct Document<'a> {
    /// Its shape.
    pub shape: &'a Shape,
    /// Its text, validated and taken apart.
    pub scanned: Scanned<'a>,
    /// Whose each record is, in their order.
    pub owners: Vec<Owner>,
    /// Whose the whole answer is, where the request named one customer.
    pub envelope: Owner,
}

/// What of a document leaves.
#[derive(Debug)]
pub struct Release {
    /// The document that leaves.
    pub body: Vec<u8>,
    /// Which fields of which record are in it.
    pub emitted: Emitted,
    grants: Vec<Granted>,
}

/// What decides about a customer's categories: the circumstances, and what was consented to.
type Case = (Circumstances, CategorySet);

/// What the customers of one case are granted.
#[derive(Debug)]
pub struct Granted {
    case: Case,
    /// What happens to each field of their records.
    pub plan: Plan,
}

impl Granted {
    /// The circumstances of these customers.
    pub fn circumstances(&self) -> Circumstances {
        self.case.0
    }

    /// The promise kept by not letting `field` leave as it is. One without a category is withheld
    /// because it is not classified (P1).
    pub fn withheld_by(&self, grant: &Grant, field: &Field) -> Promise {
        let category = field.category;
        category.map_or(Promise::number(1), |category| {
            grant.withheld_by(self.circumstances(), category)
        })
    }
}

impl Release {
    /// What the grant gives of this owner's records; only of an owner in the document is that known.
    pub fn granted(&self, owner: &Owner) -> Option<&Granted> {
        granted(&self.grants, owner)
    }
}

impl Document<'_> {
    /// Writes what leaves; nothing when the one record asked for is not this partner's to see.
    pub fn release(&self, grant: &Grant, key: &PseudonymKey) -> Option<Release> {
        let grants = self.grants(grant);
        let decide = |owner: &Owner| match (owner, granted(&grants, owner)) {
            // A record that belongs to no customer (a price, a status) may leave, without anything
            // that would belong to one.
            (Owner::Nobody, Some(granted)) if self.is_ownerless() => {
                RecordDecision::Keep(&granted.plan)
            }
            (Owner::Nobody, _) | (_, None) => RecordDecision::Drop,
            (_, Some(granted)) if granted.plan.discloses_nothing() => RecordDecision::Drop,
            (_, Some(granted)) => RecordDecision::Keep(&granted.plan),
        };
        let decisions: Vec<_> = self.owners.iter().map(decide).collect();
        let around = granted(&grants, &self.envelope)?;
        let mut body = Vec::new();
        let emitted = self
            .scanned
            .emit(&decisions, &around.plan, key, &mut body)?;
        Some(Release {
            body,
            emitted,
            grants,
        })
    }

    /// One plan for each case that occurs.
    fn grants(&self, grant: &Grant) -> Vec<Granted> {
        let mut grants: Vec<Granted> = Vec::new();
        for owner in std::iter::once(&self.envelope).chain(&self.owners) {
            let case = case_of(owner);
            if grants.iter().all(|granted| granted.case != case) {
                let plan = Plan::new(self.shape, &forms(grant, case));
                grants.push(Granted { case, plan });
            }
        }
        grants
    }

    /// Whether the shape has no field that is about a person, so that no record of it needs an owner.
    fn is_ownerless(&self) -> bool {
        let user = Category::parse("user");
        self.shape.fields.iter().all(|field| {
            !field
                .category
                .zip(user)
                .is_some_and(|(category, user)| category.is_within(user))
        })
    }
}

fn granted<'a>(grants: &'a [Granted], owner: &Owner) -> Option<&'a Granted> {
    let case = case_of(owner);
    grants.iter().find(|granted| granted.case == case)
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
