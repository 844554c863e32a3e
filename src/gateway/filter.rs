//! Stage `filter`: only what the grant gives, per record by the circumstances of its customer. What
//! is cut here is cut from the disclosure's record too, so that the ledger says what left.

mod account;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use self::account::Account;
use super::decide::Permit;
use super::inspect::{Content, Inspected};
use crate::entry::{SubjectGroup, Withheld};
use crate::filter::{PseudonymKey, PseudonymSecret};
use crate::judgement::Document;
use crate::policy::Circumstances;
use crate::refusal::{Refusal, Stopped};
use crate::taxonomy::Category;
use crate::terms::CustomerRef;

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
    let filtered = Filtered::nothing(inspected.status);
    match &inspected.content {
        Content::Empty => Ok(filtered),
        Content::Whole {
            media_type,
            category,
            body,
        } => Ok(whole(permit, filtered, media_type, *category, body)),
        Content::Json(document, media_type) => {
            let key = secret.key_of(&permit.partner().contract().partner);
            let mut filtered = released(permit, filtered, document, &key)?;
            filtered.media_type = Some(Arc::clone(media_type));
            Ok(filtered)
        }
    }
}

impl Filtered {
    /// An answer of this status with nothing in it.
    pub fn nothing(status: u16) -> Self {
        Self {
            status,
            media_type: None,
            body: Bytes::new(),
            subjects: Vec::new(),
            customers: BTreeSet::new(),
            withheld: Vec::new(),
        }
    }

    /// Adds what another part of the same answer is about; its body is written by who streams.
    pub fn add(&mut self, part: Self) {
        self.customers.extend(part.customers);
        for group in part.subjects {
            let alike = |known: &&mut SubjectGroup| {
                (&known.subject, &known.basis) == (&group.subject, &group.basis)
                    && known.circumstances == group.circumstances
                    && known.categories == group.categories
            };
            match self.subjects.iter_mut().find(alike) {
                Some(known) => {
                    let named: BTreeSet<&String> = known.references.iter().collect();
                    let new = |reference: &String| !named.contains(reference);
                    let news: Vec<String> = group.references.into_iter().filter(new).collect();
                    known.references.extend(news);
                }
                None => self.subjects.push(group),
            }
        }
        for field in part.withheld {
            if !self.withheld.contains(&field) {
                self.withheld.push(field);
            }
        }
    }
}

/// A document leaves whole: `decide` made sure that its category may.
pub fn whole(
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

/// Writes what leaves of an answer of data, or of a part of one, and keeps the account of it.
///
/// # Errors
/// `not-found` when the one record asked for is not this partner's to see.
pub fn released(
    permit: &Permit,
    mut filtered: Filtered,
    document: &Document<'_>,
    key: &PseudonymKey,
) -> Result<Filtered, Stopped> {
    let released = document.release(permit.grant(), key);
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
    filtered.body = released.body.into();
    Ok(filtered)
}
