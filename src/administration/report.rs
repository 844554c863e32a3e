//! The accounting of disclosures about one customer or recipient of mail, after 45 CFR 164.528 as the best-known template:
//! each disclosure's date, recipient with address, description of the data, purpose and basis;
//! series of alike ones summed up as first, count and last; what was withheld; and of which not all left.

mod accounts;
mod names;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use self::accounts::Accounts;
pub(super) use self::names::Names;

use super::disclosures::{blocking, proven, prover};
use super::messages::{
    Destroyed, Preserved, RecipientAccounted, RecipientShown, Report, ReportQuery, Series,
};
use super::preserved::gone;
use super::whom::Whom;
use super::{Actor, Administration, Deed, NotDone, reason};
use crate::entry::{Disclosure, Entry, Event, SubjectGroup};
use crate::index::{Index, Query};
use crate::ledger::proof::Prover;

/// Series in one report.
const SERIES_MAX: usize = 10_000;
/// Answers in several parts in one report.
const PARTED_MAX: usize = 10_000;
/// Requests that are looked for at once.
const REQUESTS_AT_ONCE: usize = 1_000;

/// What makes two disclosures one series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    recipient: RecipientShown,
    operation: String,
    purpose: String,
    basis: String,
    basis_reference: Option<String>,
    data: BTreeMap<String, String>,
}

impl Administration {
    /// Who received what about one customer or recipient of mail, why, and on what basis. The report is an
    /// entry itself; disclosures after that entry are not in it.
    ///
    /// # Errors
    /// [`NotDone`]; [`NotDone::Damaged`] where an entry is not what was recorded.
    pub async fn report(&self, actor: &Actor, query: &ReportQuery) -> Result<Report, NotDone> {
        Self::allow(actor, Deed::LedgerReport)?;
        let because = query.because.as_deref().map(reason).transpose()?;
        let (customer, recipient) = (query.customer.as_deref(), query.recipient.as_ref());
        let whom = self.whom(customer, recipient).await?.ok_or_else(|| {
            NotDone::Misasked("name a customer or a recipient to account for".to_owned())
        })?;
        let action = Deed::LedgerReport.name().to_owned();
        let object = whom.object().to_owned();
        let end = self.enter(actor, action, Some(object), because).await?;
        self.is_one(&whom)?;
        let index = self.reader(query.scan);
        let mut names = self.names();
        let checkpoint = self.ledger.checkpoint();
        let directory = self.ledger_directory.clone();
        let about = self.about(&whom, Arc::clone(&checkpoint));
        let held = self.held();
        blocking(move || {
            let prover = prover(&directory, &checkpoint)?;
            let accounted = account(&index, &whom, end, &mut names, Some(&prover))?;
            // Asked last: what is destroyed meanwhile is told too.
            Ok(about.report(accounted, gone(&directory, held.as_deref(), &whom)?))
        })
        .await
    }

    /// What a report about this person begins with.
    pub(super) fn about(&self, whom: &Whom, checkpoint: Arc<str>) -> About {
        let customer = whom.customer();
        let in_book = customer.and_then(|reference| self.registry.by_reference(reference));
        About {
            reference: customer.map(|reference| reference.to_string()),
            customer: in_book.map(|id| id.to_string()),
            recipient: whom.recipient().cloned(),
            time: self.clock.now(),
            checkpoint,
        }
    }
}

/// What a report says beside what was disclosed.
pub(super) struct About {
    reference: Option<String>,
    customer: Option<String>,
    recipient: Option<RecipientAccounted>,
    time: Timestamp,
    checkpoint: Arc<str>,
}

impl About {
    /// The report, with the disclosures and how many entries were read for them, and what is gone and kept.
    pub(super) fn report(
        self,
        (disclosures, entries_read): (Vec<Series>, u64),
        (destroyed, preserved): (Option<Destroyed>, Option<Preserved>),
    ) -> Report {
        Report {
            reference: self.reference,
            customer: self.customer,
            recipient: self.recipient,
            time: self.time,
            entries_read,
            disclosures,
            checkpoint: self.checkpoint.to_string(),
            destroyed,
            preserved,
        }
    }
}

