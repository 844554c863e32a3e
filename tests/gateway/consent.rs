//! A customer's consent (P5): it opens the categories it names to the partner it names, for the
//! purpose it names, and nothing else.

use std::time::Duration;

use covenant::entry::Event;
use covenant::registry::Consent;
use covenant::taxonomy::{Category, CategorySet, Purpose};
use covenant::terms::PartnerId;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::caller::Reply;
use crate::stand::{SERVICE, SUPPORT, Stand};

/// The core takes this one for acme's; the book, which decides, says bluebird's. So it comes on the
/// pages that the core makes for acme.
const FOREIGN: &str = "cus_000001";

async fn stand() -> Stand {
    let row = |row: String| {
        let moved = row.contains(r#""kind":"customer""#) && row.contains(FOREIGN);
        if moved {
            row.replace(r#""partner":"acme""#, r#""partner":"bluebird""#)
        } else {
            row
        }
    };
    Stand::start_with_book(&[], |_| {}, row).await
}

async fn page(stand: &Stand, purpose: &str) -> Reply {
    let reply = stand
        .partner("acme")
        .await
        .get("/v1/customers?limit=5", purpose)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    reply
}

/// The foreign customer's record on acme's page.
fn found(page: &Reply) -> Option<Value> {
    let document = page.json();
    let data = document["data"].as_array().unwrap();
    let foreign = |record: &&Value| record["name"] == foreign_name() || record["id"] == FOREIGN;
    data.iter().find(foreign).cloned()
}

fn foreign_name() -> String {
    covenant::demo::core::World::invent().customers()[0]
        .name
        .clone()
}

async fn consent(stand: &Stand, partner: &str, purpose: &str, categories: &[&str]) {
    let registry = &stand.running().gateway().registry;
    let categories = categories.iter().map(|key| Category::parse(key).unwrap());
    let consent = Consent {
        partner: PartnerId::parse(partner).unwrap(),
        purpose: Purpose::parse(purpose).unwrap(),
        categories: categories.collect::<CategorySet>(),
        until: stand.clock.now().checked_add(1.hour()).unwrap(),
        reference: Some("CON-7".into()),
    };
    let reference = registry.customer(FOREIGN).unwrap().reference;
    registry
        .record_consent(reference, consent, 0)
        .await
        .unwrap();
}

#[tokio::test]
async fn promise_5_consent_opens_what_it_names_and_nothing_else() {
    let stand = stand().await;
    assert_eq!(found(&page(&stand, SERVICE).await), None);
    consent(&stand, "crest", SERVICE, &["user.name"]).await;
    consent(
        &stand,
        "acme",
        "essential.service.payment_processing",
        &["user.name"],
    )
    .await;
    assert_eq!(found(&page(&stand, SERVICE).await), None);

    consent(
        &stand,
        "acme",
        SERVICE,
        &["user.name", "user.contact.email"],
    )
    .await;
    let reply = page(&stand, SERVICE).await;
    let record = found(&reply).expect("consented to");
    let customer = &stand.world.customers()[0];
    assert_eq!(record["name"], json!(customer.name));
    let all = reply.everything();
    // The promises do not let e-mail addresses be seen for this purpose, whatever was consented to.
    for withheld in [&customer.email, &customer.address.street, FOREIGN] {
        assert!(!all.contains(withheld), "{withheld} in {all}");
    }
    let events = stand.events_of(reply.request_id(), 1).await;
    let [Event::Disclosure(disclosure)] = &events[..] else {
        panic!("{events:?}")
    };
    let reference = stand.reference(FOREIGN);
    let group = disclosure
        .subjects
        .iter()
        .find(|group| group.references.contains(&reference));
    let group = group.expect("it is on record");
    assert_eq!(group.categories.keys().collect::<Vec<_>>(), ["user.name"]);
    assert_eq!(group.references, [reference]);

    let support = found(&page(&stand, SUPPORT).await);
    assert!(
        support.is_some(),
        "a purpose below the one consented to is covered"
    );
    stand.clock.advance(Duration::from_secs(3_600));
    assert_eq!(found(&page(&stand, SERVICE).await), None);
}
