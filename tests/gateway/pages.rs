//! The pages of a partner's developer under `/.covenant/`: what it may have, what is left, what would be
//! decided, what was decided; and what they do not tell.

use covenant::entry::Event;
use covenant::terms::RequestId;
use serde_json::{Value, json};

use crate::caller::{Call, Caller};
use crate::stand::{SERVICE, Stand, shared};

async fn check(caller: &mut Caller, checked: &Value) -> Value {
    let reply = caller.call(Call::post("/.covenant/check", checked)).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    reply.json()
}

#[tokio::test]
async fn a_developer_reads_what_the_partner_may_and_may_not_have_and_why() {
    let stand = shared();
    let mut acme = stand.partner("acme").await;
    let page = acme.get("/.covenant/policy", SERVICE).await;
    assert_eq!(page.status, 200);
    let page = page.json();
    assert_eq!(page["contract"], "acme.7");
    let service = &page["purposes"][0];
    assert_eq!(service["purpose"], SERVICE);
    assert_eq!(service["may_have"]["user.name"]["form"], "clear");
    assert_eq!(service["may_not_have"]["user.contact.email"], "P5");
    let support = &page["purposes"][1];
    assert_eq!(support["may_have"]["user.contact.email"]["form"], "partial");
    let refused = support["operations_refused"].as_array().unwrap();
    let document = refused
        .iter()
        .find(|one| one["operation"] == "getDocument")
        .unwrap();
    assert_eq!(
        (&document["code"], &document["promise"]),
        (&json!("purpose-not-allowed"), &json!("P11"))
    );
    assert_eq!(page["limits"]["budgets"]["customers_per_day"], 500);
    assert_eq!(page["exceptions"], json!([]), "what has ended is not told");
    let cited = page["promises"].as_array().unwrap();
    assert!(cited.iter().any(|one| one["promise"] == "P11"));
    assert!(!page.to_string().contains("Hannah"));
}

#[tokio::test]
async fn a_browser_gets_the_same_as_a_page_that_runs_nothing() {
    let stand = shared();
    let mut acme = stand.partner("acme").await;
    for name in ["whoami", "policy", "usage"] {
        let call = Call::get(&format!("/.covenant/{name}")).header("accept", "text/html");
        let reply = acme.call(call).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.headers["content-type"], "text/html; charset=utf-8");
        let policy = &reply.headers["content-security-policy"];
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
        assert!(reply.everything().contains("<table>"));
    }
}

#[tokio::test]
async fn usage_counts_what_was_read_and_the_pages_themselves_cost_no_customer() {
    let stand = Stand::start().await;
    let mut acme = stand.partner("acme").await;
    let before = acme.get("/.covenant/usage", SERVICE).await;
    assert!(before.headers.contains_key("ratelimit"));
    let before = before.json();
    for customer in stand.customers_of("acme").iter().take(3) {
        let target = format!("/v1/customers/{customer}");
        assert_eq!(acme.get(&target, SERVICE).await.status, 200);
    }
    let after = acme.get("/.covenant/usage", SERVICE).await.json();
    let day = |page: &Value| page["budgets"][0].clone();
    assert_eq!(day(&before)["used"], 0);
    assert_eq!(day(&after)["used"], 3);
    assert_eq!(day(&after)["remaining"], 497);
    assert_eq!(day(&after)["name"], "customers-day");
    assert_eq!(after["rates"][0]["limit"], 6000);
}

#[tokio::test]
async fn the_rate_of_requests_holds_for_the_pages() {
    let edit = (
        "partners/acme.yaml",
        "requests_per_minute: 6000",
        "requests_per_minute: 2",
    );
    let stand = Stand::start_with(&[edit], |_| {}).await;
    let mut acme = stand.partner("acme").await;
    for _ in 0..2 {
        assert_eq!(acme.get("/.covenant/whoami", SERVICE).await.status, 200);
    }
    let reply = acme.get("/.covenant/policy", SERVICE).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.json()["code"], "rate-limited");
}

