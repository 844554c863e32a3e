//! What the ledger says of each answer that was received (P12, P14): whose data, in which form, for
//! what; and of each refusal.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use covenant::demo::core::World;
use covenant::entry::{Disclosure, Event, Recipient};

use crate::caller::{Call, Reply};
use crate::refusals::refused;
use crate::stand::{SERVICE, SUPPORT, Shared, Stand, shared};

async fn disclosure(stand: &Shared, reply: &Reply) -> Disclosure {
    assert_eq!(reply.status, 200, "{}", reply.everything());
    let events = stand.events_of(reply.request_id(), 1).await;
    // A document's digest stands in the entry that closes it.
    let (disclosure, recorded) = match &events[..] {
        [Event::Disclosure(disclosure)] => (disclosure, disclosure.answer_sha256.as_deref()),
        [Event::Disclosure(disclosure), Event::Delivered(delivered)] => {
            (disclosure, Some(delivered.sha256.as_str()))
        }
        _ => panic!("{events:?}"),
    };
    let digest = digest::digest(&digest::SHA256, &reply.body);
    let digest: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        recorded,
        Some(digest.as_str()),
        "what left is what is on record"
    );
    assert_eq!(disclosure.decision, reply.header("covenant-decision"));
    let policy = disclosure.request.policy.as_deref();
    assert_eq!(policy, Some(reply.header("covenant-policy")));
    disclosure.clone()
}

#[tokio::test]
async fn promise_14_one_customers_record_is_on_record_with_what_left_of_it() {
    let stand = shared();
    let own = stand.subject("acme", 0);
    let mut acme = stand.partner("acme").await;
    let target = format!("/v1/customers/{}", own.customer);
    let said = disclosure(&stand, &acme.get(&target, SERVICE).await).await;
    let partner = Recipient::Partner {
        id: "acme".to_owned(),
        parent: None,
    };
    assert_eq!(said.request.recipient, Some(partner));
    assert_eq!(said.request.operation.as_deref(), Some("getCustomer"));
    assert_eq!(said.request.purpose.as_deref(), Some(SERVICE));
    assert_eq!(said.request.client.as_deref(), Some("acme-portal"));
    let [group] = &said.subjects[..] else {
        panic!("{:?}", said.subjects)
    };
    assert_eq!(group.subject, "customer");
    assert_eq!(group.references, [stand.reference(&own.customer)]);
    assert!(group.categories.values().all(|form| form == "clear"));
    assert!(group.categories.contains_key("user.name"));
    assert!(!group.categories.contains_key("user.contact.email"));
    assert!(
        said.rules
            .iter()
            .any(|rule| rule == "names-and-addresses-for-service")
    );
    assert!(
        said.withheld
            .iter()
            .any(|one| one.field == "$.last_seen_ip" && one.promise == "P2")
    );

    let said = disclosure(&stand, &acme.get(&target, SUPPORT).await).await;
    assert_eq!(said.subjects[0].categories["user.contact.email"], "partial");

    let mut crest = stand.partner("crest").await;
    let crests = stand.subject("crest", 0);
    let reply = crest
        .get(&format!("/v1/customers/{}", crests.customer), SERVICE)
        .await;
    let said = disclosure(&stand, &reply).await;
    assert_eq!(said.subjects[0].categories["user.name"], "pseudonym");
    let family = Recipient::Partner {
        id: "crest".to_owned(),
        parent: Some("acme".to_owned()),
    };
    assert_eq!(said.request.recipient, Some(family));
}

#[tokio::test]
async fn promise_14_a_page_names_everyone_on_it_and_a_list_the_people_on_it() {
    let stand = shared();
    let own = stand.subject("acme", 0);
    let mut acme = stand.partner("acme").await;
    let reply = acme.get("/v1/customers?limit=7", SERVICE).await;
    let said = disclosure(&stand, &reply).await;
    let ids: BTreeSet<String> = reply.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| stand.reference(record["id"].as_str().unwrap()))
        .collect();
    let recorded = said
        .subjects
        .iter()
        .flat_map(|group| group.references.iter().cloned());
    assert_eq!(recorded.collect::<BTreeSet<_>>(), ids);
    assert_eq!(ids.len(), 7);

    for target in [
        format!("/v1/address_lists/{}", own.list),
        format!("/v1/jobs/{}/tracking", own.job),
    ] {
        let reply = acme.get(&target, SERVICE).await;
        let said = disclosure(&stand, &reply).await;
        let customer = said.subjects.iter().find(|one| one.subject == "customer");
        let customer = customer.map(|group| group.references.clone());
        assert!(
            customer.is_none_or(|one| one == [stand.reference(&own.customer)]),
            "{target}"
        );
        let people = said
            .subjects
            .iter()
            .find(|group| group.subject == "recipient");
        let people = people.unwrap_or_else(|| panic!("{target}: {:?}", said.subjects));
        assert!(people.categories.contains_key("user.name"), "{target}");
        // A reference of its own for each of them, the same when they are read again.
        let told: BTreeSet<_> = people.references.iter().cloned().collect();
        let listed = ["recipients", "pieces"].map(|name| reply.json()[name].as_array().cloned());
        let listed = listed.into_iter().flatten().next().unwrap();
        // Invented lists may name somebody twice.
        assert!((2..=listed.len()).contains(&told.len()), "{target}");
        assert!(!told.contains(&stand.reference(&own.customer)), "{target}");
        let again = disclosure(&stand, &acme.get(&target, SERVICE).await).await;
        assert_eq!(again.subjects, said.subjects, "{target}");
    }
    let reply = acme
        .get(&format!("/v1/documents/{}", own.document), SERVICE)
        .await;
    let said = disclosure(&stand, &reply).await;
    assert_eq!(said.subjects[0].categories["user.content.private"], "clear");
    assert_eq!(
        said.subjects[0].references,
        [stand.reference(&own.customer)]
    );
}

