//! What a partner with good credentials, a core that errs, or a peer that never finishes would try:
//! whole requests over mutual TLS, through a gateway that runs as `covenant serve` runs it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use covenant::administration::client::Client;
use covenant::clock::Clock;
use covenant::demo::Demo;
use covenant::demo::client::{PartnerAnswer, PartnerClient};
use covenant::demo::core::{Core, Misbehaviour, World, misbehaving_book};
use covenant::serve::Running;
use covenant::starter::{self, Ports};
use http::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

const SERVICE: &str = "essential.service";
const SUPPORT: &str = "essential.service.operations.support";
const PDF: &[u8] = b"%PDF-1.4\n%%EOF\n";
/// Longer than any listener takes to drain, shorter than anyone's patience.
const STOP_SECONDS_MAX: u64 = 40;

struct Scene {
    demo: Demo,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn begin() -> Self {
        Self::with_contract(|contract| contract).await
    }

    /// A demo in which acme's contract is another.
    async fn with_contract(change: impl FnOnce(String) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (_, contract) = starter::POLICIES
            .into_iter()
            .find(|(name, _)| *name == "partners/acme.yaml")
            .unwrap();
        let path = folder.path().join("policies/partners/acme.yaml");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, change(contract.to_owned())).unwrap();
        let ports = Ports::free().unwrap();
        let demo = Demo::start(folder.path(), &ports, Clock::system()).await;
        Self {
            demo: demo.unwrap(),
            _folder: folder,
        }
    }

    async fn partner(&self, id: &str) -> PartnerClient {
        let address = self.demo.running().gateway_address();
        PartnerClient::connect(self.demo.directory(), id, address)
            .await
            .unwrap()
    }

    /// Customers of a partner.
    fn customers(&self, partner: &str) -> Vec<String> {
        let customers = self.demo.world().customers_of(Some(partner));
        customers.map(|customer| customer.id.clone()).collect()
    }
}

async fn upload(
    partner: &mut PartnerClient,
    customer: &str,
    purpose: &str,
    key: &str,
) -> PartnerAnswer {
    let target = format!("/v1/documents?customer_id={customer}&use_type=operational");
    let headers = [
        ("purpose-of-use", purpose),
        ("content-type", "application/pdf"),
        ("idempotency-key", key),
    ];
    partner
        .call(Method::POST, &target, &headers, Bytes::from_static(PDF))
        .await
        .unwrap()
}

fn list(customer: Value) -> Value {
    json!({"customer_id": customer, "name": "Friends", "use_type": "operational", "recipients": []})
}

