//! Answers that are larger than can be judged whole (P12, P13): they leave in batches, each on record
//! first, or not at all; what goes wrong ends them visibly, and the ledger says what left.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use covenant::config::Config;
use covenant::entry::{Delivered, Disclosure, Event};
use http::Method;

use crate::caller::{Call, Version};
use crate::lab::{Scripted, ScriptedCore, Service};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

pub(crate) const EXPORT: Service<'_> = Service {
    paths: r"
  /lab/export:
    get:
      operationId: exportPieces
      responses:
        '200':
          description: Pieces
          content:
            application/json:
              schema:
                type: object
                properties:
                  count: {type: integer}
                  data:
                    type: array
                    items: {$ref: '#/components/schemas/Piece'}
  /lab/lines:
    get:
      operationId: listLines
      responses:
        '200':
          description: Pieces
          content:
            application/x-ndjson:
              schema: {$ref: '#/components/schemas/Piece'}
  /lab/table:
    get:
      operationId: listTable
      responses:
        '200':
          description: Pieces
          content:
            text/csv:
              schema:
                type: array
                items: {$ref: '#/components/schemas/Piece'}",
    components: r"
  schemas:
    Piece:
      type: object
      required: [id, customer, name]
      properties:
        id: {type: string}
        customer: {type: string}
        name: {type: string}
        secret: {type: string}",
    actions: r"
  - target: $.paths['/lab/export'].get
    update: {x-covenant-channel: list}
  - target: $.paths['/lab/lines'].get
    update: {x-covenant-channel: list}
  - target: $.paths['/lab/table'].get
    update: {x-covenant-channel: list}
  - target: $..properties.count
    update: {x-covenant-data-category: system.operations}
  - target: $.components.schemas.Piece
    update: {x-covenant-record: true}
  - target: $..properties.customer
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $..properties.id
    update: {x-covenant-data-category: system.operations}
  - target: $..properties.name
    update: {x-covenant-data-category: user.name}",
    operations: &["exportPieces", "listLines", "listTable"],
};

pub(crate) const LARGE: (&str, &str, &str) = (
    "partners/acme.yaml",
    "page_records_max: 100",
    "page_records_max: 100\nlarge_answer_records_max: 1000000",
);
pub(crate) const EXPORT_PATH: &str = "/lab/export";
const LINES_PATH: &str = "/lab/lines";
pub(crate) const JSON: &str = "application/json";
const TABLE_PATH: &str = "/lab/table";
const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";
/// Small enough that a test need not send megabytes.
pub(crate) const WHOLE_BYTES_MAX: u32 = 64 << 10;

pub(crate) fn small(config: &mut Config) {
    config.limits.whole_answer_bytes_max = WHOLE_BYTES_MAX;
}

async fn start(edits: &[(&str, &str, &str)]) -> (Stand, ScriptedCore) {
    EXPORT.start(edits, small).await
}

/// Customers of acme, fewer than its budget has.
pub(crate) fn own(stand: &Stand) -> Vec<String> {
    let mut own = stand.customers_of("acme");
    own.truncate(200);
    own
}

