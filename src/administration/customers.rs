//! The book of customers: imported, shown.

use std::sync::Arc;

use aws_lc_rs::digest;

use super::messages::{CustomerQuery, CustomerShown};
use super::{Actor, Administration, Deed, NotDone, reason};
use crate::registry::{ImportReport, NotKept};
use crate::terms::{CustomerRef, hexadecimal};

impl Administration {
    /// Takes an import (JSON lines), all of it or nothing. The entry names it by its SHA-256.
    pub async fn import_customers(
        &self,
        actor: &Actor,
        lines: String,
    ) -> Result<ImportReport, NotDone> {
        Self::allow(actor, Deed::CustomersImport)?;
        let hash = digest::digest(&digest::SHA256, lines.as_bytes());
        let hash = hexadecimal(hash.as_ref());
        let registry = Arc::clone(&self.registry);
        let read = tokio::task::spawn_blocking(move || registry.read_import(lines.lines())).await;
        let import = read
            .map_err(|_| NotDone::Mistaken("the import could not be read".to_owned()))?
            .map_err(NotKept::Import)?;
        let action = Deed::CustomersImport.name().to_owned();
        let object = Some(format!("sha256:{hash}"));
        let entry = self.enter(actor, action, object, None).await?;
        Ok(self.registry.import(import, entry).await?)
    }

    /// Customers meant by what was typed; several may share an address.
    pub async fn customers(
        &self,
        actor: &Actor,
        query: &CustomerQuery,
    ) -> Result<Vec<CustomerShown>, NotDone> {
        Self::allow(actor, Deed::CustomersShow)?;
        let because = query.because.as_deref().map(reason).transpose()?;
        let ids = self.registry.lookup_typed(&query.customer).await?;
        let rows: Vec<_> = ids
            .iter()
            .filter_map(|id| Some((id, self.registry.customer(id)?)))
            .collect();
        let references: Vec<_> = rows.iter().map(|(_, row)| row.reference).collect();
        let action = Deed::CustomersShow.name().to_owned();
        self.enter(actor, action, Some(object_of(&references)), because)
            .await?;
        if rows.is_empty() {
            return Err(nobody());
        }
        let shown = rows.into_iter().map(|(id, row)| CustomerShown {
            id: id.to_string(),
            partner: row.partner.to_string(),
            reference: row.reference.to_string(),
        });
        Ok(shown.collect())
    }

    /// References of the customers meant by what was typed. One that the book no longer links to
    /// anyone still stands for itself.
    pub(super) async fn references(&self, typed: &str) -> Result<Vec<CustomerRef>, NotDone> {
        if let Some(reference) = CustomerRef::parse(typed.trim()) {
            return Ok(vec![reference]);
        }
        let ids = self.registry.lookup_typed(typed).await?;
        let rows = ids.iter().filter_map(|id| self.registry.customer(id));
        Ok(rows.map(|row| row.reference).collect())
    }

    /// What is wrong where one customer must be meant, and several are.
    pub(super) fn several(&self, references: &[CustomerRef]) -> NotDone {
        let ids = references
            .iter()
            .filter_map(|reference| self.registry.by_reference(*reference));
        let ids: Vec<_> = ids.map(|id| format!("`{id}`")).collect();
        NotDone::Mistaken(format!(
            "this is true of several customers: {}; name one of them by id",
            ids.join(", ")
        ))
    }
}

/// How an entry names the customers that were looked for: by reference, never as typed.
pub(super) fn object_of(references: &[CustomerRef]) -> String {
    if references.is_empty() {
        return "customer:not-in-the-book".to_owned();
    }
    let named = references
        .iter()
        .map(|reference| format!("customer:{reference}"));
    named.collect::<Vec<_>>().join(" ")
}

pub(super) fn nobody() -> NotDone {
    NotDone::NotFound(
        "nobody in the book of customers has this id, reference, e-mail address, telephone number \
         or postal address"
            .to_owned(),
    )
}
