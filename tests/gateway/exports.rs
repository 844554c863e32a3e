//! Answers in XML that are larger than can be judged whole (P1, P12, P13): as those in JSON, they leave in
//! batches of records, each on record first; what goes wrong ends them visibly.

use std::time::Duration;

use covenant::entry::Disclosure;

use crate::caller::{Call, Version};
use crate::lab::{Scripted, ScriptedCore, Service};
use crate::large::{
    LARGE, ended_early_of, on_record, own, receive, references, references_of, sha256, small,
};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

const EXPORT: Service<'_> = Service {
    paths: r"
  /lab/addresses:
    get:
      operationId: exportAddresses
      responses:
        '200':
          description: Addresses
          content:
            application/xml:
              schema:
                type: object
                xml: {name: addressList, namespace: 'urn:lab:list'}
                properties:
                  count: {type: integer, xml: {attribute: true, name: Count}}
                  note: {type: string}
                  contents:
                    type: array
                    xml: {wrapped: true}
                    items: {$ref: '#/components/schemas/Address'}
  /lab/address:
    get:
      operationId: readAddress
      responses:
        '200':
          description: One of them
          content:
            application/xml: {schema: {$ref: '#/components/schemas/Address'}}",
    components: r"
  schemas:
    Address:
      type: object
      xml: {name: address}
      properties:
        id: {type: string, xml: {attribute: true}}
        customer: {type: string, xml: {name: Customer}}
        name: {type: string, xml: {name: Last_name}}
        secret: {type: string}
      additionalProperties: {type: string}",
    actions: r"
  - target: $.paths['/lab/addresses'].get
    update: {x-covenant-channel: list}
  - target: $.paths['/lab/address'].get
    update: {x-covenant-channel: record}
  - target: $..properties.count
    update: {x-covenant-data-category: system.operations}
  - target: $..properties.note
    update: {x-covenant-data-category: system.operations}
  - target: $.components.schemas.Address
    update: {x-covenant-record: true}
  - target: $..properties.customer
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $..properties.id
    update: {x-covenant-data-category: system.operations}
  - target: $..properties.name
    update: {x-covenant-data-category: user.name}
  - target: $.components.schemas.Address.additionalProperties
    update: {x-covenant-data-category: user.name}",
    operations: &["exportAddresses", "readAddress"],
};

const LIST_PATH: &str = "/lab/addresses";
const ONE_PATH: &str = "/lab/address";
const XML: &str = "application/xml";
const BEGINS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><addressList xmlns=\"urn:lab:list\" \
                      Count=\"7\"><note>n</note><contents>";

async fn start(edits: &[(&str, &str, &str)]) -> (Stand, ScriptedCore) {
    EXPORT.start(edits, small).await
}

/// One record as the core says it, and what is left of it.
fn record(number: usize, customer: &str) -> (String, String) {
    let name = "\u{e9}".repeat(100);
    let all = format!(
        "<address  id='{number}' new=\"canary>\">\n  <Customer>{customer}</Customer>\n  \
         <Last_name>A&amp;B <![CDATA[{name}</address>]]></Last_name><secret>canary</secret>\n  \
         <Pet>R&#x65;x</Pet></address>\n"
    );
    let kept = format!(
        "<address id=\"{number}\"><Customer>{customer}</Customer>\
         <Last_name>A&amp;B {name}&lt;/address&gt;</Last_name><Pet>Rex</Pet></address>"
    );
    (all, kept)
}

/// Records of these customers in turn, as many as fill so many bytes, and what is left of them.
fn records(customers: &[String], bytes: usize) -> (Vec<String>, Vec<String>) {
    let mut sum = 0;
    let mut next = |(number, customer): (usize, &String)| {
        let one = record(number, customer);
        sum += one.0.len();
        (sum < bytes).then_some(one)
    };
    customers
        .iter()
        .cycle()
        .enumerate()
        .map_while(&mut next)
        .unzip()
}

fn export(records: &[String]) -> String {
    format!(
        "<?xml version='1.0'?>\r\n<addressList xmlns='urn:lab:list' Count='7' >\n<note>n</note>\
         <new><contents>canary</contents></new><contents>\n{}</contents></addressList>\n",
        records.concat()
    )
}

fn left(kept: &[String]) -> String {
    format!("{BEGINS}{}</contents></addressList>", kept.concat())
}

/// What is on record of an answer that ended early, of which `kept` would have left.
async fn ended_early(stand: &Stand, kept: &[String], because: &str) -> Vec<Disclosure> {
    let whole = |_: &[u8]| left(kept).into_bytes();
    ended_early_of(stand, LIST_PATH, because, whole).await
}

#[tokio::test]
async fn promise_12_a_large_export_in_xml_streams_and_its_entries_name_whoever_was_in_it() {
    let (stand, core) = EXPORT.start(&[LARGE], |_| {}).await;
    let own = own(&stand);
    let foreign = stand.customers_of("bluebird");
    let (mut all, kept) = records(&own, 12 << 20);
    for place in (0..all.len()).step_by(5_000) {
        all.insert(place, record(place, &foreign[0]).0);
    }
    let expected = left(&kept);
    core.answer(LIST_PATH, Scripted::new(XML, export(&all)));
    for version in [Version::Http1, Version::Http2] {
        let mut acme = stand.connect(&stand.credentials("acme"), version).await;
        let arriving = acme.open(Call::get(LIST_PATH).purpose(SERVICE)).await;
        assert_eq!(arriving.status, 200);
        assert_eq!(arriving.header("covenant-decision"), "redact");
        let redacted = arriving.header("covenant-redacted").to_owned();
        assert!(
            redacted.contains("secret\";method=removal;promise=\"P1\""),
            "{redacted}"
        );
        assert_eq!(arriving.header("content-type"), XML);
        assert!(arriving.header("content-length").is_empty());
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
    }
}

