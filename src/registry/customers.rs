//! Customers: whose each one is, and the reference that stands for them in the ledger.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::fingerprint::Fingerprint;
use super::shards::Shards;
use super::{NotKept, Registry, check_id, database, entry_column};
use crate::terms::{Contacts, CustomerRef, PartnerId};

/// Most fingerprints that one customer is found by. Where there would be more, former ones go.
pub const FINGERPRINTS_MAX: u32 = 64;

/// A customer in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerRow {
    /// What stands for the customer in the ledger.
    pub reference: CustomerRef,
    /// Whose customer it is.
    pub partner: PartnerId,
}

#[derive(Debug, Default)]
pub(super) struct Customers {
    rows: Shards<Arc<str>, CustomerRow>,
    ids: Shards<CustomerRef, Arc<str>>,
}

impl Customers {
    pub(super) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut partners: HashMap<String, PartnerId> = HashMap::new();
        let mut statement = connection.prepare("SELECT id, reference, partner FROM customer")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: String = row.get(0)?;
            let partner = database::column(row, 2, |text| match partners.get(text) {
                Some(known) => Some(known.clone()),
                None => {
                    let partner = PartnerId::parse(text)?;
                    partners.insert(text.to_owned(), partner.clone());
                    Some(partner)
                }
            })?;
            let reference = CustomerRef::from_bytes(row.get(1)?);
            self.insert(&id.into(), &CustomerRow { reference, partner });
        }
        Ok(())
    }

    pub(super) fn get(&self, id: &str) -> Option<CustomerRow> {
        self.rows.get(id)
    }

    /// Of a customer that is no longer on disk.
    pub(super) fn remove(&self, id: &Arc<str>, reference: CustomerRef) {
        self.rows.change(Arc::clone(id), |slot| *slot = None);
        self.ids.change(reference, |slot| *slot = None);
    }

    pub(super) fn insert(&self, id: &Arc<str>, row: &CustomerRow) {
        self.ids.insert(row.reference, Arc::clone(id));
        self.rows.insert(Arc::clone(id), row.clone());
    }
}

impl Registry {
    /// The customer with this id.
    pub fn customer(&self, id: &str) -> Option<CustomerRow> {
        self.memory.customers.get(id)
    }

    /// The id of the customer a reference stands for.
    pub fn by_reference(&self, reference: CustomerRef) -> Option<Arc<str>> {
        self.memory.customers.ids.get(&reference)
    }

    /// How many customers the book has.
    pub fn customer_count(&self) -> usize {
        self.memory.customers.rows.len()
    }

    /// Remembers whose customer `id` is and by what it is found, durably and together; of `contacts` only
    /// fingerprints are kept. A customer that is there already keeps its reference; one of another partner is
    /// a contradiction and stays as it is. There is no variant that is written later: an entry whose
    /// reference no book knows could not be accounted.
    pub async fn remember_customer(
        &self,
        id: &str,
        partner: &PartnerId,
        contacts: &Contacts,
        entry_index: u64,
    ) -> Result<CustomerRow, NotKept> {
        check_id(id)?;
        let fingerprints = self.fingerprints.of_contacts(contacts);
        if let Some(known) = self.customer(id)
            && fingerprints.is_empty()
        {
            return same_partner(id, known, partner);
        }
        let memory = Arc::clone(&self.memory);
        let (id, partner): (Arc<str>, _) = (id.into(), partner.clone());
        let written = Arc::clone(&id);
        let change = move |connection: &Connection| {
            let row = keep(connection, &written, &partner, entry_index)?;
            add_fingerprints(connection, &written, &fingerprints)?;
            Ok(row)
        };
        let apply = move |row: &CustomerRow| memory.customers.insert(&id, row);
        self.writer.write(change, apply).await
    }

