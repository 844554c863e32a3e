//! Every text that comes from outside is marked; then all output is searched for marks, for customers,
//! and for keys.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine as _;
use covenant::demo::core::{Core, MISBEHAVING_IDS, Misbehaviour, World};
use memchr::memmem;
use serde_json::{Value, json};

use crate::client::{Answer, Partner};
use crate::collector::Collector;
use crate::evil_core::{self, EVIL_IDS};
use crate::gateway::{Gateway, Options};
use crate::openmetrics;

/// In every text that a partner or a core sends, but for what follows.
const MARK: &str = "canary";
/// In what a refusal repeats to the partner that sent it: names of parameters and members, and the
/// declared purpose.
const REPEATED: &str = "looking-glass";
/// In what people give as their reason, which belongs into the ledger.
const REASON: &str = "magpie";
const ALWAYS: [&str; 8] = [
    "timestamp",
    "level",
    "message",
    "target",
    "request_id",
    "trace_id",
    "method",
    "duration_us",
];
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "_OTHER",
];

/// Why a witness may not have cosigned.
const WITNESS_TROUBLES: [&str; 9] = [
    "unreachable",
    "unread",
    "unknown-log",
    "untrusted-key",
    "status",
    "malformed",
    "ahead",
    "forked",
    "wrong-cosignature",
];

/// What the partners were answered.
#[derive(Default)]
struct Said {
    answers: Vec<Answer>,
    raw: Vec<Vec<u8>>,
}

impl Said {
    #[track_caller]
    fn took(&mut self, answer: Answer, status: u16, code: &str) {
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{shown}"
        );
        self.answers.push(answer);
    }
}

#[tokio::test]
async fn no_output_holds_what_a_partner_a_core_or_a_person_wrote() {
    searched_at("info", "").await;
}

#[tokio::test]
async fn not_even_when_everything_is_logged() {
    searched_at("trace", "at trace").await;
}

async fn searched_at(log: &'static str, what: &str) {
    let world = World::invent();
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let core = Core::start_with(&world, loopback, Misbehaviour::Offered);
    let core = core.await.unwrap();
    let collector = Collector::start().await;
    let mut gateway = Gateway::start(Options {
        core: Some(evil_core::start(core.address()).await),
        collector: Some(collector.endpoint()),
        log: Some(log),
        witness: Some(evil_core::start_witness().await),
        ..Options::default()
    })
    .await;
    let acme = gateway.acme();
    let mut said = Said::default();
    misbehaving_cores(&acme, &mut said).await;
    told_by_partners(&acme, &world, &mut said).await;
    strangers(&gateway, &mut said).await;
    broken_bytes(&acme, &mut said).await;
    people(&gateway, &world, &mut said).await;
    granted(&acme, &world, &mut said).await;
    let metrics = gateway.metrics().await;
    gateway.terminate().await;

    check_lines(&gateway, &said);
    check_spans(&gateway, &collector, &said);
    check_metrics(&gateway, &metrics);
    let mut outputs = vec![
        ("the log".to_owned(), gateway.log().into_bytes()),
        ("the metrics".to_owned(), metrics.into_bytes()),
    ];
    for (head, body) in collector.received() {
        outputs.push(("a head for the collector".to_owned(), head.into_bytes()));
        outputs.push(("spans".to_owned(), body));
    }
    let secrets = secrets(&gateway, &acme);
    let personal = world.canaries();
    let forbidden = |marks: &[&str]| -> Vec<Vec<u8>> {
        let texts = marks
            .iter()
            .chain(&["Evil Lane", "Crook"])
            .map(|mark| mark.as_bytes().to_vec());
        let personal = personal.iter().map(|text| text.clone().into_bytes());
        texts.chain(personal).chain(secrets.clone()).collect()
    };
    search(what, &outputs, &forbidden(&[MARK, REPEATED, REASON]));
    search(what, &kept(&gateway), &forbidden(&[MARK, REPEATED]));
    search(what, &refusals(&said), &forbidden(&[MARK, REASON]));
}

