//! Requests whose bodies come as JSON, forms, multipart and XML: what the core gets of them, and what
//! never reaches it.

use http::Method;
use serde_json::json;

use crate::caller::Call;
use crate::lab::{Scripted, ScriptedCore, Service};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand, facts};

const ORDERS: Service<'_> = Service {
    paths: r"
  /lab/orders:
    post:
      operationId: createOrder
      parameters:
        - {name: use_type, in: query, schema: {type: string}}
        - {name: 'include[]', in: query, schema: {type: string, enum: [total_count]}}
        - {name: metadata, in: query, style: deepObject, schema: {type: object, additionalProperties: {type: string}}}
        - {name: placed, in: query, style: deepObject, schema: {type: object, properties: {gt: {type: string}}}}
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Order'}}
          application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Order'}}
          multipart/form-data:
            encoding: {file: {contentType: application/pdf}}
            schema:
              allOf:
                - $ref: '#/components/schemas/Order'
                - properties: {file: {type: string, format: binary}}
          application/xml: {schema: {$ref: '#/components/schemas/Order'}}
      responses:
        '201':
          description: The order
          content:
            application/json:
              schema:
                type: object
                required: [id]
                properties:
                  id: {type: string}",
    components: r"  schemas:
    Order:
      type: object
      properties:
        jobs:
          type: array
          items:
            type: object
            properties:
              customer_id: {type: string}
              copies: {type: integer}
        use_type: {type: string}
        username: {type: string}
        password: {type: string}
        note: {type: string}
        to:
          oneOf:
            - {type: string}
            - type: object
              properties:
                name: {type: string}
                customer_id: {type: string}",
    actions: r"
  - target: $.paths['/lab/orders'].post
    update: {x-covenant-channel: write, x-covenant-creates: job}
  - target: $.paths['/lab/orders'].post.parameters[0]
    update: {x-covenant-role: use-type}
  - target: $.paths['/lab/orders'].post.parameters[1]
    update: {x-covenant-role: include}
  - target: $.components.schemas.Order..customer_id
    update: {x-covenant-role: customer}
  - target: $.components.schemas.Order.properties.use_type
    update: {x-covenant-role: use-type, x-covenant-operational: [operational, transactional]}
  - target: $.components.schemas.Order.properties.to.oneOf[0]
    update: {x-covenant-role: list}
  - target: $.components.schemas.Order.properties['username','password']
    update: {x-covenant-role: credential}
  - target: $.paths['/lab/orders'].post.responses..properties.id
    update: {x-covenant-data-category: system.operations, x-covenant-resource-id: job}",
    operations: &["createOrder"],
};

const FORM: &str = "application/x-www-form-urlencoded";

