//! Calls that change something: on record before they are forwarded, made in the name that the
//! gateway knows, and what they bring into being remembered for whom and for what it was made.

use covenant::entry::Event;
use http::Method;
use serde_json::{Value, json};

use crate::caller::{Call, Reply};
use crate::refusals::refused;
use crate::stand::{SERVICE, SUPPORT, Shared, Subject, shared};

fn job(of: &Subject) -> Value {
    json!({
        "customer_id": of.customer, "document_id": of.document,
        "address_list_id": of.list, "use_type": "operational",
    })
}

fn upload(of: &Subject) -> Call {
    let target = format!(
        "/v1/documents?customer_id={}&use_type=operational",
        of.customer
    );
    let call = Call::new(Method::POST, &target).header("content-type", "application/pdf");
    call.body("%PDF-1.7 made for a test")
}

/// The intent and then the disclosure of a call, and what the disclosure says was created.
async fn made(stand: &Shared, reply: &Reply) -> (String, Option<String>) {
    let events = stand.events_of(reply.request_id(), 2).await;
    let [Event::Intent(intent), Event::Disclosure(disclosure)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(intent.request, disclosure.request);
    (disclosure.created.clone().unwrap(), intent.customer.clone())
}

#[tokio::test]
async fn promise_12_a_change_is_on_record_before_it_is_made() {
    let stand = shared();
    let own = stand.subject("acme", 2);
    let mut acme = stand.partner("acme").await;
    let reply = acme
        .call(Call::post("/v1/jobs", &job(&own)).purpose(SERVICE))
        .await;
    assert_eq!(reply.status, 201, "{}", reply.everything());
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let (created, customer) = made(&stand, &reply).await;
    assert_eq!(created, format!("job:{id}"));
    assert_eq!(customer, Some(stand.reference(&own.customer)));
    let target = format!("/v1/jobs/{id}");
    let read = acme.get(&target, SERVICE).await;
    assert_eq!(read.json()["customer_id"], own.customer);
    let submit = Call::new(Method::POST, &format!("{target}/submit"));
    let submitted = acme.call(submit.clone().purpose(SERVICE)).await;
    assert_eq!(submitted.json()["status"], "submitted");
    // Refused by the core the second time: the intent is on record all the same.
    let again = acme.call(submit.purpose(SERVICE)).await;
    refused(&again, 409, "core-rejected");
    let events = stand.events_of(again.request_id(), 2).await;
    assert!(
        matches!(&events[..], [Event::Intent(_), Event::Refusal(_)]),
        "{events:?}"
    );
    let mut bluebird = stand.partner("bluebird").await;
    refused(&bluebird.get(&target, SERVICE).await, 404, "not-found");
}

#[tokio::test]
async fn promise_11_what_was_uploaded_for_one_purpose_is_not_read_for_another() {
    let stand = shared();
    let own = stand.subject("acme", 2);
    let mut acme = stand.partner("acme").await;
    let reply = acme.call(upload(&own).purpose(SERVICE)).await;
    assert_eq!(reply.status, 201, "{}", reply.everything());
    assert!(
        !reply.everything().contains("signature"),
        "{}",
        reply.everything()
    );
    let document = reply.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made(&stand, &reply).await.0, format!("document:{document}"));
    let target = format!("/v1/documents/{document}");
    let read = acme.get(&target, SERVICE).await;
    assert_eq!(
        (read.status.as_u16(), read.header("content-type")),
        (200, "application/pdf")
    );
    assert_eq!(&read.body[..], b"%PDF-1.7 made for a test");
    let reply = acme.get(&target, SUPPORT).await;
    let refusal = refused(&reply, 403, "purpose-not-allowed");
    assert_eq!(refusal["promise"], "P11");

    // A job prepared for support is not read, or sent, for anything wider.
    let reply = acme
        .call(Call::post("/v1/jobs", &job(&own)).purpose(SUPPORT))
        .await;
    assert_eq!(reply.status, 201, "{}", reply.everything());
    let target = format!("/v1/jobs/{}", reply.json()["id"].as_str().unwrap());
    assert_eq!(acme.get(&target, SUPPORT).await.status, 200);
    let reply = acme.get(&target, SERVICE).await;
    let refusal = refused(&reply, 403, "purpose-not-allowed");
    assert_eq!(refusal["promise"], "P11");
    assert_eq!(refusal["allowed_purposes"], json!([SUPPORT]));
    assert_eq!(refusal["declared"], SERVICE);
}

#[tokio::test]
async fn promise_11_what_was_uploaded_for_marketing_is_read_for_nothing() {
    let stand = shared();
    let own = stand.customers_of("acme");
    let marketing = |use_type| use_type == covenant::demo::core::UseType::Marketing;
    let jobs = stand.world.jobs().iter();
    let mut for_marketing =
        jobs.filter(|job| own.contains(&job.customer_id) && marketing(job.use_type));
    let job = for_marketing.next().unwrap();
    let mut acme = stand.partner("acme").await;
    for target in [
        format!("/v1/documents/{}", job.document_id),
        format!("/v1/address_lists/{}", job.address_list_id),
    ] {
        let reply = acme.get(&target, SERVICE).await;
        assert_eq!(
            refused(&reply, 403, "purpose-not-allowed")["promise"],
            "P11"
        );
    }
}