/// The files of ledger and registry, but for their keys.
fn kept(gateway: &Gateway) -> Vec<(String, Vec<u8>)> {
    let files = ["ledger", "registry"]
        .iter()
        .flat_map(|folder| gateway.files(folder));
    let files = files.map(|(path, bytes)| (path.display().to_string(), bytes));
    let kept: Vec<_> = files.filter(|(path, _)| !path.ends_with(".key")).collect();
    assert!(
        kept.iter()
            .any(|(path, _)| path.ends_with("registry.sqlite"))
    );
    assert!(
        kept.iter()
            .any(|(_, bytes)| memmem::find(bytes, REASON.as_bytes()).is_some())
    );
    kept
}

/// What partners were told instead of an answer, with its headers.
fn refusals(said: &Said) -> Vec<(String, Vec<u8>)> {
    let refused = said
        .answers
        .iter()
        .filter(|answer| answer.status.as_u16() >= 400);
    let whole = refused.map(|answer| {
        let body = String::from_utf8_lossy(&answer.body);
        format!("{:?} {body}", answer.headers).into_bytes()
    });
    let all = whole.chain(said.raw.iter().cloned());
    all.map(|bytes| ("a refusal".to_owned(), bytes)).collect()
}

/// Whatever a core says when it should say something else stays inside.
async fn misbehaving_cores(acme: &Partner, said: &mut Said) {
    for id in MISBEHAVING_IDS.iter().chain(&EVIL_IDS) {
        let answer = acme.get(&format!("/v1/customers/{id}")).await;
        let told = answer.status == 200 || !answer.code().is_empty();
        assert!(told, "{id}: {}", answer.status);
        said.answers.push(answer);
    }
}

/// Ids, queries, headers and bodies.
async fn told_by_partners(acme: &Partner, world: &World, said: &mut Said) {
    let customer = &world.customers_of(Some("acme")).next().unwrap().id;
    let foreign = &world.customers_of(Some("bluebird")).next().unwrap().id;
    said.took(
        acme.get("/v1/customers/cus_canary-id").await,
        404,
        "not-found",
    );
    said.took(acme.get("/v1/canary-path/x").await, 404, "not-found");
    said.took(
        acme.get("/v1/customers/canary%e2%80%a8x").await,
        404,
        "not-found",
    );
    said.took(
        acme.get("/v1/customers/canary%1b%5b31m").await,
        400,
        "request-malformed",
    );
    said.took(
        acme.get("/v1/customers/canary%0ax").await,
        400,
        "request-malformed",
    );
    said.took(
        acme.get(&format!("/v1/customers/{foreign}")).await,
        404,
        "not-found",
    );
    let query = "/v1/customers?looking-glass=canary-query";
    said.took(acme.get(query).await, 400, "request-malformed");
    said.took(
        acme.get("/v1/customers?limit=canary").await,
        400,
        "request-malformed",
    );
    said.took(
        acme.get("/v1/customers?access_token=canary").await,
        400,
        "request-malformed",
    );
    said.took(
        acme.get("/v1/customers?limit=1000").await,
        422,
        "page-too-large",
    );
    said.took(
        acme.get("/v1/customers.csv").await,
        403,
        "bulk-export-blocked",
    );
    let purpose = acme.request("GET", "/v1/customers?limit=1");
    let purpose = purpose.header("purpose-of-use", "looking-glass.canary-free");
    let refused = acme.send(purpose.header("user-agent", MARK), "").await;
    assert_eq!(refused.code(), "purpose-not-allowed");
    let dressed = [
        ("user-agent", "canary-agent\u{2028}\u{85}"),
        ("traceparent", "00-canary-parent"),
        ("tracestate", "canary=1"),
        ("baggage", "user=canary"),
        ("idempotency-key", "canary-idempotency"),
        ("cookie", "s=canary"),
        ("referer", "https://canary.example/"),
        ("accept", "canary/accept"),
        ("accept-language", "canary"),
        ("x-forwarded-user", "canary"),
        ("x-canary", "canary"),
    ];
    let path = format!("/v1/customers/{customer}");
    let request = acme
        .request("GET", &path)
        .header("purpose-of-use", "essential.service");
    let request = dressed.iter().fold(request, |request, (name, value)| {
        request.header(*name, value.as_bytes())
    });
    let answer = acme.send(request, "").await;
    assert!([200, 400].contains(&answer.status.as_u16()), "{:?}", answer);
    said.answers.push(answer);
    let job = world
        .jobs()
        .iter()
        .find(|job| job.customer_id == *customer)
        .unwrap();
    let campaign = |document: &str| json!({"name": "canary", "document_id": document, "audience": {"states": ["canary"]}});
    said.took(
        acme.post("/v1/campaigns", &campaign(MARK)).await,
        404,
        "not-found",
    );
    let campaign = acme
        .post("/v1/campaigns", &campaign(&job.document_id))
        .await;
    said.took(campaign, 403, "marketing-use-blocked");
    let unknown = json!({"looking-glass": "canary-value"});
    said.took(
        acme.post("/v1/customers", &unknown).await,
        400,
        "request-malformed",
    );
    let rejected = json!({"name": {"canary": ["canary"]}});
    let rejected = acme.post("/v1/customers", &rejected).await;
    assert!(rejected.status.as_u16() >= 400, "{rejected:?}");
    said.answers.push(rejected);
    let typed = acme
        .request("POST", "/v1/customers")
        .header("content-type", "canary/type");
    let typed = typed.header("purpose-of-use", "essential.service");
    said.took(
        acme.send(typed, "canary").await,
        415,
        "request-uninspectable",
    );
    let doubled = acme
        .request("POST", "/v1/customers")
        .header("content-type", "application/json");
    let doubled = doubled.header("purpose-of-use", "essential.service");
    let body = r#"{"canary":1,"canary":"canary-twice"}"#;
    said.took(acme.send(doubled, body).await, 400, "request-malformed");
    let method = acme.request("CANARYMETHOD", "https://localhost/v1/customers");
    said.took(acme.send_http2(method).await, 400, "request-malformed");
}

