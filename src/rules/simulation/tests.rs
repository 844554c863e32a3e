//! Replays of made entries, through the shipped policies and edits of them.

use super::*;
use crate::entry::{Act, SubjectGroup, VERSION, Withheld};
use crate::rules::fixture::{Edit, edited, shipped};

const ACME: &str = "partners/acme.yaml";
const SERVICE: &str = "essential.service";

fn facts(partner: &str, operation: &str) -> RequestFacts {
    RequestFacts {
        request_id: format!("{partner}-{operation}"),
        recipient: Some(Recipient::Partner {
            id: partner.to_owned(),
            parent: None,
        }),
        operation: Some(operation.to_owned()),
        purpose: Some(SERVICE.to_owned()),
        ..RequestFacts::default()
    }
}

/// An answer about one customer, of whom `left` left and the fields of `withheld` did not.
fn answered(
    request: RequestFacts,
    circumstances: &[&str],
    left: &[(&str, &str)],
    withheld: &[(&str, &str)],
) -> Event {
    let words = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
    let group = SubjectGroup {
        subject: "customer".to_owned(),
        basis: "service".to_owned(),
        basis_reference: None,
        circumstances: circumstances
            .iter()
            .map(|word| (*word).to_owned())
            .collect(),
        categories: left.iter().map(words).collect(),
        records: Some(1),
        references: vec!["07".repeat(16)],
    };
    let withheld = withheld.iter().map(words).map(|(field, method)| Withheld {
        field,
        method,
        promise: "P5".to_owned(),
    });
    Event::Disclosure(Disclosure {
        request,
        decision: "redact".to_owned(),
        rules: Vec::new(),
        status: 200,
        subjects: (!left.is_empty()).then_some(group).into_iter().collect(),
        withheld: withheld.collect(),
        created: None,
        part: None,
        answer_sha256: Some(String::new()),
    })
}

/// A page of an own customer, as the shipped policies answer it.
fn customer(partner: &str, name: &str) -> Event {
    let replaced = ("$.name", "replacementValue");
    let removed = [("$.email", "removal"), ("$.phone", "removal"), replaced];
    let withheld = &removed[..if name == "clear" { 2 } else { 3 }];
    let left = [("user.unique_id", "clear"), ("user.name", name)];
    answered(facts(partner, "getCustomer"), &["own"], &left, withheld)
}

fn refused(request: RequestFacts, code: &str) -> Event {
    Event::Refusal(Refused {
        request,
        code: code.to_owned(),
        promise: None,
        rule: None,
        executed: "no".to_owned(),
    })
}

fn replayed(rules: &Rules, events: Vec<Event>) -> Replay {
    replayed_as(VERSION, rules, events)
}

fn replayed_as(version: u32, rules: &Rules, events: Vec<Event>) -> Replay {
    let since = "2026-11-01T00:00:00Z".parse().unwrap();
    let mut simulation = Simulation::new(rules, Some(since), 2);
    for (index, event) in (0..).zip(events) {
        let time = "2026-11-22T12:00:00Z".parse().unwrap();
        let mut entry = Entry::new(time, event).unwrap();
        entry.v = version;
        simulation.replay(index, &entry);
        entry.time = "2026-10-31T23:59:59Z".parse().unwrap();
        simulation.replay(index, &entry);
    }
    simulation.finish()
}

/// Rows as `count partner operation what before -> after`.
fn rows(replay: &Replay) -> Vec<String> {
    let words = |row: &Row| {
        let what = row.what.as_deref().unwrap_or("-");
        let (count, partner, operation) = (row.count, &row.partner, &row.operation);
        let (before, after) = (&row.before, &row.after);
        let outcome = row.outcome;
        format!("{outcome:?} {count} {partner} {operation} {what} {before} -> {after}")
    };
    replay.rows.iter().map(words).collect()
}