#[tokio::test]
async fn a_new_customer_is_the_partners_who_brought_it() {
    let stand = shared();
    let mut acme = stand.partner("acme").await;
    let address = json!({
        "street": "9 New Lane", "city": "Bath", "state": "ME", "postal_code": "04530", "country": "US",
    });
    let customer = json!({"name": "Nora New", "email": "nora@new.example", "address": address});
    let reply = acme
        .call(Call::post("/v1/customers", &customer).purpose(SERVICE))
        .await;
    assert_eq!(reply.status, 201, "{}", reply.everything());
    assert_eq!(reply.json()["partner_id"], "acme");
    assert!(!reply.everything().contains("nora@new.example"));
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let (created, _) = made(&stand, &reply).await;
    assert_eq!(created, format!("customer:{}", stand.reference(&id)));
    assert!(!created.contains(&id), "the ledger knows no id of the core");
    let target = format!("/v1/customers/{id}");
    assert_eq!(acme.get(&target, SERVICE).await.status, 200);
    let mut crest = stand.partner("crest").await;
    refused(&crest.get(&target, SERVICE).await, 404, "not-found");
}

#[tokio::test]
async fn promise_5_selectors_must_agree_and_be_the_partners_own() {
    let stand = shared();
    let (one, other) = (stand.subject("acme", 2), stand.subject("acme", 3));
    let foreign = stand.subject("bluebird", 0);
    let mut acme = stand.partner("acme").await;
    let mixed = Subject {
        document: other.document.clone(),
        ..one.clone()
    };
    for call in [
        Call::post("/v1/jobs", &job(&mixed)),
        Call::post("/v1/jobs", &job(&one)).header("on-behalf-of", &other.customer),
        Call::get(&format!("/v1/jobs?customer_id={}", one.customer))
            .header("on-behalf-of", &other.customer),
    ] {
        let reply = acme.call(call.purpose(SERVICE)).await;
        assert_eq!(refused(&reply, 400, "request-malformed")["promise"], "P5");
    }
    let call = Call::post("/v1/jobs", &job(&one)).header("on-behalf-of", &foreign.customer);
    refused(&acme.call(call.purpose(SERVICE)).await, 404, "not-found");
    let agreeing = Call::post("/v1/jobs", &job(&one)).header("on-behalf-of", &one.customer);
    assert_eq!(acme.call(agreeing.purpose(SERVICE)).await.status, 201);
    let page = Call::get("/v1/jobs").header("on-behalf-of", &one.customer);
    let page = acme.call(page.purpose(SERVICE)).await;
    let data = page.json()["data"].as_array().unwrap().clone();
    assert!(!data.is_empty() && data.iter().all(|job| job["customer_id"] == one.customer));
}

#[tokio::test]
async fn an_idempotency_key_reaches_the_core() {
    let stand = shared();
    let own = stand.subject("acme", 2);
    let mut acme = stand.partner("acme").await;
    let call = Call::post("/v1/jobs", &job(&own)).header("idempotency-key", "once-only");
    let first = acme.call(call.clone().purpose(SERVICE)).await;
    let second = acme.call(call.purpose(SERVICE)).await;
    assert_eq!(first.status, 201, "{}", first.everything());
    assert_eq!((second.status, &second.body), (first.status, &first.body));
}

#[tokio::test]
async fn promise_9_the_core_hears_the_gateways_word_and_nothing_of_the_partners_credentials() {
    let stand = shared();
    let own = stand.subject("acme", 2);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut acme = stand.partner("acme").await;
    let call = Call::post("/v1/jobs", &job(&own))
        .purpose(SERVICE)
        .header("cookie", "a=b")
        .header("traceparent", trace)
        .header("x-debug", "1")
        .header("accept-encoding", "gzip")
        .header("accept", "application/xml")
        .header("user-agent", "acme/1");
    let reply = acme.call(call).await;
    assert_eq!(reply.status, 201, "{}", reply.everything());
    let received = stand.core.received();
    let mine = |headers: &http::HeaderMap| headers["request-id"] == reply.request_id();
    let received = received
        .iter()
        .find(|call| mine(&call.headers))
        .expect("it arrived");
    let mut names: Vec<&str> = received
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "on-behalf-of",
        "partner-id",
        "request-id",
        "traceparent",
        "user-agent",
    ];
    assert_eq!(names, expected);
    let header = |name: &str| received.headers[name].to_str().unwrap();
    assert_eq!(header("authorization"), "Bearer the-gateways-own");
    assert_eq!(header("partner-id"), "acme");
    assert_eq!(header("on-behalf-of"), own.customer);
    assert_eq!(header("accept"), "application/json");
    assert_eq!(header("accept-encoding"), "identity");
    assert_eq!(header("host"), stand.core.address().to_string());
    assert_eq!(header("traceparent")[..36], trace[..36], "the same trace");
    assert_ne!(header("traceparent"), trace, "another span of it");

    for name in [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "partner-id",
        "x-http-method-override",
    ] {
        let mut acme = stand.partner("acme").await;
        let call = Call::get("/v1/jobs/job_000001")
            .purpose(SERVICE)
            .header(name, "bluebird");
        let reply = acme.call(call).await;
        let received = stand.core.received();
        let mine = |headers: &http::HeaderMap| headers["request-id"] == reply.request_id();
        match received.iter().find(|call| mine(&call.headers)) {
            None => drop(refused(&reply, 400, "request-malformed")),
            Some(call) => {
                assert!(
                    call.headers.values().all(|value| value != "bluebird"),
                    "{name}"
                );
            }
        }
    }
}
