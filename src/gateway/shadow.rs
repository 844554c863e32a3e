//! Beside the stages: what a set of rules in the shadow would have decided about the same request and
//! the same answer of the core. It is judged by the same code as the set in force, after it; nothing it
//! says changes what the partner gets, and only a difference is put on record.
//!
//! Not judged again: who calls (the credentials of a contract), and how the request was read. Neither
//! are budgets and rates: what was spent was spent under the set in force.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::authenticate::Partner;
use super::decide::Permit;
use super::exchange::Exchange;
use super::inspect::{Content, Inspected};
use super::read::Reading;
use crate::catalogue::{Body, Operation};
use crate::edge::AcceptedHead;
use crate::entry::Shadowed;
use crate::filter;
use crate::judgement::{self, Document, Extent, Figures, Owner};
use crate::policy::Grant;
use crate::refusal::{Code, Stopped};
use crate::rules::Rules;

/// What the set in the shadow says of one request; nothing where no set is in the shadow.
#[derive(Debug)]
pub struct Shadow(Option<Judged>);

#[derive(Debug)]
struct Judged {
    version: Arc<str>,
    records_max: u32,
    granted: Result<(Arc<Operation>, Grant), Code>,
}

/// How much of each field leaves, by its path.
type Extents = BTreeMap<Arc<str>, Extent>;

impl Shadow {
    /// Asks the set in the shadow, if there is one.
    pub fn ask(
        rules: Option<Arc<Rules>>,
        exchange: &Exchange,
        partner: &Partner,
        operation: &Operation,
        reading: &Reading,
        head: &AcceptedHead,
    ) -> Self {
        Self(rules.map(|rules| {
            let today = exchange.today();
            let contract = rules.policy.contract(&partner.contract().partner);
            let has_pages = operation.has_pages();
            Judged {
                version: rules.policy.version().into(),
                records_max: contract.map_or(0, |one| one.records_max_on(today, has_pages)),
                granted: granted(&rules, exchange, partner, operation, reading, head),
            }
        }))
    }

    /// Hears what was decided, and notes in the exchange where this set would have decided otherwise.
    pub fn hear<T>(&self, exchange: &mut Exchange, decided: &Result<T, Stopped>) {
        let (Some(judged), Err(Stopped::Refused(refusal))) = (&self.0, decided) else {
            return;
        };
        let instead = match &judged.granted {
            Ok(_) => "allow",
            Err(code) => code.name(),
        };
        judged.note(exchange, refusal.code.name(), instead, &[], &[]);
    }

    /// Sees the core's answer, likewise.
    pub fn see(
        &self,
        exchange: &mut Exchange,
        permit: &Permit,
        inspected: &Inspected<'_>,
        body: &Bytes,
    ) {
        let Some(judged) = &self.0 else { return };
        let document = match &inspected.content {
            Content::Data { document, .. } => Some(&**document),
            Content::Empty | Content::Whole { .. } => None,
        };
        let leaves = document.map_or_else(Extents::new, |one| one.extents(permit.grant()));
        let decided = decision(&leaves);
        let would_leave = match (&judged.granted, document) {
            (Err(code), _) => Err(code.name()),
            (Ok(_), None) => Ok(Extents::new()),
            (Ok((operation, grant)), Some(document)) => {
                judged.extents(operation, grant, inspected.status, document, body)
            }
        };
        match would_leave {
            Err(code) => judged.note(exchange, decided, code, &[], &[]),
            Ok(would_leave) => {
                let (more, less) = compared(&leaves, &would_leave);
                judged.note(exchange, decided, decision(&would_leave), &more, &less);
            }
        }
    }
}

impl Shadow {
    /// Sees that an answer streams: what leaves of it is not compared, only that it may.
    pub fn see_open(&self, exchange: &mut Exchange, decided: &str) {
        if let Some(judged) = &self.0
            && let Err(code) = &judged.granted
        {
            judged.note(exchange, decided, code.name(), &[], &[]);
        }
    }
}

