//! Documents (P10): passed on unopened and in constant memory, on record before their first byte and
//! closed by what left of them.

use std::time::Duration;

use aws_lc_rs::digest;
use covenant::entry::{Delivered, Disclosure, Event};
use http::Method;

use crate::caller::{Call, Version};
use crate::lab::{Scripted, Service};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

const STATEMENT: Service<'_> = Service {
    paths: r"
  /lab/customers/{customer_id}/statement:
    get:
      operationId: getStatement
      parameters:
        - {name: customer_id, in: path, required: true, schema: {type: string}}
      responses:
        '200':
          description: A statement
          content:
            application/pdf: {schema: {type: string, format: binary}}
  /lab/customers/{customer_id}/name:
    get:
      operationId: getName
      parameters:
        - {name: customer_id, in: path, required: true, schema: {type: string}}
      responses:
        '200':
          description: A name
          content:
            application/json:
              schema: {type: object, properties: {name: {type: string}}}",
    components: "",
    actions: r"
  - target: $.paths['/lab/customers/{customer_id}/statement'].get
    update: {x-covenant-channel: document}
  - target: $.paths['/lab/customers/{customer_id}/name'].get
    update: {x-covenant-channel: record}
  - target: $..parameters[?@.name == 'customer_id']
    update: {x-covenant-role: customer}
  - target: $..content['application/pdf']
    update: {x-covenant-data-category: user.content.private}
  - target: $..content['application/json'].schema
    update: {x-covenant-record: true}
  - target: $..schema.properties.name
    update: {x-covenant-data-category: user.name}",
    operations: &["getStatement", "getName"],
};

const PDF: &str = "application/pdf";

fn pdf(bytes: usize) -> Vec<u8> {
    let mut pdf = b"%PDF-1.7\n".to_vec();
    pdf.extend((0..bytes).map(|place| (place % 251) as u8));
    pdf
}

fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    let digits = digest.as_ref().iter();
    digits.map(|byte| format!("{byte:02x}")).collect()
}

