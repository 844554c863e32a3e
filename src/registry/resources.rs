//! Jobs, lists and documents: whose they are, and the purpose they were uploaded for (P10, P11).

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::shards::Shards;
use super::{Memory, NotKept, Registry, check_id, database, entry_column};
use crate::taxonomy::Purpose;
use crate::terms::{CustomerRef, PartnerId, ResourceKind};

/// A job, list or document, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRow {
    /// The customer's reference.
    pub customer: CustomerRef,
    /// The customer's id.
    pub customer_id: Arc<str>,
    /// Whose customer that is.
    pub partner: PartnerId,
    /// What it was uploaded for, where that is known.
    pub purpose: Option<Purpose>,
}

/// Whose a resource is, as kept; the customer's own row says the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) customer_id: Arc<str>,
    pub(super) purpose: Option<Purpose>,
}

#[derive(Debug, Default)]
pub(super) struct Resources {
    jobs: Shards<Arc<str>, Owned>,
    lists: Shards<Arc<str>, Owned>,
    documents: Shards<Arc<str>, Owned>,
}

impl Resources {
    pub(super) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement =
            connection.prepare("SELECT kind, id, customer, purpose FROM resource")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let kind = database::column(row, 0, ResourceKind::parse)?;
            let id: String = row.get(1)?;
            self.of(kind).insert(id.into(), owned(row, 2)?);
        }
        Ok(())
    }

    pub(super) fn of(&self, kind: ResourceKind) -> &Shards<Arc<str>, Owned> {
        match kind {
            ResourceKind::Job => &self.jobs,
            ResourceKind::List => &self.lists,
            ResourceKind::Document => &self.documents,
        }
    }
}

impl Memory {
    fn resource(&self, kind: ResourceKind, id: &str) -> Option<ResourceRow> {
        let owned = self.resources.of(kind).get(id)?;
        let customer = self.customers.get(&owned.customer_id)?;
        Some(ResourceRow {
            customer: customer.reference,
            customer_id: owned.customer_id,
            partner: customer.partner,
            purpose: owned.purpose,
        })
    }
}

impl Registry {
    /// Whose job, list or document this is.
    pub fn resource(&self, kind: ResourceKind, id: &str) -> Option<ResourceRow> {
        self.memory.resource(kind, id)
    }

    /// Whether this job, list or document is that of a customer of another partner.
    pub fn is_anothers(&self, kind: ResourceKind, id: &str, partner: &PartnerId) -> bool {
        let known = self.resource(kind, id);
        known.is_some_and(|known| known.partner != *partner)
    }

    /// Remembers, durably, whose job, list or document `id` is and what it was uploaded for. The
    /// customer must be in the book. A resource without a purpose takes the one given; another
    /// purpose or customer than the one it has is a contradiction, and it stays as it is.
    pub async fn remember_resource(
        &self,
        kind: ResourceKind,
        id: &str,
        customer_id: &str,
        purpose: Option<Purpose>,
        entry_index: u64,
    ) -> Result<(), NotKept> {
        check_id(id)?;
        let memory = Arc::clone(&self.memory);
        let (id, customer_id): (Arc<str>, Arc<str>) = (id.into(), customer_id.into());
        let written = Arc::clone(&id);
        let change = move |connection: &Connection| {
            let owned = Owned {
                customer_id,
                purpose,
            };
            keep(connection, kind, &written, owned, Some(entry_index))
        };
        let apply = move |owned: &Owned| memory.resources.of(kind).insert(id, owned.clone());
        self.writer.write(change, apply).await.map(|_| ())
    }

    /// Remembers whose resource `id` is from an answer that merely shows it: in memory at once, on
    /// disk soon, or not at all where much else waits, as the next answer shows it again. The error
    /// means that the answer contradicts the book, and must not leave.
    pub fn noticed_resource(
        &self,
        kind: ResourceKind,
        id: &str,
        customer_id: &str,
    ) -> Result<(), NotKept> {
        if let Some(known) = self.memory.resources.of(kind).get(id) {
            return same_customer(kind, id, &known, customer_id);
        }
        check_id(id)?;
        if self.customer(customer_id).is_none() {
            return Err(unknown_customer(customer_id));
        }
        let id: Arc<str> = id.into();
        let owned = Owned {
            customer_id: customer_id.into(),
            purpose: None,
        };
        let resources = self.memory.resources.of(kind);
        let first = resources.change(Arc::clone(&id), |slot| match slot {
            Some(known) => same_customer(kind, &id, known, customer_id).map(|()| false),
            None => {
                *slot = Some(owned.clone());
                Ok(true)
            }
        })?;
        if first {
            let change =
                move |connection: &Connection| keep(connection, kind, &id, owned, None).map(|_| ());
            self.writer.write_soon(change);
        }
        Ok(())
    }
}

fn same_customer(
    kind: ResourceKind,
    id: &str,
    known: &Owned,
    customer_id: &str,
) -> Result<(), NotKept> {
    if *known.customer_id == *customer_id {
        return Ok(());
    }
    Err(NotKept::Contradiction(format!(
        "{} `{id}` belongs to customer `{}` in the book, not to `{customer_id}`",
        kind.word(),
        known.customer_id
    )))
}

/// Else an upload repeated with its idempotency key, under another purpose, would free it (P11).
fn another_purpose(kind: ResourceKind, id: &str, first: Purpose, other: Purpose) -> NotKept {
    NotKept::Contradiction(format!(
        "{} `{id}` was uploaded for `{first}`, not for `{other}`",
        kind.word()
    ))
}

fn unknown_customer(customer_id: &str) -> NotKept {
    NotKept::Contradiction(format!("customer `{customer_id}` is not in the book"))
}

/// The row as it stands afterwards.
pub(super) fn keep(
    connection: &Connection,
    kind: ResourceKind,
    id: &str,
    claimed: Owned,
    entry_index: Option<u64>,
) -> Result<Owned, NotKept> {
    let known = connection
        .prepare_cached("SELECT customer, purpose FROM resource WHERE kind = ?1 AND id = ?2")?
        .query_row([kind.word(), id], |row| owned(row, 0))
        .optional()?;
    if let Some(known) = known {
        same_customer(kind, id, &known, &claimed.customer_id)?;
        match (known.purpose, claimed.purpose) {
            (_, None) => return Ok(known),
            (Some(first), Some(other)) if first == other => return Ok(known),
            (Some(first), Some(other)) => return Err(another_purpose(kind, id, first, other)),
            (None, Some(_)) => {}
        }
    }
    let is_known = connection
        .prepare_cached("SELECT 1 FROM customer WHERE id = ?1")?
        .exists([&*claimed.customer_id])?;
    if !is_known {
        return Err(unknown_customer(&claimed.customer_id));
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO resource (kind, id, customer, purpose, entry)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            kind.word(),
            id,
            &*claimed.customer_id,
            claimed.purpose.map(Purpose::key),
            entry_index.map(entry_column),
        ])?;
    Ok(claimed)
}

fn owned(row: &rusqlite::Row<'_>, first_column: usize) -> rusqlite::Result<Owned> {
    let customer_id: String = row.get(first_column)?;
    let has_purpose = row.get_ref(first_column + 1)? != rusqlite::types::ValueRef::Null;
    let purpose = has_purpose
        .then(|| database::column(row, first_column + 1, Purpose::parse))
        .transpose()?;
    Ok(Owned {
        customer_id: customer_id.into(),
        purpose,
    })
}