/// What the entries before `end` tell of one person, and how many were read; each that counts is proven
/// first, where there is a prover.
pub(super) fn account(
    index: &Index,
    whom: &Whom,
    end: u64,
    names: &mut Names,
    prover: Option<&Prover>,
) -> Result<(Vec<Series>, u64), NotDone> {
    let wanted = Query {
        references: whom.references().to_vec(),
        ..Query::default()
    };
    let mut deliveries = deliveries(index, &wanted, 0..end, end)?;
    let mut accounts = Accounts::new(whom);
    let mut add = |place, bytes: &[u8], entry: &Entry| {
        accounts.add(place, entry, names)?;
        prover.map_or(Ok(()), |prover| proven(prover, place, bytes).map(drop))?;
        Ok(accounts.len() <= SERIES_MAX)
    };
    let mut failed = None;
    let read = index.find(&wanted, 0..end, |(place, bytes, entry)| {
        // What was delivered of an answer comes in its turn, for the next may be of the same series.
        let later = deliveries.split_off(&place);
        let earlier = std::mem::replace(&mut deliveries, later);
        let mut earlier = earlier.iter();
        let added =
            earlier.try_for_each(|(place, (bytes, entry))| add(*place, bytes, entry).map(drop));
        match added.and_then(|()| add(place, &bytes, &entry)) {
            Ok(goes_on) => goes_on,
            Err(error) => {
                failed = Some(error);
                false
            }
        }
    })?;
    if let Some(failed) = failed {
        return Err(failed);
    }
    for (place, (bytes, entry)) in deliveries {
        add(place, &bytes, &entry)?;
    }
    if accounts.len() > SERIES_MAX {
        let mistake = format!("there are more than {SERIES_MAX} kinds of disclosure");
        return Err(NotDone::Mistaken(mistake));
    }
    Ok((accounts.close(), read))
}

/// Entries before `end` that say what was delivered of answers in several parts that fit `wanted` and whose
/// disclosures are at these places.
pub(super) fn deliveries(
    index: &Index,
    wanted: &Query,
    places: Range<u64>,
    end: u64,
) -> Result<BTreeMap<u64, (Vec<u8>, Entry)>, NotDone> {
    let mut requests = std::collections::BTreeSet::new();
    index.find(wanted, places, |(_, _, entry)| {
        if let Event::Disclosure(Disclosure {
            part: Some(_),
            request,
            ..
        }) = entry.event
        {
            requests.insert(request.request_id);
        }
        requests.len() <= PARTED_MAX
    })?;
    if requests.len() > PARTED_MAX {
        let mistake = format!("there are more than {PARTED_MAX} answers in several parts");
        return Err(NotDone::Mistaken(mistake));
    }
    let requests: Vec<_> = requests.into_iter().collect();
    let mut found = BTreeMap::new();
    for some in requests.chunks(REQUESTS_AT_ONCE) {
        let wanted = Query {
            requests: some.to_vec(),
            decision: Some("delivered".to_owned()),
            ..Query::default()
        };
        index.find(&wanted, 0..end, |(place, bytes, entry)| {
            found.insert(place, (bytes, entry));
            true
        })?;
    }
    Ok(found)
}

fn alike(
    disclosure: &Disclosure,
    group: &SubjectGroup,
    names: &mut Names,
) -> Result<Alike, NotDone> {
    let unknown = || "(not recorded)".to_owned();
    let request = &disclosure.request;
    Ok(Alike {
        recipient: names.shown(request)?,
        operation: request.operation.clone().unwrap_or_else(unknown),
        purpose: request.purpose.clone().unwrap_or_else(unknown),
        basis: group.basis.clone(),
        basis_reference: group.basis_reference.clone(),
        data: group.categories.clone(),
    })
}