fn id(answer: &PartnerAnswer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn code(answer: &PartnerAnswer) -> String {
    answer.json()["code"].as_str().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn an_upload_repeated_for_another_purpose_is_not_freed_for_it() {
    let scene = Scene::begin().await;
    let mut acme = scene.partner("acme").await;
    let customer = &scene.customers("acme")[0];
    let document = id(&upload(&mut acme, customer, SUPPORT, "once").await);
    let target = format!("/v1/documents/{document}");
    let before = acme.get(&target, SERVICE).await.unwrap();
    assert_eq!(code(&before), "purpose-not-allowed");
    let again = upload(&mut acme, customer, SERVICE, "once").await;
    assert_eq!(code(&again), "response-uninspectable");
    let after = acme.get(&target, SERVICE).await.unwrap();
    assert_eq!(code(&after), "purpose-not-allowed");
    scene.demo.stop().await;
}

#[tokio::test]
async fn every_thing_a_job_uses_is_held_to_its_own_purpose() {
    let scene = Scene::begin().await;
    let mut acme = scene.partner("acme").await;
    let customer = &scene.customers("acme")[0];
    let document = id(&upload(&mut acme, customer, SERVICE, "document").await);
    let friends = list(customer.as_str().into());
    let list = acme.post("/v1/address_lists", SUPPORT, &friends).await;
    let list = id(&list.unwrap());
    let job = json!({
        "customer_id": customer,
        "document_id": document,
        "address_list_id": list,
        "use_type": "operational",
    });
    let answer = acme.post("/v1/jobs", SERVICE, &job).await.unwrap();
    assert_eq!(code(&answer), "purpose-not-allowed");
    assert_eq!(answer.json()["executed"], "no");
    assert_eq!(
        acme.post("/v1/jobs", SUPPORT, &job).await.unwrap().status,
        201
    );
    scene.demo.stop().await;
}

#[tokio::test]
async fn what_would_be_nobodys_is_not_asked_for() {
    let scene = Scene::begin().await;
    let mut acme = scene.partner("acme").await;
    let received = scene.demo.core().received_count();
    let foreign = &scene.customers("bluebird")[0];
    let expected = [
        (json!(null), "request-malformed"),
        (json!([foreign]), "not-found"),
        (json!({"id": foreign}), "not-found"),
        (json!(1), "not-found"),
        (json!(foreign), "not-found"),
        (json!(" "), "not-found"),
    ];
    for (customer, refusal) in expected {
        let body = list(customer.clone());
        let answer = acme
            .post("/v1/address_lists", SERVICE, &body)
            .await
            .unwrap();
        assert_eq!(code(&answer), refusal, "{customer}");
    }
    assert_eq!(scene.demo.core().received_count(), received);
    scene.demo.stop().await;
}

#[tokio::test]
async fn a_change_that_was_made_is_not_said_to_be_worth_another_try() {
    let tight =
        |contract: String| contract.replace("customers_per_day: 500", "customers_per_day: 1");
    let scene = Scene::with_contract(tight).await;
    let mut acme = scene.partner("acme").await;
    let customer = json!({
        "name": "Ida Holt",
        "email": "ida@holt.example",
        "address": {"street": "1 Quay", "city": "Bath", "state": "ME", "postal_code": "04530", "country": "US"},
    });
    let only = &scene.customers("acme")[0];
    let first = acme.get(&format!("/v1/customers/{only}"), SERVICE).await;
    assert_eq!(first.unwrap().status, 200);
    let answer = acme
        .post("/v1/customers", SERVICE, &customer)
        .await
        .unwrap();
    assert_eq!(code(&answer), "customer-budget-exhausted");
    if answer.json()["executed"] != "no" {
        assert_eq!(answer.header("retry-after"), "");
    }
    let other = &scene.customers("acme")[1];
    let read = acme
        .get(&format!("/v1/customers/{other}"), SERVICE)
        .await
        .unwrap();
    assert_eq!(code(&read), "customer-budget-exhausted");
    assert_ne!(read.header("retry-after"), "");
    scene.demo.stop().await;
}

#[tokio::test]
async fn foreign_and_unknown_are_one_answer_wherever_they_are_named() {
    let scene = Scene::begin().await;
    let mut acme = scene.partner("acme").await;
    let foreign = &scene.customers("bluebird")[0];
    let pairs = [
        (
            format!("/v1/customers/{foreign}"),
            "/v1/customers/cus_none".to_owned(),
        ),
        (
            format!("/v1/jobs?customer_id={foreign}"),
            "/v1/jobs?customer_id=cus_none".to_owned(),
        ),
        (
            format!("/v1/customers?limit=5&cursor={foreign}"),
            "/v1/customers?limit=5&cursor=cus_none".to_owned(),
        ),
    ];
    for (one, other) in pairs {
        let first = acme.get(&one, SERVICE).await.unwrap();
        let second = acme.get(&other, SERVICE).await.unwrap();
        assert_eq!(first.status, second.status, "{one}");
        let plain = |answer: &PartnerAnswer| {
            let mut document = answer.json();
            document["request_id"] = Value::Null;
            document["instance"] = Value::Null;
            document.to_string()
        };
        assert_eq!(plain(&first), plain(&second), "{one}");
        let names = |answer: &PartnerAnswer| {
            answer
                .headers
                .keys()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&first), names(&second), "{one}");
    }
    scene.demo.stop().await;
}

#[tokio::test]
async fn another_spelling_of_an_own_id_is_nobodys() {
    let scene = Scene::begin().await;
    let mut acme = scene.partner("acme").await;
    let own = &scene.customers("acme")[0];
    for spelled in [
        own.to_uppercase(),
        own.replace('c', "%D1%81"),
        format!("{own}%20"),
        format!("{own}%C2%A0"),
    ] {
        let answer = acme
            .get(&format!("/v1/customers/{spelled}"), SERVICE)
            .await
            .unwrap();
        assert_eq!(code(&answer), "not-found", "{spelled}");
    }
    let encoded = own.replace('_', "%5F");
    let answer = acme
        .get(&format!("/v1/customers/{encoded}"), SERVICE)
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    scene.demo.stop().await;
}

#[tokio::test]
async fn a_head_request_is_decided_charged_and_empty() {
    let scene = Scene::begin().await;
    let mut acme = scene.partner("acme").await;
    let (own, foreign) = (&scene.customers("acme")[0], &scene.customers("bluebird")[0]);
    let headers = [("purpose-of-use", SERVICE)];
    for (customer, status) in [(own, 200), (foreign, 404)] {
        let target = format!("/v1/customers/{customer}");
        let answer = acme
            .call(Method::HEAD, &target, &headers, Bytes::new())
            .await
            .unwrap();
        assert_eq!(answer.status, status);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("covenant-budget").is_empty(), status != 200);
    }
    scene.demo.stop().await;
}

