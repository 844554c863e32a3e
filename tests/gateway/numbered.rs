//! A service that numbers its customers and jobs: ids are whole numbers in its answers and texts in the
//! book, in paths and in the ledger.

use covenant::entry::Event;
use http::Method;
use serde_json::{Value, json};

use crate::caller::{Call, Reply};
use crate::lab::{Scripted, ScriptedCore, Service};
use crate::large::{JSON, references};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

const ORDERS: Service<'_> = Service {
    paths: r"
  /lab/members:
    get:
      operationId: listMembers
      parameters: [{name: after, in: query, schema: {type: integer}}]
      responses:
        '200':
          description: Members
          content: {application/json: {schema: {$ref: '#/components/schemas/Members'}}}
  /lab/members.xml:
    get:
      operationId: listMembersInXml
      responses:
        '200':
          description: Members
          content: {application/xml: {schema: {$ref: '#/components/schemas/MembersXml'}}}
  /lab/members.csv:
    get:
      operationId: listMembersInCsv
      responses:
        '200':
          description: Members
          content: {text/csv: {schema: {type: array, items: {$ref: '#/components/schemas/Member'}}}}
  /lab/orders:
    post:
      operationId: placeOrder
      requestBody:
        content:
          application/json:
            schema: {type: object, properties: {member: {type: integer}}}
      responses:
        '201':
          description: The order
          content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
  /lab/orders/{order}:
    get:
      operationId: readOrder
      parameters: [{name: order, in: path, required: true, schema: {type: integer}}]
      responses:
        '200':
          description: The order
          content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}",
    components: r"
  schemas:
    Member:
      type: object
      required: [id, name]
      properties:
        id: {type: integer}
        name: {type: string}
    Members:
      type: object
      properties:
        data: {type: array, items: {$ref: '#/components/schemas/Member'}}
        next: {type: string, format: uri-reference}
    MembersXml:
      type: object
      xml: {name: members}
      properties:
        member: {type: array, items: {$ref: '#/components/schemas/Member'}}
    Order:
      type: object
      required: [number, member]
      properties:
        number: {type: integer}
        member: {type: integer}
        self: {type: string, format: uri-reference}",
    actions: r"
  - target: $.paths.*.get
    update: {x-covenant-channel: list}
  - target: $.paths['/lab/orders/{order}'].get
    update: {x-covenant-channel: record}
  - target: $.paths.*.post
    update: {x-covenant-channel: write, x-covenant-creates: job}
  - target: $..requestBody..properties.member
    update: {x-covenant-role: customer}
  - target: $..parameters[?@.name == 'order']
    update: {x-covenant-role: job}
  - target: $.components.schemas.Member
    update: {x-covenant-record: true}
  - target: $.components.schemas.Order
    update: {x-covenant-record: true}
  - target: $.components.schemas.Member.properties.id
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $.components.schemas.Order.properties.member
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $..properties.name
    update: {x-covenant-data-category: user.name}
  - target: $..properties.number
    update: {x-covenant-data-category: system.operations, x-covenant-resource-id: job}
  - target: $..properties['next','self']
    update: {x-covenant-data-category: system.operations, x-covenant-link: rewrite}",
    operations: &[
        "listMembers",
        "listMembersInXml",
        "listMembersInCsv",
        "placeOrder",
        "readOrder",
    ],
};

const OWN: u32 = 71_001;
const FOREIGN: u32 = 72_002;

async fn start() -> (Stand, ScriptedCore) {
    let (stand, core) = ORDERS.start(&[], |_| {}).await;
    let customer = |id: u32, partner: &str| {
        json!({"kind": "customer", "id": id.to_string(), "partner": partner}).to_string()
    };
    let lines = [customer(OWN, "acme"), customer(FOREIGN, "bluebird")];
    let registry = &stand.running().gateway().registry;
    let import = registry.read_import(lines.iter().map(String::as_str));
    registry.import(import.unwrap(), 0).await.unwrap();
    (stand, core)
}

async fn ask(
    (stand, core): (&Stand, &ScriptedCore),
    path: &str,
    media_type: &str,
    body: &str,
) -> Reply {
    core.answer(path, Scripted::new(media_type, body.to_owned()));
    stand.partner("acme").await.get(path, SERVICE).await
}