/// One record as the core says it, and what is left of it.
fn record(number: usize, customer: &str) -> (String, String) {
    let name = format!("Ann {}", "\u{e9}".repeat(100));
    let kept = format!(r#"{{"id":"{number}","customer":"{customer}","name":"{name}"}}"#);
    let all = kept.replace('}', r#","secret":"canary"}"#);
    (all, kept)
}

/// Records of these customers in turn, as many as fill so many bytes, and what is left of them.
fn records(customers: &[String], bytes: usize) -> (Vec<String>, Vec<String>) {
    let mut all = (Vec::new(), Vec::new());
    let mut sum = 0;
    for (number, customer) in customers.iter().cycle().enumerate() {
        let (one, kept) = record(number, customer);
        sum += one.len();
        all.0.push(one);
        all.1.push(kept);
        if sum > bytes {
            break;
        }
    }
    all
}

fn export(records: &[String]) -> String {
    format!(
        r#"{{"count":{},"data":[{}]}}"#,
        records.len(),
        records.join(",")
    )
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    let digits = digest.as_ref().iter();
    digits.map(|byte| format!("{byte:02x}")).collect()
}

/// What the ledger says of a streamed answer: its disclosures, and the entry that closes them.
pub(crate) async fn on_record(stand: &Stand, request_id: &str) -> (Vec<Disclosure>, Delivered) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut events = stand.events_of(request_id, 1).await;
        if let Some(Event::Delivered(delivered)) = events.pop() {
            let parts: Vec<_> = events
                .into_iter()
                .map(|event| match event {
                    Event::Disclosure(disclosure) => disclosure,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(usize::try_from(delivered.parts), Ok(parts.len()));
            for (number, part) in (1..).zip(&parts) {
                assert_eq!(part.part.map(|part| part.number), Some(number));
            }
            return (parts, delivered);
        }
        assert!(tokio::time::Instant::now() < deadline, "it is not closed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn references(parts: &[Disclosure]) -> BTreeSet<String> {
    let groups = parts.iter().flat_map(|part| &part.subjects);
    groups.flat_map(|group| group.references.clone()).collect()
}

pub(crate) fn references_of(stand: &Stand, customers: &[String]) -> BTreeSet<String> {
    customers.iter().map(|id| stand.reference(id)).collect()
}

pub(crate) async fn receive(
    stand: &Stand,
    version: Version,
    path: &str,
) -> (String, Vec<u8>, bool) {
    let mut acme = stand.connect(&stand.credentials("acme"), version).await;
    let arriving = acme.open(Call::get(path).purpose(SERVICE)).await;
    assert_eq!(arriving.status, 200);
    let request_id = arriving.header("request-id").to_owned();
    let (received, complete) = arriving.rest().await;
    (request_id, received, complete)
}

/// Bytes that a connection may hold when an answer is broken off. They count as left.
const UNDER_WAY_MAX: usize = 256 << 10;

/// What is on record of an answer of `path` that ended early is what was received, but for what the connection
/// held; and why it ended. `whole` tells from the beginning that was received what would have left.
pub(crate) async fn ended_early_of(
    stand: &Stand,
    path: &str,
    because: &str,
    whole: impl Fn(&[u8]) -> Vec<u8>,
) -> Vec<Disclosure> {
    let mut last = Vec::new();
    for version in [Version::Http1, Version::Http2] {
        let (request_id, received, complete) = receive(stand, version, path).await;
        assert!(!complete, "the end is visible");
        let (parts, delivered) = on_record(stand, &request_id).await;
        assert!(!delivered.complete);
        assert_eq!(delivered.because.as_deref(), Some(because));
        let left = usize::try_from(delivered.bytes).unwrap();
        let whole = whole(&received);
        assert!(whole.starts_with(&received));
        assert_eq!(delivered.sha256, sha256(&whole[..left]));
        let under_way = left.checked_sub(received.len());
        assert!(under_way.is_some_and(|bytes| bytes <= UNDER_WAY_MAX));
        last = parts;
    }
    last
}

/// Likewise of the export, of which the records `kept` would have left.
async fn ended_early(stand: &Stand, kept: &[String], because: &str) -> Vec<Disclosure> {
    let whole = |received: &[u8]| {
        // The count before them is that of the core.
        let begins = received.windows(8).position(|bytes| bytes == b"\"data\":[");
        let begins = begins.expect("records") + 8;
        [&received[..begins], kept.join(",").as_bytes()].concat()
    };
    ended_early_of(stand, EXPORT_PATH, because, whole).await
}

#[tokio::test]
async fn promise_12_a_large_answer_streams_and_its_entries_name_whoever_was_in_it() {
    let (stand, core) = EXPORT.start(&[LARGE], |_| {}).await;
    let own = own(&stand);
    let foreign = stand.customers_of("bluebird");
    let (all, kept) = records(&own, 20 << 20);
    let mut mixed = all.clone();
    for place in (0..mixed.len()).step_by(5_000) {
        mixed.insert(place, record(place, &foreign[0]).0);
    }
    let body = export(&mixed);
    let expected = export(&kept).replacen(&kept.len().to_string(), &mixed.len().to_string(), 1);
    let length = body.len().to_string();
    let scripted = Scripted::new(JSON, body).header("content-length", &length);
    core.answer(EXPORT_PATH, scripted);
    for version in [Version::Http1, Version::Http2] {
        let mut acme = stand.connect(&stand.credentials("acme"), version).await;
        let arriving = acme.open(Call::get(EXPORT_PATH).purpose(SERVICE)).await;
        assert_eq!(arriving.status, 200);
        assert_eq!(arriving.header("covenant-decision"), "redact");
        let redacted = "\"$.data[*].secret\";method=removal;promise=\"P1\"";
        assert_eq!(arriving.header("covenant-redacted"), redacted);
        assert_eq!(arriving.header("content-type"), JSON);
        assert!(arriving.header("content-length").is_empty());
        assert!(!arriving.header("covenant-budget").is_empty());
        let request_id = arriving.header("request-id").to_owned();
        let (received, complete) = arriving.rest().await;
        assert!(complete);
        assert!(received == expected.as_bytes(), "{} bytes", received.len());
        let (parts, delivered) = on_record(&stand, &request_id).await;
        assert!(parts.len() > 100);
        assert_eq!(references(&parts), references_of(&stand, &own));
        assert!(delivered.complete && delivered.because.is_none());
        assert_eq!(delivered.bytes, received.len() as u64);
        assert_eq!(delivered.sha256, sha256(&received));
        assert!(parts.iter().all(|part| part.answer_sha256.is_some()));
        let mut of_records = parts.iter().filter(|part| !part.subjects.is_empty());
        assert!(of_records.all(|part| part.decision == "redact"));
    }
}

#[tokio::test]
async fn promise_13_a_budget_that_runs_out_ends_the_answer_where_it_does() {
    let few = (
        "partners/acme.yaml",
        "customers_per_day: 500",
        "customers_per_day: 3",
    );
    let (stand, core) = start(&[LARGE, few]).await;
    let own = own(&stand);
    let (mut all, kept) = records(&own[..3], 200 << 10);
    all.extend(records(&own[3..5], 100 << 10).0);
    core.answer(EXPORT_PATH, Scripted::new(JSON, export(&all)));
    let parts = ended_early(&stand, &kept, "customer-budget-exhausted").await;
    assert_eq!(references(&parts), references_of(&stand, &own[..3]));
    // One whose first batch is too much is refused as any.
    let (all, _) = records(&own[3..8], 200 << 10);
    core.answer(EXPORT_PATH, Scripted::new(JSON, export(&all)));
    let mut acme = stand.partner("acme").await;
    let reply = acme.get(EXPORT_PATH, SERVICE).await;
    refused(&reply, 429, "customer-budget-exhausted");
    assert!(reply.header("covenant-budget").contains("r=0"));
}

#[tokio::test]
async fn promise_1_what_cannot_be_judged_ends_the_answer_before_it() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let (all, kept) = records(&own, 400 << 10);
    let middle = all.len() / 2;
    let broken = [
        r#"{"id":"x","id":"x"}"#.to_owned(),
        r#"{"id":7}"#.to_owned(),
        r#"{"id":"nobody's","name":"canary"}"#.to_owned(),
        format!(r#"{{"id":"{}"}}"#, "x".repeat(300 << 10)),
        "{\"id\":\"\u{1}\"}".to_owned(),
        "]".to_owned(),
    ];
    for one in broken {
        let mut all = all.clone();
        all.insert(middle, one);
        core.answer(EXPORT_PATH, Scripted::new(JSON, export(&all)));
        ended_early(&stand, &kept, "response-uninspectable").await;
    }
    let trailing = format!("{} x", export(&all));
    core.answer(EXPORT_PATH, Scripted::new(JSON, trailing));
    ended_early(&stand, &kept, "response-uninspectable").await;
    let cut = export(&all).into_bytes()[..200 << 10].to_vec();
    let cut = Scripted::new(JSON, cut);
    let pause = Duration::from_millis(300);
    core.answer(EXPORT_PATH, cut.clone().then(pause, "").broken_off());
    ended_early(&stand, &kept, "core-unavailable").await;
    core.answer(EXPORT_PATH, cut);
    ended_early(&stand, &kept, "response-uninspectable").await;
    // In the first batch, it is refused as in any answer.
    let mut all = all;
    all.insert(1, r#"{"id":7,"name":"canary"}"#.to_owned());
    core.answer(EXPORT_PATH, Scripted::new(JSON, export(&all)));
    let mut acme = stand.partner("acme").await;
    let reply = acme.get(EXPORT_PATH, SERVICE).await;
    refused(&reply, 502, "response-uninspectable");
    assert!(!reply.everything().contains("Ann"));
}

#[tokio::test]
async fn a_contract_says_how_many_records_a_large_answer_may_have() {
    let some = (
        "partners/acme.yaml",
        LARGE.1,
        "page_records_max: 100\nlarge_answer_records_max: 700",
    );
    let (stand, core) = start(&[some]).await;
    let own = own(&stand);
    let (all, kept) = records(&own, 400 << 10);
    assert!(all.len() > 701);
    core.answer(EXPORT_PATH, Scripted::new(JSON, export(&all)));
    ended_early(&stand, &kept, "page-too-large").await;
    core.answer(EXPORT_PATH, Scripted::new(JSON, export(&all[..700])));
    let (_, received, complete) = receive(&stand, Version::Http1, EXPORT_PATH).await;
    assert!(complete && received.len() > 100 << 10);
    // Below the limit of what is judged whole, it holds too.
    core.answer(EXPORT_PATH, Scripted::new(JSON, export(&all[..150])));
    let mut acme = stand.partner("acme").await;
    let reply = acme.get(EXPORT_PATH, SERVICE).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
}

#[tokio::test]
async fn without_large_answers_in_the_contract_nothing_of_one_leaves() {
    let (stand, core) = start(&[]).await;
    let own = own(&stand);
    let (all, _) = records(&own, 400 << 10);
    let body = export(&all);
    let length = body.len().to_string();
    for scripted in [
        Scripted::new(JSON, body.clone()),
        Scripted::new(JSON, body).header("content-length", &length),
    ] {
        core.answer(EXPORT_PATH, scripted);
        let mut acme = stand.partner("acme").await;
        let reply = acme.get(EXPORT_PATH, SERVICE).await;
        refused(&reply, 502, "response-uninspectable");
        assert!(!reply.everything().contains("Ann"));
        let events = stand.events_of(reply.request_id(), 1).await;
        assert!(matches!(events[..], [Event::Refusal(_)]), "{events:?}");
    }
}

#[tokio::test]
async fn whoever_goes_away_gets_nothing_further_and_the_record_is_closed() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let (all, _) = records(&own, 8 << 20);
    core.answer(EXPORT_PATH, Scripted::new(JSON, export(&all)));
    for version in [Version::Http1, Version::Http2] {
        let mut acme = stand.connect(&stand.credentials("acme"), version).await;
        let mut arriving = acme.open(Call::get(EXPORT_PATH).purpose(SERVICE)).await;
        let request_id = arriving.header("request-id").to_owned();
        let first = arriving.next().await.unwrap().unwrap();
        drop((arriving, acme));
        let (parts, delivered) = on_record(&stand, &request_id).await;
        assert!(!delivered.complete);
        assert_eq!(delivered.because.as_deref(), Some("client-left"));
        assert!(delivered.bytes >= first.len() as u64);
        assert!(delivered.bytes < 7 << 20);
        assert!(!parts.is_empty());
    }
}

#[tokio::test]
async fn records_of_a_slow_core_leave_while_it_pauses() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let (all, kept) = records(&own, 100 << 10);
    let body = export(&all).into_bytes();
    let (one, other) = body.split_at(body.len() - 400);
    let pause = Duration::from_secs(4);
    let scripted = Scripted::new(JSON, one.to_vec()).then(pause, other.to_vec());
    core.answer(EXPORT_PATH, scripted);
    let (request_id, received, complete) = receive(&stand, Version::Http1, EXPORT_PATH).await;
    assert!(complete);
    assert!(received == export(&kept).as_bytes());
    // The last batch is what came after the pause: one record or two.
    let (parts, _) = on_record(&stand, &request_id).await;
    let last = references(&parts[parts.len() - 1..]);
    assert!((1..=2).contains(&last.len()), "{last:?}");
}

#[tokio::test]
async fn whoever_is_suspended_meanwhile_gets_nothing_further() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let body = export(&records(&own, 200 << 10).0).into_bytes();
    let (one, other) = body.split_at(150 << 10);
    let pause = Duration::from_secs(2);
    let scripted = Scripted::new(JSON, one.to_vec()).then(pause, other.to_vec());
    core.answer(EXPORT_PATH, scripted);
    let mut acme = stand.partner("acme").await;
    let arriving = acme.open(Call::get(EXPORT_PATH).purpose(SERVICE)).await;
    let request_id = arriving.header("request-id").to_owned();
    let partner = covenant::terms::PartnerId::parse("acme").unwrap();
    let partner = covenant::terms::Principal::Partner(partner);
    let registry = &stand.running().gateway().registry;
    let suspension = covenant::registry::Suspension {
        since: stand.clock.now(),
        by: "Leo".into(),
        because: "a test".into(),
    };
    registry.suspend(&partner, suspension, 0).await.unwrap();
    let (received, complete) = arriving.rest().await;
    assert!(!complete && received.len() < 180 << 10);
    let (_, delivered) = on_record(&stand, &request_id).await;
    assert_eq!(delivered.because.as_deref(), Some("partner-suspended"));
    assert!(delivered.bytes >= received.len() as u64);
}

#[tokio::test]
async fn a_ledger_that_fails_ends_the_answer() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let body = export(&records(&own, 4 << 20).0);
    let mut pieces = body
        .as_bytes()
        .chunks(128 << 10)
        .map(Bytes::copy_from_slice);
    let mut scripted = Scripted::new(JSON, pieces.next().unwrap());
    for piece in pieces {
        scripted = scripted.then(Duration::from_millis(150), piece);
    }
    core.answer(EXPORT_PATH, scripted);
    let mut acme = stand.partner("acme").await;
    let arriving = acme.open(Call::get(EXPORT_PATH).purpose(SERVICE)).await;
    let request_id = arriving.header("request-id").to_owned();
    std::fs::remove_file(stand.ledger().join("journal/0000000000.segment")).unwrap();
    let (received, complete) = arriving.rest().await;
    assert!(!complete);
    assert!(!request_id.is_empty() && received.len() < 4 << 20);
    let reply = acme_again(&stand).await;
    assert_eq!(reply, 503);
}

async fn acme_again(stand: &Stand) -> u16 {
    let mut acme = stand.partner("acme").await;
    acme.get(EXPORT_PATH, SERVICE).await.status.as_u16()
}

#[tokio::test]
async fn a_gateway_that_stops_closes_what_streams() {
    let (mut stand, core) = EXPORT
        .start(&[LARGE], |config| {
            small(config);
            config.limits.drain_seconds_max = 1;
        })
        .await;
    let own = own(&stand);
    let body = export(&records(&own, 200 << 10).0).into_bytes();
    let (one, other) = body.split_at(150 << 10);
    let pause = Duration::from_secs(8);
    let scripted = Scripted::new(JSON, one.to_vec()).then(pause, other.to_vec());
    core.answer(EXPORT_PATH, scripted);
    let mut acme = stand.partner("acme").await;
    let arriving = acme.open(Call::get(EXPORT_PATH).purpose(SERVICE)).await;
    let request_id = arriving.header("request-id").to_owned();
    stand.restart().await;
    let (received, complete) = arriving.rest().await;
    assert!(!complete);
    let (_, delivered) = on_record(&stand, &request_id).await;
    assert_eq!(delivered.because.as_deref(), Some("client-left"));
    assert!(delivered.bytes >= received.len() as u64);
}

#[tokio::test]
async fn lines_are_filtered_one_by_one_whole_and_streamed() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let foreign = stand.customers_of("bluebird").remove(0);
    for bytes in [10 << 10, 300 << 10] {
        let (mut all, kept) = records(&own, bytes);
        all.insert(1, record(1, &foreign).0);
        core.answer(LINES_PATH, Scripted::new(NDJSON, all.join("\n")));
        let mut acme = stand.partner("acme").await;
        let reply = acme.get(LINES_PATH, SERVICE).await;
        assert_eq!(reply.status, 200, "{}", reply.everything());
        assert_eq!(reply.header("content-type"), NDJSON);
        assert_eq!(reply.header("covenant-decision"), "redact");
        let expected: String = kept.iter().map(|one| format!("{one}\n")).collect();
        assert!(reply.body == expected);
    }
    assert_eq!(core.received()[0].headers["accept"], NDJSON);
    for broken in ["\n{}", "[]", "{}{}", "{\n}"] {
        core.answer(LINES_PATH, Scripted::new(NDJSON, broken.to_owned()));
        let mut acme = stand.partner("acme").await;
        let reply = acme.get(LINES_PATH, SERVICE).await;
        refused(&reply, 502, "response-uninspectable");
    }
    core.answer(LINES_PATH, Scripted::new(NDJSON, ""));
    let mut acme = stand.partner("acme").await;
    let reply = acme.get(LINES_PATH, SERVICE).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
}

