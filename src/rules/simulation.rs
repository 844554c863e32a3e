//! The calls of a ledger, decided again by another set of rules: what was answered and would be
//! refused, what was refused and would be answered, what would be withheld or disclosed that was not.
//!
//! An entry holds circumstances, not bodies, and that is all this goes by. What an entry does not
//! tell is counted and said, never guessed: entries of version 1, refusals that no rule made (rates,
//! budgets, credentials, the core), partners and operations that the other set does not have. Nor is
//! it known whether a purpose was named or implied, nor what else leaves that is about no person.
//!
//! Not here: where entries come from, and that asking for this is an entry itself.

mod answers;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Rules;
use crate::catalogue::{Operation, RequestBody};
use crate::entry::{API_KEY, Disclosure, Entry, Event, Recipient, Refused, RequestFacts};
use crate::judgement::INCLUDED;
use crate::policy::{AccessRequest, Circumstances, Contract, Grant, Standing};
use crate::refusal::Code;
use crate::taxonomy::Purpose;
use crate::terms::{PartnerId, Promise};

/// The first version of entries that keeps page size, signals and circumstances.
const FIRST_WITH_CIRCUMSTANCES: u32 = 2;

/// Most rows that are told apart; what would be another is only counted.
const ROWS_MAX: usize = 10_000;

/// Examples of one row, where nobody asks for another number.
pub const EXAMPLES_USUAL: usize = 3;

/// Most examples of one row.
pub const EXAMPLES_MAX: usize = 100;

/// How a call would fare differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was answered, and would be refused.
    AllowToDeny,
    /// It was refused, and would be answered, as far as the rules decide that.
    DenyToAllow,
    /// It would be refused with another code.
    OtherRefusal,
    /// Something that left would not, or in a poorer form.
    Withheld,
    /// Something that did not leave would, or in a richer form.
    Disclosed,
}

/// Calls that would fare alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Whose calls.
    pub partner: String,
    /// Of which operation.
    pub operation: String,
    /// How they would fare.
    pub outcome: Outcome,
    /// Which category or field, where it is about one.
    pub what: Option<String>,
    /// What was recorded: `allow`, the code of a refusal, a form or `withheld`.
    pub before: String,
    /// What it would be, likewise.
    pub after: String,
    /// How many calls.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Its entry's index in the log.
    pub entry: u64,
    /// The `Request-Id` of its answer.
    pub request_id: String,
    /// When it was made.
    pub time: Timestamp,
}

/// What came of replaying.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Version of the set that decided again.
    pub policy: String,
    /// Only entries not before this time were replayed, where one was named.
    pub since: Option<Timestamp>,
    /// Calls found.
    pub calls: u64,
    /// Calls of these that were decided again.
    pub replayed: u64,
    /// Calls decided again that would fare just as they did.
    pub unchanged: u64,
    /// Calls that would fare differently, by partner, operation and outcome.
    pub rows: Vec<Row>,
    /// Differences beyond the rows that are told apart.
    pub rows_left_out: u64,
    /// Calls that were not decided again, by the reason.
    pub not_replayed: BTreeMap<String, u64>,
    /// Fields of calls decided again of which the entry does not tell enough, by the reason.
    pub not_told: BTreeMap<String, u64>,
}

/// What tells rows apart: partner, operation, and how the calls would fare.
type RowKey = (String, String, Change);

/// Decides entries again, one after the other.
#[derive(Debug)]
pub struct Simulation<'a> {
    rules: &'a Rules,
    examples_max: usize,
    rows: BTreeMap<RowKey, (u64, Vec<Example>)>,
    replay: Replay,
}

/// A call that the other set can decide: everything it names is still there.
struct Call<'a> {
    facts: &'a RequestFacts,
    contract: &'a Contract,
    operation: &'a Operation,
    purpose: Purpose,
    /// One of these was known of the customer before the core was asked.
    known_beforehand: Vec<Circumstances>,
}

/// Why a call is not decided again.
type Unable = String;

/// One way in which a call would fare differently.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    outcome: Outcome,
    what: Option<String>,
    before: String,
    after: String,
}

/// How a call would fare, as far as its entry tells.
#[derive(Debug, Default)]
struct Told {
    changes: BTreeSet<Change>,
    not_told: BTreeSet<&'static str>,
}

impl Told {
    fn of(outcome: Outcome, before: &str, after: &str) -> Self {
        let change = Change {
            outcome,
            what: None,
            before: before.to_owned(),
            after: after.to_owned(),
        };
        Self {
            changes: BTreeSet::from([change]),
            ..Self::default()
        }
    }
}

impl<'a> Simulation<'a> {
    /// Replays through `rules` what happened at or after `since`; of each row, at most `examples_max`
    /// calls are told.
    pub fn new(rules: &'a Rules, since: Option<Timestamp>, examples_max: usize) -> Self {
        Self {
            rules,
            examples_max: examples_max.min(EXAMPLES_MAX),
            rows: BTreeMap::new(),
            replay: Replay {
                policy: rules.policy.version().to_owned(),
                since,
                ..Replay::default()
            },
        }
    }

