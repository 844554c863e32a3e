//! Summing disclosures up, entry by entry. An answer may have many entries, and other answers' entries
//! between them; it counts once. The entry that closes one says whether all of it left.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use super::{Alike, Names, alike};
use crate::administration::NotDone;
use crate::administration::messages::{Incomplete, Occurrence, Series};
use crate::administration::whom::Whom;
use crate::entry::{Delivered, Disclosure, Entry, Event, SubjectGroup};

/// The accounts of one customer, or one recipient of mail.
pub(super) struct Accounts {
    /// How entries call it among their subjects.
    subject: &'static str,
    /// What stands for it there.
    references: BTreeSet<String>,
    series: BTreeMap<Alike, Series>,
    /// Answers that the person is in and that more entries may follow about, with their series. No more
    /// at a time than answers stream, but for those that a stop cut off.
    open: BTreeMap<String, BTreeSet<Alike>>,
}

impl Accounts {
    /// Of this person.
    pub(super) fn new(whom: &Whom) -> Self {
        let references = whom.references().iter();
        Self {
            subject: whom.subject(),
            references: references.map(ToString::to_string).collect(),
            series: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Adds what an entry tells of the person: a disclosure may hold several groups of forms.
    ///
    /// # Errors
    /// Where the registry cannot say who received it.
    pub(super) fn add(
        &mut self,
        index: u64,
        entry: &Entry,
        names: &mut Names,
    ) -> Result<(), NotDone> {
        match &entry.event {
            Event::Disclosure(disclosure) => self.disclosed(index, entry, disclosure, names)?,
            Event::Delivered(delivered) => self.delivered(delivered),
            _ => {}
        }
        Ok(())
    }

    fn disclosed(
        &mut self,
        index: u64,
        entry: &Entry,
        disclosure: &Disclosure,
        names: &mut Names,
    ) -> Result<(), NotDone> {
        let (subject, references) = (self.subject, &self.references);
        let is_there = |group: &SubjectGroup| {
            let mut named = group.references.iter();
            named.any(|reference| references.contains(reference))
        };
        let theirs = |group: &&SubjectGroup| group.subject == subject && is_there(group);
        for group in disclosure.subjects.iter().filter(theirs) {
            let occurrence = Occurrence {
                time: entry.time,
                request_id: disclosure.request.request_id.clone(),
                entry: index,
            };
            let key = alike(disclosure, group, names)?;
            let counted = disclosure.part.is_some() && {
                let request_id = occurrence.request_id.clone();
                let open = self.open.entry(request_id).or_default();
                !open.insert(key.clone())
            };
            match self.series.entry(key) {
                Slot::Occupied(mut known) => {
                    continue_with(known.get_mut(), disclosure, occurrence, counted);
                }
                Slot::Vacant(slot) => {
                    let started = start(slot.key(), disclosure, occurrence);
                    slot.insert(started);
                }
            }
        }
        // An answer that was judged whole is closed by its last part.
        if let Some(part) = disclosure.part
            && part.of == Some(part.number)
        {
            self.open.remove(&disclosure.request.request_id);
        }
        Ok(())
    }

    fn delivered(&mut self, delivered: &Delivered) {
        let request_id = &delivered.request.request_id;
        let series = self.open.remove(request_id).unwrap_or_default();
        if !delivered.complete {
            self.incomplete(
                &series,
                &Incomplete {
                    request_id: request_id.clone(),
                    bytes: Some(delivered.bytes),
                    bytes_expected: delivered.bytes_expected,
                    because: delivered.because.clone(),
                },
            );
        }
    }

    fn incomplete(&mut self, series: &BTreeSet<Alike>, incomplete: &Incomplete) {
        for key in series {
            if let Some(series) = self.series.get_mut(key) {
                series.incomplete.push(incomplete.clone());
            }
        }
    }

    /// All series, by their first disclosures.
    pub(super) fn close(mut self) -> Vec<Series> {
        for (request_id, series) in std::mem::take(&mut self.open) {
            self.incomplete(
                &series,
                &Incomplete {
                    request_id,
                    bytes: None,
                    bytes_expected: None,
                    because: None,
                },
            );
        }
        let mut all: Vec<Series> = self.series.into_values().collect();
        all.sort_by_key(|series| series.first.entry);
        all
    }
}

fn start(alike: &Alike, disclosure: &Disclosure, occurrence: Occurrence) -> Series {
    Series {
        recipient: alike.recipient.clone(),
        data: alike.data.clone(),
        operation: alike.operation.clone(),
        purpose: alike.purpose.clone(),
        basis: alike.basis.clone(),
        basis_reference: alike.basis_reference.clone(),
        withheld: disclosure.withheld.clone(),
        first: occurrence.clone(),
        count: 1,
        last: occurrence,
        incomplete: Vec::new(),
    }
}

fn continue_with(
    series: &mut Series,
    disclosure: &Disclosure,
    occurrence: Occurrence,
    counted: bool,
) {
    for withheld in &disclosure.withheld {
        if !series.withheld.contains(withheld) {
            series.withheld.push(withheld.clone());
        }
    }
    // Two groups of one answer are one disclosure.
    if !counted && series.last.entry != occurrence.entry {
        series.count += 1;
        series.last = occurrence;
    }
}
