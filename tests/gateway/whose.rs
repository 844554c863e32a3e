//! Records that do not say themselves whose they are: a thing in the path says it, or one key around all
//! of them. And services whose paths stand below one of their servers'.

use std::collections::BTreeSet;

use covenant::entry::Event;
use serde_json::{Value, json};

use crate::caller::{Call, Reply, Version};
use crate::lab::{Scripted, ScriptedCore, Service};
use crate::large::{JSON, LARGE, on_record, receive, references, references_of, small};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

const PIECES: Service<'_> = Service {
    paths: r"
  /lab/lists/{list_id}:
    get:
      operationId: readList
      parameters: [{name: list_id, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: A list
          content: {application/xml: {schema: {$ref: '#/components/schemas/List'}}}
  /lab/jobs/{job_id}/pieces:
    get:
      operationId: readPieces
      parameters: [{name: job_id, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: Pieces
          content: {application/json: {schema: {$ref: '#/components/schemas/Pieces'}}}
  /lab/jobs/{job_id}/rows:
    get:
      operationId: readRows
      parameters: [{name: job_id, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: Pieces
          content: {text/csv: {schema: {type: array, items: {$ref: '#/components/schemas/Piece'}}}}
  /lab/jobs/{job_id}/state:
    get:
      operationId: readState
      parameters: [{name: job_id, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: State
          content: {application/json: {schema: {$ref: '#/components/schemas/State'}}}
  /lab/around:
    get:
      operationId: readAround
      responses:
        '200':
          description: Pieces
          content: {application/json: {schema: {$ref: '#/components/schemas/Around'}}}
  /lab/around.xml:
    get:
      operationId: readAroundXml
      responses:
        '200':
          description: Pieces
          content: {application/xml: {schema: {$ref: '#/components/schemas/AroundXml'}}}
  /lab/based:
    servers: [{url: 'https://core.lab.example/base/v1'}]
    get:
      operationId: readBased
      parameters: [{name: after, in: query, schema: {type: string}}]
      responses:
        '200':
          description: Pieces
          content: {application/json: {schema: {$ref: '#/components/schemas/Based'}}}",
    components: r"
  schemas:
    Piece:
      type: object
      properties:
        id: {type: string}
        name: {type: string}
        secret: {type: string}
    List:
      type: object
      xml: {name: list}
      properties:
        piece: {type: array, items: {$ref: '#/components/schemas/Piece'}}
    Pieces:
      type: object
      properties:
        count: {type: integer}
        data: {type: array, items: {$ref: '#/components/schemas/Piece'}}
    State:
      type: object
      properties:
        status: {type: string}
        ip: {type: string}
    Around:
      type: object
      properties:
        whose: {type: string, nullable: true}
        count: {type: integer}
        data: {type: array, items: {$ref: '#/components/schemas/Piece'}}
    AroundXml:
      type: object
      xml: {name: around}
      properties:
        whose: {type: string, xml: {attribute: true}}
        piece: {type: array, items: {$ref: '#/components/schemas/Piece'}}
    Based:
      type: object
      properties:
        next: {type: string, format: uri}",
    actions: r"
  - target: $.paths.*.get
    update: {x-covenant-channel: list}
  - target: $..parameters[?@.name == 'list_id']
    update: {x-covenant-role: list}
  - target: $..parameters[?@.name == 'job_id']
    update: {x-covenant-role: job}
  - target: $.components.schemas.Piece
    update:
      x-covenant-record: true
      properties:
        id: {x-covenant-data-category: system.operations}
        name: {x-covenant-data-category: user.name}
  - target: $.components.schemas.State
    update:
      x-covenant-record: true
      properties:
        status: {x-covenant-data-category: system.operations}
        ip: {x-covenant-data-category: user.device.ip_address}
  - target: $..properties.count
    update: {x-covenant-data-category: system.operations}
  - target: $..properties.whose
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $..properties.next
    update: {x-covenant-data-category: system.operations, x-covenant-link: rewrite}",
    operations: &[
        "readList",
        "readPieces",
        "readRows",
        "readState",
        "readAround",
        "readAroundXml",
        "readBased",
    ],
};

const XML: &str = "application/xml";

async fn start() -> (Stand, ScriptedCore) {
    PIECES.start(&[LARGE], small).await
}

/// What acme receives where the core answers so.
async fn ask(
    (stand, core): (&Stand, &ScriptedCore),
    path: &str,
    media_type: &str,
    body: impl Into<bytes::Bytes>,
) -> Reply {
    core.answer(path, Scripted::new(media_type, body));
    let mut acme = stand.partner("acme").await;
    acme.get(path, SERVICE).await
}

/// Whom the ledger names for an answer that was judged whole.
async fn named(stand: &Stand, reply: &Reply) -> BTreeSet<String> {
    match stand.events_of(reply.request_id(), 1).await.remove(0) {
        Event::Disclosure(disclosure) => references(&[disclosure]),
        other => panic!("{other:?}"),
    }
}

fn pieces(count: usize) -> Value {
    let piece = |number: usize| json!({"id": number.to_string(), "name": "Ann ".repeat(20)});
    (0..count).map(piece).collect()
}

#[tokio::test]
async fn promise_1_a_list_or_job_in_the_path_says_whose_the_records_are() {
    let (stand, core) = start().await;
    let (own, foreign) = (stand.subject("acme", 0), stand.subject("bluebird", 0));
    let xml = "<list><piece><id>1</id><name>Ann</name><secret>canary</secret></piece></list>";
    let left = "<list><piece><id>1</id><name>Ann</name></piece></list>";
    let json = r#"{"count":1,"data":[{"id":"1","name":"Ann","secret":"canary"}]}"#;
    let csv = "id,name,secret\n1,Ann,canary\n";
    let answers = |of: &crate::stand::Subject| {
        [
            (format!("/lab/lists/{}", of.list), XML, xml, left),
            (
                format!("/lab/jobs/{}/pieces", of.job),
                JSON,
                json,
                r#"{"count":1,"data":[{"id":"1","name":"Ann"}]}"#,
            ),
            (
                format!("/lab/jobs/{}/rows", of.job),
                "text/csv",
                csv,
                "id,name\r\n1,Ann\r\n",
            ),
        ]
    };
    for (path, media_type, body, left) in answers(&own) {
        let reply = ask((&stand, &core), &path, media_type, body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.everything());
        let body = std::str::from_utf8(&reply.body).unwrap();
        assert!(body.ends_with(left), "{path}: {body}");
        let owner = BTreeSet::from([stand.reference(&own.customer)]);
        assert_eq!(named(&stand, &reply).await, owner);
    }
    let asked = core.received().len();
    for (path, media_type, body, _) in answers(&foreign) {
        let reply = ask((&stand, &core), &path, media_type, body).await;
        refused(&reply, 404, "not-found");
    }
    let unknown = ask((&stand, &core), "/lab/lists/lst_unknown", XML, xml).await;
    refused(&unknown, 404, "not-found");
    assert_eq!(core.received().len(), asked, "the core is not asked");
}

#[tokio::test]
async fn records_of_a_job_in_the_path_stream_as_its_customers() {
    let (stand, core) = start().await;
    let own = stand.subject("acme", 0);
    let path = format!("/lab/jobs/{}/pieces", own.job);
    let body = json!({"data": pieces(2_000)}).to_string();
    core.answer(&path, Scripted::new(JSON, body.clone()));
    let (request_id, received, complete) = receive(&stand, Version::Http1, &path).await;
    assert!(complete && received == body.as_bytes());
    let (parts, _) = on_record(&stand, &request_id).await;
    assert_eq!(references(&parts), references_of(&stand, &[own.customer]));
}

#[tokio::test]
async fn promise_1_a_key_around_the_records_says_whose_they_are_and_leaves_with_them() {
    let (stand, core) = start().await;
    let lab = (&stand, &core);
    let own = stand.customers_of("acme").remove(0);
    let foreign = stand.customers_of("bluebird").remove(0);
    let data = json!([{"id": "1", "name": "Ann"}]);
    let owner = BTreeSet::from([stand.reference(&own)]);
    for body in [
        format!(r#"{{"whose":"{own}","count":1,"data":{data}}}"#),
        format!(r#"{{"data":{data},"count":1,"whose":"{own}"}}"#),
        format!(r#"{{"data":[],"count":1,"whose":"{own}"}}"#),
    ] {
        let reply = ask(lab, "/lab/around", JSON, body.clone()).await;
        assert_eq!(reply.status, 200, "{}", reply.everything());
        assert_eq!(std::str::from_utf8(&reply.body), Ok(body.as_str()));
        assert_eq!(named(&stand, &reply).await, owner);
    }
    for whose in [&foreign, "nobody"] {
        for data in [&data, &json!([])] {
            let body = json!({"whose": whose, "count": 1, "data": data});
            let reply = ask(lab, "/lab/around", JSON, body.to_string()).await;
            assert_eq!(reply.json(), json!({"count": 1, "data": []}));
            assert_eq!(named(&stand, &reply).await, BTreeSet::new());
        }
    }
    for body in [
        json!({"count": 1, "data": data}),
        json!({"whose": null, "count": 1, "data": data}),
    ] {
        let reply = ask(lab, "/lab/around", JSON, body.to_string()).await;
        refused(&reply, 502, "response-uninspectable");
    }
    let piece = "<piece><id>1</id><name>Ann</name></piece>";
    let around = |whose: &str| format!("<around{whose}>{piece}</around>");
    let by = |whose: &str| format!(" whose=\"{whose}\"");
    let reply = ask(lab, "/lab/around.xml", XML, around(&by(&own))).await;
    let left = std::str::from_utf8(&reply.body).unwrap();
    assert!(left.ends_with(&around(&by(&own))), "{left}");
    let reply = ask(lab, "/lab/around.xml", XML, around(&by(&foreign))).await;
    assert!(reply.body.ends_with(b"<around/>"), "{}", reply.everything());
    let reply = ask(lab, "/lab/around.xml", XML, around("")).await;
    refused(&reply, 502, "response-uninspectable");
}

#[tokio::test]
async fn promise_5_a_record_leaves_with_something_about_another_partners_customer_or_not_at_all() {
    let (stand, core) = start().await;
    let lab = (&stand, &core);
    let foreign = stand.customers_of("bluebird").remove(0);
    let agreement = format!(
        r#"{{"kind":"agreement","customer":"{foreign}","profile":"contact","partner":"acme","purposes":["essential.service"],"categories":["user.name"],"until":"2199-12-31","reference":"AGR-1"}}"#
    );
    let registry = &stand.running().gateway().registry;
    let import = registry.read_import([agreement.as_str()].into_iter());
    registry.import(import.unwrap(), 0).await.unwrap();
    let around = |data: &Value| format!(r#"{{"whose":"{foreign}","data":{data}}}"#);
    let (with, without) = (
        json!({"id": "1", "name": "Ann"}),
        json!({"id": "2", "secret": "s"}),
    );
    for (data, left, count) in [
        (json!([with, without]), json!([with]), 1),
        (json!([without]), json!([]), 0),
    ] {
        let reply = ask(lab, "/lab/around", JSON, around(&data)).await;
        assert_eq!(reply.json(), json!({"data": left}));
        assert_eq!(named(&stand, &reply).await.len(), count);
    }
    // A large answer is judged no otherwise.
    let mut data = vec![without; 4_000];
    data[2_000] = with.clone();
    core.answer(
        "/lab/around",
        Scripted::new(JSON, around(&Value::from(data))),
    );
    let (request_id, received, complete) = receive(&stand, Version::Http1, "/lab/around").await;
    assert!(complete);
    let received: Value = serde_json::from_slice(&received).unwrap();
    assert_eq!(received, json!({"data": [with]}));
    let (parts, _) = on_record(&stand, &request_id).await;
    assert_eq!(references(&parts), references_of(&stand, &[foreign]));
}

#[tokio::test]
async fn whatever_leaves_of_an_own_customers_record_names_the_customer() {
    let (stand, core) = start().await;
    let own = stand.subject("acme", 0);
    let path = format!("/lab/jobs/{}/pieces", own.job);
    let body = json!({"data": [{"id": "1"}, {"id": "2"}]});
    let reply = ask((&stand, &core), &path, JSON, body.to_string()).await;
    assert_eq!(reply.json(), body);
    let mut events = stand.events_of(reply.request_id(), 1).await;
    let Event::Disclosure(disclosure) = events.remove(0) else {
        panic!("{events:?}")
    };
    let group = &disclosure.subjects[0];
    assert_eq!(group.references, [stand.reference(&own.customer)]);
    assert_eq!(group.records, Some(2));
    assert!(group.categories.is_empty());
}

#[tokio::test]
async fn a_key_around_records_that_stream_comes_before_them() {
    let (stand, core) = start().await;
    let lab = (&stand, &core);
    let own = stand.customers_of("acme").remove(0);
    let foreign = stand.customers_of("bluebird").remove(0);
    let data = pieces(2_000);
    let owner = references_of(&stand, std::slice::from_ref(&own));
    let elements = "<piece><id>1</id><name>Ann</name></piece>".repeat(3_000);
    let xml = |whose: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><around whose=\"{whose}\">{elements}</around>"
        )
    };
    for (path, media_type, body) in [
        (
            "/lab/around",
            JSON,
            format!(r#"{{"whose":"{own}","data":{data}}}"#),
        ),
        ("/lab/around.xml", XML, xml(&own)),
    ] {
        core.answer(path, Scripted::new(media_type, body.clone()));
        let (request_id, received, complete) = receive(&stand, Version::Http1, path).await;
        assert!(complete && received == body.as_bytes(), "{path}");
        let (parts, _) = on_record(&stand, &request_id).await;
        assert_eq!(references(&parts), owner);
        core.answer(
            path,
            Scripted::new(media_type, body.replace(&own, &foreign)),
        );
        let (request_id, received, complete) = receive(&stand, Version::Http1, path).await;
        assert!(complete && received.len() < 100, "{path}");
        let (parts, _) = on_record(&stand, &request_id).await;
        assert_eq!(references(&parts), BTreeSet::new());
    }
    let behind = format!(r#"{{"data":{data},"whose":"{own}"}}"#);
    let reply = ask(lab, "/lab/around", JSON, behind).await;
    refused(&reply, 502, "response-uninspectable");
    // What is told beforehand is told of records of the partner's own.
    core.answer(
        "/lab/around",
        Scripted::new(JSON, format!(r#"{{"whose":"{own}","data":{data}}}"#)),
    );
    let mut acme = stand.partner("acme").await;
    let arriving = acme.open(Call::get("/lab/around").purpose(SERVICE)).await;
    let redacted = arriving.header("covenant-redacted");
    assert!(!redacted.contains("$.whose"), "{redacted}");
}

#[tokio::test]
async fn the_path_of_the_servers_stands_before_every_path_here_and_at_the_core() {
    let (stand, core) = start().await;
    let next = "https://core.lab.example/base/v1/lab/based?after=x";
    let body = json!({"next": next}).to_string();
    let reply = ask((&stand, &core), "/base/v1/lab/based", JSON, body).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    let left = reply.json()["next"].as_str().unwrap().to_owned();
    assert!(left.ends_with("/base/v1/lab/based?after=x"), "{left}");
    assert!(!left.contains("core.lab.example"), "{left}");
    assert_eq!(core.received().remove(0).target, "/base/v1/lab/based");
    let mut acme = stand.partner("acme").await;
    refused(&acme.get("/lab/based", SERVICE).await, 404, "not-found");
    let elsewhere = json!({"next": "https://core.lab.example/lab/based?after=x"}).to_string();
    let reply = ask((&stand, &core), "/base/v1/lab/based", JSON, elsewhere).await;
    assert_eq!(reply.json(), json!({}));
}

#[tokio::test]
async fn a_check_promises_nothing_of_a_record_that_is_left_out() {
    let (stand, core) = start().await;
    let own = stand.subject("acme", 0);
    let path = format!("/lab/jobs/{}/state", own.job);
    let state = r#"{"status":"printed","ip":"192.0.2.1"}"#;
    let reply = ask((&stand, &core), &path, JSON, state).await;
    refused(&reply, 404, "not-found");
    let mut acme = stand.partner("acme").await;
    let checked = |path: &str| json!({"method": "GET", "path": path, "purpose": SERVICE});
    let call = Call::post("/.covenant/check", &checked(&path));
    let told = acme.call(call).await.json();
    assert_eq!(told["record_left_out"], json!(true), "{told}");
    assert_eq!(told["categories"], json!({}), "{told}");
    let pieces = format!("/lab/jobs/{}/pieces", own.job);
    let call = Call::post("/.covenant/check", &checked(&pieces));
    let told = acme.call(call).await.json();
    assert_eq!(told["record_left_out"], json!(false), "{told}");
    assert_eq!(told["categories"]["user.name"], json!("clear"), "{told}");
}