#[tokio::test]
async fn a_check_says_what_the_request_would_be_told_and_does_nothing() {
    let stand = Stand::start().await;
    let mut acme = stand.partner("acme").await;
    let customer = stand.subject("acme", 0).customer;
    let foreign = stand.customers_of("bluebird")[0].clone();
    let target = format!("/v1/customers/{customer}");
    let before = stand.events().len();

    let own = json!({"method": "GET", "path": target, "purpose": SERVICE});
    let own = check(&mut acme, &own).await;
    assert_eq!(
        (&own["decision"], &own["operation"]),
        (&json!("redact"), &json!("getCustomer"))
    );
    assert_eq!(own["withheld"]["user.contact.email"], "P5");
    assert_eq!(own["categories"]["user.name"], "clear");
    let campaign = json!({
        "method": "POST", "path": "/v1/jobs", "purpose": SERVICE,
        "body": {"customer_id": customer, "document_id": stand.subject("acme", 0).document,
                 "address_list_id": stand.subject("acme", 0).list, "use_type": "marketing"},
    });
    let campaign = check(&mut acme, &campaign).await;
    assert_eq!(
        (&campaign["code"], &campaign["promise"], &campaign["rule"]),
        (
            &json!("marketing-use-blocked"),
            &json!("P4"),
            &json!("no-campaigns")
        )
    );
    let page = json!({"method": "GET", "path": "/v1/customers?limit=1000", "purpose": SERVICE});
    assert_eq!(check(&mut acme, &page).await["code"], "page-too-large");
    let unnamed = json!({"method": "GET", "path": target});
    assert_eq!(check(&mut acme, &unnamed).await["code"], "purpose-required");
    let of = |id: &str| json!({"method": "GET", "path": format!("/v1/customers/{id}"), "purpose": SERVICE});
    let theirs = check(&mut acme, &of(&foreign)).await;
    assert_eq!(theirs["code"], "not-found");
    assert_eq!(theirs, check(&mut acme, &of("cus_nobody")).await);

    // What a live call is told is what the check said.
    assert_eq!(
        acme.get("/v1/customers?limit=1000", SERVICE).await.json()["code"],
        "page-too-large"
    );
    for nonsense in [
        json!([]),
        json!({"method": "GET"}),
        json!({"method": "GET", "path": "x", "more": 1}),
    ] {
        let reply = acme.call(Call::post("/.covenant/check", &nonsense)).await;
        assert_eq!(reply.status, 400);
    }
    let usage = acme.get("/.covenant/usage", SERVICE).await.json();
    assert_eq!(usage["budgets"][0]["used"], 0, "nothing was charged");
    let events = stand.events();
    let new = &events[before..];
    assert!(
        new.iter().all(|event| matches!(event, Event::Refusal(_))),
        "{new:#?}"
    );
}

#[tokio::test]
async fn a_partner_reads_what_was_decided_about_its_own_requests() {
    let stand = Stand::start().await;
    let mut acme = stand.partner("acme").await;
    let customer = stand.subject("acme", 0).customer;
    let reply = acme
        .get(&format!("/v1/customers/{customer}"), SERVICE)
        .await;
    let id = reply.headers["request-id"].to_str().unwrap().to_owned();
    let trace = acme
        .get(&format!("/.covenant/requests/{id}"), SERVICE)
        .await;
    assert_eq!(trace.status, 200, "{}", trace.everything());
    let reference = stand.reference(&customer);
    assert!(
        !trace.everything().contains(&reference),
        "no reference leaves"
    );
    assert!(!trace.everything().contains(&customer));
    let shouted = id.to_uppercase();
    let again = acme
        .get(&format!("/.covenant/requests/{shouted}"), SERVICE)
        .await;
    assert_eq!(again.json(), trace.json(), "ids are of any case");
    let trace = trace.json();
    let entry = &trace["entries"][0];
    assert_eq!(
        (&entry["kind"], &entry["decision"]),
        (&json!("disclosure"), &json!("redact"))
    );
    assert_eq!(entry["subjects"][0]["people"], 1);
    let withheld = entry["withheld"].to_string();
    assert!(withheld.contains("$.email"), "{withheld}");

    let refused = acme.get("/v1/customers?limit=1000", SERVICE).await;
    let refused = refused.headers["request-id"].to_str().unwrap().to_owned();
    stand.events_of(&refused, 1).await;
    let trace = acme
        .get(&format!("/.covenant/requests/{refused}"), SERVICE)
        .await
        .json();
    assert_eq!(trace["entries"][0]["code"], "page-too-large");
    assert_eq!(trace["entries"][0]["promise"], "P5");
}

