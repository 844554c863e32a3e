//! A set of rules in the shadow: what it would have decided otherwise is on record and counted, and
//! nothing of it is felt.

use std::fs;
use std::sync::Arc;

use covenant::entry::{Event, Shadowed};
use covenant::mistakes::{Look, Mistakes};
use covenant::rules::Rules;
use covenant::source::Folder;
use jiff::tz::TimeZone;

use crate::caller::Reply;
use crate::stand::{SERVICE, SUPPORT, Stand};

/// Puts the stand's policies with one text of one file replaced into the shadow.
fn shadow(stand: &Stand, file: &str, from: &str, to: &str) -> String {
    let path = stand.config.policies.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&stand.config.policies, &mut mistakes);
    let files = folder.files().map(|(name, source)| {
        let edited = name == file;
        let text = if edited {
            text.replacen(from, to, 1)
        } else {
            source.text().to_owned()
        };
        (name.to_owned(), text)
    });
    let edited = Folder::of("shadow", files, &mut mistakes);
    let today = stand.clock.now().to_zoned(TimeZone::UTC).date();
    let rules = Rules::load(&edited, None, today, &mut mistakes);
    let rules = rules.unwrap_or_else(|| panic!("{}", mistakes.render(Look::Plain)));
    let version = rules.policy.version().to_owned();
    stand
        .running()
        .gateway()
        .shadow
        .store(Some(Arc::new(rules)));
    version
}

async fn shadowed(stand: &Stand, reply: &Reply) -> Shadowed {
    let events = stand.events_of(reply.request_id(), 2).await;
    let mut events = events.into_iter().filter_map(|event| match event {
        Event::Shadow(shadowed) => Some(shadowed),
        _ => None,
    });
    events.next().unwrap()
}

#[tokio::test]
async fn fields_that_would_leave_differently_are_named_and_the_answer_is_as_before() {
    let stand = Stand::start().await;
    let own = stand.subject("acme", 1);
    let target = format!("/v1/customers/{}", own.customer);
    let mut acme = stand.partner("acme").await;
    let before = acme.get(&target, SUPPORT).await;
    let narrower = "user.contact.email: withheld";
    let version = shadow(
        &stand,
        "partners/acme.yaml",
        "user.contact.email: partial",
        narrower,
    );
    let after = acme.get(&target, SUPPORT).await;
    assert_eq!(before.body, after.body);
    assert_eq!(
        before.header("covenant-policy"),
        after.header("covenant-policy")
    );
    let said = shadowed(&stand, &after).await;
    assert_eq!(said.version, version);
    assert_eq!(
        (said.decided.as_str(), said.instead.as_str()),
        ("redact", "redact")
    );
    assert_eq!(said.withheld, ["$.email"]);
    assert!(said.disclosed.is_empty());

    let alike = acme.get(&target, SERVICE).await;
    let next = acme.get(&target, SUPPORT).await;
    shadowed(&stand, &next).await;
    let events = stand.events_of(alike.request_id(), 1).await;
    assert_eq!(
        events.len(),
        1,
        "what does not differ is not told: {events:?}"
    );
    let metrics = stand.running().gateway().metrics.to_text();
    let counted = "covenant_shadow_differences_total{operation=\"getCustomer\",decided=\"redact\",instead=\"redact\"} 2";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn calls_that_would_be_decided_otherwise_are_told_both_ways() {
    let stand = Stand::start().await;
    let own = stand.subject("acme", 1);
    let mut acme = stand.partner("acme").await;
    let customer = format!("/v1/customers/{}", own.customer);
    shadow(
        &stand,
        "partners/acme.yaml",
        "  - getCustomer\n",
        "  - getPageViewStatistics\n",
    );
    let allowed = acme.get(&customer, SERVICE).await;
    assert_eq!(allowed.status, 200);
    let said = shadowed(&stand, &allowed).await;
    assert_eq!(said.instead, "operation-not-allowed");

    shadow(
        &stand,
        "partners/acme.yaml",
        "page_records_max: 100",
        "page_records_max: 200",
    );
    let refused = acme.get("/v1/customers?limit=150", SERVICE).await;
    assert_eq!(refused.status, 422);
    let said = shadowed(&stand, &refused).await;
    assert_eq!(
        (said.decided.as_str(), said.instead.as_str()),
        ("page-too-large", "allow")
    );
    assert_eq!(said.request.page_records, Some(150));
}

#[tokio::test]
async fn a_changed_catalogue_is_applied_to_the_same_bytes() {
    let stand = Stand::start().await;
    let mut acme = stand.partner("acme").await;
    let category = "x-covenant-data-category: user.name";
    let payment = "x-covenant-data-category: user.payment";
    shadow(&stand, "catalogue/mailing.overlay.yaml", category, payment);
    let page = acme.get("/v1/customers?limit=5", SERVICE).await;
    assert_eq!(page.status, 200);
    let said = shadowed(&stand, &page).await;
    assert_eq!(said.withheld, ["$.data[*].name"]);
    assert_eq!(said.instead, "redact");
}
