//! Whom a search, an accounting or a package is about: customers of the book, or one recipient of mail, whom
//! the ledger names otherwise every month.

use std::collections::BTreeMap;

use super::customers::{nobody, object_of};
use super::messages::{RecipientAccounted, RecipientTyped};
use super::{Administration, NotDone};
use crate::registry::{Period, RecipientMonths};
use crate::terms::CustomerRef;

/// How an entry calls customers, and recipients of mail, among its subjects.
const CUSTOMER: &str = "customer";
const RECIPIENT: &str = "recipient";

/// Persons, by what stands for them in entries.
#[derive(Clone, Debug)]
pub(super) struct Whom {
    /// Of customers one for each; of a recipient one for each month whose key is there.
    references: Vec<CustomerRef>,
    /// How an entry of now names them.
    object: String,
    /// Of a recipient: the months.
    recipient: Option<RecipientAccounted>,
}

impl Whom {
    /// These customers.
    pub(super) fn customers(references: Vec<CustomerRef>) -> Self {
        Self {
            object: object_of(&references),
            references,
            recipient: None,
        }
    }

    /// What may stand for them in entries.
    pub(super) fn references(&self) -> &[CustomerRef] {
        &self.references
    }

    /// How an entry of now names them: by reference, never as typed.
    pub(super) fn object(&self) -> &str {
        &self.object
    }

    /// How an entry calls them among its subjects.
    pub(super) fn subject(&self) -> &'static str {
        match self.recipient {
            Some(_) => RECIPIENT,
            None => CUSTOMER,
        }
    }

    /// Where it is a recipient of mail: as what it was looked for, and what cannot be told any more.
    pub(super) fn recipient(&self) -> Option<&RecipientAccounted> {
        self.recipient.as_ref()
    }

    /// The customer, where it is one.
    pub(super) fn customer(&self) -> Option<CustomerRef> {
        match self.references.as_slice() {
            [one] if self.recipient.is_none() => Some(*one),
            _ => None,
        }
    }
}

impl Administration {
    /// Whom a query means: a customer, or several, or nobody in the book; or a recipient of mail. Nothing
    /// where it names neither.
    ///
    /// # Errors
    /// [`NotDone::Misasked`] where it names both, or a recipient whom no entry could name.
    pub(super) async fn whom(
        &self,
        customer: Option<&str>,
        recipient: Option<&RecipientTyped>,
    ) -> Result<Option<Whom>, NotDone> {
        match (customer, recipient) {
            (Some(_), Some(_)) => Err(NotDone::Misasked(
                "name a customer or a recipient, not both".to_owned(),
            )),
            (Some(typed), None) => Ok(Some(Whom::customers(self.references(typed).await?))),
            (None, Some(who)) => Ok(Some(self.recipient(who)?)),
            (None, None) => Ok(None),
        }
    }

    /// Whether it is one person.
    ///
    /// # Errors
    /// Where nobody, or several customers, are meant.
    pub(super) fn is_one(&self, whom: &Whom) -> Result<(), NotDone> {
        match whom.references() {
            [] => Err(nobody()),
            _ if whom.recipient.is_some() => Ok(()),
            [_] => Ok(()),
            several => Err(self.several(several)),
        }
    }

    /// A recipient of mail. An entry of now names it as entries of this month do, and not by the names of all
    /// months, side by side: who knows no key could tell by such an entry, for ever, that these are one
    /// person.
    fn recipient(&self, who: &RecipientTyped) -> Result<Whom, NotDone> {
        let now = self.registry.recipient_reference(&who.name, &who.address)?;
        let now = now.ok_or_else(|| {
            let mistake = "name and address of a recipient are as its list has them, both whole";
            NotDone::Misasked(mistake.to_owned())
        })?;
        let this_month = Period::of(self.clock.now());
        let months = self.registry.recipient_months(&who.name, &who.address);
        Ok(Whom {
            references: months.references.values().copied().collect(),
            object: format!("{RECIPIENT}:{now}"),
            recipient: Some(accounted(months, this_month)),
        })
    }
}

/// Months that have come; the key of the one to come is there already.
fn accounted(months: RecipientMonths, this_month: Period) -> RecipientAccounted {
    let RecipientMonths {
        references,
        destroyed,
    } = months;
    let have_come = references.range(..=this_month);
    let references: BTreeMap<_, _> = have_come
        .map(|(month, reference)| (month.to_string(), reference.to_string()))
        .collect();
    let destroyed = destroyed.into_iter();
    RecipientAccounted {
        references,
        destroyed: destroyed
            .map(|(month, entry)| (month.to_string(), entry))
            .collect(),
    }
}
