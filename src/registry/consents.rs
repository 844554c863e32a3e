//! What customers opened: consents (P5), for one partner, some categories, one purpose, until a time; and
//! agreements with one customer (P15), likewise, with their profile and the reference of their document.
//! Kept and looked up alike; what either opens is for the rules to say.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::shards::Shards;
use super::{NotKept, Registry, database, entry_column};
use crate::judgement::Opened;
use crate::taxonomy::{Category, CategorySet, Purpose};
use crate::terms::{CustomerRef, PartnerId};

/// In the column of the partner: every partner.
const ANY_PARTNER: &str = "*";

/// What a customer consented to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who may have it.
    pub partner: PartnerId,
    /// For what, and whatever lies below that.
    pub purpose: Purpose,
    /// What.
    pub categories: CategorySet,
    /// The first moment it no longer holds.
    pub until: Timestamp,
    /// Where it is written down, if it is: never a name or another value of the customer's.
    pub reference: Option<Arc<str>>,
}

/// An agreement with one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Which of the agreements that the company makes: a word.
    pub profile: Arc<str>,
    /// With which partner; with none, every one.
    pub partner: Option<PartnerId>,
    /// For what, and whatever lies below that.
    pub purposes: Vec<Purpose>,
    /// What.
    pub categories: CategorySet,
    /// The first moment it no longer holds.
    pub until: Timestamp,
    /// The document it stands in: never a name or another value of the customer's.
    pub reference: Arc<str>,
}

/// Either, for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Opening {
    /// Of an agreement; none of a consent.
    profile: Option<Arc<str>>,
    partner: Option<PartnerId>,
    purpose: Purpose,
    categories: CategorySet,
    until: Timestamp,
    reference: Option<Arc<str>>,
}

impl Opening {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let text = |column| -> rusqlite::Result<Option<Arc<str>>> {
            Ok(row.get::<_, Option<String>>(column)?.map(Arc::from))
        };
        Ok(Self {
            partner: database::column(row, 1, |text| match text {
                ANY_PARTNER => Some(None),
                id => PartnerId::parse(id).map(Some),
            })?,
            purpose: database::column(row, 2, Purpose::parse)?,
            categories: database::column(row, 3, |keys| {
                keys.split_ascii_whitespace().map(Category::parse).collect()
            })?,
            until: database::column(row, 4, |text| text.parse().ok())?,
            profile: text(5)?,
            reference: text(6)?,
        })
    }

    fn write(
        &self,
        connection: &Connection,
        customer: CustomerRef,
        entry_index: u64,
    ) -> rusqlite::Result<()> {
        let keys: Vec<_> = self.categories.iter().map(Category::key).collect();
        let sql = "INSERT INTO consent
                   (entry, reference, partner, purpose, categories, until, profile, document)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let partner = self.partner.as_ref().map_or(ANY_PARTNER, PartnerId::as_str);
        connection.prepare_cached(sql)?.execute(params![
            entry_column(entry_index),
            customer.as_bytes(),
            partner,
            self.purpose.key(),
            keys.join(" "),
            self.until.to_string(),
            self.profile.as_deref(),
            self.reference.as_deref(),
        ])?;
        Ok(())
    }

    /// Whether it is said in the same document, about the same partner and purpose: then the later of two
    /// holds.
    fn replaces(&self, other: &Self) -> bool {
        let is_agreement = self.profile.is_some() && other.profile.is_some();
        is_agreement
            && (&self.reference, &self.partner, self.purpose)
                == (&other.reference, &other.partner, other.purpose)
    }
}

#[derive(Debug, Default)]
pub(super) struct Consents(Shards<CustomerRef, Arc<[Opening]>>);

impl Consents {
    pub(super) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare(
            "SELECT reference, partner, purpose, categories, until, profile, document
             FROM consent ORDER BY entry",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let opening = Opening::read(row)?;
            self.add(CustomerRef::from_bytes(row.get(0)?), opening);
        }
        Ok(())
    }

    fn add(&self, customer: CustomerRef, opening: Opening) {
        self.change(customer, |all| {
            all.retain(|known| !opening.replaces(known));
            all.push(opening);
        });
    }

    fn change(&self, customer: CustomerRef, change: impl FnOnce(&mut Vec<Opening>)) {
        self.0.change(customer, |slot| {
            let mut openings = slot.take().map_or_else(Vec::new, |known| known.to_vec());
            change(&mut openings);
            *slot = (!openings.is_empty()).then(|| openings.into());
        });
    }

    /// Of a customer that is no longer on disk.
    pub(super) fn remove(&self, customer: CustomerRef) {
        self.0.change(customer, |slot| *slot = None);
    }

    /// Adds agreements that are on disk.
    pub(super) fn agreed(&self, customer: CustomerRef, agreement: &Agreement) {
        for opening in openings(agreement) {
            self.add(customer, opening);
        }
    }
}