#[tokio::test]
async fn promise_1_records_of_numbered_customers_leave_to_whom_they_belong() {
    let (stand, core) = start().await;
    let lab = (&stand, &core);
    let owner = [stand.reference(&OWN.to_string())].into();
    let xml = |ids: &[u32]| {
        let member = |id: &u32| format!("<member><id>{id}</id><name>Ann</name></member>");
        format!(
            "<members>{}</members>",
            ids.iter().map(member).collect::<String>()
        )
    };
    let json = |ids: &[u32]| {
        let member = |id: &u32| json!({"id": id, "name": "Ann"});
        json!({"data": ids.iter().map(member).collect::<Value>()}).to_string()
    };
    let csv = |ids: &[u32]| {
        let member = |id: &u32| format!("{id},Ann\r\n");
        format!("id,name\r\n{}", ids.iter().map(member).collect::<String>())
    };
    let all = [FOREIGN, OWN, 3];
    for (path, media_type, sent, left) in [
        ("/lab/members", JSON, json(&all), json(&[OWN])),
        (
            "/lab/members.xml",
            "application/xml",
            xml(&all),
            xml(&[OWN]),
        ),
        ("/lab/members.csv", "text/csv", csv(&all), csv(&[OWN])),
    ] {
        let reply = ask(lab, path, media_type, &sent).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.everything());
        let body = std::str::from_utf8(&reply.body).unwrap();
        assert!(body.ends_with(&left), "{path}: {body}");
        let events = stand.events_of(reply.request_id(), 1).await;
        let [Event::Disclosure(disclosure)] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(references(std::slice::from_ref(disclosure)), owner);
    }
    // One number is written in one way only.
    for id in ["71001.0", "7.1001e4", "+71001", "071001", "\"71001\""] {
        let body = format!(r#"{{"data":[{{"id":{id},"name":"Ann"}}]}}"#);
        let reply = ask(lab, "/lab/members", JSON, &body).await;
        refused(&reply, 502, "response-uninspectable");
    }
}

#[tokio::test]
async fn what_a_numbered_customer_has_made_is_its_own_by_its_number() {
    let (stand, core) = start().await;
    let mut acme = stand.partner("acme").await;
    let order = |member: u32| {
        json!({"number": 72_002, "member": member, "self": "/lab/orders/72002"}).to_string()
    };
    core.answer("/lab/orders", Scripted::new(JSON, order(OWN)).status(201));
    let place = |member: Value| {
        let call = Call::new(Method::POST, "/lab/orders").header("content-type", JSON);
        call.body(json!({ "member": member }).to_string())
            .purpose(SERVICE)
    };
    for somebody_elses in [json!(FOREIGN), json!(3)] {
        let reply = acme.call(place(somebody_elses)).await;
        refused(&reply, 404, "not-found");
    }
    let made = acme.call(place(json!(OWN))).await;
    assert_eq!(made.status, 201, "{}", made.everything());
    // A job has a number that is a customer's too; a link to the job is no link to the customer.
    core.answer("/lab/orders/72002", Scripted::new(JSON, order(OWN)));
    let read = acme.get("/lab/orders/72002", SERVICE).await;
    assert_eq!(read.status, 200, "{}", read.everything());
    let link = read.json()["self"].as_str().unwrap_or_default().to_owned();
    assert!(link.ends_with("/lab/orders/72002"), "{}", read.everything());
    let mut bluebird = stand.partner("bluebird").await;
    let other = bluebird.get("/lab/orders/72002", SERVICE).await;
    refused(&other, 404, "not-found");
    // Nor does a link say whose number comes next.
    for (next, leaves) in [(OWN, true), (FOREIGN, false)] {
        let body = json!({"data": [], "next": format!("/lab/members?after={next}")});
        core.answer("/lab/members", Scripted::new(JSON, body.to_string()));
        let page = acme
            .get(&format!("/lab/members?after={OWN}"), SERVICE)
            .await;
        assert_eq!(
            page.json()["next"].is_string(),
            leaves,
            "{}",
            page.everything()
        );
    }
}
