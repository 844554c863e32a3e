//! Stage `filter`: only what the grant gives, per record by the circumstances of its customer. What
//! is cut here is cut from the disclosure's record too, so that the ledger says what left.

mod account;
mod headers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use self::account::Account;
pub use self::headers::all_withheld;
use super::decide::Permit;
use super::inspect::{Content, Inspected};
use crate::entry::{SubjectGroup, Withheld};
use crate::filter::{CoreNames, Links, PseudonymSecret};
use crate::judgement::{Document, Release, uninspectable};
use crate::policy::Circumstances;
use crate::refusal::{Code, Fault, Refusal, Stopped};
use crate::registry::{NotKept, Registry};
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
    /// Distinct people on customers' lists of whom something leaves.
    pub recipients: BTreeSet<CustomerRef>,
    /// Fields and headers that do not leave as they were.
    pub withheld: Vec<Withheld>,
    /// Headers with links of the gateway.
    pub headers: HeaderMap,
}

/// Filters.
///
/// # Errors
/// `not-found` when the one record asked for is not this partner's to see; `response-uninspectable`
/// for a redirect that leads nowhere, where a name of the core would leave, and for a person on a list who
/// cannot be told from others.
pub fn filter(
    permit: &Permit,
    inspected: &Inspected<'_>,
    (secret, registry): (&PseudonymSecret, &Registry),
    links: &Links<'_>,
) -> Result<Filtered, Stopped> {
    let filtered = Filtered::nothing(inspected.status);
    match &inspected.content {
        Content::Empty => headers::lead(permit, inspected, links, None, filtered),
        // What passes unopened cannot be looked into: neither for fields nor for names.
        Content::Whole {
            media_type,
            category,
            body,
        } => {
            let filtered = whole(permit, filtered, media_type, *category, body);
            headers::lead(permit, inspected, links, None, filtered)
        }
        Content::Data {
            media_type,
            document,
        } => {
            let key = secret.key_of(&permit.partner().contract().partner);
            let release = document.release(permit.grant(), &key, links);
            let release = release.ok_or_else(Refusal::not_found)?;
            let seen = Some(document.seen(&release));
            let filtered = headers::lead(permit, inspected, links, seen, filtered)?;
            let mut filtered =
                released(permit, filtered, document, release, (registry, links.names))?;
            filtered.media_type = Some(written_as(media_type));
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
            recipients: BTreeSet::new(),
            withheld: Vec::new(),
            headers: HeaderMap::new(),
        }
    }

    /// Adds what another part of the same answer is about; its body is written by who streams.
    pub fn add(&mut self, part: Self) {
        self.customers.extend(part.customers);
        self.recipients.extend(part.recipients);
        for group in part.subjects {
            let alike = |known: &&mut SubjectGroup| {
                (&known.subject, &known.basis) == (&group.subject, &group.basis)
                    && known.basis_reference == group.basis_reference
                    && known.circumstances == group.circumstances
                    && known.categories == group.categories
            };
            match self.subjects.iter_mut().find(alike) {
                Some(known) => {
                    let named: BTreeSet<&String> = known.references.iter().collect();
                    let new = |reference: &String| !named.contains(reference);
                    let news: Vec<String> = group.references.into_iter().filter(new).collect();
                    known.references.extend(news);
                    let records = known.records.zip(group.records);
                    known.records = records.map(|(known, more)| known.saturating_add(more));
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
            basis_reference: None,
            circumstances: words(Circumstances::OWN),
            categories: BTreeMap::from([(category.key().to_owned(), "clear".to_owned())]),
            records: Some(1),
            references: vec![customer.reference.to_string()],
        });
    }
    filtered
}

fn words(circumstances: Circumstances) -> Vec<String> {
    circumstances.words().map(str::to_owned).collect()
}

/// Of texts, whose coding was once another where nobody said it, the coding is said.
pub fn written_as(media_type: &Arc<str>) -> Arc<str> {
    if media_type.starts_with("text/") {
        return format!("{media_type}; charset=utf-8").into();
    }
    Arc::clone(media_type)
}

/// Keeps the account of what leaves of an answer of data, or of a part of one.
///
/// # Errors
/// `response-uninspectable` for a recipient who cannot be told from others, and where a name of the core
/// would leave; `record-unavailable` where no key for this month's recipients can be had.
pub fn released(
    permit: &Permit,
    mut filtered: Filtered,
    document: &Document<'_>,
    released: Release,
    (registry, names): (&Registry, &CoreNames),
) -> Result<Filtered, Stopped> {
    let mut account = Account::new(permit, document.shape);
    if let Some(around) = released.granted_around(&document.envelope) {
        account.add_around(&document.envelope, around, &released.emitted.envelope);
    }
    for (owner, record) in document.owners.iter().zip(&released.emitted.records) {
        if let (Some(granted), Some(record)) = (released.granted(owner), record) {
            account.add(owner, granted, record);
        }
    }
    for recipient in document.recipients(&released)? {
        let who = &recipient.particulars;
        let reference = registry.recipient_reference(&who.name, &who.address);
        let unkept = |error: NotKept| {
            Fault::new(
                Code::RecordUnavailable,
                format!("a recipient's key: {error}"),
            )
        };
        let reference = reference.map_err(unkept)?;
        let reference =
            reference.ok_or_else(|| uninspectable("a recipient of mail who is nobody"))?;
        account.add_recipient(&recipient, reference);
    }
    account.close(&mut filtered);
    filtered.body = released.body.into();
    // The last look: whatever a field says, it does not say where the core is.
    if names.occur_in(&filtered.body) {
        return Err(uninspectable("a name of the core in what would leave").into());
    }
    Ok(filtered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(references: &[&str], records: u32) -> Filtered {
        let mut part = Filtered::nothing(200);
        part.subjects.push(SubjectGroup {
            subject: "customer".to_owned(),
            basis: "contract".to_owned(),
            basis_reference: None,
            circumstances: Vec::new(),
            categories: BTreeMap::new(),
            records: Some(records),
            references: references.iter().map(ToString::to_string).collect(),
        });
        part
    }

    #[test]
    fn parts_that_are_recorded_together_name_each_customer_once_and_count_all_records() {
        let mut all = Filtered::nothing(200);
        all.add(part(&["a", "b"], 40));
        all.add(part(&["b", "c"], 24));
        let told = all
            .subjects
            .iter()
            .map(|group| (&*group.references, group.records));
        let told: Vec<_> = told.collect();
        assert_eq!(told, [(&["a", "b", "c"].map(str::to_owned)[..], Some(64))]);
    }
}
