//! Every way to be told no: status, code, headers, members, and words that a developer can act on.

use covenant::config::TermsSettings;
use covenant::refusal::Code;
use covenant::terms::{PartnerId, Principal};
use http::Method;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::caller::{Call, Credentials, Reply, Version};
use crate::stand::{SERVICE, SUPPORT, Stand, shared};

/// Checks what every refusal has, and returns its document.
pub(crate) fn refused(reply: &Reply, status: u16, code: &str) -> Value {
    let (all, document) = (reply.everything(), reply.json());
    assert_eq!(document["code"], code, "{all}");
    assert_eq!(reply.status.as_u16(), status, "{all}");
    assert_eq!(document["status"], status, "{all}");
    let known = Code::parse(code).unwrap();
    let type_uri = format!("https://localhost/.covenant/problems/{code}");
    assert_eq!(document["type"], type_uri);
    assert_eq!(document["title"], known.title());
    let may_be_done = document["executed"] != "no" && document["retryable"] == false;
    assert!(may_be_done || document["retryable"] == known.is_retryable());
    assert_eq!(document["contact"], "privacy@harbour-post.example");
    let id = reply.request_id();
    assert_eq!(id.as_bytes()[14], b'7', "{id} is no UUIDv7");
    assert_eq!(document["request_id"], id);
    assert_eq!(document["instance"], format!("urn:uuid:{id}"));
    for member in ["detail", "fix"] {
        let text = document[member].as_str().unwrap();
        let begins = |first: char| first.is_uppercase() || first == '`';
        assert!(text.starts_with(begins) && text.ends_with('.'), "{text}");
    }
    for member in ["promise", "rule", "policy"] {
        assert!(document.get(member).is_some(), "{all}");
    }
    assert!(["yes", "no", "unknown"].contains(&document["executed"].as_str().unwrap()));
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("covenant-decision"), "deny");
    let challenged = status == 401 || code == "purpose-not-allowed";
    assert_eq!(
        reply.headers.contains_key("www-authenticate"),
        challenged,
        "{all}"
    );
    document
}

#[tokio::test]
async fn every_problem_has_a_page_without_credentials_in_json_and_html() {
    let stand = shared();
    let nobody = Credentials {
        certificate: None,
        authorization: None,
    };
    let mut caller = stand.connect(&nobody, Version::Http1).await;
    for code in Code::ALL {
        let target = format!("/.covenant/problems/{}", code.name());
        let json = caller.call(Call::get(&target)).await;
        assert_eq!(json.status, 200, "{target}");
        assert_eq!(json.header("content-type"), "application/json");
        assert_eq!(json.json()["type"], format!("https://localhost{target}"));
        assert_eq!(json.json()["title"], code.title());
        let browser = Call::get(&target).header("accept", "text/html,*/*;q=0.8");
        let html = caller.call(browser).await;
        assert_eq!(html.header("content-type"), "text/html; charset=utf-8");
        let text = String::from_utf8(html.body.to_vec()).unwrap();
        assert!(
            text.contains(code.title()) && text.contains(code.name()),
            "{text}"
        );
        assert!(
            html.header("content-security-policy")
                .contains("default-src 'none'")
        );
    }
    let unknown = caller.call(Call::get("/.covenant/problems/no-such")).await;
    refused(&unknown, 401, "credentials-missing");
}

