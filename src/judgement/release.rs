//! What of a JSON answer leaves: per record by the circumstances of its customer, under one grant.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answer::Owner;
use crate::catalogue::{Field, FieldId, Shape};
use crate::filter::stream::outside_records;
use crate::filter::{
    Emitted, Plan, PseudonymKey, RecordDecision, Scanned, Treatment, WithheldField,
};
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

/// How much of a field leaves, over all records it stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    stands: u32,
    leaves: u32,
}

impl Extent {
    /// How much: 3 for each record in the clear, 2 in part, 1 as a pseudonym.
    pub fn leaves(&self) -> u32 {
        self.leaves
    }

    /// Whether it leaves as it is wherever it stands.
    pub fn is_whole(&self) -> bool {
        self.leaves == self.stands
    }

    fn add(&mut self, treatment: Treatment) {
        self.stands += 3;
        self.leaves += match treatment {
            Treatment::Clear => 3,
            Treatment::Partial(_) => 2,
            Treatment::Pseudonym(_) => 1,
            Treatment::Null | Treatment::Empty | Treatment::Remove => 0,
        };
    }
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
        let decide = |owner: &Owner| match self.plan(&grants, owner) {
            Some(plan) => RecordDecision::Keep(plan),
            None => RecordDecision::Drop,
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

    /// How much of each field that stands in the document would leave under `grant`, by its path.
    pub fn extents(&self, grant: &Grant) -> BTreeMap<Arc<str>, Extent> {
        let grants = self.grants(grant);
        let mut extents: BTreeMap<Arc<str>, Extent> = BTreeMap::new();
        let around = [(self.scanned.envelope(), &self.envelope, true)];
        let records = self.scanned.records().iter().zip(&self.owners);
        let records = records.map(|(record, owner)| (record, owner, false));
        for (record, owner, is_envelope) in around.into_iter().chain(records) {
            let plan = if is_envelope {
                granted(&grants, owner).map(|granted| &granted.plan)
            } else {
                self.plan(&grants, owner)
            };
            for field in record.present().iter() {
                let Some(shaped) = self.shape.fields.get(usize::from(field.0)) else {
                    continue;
                };
                let treatment = plan.map_or(Treatment::Remove, |plan| plan.treatment(field));
                let extent = extents.entry(Arc::clone(&shaped.path)).or_default();
                extent.add(treatment);
            }
        }
        extents
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

    /// The plan of a record of this owner; nothing where the record is left out. One that belongs to
    /// no customer (a price, a status) may leave, without anything that would belong to one.
    fn plan<'a>(&self, grants: &'a [Granted], owner: &Owner) -> Option<&'a Plan> {
        let plan = &granted(grants, owner)?.plan;
        let leaves = match owner {
            Owner::Nobody => self.is_ownerless(),
            Owner::Customer { .. } => !plan.discloses_nothing(),
        };
        leaves.then_some(plan)
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

/// The fields that do not leave as they are, with the promise kept by it, as far as that is known before
/// an answer is seen: of records of the partner's own customers, and `around` the records.
pub fn withheld_beforehand(
    shape: &Shape,
    grant: &Grant,
    around: &Owner,
) -> Vec<(WithheldField, Promise)> {
    let of_case = |case: Case| Granted {
        case,
        plan: Plan::new(shape, &forms(grant, case)),
    };
    let records = of_case((Circumstances::OWN, CategorySet::NONE));
    let around = of_case(case_of(around));
    let outside = outside_records(shape);
    let fields = shape.fields.iter();
    let mut withheld = Vec::new();
    for (id, field) in (0..=u16::MAX).map(FieldId).zip(fields) {
        let granted = if outside.contains(id) {
            &around
        } else {
            &records
        };
        let mut fields = granted.plan.withheld().iter();
        if let Some(found) = fields.find(|one| one.field == id) {
            withheld.push((*found, granted.withheld_by(grant, field)));
        }
    }
    withheld
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