#[tokio::test]
async fn an_export_in_xml_leaves_the_same_whether_it_is_judged_whole_or_streams() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    for bytes in [50 << 10, 80 << 10] {
        let (all, kept) = records(&own, bytes);
        core.answer(LIST_PATH, Scripted::new(XML, export(&all)));
        let mut acme = stand.partner("acme").await;
        let reply = acme.get(LIST_PATH, SERVICE).await;
        assert_eq!(reply.status, 200, "{}", reply.everything());
        assert_eq!(reply.header("content-length").is_empty(), bytes > 64 << 10);
        assert_eq!(reply.body, left(&kept));
    }
    // Records that are there leave while the core pauses in the middle of a tag.
    let (all, kept) = records(&own, 100 << 10);
    let body = export(&all).into_bytes();
    let (one, other) = body.split_at(body.len() - 450);
    let scripted = Scripted::new(XML, one.to_vec()).then(Duration::from_secs(4), other.to_vec());
    core.answer(LIST_PATH, scripted);
    let (request_id, received, complete) = receive(&stand, Version::Http1, LIST_PATH).await;
    assert!(complete && received == left(&kept).as_bytes());
    let (parts, _) = on_record(&stand, &request_id).await;
    let last = references(&parts[parts.len() - 1..]);
    assert!((1..=2).contains(&last.len()), "{last:?}");
}

#[tokio::test]
async fn promise_13_a_budget_that_runs_out_ends_an_export_in_xml_where_it_does() {
    let few = (
        "partners/acme.yaml",
        "customers_per_day: 500",
        "customers_per_day: 3",
    );
    let (stand, core) = start(&[LARGE, few]).await;
    let own = own(&stand);
    let (mut all, kept) = records(&own[..3], 200 << 10);
    all.extend(records(&own[3..5], 100 << 10).0);
    core.answer(LIST_PATH, Scripted::new(XML, export(&all)));
    let parts = ended_early(&stand, &kept, "customer-budget-exhausted").await;
    assert_eq!(references(&parts), references_of(&stand, &own[..3]));
}

#[tokio::test]
async fn promise_1_what_cannot_be_judged_ends_an_export_in_xml_before_it() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let (all, kept) = records(&own, 300 << 10);
    let middle = all.len() / 2;
    let owner = &own[0];
    let long = "x".repeat(300 << 10);
    let broken = [
        "<address><Last_name>canary</Last_name></address>".to_owned(),
        format!("<address id='1' id='1'><Customer>{owner}</Customer></address>"),
        format!("<address><Customer>{owner}</Last_name></address>"),
        format!("<address><Customer>{owner}</Customer><Last_name>{long}</Last_name></address>"),
        format!("<address><Customer>{owner}</Customer><Pet>&x;</Pet></address>"),
        format!("<address><Customer>{owner}</Customer><Pet/><Pet/></address>"),
        format!("<address><Customer>{owner}</Customer><!-- canary --></address>"),
        "<!DOCTYPE x>".to_owned(),
        "<?canary x?>".to_owned(),
        "<!-- canary -->".to_owned(),
        "canary".to_owned(),
        "</contents><contents>".to_owned(),
        "</contents></addressList><addressList>".to_owned(),
    ];
    for one in broken {
        let mut all = all.clone();
        all.insert(middle, one);
        core.answer(LIST_PATH, Scripted::new(XML, export(&all)));
        ended_early(&stand, &kept, "response-uninspectable").await;
    }
    for trailing in ["canary", "<addressList/>", "<!-- canary -->"] {
        let body = export(&all) + trailing;
        core.answer(LIST_PATH, Scripted::new(XML, body));
        ended_early(&stand, &kept, "response-uninspectable").await;
    }
    let cut = export(&all).into_bytes()[..200 << 10].to_vec();
    let cut = Scripted::new(XML, cut);
    let pause = Duration::from_millis(300);
    core.answer(LIST_PATH, cut.clone().then(pause, "").broken_off());
    ended_early(&stand, &kept, "core-unavailable").await;
    core.answer(LIST_PATH, cut);
    ended_early(&stand, &kept, "response-uninspectable").await;
    // In the first batch, it is refused as in any answer.
    let mut all = all;
    all.insert(1, "<address id='7'><Pet>canary</Pet></address>".to_owned());
    core.answer(LIST_PATH, Scripted::new(XML, export(&all)));
    let mut acme = stand.partner("acme").await;
    let reply = acme.get(LIST_PATH, SERVICE).await;
    refused(&reply, 502, "response-uninspectable");
    assert!(!reply.everything().contains("canary"));
}

#[tokio::test]
async fn what_lists_no_records_in_xml_is_refused_where_it_is_too_large() {
    let (stand, core) = start(&[LARGE]).await;
    let own = own(&stand);
    let one = |bytes: usize| {
        let customer = &own[0];
        let name = "canary \u{e9}. ".repeat(bytes / 11 / 50);
        let tags: String = (0..50)
            .map(|one| format!("<Pet{one}>{name}</Pet{one}>"))
            .collect();
        format!("<address><Customer>{customer}</Customer>{tags}</address>")
    };
    let mut acme = stand.partner("acme").await;
    core.answer(ONE_PATH, Scripted::new(XML, one(40 << 10)));
    let reply = acme.get(ONE_PATH, SERVICE).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    core.answer(ONE_PATH, Scripted::new(XML, one(70 << 10)));
    let reply = acme.get(ONE_PATH, SERVICE).await;
    refused(&reply, 502, "response-uninspectable");
    assert!(!reply.everything().contains("canary"));
}