#[tokio::test]
async fn another_partners_request_and_one_that_never_was_are_the_same() {
    let stand = Stand::start().await;
    let mut acme = stand.partner("acme").await;
    let mut crest = stand.partner("crest").await;
    let customer = stand.subject("acme", 0).customer;
    let reply = acme
        .get(&format!("/v1/customers/{customer}"), SERVICE)
        .await;
    let theirs = reply.headers["request-id"].to_str().unwrap().to_owned();
    let nobodys = RequestId::new(stand.clock.now()).to_string();
    let mut answers = Vec::new();
    for id in [theirs.as_str(), nobodys.as_str(), "nonsense"] {
        // The co-brand's parent is another partner too.
        let reply = crest
            .get(&format!("/.covenant/requests/{id}"), SERVICE)
            .await;
        assert_eq!(reply.status, 404);
        answers.push(reply.json());
    }
    let without_ids = |mut answer: Value| {
        answer.as_object_mut().unwrap().remove("request_id");
        answer.as_object_mut().unwrap().remove("instance");
        answer
    };
    let answers: Vec<_> = answers.into_iter().map(without_ids).collect();
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[1], answers[2]);
}

#[tokio::test]
async fn a_request_is_found_among_many_and_after_a_restart() {
    let mut stand = Stand::start().await;
    let customer = stand.subject("acme", 0).customer;
    let target = format!("/v1/customers/{customer}");
    let mut ids = Vec::new();
    {
        let mut acme = stand.partner("acme").await;
        for number in 0..900 {
            stand.clock.advance(std::time::Duration::from_millis(700));
            let reply = acme.get(&target, SERVICE).await;
            assert_eq!(reply.status, 200);
            if number % 150 == 7 {
                ids.push(reply.headers["request-id"].to_str().unwrap().to_owned());
            }
        }
    }
    stand.restart().await;
    let mut acme = stand.partner("acme").await;
    for id in &ids {
        let trace = acme
            .get(&format!("/.covenant/requests/{id}"), SERVICE)
            .await;
        assert_eq!(trace.status, 200, "{id}");
        assert_eq!(trace.json()["entries"].as_array().unwrap().len(), 1);
    }
    for _ in 0..70 {
        acme.get(&format!("/.covenant/requests/{}", ids[0]), SERVICE)
            .await;
    }
    let reply = acme
        .get(&format!("/.covenant/requests/{}", ids[0]), SERVICE)
        .await;
    assert_eq!(
        reply.json()["code"],
        "rate-limited",
        "look-ups have a rate of their own"
    );
}

#[tokio::test]
async fn whoever_prefers_it_is_told_in_the_answer_what_was_withheld_and_the_record_is_of_that() {
    let stand = Stand::start().await;
    let mut acme = stand.partner("acme").await;
    let customer = stand.subject("acme", 0).customer;
    let call = Call::get(&format!("/v1/customers/{customer}")).purpose(SERVICE);
    let plain = acme.call(call.clone()).await;
    let preferred = call.header("prefer", "covenant-redactions=body");
    let told = acme.call(preferred).await;
    assert_eq!(
        told.header("preference-applied"),
        "covenant-redactions=body"
    );
    let body = told.json();
    let listed = body["redacted"].as_array().unwrap();
    let email = listed
        .iter()
        .find(|one| one["name"]["description"] == "$.email");
    assert_eq!(email.unwrap()["reason"]["description"], "P5");
    let mut without = body.clone();
    without.as_object_mut().unwrap().remove("redacted");
    assert_eq!(without, plain.json());
    assert!(plain.header("preference-applied").is_empty());
    let events = stand.events_of(told.request_id(), 1).await;
    let Event::Disclosure(disclosure) = &events[0] else {
        panic!("{events:?}");
    };
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &told.body);
    let digest: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(disclosure.answer_sha256.as_deref(), Some(&*digest));
}