#[tokio::test]
async fn credentials_are_asked_for_as_rfc_6750_does() {
    let stand = shared();
    let acme = stand.credentials("acme");
    let with = |authorization: Option<String>| Credentials {
        authorization,
        ..acme.clone()
    };
    let token = acme.authorization.clone().unwrap();
    let mut forged = token.clone();
    forged.replace_range(token.len() - 6..token.len() - 2, "AAAA");
    let bluebirds = stand.credentials("bluebird").authorization;
    let without = Credentials {
        certificate: None,
        ..acme.clone()
    };
    let invalid = r#"Bearer realm="covenant", error="invalid_token""#;
    for (credentials, status, code, challenge) in [
        (
            with(None),
            401,
            "credentials-missing",
            r#"Bearer realm="covenant""#,
        ),
        (
            with(Some("Basic YWNtZTphY21l".to_owned())),
            401,
            "credentials-missing",
            r#"Bearer realm="covenant""#,
        ),
        (
            with(Some("Bearer a.b.c".to_owned())),
            401,
            "token-invalid",
            invalid,
        ),
        (with(Some(forged)), 401, "token-invalid", invalid),
        (without, 401, "client-certificate-required", invalid),
        (with(bluebirds), 401, "certificate-mismatch", invalid),
    ] {
        let mut caller = stand.connect(&credentials, Version::Http1).await;
        let reply = caller.get("/v1/jobs/job_000001", SERVICE).await;
        refused(&reply, status, code);
        assert_eq!(reply.header("www-authenticate"), challenge, "{code}");
        assert!(reply.header("covenant-policy").is_empty(), "{code}");
    }
}

#[tokio::test]
async fn promise_9_certificate_and_token_of_different_partners_are_refused_and_recorded() {
    let stand = shared();
    let mixed = stand.mixed("acme", "bluebird");
    let mut caller = stand.connect(&mixed, Version::Http1).await;
    let reply = caller.get("/v1/jobs/job_000001", SERVICE).await;
    let document = refused(&reply, 403, "identity-mismatch");
    assert_eq!(document["promise"], "P9");
    let events = stand.events_of(reply.request_id(), 1).await;
    let facts = crate::stand::facts(&events[0]).unwrap();
    assert_eq!(facts.client.as_deref(), Some("bluebird-desk"));
    assert!(facts.certificate.is_some() && facts.recipient.is_none());
}

#[tokio::test]
async fn an_expired_token_is_refused_though_it_was_good_a_moment_ago() {
    let stand = Stand::start().await;
    let mut acme = stand.partner("acme").await;
    assert_eq!(acme.get("/v1/jobs/job_000001", SERVICE).await.status, 200);
    stand
        .clock
        .advance(std::time::Duration::from_secs(2 * 3_600));
    let reply = acme.get("/v1/jobs/job_000001", SERVICE).await;
    refused(&reply, 401, "token-invalid");
    assert_eq!(reply.json()["detail"], "The token is expired.");
}

#[tokio::test]
async fn promise_7_a_suspended_family_receives_nothing() {
    let stand = Stand::start().await;
    let gateway = stand.running().gateway();
    let mut crest = stand.partner("crest").await;
    let own = stand.subject("crest", 0);
    let target = format!("/v1/customers/{}", own.customer);
    assert_eq!(crest.get(&target, SERVICE).await.status, 200);
    let since = stand.clock.now();
    let acme = Principal::Partner(PartnerId::parse("acme").unwrap());
    stand.suspend(&acme).await;
    let mut crest = stand.partner("crest").await;
    let reply = crest.get(&target, SERVICE).await;
    let document = refused(&reply, 403, "partner-suspended");
    assert_eq!(document["since"], since.to_string());
    assert_eq!(document["promise"], "P7");
    let all = reply.everything();
    assert!(!all.contains("Hannah") && !all.contains("audit"), "{all}");
    let mut acme_caller = stand.partner("acme").await;
    let reply = acme_caller.get("/.covenant/whoami", SERVICE).await;
    refused(&reply, 403, "partner-suspended");
    let mut bluebird = stand.partner("bluebird").await;
    assert_eq!(bluebird.get("/.covenant/whoami", SERVICE).await.status, 200);
    gateway.registry.resume(&acme).await.unwrap();
    assert!(reply.header("connection").contains("close"));
    let mut crest = stand.partner("crest").await;
    assert_eq!(crest.get(&target, SERVICE).await.status, 200);
}