/// Who has no credentials, wrong ones, or somebody else's.
async fn strangers(gateway: &Gateway, said: &mut Said) {
    let page = "/v1/customers?limit=1";
    let acme = gateway.acme();
    let nobody = Partner {
        token: None,
        ..acme.clone()
    };
    said.took(nobody.get(page).await, 401, "credentials-missing");
    let uncertified = Partner {
        credentials: None,
        ..acme.clone()
    };
    said.took(
        uncertified.get(page).await,
        401,
        "client-certificate-required",
    );
    let header = r#"{"typ":"at+jwt","alg":"ES256","kid":"canary-kid"}"#;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);
    for token in ["canary-token".to_owned(), format!("{header}.e30.canary")] {
        let forger = Partner {
            token: Some(token),
            ..acme.clone()
        };
        said.took(forger.get(page).await, 401, "token-invalid");
    }
    let thief = Partner {
        token: acme.token.clone(),
        ..gateway.acme()
    };
    said.took(thief.get(page).await, 401, "certificate-mismatch");
    let certs = gateway.path().join("certs");
    let renamed = gateway.partner("canary-certificate.example", "acme-portal", &certs);
    said.took(renamed.get(page).await, 403, "identity-mismatch");
    let basic = nobody
        .request("GET", page)
        .header("authorization", "Basic canary");
    let basic = nobody.send(basic, "").await;
    assert_eq!(basic.status, 401);
    said.answers.push(basic);
    let key = nobody.request("GET", page).header("x-api-key", "canary");
    said.took(nobody.send(key, "").await, 401, "token-invalid");
    let proof = acme
        .request("GET", page)
        .header("dpop", "canary.e30.canary");
    said.took(acme.send(proof, "").await, 401, "proof-invalid");
}

/// What is not HTTP, or not clear HTTP.
async fn broken_bytes(acme: &Partner, said: &mut Said) {
    for bytes in [
        "GET /canary\u{1b}[31m HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "CANARYMETHOD /canary HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /canary HTTP/1.1\r\nhost: canary.example\r\n\r\n",
        "GET /canary HTTP/1.1\r\nhost: localhost\r\nx-a: canary\n{\"level\":\"canary\"}\r\n\r\n",
        "GET /canary HTTP/1.1\r\nhost: localhost\r\ncanary name: a\r\n\r\n",
        "GET /canary?\u{2028} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "POST /canary HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: canary\r\n\r\n",
        "canary\r\n\r\n",
    ] {
        let raw = acme.send_raw(bytes.as_bytes()).await;
        assert!(raw.starts_with(b"HTTP/1.1 4"), "{bytes:?}: {raw:?}");
        said.raw.push(raw);
    }
}