async fn stand() -> (Stand, ScriptedCore) {
    let (stand, core) = ORDERS.start(&[], |_| {}).await;
    let made = Scripted::new("application/json", r#"{"id":"ord_1"}"#).status(201);
    core.answer("/lab/orders", made);
    (stand, core)
}

fn multipart(parts: &[(&str, &str)]) -> String {
    let one = |(head, text): &(&str, &str)| {
        format!("--edge\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n")
    };
    parts.iter().map(one).collect::<String>() + "--edge--\r\n"
}

/// The same order in every format.
fn in_every_format(customer: &str, use_type: &str) -> Vec<(&'static str, String)> {
    let json = json!({"jobs": [{"customer_id": customer}], "use_type": use_type});
    vec![
        ("application/json", json.to_string()),
        (
            FORM,
            format!("jobs%5B0%5D%5Bcustomer_id%5D={customer}&use_type={use_type}"),
        ),
        (
            "multipart/form-data; boundary=edge",
            multipart(&[
                ("name=\"jobs[0][customer_id]\"", customer),
                ("name=use_type", use_type),
                (
                    "name=\"file\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf",
                    "%PDF-1.7",
                ),
            ]),
        ),
        (
            "application/xml",
            format!(
                "<Order><!-- one --><jobs><customer_id><![CDATA[{customer}]]></customer_id></jobs>\n\
                 <use_type>{use_type}</use_type></Order>"
            ),
        ),
    ]
}

fn order(content_type: &str, body: &str) -> Call {
    Call::new(Method::POST, "/lab/orders")
        .header("content-type", content_type)
        .purpose(SERVICE)
        .body(body.to_owned())
}

#[tokio::test]
async fn the_core_gets_what_was_read_and_for_whom_in_every_format() {
    let (stand, core) = stand().await;
    let own = stand.customers_of("acme").remove(0);
    let mut acme = stand.partner("acme").await;
    for (content_type, body) in in_every_format(&own, "transactional") {
        let reply = acme.call(order(content_type, &body)).await;
        assert_eq!(reply.status, 201, "{content_type} {}", reply.everything());
        let received = core.received().pop().unwrap();
        assert_eq!(received.headers["on-behalf-of"], own.as_str());
        let length = received.body.len().to_string();
        assert_eq!(received.headers["content-length"], length.as_str());
        let sent = received.headers["content-type"].to_str().unwrap();
        let read = String::from_utf8(received.body.to_vec()).unwrap();
        let expected = match content_type {
            FORM => {
                assert_eq!(sent, FORM);
                format!("jobs[0][customer_id]={own}&use_type=transactional")
            }
            "application/xml" => {
                assert_eq!(sent, "application/xml; charset=utf-8");
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Order><jobs><customer_id>{own}\
                     </customer_id></jobs><use_type>transactional</use_type></Order>"
                )
            }
            "application/json" => {
                assert_eq!(sent, "application/json");
                body
            }
            _ => {
                let boundary = sent.strip_prefix("multipart/form-data; boundary=").unwrap();
                assert_ne!(boundary, "edge");
                body.replace("edge", boundary)
                    .replace("name=use_type", "name=\"use_type\"")
            }
        };
        assert_eq!(read, expected, "{content_type}");
    }
}

#[tokio::test]
async fn another_partners_customer_is_not_found_in_any_format() {
    let (stand, core) = stand().await;
    let foreign = stand.customers_of("bluebird").remove(0);
    let mut acme = stand.partner("acme").await;
    for customer in [foreign.as_str(), "cus_nobody"] {
        for (content_type, body) in in_every_format(customer, "operational") {
            let reply = acme.call(order(content_type, &body)).await;
            assert_eq!(reply.status, 404, "{content_type} {}", reply.everything());
            assert_eq!(reply.json()["code"], "not-found");
        }
    }
    let own = stand.customers_of("acme");
    for other in [&foreign, &own[1]] {
        let both = format!(
            "jobs[0][customer_id]={}&jobs[1][customer_id]={other}",
            own[0]
        );
        let reply = acme.call(order(FORM, &both)).await;
        let expected = if *other == foreign { 404 } else { 400 };
        assert_eq!(reply.status, expected, "{}", reply.everything());
    }
    assert!(core.received().is_empty(), "the core was asked");
}

#[tokio::test]
async fn a_marketing_use_is_refused_in_every_format() {
    let (stand, core) = stand().await;
    let own = stand.customers_of("acme").remove(0);
    let mut acme = stand.partner("acme").await;
    for use_type in ["marketing", "Operational", ""] {
        for (content_type, body) in in_every_format(&own, use_type) {
            let reply = acme.call(order(content_type, &body)).await;
            assert_eq!(reply.status, 403, "{content_type} {}", reply.everything());
            assert_eq!(reply.json()["code"], "marketing-use-blocked");
            assert_eq!(reply.json()["promise"], "P4");
            assert_eq!(reply.json()["signals"], json!(["use-type"]));
        }
    }
    let (content_type, body) = in_every_format(&own, "operational").remove(1);
    let mut call = order(content_type, &body);
    call.target = "/lab/orders?use_type=marketing".to_owned();
    let reply = acme.call(call).await;
    assert_eq!(reply.status, 403, "{}", reply.everything());
    assert_eq!(reply.json()["promise"], "P4");
    assert!(core.received().is_empty(), "the core was asked");
}

