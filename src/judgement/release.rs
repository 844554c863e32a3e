//! What of a JSON answer leaves: per record by the circumstances of its customer, under one grant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::answer::Owner;
use super::figures::{Figures, Leaving};
use crate::catalogue::{Field, FieldId, FieldRole, Format, Shape};
use crate::filter::{
    self, CoreNames, Emitted, Limits, Links, Plan, PseudonymKey, RecordDecision, Scanned, Treatment,
};
use crate::policy::{Circumstances, Grant};
use crate::taxonomy::{Category, CategorySet};
use crate::terms::{CategoryForms, Form, Promise};

/// The promise kept by withholding a link that leads nowhere: what is not understood does not leave.
pub const LINK_PROMISE: Promise = Promise::number(1);

/// Most that is told of a rejection, in bytes.
const REJECTION_BYTES_MAX: usize = 4_096;

/// A JSON document of the catalogue's shape, and whose it is.
#[derive(Debug)]
pub struct Document<'a> {
    /// Its shape.
    pub shape: &'a Shape,
    /// Its text, validated and taken apart.
    pub scanned: Scanned<'a>,
    /// Whose each record is, in their order.
    pub owners: Vec<Owner>,
    /// Whose it is that stands around the records: the customer's whom the request named, or a key there.
    pub envelope: Owner,
    /// The groups of customers that it tells figures of, where it does.
    pub figures: Option<Figures>,
}

/// What of a document leaves.
#[derive(Debug)]
pub struct Release {
    /// The document that leaves.
    pub body: Vec<u8>,
    /// Which fields of which record are in it.
    pub emitted: Emitted,
    grants: Grants,
}

/// What the customers of each case are granted.
#[derive(Debug)]
struct Grants {
    all: Vec<Granted>,
    /// Of what stands around records, where that is less than its owner's records are granted.
    around: Option<Granted>,
    /// Which groups leave, in an answer of figures.
    leaving: Option<Leaving>,
}

/// How much of a field leaves, over all records it stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    stands: u32,
    leaves: u32,
}

impl Extent {
    /// How much: 3 for each record in the clear, 2 in part, 1 as a pseudonym. A figure leaves as it is.
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
            Treatment::Clear | Treatment::Link | Treatment::Figure => 3,
            Treatment::Partial(_) => 2,
            Treatment::Pseudonym(_) => 1,
            Treatment::Null | Treatment::Empty | Treatment::Remove => 0,
        };
    }
}

/// What decides about a customer's categories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) circumstances: Circumstances,
    pub(super) consented: CategorySet,
    pub(super) agreed: CategorySet,
}

impl Case {
    /// The circumstances of one category: consent and agreements open those they name, and no other.
    fn of(self, category: Category) -> Circumstances {
        let (consented, agreement) = (self.circumstances.consented, self.circumstances.agreement);
        Circumstances {
            consented: consented && self.consented.contains(category),
            agreement: agreement && self.agreed.contains(category),
            ..self.circumstances
        }
    }
}

/// What the customers of one case are granted.
#[derive(Debug)]
pub struct Granted {
    pub(super) case: Case,
    /// What happens to each field of their records.
    pub plan: Plan,
}

impl Granted {
    /// The circumstances of these customers.
    pub fn circumstances(&self) -> Circumstances {
        self.case.circumstances
    }

    /// What explains that `category` leaves as it does: the least of the circumstances that gives the form.
    pub fn grounds(&self, grant: &Grant, category: Category) -> Circumstances {
        let held = self.case.of(category);
        let form = |about: Circumstances| grant.forms(about).get(category.index()).copied();
        let without = Circumstances {
            consented: false,
            agreement: false,
            ..held
        };
        let consented = Circumstances {
            consented: held.consented,
            ..without
        };
        let mut least = [without, consented].into_iter();
        least
            .find(|about| form(*about) == form(held))
            .unwrap_or(held)
    }

    /// The promise kept by not letting `field` leave as it is. One without a category is withheld
    /// because it is not classified (P1).
    pub fn withheld_by(&self, grant: &Grant, field: &Field) -> Promise {
        let category = field.category;
        category.map_or(Promise::number(1), |category| {
            grant.withheld_by(self.case.of(category), category)
        })
    }
}