    /// Decides the call of an entry again. What is no outcome of a call is passed over: acts of people,
    /// notes of the gateway and of a shadow, intents, whose outcome has an entry of its own, and further
    /// entries about the same answer.
    pub fn replay(&mut self, index: u64, entry: &Entry) {
        if self.replay.since.is_some_and(|since| entry.time < since) {
            return;
        }
        let (facts, told) = match &entry.event {
            Event::Disclosure(disclosure) if disclosure.is_first_part() => {
                (&disclosure.request, self.answered(entry, disclosure))
            }
            Event::Refusal(refused) => (&refused.request, self.refused(entry, refused)),
            Event::Disclosure(_)
            | Event::Delivered(_)
            | Event::Intent(_)
            | Event::Shadow(_)
            | Event::Act(_)
            | Event::Gateway(_)
            | Event::Purge(_) => return,
        };
        self.replay.calls += 1;
        match told {
            Err(reason) => *self.replay.not_replayed.entry(reason).or_default() += 1,
            Ok(told) => {
                self.replay.replayed += 1;
                self.replay.unchanged += u64::from(told.changes.is_empty());
                for reason in told.not_told {
                    *self.replay.not_told.entry(reason.to_owned()).or_default() += 1;
                }
                let example = Example {
                    entry: index,
                    request_id: facts.request_id.clone(),
                    time: entry.time,
                };
                for change in told.changes {
                    self.count(facts, change, &example);
                }
            }
        }
    }

    fn count(&mut self, facts: &RequestFacts, change: Change, example: &Example) {
        let partner = match &facts.recipient {
            Some(Recipient::Partner { id, .. }) => id.clone(),
            _ => String::new(),
        };
        let operation = facts.operation.clone().unwrap_or_default();
        let key = (partner, operation, change);
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&key) {
            self.replay.rows_left_out += 1;
            return;
        }
        let (count, examples) = self.rows.entry(key).or_default();
        *count += 1;
        if examples.len() < self.examples_max {
            examples.push(example.clone());
        }
    }

    /// What came of it.
    pub fn finish(self) -> Replay {
        let rows = self.rows.into_iter();
        let rows = rows.map(|((partner, operation, change), (count, examples))| Row {
            partner,
            operation,
            outcome: change.outcome,
            what: change.what,
            before: change.before,
            after: change.after,
            count,
            examples,
        });
        Replay {
            rows: rows.collect(),
            ..self.replay
        }
    }

    fn answered(&self, entry: &Entry, disclosure: &Disclosure) -> Result<Told, Unable> {
        let call = self.call(entry, &disclosure.request)?;
        Ok(match self.decide(entry, &call)? {
            Err(code) => Told::of(Outcome::AllowToDeny, &disclosure.decision, code.name()),
            Ok(_) if self.holds_too_many(entry, &call, disclosure) => {
                let code = Code::PageTooLarge.name();
                Told::of(Outcome::AllowToDeny, &disclosure.decision, code)
            }
            Ok(grant) => answers::told(call.operation, &grant, disclosure),
        })
    }

    fn refused(&self, entry: &Entry, refused: &Refused) -> Result<Told, Unable> {
        refuse_unruled(refused)?;
        let call = self.call(entry, &refused.request)?;
        Ok(match self.decide(entry, &call)? {
            // By the purpose alone: the token may have been what did not allow it.
            Ok(_) if refused.rule.is_none() && refused.code == Code::PurposeNotAllowed.name() => {
                return Err("for which purposes its token was is not on record".to_owned());
            }
            Ok(_) => Told::of(Outcome::DenyToAllow, &refused.code, "allow"),
            Err(code) if code.name() == refused.code => Told::default(),
            Err(code) => Told::of(Outcome::OtherRefusal, &refused.code, code.name()),
        })
    }

    /// The call of an entry, if the entry tells what decides it and this set has what it names.
    fn call<'b>(&'b self, entry: &Entry, facts: &'b RequestFacts) -> Result<Call<'b>, Unable> {
        if entry.v < FIRST_WITH_CIRCUMSTANCES {
            return Err("written by version 1, without what the decision rested on".to_owned());
        }
        let unable = |reason: &str| reason.to_owned();
        let partner = match &facts.recipient {
            Some(Recipient::Partner { id, .. }) => PartnerId::parse(id),
            _ => return Err(unable("not a call of a partner")),
        };
        let contract = partner.and_then(|partner| self.rules.policy.contract(&partner));
        let contract = contract.ok_or("the partner has no contract here")?;
        let operation = facts.operation.as_deref().ok_or("no operation on record")?;
        let operation = self.rules.catalogue.operation(operation);
        let operation = operation.ok_or("the operation is not in the catalogue here")?;
        let purpose = facts.purpose.as_deref().ok_or("no purpose on record")?;
        let purpose = Purpose::parse(purpose).ok_or("the purpose is not in the vocabulary")?;
        Ok(Call {
            facts,
            contract,
            operation,
            purpose,
            known_beforehand: known_beforehand(operation, entry),
        })
    }

    /// What this set decides, and the stage before it that goes by its credentials.
    fn decide(&self, entry: &Entry, call: &Call<'_>) -> Result<Result<Grant, Code>, Unable> {
        let policy = &self.rules.policy;
        let client = call.facts.client.as_deref();
        let owner = client.map(|client| match call.facts.credential.as_deref() {
            Some(API_KEY) => policy.by_api_key(client),
            _ => policy.by_client(client),
        });
        if owner
            .is_some_and(|owner| owner.is_none_or(|owner| owner.partner != call.contract.partner))
        {
            return Ok(Err(Code::IdentityMismatch));
        }
        // What was asked for beyond the plain answer is on record among them, and speaks of no marketing.
        let signals = call.facts.signals.iter().map(String::as_str);
        let signals: Vec<&str> = signals.filter(|one| !one.starts_with(INCLUDED)).collect();
        let decided = call.known_beforehand.iter().map(|circumstances| {
            let decided = policy.decide(&AccessRequest {
                partner: &call.contract.partner,
                standing: Standing::Good,
                operation: call.operation,
                purpose: call.purpose,
                marketing_signals: &signals,
                page_records: call.facts.page_records,
                today: day(entry),
                circumstances: *circumstances,
            });
            decided.map_err(|refusal| refusal.code)
        });
        let mut decided: Vec<Result<Grant, Code>> = decided.collect();
        let code = |decided: &Result<Grant, Code>| decided.as_ref().err().copied();
        let alike = decided.windows(2).all(|pair| match pair {
            [one, other] => code(one) == code(other),
            _ => true,
        });
        let any = decided.pop().filter(|_| alike);
        any.ok_or_else(|| "what was known of the customer beforehand is not on record".to_owned())
    }

    /// Whether the answer was about more customers than a page may have records here. How many
    /// records it had is not on record; no fewer than these.
    fn holds_too_many(&self, entry: &Entry, call: &Call<'_>, disclosure: &Disclosure) -> bool {
        let references = disclosure
            .subjects
            .iter()
            .flat_map(|group| &group.references);
        let customers = references.collect::<BTreeSet<_>>().len();
        let has_pages = call.operation.has_pages();
        let max = call.contract.records_max_on(day(entry), has_pages);
        usize::try_from(max).is_ok_and(|max| customers > max)
    }
}

