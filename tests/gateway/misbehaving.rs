//! A core that goes wrong: whatever it answers, nothing of it that cannot be judged gets through.

use covenant::demo::core::{HOST_NAME, MISBEHAVING_IDS};
use covenant::entry::Event;

use http::Method;

use crate::caller::Call;
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand, shared};

/// What becomes of each misbehaviour: status and code, or none where an answer is left over.
fn expected(id: &str) -> (u16, Option<&'static str>) {
    match id {
        "cus_extra" | "cus_gzip" => (200, None),
        "cus_hang" | "cus_slow" => (504, Some("core-timeout")),
        "cus_500" | "cus_503" | "cus_trunc" => (502, Some("core-unavailable")),
        _ => (502, Some("response-uninspectable")),
    }
}

#[tokio::test]
async fn promise_1_nothing_of_an_answer_that_misbehaves_is_forwarded() {
    let stand = shared();
    let mut calls = tokio::task::JoinSet::new();
    for id in MISBEHAVING_IDS {
        let stand = shared();
        calls.spawn(async move {
            let mut acme = stand.partner("acme").await;
            (id, acme.get(&format!("/v1/customers/{id}"), SERVICE).await)
        });
    }
    let other = stand.customers_of("bluebird").remove(0);
    while let Some(called) = calls.join_next().await {
        let (id, reply) = called.unwrap();
        let (status, code) = expected(id);
        let (all, document) = (reply.everything(), reply.json());
        assert_eq!(reply.status.as_u16(), status, "{id}: {all}");
        assert_eq!(document["code"].as_str(), code, "{id}: {all}");
        let secrets = [HOST_NAME, "secret", "misbehaving.example", "panic", &other];
        for secret in secrets {
            assert!(!all.contains(secret), "{id} lets `{secret}` through: {all}");
        }
        let withheld = [
            "location",
            "content-encoding",
            "etag",
            "set-cookie",
            "retry-after",
        ];
        for name in withheld {
            assert!(!reply.headers.contains_key(name), "{id}: {all}");
        }
        if code.is_some() {
            assert!(!all.contains("Crook"), "{id}: {all}");
            assert_eq!(reply.header("content-type"), "application/problem+json");
            let events = stand.events_of(reply.request_id(), 1).await;
            let [Event::Refusal(refused)] = &events[..] else {
                panic!("{id}: {events:?}")
            };
            assert_eq!(Some(refused.code.as_str()), code, "{id}");
            assert_eq!(refused.executed, document["executed"], "{id}");
        }
    }
}

#[tokio::test]
async fn a_customer_in_an_unlisted_member_is_left_out_and_the_rest_redacted() {
    let stand = shared();
    let mut acme = stand.partner("acme").await;
    let reply = acme.get("/v1/customers/cus_extra", SERVICE).await;
    assert_eq!(reply.header("covenant-decision"), "redact");
    assert_eq!(reply.json()["id"], "cus_extra");
    assert!(reply.json().get("internal").is_none());
}

#[tokio::test]
async fn a_core_that_is_not_there_has_done_nothing_and_may_be_asked_again() {
    let stand = Stand::start_with(&[], |config| {
        for service in config.services.values_mut() {
            // Nobody listens on the first port, and nobody may without being root.
            service.base_url = "http://127.0.0.1:1".to_owned();
        }
    })
    .await;
    let mut acme = stand.partner("acme").await;
    let cancel = Call::new(Method::POST, "/v1/jobs/job_000001/cancel");
    for (call, entries) in [(Call::get("/v1/jobs/job_000001"), 1), (cancel, 2)] {
        let reply = acme.call(call.purpose(SERVICE)).await;
        let document = refused(&reply, 502, "core-unavailable");
        assert_eq!(document["executed"], "no");
        assert_eq!(reply.header("retry-after"), "5");
        assert!(!reply.everything().contains("127.0.0.1"));
        let events = stand.events_of(reply.request_id(), entries).await;
        assert!(matches!(events.last(), Some(Event::Refusal(_))));
    }
}
