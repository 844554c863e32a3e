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

#[tokio::test]
async fn promise_15_one_page_holds_records_in_as_many_forms_as_its_customers_agreed_to() {
    let edits = [(
        "partners/acme.yaml",
        "user.contact.email: partial",
        "user.contact.email: clear",
    )];
    // Of acme's page the first is its own under an agreement, the second bluebird's with consent, the third
    // bluebird's under an agreement, the fourth bluebird's with neither, and the fifth acme's own.
    let world = covenant::demo::core::World::invent();
    let page: Vec<_> = world.customers_of(Some("acme")).take(5).cloned().collect();
    let ids: Vec<String> = page.iter().map(|customer| customer.id.clone()).collect();
    let moved = ids[1..4].to_vec();
    let row = move |row: String| {
        let is_moved = |id: &String| row.contains(&format!(r#""id":"{id}""#));
        if row.contains(r#""kind":"customer""#) && moved.iter().any(is_moved) {
            row.replace(r#""partner":"acme""#, r#""partner":"bluebird""#)
        } else {
            row
        }
    };
    let stand = Stand::start_with_book(&edits, |_| {}, row).await;
    let registry = &stand.running().gateway().registry;
    let agreement = |id: &str, reference: &str| {
        format!(
            r#"{{"kind":"agreement","customer":"{id}","profile":"contact","partner":"acme","purposes":["essential.service"],"categories":["user.name","user.contact.email","user.unique_id"],"until":"2199-12-31","reference":"{reference}"}}"#
        )
    };
    let agreements = [agreement(&ids[0], "AGR-1"), agreement(&ids[2], "AGR-3")];
    let import = registry.read_import(agreements.iter().map(String::as_str));
    registry.import(import.unwrap(), 0).await.unwrap();
    let name: CategorySet = Category::parse("user.name").into_iter().collect();
    let consent = Consent {
        partner: PartnerId::parse("acme").unwrap(),
        purpose: Purpose::parse(SERVICE).unwrap(),
        categories: name,
        until: stand.clock.now().checked_add(1.hour()).unwrap(),
        reference: Some("CON-2".into()),
    };
    let consenting = registry.customer(&ids[1]).unwrap().reference;
    registry
        .record_consent(consenting, consent, 0)
        .await
        .unwrap();

    let mut acme = stand.partner("acme").await;
    let reply = acme.get("/v1/customers?limit=5", SERVICE).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    let document = reply.json();
    let data = document["data"].as_array().unwrap();
    assert_eq!(
        data.len(),
        4,
        "the one with neither is not there: {document}"
    );
    let shows = |place: usize, member: &str, value: &str| {
        assert_eq!(
            data[place][member],
            json!(value),
            "{place}: {}",
            data[place]
        );
    };
    let hides = |place: usize, value: &str| {
        assert!(
            !data[place].to_string().contains(value),
            "{place}: {}",
            data[place]
        );
    };
    shows(0, "email", &page[0].email);
    shows(0, "name", &page[0].name);
    assert_eq!(data[0]["address"]["street"], json!(page[0].address.street));
    shows(1, "name", &page[1].name);
    hides(1, &page[1].email);
    hides(1, &page[1].id);
    shows(2, "email", &page[2].email);
    shows(2, "name", &page[2].name);
    hides(2, &page[2].address.street);
    shows(3, "name", &page[4].name);
    hides(3, &page[4].email);
    for canary in [&page[3].name, &page[3].email, &page[3].id] {
        assert!(!reply.everything().contains(canary.as_str()), "{canary}");
    }

    let events = stand.events_of(reply.request_id(), 1).await;
    let [Event::Disclosure(disclosure)] = &events[..] else {
        panic!("{events:?}")
    };
    let told = |id: &str| {
        let reference = stand.reference(id);
        let groups = disclosure.subjects.iter();
        let groups = groups.filter(|group| group.references.contains(&reference));
        let mut told: Vec<_> = groups
            .map(|group| {
                let categories: Vec<&str> = group.categories.keys().map(String::as_str).collect();
                (
                    group.basis.as_str(),
                    group.basis_reference.as_deref(),
                    categories.contains(&"user.contact.email"),
                )
            })
            .collect();
        told.sort();
        told
    };
    let agreed = ("customer_agreement", Some("AGR-1"), true);
    assert_eq!(told(&ids[0]), [agreed, ("service", None, false)]);
    assert_eq!(told(&ids[1]), [("consent", Some("CON-2"), false)]);
    assert_eq!(told(&ids[2]), [("customer_agreement", Some("AGR-3"), true)]);
    assert_eq!(told(&ids[3]), []);
    assert_eq!(told(&ids[4]), [("service", None, false)]);
    let budget = reply.header("covenant-budget");
    assert!(
        budget.contains("\"customers-day\";r=496;"),
        "each counts once: {budget}"
    );
}
