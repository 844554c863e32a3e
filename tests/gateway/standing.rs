//! Suspensions of partners, certificates, clients and tokens: what happens to requests, to open
//! connections, and to a request that the core is busy with.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use covenant::entry::Event;
use covenant::terms::{PartnerId, Principal};
use tokio::time::timeout;

use crate::caller::{Caller, Credentials, Version};
use crate::lab::{Scripted, Service};
use crate::stand::{SERVICE, Stand, facts};

/// Within which a connection of whoever was suspended ends; it might idle for sixty seconds.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// The `jti` of the token in these credentials.
fn token_id(credentials: &Credentials) -> String {
    let token = credentials.authorization.as_deref().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

async fn end(caller: &Caller) {
    let ended = async {
        while !caller.is_closed() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(ENDS_WITHIN, ended)
        .await
        .expect("the connection ends");
}

/// All that acme can be suspended by, and how its next request is refused then.
fn all(stand: &Stand, credentials: &Credentials) -> [(Principal, u16, &'static str); 4] {
    [
        (
            Principal::Partner(PartnerId::parse("acme").unwrap()),
            403,
            "partner-suspended",
        ),
        (stand.certificate_of("acme"), 403, "partner-suspended"),
        (
            Principal::Client("acme-portal".into()),
            403,
            "partner-suspended",
        ),
        (
            Principal::Token(token_id(credentials).into()),
            401,
            "token-invalid",
        ),
    ]
}

#[tokio::test]
async fn whoever_is_suspended_is_refused_at_the_next_request_whatever_was_verified_before() {
    let stand = Stand::start().await;
    let credentials = stand.credentials("acme");
    let target = format!("/v1/customers/{}", stand.subject("acme", 0).customer);
    let registry = &stand.running().gateway().registry;
    for version in [Version::Http1, Version::Http2] {
        for (principal, status, code) in all(&stand, &credentials) {
            let mut before = stand.connect(&credentials, version).await;
            assert_eq!(before.get(&target, SERVICE).await.status, 200);
            stand.suspend(&principal).await;
            let mut after = stand.connect(&credentials, version).await;
            let reply = after.get(&target, SERVICE).await;
            assert_eq!(reply.status, status, "{principal}: {}", reply.everything());
            assert_eq!(reply.json()["code"], code, "{principal}");
            let told = reply.everything();
            assert!(
                !told.contains("Hannah") && !told.contains("audit"),
                "{told}"
            );
            end(&after).await;
            registry.resume(&principal).await.unwrap();
            let mut again = stand.connect(&credentials, version).await;
            assert_eq!(again.get(&target, SERVICE).await.status, 200, "{principal}");
        }
    }
}

#[tokio::test]
async fn open_connections_of_whoever_is_suspended_end_and_those_of_others_stay() {
    let stand = Stand::start().await;
    let credentials = stand.credentials("acme");
    let mut others = stand.partner("bluebird").await;
    let registry = &stand.running().gateway().registry;
    for (principal, ..) in all(&stand, &credentials) {
        let mut idle = Vec::new();
        for version in [Version::Http1, Version::Http2] {
            let mut caller = stand.connect(&credentials, version).await;
            assert_eq!(caller.get("/.covenant/whoami", SERVICE).await.status, 200);
            idle.push(caller);
        }
        // One that has not asked anything yet is known by its certificate alone, and by whose that is.
        let silent = stand.connect(&credentials, Version::Http2).await;
        stand.suspend(&principal).await;
        for caller in &idle {
            end(caller).await;
        }
        if matches!(principal, Principal::Partner(_) | Principal::Certificate(_)) {
            end(&silent).await;
        }
        assert_eq!(others.get("/.covenant/whoami", SERVICE).await.status, 200);
        registry.resume(&principal).await.unwrap();
    }
}

const SLOW: Service<'_> = Service {
    paths: r"
  /lab/slow:
    get:
      operationId: readSlowly
      responses:
        '200':
          description: One
          content:
            application/json:
              schema:
                type: object
                required: [customer]
                properties:
                  customer: {type: string}",
    components: "",
    actions: r"
  - target: $.paths['/lab/slow'].get
    update: {x-covenant-channel: record}
  - target: $..schema
    update: {x-covenant-record: true}
  - target: $..properties.customer
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}",
    operations: &["readSlowly"],
};

/// How many disclosures and refusals of the slow operation are on record.
fn recorded(stand: &Stand) -> (usize, usize) {
    let events = stand.events();
    let slow = |event: &&Event| {
        facts(event).is_some_and(|facts| facts.operation.as_deref() == Some("readSlowly"))
    };
    let mut counts = (0, 0);
    for event in events.iter().filter(slow) {
        match event {
            Event::Disclosure(_) => counts.0 += 1,
            Event::Refusal(_) => counts.1 += 1,
            _ => {}
        }
    }
    counts
}

#[tokio::test]
async fn what_the_core_answers_after_the_suspension_reaches_nobody_and_is_no_disclosure() {
    let (stand, core) = SLOW.start(&[], |_| {}).await;
    let body = format!(r#"{{"customer":"{}"}}"#, stand.customers_of("acme")[0]);
    let quick = || Scripted::new("application/json", body.clone());
    let credentials = stand.credentials("acme");
    for (turn, version) in [(1, Version::Http1), (2, Version::Http2)] {
        core.answer("/lab/slow", quick());
        let mut acme = stand.connect(&credentials, version).await;
        let served = acme.get("/lab/slow", SERVICE).await;
        assert_eq!(served.status, 200, "{}", served.everything());
        let gate = Arc::default();
        core.answer("/lab/slow", quick().behind(&gate));
        let asked = core.received().len();
        let asking = tokio::spawn(async move { acme.get("/lab/slow", SERVICE).await });
        while core.received().len() == asked {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let client = Principal::Client("acme-portal".into());
        stand.suspend(&client).await;
        gate.notify_one();
        // On a machine that is very busy the connection is gone before the refusal.
        if let Ok(reply) = asking.await {
            assert_eq!(reply.status, 403, "{}", reply.everything());
            assert_eq!(reply.json()["code"], "partner-suspended");
            assert_eq!(reply.json()["executed"], "yes");
        }
        let refused = async {
            while recorded(&stand).1 < turn {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let refused = timeout(Duration::from_secs(20), refused).await;
        refused.expect("the refusal is on record");
        assert_eq!(recorded(&stand), (turn, turn));
        let registry = &stand.running().gateway().registry;
        registry.resume(&client).await.unwrap();
    }
}

/// The credentials, with the token as one half of Basic.
fn in_basic(credentials: &Credentials, written: impl Fn(&str) -> String) -> Credentials {
    let token = credentials.authorization.as_deref().unwrap();
    let token = token.strip_prefix("Bearer ").unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(written(token));
    Credentials {
        authorization: Some(format!("Basic {encoded}")),
        ..credentials.clone()
    }
}

#[tokio::test]
async fn a_token_comes_in_basic_only_where_the_contract_says_in_which_half() {
    let clients = "\n  clients:";
    let basic = "\n  token_in_basic: password\n  clients:";
    let stand = Stand::start_with(&[("partners/acme.yaml", clients, basic)], |_| {}).await;
    for (partner, half, status) in [
        ("acme", "Bearer", 200),
        ("acme", "password", 200),
        ("acme", "user name", 401),
        ("bluebird", "password", 401),
        ("bluebird", "user name", 401),
    ] {
        let own = stand.credentials(partner);
        let credentials = match half {
            "password" => in_basic(&own, |token| format!("api:{token}")),
            "user name" => in_basic(&own, |token| format!("{token}:")),
            _ => own,
        };
        let mut caller = stand.connect(&credentials, Version::Http1).await;
        let reply = caller.get("/.covenant/whoami", SERVICE).await;
        let told = reply.everything();
        assert_eq!(reply.status, status, "{partner} {half}: {told}");
        if status == 401 {
            assert_eq!(reply.json()["code"], "credentials-missing");
        }
    }
    let twice = in_basic(&stand.credentials("acme"), |token| {
        format!("{token}:{token}")
    });
    let mut caller = stand.connect(&twice, Version::Http1).await;
    let reply = caller.get("/.covenant/whoami", SERVICE).await;
    assert_eq!(reply.json()["code"], "request-malformed");
    // Bound to another certificate it is worth nothing, however it came.
    let stolen = in_basic(&stand.mixed("bluebird", "acme"), |token| {
        format!(":{token}")
    });
    let mut caller = stand.connect(&stolen, Version::Http1).await;
    let reply = caller.get("/.covenant/whoami", SERVICE).await;
    assert_eq!(reply.json()["code"], "identity-mismatch");
}