/// What may have been known of the customer before the core was asked. Nothing of nobody; whoever a
/// request names is its partner's own, or it went no further.
fn known_beforehand(operation: &Operation, entry: &Entry) -> Vec<Circumstances> {
    let parameters = operation.parameters.iter();
    let naming = parameters.filter(|one| one.role.names_customer());
    let always = naming.clone().any(|parameter| parameter.required);
    let members = operation.request.iter().flat_map(RequestBody::members);
    let ever = naming.count() > 0 || members.into_iter().any(|(_, role)| role.names_customer());
    let groups = match &entry.event {
        Event::Disclosure(disclosure) => disclosure.subjects.as_slice(),
        _ => &[],
    };
    let recorded = groups.iter().filter_map(|group| {
        Circumstances::from_words(group.circumstances.iter().map(String::as_str))
    });
    let mut known: Vec<Circumstances> = recorded.filter(|one| one.own && ever).collect();
    if ever && known.is_empty() {
        known.extend(Circumstances::all().filter(|one| one.own));
    }
    if !always {
        known.push(Circumstances::default());
    }
    known
}

/// The UTC day a call falls on.
fn day(entry: &Entry) -> Date {
    entry.time.to_zoned(TimeZone::UTC).date()
}

/// Refusals that another set could not have changed: no rule of a set made them, or what made them is
/// not on record.
fn refuse_unruled(refused: &Refused) -> Result<(), Unable> {
    let code = Code::parse(&refused.code);
    let by_rules = matches!(
        code,
        Some(
            Code::PurposeNotAllowed
                | Code::MarketingUseBlocked
                | Code::BulkExportBlocked
                | Code::PageTooLarge
                | Code::ConsentRequired
                | Code::ReleaseRequired
                | Code::OperationNotAllowed
                | Code::ChannelBlocked
        )
    );
    let uploaded = Promise::number(11).to_string();
    let not_ruled = !by_rules
        // What it was uploaded for stands in the book of customers.
        || code == Some(Code::PurposeNotAllowed)
            && refused.rule.is_none()
            && refused.promise.as_ref() == Some(&uploaded)
        // The core chose the size of its page.
        || code == Some(Code::PageTooLarge) && refused.request.page_records.is_none();
    if not_ruled {
        return Err(format!("refused by no rule of a set: {}", refused.code));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