impl Release {
    /// What the grant gives of this owner's records; only of an owner in the document is that known.
    pub fn granted(&self, owner: &Owner) -> Option<&Granted> {
        self.grants.of(owner)
    }

    /// What it gives of what stands around them, which is this owner's.
    pub fn granted_around(&self, envelope: &Owner) -> Option<&Granted> {
        self.grants.around(envelope)
    }
}

impl Grants {
    fn of(&self, owner: &Owner) -> Option<&Granted> {
        let case = case_of(owner);
        self.all.iter().find(|granted| granted.case == case)
    }

    fn around(&self, envelope: &Owner) -> Option<&Granted> {
        self.around.as_ref().or_else(|| self.of(envelope))
    }
}

impl Document<'_> {
    /// Writes what leaves; nothing when the one record asked for is not this partner's to see.
    pub fn release(&self, grant: &Grant, key: &PseudonymKey, links: &Links<'_>) -> Option<Release> {
        let grants = self.grants(grant);
        let decide = |(record, owner)| match self.plan(&grants, record, owner) {
            Some(plan) => RecordDecision::Keep(plan),
            None => RecordDecision::Drop,
        };
        let decisions: Vec<_> = self.owners.iter().enumerate().map(decide).collect();
        let around = grants.around(&self.envelope)?;
        let mut body = Vec::new();
        let emitted = self
            .scanned
            .emit(&decisions, &around.plan, key, Some(links), &mut body)?;
        Some(Release {
            body,
            emitted,
            grants,
        })
    }

    /// Customers whose id leaves in clear in `release`, and the other customers of its records.
    pub fn seen(&self, release: &Release) -> [BTreeSet<&str>; 2] {
        let fields = (0..=u16::MAX).map(FieldId).zip(&self.shape.fields);
        let keys: Vec<FieldId> = fields
            .filter(|(_, field)| field.role == FieldRole::CustomerKey)
            .map(|(id, _)| id)
            .collect();
        let (mut shown, mut hidden) = (BTreeSet::new(), BTreeSet::new());
        let records = self.scanned.records().iter().zip(&self.owners);
        for ((record, owner), left) in records.zip(&release.emitted.records) {
            let Some(customer) = record.customer() else {
                continue;
            };
            let in_clear = |key: &FieldId| {
                let left = left
                    .as_ref()
                    .is_some_and(|left| left.released.contains(*key));
                let plan = release.granted(owner).map(|granted| &granted.plan);
                left && plan.is_some_and(|plan| plan.treatment(*key) == Treatment::Clear)
            };
            let shows = keys.iter().any(in_clear);
            if shows { &mut shown } else { &mut hidden }.insert(customer);
        }
        // A key around the records does not leave with any one of them.
        hidden.extend(self.scanned.envelope().customer());
        hidden.retain(|customer| !shown.contains(customer));
        [shown, hidden]
    }

    /// How much of each field that stands in the document would leave under `grant`, by its path.
    pub fn extents(&self, grant: &Grant) -> BTreeMap<Arc<str>, Extent> {
        let grants = self.grants(grant);
        let mut extents: BTreeMap<Arc<str>, Extent> = BTreeMap::new();
        let around = grants.around(&self.envelope);
        let around = around.map(|granted| &granted.plan);
        let around = [(self.scanned.envelope(), around)];
        let records = self.scanned.records().iter().zip(&self.owners).enumerate();
        let records =
            records.map(|(place, (record, owner))| (record, self.plan(&grants, place, owner)));
        for (record, plan) in around.into_iter().chain(records) {
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
    fn grants(&self, grant: &Grant) -> Grants {
        let mut all: Vec<Granted> = Vec::new();
        for owner in std::iter::once(&self.envelope).chain(&self.owners) {
            let case = case_of(owner);
            if all.iter().all(|granted| granted.case != case) {
                let plan = Plan::new(self.shape, &forms(grant, case));
                all.push(Granted { case, plan });
            }
        }
        let case = case_of(&self.envelope);
        let figures = self.figures.as_ref();
        let leaving =
            figures.map(|figures| figures.leaving(grant.smallest_group(case.circumstances)));
        let forms = forms(grant, case);
        let less = match (&leaving, &self.envelope) {
            (Some(leaving), _) if leaving.total => None,
            (Some(_), _) => Some(figureless(forms)),
            // A key of somebody whom the book does not know.
            (None, Owner::Nobody) if self.names_somebody_around() => Some(impersonal(forms)),
            (None, _) => None,
        };
        let around = less.map(|forms| Granted {
            case,
            plan: Plan::new(self.shape, &forms),
        });
        Grants {
            all,
            around,
            leaving,
        }
    }

    /// The plan of a record of this owner; nothing where the record is left out. One that belongs to
    /// no customer (a price, a status) may leave, without anything that would belong to one; a group of
    /// customers, where it is large enough. Of another partner's customer not even a record is known of which
    /// nothing about the customer leaves.
    fn plan<'a>(&self, grants: &'a Grants, record: usize, owner: &Owner) -> Option<&'a Plan> {
        let plan = &grants.of(owner)?.plan;
        let leaves = match (&grants.leaving, owner) {
            (Some(leaving), _) => leaving.groups.get(record).copied().unwrap_or_default(),
            (None, Owner::Nobody) => self.is_ownerless(),
            (None, Owner::Customer { circumstances, .. }) if circumstances.own => {
                !plan.discloses_nothing()
            }
            (None, Owner::Customer { .. }) => {
                let record = self.scanned.records().get(record);
                record.is_some_and(|record| plan.discloses_of(record.present()))
            }
        };
        leaves.then_some(plan)
    }

    /// Whether something about a person stands around the records.
    fn names_somebody_around(&self) -> bool {
        let mut around = self.scanned.envelope().present().iter();
        around.any(|id| {
            let field = self.shape.fields.get(usize::from(id.0));
            field.is_some_and(Field::is_personal)
        })
    }

    /// Whether the shape has no field that is about a person, so that no record of it needs an owner.
    fn is_ownerless(&self) -> bool {
        !self.shape.fields.iter().any(Field::is_personal)
    }
}