/// What people write on the command line; then a suspended partner's call.
async fn people(gateway: &Gateway, world: &World, said: &mut Said) {
    let email = &world.customers_of(Some("acme")).next().unwrap().email;
    let because = "magpie: they asked";
    for arguments in [
        ["customers", "show", email, "--because", because].as_slice(),
        [
            "ledger",
            "report",
            "--customer",
            email,
            "--because",
            because,
        ]
        .as_slice(),
        ["ledger", "search", "--customer", email].as_slice(),
        ["partner", "suspend", "bluebird", "--because", because].as_slice(),
    ] {
        assert_eq!(gateway.command(arguments).await, 0, "{arguments:?}");
    }
    // A line end in a reason, and a customer nobody knows.
    let unknown = "canary@nowhere.example";
    for arguments in [
        [
            "partner",
            "suspend",
            "crest",
            "--because",
            "magpie\n{\u{2028}",
        ]
        .as_slice(),
        ["customers", "show", unknown].as_slice(),
        ["partner", "suspend", "canary", "--because", because].as_slice(),
    ] {
        gateway.command(arguments).await;
    }
    let certs = gateway.path().join("certs");
    let bluebird = gateway.partner("bluebird.partners.example", "bluebird-desk", &certs);
    said.took(
        bluebird.get("/v1/customers?limit=1").await,
        403,
        "partner-suspended",
    );
}

/// What is granted, with a change on the way, to the end of the budget.
async fn granted(acme: &Partner, world: &World, said: &mut Said) {
    let customer = world.customers_of(Some("acme")).next().unwrap();
    let mine = |job: &&covenant::demo::core::Job| job.customer_id == customer.id;
    let job = world.jobs().iter().find(mine).unwrap();
    said.took(acme.get(&format!("/v1/jobs/{}", job.id)).await, 200, "");
    said.took(
        acme.get(&format!("/v1/customers/{}", customer.id)).await,
        200,
        "",
    );
    said.took(
        acme.get(&format!("/v1/documents/{}", job.document_id))
            .await,
        200,
        "",
    );
    let address = json!({
        "street": "1 canary street", "city": "canary", "state": "ME",
        "postal_code": "04101", "country": "US",
    });
    let customer =
        json!({"name": "canary name", "email": "canary@canary.example", "address": address});
    said.took(acme.post("/v1/customers", &customer).await, 201, "");
    let mut cursor = String::new();
    for _ in 0..10 {
        let page = acme.get(&format!("/v1/customers?limit=100{cursor}")).await;
        if page.status == 429 {
            return said.took(page, 429, "customer-budget-exhausted");
        }
        let document = page.json();
        let last = document["data"].as_array().unwrap().last().unwrap();
        cursor = format!("&cursor={}", last["id"].as_str().unwrap());
        said.took(page, 200, "");
    }
    panic!("the budget never ended");
}

/// Each request has its one line, with the documented fields and no other.
fn check_lines(gateway: &Gateway, said: &Said) {
    let log = gateway.log();
    assert!(log.ends_with('\n'));
    for line in log.lines() {
        assert!(
            line.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{line:?}"
        );
        assert!(
            serde_json::from_str::<Value>(line).unwrap().is_object(),
            "{line}"
        );
    }
    let mut by_id = BTreeMap::new();
    for line in gateway.request_lines() {
        let line = line.as_object().unwrap().clone();
        for name in ALWAYS.iter().chain(&["status"]) {
            assert!(line.contains_key(*name), "{name}: {line:?}");
        }
        let optional = [
            "status",
            "partner",
            "operation",
            "code",
            "cause",
            "body_bytes",
        ];
        for name in line.keys().map(String::as_str) {
            assert!(ALWAYS.contains(&name) || optional.contains(&name), "{name}");
        }
        assert!(
            METHODS.contains(&line["method"].as_str().unwrap()),
            "{line:?}"
        );
        assert!(line["duration_us"].is_u64());
        assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
        let id = line["request_id"].as_str().unwrap().to_owned();
        assert!(by_id.insert(id, line).is_none(), "two lines of one request");
    }
    for answer in &said.answers {
        let line = &by_id[&answer.request_id()];
        assert_eq!(line["status"], answer.status.as_u16());
        let code = line.get("code").and_then(Value::as_str).unwrap_or_default();
        assert_eq!(code, answer.code());
        // A document streams: how much of it left, the ledger says.
        let told = line.get("body_bytes").and_then(Value::as_u64);
        let streams = told.is_none() && line["operation"] == "getDocument";
        assert!(
            streams || told == Some(answer.body.len() as u64),
            "{line:?}"
        );
    }
    // The one answer that is not kept is the refused purpose, which repeats what was declared.
    assert_eq!(by_id.len(), said.answers.len() + said.raw.len() + 1);
}

