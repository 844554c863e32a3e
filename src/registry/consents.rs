//! Consents on record (P5): one customer, one partner, some categories, one purpose, until a time.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::shards::Shards;
use super::{NotKept, Registry, database, entry_column};
use crate::taxonomy::{Category, CategorySet, Purpose};
use crate::terms::{CustomerRef, PartnerId};

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
}

#[derive(Debug, Default)]
pub(super) struct Consents(Shards<CustomerRef, Arc<[Consent]>>);

impl Consents {
    pub(super) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection
            .prepare("SELECT reference, partner, purpose, categories, until FROM consent")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let consent = Consent {
                partner: database::column(row, 1, PartnerId::parse)?,
                purpose: database::column(row, 2, Purpose::parse)?,
                categories: database::column(row, 3, |keys| {
                    keys.split_ascii_whitespace().map(Category::parse).collect()
                })?,
                until: database::column(row, 4, |text| text.parse().ok())?,
            };
            self.change(CustomerRef::from_bytes(row.get(0)?), |all| {
                all.push(consent)
            });
        }
        Ok(())
    }

    fn change(&self, customer: CustomerRef, change: impl FnOnce(&mut Vec<Consent>)) {
        self.0.change(customer, |slot| {
            let mut consents = slot.take().map_or_else(Vec::new, |known| known.to_vec());
            change(&mut consents);
            *slot = (!consents.is_empty()).then(|| consents.into());
        });
    }
}

impl Registry {
    /// What `partner` may have of `customer` for `purpose` now, by the customer's consent.
    pub fn consented(
        &self,
        customer: CustomerRef,
        partner: &PartnerId,
        purpose: Purpose,
        now: Timestamp,
    ) -> CategorySet {
        let Some(consents) = self.memory.consents.0.get(&customer) else {
            return CategorySet::NONE;
        };
        let holds = |consent: &&Consent| {
            consent.partner == *partner && purpose.is_within(consent.purpose) && now < consent.until
        };
        let holding = consents.iter().filter(holds);
        holding.fold(CategorySet::NONE, |set, consent| {
            set.union(consent.categories)
        })
    }

    /// Records a consent, durably, beside those already there.
    pub async fn record_consent(
        &self,
        customer: CustomerRef,
        consent: Consent,
        entry_index: u64,
    ) -> Result<(), NotKept> {
        let memory = Arc::clone(&self.memory);
        let written = consent.clone();
        let change = move |connection: &Connection| {
            let keys: Vec<_> = written.categories.iter().map(Category::key).collect();
            let sql = "INSERT INTO consent (entry, reference, partner, purpose, categories, until)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let values = params![
                entry_column(entry_index),
                customer.as_bytes(),
                written.partner.as_str(),
                written.purpose.key(),
                keys.join(" "),
                written.until.to_string(),
            ];
            connection.execute(sql, values)?;
            Ok(())
        };
        let apply = move |(): &()| memory.consents.change(customer, |all| all.push(consent));
        self.writer.write(change, apply).await
    }

    /// Revokes every consent of `customer` to `partner` for `purpose` and what lies below it,
    /// durably. A wider purpose they consented to is revoked by naming that one.
    pub async fn revoke_consent(
        &self,
        customer: CustomerRef,
        partner: &PartnerId,
        purpose: Purpose,
    ) -> Result<(), NotKept> {
        let memory = Arc::clone(&self.memory);
        let written = partner.clone();
        let change = move |connection: &Connection| {
            let sql = "DELETE FROM consent WHERE reference = ?1 AND partner = ?2 AND purpose = ?3";
            for within in Purpose::all().filter(|below| below.is_within(purpose)) {
                let values = params![customer.as_bytes(), written.as_str(), within.key()];
                connection.prepare_cached(sql)?.execute(values)?;
            }
            Ok(())
        };
        let partner = partner.clone();
        let apply = move |(): &()| {
            memory.consents.change(customer, |all| {
                all.retain(|consent| {
                    consent.partner != partner || !consent.purpose.is_within(purpose)
                });
            });
        };
        self.writer.write(change, apply).await
    }
}