/// What of a rejection's body leaves: its fields of category `system` and below, of no record and in
/// clear, as the catalogue names them. `None` where there are none, and at any doubt.
pub fn rejection(
    format: Format,
    shape: &Shape,
    body: &[u8],
    grant: &Grant,
    names: &CoreNames,
) -> Option<Value> {
    let scanned = filter::read(format, shape, body, &Limits::default()).ok()?;
    let system = Category::parse("system")?;
    let mut forms = *grant.forms(Circumstances::default());
    for category in Category::all() {
        if let Some(form) = forms.get_mut(category.index()) {
            *form = form.filter(|form| *form == Form::Clear && category.is_within(system));
        }
    }
    let plan = Plan::new(shape, &forms);
    // Nothing is a pseudonym, so that any key does.
    let key = PseudonymKey::new(&[0; 32]);
    let mut text = Vec::new();
    let emitted = scanned.emit(&[], &plan, &key, None, &mut text)?;
    let says_something = !emitted.envelope.released.is_empty();
    let leaves = says_something && text.len() <= REJECTION_BYTES_MAX && !names.occur_in(&text);
    match format {
        Format::Json if leaves => serde_json::from_slice(&text).ok(),
        // A problem document is JSON.
        _ => None,
    }
}

/// The forms without figures.
fn figureless(mut forms: CategoryForms) -> CategoryForms {
    for form in &mut forms {
        *form = form.filter(|form| *form != Form::Aggregate);
    }
    forms
}

/// The forms without anything that is about a person.
fn impersonal(mut forms: CategoryForms) -> CategoryForms {
    let user = Category::parse("user");
    for category in Category::all() {
        let personal = user.is_none_or(|user| category.is_within(user));
        if let Some(form) = forms.get_mut(category.index()).filter(|_| personal) {
            *form = None;
        }
    }
    forms
}

pub(super) fn case_of(owner: &Owner) -> Case {
    match owner {
        Owner::Nobody => Case::default(),
        Owner::Customer {
            circumstances,
            opened,
            ..
        } => Case {
            circumstances: *circumstances,
            consented: opened.consented,
            agreed: opened.agreed,
        },
    }
}

pub(super) fn forms(grant: &Grant, case: Case) -> CategoryForms {
    let mut forms = *grant.forms(case.circumstances);
    if case.circumstances.consented || case.circumstances.agreement {
        for category in Category::all() {
            let named = grant.forms(case.of(category)).get(category.index());
            if let (Some(form), Some(named)) = (forms.get_mut(category.index()), named) {
                *form = *named;
            }
        }
    }
    forms
}