/// The grant of the set in the shadow for the same call.
fn granted(
    rules: &Rules,
    exchange: &Exchange,
    partner: &Partner,
    operation: &Operation,
    reading: &Reading,
    head: &AcceptedHead,
) -> Result<(Arc<Operation>, Grant), Code> {
    let contract = rules.policy.contract(&partner.contract().partner);
    let contract = contract.ok_or(Code::IdentityMismatch)?;
    let operation = rules.catalogue.operation(&operation.id);
    let operation = operation.ok_or(Code::NotFound)?;
    let narrowed = partner.purposes();
    let purpose = judgement::choose_purpose(&rules.policy, contract, narrowed, head)
        .map_err(|refusal| refusal.code)?;
    let call = reading.call(contract, operation, purpose, exchange.today());
    let grant = judgement::decide(&rules.policy, &call, head).map_err(|refusal| refusal.code)?;
    Ok((Arc::clone(operation), grant))
}

impl Judged {
    /// What would leave of the same bytes, read by this set's catalogue. Owners are those that the
    /// book named for the set in force.
    fn extents(
        &self,
        operation: &Operation,
        grant: &Grant,
        status: u16,
        known: &Document<'_>,
        body: &Bytes,
    ) -> Result<Extents, &'static str> {
        let uninspectable = Code::ResponseUninspectable.name();
        let mut answers = operation.answers.iter();
        let answer = answers.find(|answer| answer.status == status);
        let Some(Body::Data { format, shape, .. }) = answer.map(|answer| &answer.body) else {
            return Err(uninspectable);
        };
        let limits = filter::Limits {
            body_bytes_max: body.len(),
            ..filter::Limits::default()
        };
        let scanned = filter::read(*format, shape, body, &limits);
        let scanned = scanned.map_err(|_| uninspectable)?;
        judgement::refuse_large_page(self.records_max, &scanned)
            .map_err(|refusal| refusal.code.name())?;
        let records = known.scanned.records().iter().zip(&known.owners);
        let around = (known.scanned.envelope(), &known.envelope);
        let by_id: HashMap<&str, &Owner> = std::iter::once(around)
            .chain(records)
            .filter_map(|(part, owner)| Some((part.customer()?, owner)))
            .collect();
        // Where the answer named whose it is, the request need not have.
        let named = match known.scanned.envelope().customer() {
            Some(_) => &Owner::Nobody,
            None => &known.envelope,
        };
        let whose = judgement::whose(shape, &scanned, named, |_, id| {
            let owner = by_id.get(id).copied();
            Ok(owner.cloned().unwrap_or(Owner::Nobody))
        });
        let whose = whose.map_err(|_| uninspectable)?;
        let document = Document {
            shape,
            figures: Figures::of(shape, &scanned),
            owners: whose.records,
            scanned,
            envelope: whose.around,
        };
        Ok(document.extents(grant))
    }

    fn note(
        &self,
        exchange: &mut Exchange,
        decided: &str,
        instead: &str,
        disclosed: &[Arc<str>],
        withheld: &[Arc<str>],
    ) {
        if decided == instead && disclosed.is_empty() && withheld.is_empty() {
            return;
        }
        let texts = |fields: &[Arc<str>]| fields.iter().map(ToString::to_string).collect();
        exchange.shadowed = Some(Shadowed {
            request: exchange.facts.clone(),
            version: self.version.to_string(),
            decided: decided.to_owned(),
            instead: instead.to_owned(),
            disclosed: texts(disclosed),
            withheld: texts(withheld),
        });
    }
}

/// The word that `Covenant-Decision` would have.
fn decision(extents: &Extents) -> &'static str {
    if extents.values().all(|extent| extent.is_whole()) {
        "allow"
    } else {
        "redact"
    }
}

/// Fields of which more would leave, and fields of which less would.
fn compared(leaves: &Extents, would_leave: &Extents) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
    let of = |extents: &Extents, path: &Arc<str>| extents.get(path).map_or(0, Extent::leaves);
    let mut paths: Vec<&Arc<str>> = leaves.keys().chain(would_leave.keys()).collect();
    paths.sort_unstable();
    paths.dedup();
    let more = paths
        .iter()
        .filter(|path| of(would_leave, path) > of(leaves, path));
    let less = paths
        .iter()
        .filter(|path| of(would_leave, path) < of(leaves, path));
    let owned = |path: &&Arc<str>| Arc::clone(path);
    (more.map(owned).collect(), less.map(owned).collect())
}
