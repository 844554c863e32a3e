//! The accounting of disclosures about one customer, after 45 CFR 164.528 as the best-known template:
//! each disclosure's date, recipient with address, description of the data, purpose and basis;
//! series of alike ones summed up as first, count and last; what was withheld; and of which not all left.

mod accounts;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::accounts::Accounts;

use super::customers::{nobody, object_of};
use super::disclosures::{Wanted, blocking};
use super::messages::{CustomerQuery, RecipientShown, Report};
use super::{Actor, Administration, Deed, NotDone, reason};
use crate::entry::{Disclosure, Recipient, SubjectGroup};
use crate::policy::contract::Contract;
use crate::terms::CustomerRef;

/// Series in one report.
const SERIES_MAX: usize = 10_000;

/// What makes two disclosures one series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    recipient: RecipientShown,
    operation: String,
    purpose: String,
    basis: String,
    data: BTreeMap<String, String>,
}

impl Administration {
    /// Who received what about one customer, why, and on what basis. The report is an entry itself;
    /// disclosures after that entry are not in it.
    pub async fn report(&self, actor: &Actor, query: &CustomerQuery) -> Result<Report, NotDone> {
        Self::allow(actor, Deed::LedgerReport)?;
        let because = query.because.as_deref().map(reason).transpose()?;
        let references = self.references(&query.customer).await?;
        let action = Deed::LedgerReport.name().to_owned();
        let object = object_of(&references);
        let end = self.enter(actor, action, Some(object), because).await?;
        let reference = match references.as_slice() {
            [] => return Err(nobody()),
            [one] => *one,
            several => return Err(self.several(several)),
        };
        let wanted = Wanted {
            references: vec![reference.to_string()],
            deliveries: true,
            ..Wanted::default()
        };
        let directory = self.ledger_directory.clone();
        let contracts = (self.contracts)();
        let (disclosures, entries_read) = blocking(move || {
            let mut accounts = Accounts::new(reference.to_string());
            let read = wanted.scan(&directory, end, |index, entry| {
                accounts.add(index, &entry, &contracts);
                accounts.len() <= SERIES_MAX
            })?;
            if accounts.len() > SERIES_MAX {
                let mistake = format!("there are more than {SERIES_MAX} kinds of disclosure");
                return Err(NotDone::Mistaken(mistake));
            }
            Ok((accounts.close(), read))
        })
        .await?;
        Ok(Report {
            reference: reference.to_string(),
            customer: self
                .registry
                .by_reference(reference)
                .map(|id| id.to_string()),
            time: self.clock.now(),
            entries_read,
            disclosures,
            checkpoint: self.ledger.checkpoint().to_string(),
        })
    }

    fn several(&self, references: &[CustomerRef]) -> NotDone {
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

fn alike(disclosure: &Disclosure, group: &SubjectGroup, contracts: &[Arc<Contract>]) -> Alike {
    let unknown = || "(not recorded)".to_owned();
    let request = &disclosure.request;
    Alike {
        recipient: shown(request.recipient.as_ref(), contracts),
        operation: request.operation.clone().unwrap_or_else(unknown),
        purpose: request.purpose.clone().unwrap_or_else(unknown),
        basis: group.basis.clone(),
        data: group.categories.clone(),
    }
}

/// Name and address are those of the contract in force now; a partner without one keeps its id.
fn shown(recipient: Option<&Recipient>, contracts: &[Arc<Contract>]) -> RecipientShown {
    let plain = |kind: &str, id: Option<&String>| RecipientShown {
        kind: kind.to_owned(),
        id: id.cloned(),
        name: None,
        address: None,
    };
    match recipient {
        Some(Recipient::Partner { id, .. }) => {
            let contract = contracts
                .iter()
                .find(|contract| contract.partner.as_str() == id);
            RecipientShown {
                name: contract.map(|contract| contract.name.to_string()),
                address: contract.map(|contract| contract.address.to_string()),
                ..plain("partner", Some(id))
            }
        }
        Some(Recipient::Customer) => plain("customer", None),
        Some(Recipient::Authority { reference }) => plain("authority", Some(reference)),
        Some(Recipient::Staff { name }) => plain("staff", Some(name)),
        None => plain("not recorded", None),
    }
}
