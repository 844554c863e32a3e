//! A service whose document says of what it answers that it is one thing or the other, and puts its
//! schemas together from parts, as those of vendors do.

use http::Method;
use serde_json::{Value, json};

use crate::caller::{Call, Reply};
use crate::lab::{Scripted, ScriptedCore, Service};
use crate::large::JSON;
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

const MAIL: Service<'_> = Service {
    paths: r"
  /lab/pieces:
    get:
      operationId: listPieces
      responses:
        '200':
          description: Pieces
          content: {application/json: {schema: {$ref: '#/components/schemas/Pieces'}}}
    post:
      operationId: createPiece
      requestBody:
        content:
          application/json:
            schema:
              oneOf:
                - {type: object, properties: {customer: {type: string}, pages: {type: integer}}}
                - {type: object, properties: {customer: {type: string}, picture: {type: string}}}
      responses:
        '204': {description: Taken}",
    components: r"
  schemas:
    Stamp:
      type: object
      properties: {object: {type: string}, made: {type: string, format: date-time}}
    Address:
      allOf:
        - {$ref: '#/components/schemas/Stamp'}
        - {type: object, properties: {city: {type: string, maxLength: 20}}}
    Letter:
      allOf:
        - {$ref: '#/components/schemas/Stamp'}
        - type: object
          required: [customer, object, to]
          properties:
            object: {const: letter}
            customer: {type: string}
            name: {type: string, maxLength: 20}
            to: {$ref: '#/components/schemas/Address'}
            insides: {type: string}
            measure: {type: string}
    Postcard:
      allOf:
        - {$ref: '#/components/schemas/Stamp'}
        - type: object
          required: [customer, object]
          properties:
            object: {type: string, enum: [postcard]}
            customer: {type: string, description: whose it is}
            name: {type: string, maxLength: 20}
            picture: {type: string, maxLength: 20}
            tags: {type: [array, 'null'], items: {type: string, maxLength: 20}}
            scars: {type: [array, 'null'], items: {type: string}}
            insides: {type: string}
            measure: {type: integer}
    Pieces:
      type: object
      properties:
        data:
          type: array
          items:
            oneOf:
              - {$ref: '#/components/schemas/Letter'}
              - {$ref: '#/components/schemas/Postcard'}
            discriminator: {propertyName: object}",
    actions: r"
  - target: $.paths.*.get
    update: {x-covenant-channel: list}
  - target: $.paths.*.post
    update: {x-covenant-channel: write}
  - target: $..requestBody..properties.customer
    update: {x-covenant-role: customer}
  - target: $.components.schemas.Pieces.properties.data.items
    update: {x-covenant-record: true}
  - target: $.components.schemas['Letter','Postcard'].allOf[1].properties.customer
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $.components.schemas['Letter','Postcard'].allOf[1].properties.name
    update: {x-covenant-data-category: user.name}
  - target: $.components.schemas['Letter','Postcard'].allOf[1].properties.object
    update: {x-covenant-data-category: system.operations}
  - target: $.components.schemas.Letter..properties.object
    update: {x-covenant-empty: letter}
  - target: $.components.schemas.Postcard..properties.object
    update: {x-covenant-empty: postcard}
  - target: $..properties['made','picture']
    update: {x-covenant-data-category: system.operations}
  - target: $..properties.tags.items
    update: {x-covenant-data-category: system.operations}
  - target: $..properties.city
    update: {x-covenant-data-category: user.contact.address.city}",
    operations: &["listPieces", "createPiece"],
};

async fn ask((stand, core): (&Stand, &ScriptedCore), pieces: &Value) -> Reply {
    let body = json!({ "data": pieces }).to_string();
    core.answer("/lab/pieces", Scripted::new(JSON, body));
    stand
        .partner("acme")
        .await
        .get("/lab/pieces", SERVICE)
        .await
}

fn letter(customer: &str) -> Value {
    json!({
        "object": "letter", "customer": customer, "name": "Ann Holm",
        "made": "2026-01-02T03:04:05Z", "insides": "SECRET", "measure": "SECRET",
        "to": {"object": "SECRET", "made": "2026-01-02T03:04:05Z", "city": "Arlington"},
    })
}

fn postcard(customer: &str) -> Value {
    json!({
        "object": "postcard", "customer": customer, "name": "Ben Holm",
        "picture": "a lighthouse", "insides": "SECRET", "measure": 7_717, "tags": null, "scars": null,
    })
}

#[tokio::test]
async fn promise_1_of_alternatives_only_what_was_granted_leaves_and_only_its_owners() {
    let (stand, core) = MAIL.start(&[], |_| {}).await;
    let lab = (&stand, &core);
    let (own, foreign) = (
        &stand.customers_of("acme")[0],
        &stand.customers_of("bluebird")[0],
    );
    let pieces = json!([
        letter(own),
        letter(foreign),
        postcard(own),
        postcard(foreign)
    ]);
    let reply = ask(lab, &pieces).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    let left = json!([
        {
            "object": "letter", "customer": own, "name": "Ann Holm", "made": "2026-01-02T03:04:05Z",
            "to": {"made": "2026-01-02T03:04:05Z", "city": "Arlington"},
        },
        {
            "object": "postcard", "customer": own, "name": "Ben Holm", "picture": "a lighthouse",
            "tags": null,
        },
    ]);
    assert_eq!(reply.json()["data"], left, "{}", reply.everything());
    let all = reply.everything();
    for inside in ["SECRET", "7717", foreign.as_str()] {
        assert!(!all.contains(inside), "{all}");
    }
}

#[tokio::test]
async fn a_value_that_no_alternative_allows_is_no_answer() {
    let (stand, core) = MAIL.start(&[], |_| {}).await;
    let own = &stand.customers_of("acme")[0];
    for (member, value) in [
        ("object", json!("parcel")),
        ("object", json!(1)),
        ("name", json!("a name of more than twenty letters")),
        ("picture", json!({"of": "SECRET"})),
        ("to", json!("SECRET")),
        ("customer", json!(null)),
        ("tags", json!([null])),
    ] {
        for mut piece in [letter(own), postcard(own)] {
            piece[member] = value.clone();
            let reply = ask((&stand, &core), &json!([piece])).await;
            refused(&reply, 502, "response-uninspectable");
        }
    }
}

#[tokio::test]
async fn what_alternatives_of_a_request_say_is_judged() {
    let (stand, core) = MAIL.start(&[], |_| {}).await;
    let (own, foreign) = (
        &stand.customers_of("acme")[0],
        &stand.customers_of("bluebird")[0],
    );
    core.answer("/lab/pieces", Scripted::new(JSON, "").status(204));
    let mut acme = stand.partner("acme").await;
    for (body, status) in [
        (json!({"customer": own, "pages": 2}), 204),
        (json!({"customer": own, "picture": "a lighthouse"}), 204),
        (json!({"customer": foreign, "picture": "a lighthouse"}), 404),
        (
            json!({"customer": own, "envelope": "none that is named"}),
            400,
        ),
        (
            json!({"customer": own, "pages": {"customer": foreign}}),
            400,
        ),
    ] {
        let call = Call::new(Method::POST, "/lab/pieces").header("content-type", JSON);
        let reply = acme
            .call(call.body(body.to_string()).purpose(SERVICE))
            .await;
        assert_eq!(reply.status, status, "{body}: {}", reply.everything());
    }
}