async fn on_record(stand: &Stand, request_id: &str) -> (Disclosure, Delivered) {
    let mut events = stand.events_of(request_id, 2).await;
    match (events.remove(0), events.remove(0)) {
        (Event::Disclosure(opening), Event::Delivered(closing)) => (opening, closing),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn promise_10_a_document_is_on_record_before_and_after_it_left() {
    let (stand, core) = STATEMENT.start(&[], |_| {}).await;
    let own = stand.customers_of("acme").remove(0);
    let path = format!("/lab/customers/{own}/statement");
    for bytes in [100, 12 << 20] {
        let document = pdf(bytes);
        let length = document.len().to_string();
        let scripted = Scripted::new(PDF, document.clone()).header("content-length", &length);
        core.answer(&path, scripted);
        for version in [Version::Http1, Version::Http2] {
            let mut acme = stand.connect(&stand.credentials("acme"), version).await;
            let reply = acme.get(&path, SERVICE).await;
            assert_eq!(reply.status, 200, "{}", reply.header("content-type"));
            assert_eq!(reply.header("content-type"), PDF);
            assert_eq!(reply.header("covenant-decision"), "allow");
            assert!(reply.body == document);
            let (opening, closing) = on_record(&stand, reply.request_id()).await;
            assert_eq!(opening.answer_sha256, None);
            assert_eq!(opening.subjects[0].references, [stand.reference(&own)]);
            assert!(closing.complete);
            assert_eq!(closing.bytes, document.len() as u64);
            assert_eq!(closing.bytes_expected, Some(document.len() as u64));
            assert_eq!(closing.sha256, sha256(&document));
        }
    }
}

#[tokio::test]
async fn a_document_that_the_core_breaks_off_is_closed_as_incomplete() {
    let (stand, core) = STATEMENT.start(&[], |_| {}).await;
    let own = stand.customers_of("acme").remove(0);
    let path = format!("/lab/customers/{own}/statement");
    let half = pdf(500_000);
    let scripted = Scripted::new(PDF, half[..100_000].to_vec())
        .header("content-length", "1000000")
        .then(Duration::from_millis(50), half[100_000..].to_vec())
        .then(Duration::from_millis(300), "")
        .broken_off();
    core.answer(&path, scripted);
    for version in [Version::Http1, Version::Http2] {
        let mut acme = stand.connect(&stand.credentials("acme"), version).await;
        let arriving = acme.open(Call::get(&path).purpose(SERVICE)).await;
        assert_eq!(arriving.status, 200);
        let request_id = arriving.header("request-id").to_owned();
        let (received, complete) = arriving.rest().await;
        assert!(!complete, "the break is visible");
        let (_, closing) = on_record(&stand, &request_id).await;
        assert!(!closing.complete);
        assert_eq!(closing.because.as_deref(), Some("core-unavailable"));
        let left = usize::try_from(closing.bytes).unwrap();
        assert!(half.starts_with(&received) && left >= received.len());
        assert_eq!(closing.bytes_expected, Some(1_000_000));
        assert_eq!(closing.sha256, sha256(&half[..left]));
    }
}

#[tokio::test]
async fn one_kind_of_answer_is_not_passed_on_as_another() {
    let (stand, core) = STATEMENT.start(&[], |_| {}).await;
    let own = stand.customers_of("acme").remove(0);
    let statement = format!("/lab/customers/{own}/statement");
    let name = format!("/lab/customers/{own}/name");
    let json = "application/json";
    let canary = r#"{"name":"canary"}"#;
    let pdf = || pdf(100);
    for (path, scripted) in [
        (&name, Scripted::new(PDF, pdf())),
        (&name, Scripted::new(json, pdf())),
        (&statement, Scripted::new(json, canary)),
        (&statement, Scripted::new(PDF, canary)),
        (&statement, Scripted::new(PDF, "")),
        (
            &statement,
            Scripted::new(PDF, pdf()).header("content-encoding", "br"),
        ),
        (&statement, Scripted::new(PDF, pdf()).status(206)),
    ] {
        core.answer(path, scripted);
        let mut acme = stand.partner("acme").await;
        let reply = acme.get(path, SERVICE).await;
        refused(&reply, 502, "response-uninspectable");
        assert!(!reply.everything().contains("canary"));
        let events = stand.events_of(reply.request_id(), 1).await;
        assert!(matches!(events[..], [Event::Refusal(_)]), "{events:?}");
    }
}

#[tokio::test]
async fn the_document_of_another_partners_customer_is_not_found() {
    let (stand, core) = STATEMENT.start(&[], |_| {}).await;
    let foreign = stand.customers_of("bluebird").remove(0);
    let path = format!("/lab/customers/{foreign}/statement");
    core.answer(&path, Scripted::new(PDF, pdf(100)));
    let mut acme = stand.partner("acme").await;
    refused(&acme.get(&path, SERVICE).await, 404, "not-found");
    assert!(core.received().is_empty());
}

#[tokio::test]
async fn headers_of_a_document_are_asked_for_without_reading_it() {
    let (stand, core) = STATEMENT.start(&[], |_| {}).await;
    let own = stand.customers_of("acme").remove(0);
    let path = format!("/lab/customers/{own}/statement");
    core.answer(&path, Scripted::new(PDF, pdf(1_000)));
    let mut acme = stand.partner("acme").await;
    let head = Call::new(Method::HEAD, &path).purpose(SERVICE);
    let reply = acme.call(head).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
    assert_eq!(reply.header("content-type"), PDF);
    assert!(reply.header("content-length").is_empty());
    let (opening, closing) = on_record(&stand, reply.request_id()).await;
    assert_eq!(opening.subjects.len(), 1);
    assert_eq!(closing.because.as_deref(), Some("headers-only"));
}
