//! The accounting of disclosures about one customer, after 45 CFR 164.528 as the best-known template:
//! each disclosure's date, recipient with address, description of the data, purpose and basis;
//! series of alike ones summed up as first, count and last; and what was withheld.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::sync::Arc;

use super::customers::{nobody, object_of};
use super::disclosures::{Wanted, blocking};
use super::messages::{CustomerQuery, Occurrence, RecipientShown, Report, Series};
use super::{Actor, Administration, Deed, NotDone, reason};
use crate::entry::{Disclosure, Entry, Event, Recipient, SubjectGroup};
use crate::policy::contract::Contract;
use crate::terms::CustomerRef;

/// Series in one report.
const SERIES_MAX: usize = 10_000;

/// What makes two disclosures one series.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
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
            ..Wanted::default()
        };
        let directory = self.ledger_directory.clone();
        let contracts = (self.contracts)();
        let (disclosures, entries_read) = blocking(move || {
            let mut series = BTreeMap::new();
            let read = wanted.scan(&directory, end, |index, entry| {
                for reference in &wanted.references {
                    add(&mut series, index, &entry, reference, &contracts);
                }
                series.len() <= SERIES_MAX
            })?;
            if series.len() > SERIES_MAX {
                let mistake = format!("there are more than {SERIES_MAX} kinds of disclosure");
                return Err(NotDone::Mistaken(mistake));
            }
            let mut disclosures: Vec<Series> = series.into_values().collect();
            disclosures.sort_by_key(|series| series.first.entry);
            Ok((disclosures, read))
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

/// Adds what an entry tells of the customer: a disclosure may hold several groups of forms.
fn add(
    series: &mut BTreeMap<Alike, Series>,
    index: u64,
    entry: &Entry,
    reference: &String,
    contracts: &[Arc<Contract>],
) {
    let Event::Disclosure(disclosure) = &entry.event else {
        return;
    };
    let theirs =
        |group: &&SubjectGroup| group.subject == "customer" && group.references.contains(reference);
    for group in disclosure.subjects.iter().filter(theirs) {
        let occurrence = Occurrence {
            time: entry.time,
            request_id: disclosure.request.request_id.clone(),
            entry: index,
        };
        match series.entry(alike(disclosure, group, contracts)) {
            Slot::Occupied(mut known) => continue_with(known.get_mut(), disclosure, occurrence),
            Slot::Vacant(slot) => {
                let started = start(slot.key(), disclosure, occurrence);
                slot.insert(started);
            }
        }
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

fn start(alike: &Alike, disclosure: &Disclosure, occurrence: Occurrence) -> Series {
    Series {
        recipient: alike.recipient.clone(),
        data: alike.data.clone(),
        operation: alike.operation.clone(),
        purpose: alike.purpose.clone(),
        basis: alike.basis.clone(),
        withheld: disclosure.withheld.clone(),
        first: occurrence.clone(),
        count: 1,
        last: occurrence,
    }
}

fn continue_with(series: &mut Series, disclosure: &Disclosure, occurrence: Occurrence) {
    for withheld in &disclosure.withheld {
        if !series.withheld.contains(withheld) {
            series.withheld.push(withheld.clone());
        }
    }
    // Two groups of one answer are one disclosure.
    if series.last.entry != occurrence.entry {
        series.count += 1;
        series.last = occurrence;
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