#[tokio::test]
async fn a_table_streams_row_by_row_under_the_columns_of_the_grant() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let foreign = stand.customers_of("bluebird").remove(0);
    let mut table = "id,secret,customer,name\r\n".to_owned();
    let mut expected = "id,customer,name\r\n".to_owned();
    for (number, customer) in own.iter().cycle().take(6_000).enumerate() {
        let name = "\"Ann\r\n\"\"Lee\"\", =1\"";
        table.push_str(&format!("{number},canary,{customer},{name}\r\n"));
        expected.push_str(&format!("{number},{customer},{name}\r\n"));
        if number % 1_000 == 7 {
            table.push_str(&format!("{number},canary,{foreign},canary\r\n"));
        }
    }
    core.answer(TABLE_PATH, Scripted::new(CSV, table.clone()));
    for version in [Version::Http1, Version::Http2] {
        let (request_id, received, complete) = receive(&stand, version, TABLE_PATH).await;
        assert!(complete);
        assert!(received == expected.as_bytes(), "{} bytes", received.len());
        let (parts, delivered) = on_record(&stand, &request_id).await;
        assert!(parts.len() > 5);
        assert_eq!(references(&parts), references_of(&stand, &own));
        assert_eq!(delivered.sha256, sha256(&received));
    }
    // A row that has a cell too many ends it before that row, visibly.
    core.answer(
        TABLE_PATH,
        Scripted::new(CSV, format!("{table}1,2,3,4,5\r\n")),
    );
    let (request_id, received, complete) = receive(&stand, Version::Http1, TABLE_PATH).await;
    assert!(!complete && expected.as_bytes().starts_with(&received));
    let (_, delivered) = on_record(&stand, &request_id).await;
    assert_eq!(delivered.because.as_deref(), Some("response-uninspectable"));
}

