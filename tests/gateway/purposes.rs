//! The purpose of a request (P3): named by the request, within what token and contract grant.

use serde_json::json;

use crate::caller::{Call, Version};
use crate::refusals::refused;
use crate::stand::{SERVICE, SUPPORT, shared};

#[tokio::test]
async fn promise_3_one_purpose_is_implied_and_of_several_one_must_be_named() {
    let stand = shared();
    let own = stand.subject("crest", 0);
    let target = format!("/v1/customers/{}", own.customer);
    let mut crest = stand.partner("crest").await;
    let implied = crest.call(Call::get(&target)).await;
    assert_eq!(implied.status, 200, "{}", implied.everything());
    let named = crest.get(&target, SERVICE).await;
    assert_eq!(implied.body, named.body);

    let mut acme = stand.partner("acme").await;
    let own = stand.subject("acme", 0);
    let target = format!("/v1/customers/{}", own.customer);
    let reply = acme.call(Call::get(&target)).await;
    let document = refused(&reply, 400, "purpose-required");
    assert_eq!(document["allowed_purposes"], json!([SERVICE, SUPPORT]));
    assert_eq!(document["promise"], "P3");
}

#[tokio::test]
async fn promise_3_a_token_narrows_the_contract_and_never_widens_it() {
    let stand = shared();
    let own = stand.subject("acme", 0);
    let target = format!("/v1/customers/{}", own.customer);
    let narrowed = stand.narrowed("acme", &[SUPPORT]);
    let mut acme = stand.connect(&narrowed, Version::Http1).await;
    let implied = acme.call(Call::get(&target)).await;
    assert_eq!(implied.status, 200, "{}", implied.everything());
    assert!(implied.json()["email"].as_str().unwrap().contains("***@"));
    let reply = acme.get(&target, SERVICE).await;
    let document = refused(&reply, 403, "purpose-not-allowed");
    assert_eq!(document["allowed_purposes"], json!([SUPPORT]));

    let widened = ["essential.service.payment_processing", "marketing"];
    let widened = stand.narrowed("acme", &widened);
    let mut acme = stand.connect(&widened, Version::Http1).await;
    let reply = acme.call(Call::get(&target)).await;
    let document = refused(&reply, 403, "purpose-not-allowed");
    assert_eq!(document["allowed_purposes"], json!([]));
    let reply = acme
        .get(&target, "essential.service.payment_processing")
        .await;
    refused(&reply, 403, "purpose-not-allowed");
}

#[tokio::test]
async fn a_purpose_that_nobody_knows_is_repeated_and_refused() {
    let stand = shared();
    let mut acme = stand.partner("acme").await;
    for declared in ["world.domination", "ESSENTIAL.SERVICE", "essential", ""] {
        let reply = acme.get("/v1/jobs/job_000001", declared).await;
        let document = refused(&reply, 403, "purpose-not-allowed");
        assert_eq!(document["declared"].as_str().unwrap_or_default(), declared);
        assert_eq!(document["allowed_purposes"], json!([SERVICE, SUPPORT]));
    }
    let twice = Call::get("/v1/jobs/job_000001")
        .purpose(SERVICE)
        .purpose(SUPPORT);
    refused(&acme.call(twice).await, 400, "request-malformed");
}

#[tokio::test]
async fn promise_2_what_is_collected_automatically_is_told_about_nobody() {
    let stand = shared();
    let mut bluebird = stand.partner("bluebird").await;
    let reply = bluebird
        .get("/v1/page_views/statistics", "analytics.reporting")
        .await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    let groups = reply.json()["groups"].as_array().unwrap().clone();
    assert!(!groups.is_empty());
    assert!(
        groups
            .iter()
            .all(|group| group["customers"].as_u64() >= Some(50))
    );
    let reply = bluebird
        .get("/v1/page_views?limit=5", "analytics.reporting")
        .await;
    refused(&reply, 403, "operation-not-allowed");
}