#[tokio::test]
async fn counts_around_a_list_count_the_partners_own() {
    let scene = Scene::begin().await;
    let mut acme = scene.partner("acme").await;
    let target = "/v1/customers?limit=1&include[]=total_count";
    let answer = acme.get(target, SERVICE).await.unwrap();
    let own = scene.customers("acme").len();
    assert_eq!(answer.json()["total_count"], own, "{answer:?}");
    scene.demo.stop().await;
}

#[tokio::test]
async fn another_partners_idempotency_key_gives_nothing_away() {
    let scene = Scene::begin().await;
    let made = |customer: &str| {
        let jobs = scene.demo.world().jobs().iter();
        let mut jobs = jobs.filter(|job| job.customer_id == customer);
        let job = jobs.next().unwrap();
        json!({
            "customer_id": customer,
            "document_id": job.document_id,
            "address_list_id": job.address_list_id,
            "use_type": "operational",
        })
    };
    let mut ids = Vec::new();
    for partner in ["acme", "bluebird"] {
        let customer = &scene.customers(partner)[0];
        let headers = [
            ("purpose-of-use", SERVICE),
            ("content-type", "application/json"),
            ("idempotency-key", "order-1"),
        ];
        let body = Bytes::from(made(customer).to_string());
        let mut client = scene.partner(partner).await;
        let answer = client.call(Method::POST, "/v1/jobs", &headers, body).await;
        let answer = answer.unwrap();
        if partner == "acme" {
            ids = vec![id(&answer), customer.clone()];
        } else {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(ids.iter().all(|id| !text.contains(id.as_str())), "{text}");
        }
    }
    scene.demo.stop().await;
}

#[tokio::test]
async fn a_record_that_does_not_say_whose_it_is_is_not_taken_for_the_asked_ones() {
    let Scene { demo, _folder } = Scene::begin().await;
    let (directory, mut config) = (demo.directory().to_owned(), demo.config().clone());
    demo.stop().await;
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let core = Core::start_with(&World::invent(), address, Misbehaviour::Offered)
        .await
        .unwrap();
    let service = config.services.get_mut("mailing").unwrap();
    service.base_url = format!("http://{}", core.address());
    let running = Running::start(&config, Clock::system()).await.unwrap();
    let lines = misbehaving_book("acme");
    let lines = lines.iter().map(|row| serde_json::to_string(row).unwrap());
    let book = lines.collect::<Vec<_>>().join("\n");
    let operator = Client::new(&config.administration.socket, None);
    let _: Value = operator
        .post_file("/customers/import", book.into())
        .await
        .unwrap();
    let mut acme = PartnerClient::connect(&directory, "acme", running.gateway_address())
        .await
        .unwrap();
    for customer in ["cus_unowned", "cus_swapped", "cus_extra"] {
        let answer = acme
            .get(&format!("/v1/customers/{customer}"), SERVICE)
            .await;
        let answer = answer.unwrap();
        if customer == "cus_extra" {
            assert_eq!(answer.json()["id"], customer, "{answer:?}");
        } else {
            assert_eq!(code(&answer), "response-uninspectable", "{customer}");
        }
    }
    running.stop().await;
    drop(core);
}

#[tokio::test]
async fn callers_that_never_finish_do_not_keep_the_gateway_from_stopping() {
    let scene = Scene::begin().await;
    let acme = scene.partner("acme").await;
    let operator = scene.demo.running().operator_address();
    let mut scraper = tokio::net::TcpStream::connect(operator).await.unwrap();
    scraper
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: ")
        .await
        .unwrap();
    let socket = &scene.demo.config().administration.socket;
    let mut person = tokio::net::UnixStream::connect(socket).await.unwrap();
    person
        .write_all(b"GET /partners HTTP/1.1\r\nhost: ")
        .await
        .unwrap();
    // Both have been taken up once a later call on the same listener has been answered.
    let mut later = tokio::net::TcpStream::connect(operator).await.unwrap();
    later
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut later, &mut answer)
        .await
        .unwrap();
    assert!(answer.ends_with("alive\n"), "{answer}");
    let stopped = tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), scene.demo.stop());
    assert!(stopped.await.is_ok(), "the gateway did not stop");
    drop((acme, scraper, person));
}