    /// Adds to what a customer of the book is found by, durably; only fingerprints are kept. Whoever is not
    /// in the book, or has been forgotten meanwhile, is not added.
    pub async fn add_contacts(&self, id: &str, contacts: &Contacts) -> Result<(), NotKept> {
        let fingerprints = self.fingerprints.of_contacts(contacts);
        if fingerprints.is_empty() {
            return Ok(());
        }
        let id = id.to_owned();
        let change = move |connection: &Connection| {
            if find(connection, &id)?.is_some() {
                add_fingerprints(connection, &id, &fingerprints)?;
            }
            Ok(())
        };
        self.writer.write(change, |()| {}).await
    }

    /// Ids of the customers meant by `typed`: an id, a reference, an e-mail address, a telephone
    /// number or a postal address, as a person types it. Several people may share an address.
    pub async fn lookup_typed(&self, typed: &str) -> Result<Vec<Arc<str>>, NotKept> {
        let typed = typed.trim();
        let by_reference = || CustomerRef::parse(typed).and_then(|found| self.by_reference(found));
        let exact = self.customer(typed).map(|_| typed.into());
        if let Some(id) = exact.or_else(by_reference) {
            return Ok(vec![id]);
        }
        let fingerprints = self.fingerprints.of_typed(typed);
        let find = move |connection: &Connection| {
            let mut ids: Vec<Arc<str>> = Vec::new();
            for fingerprint in &fingerprints {
                let mut statement = connection
                    .prepare_cached("SELECT customer FROM fingerprint WHERE fingerprint = ?1")?;
                let rows = statement.query_map([fingerprint], |row| row.get::<_, String>(0))?;
                for id in rows {
                    ids.push(id?.into());
                }
            }
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        };
        self.writer.write(find, |_| {}).await
    }
}

fn same_partner(id: &str, known: CustomerRow, partner: &PartnerId) -> Result<CustomerRow, NotKept> {
    if known.partner == *partner {
        return Ok(known);
    }
    Err(NotKept::Contradiction(format!(
        "customer `{id}` belongs to partner `{}` in the book, not to `{partner}`",
        known.partner
    )))
}

/// The row of `id`, made if it is not there.
pub(super) fn keep(
    connection: &Connection,
    id: &str,
    partner: &PartnerId,
    entry_index: u64,
) -> Result<CustomerRow, NotKept> {
    if let Some(known) = find(connection, id)? {
        return same_partner(id, known, partner);
    }
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| NotKept::Storage("no random bytes".to_owned()))?;
    connection
        .prepare_cached(
            "INSERT INTO customer (id, reference, partner, entry) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            id,
            bytes,
            partner.as_str(),
            entry_column(entry_index)
        ])?;
    Ok(CustomerRow {
        reference: CustomerRef::from_bytes(bytes),
        partner: partner.clone(),
    })
}

pub(super) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<CustomerRow>> {
    connection
        .prepare_cached("SELECT reference, partner FROM customer WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(CustomerRow {
                reference: CustomerRef::from_bytes(row.get(0)?),
                partner: database::column(row, 1, PartnerId::parse)?,
            })
        })
        .optional()
}

/// Adds ways to find a customer. Former ones stay, since who is searched by an old address is to be found
/// too, until there would be more than [`FINGERPRINTS_MAX`].
pub(super) fn add_fingerprints(
    connection: &Connection,
    id: &str,
    fingerprints: &[Fingerprint],
) -> rusqlite::Result<()> {
    if insert_fingerprints(connection, id, fingerprints)? == 0 {
        return Ok(());
    }
    let count: u32 = connection
        .prepare_cached("SELECT count(*) FROM fingerprint WHERE customer = ?1")?
        .query_row([id], |row| row.get(0))?;
    if count > FINGERPRINTS_MAX {
        connection.execute("DELETE FROM fingerprint WHERE customer = ?1", [id])?;
        insert_fingerprints(connection, id, fingerprints)?;
    }
    Ok(())
}

/// How many of them are new.
fn insert_fingerprints(
    connection: &Connection,
    id: &str,
    fingerprints: &[Fingerprint],
) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO fingerprint (fingerprint, customer) VALUES (?1, ?2)",
    )?;
    let mut new = 0;
    for fingerprint in fingerprints {
        new += statement.execute(params![fingerprint, id])?;
    }
    Ok(new)
}