#[tokio::test]
async fn new_terms_are_announced_for_thirty_days_and_then_required() {
    let mut stand = Stand::start().await;
    let today = stand.clock.now().to_zoned(TimeZone::UTC).date();
    for (days, announced, status) in [(31, false, 200), (30, true, 200), (0, false, 403)] {
        stand.config.terms = Some(TermsSettings {
            version: "2099-01".to_owned(),
            url: "https://harbour-post.example/terms".to_owned(),
            required_from: today.saturating_add(days.days()),
        });
        stand.restart().await;
        let reply = stand
            .partner("acme")
            .await
            .get("/v1/jobs/job_000001", SERVICE)
            .await;
        assert_eq!(
            reply.status,
            status,
            "in {days} days: {}",
            reply.everything()
        );
        assert_eq!(
            reply.headers.contains_key("sunset"),
            announced,
            "in {days} days"
        );
        let link = "<https://harbour-post.example/terms>; rel=\"terms-of-service\"";
        let linked = reply.header("link") == link;
        assert_eq!(linked, announced || status == 403, "in {days} days");
        if status == 403 {
            let document = refused(&reply, 403, "agreement-not-accepted");
            assert_eq!(document["promise"], "P16");
        }
    }
}

#[tokio::test]
async fn what_is_too_large_or_unexpected_is_refused_with_its_own_status() {
    let stand = Stand::start_with(&[], |config| {
        config.limits.body_bytes_max = 2_000;
        config.limits.uri_bytes_max = 500;
        config.limits.header_bytes_max = 6_000;
    })
    .await;
    let long = "x".repeat(7_000);
    for (call, status, code) in [
        (
            Call::get(&format!("/v1/jobs?cursor={}", &long[..600])),
            414,
            "uri-too-long",
        ),
        (
            Call::get("/v1/jobs").header("x-long", &long),
            431,
            "headers-too-large",
        ),
        (Call::post("/v1/jobs", &json!(long)), 413, "body-too-large"),
        (
            Call::post("/v1/jobs", &json!({})).header("expect", "a miracle"),
            417,
            "expectation-failed",
        ),
        (
            Call::get("/v1/jobs?limit=5&limit=6"),
            400,
            "request-malformed",
        ),
        (
            Call::get("/v1/jobs?access_token=x"),
            400,
            "request-malformed",
        ),
        (
            Call::get("/v1/jobs/%2e%2e/customers"),
            400,
            "request-malformed",
        ),
        (
            Call::new(Method::TRACE, "/v1/jobs"),
            400,
            "request-malformed",
        ),
    ] {
        for version in [Version::Http1, Version::Http2] {
            let mut acme = stand.connect(&stand.credentials("acme"), version).await;
            let what = format!("{call:?}").chars().take(90).collect::<String>();
            let reply = acme.call(call.clone()).await;
            if status == 431 && version == Version::Http2 {
                // HPACK refuses the list before there is a request to answer in words.
                assert_eq!(reply.status, status, "{what}");
                continue;
            }
            assert_eq!(reply.json()["code"], code, "{what}: {}", reply.everything());
            refused(&reply, status, code);
            let closes = reply.header("connection") == "close";
            assert_eq!(closes, version == Version::Http1, "{what}");
        }
    }
    assert_eq!(stand.core.received_count(), 0);
}

#[tokio::test]
async fn more_requests_than_there_are_places_are_told_to_come_again() {
    let stand = Stand::start_with(&[], |config| config.limits.requests_max = 1).await;
    let (mut slow, mut other) = (stand.partner("acme").await, stand.partner("acme").await);
    let waiting = tokio::spawn(async move { slow.get("/v1/customers/cus_slow", SERVICE).await });
    while stand.core.received_count() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let reply = other.get("/v1/jobs/job_000001", SERVICE).await;
    refused(&reply, 503, "overloaded");
    assert_eq!(reply.header("retry-after"), "1");
    let waited = waiting.await.unwrap();
    refused(&waited, 504, "core-timeout");
    assert_eq!(other.get("/v1/jobs/job_000001", SERVICE).await.status, 200);
}