fn check_spans(gateway: &Gateway, collector: &Collector, said: &Said) {
    let spans = collector.spans();
    let mut ids: Vec<_> = spans
        .iter()
        .map(|span| &span.attributes["covenant.request_id"])
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), spans.len(), "two spans of one request");
    assert_eq!(ids.len(), gateway.request_lines().len());
    assert!(ids.len() > said.answers.len());
    for span in &spans {
        assert!(
            METHODS.contains(&span.attributes["http.request.method"].as_str()),
            "{span:?}"
        );
    }
}

fn check_metrics(gateway: &Gateway, text: &str) {
    let samples = openmetrics::parse(text);
    let requests = samples
        .iter()
        .filter(|sample| sample.name == "covenant_requests_total");
    let sum: f64 = requests.clone().map(|sample| sample.value).sum();
    assert!(
        (sum - gateway.request_lines().len() as f64).abs() < 0.5,
        "{sum}"
    );
    let partners = ["acme", "bluebird", "crest", "none"];
    let catalogue = std::fs::read_to_string(
        gateway
            .path()
            .join("policies/catalogue/mailing.openapi.yaml"),
    );
    let catalogue = catalogue.unwrap();
    let configuration = std::fs::read_to_string(gateway.path().join("covenant.toml")).unwrap();
    let of_witnesses = samples.iter().flat_map(|sample| &sample.labels);
    assert!(of_witnesses.filter(|(name, _)| *name == "why").count() > 0);
    for sample in &samples {
        for (name, value) in &sample.labels {
            let listed = match name.as_str() {
                "partner" => partners.contains(&value.as_str()),
                "operation" => {
                    value == "none" || catalogue.contains(&format!("operationId: {value}\n"))
                }
                "code" => value == "none" || covenant::refusal::Code::parse(value).is_some(),
                "status" => value
                    .parse()
                    .is_ok_and(|status: u16| (200..600).contains(&status)),
                "le" => true,
                "made" => ["yes", "no"].contains(&value.as_str()),
                "why" => WITNESS_TROUBLES.contains(&value.as_str()),
                // What the operator wrote.
                "service" | "instance" | "witness" => configuration.contains(value.as_str()),
                // A day and digits of a digest: nothing anybody wrote.
                "version" => value.len() == 15 && value.starts_with("20"),
                _ => false,
            };
            assert!(listed, "{name}={value} of {}", sample.name);
        }
    }
}

/// Tokens and the text of every private key below the gateway's folder.
fn secrets(gateway: &Gateway, acme: &Partner) -> Vec<Vec<u8>> {
    let mut secrets = vec![acme.token.clone().unwrap().into_bytes()];
    let signature = acme.token.as_ref().unwrap().rsplit('.').next().unwrap();
    secrets.push(signature.as_bytes().to_vec());
    for (path, bytes) in gateway.files("") {
        if path.extension().is_none_or(|extension| extension != "key")
            || path.ends_with("verifier.key")
        {
            continue;
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => {
                let lines = text
                    .lines()
                    .filter(|line| !line.starts_with("-----") && line.len() >= 16);
                // Without the beginning, which says what kind of key it is and may be public.
                let ends = lines.map(|line| line.as_bytes()[line.len() - 16..].to_vec());
                secrets.extend(ends);
            }
            Err(_) => secrets.push(bytes),
        }
    }
    assert!(secrets.len() > 6, "{}", secrets.len());
    secrets
}

/// Fails with every place where something forbidden stands, in whatever case.
fn search(what: &str, outputs: &[(String, Vec<u8>)], forbidden: &[Vec<u8>]) {
    let mut found = Vec::new();
    for (name, bytes) in outputs {
        let lower = bytes.to_ascii_lowercase();
        for mark in forbidden {
            if let Some(at) = memmem::find(&lower, &mark.to_ascii_lowercase()) {
                let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 200)];
                let (mark, around) = (
                    String::from_utf8_lossy(mark),
                    String::from_utf8_lossy(around),
                );
                found.push(format!("`{mark}` in {name} {what}: …{around}…"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}
