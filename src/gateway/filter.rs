//! Stage `filter`: only what the grant gives, per record by the circumstances of its customer. What
//! is cut here is cut from the disclosure's record too, so that the ledger says what left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::decide::Permit;
use super::inspect::{Content, Inspected};
use crate::catalogue::Shape;
use crate::entry::{SubjectGroup, Withheld};
use crate::filter::{FieldSet, Method, PseudonymSecret, Released, Treatment, WithheldField};
use crate::judgement::{Document, Granted, Owner};
use crate::policy::Circumstances;
use crate::refusal::{Refusal, Stopped};
use crate::taxonomy::Category;
use crate::terms::{CustomerRef, Promise};

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
        Content::Json(document) => released(permit, filtered, document, secret),
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

/// Writes what leaves of a JSON answer, and keeps the account of it.
fn released(
    permit: &Permit,
    mut filtered: Filtered,
    document: &Document<'_>,
    secret: &PseudonymSecret,
) -> Result<Filtered, Stopped> {
    let key = secret.key_of(&permit.partner().contract().partner);
    let released = document.release(permit.grant(), &key);
    let released = released.ok_or_else(Refusal::not_found)?;
    let mut account = Account::new(permit, document.shape);
    if let Some(around) = released.granted(&document.envelope) {
        account.add(&document.envelope, around, &released.emitted.envelope);
    }
    for (owner, record) in document.owners.iter().zip(&released.emitted.records) {
        if let (Some(granted), Some(record)) = (released.granted(owner), record) {
            account.add(owner, granted, record);
        }
    }
    account.close(&mut filtered);
    filtered.media_type = Some("application/json".into());
    filtered.body = released.body.into();
    Ok(filtered)
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
            let Some(shaped) = self.shape.fields.get(usize::from(field.0)) else {
                continue;
            };
            let promise = granted.withheld_by(self.permit.grant(), shaped);
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
                        circumstances: words(group.granted.circumstances()),
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