#[tokio::test]
async fn promise_4_marketing_is_refused_by_purpose_operation_audience_and_use() {
    let stand = shared();
    let own = stand.subject("acme", 0);
    let mut acme = stand.partner("acme").await;
    let campaign = json!({
        "name": "Spring offers", "document_id": own.document, "audience": {"states": ["ME"]},
    });
    let job = json!({
        "customer_id": own.customer, "document_id": own.document,
        "address_list_id": own.list, "use_type": "marketing",
    });
    let upload = format!(
        "/v1/documents?customer_id={}&use_type=marketing",
        own.customer
    );
    let upload = Call::new(Method::POST, &upload)
        .header("content-type", "application/pdf")
        .body("%PDF-1.7");
    let own_page = format!("/v1/customers/{}", own.customer);
    for (call, signals) in [
        (
            Call::get(&own_page).purpose("marketing.advertising"),
            json!(["purpose"]),
        ),
        (
            Call::get(&own_page).purpose("train_ai_system"),
            json!(["purpose"]),
        ),
        (
            Call::post("/v1/campaigns", &campaign).purpose(SERVICE),
            json!(["operation", "audience"]),
        ),
        (
            Call::post("/v1/jobs", &job).purpose(SERVICE),
            json!(["use-type"]),
        ),
        (upload.purpose(SERVICE), json!(["use-type"])),
    ] {
        let what = format!("{} {}", call.method, call.target);
        let reply = acme.call(call).await;
        let document = refused(&reply, 403, "marketing-use-blocked");
        assert_eq!(document["promise"], "P4", "{what}");
        assert_eq!(document["signals"], signals, "{what}");
        assert_eq!(document["executed"], "no", "{what}");
    }
}

#[tokio::test]
async fn promise_5_bulk_exports_webhooks_and_legal_process_have_no_way_out() {
    let stand = shared();
    let mut acme = stand.partner("acme").await;
    let export = json!({"records": "customers", "format": "csv"});
    for call in [
        Call::get("/v1/customers.csv"),
        Call::post("/v1/exports", &export),
        Call::get("/v1/exports/exp_000001"),
    ] {
        let reply = acme.call(call.purpose(SERVICE)).await;
        let document = refused(&reply, 403, "bulk-export-blocked");
        assert_eq!(document["promise"], "P5");
        assert_eq!(document["signals"], json!(["operation"]));
        assert!(
            document["alternative"]
                .as_str()
                .unwrap()
                .contains("/v1/customers?limit=50")
        );
    }
    let webhook = json!({"url": "https://acme.example/in", "events": ["job.mailed"]});
    let reply = acme
        .call(Call::post("/v1/webhooks", &webhook).purpose(SERVICE))
        .await;
    refused(&reply, 403, "channel-blocked");
    let legal = "third_party_sharing.legal_obligation";
    let reply = acme.get("/v1/jobs/job_000001", legal).await;
    let document = refused(&reply, 403, "release-required");
    assert_eq!(document["promise"], "P6");
}

#[tokio::test]
async fn a_page_too_large_is_refused_with_a_link_to_the_one_that_would_be_served() {
    let stand = shared();
    let mut acme = stand.partner("acme").await;
    let target = "/v1/customers?limit=1000&include[]=total_count";
    let reply = acme.get(target, SERVICE).await;
    let document = refused(&reply, 422, "page-too-large");
    assert_eq!(
        (&document["requested"], &document["max"]),
        (&json!(1_000), &json!(100))
    );
    let link = reply.header("link");
    let (target, relation) = link.split_once("; ").unwrap();
    assert_eq!(relation, "rel=\"alternate\"");
    let target = target.trim_matches(['<', '>']);
    let reply = acme.get(target, SERVICE).await;
    assert_eq!(reply.status, 200, "{target}: {}", reply.everything());
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 100);
    let zero = acme.get("/v1/customers?limit=0", SERVICE).await;
    refused(&zero, 400, "request-malformed");
}