#[tokio::test]
async fn credentials_in_a_body_are_refused_and_repeated_nowhere() {
    let (stand, core) = stand().await;
    let own = stand.customers_of("acme").remove(0);
    let mut acme = stand.partner("acme").await;
    let xml = format!(
        "<Order><username>canary-user</username><password>canary-word</password>\
         <jobs><customer_id>{own}</customer_id></jobs></Order>"
    );
    let parts = multipart(&[("name=\"password\"", "canary-word")]);
    for (content_type, body) in [
        ("application/xml", xml.as_str()),
        ("application/json", r#"{"password":"canary-word"}"#),
        (FORM, "password=canary-word"),
        ("multipart/form-data; boundary=edge", &parts),
    ] {
        let reply = acme.call(order(content_type, body)).await;
        assert_eq!(reply.status, 400, "{content_type} {}", reply.everything());
        assert_eq!(reply.json()["code"], "request-malformed");
        let detail = reply.json()["detail"].to_string();
        assert!(detail.contains("which the gateway brings"), "{detail}");
        assert!(!reply.everything().contains("canary"));
        let events = stand.events_of(reply.request_id(), 1).await;
        assert!(!format!("{events:?}").contains("canary"));
    }
    assert!(core.received().is_empty(), "the core was asked");
}

#[tokio::test]
async fn what_is_asked_for_beyond_the_plain_answer_is_on_record() {
    let (stand, core) = stand().await;
    let own = stand.customers_of("acme").remove(0);
    let mut acme = stand.partner("acme").await;
    let (content_type, body) = in_every_format(&own, "operational").remove(0);
    let mut call = order(content_type, &body);
    call.target = "/lab/orders?include[]=total_count".to_owned();
    let reply = acme.call(call.clone()).await;
    assert_eq!(reply.status, 201, "{}", reply.everything());
    let events = stand.events_of(reply.request_id(), 1).await;
    let facts = facts(&events[0]).unwrap();
    assert_eq!(facts.signals, ["include:total_count"]);
    call.target = "/lab/orders?include[]=everything".to_owned();
    let reply = acme.call(call).await;
    assert_eq!(reply.status, 400, "{}", reply.everything());
    assert_eq!(core.received().len(), 1);
}

#[tokio::test]
async fn a_multipart_header_set_by_hand_is_explained() {
    let (stand, core) = stand().await;
    let own = stand.customers_of("acme").remove(0);
    let mut acme = stand.partner("acme").await;
    let (_, body) = in_every_format(&own, "operational").remove(2);
    let reply = acme.call(order("multipart/form-data", &body)).await;
    assert_eq!(reply.status, 415, "{}", reply.everything());
    assert_eq!(reply.json()["code"], "request-uninspectable");
    let detail = reply.json()["detail"].to_string();
    assert!(detail.contains("`boundary`"), "{detail}");
    let coded = order(FORM, "note=a").header("content-encoding", "gzip");
    let reply = acme.call(coded).await;
    assert_eq!(reply.status, 415, "{}", reply.everything());
    assert!(core.received().is_empty(), "the core was asked");
}

/// An order to somebody who is named, or told in full, in every format.
fn to(named: &str) -> Vec<(&'static str, String)> {
    vec![
        ("application/json", json!({ "to": named }).to_string()),
        (FORM, format!("to={named}")),
        (
            "multipart/form-data; boundary=edge",
            multipart(&[("name=to", named)]),
        ),
        (
            "application/xml",
            format!("<Order><to>{named}</to></Order>"),
        ),
    ]
}

fn to_whom(member: &str, value: &str) -> Vec<(&'static str, String)> {
    let document = json!({ member: value }).to_string();
    vec![
        (
            "application/json",
            json!({"to": {member: value}}).to_string(),
        ),
        (FORM, format!("to%5B{member}%5D={value}")),
        (
            "multipart/form-data; boundary=edge",
            multipart(&[(&format!("name=\"to[{member}]\""), value)]),
        ),
        (
            "multipart/form-data; boundary=edge",
            multipart(&[("name=to", &document)]),
        ),
        (
            "application/xml",
            format!("<Order><to><{member}>{value}</{member}></to></Order>"),
        ),
    ]
}

#[tokio::test]
async fn whom_an_id_or_a_thing_in_its_place_names_is_looked_up_in_every_format() {
    let (stand, core) = stand().await;
    let (own, foreign) = (stand.subject("acme", 0), stand.subject("bluebird", 0));
    let mut acme = stand.partner("acme").await;
    for (content_type, body) in to(&own.list) {
        let reply = acme.call(order(content_type, &body)).await;
        assert_eq!(reply.status, 201, "{content_type} {}", reply.everything());
        let received = core.received().pop().unwrap();
        assert_eq!(received.headers["on-behalf-of"], own.customer.as_str());
    }
    for (content_type, body) in to_whom("customer_id", &own.customer) {
        let reply = acme.call(order(content_type, &body)).await;
        assert_eq!(reply.status, 201, "{body} {}", reply.everything());
    }
    // It may be there, and names nobody.
    for (content_type, body) in to_whom("name", "Ann") {
        let reply = acme.call(order(content_type, &body)).await;
        refused(&reply, 400, "request-malformed");
        assert!(reply.everything().contains("whose job"), "{body}");
    }
    let asked = core.received().len();
    let named = to(&foreign.list).into_iter();
    for (content_type, body) in named.chain(to_whom("customer_id", &foreign.customer)) {
        let reply = acme.call(order(content_type, &body)).await;
        refused(&reply, 404, "not-found");
    }
    for (content_type, body) in to_whom("list_id", &foreign.list) {
        let reply = acme.call(order(content_type, &body)).await;
        refused(&reply, 400, "request-malformed");
    }
    assert_eq!(core.received().len(), asked, "the core is not asked");
}

#[tokio::test]
async fn a_list_of_a_form_may_be_the_text_of_a_document_and_is_read_as_one() {
    let (stand, core) = stand().await;
    let own = stand.customers_of("acme").remove(0);
    let foreign = stand.customers_of("bluebird").remove(0);
    let mut acme = stand.partner("acme").await;
    let listed = |customer: &str| {
        let jobs = json!([{"customer_id": customer, "copies": 2}]).to_string();
        let form = http_form(&jobs);
        let parts = multipart(&[("name=jobs", &jobs)]);
        [(FORM, form), ("multipart/form-data; boundary=edge", parts)]
    };
    for (content_type, body) in listed(&own) {
        let reply = acme.call(order(content_type, &body)).await;
        assert_eq!(reply.status, 201, "{body} {}", reply.everything());
    }
    let asked = core.received().len();
    for (content_type, body) in listed(&foreign) {
        let reply = acme.call(order(content_type, &body)).await;
        refused(&reply, 404, "not-found");
    }
    for text in ["{}", "[1]", "[{}", "[{\"customer\":\"x\"}]", "x"] {
        let reply = acme.call(order(FORM, &http_form(text))).await;
        refused(&reply, 400, "request-malformed");
    }
    assert_eq!(core.received().len(), asked, "the core is not asked");
}

fn http_form(jobs: &str) -> String {
    let escaped = jobs.bytes().map(|byte| format!("%{byte:02X}"));
    format!("jobs={}", escaped.collect::<String>())
}

#[tokio::test]
async fn members_of_an_object_in_the_query_are_those_of_its_schema() {
    let (stand, core) = stand().await;
    let own = stand.customers_of("acme").remove(0);
    let (content_type, body) = in_every_format(&own, "operational").remove(0);
    // A query that is refused at the door ends the connection.
    let asked = async |query: &str| {
        let mut call = order(content_type, &body);
        call.target = format!("/lab/orders?{query}");
        stand.partner("acme").await.call(call).await
    };
    for query in [
        "metadata[spiffy]=true&metadata[other]=1",
        "placed%5Bgt%5D=2026-11-28",
    ] {
        let reply = asked(query).await;
        assert_eq!(reply.status, 201, "{query} {}", reply.everything());
        let received = core.received().pop().unwrap().target;
        assert!(received.contains('?'), "{received}");
    }
    for query in [
        "metadata=x",
        "metadata[]=x",
        "metadata[a][b]=x",
        "metadata[a]=x&metadata[a]=y",
        "metadata[Use-Type]=marketing",
        "metadata[customer_id]=x",
        "placed[lt]=x",
        "placed=x",
    ] {
        let reply = asked(query).await;
        refused(&reply, 400, "request-malformed");
    }
}