#[tokio::test]
async fn what_was_asked_for_is_on_record_also_where_it_was_refused() {
    let stand = shared();
    let own = stand.subject("acme", 0);
    let foreign = stand.subject("bluebird", 0);
    let mut acme = stand.partner("acme").await;
    let job = serde_json::json!({
        "customer_id": own.customer, "document_id": own.document,
        "address_list_id": own.list, "use_type": "marketing",
    });
    let (page, others) = (
        format!("/v1/customers/{}", own.customer),
        format!("/v1/customers/{}", foreign.customer),
    );
    let (advertising, payment) = (
        "marketing.advertising",
        "essential.service.payment_processing",
    );
    for (call, code, purpose, signals) in [
        (
            Call::get(&page).purpose(advertising),
            "marketing-use-blocked",
            Some(advertising),
            &[][..],
        ),
        (
            Call::get(&page).purpose(payment),
            "purpose-not-allowed",
            Some(payment),
            &[],
        ),
        (
            Call::get(&others).purpose(advertising),
            "not-found",
            Some(advertising),
            &[],
        ),
        (
            Call::post("/v1/jobs", &job).purpose(SERVICE),
            "marketing-use-blocked",
            Some(SERVICE),
            &["use-type"],
        ),
        (
            Call::post("/v1/jobs", &job).purpose(payment),
            "purpose-not-allowed",
            Some(payment),
            &["use-type"],
        ),
        // What a partner writes there otherwise stays out of the record.
        (
            Call::get(&page).purpose("ann@example.org"),
            "purpose-not-allowed",
            None,
            &[],
        ),
    ] {
        let what = format!("{} {}", call.method, call.target);
        let reply = acme.call(call).await;
        assert_eq!(reply.json()["code"], code, "{what}");
        let events = stand.events_of(reply.request_id(), 1).await;
        let [Event::Refusal(refusal)] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(refusal.request.purpose.as_deref(), purpose, "{what}");
        assert_eq!(refusal.request.signals, signals, "{what}");
        assert!(
            !serde_json::to_string(&events)
                .unwrap()
                .contains("example.org")
        );
    }
}

#[tokio::test]
async fn refusals_are_on_record_once_somebody_is_known_and_hold_no_value() {
    let stand = shared();
    let foreign = stand.subject("bluebird", 0);
    let mut acme = stand.partner("acme").await;
    let reply = acme
        .get(&format!("/v1/customers/{}", foreign.customer), SERVICE)
        .await;
    refused(&reply, 404, "not-found");
    let events = stand.events_of(reply.request_id(), 1).await;
    let [Event::Refusal(refusal)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (refusal.code.as_str(), refusal.executed.as_str()),
        ("not-found", "no")
    );
    assert_eq!(refusal.request.operation.as_deref(), Some("getCustomer"));
    let entry = serde_json::to_string(&events).unwrap();
    assert!(!entry.contains(&foreign.customer), "{entry}");

    let nobody = crate::caller::Credentials {
        certificate: None,
        authorization: None,
    };
    let mut nobody = stand.connect(&nobody, crate::caller::Version::Http1).await;
    let unknown = nobody.call(Call::get("/v1/jobs/job_000001")).await;
    refused(&unknown, 401, "credentials-missing");
    let later = acme.get("/v1/nowhere", SERVICE).await;
    stand.events_of(later.request_id(), 1).await;
    assert!(stand.events_of(unknown.request_id(), 0).await.is_empty());
}

#[tokio::test]
async fn promise_12_the_ledger_holds_no_value_of_a_customer() {
    let stand = Stand::start().await;
    let own = stand.subject("acme", 0);
    let mut acme = stand.partner("acme").await;
    for target in [
        "/v1/customers?limit=50".to_owned(),
        format!("/v1/address_lists/{}", own.list),
        format!("/v1/jobs/{}/tracking", own.job),
        "/v1/customers/cus_swapped".to_owned(),
    ] {
        acme.get(&target, SERVICE).await;
    }
    let canaries = World::invent().canaries();
    let folder = stand.ledger().to_owned();
    let running = stand.events();
    assert!(running.len() >= 4, "{running:?}");
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            // Segments are as long as they may become before anything stands in them.
            let written = bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last + 1);
            let text = String::from_utf8_lossy(&bytes[..written]);
            for canary in &canaries {
                assert!(!text.contains(canary), "{canary} in {}", path.display());
            }
            assert!(
                !text.contains("cus_0"),
                "an id of the core in {}",
                path.display()
            );
        }
    }
}
