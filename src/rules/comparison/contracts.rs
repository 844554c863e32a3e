//! What a contract says by itself: limits over time, credentials, names and dates.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{Change, Direction, Topic};
use crate::identity::binding::{Bindings, Carrier};
use crate::policy::Contract;
use crate::policy::contract::Exception;

/// What differs between two contracts of one partner; `None` is no contract.
pub(super) fn changes(old: Option<&Contract>, new: Option<&Contract>, today: Date) -> Vec<Change> {
    let mut changes = Vec::new();
    match (old, new) {
        (Some(old), Some(new)) => details(old, new, &mut changes),
        (None, None) => return changes,
        (one, other) => {
            let contract = one.or(other);
            let name = contract.map_or("", |contract| &contract.name);
            let kind = contract.map_or("", |contract| contract.kind.word());
            let change = Change::came_or_went(Topic::Partner, name, old.is_none(), kind);
            changes.push(change);
        }
    }
    limits(old, new, today, &mut changes);
    credentials(old, new, &mut changes);
    changes
}

fn details(old: &Contract, new: &Contract, changes: &mut Vec<Change>) {
    let parent = |contract: &Contract| {
        let parent = contract.parent.as_ref();
        parent.map_or_else(|| "nobody".to_owned(), ToString::to_string)
    };
    let terms = |contract: &Contract| format!("{} by {}", contract.terms.on, contract.terms.by);
    let mut detail = |what: &str, direction, before: String, after: String| {
        if before != after {
            let change = Change::of(Topic::Detail, what, direction);
            changes.push(change.from(before).to(after));
        }
    };
    let (wording, unclear) = (Direction::Neither, Direction::Loosens);
    detail("name", wording, old.name.to_string(), new.name.to_string());
    let address = [old, new].map(|contract| contract.address.to_string());
    let [before, after] = address;
    detail("address", wording, before, after);
    let kind = |contract: &Contract| contract.kind.word().to_owned();
    detail("kind", unclear, kind(old), kind(new));
    // A family shares its budgets, and its suspensions.
    detail("parent", unclear, parent(old), parent(new));
    let version = |contract: &Contract| contract.terms.version.to_string();
    detail("terms accepted", unclear, version(old), version(new));
    detail("terms accepted on", wording, terms(old), terms(new));
    let number = |contract: &Contract| contract.version.to_string();
    detail("version of the contract", wording, number(old), number(new));
    for (exceptions, others, came) in [
        (&old.exceptions, &new.exceptions, false),
        (&new.exceptions, &old.exceptions, true),
    ] {
        for exception in exceptions.iter().filter(|one| !others.contains(one)) {
            changes.push(exception_noted(exception, came));
        }
    }
    if old.version == new.version && old != new {
        let what = format!(
            "the contract changed, but its version is still {}",
            new.version
        );
        changes.push(Change::of(Topic::Detail, what, wording));
    }
}

/// What it does to the limits is told there.
fn exception_noted(exception: &Exception, came: bool) -> Change {
    let what = format!("exception until {}", exception.until);
    let by = exception.approved_by.join(", ");
    let told = format!("{} Approved by {by}.", exception.because);
    let change = Change::of(Topic::Detail, what, Direction::Neither);
    if came {
        change.to(told)
    } else {
        change.from(told)
    }
}