fn after(edits: &[Edit<'_>], events: Vec<Event>) -> Replay {
    replayed(&edited(edits), events)
}

#[test]
fn by_the_rules_that_decided_everything_stays_as_it_was() {
    let paged = RequestFacts {
        page_records: Some(200),
        ..facts("acme", "listCustomers")
    };
    let campaign = RequestFacts {
        signals: vec!["use-type".to_owned()],
        ..facts("acme", "createJob")
    };
    let act = Act {
        actor: "Ann".to_owned(),
        role: "legal".to_owned(),
        action: "partner.read".to_owned(),
        object: None,
        because: None,
    };
    let events = vec![
        customer("acme", "clear"),
        customer("crest", "pseudonym"),
        refused(paged, "page-too-large"),
        refused(campaign, "marketing-use-blocked"),
        refused(facts("acme", "exportCustomers"), "bulk-export-blocked"),
        Event::Act(act),
    ];
    let replay = replayed(shipped(), events);
    assert_eq!(rows(&replay), Vec::<String>::new());
    let counts = (replay.calls, replay.replayed, replay.unchanged);
    assert_eq!(counts, (5, 5, 5), "{replay:?}");
    assert!(replay.not_told.is_empty(), "{replay:?}");
}

#[test]
fn an_operation_taken_away_refuses_its_calls_with_the_first_as_examples() {
    let events = vec![customer("acme", "clear"); 3];
    let replay = after(&[(ACME, "  - getCustomer\n", "")], events);
    let expected = "AllowToDeny 3 acme getCustomer - redact -> operation-not-allowed";
    assert_eq!(rows(&replay), [expected]);
    let examples = &replay.rows[0].examples;
    assert_eq!(examples.len(), 2);
    assert_eq!(examples[1].entry, 1);
    assert_eq!(examples[1].request_id, "acme-getCustomer");
    let text = replay.to_text();
    assert!(text.contains("answered, and would be refused"), "{text}");
    assert!(
        text.contains("acme-getCustomer at 2026-11-22T12:00:00Z"),
        "{text}"
    );
}

#[test]
fn what_would_be_withheld_or_disclosed_is_told_by_category_and_field() {
    let edits = [
        (ACME, "user.name: clear", "user.name: pseudonym"),
        (
            "partners/crest.yaml",
            "user.name: pseudonym",
            "user.name: clear",
        ),
    ];
    let events = vec![customer("acme", "clear"), customer("crest", "pseudonym")];
    let expected = [
        "Withheld 1 acme getCustomer user.name clear -> pseudonym",
        "Disclosed 1 crest getCustomer $.name pseudonym -> clear",
    ];
    assert_eq!(rows(&after(&edits, events)), expected);
}

#[test]
fn a_larger_page_answers_what_was_refused_and_another_rule_refuses_otherwise() {
    let paged = RequestFacts {
        page_records: Some(200),
        ..facts("acme", "listCustomers")
    };
    let events = vec![refused(paged.clone(), "page-too-large")];
    let larger = [(ACME, "page_records_max: 100", "page_records_max: 250")];
    let expected = "DenyToAllow 1 acme listCustomers - page-too-large -> allow";
    assert_eq!(rows(&after(&larger, events.clone())), [expected]);
    let without = [(ACME, "  - listCustomers\n", "")];
    let expected = "OtherRefusal 1 acme listCustomers - page-too-large -> operation-not-allowed";
    assert_eq!(rows(&after(&without, events)), [expected]);
}

#[test]
fn a_client_that_is_nobodys_any_more_is_refused() {
    let client = RequestFacts {
        client: Some("acme-portal".to_owned()),
        ..facts("acme", "getCustomer")
    };
    let event = answered(client, &["own"], &[("user.name", "clear")], &[]);
    let renamed = [(ACME, "[acme-portal]", "[acme-web]")];
    let expected = "AllowToDeny 1 acme getCustomer - redact -> identity-mismatch";
    assert_eq!(rows(&after(&renamed, vec![event])), [expected]);
}

#[test]
fn what_the_entry_does_not_tell_is_counted_and_never_guessed() {
    let nameless = RequestFacts {
        purpose: None,
        ..facts("acme", "getCustomer")
    };
    let uploaded = Event::Refusal(Refused {
        request: facts("acme", "getDocument"),
        code: "purpose-not-allowed".to_owned(),
        promise: Some("P11".to_owned()),
        rule: None,
        executed: "no".to_owned(),
    });
    let events = vec![
        customer("gone", "clear"),
        answered(facts("acme", "getNothing"), &["own"], &[], &[]),
        refused(nameless, "purpose-not-allowed"),
        refused(facts("acme", "getCustomer"), "rate-limited"),
        refused(facts("acme", "listCustomers"), "page-too-large"),
        uploaded,
        // This set has the purpose for it; what the token was for stands nowhere.
        refused(facts("acme", "getCustomer"), "purpose-not-allowed"),
    ];
    let replay = replayed(shipped(), events);
    let reasons: Vec<_> = replay.not_replayed.keys().map(String::as_str).collect();
    let expected = [
        "for which purposes its token was is not on record",
        "no purpose on record",
        "refused by no rule of a set: page-too-large",
        "refused by no rule of a set: purpose-not-allowed",
        "refused by no rule of a set: rate-limited",
        "the operation is not in the catalogue here",
        "the partner has no contract here",
    ];
    assert_eq!(reasons, expected);
    assert_eq!((replay.calls, replay.replayed), (7, 0));
    let old = replayed_as(1, shipped(), vec![customer("acme", "clear")]);
    assert_eq!(old.not_replayed.values().sum::<u64>(), 1, "{old:?}");
}

#[test]
fn of_consent_and_of_answers_about_nobody_only_what_is_sure_is_told() {
    let left = [("user.name", "clear")];
    let consented = answered(facts("acme", "getCustomer"), &["consented"], &left, &[]);
    let nobody = answered(
        facts("acme", "getCustomer"),
        &[],
        &[],
        &[("$.name", "removal")],
    );
    let replay = replayed(shipped(), vec![consented, nobody]);
    assert_eq!(rows(&replay), Vec::<String>::new());
    let reasons: Vec<_> = replay.not_told.keys().map(String::as_str).collect();
    let expected = [
        "whether the customer's consent names the category",
        "whose the withheld field was, of customers who differ here",
    ];
    assert_eq!(reasons, expected);
}