/// Keeps an agreement, in the place of what stood in the same document before.
pub(super) fn keep_agreement(
    connection: &Connection,
    customer: CustomerRef,
    agreement: &Agreement,
    entry_index: u64,
) -> rusqlite::Result<()> {
    let sql = "DELETE FROM consent WHERE reference = ?1 AND partner = ?2 AND purpose = ?3
               AND profile IS NOT NULL AND document = ?4";
    for opening in openings(agreement) {
        let partner = opening
            .partner
            .as_ref()
            .map_or(ANY_PARTNER, PartnerId::as_str);
        let document = &*agreement.reference;
        let values = params![
            customer.as_bytes(),
            partner,
            opening.purpose.key(),
            document
        ];
        connection.prepare_cached(sql)?.execute(values)?;
        opening.write(connection, customer, entry_index)?;
    }
    Ok(())
}

fn openings(agreement: &Agreement) -> impl Iterator<Item = Opening> {
    agreement.purposes.iter().map(|purpose| Opening {
        profile: Some(Arc::clone(&agreement.profile)),
        partner: agreement.partner.clone(),
        purpose: *purpose,
        categories: agreement.categories,
        until: agreement.until,
        reference: Some(Arc::clone(&agreement.reference)),
    })
}

impl Registry {
    /// What `partner` may have of `customer` for `purpose` now, by what the customer consented and
    /// agreed to.
    pub fn opened(
        &self,
        customer: CustomerRef,
        partner: &PartnerId,
        purpose: Purpose,
        now: Timestamp,
    ) -> Opened {
        let mut opened = Opened::default();
        let Some(openings) = self.memory.consents.0.get(&customer) else {
            return opened;
        };
        let holds = |opening: &&Opening| {
            let about = opening.partner.as_ref().is_none_or(|one| one == partner);
            about && purpose.is_within(opening.purpose) && now < opening.until
        };
        let mut references = [BTreeSet::new(), BTreeSet::new()];
        let [consents, agreements] = &mut references;
        for opening in openings.iter().filter(holds) {
            let (categories, references) = match opening.profile {
                None => (&mut opened.consented, &mut *consents),
                Some(_) => (&mut opened.agreed, &mut *agreements),
            };
            *categories = categories.union(opening.categories);
            references.extend(opening.reference.as_deref());
        }
        let told = |references: &BTreeSet<&str>| {
            let told = references.iter().copied().collect::<Vec<_>>().join(", ");
            (!told.is_empty()).then(|| told.into())
        };
        opened.consent_reference = told(consents);
        opened.agreement_reference = told(agreements);
        opened
    }

    /// Records a consent, durably, beside those already there.
    pub async fn record_consent(
        &self,
        customer: CustomerRef,
        consent: Consent,
        entry_index: u64,
    ) -> Result<(), NotKept> {
        let memory = Arc::clone(&self.memory);
        let opening = Opening {
            profile: None,
            partner: Some(consent.partner),
            purpose: consent.purpose,
            categories: consent.categories,
            until: consent.until,
            reference: consent.reference,
        };
        let written = opening.clone();
        let change =
            move |connection: &Connection| Ok(written.write(connection, customer, entry_index)?);
        let apply = move |(): &()| memory.consents.add(customer, opening);
        self.writer.write(change, apply).await
    }

    /// Revokes every consent of `customer` to `partner` for `purpose` and what lies below it,
    /// durably. A wider purpose they consented to is revoked by naming that one. Agreements stay.
    pub async fn revoke_consent(
        &self,
        customer: CustomerRef,
        partner: &PartnerId,
        purpose: Purpose,
    ) -> Result<(), NotKept> {
        let memory = Arc::clone(&self.memory);
        let written = partner.clone();
        let change = move |connection: &Connection| {
            let sql = "DELETE FROM consent WHERE reference = ?1 AND partner = ?2 AND purpose = ?3
                       AND profile IS NULL";
            for within in Purpose::all().filter(|below| below.is_within(purpose)) {
                let values = params![customer.as_bytes(), written.as_str(), within.key()];
                connection.prepare_cached(sql)?.execute(values)?;
            }
            Ok(())
        };
        let partner = partner.clone();
        let apply = move |(): &()| {
            memory.consents.change(customer, |all| {
                all.retain(|opening| {
                    opening.profile.is_some()
                        || opening.partner.as_ref() != Some(&partner)
                        || !opening.purpose.is_within(purpose)
                });
            });
        };
        self.writer.write(change, apply).await
    }
}