#[tokio::test]
async fn promise_3_what_the_contract_does_not_grant_is_refused() {
    let stand = shared();
    let own = stand.subject("crest", 0);
    let mut crest = stand.partner("crest").await;
    let reply = crest.get("/v1/customers?limit=5", SERVICE).await;
    let document = refused(&reply, 403, "operation-not-allowed");
    assert_eq!(document["promise"], "P3");
    let reply = crest
        .get(&format!("/v1/customers/{}", own.customer), SUPPORT)
        .await;
    let document = refused(&reply, 403, "purpose-not-allowed");
    assert_eq!(document["declared"], SUPPORT);
    assert_eq!(document["allowed_purposes"], json!([SERVICE]));
    let challenge = r#"Bearer realm="covenant", error="insufficient_scope""#;
    assert_eq!(reply.header("www-authenticate"), challenge);
}

#[tokio::test]
async fn a_body_that_cannot_be_inspected_goes_nowhere() {
    let stand = shared();
    let mut acme = stand.partner("acme").await;
    let own = stand.subject("acme", 0);
    let job = json!({
        "customer_id": own.customer, "document_id": own.document,
        "address_list_id": own.list, "use_type": "operational",
    });
    let post = |media_type: &str, body: String| {
        let call = Call::new(Method::POST, "/v1/jobs")
            .purpose(SERVICE)
            .body(body);
        call.header("content-type", media_type)
    };
    let encoded = post("application/json", job.to_string()).header("content-encoding", "gzip");
    let submit = Call::post(&format!("/v1/jobs/{}/submit", own.job), &json!({})).purpose(SERVICE);
    for (call, status, code) in [
        (
            post("text/plain", job.to_string()),
            415,
            "request-uninspectable",
        ),
        (
            post("application/json; charset=utf-16", job.to_string()),
            415,
            "request-uninspectable",
        ),
        (
            post("application/json", String::new()),
            415,
            "request-uninspectable",
        ),
        (
            post("application/json", "[]".to_owned()),
            415,
            "request-uninspectable",
        ),
        (submit, 415, "request-uninspectable"),
        (
            post("application/json", "{\"a\":1,\"a\":2}".to_owned()),
            400,
            "request-malformed",
        ),
        (
            post("application/json", "{\"surprise\":1}".to_owned()),
            400,
            "request-malformed",
        ),
        (encoded, 415, "request-uninspectable"),
    ] {
        let what = format!("{call:?}");
        let reply = acme.call(call).await;
        assert_eq!(reply.json()["code"], code, "{what}: {}", reply.everything());
        refused(&reply, status, code);
        assert_eq!(reply.json()["executed"], "no");
    }
}

#[tokio::test]
async fn what_the_core_rejects_is_told_with_its_status_and_none_of_its_words() {
    let stand = shared();
    let mut acme = stand.partner("acme").await;
    let reply = acme.get("/v1/jobs?cursor=job_nothing", SERVICE).await;
    let document = refused(&reply, 400, "core-rejected");
    assert_eq!(document["executed"], "no");
    let fault = serde_json::json!({"error": {"code": "invalid", "field": "cursor"}});
    assert_eq!(document["core"], fault);
    let own = stand.subject("acme", 0);
    let submit = Call::new(Method::POST, &format!("/v1/jobs/{}/submit", own.job)).purpose(SERVICE);
    let reply = acme.call(submit).await;
    refused(&reply, 409, "core-rejected");
    let all = reply.everything();
    assert!(
        !all.contains("shard") && !all.contains("\"message\""),
        "{all}"
    );
    assert!(document.get("core_status").is_none(), "{all}");
}