#[tokio::test]
async fn promise_12_a_large_answer_of_which_nothing_leaves_is_empty_and_on_record() {
    let (stand, core) = start(&[LARGE]).await;
    let foreign = stand.customers_of("bluebird").remove(0);
    let (all, _) = records(std::slice::from_ref(&foreign), 300 << 10);
    let rows: String = (0..10_000)
        .map(|number| format!("{number},{foreign},canary\r\n"))
        .collect();
    for (path, media_type, body, left) in [
        (LINES_PATH, NDJSON, all.join("\n"), ""),
        (
            EXPORT_PATH,
            JSON,
            format!(r#"{{"data":[{}]}}"#, all.join(",")),
            r#"{"data":[]}"#,
        ),
        (
            TABLE_PATH,
            CSV,
            format!("id,customer,name\r\n{rows}"),
            "id,customer,name\r\n",
        ),
    ] {
        core.answer(path, Scripted::new(media_type, body));
        for version in [Version::Http1, Version::Http2] {
            let (request_id, received, complete) = receive(&stand, version, path).await;
            assert!(complete && received == left.as_bytes(), "{path}");
            let (parts, delivered) = on_record(&stand, &request_id).await;
            assert!(!parts.is_empty() && parts.iter().all(|part| part.subjects.is_empty()));
            assert!(delivered.complete && delivered.because.is_none());
            assert_eq!(delivered.sha256, sha256(&received));
        }
    }
}

#[tokio::test]
async fn each_part_of_a_large_answer_is_on_record_by_what_was_withheld_of_it() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let (with_secret, without) = records(&own, 200 << 10);
    let body = [without, with_secret].concat().join("\n");
    core.answer(LINES_PATH, Scripted::new(NDJSON, body));
    let mut acme = stand.partner("acme").await;
    let reply = acme.get(LINES_PATH, SERVICE).await;
    // It leaves before anything of the answer is seen.
    assert_eq!(reply.header("covenant-decision"), "redact");
    let (parts, _) = on_record(&stand, reply.request_id()).await;
    let told = parts
        .iter()
        .map(|part| (&*part.decision, part.withheld.len()));
    let told: BTreeSet<(&str, usize)> = told.collect();
    assert_eq!(told, BTreeSet::from([("allow", 0), ("redact", 1)]));
    assert_eq!(parts[0].decision, "allow");
}

