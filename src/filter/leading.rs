//! The links of one answer while it is written: where each leads, and which led nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::field_set::FieldSet;
use super::links::{Links, Needed, Seen};
use super::plan::{Plan, RecordDecision, Treatment};
use super::scanned::{Record, Scanned};
use crate::catalogue::{Field, FieldId, FieldRole, Link};

/// Which links of a record, or of what stands around the records, led somewhere and which nowhere.
#[derive(Debug, Default)]
pub(super) struct Led {
    pub(super) led: FieldSet,
    pub(super) lost: FieldSet,
}

/// Leads the links of one answer.
pub(super) struct Leading<'s, 'p> {
    scanned: &'s Scanned<'s>,
    decisions: &'s [RecordDecision<'p>],
    links: Option<&'s Links<'s>>,
    /// The record that is being written; `None` around records.
    pub(super) record: Option<u32>,
    /// Whose id leaves in clear and whose does not; looked up when the first link is met.
    customers: Option<Customers<'s>>,
    led: BTreeMap<Option<u32>, Led>,
}

impl<'s, 'p> Leading<'s, 'p> {
    pub(super) fn new(
        scanned: &'s Scanned<'s>,
        decisions: &'s [RecordDecision<'p>],
        links: Option<&'s Links<'s>>,
    ) -> Self {
        Self {
            scanned,
            decisions,
            links,
            record: None,
            customers: None,
            led: BTreeMap::new(),
        }
    }

    /// The link that leaves instead of `value`, if one does.
    pub(super) fn lead(&mut self, field: &Field, plan: &Plan, value: &str) -> Option<String> {
        match field.link.as_ref()? {
            Link::Rewrite => self.rewritten(plan, value),
            Link::To(operation) => self.mediated(plan, operation),
            Link::Foreign => self.links?.is_foreign(value).then(|| value.to_owned()),
            Link::Remove => None,
        }
    }

    /// Notes what became of a link in the record that is being written.
    pub(super) fn note(&mut self, field: FieldId, leads: bool) {
        let led = self.led.entry(self.record).or_default();
        let noted = if leads { &mut led.led } else { &mut led.lost };
        noted.insert(field);
    }

    /// By record, where there were links at all.
    pub(super) fn finish(self) -> BTreeMap<Option<u32>, Led> {
        self.led
    }

    fn rewritten(&mut self, plan: &Plan, value: &str) -> Option<String> {
        let shown = self.current().customer();
        let shown = shown.filter(|_| self.shows(plan, FieldRole::CustomerKey));
        let (scanned, decisions) = (self.scanned, self.decisions);
        let customers = self
            .customers
            .get_or_insert_with(|| Customers::of(scanned, decisions));
        // A record links by what itself says: of a stream, what else is read with it is chance.
        let nobody = BTreeSet::new();
        let seen = Seen {
            shown,
            on_page: match self.record {
                Some(_) => &nobody,
                None => &customers.shown,
            },
            hidden: &customers.hidden,
        };
        self.links?.rewritten(value, &seen)
    }

    /// The id that fills in a link must leave in clear beside it.
    fn mediated(&self, plan: &Plan, operation: &str) -> Option<String> {
        let record = self.current();
        let (id, role) = match self.links?.needed(operation)? {
            Needed::Customer => (record.customer(), FieldRole::CustomerKey),
            Needed::Resource(kind) => (record.resource(kind), FieldRole::ResourceId(kind)),
        };
        let id = id.filter(|_| self.shows(plan, role))?;
        self.links?.to(operation, id)
    }

    fn current(&self) -> &'s Record<'s> {
        let record = self
            .record
            .and_then(|record| self.scanned.records().get(record as usize));
        record.unwrap_or_else(|| self.scanned.envelope())
    }

    fn shows(&self, plan: &Plan, role: FieldRole) -> bool {
        shows(self.scanned, self.current(), plan, role)
    }
}

/// Whether the id of this role stands in the record and leaves in clear.
fn shows(scanned: &Scanned<'_>, record: &Record<'_>, plan: &Plan, role: FieldRole) -> bool {
    let fields = (0..=u16::MAX).map(FieldId).zip(&scanned.shape.fields);
    let mut ids = fields
        .filter(|(id, field)| field.role == role && record.present().contains(*id))
        .peekable();
    ids.peek().is_some() && ids.all(|(id, _)| plan.treatment(id) == Treatment::Clear)
}

/// The customers of an answer's records.
#[derive(Debug)]
struct Customers<'s> {
    /// Whose id leaves in clear with a record.
    shown: BTreeSet<&'s str>,
    /// The others.
    hidden: BTreeSet<&'s str>,
}

impl<'s> Customers<'s> {
    fn of(scanned: &'s Scanned<'s>, decisions: &[RecordDecision<'_>]) -> Self {
        let decided = decisions.iter().map(Some).chain(std::iter::repeat(None));
        let records = scanned.records().iter().zip(decided);
        let (mut shown, mut hidden) = (BTreeSet::new(), BTreeSet::new());
        for (record, decision) in records {
            let Some(customer) = record.customer() else {
                continue;
            };
            let shows = match decision {
                Some(RecordDecision::Keep(plan)) => {
                    shows(scanned, record, plan, FieldRole::CustomerKey)
                }
                _ => false,
            };
            if shows { &mut shown } else { &mut hidden }.insert(customer);
        }
        // A key around the records does not leave with any one of them.
        hidden.extend(scanned.envelope().customer());
        hidden.retain(|customer| !shown.contains(customer));
        Self { shown, hidden }
    }
}