/// The limits of a contract on one day.
fn limits_on(contract: &Contract, day: Date) -> [(&'static str, u32); 7] {
    let budgets = contract.budgets_on(day);
    // No limit is more than any.
    let recipients = |limit: Option<u32>| limit.unwrap_or(u32::MAX);
    [
        ("customers a day", budgets.customers_per_day),
        ("customers a month", budgets.customers_per_month),
        ("recipients a day", recipients(budgets.recipients_per_day)),
        (
            "recipients a month",
            recipients(budgets.recipients_per_month),
        ),
        ("records a page", contract.page_records_max_on(day)),
        (
            "records a large answer",
            contract.large_answer_records_max.unwrap_or_default(),
        ),
        ("requests a minute", contract.requests_per_minute),
    ]
}

/// One limit from one day to another, before and after.
struct Span {
    from: Date,
    until: Option<Date>,
    before: Option<u32>,
    after: Option<u32>,
}

/// Exceptions end, so limits are compared from today on, for ever.
fn limits(old: Option<&Contract>, new: Option<&Contract>, today: Date, changes: &mut Vec<Change>) {
    let both = [old, new].into_iter().flatten();
    let ends = both.flat_map(|contract| contract.exceptions.iter().map(|one| one.until));
    let mut starts: BTreeSet<Date> = ends
        .filter(|until| *until >= today)
        .filter_map(|until| until.tomorrow().ok())
        .collect();
    starts.insert(today);
    let starts: Vec<Date> = starts.into_iter().collect();
    let on = |contract: Option<&Contract>, day| contract.map(|contract| limits_on(contract, day));
    let names = new.or(old).map(|contract| limits_on(contract, today));
    for (place, (name, _)) in names.into_iter().flatten().enumerate() {
        let value = |contract, day| {
            let limits = on(contract, day)?;
            limits.get(place).map(|(_, value)| *value)
        };
        let mut spans: Vec<Span> = Vec::new();
        for start in &starts {
            let (before, after) = (value(old, *start), value(new, *start));
            match spans.last_mut() {
                Some(last) if (last.before, last.after) == (before, after) => {}
                last => {
                    if let Some(last) = last {
                        last.until = start.yesterday().ok();
                    }
                    spans.push(Span {
                        from: *start,
                        until: None,
                        before,
                        after,
                    });
                }
            }
        }
        let differing = spans.iter().filter(|span| span.before != span.after);
        changes.extend(differing.map(|span| limit_changed(name, span, today)));
    }
}

fn limit_said(limit: u32) -> String {
    match limit {
        u32::MAX => "no limit".to_owned(),
        limit => limit.to_string(),
    }
}

fn limit_changed(name: &str, span: &Span, today: Date) -> Change {
    // No contract is the least of all limits.
    let direction = Direction::of_growth(&span.before, &span.after);
    let from = (span.from > today).then(|| format!("from {}", span.from));
    let until = span.until.map(|until| format!("until {until}"));
    let days: Vec<String> = from.into_iter().chain(until).collect();
    Change {
        only: (!days.is_empty()).then(|| days.join(" ")),
        before: span.before.map(limit_said),
        after: span.after.map(limit_said),
        ..Change::of(Topic::Limit, name, direction)
    }
}

fn credentials(old: Option<&Contract>, new: Option<&Contract>, changes: &mut Vec<Change>) {
    let both = old.is_some() && new.is_some();
    let all = |contract: Option<&Contract>| -> BTreeSet<String> {
        let Some(contract) = contract else {
            return BTreeSet::new();
        };
        let credentials = &contract.credentials;
        let clients = credentials.clients.iter();
        let clients = clients.map(|client| format!("client `{client}`"));
        let names = credentials.certificate_names.iter();
        let names = names.map(|name| format!("certificate name `{name}`"));
        let thumbprints = credentials.certificate_thumbprints.iter();
        let thumbprints = thumbprints.map(|print| format!("certificate `sha256:{print:?}`"));
        let ending = credentials.ending.iter();
        let ending = ending.map(|one| {
            format!(
                "certificate `sha256:{:?}` until {}",
                one.thumbprint, one.until
            )
        });
        let thumbprints = thumbprints.chain(ending);
        let basic = credentials.basic.map(|half| match half {
            Carrier::BasicUserName => "token as the user name of Basic".to_owned(),
            Carrier::BasicPassword | Carrier::Bearer | Carrier::Dpop => {
                "token as the password of Basic".to_owned()
            }
        });
        // Each that will do is one more way in; so `certificate` beside `dpop` loosens.
        let bindings = credentials.bindings;
        // A contract that came or went need not tell what holds where nothing is said.
        let tells = both || bindings != Bindings::default();
        let bindings = [
            (bindings.certificate, "token bound to a certificate"),
            (bindings.dpop, "token bound to a key (DPoP)"),
            (bindings.none, "token bound to nothing"),
        ];
        let bindings = bindings.into_iter().filter(|(taken, _)| *taken && tells);
        let bindings = bindings.map(|(_, what)| what.to_owned());
        let keys = credentials.api_keys.iter();
        let keys = keys.map(|key| format!("API key `{}` ({})", key.prefix, key.digest_text()));
        let certificates = names.chain(thumbprints);
        let ways = bindings.chain(basic).chain(keys);
        clients.chain(certificates).chain(ways).collect()
    };
    let freed = freed(old, new);
    let (old, new) = (all(old), all(new));
    let credential = |what: &String, came| Change::came_or_went(Topic::Credential, what, came, "");
    changes.extend(new.difference(&old).map(|what| credential(what, true)));
    changes.extend(old.difference(&new).map(|what| credential(what, false)));
    changes.extend(freed.map(|what| Change::of(Topic::Credential, what, Direction::Loosens)));
}

/// Certificates that had a last day and have none, where names remain that they may carry.
fn freed(old: Option<&Contract>, new: Option<&Contract>) -> impl Iterator<Item = String> {
    let new = new.map(|new| &new.credentials);
    let named = new.filter(|new| !new.certificate_names.is_empty());
    let before = old.filter(|_| named.is_some());
    let before = before.map_or(&[][..], |old| &old.credentials.ending);
    let freed = before
        .iter()
        .filter(move |one| named.is_some_and(|new| new.last_day_of(one.thumbprint).is_none()));
    freed.map(|one| {
        format!(
            "certificate `sha256:{:?}` has no last day any more",
            one.thumbprint
        )
    })
}