#[tokio::test]
async fn whoever_leaves_an_answer_of_which_nothing_has_left_is_noticed() {
    let (stand, core) = start(&[LARGE]).await;
    let foreign = stand.customers_of("bluebird").remove(0);
    let (all, _) = records(&[foreign], 5 << 20);
    let mut scripted = Scripted::new(NDJSON, all.join("\n") + "\n");
    for _ in 0..100 {
        let pause = Duration::from_millis(500);
        scripted = scripted.then(pause, all[..100].join("\n") + "\n");
    }
    core.answer(LINES_PATH, scripted);
    for version in [Version::Http1, Version::Http2] {
        let mut acme = stand.connect(&stand.credentials("acme"), version).await;
        // It begins long before the core has said all.
        let arriving = acme.open(Call::get(LINES_PATH).purpose(SERVICE)).await;
        assert_eq!(arriving.status, 200);
        let request_id = arriving.header("request-id").to_owned();
        drop((arriving, acme));
        let (parts, delivered) = on_record(&stand, &request_id).await;
        assert!(parts.iter().all(|part| part.subjects.is_empty()));
        assert_eq!((delivered.bytes, delivered.complete), (0, false));
        assert_eq!(delivered.because.as_deref(), Some("client-left"));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn one_coding_is_undone_and_no_other() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let (all, kept) = records(&own, 300 << 10);
    let coded = gzip(export(&all).as_bytes());
    let gzipped = |bytes: Vec<u8>| Scripted::new(JSON, bytes).header("content-encoding", "gzip");
    core.answer(EXPORT_PATH, gzipped(coded.clone()));
    let (request_id, received, complete) = receive(&stand, Version::Http1, EXPORT_PATH).await;
    assert!(complete && received == export(&kept).as_bytes());
    let (_, delivered) = on_record(&stand, &request_id).await;
    assert_eq!(delivered.bytes_expected, None);
    let cut = coded[..coded.len() - 4].to_vec();
    let twice = [coded.clone(), coded.clone()].concat();
    for broken in [cut, twice] {
        core.answer(EXPORT_PATH, gzipped(broken));
        ended_early(&stand, &kept, "response-uninspectable").await;
    }
    // Many megabytes of one customer's record, out of a few kilobytes.
    let bomb = format!("{{\"data\":[{}{}]}}", " ".repeat(30 << 20), all[0]);
    let stacked = Scripted::new(JSON, gzip(&coded)).header("content-encoding", "gzip, gzip");
    let both = Scripted::new(JSON, gzip(&coded))
        .header("content-encoding", "gzip")
        .header("content-encoding", "gzip");
    let unknown = Scripted::new(JSON, coded).header("content-encoding", "br");
    for scripted in [gzipped(gzip(bomb.as_bytes())), stacked, both, unknown] {
        core.answer(EXPORT_PATH, scripted);
        let mut acme = stand.partner("acme").await;
        let reply = acme.get(EXPORT_PATH, SERVICE).await;
        refused(&reply, 502, "response-uninspectable");
        assert!(!reply.everything().contains("Ann"));
    }
    assert_eq!(core.received()[0].headers["accept-encoding"], "identity");
}

#[tokio::test]
async fn headers_of_a_large_answer_are_those_of_the_grant() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let (all, _) = records(&own, 300 << 10);
    core.answer(EXPORT_PATH, Scripted::new(JSON, export(&all)));
    for version in [Version::Http1, Version::Http2] {
        let mut acme = stand.connect(&stand.credentials("acme"), version).await;
        let head = Call::new(Method::HEAD, EXPORT_PATH).purpose(SERVICE);
        let reply = acme.call(head).await;
        assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
        assert_eq!(reply.header("covenant-decision"), "redact");
        assert!(reply.header("content-length").is_empty());
        let (parts, delivered) = on_record(&stand, reply.request_id()).await;
        assert!(parts[0].subjects.is_empty());
        assert_eq!((delivered.bytes, delivered.complete), (0, false));
        assert_eq!(delivered.because.as_deref(), Some("headers-only"));
    }
}