#[tokio::test]
async fn promise_12_without_a_record_nothing_is_asked_and_nothing_leaves() {
    let stand = Stand::start().await;
    let mut acme = stand.partner("acme").await;
    stand.running().gateway().ledger.close().await;
    for target in ["/v1/customers/cus_000001", "/v1/jobs?limit=5"] {
        let reply = acme.get(target, SERVICE).await;
        let document = refused(&reply, 503, "record-unavailable");
        assert_eq!(reply.header("retry-after"), "5");
        assert_eq!(document["executed"], "no");
    }
    assert_eq!(stand.core.received_count(), 0);
}

/// The answer without what tells one request from another.
fn without_id(reply: &Reply) -> (Vec<(String, String)>, String) {
    let id = reply.request_id();
    let own = |name: &str| ["date", "ratelimit"].contains(&name);
    let headers = reply.headers.iter().filter(|(name, _)| !own(name.as_str()));
    let text = |value: &http::HeaderValue| value.to_str().unwrap().replace(id, "ID");
    let headers = headers.map(|(name, value)| (name.to_string(), text(value)));
    let body = String::from_utf8(reply.body.to_vec()).unwrap();
    (headers.collect(), body.replace(id, "ID"))
}

#[tokio::test]
async fn promise_5_not_yours_and_does_not_exist_are_the_same_bytes() {
    let stand = shared();
    let foreign = stand.subject("bluebird", 0);
    let companys = stand.world.customers_of(None).next().unwrap().id.clone();
    let mut acme = stand.partner("acme").await;
    let nowhere = acme.get("/v1/nowhere", SERVICE).await;
    refused(&nowhere, 404, "not-found");
    let expected = without_id(&nowhere);
    let job = |customer: &str, document: &str, list: &str| {
        let job = json!({
            "customer_id": customer, "document_id": document,
            "address_list_id": list, "use_type": "operational",
        });
        Call::post("/v1/jobs", &job)
    };
    let own = stand.subject("acme", 0);
    let mut calls = vec![
        job(&foreign.customer, &own.document, &own.list),
        job("cus_none", &own.document, &own.list),
        job(&own.customer, &foreign.document, &own.list),
        job(&own.customer, &own.document, "list_none"),
        Call::get("/v1/jobs").header("on-behalf-of", &foreign.customer),
        Call::get("/v1/jobs").header("on-behalf-of", "cus_none"),
        Call::get(&format!("/v1/jobs?customer_id={}", foreign.customer)),
        Call::get("/v1/jobs?customer_id=cus_none"),
        Call::new(Method::DELETE, &format!("/v1/customers/{}", own.customer)),
        Call::get("/.covenant/none"),
    ];
    for id in [&*foreign.customer, &companys, "cus_none", "x"] {
        calls.push(Call::get(&format!("/v1/customers/{id}")));
    }
    for id in [&*foreign.job, "job_none"] {
        calls.push(Call::get(&format!("/v1/jobs/{id}")));
        calls.push(Call::get(&format!("/v1/jobs/{id}/tracking")));
        calls.push(Call::new(Method::POST, &format!("/v1/jobs/{id}/submit")));
    }
    for (list, document) in [
        (&*foreign.list, &*foreign.document),
        ("list_none", "doc_none"),
    ] {
        calls.push(Call::get(&format!("/v1/address_lists/{list}")));
        calls.push(Call::get(&format!("/v1/documents/{document}")));
    }
    for call in calls {
        let what = format!("{} {} {:?}", call.method, call.target, call.headers);
        let reply = acme.call(call.purpose(SERVICE)).await;
        assert_eq!(without_id(&reply), expected, "{what}");
    }
}

#[tokio::test]
async fn a_handshake_that_fails_is_counted_by_its_reason() {
    let stand = Stand::start().await;
    let address = stand.running().gateway_address();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let sent = stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    sent.await.unwrap();
    // Ends once the gateway has said what it thinks of that.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    let counted = "covenant_handshakes_failed_total{why=\"not-tls\"} 1";
    let metrics = crate::cores::until(&stand, "/metrics", counted).await;
    assert!(!metrics.contains("why=\"broken-off\""));
}
