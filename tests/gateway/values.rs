//! Values are held to the catalogue, and whatever leaves in the place of one satisfies it too: with the fields
//! of an address as mailing services describe them.

use serde_json::{Value, json};

use crate::lab::{Scripted, ScriptedCore, Service};
use crate::stand::{SERVICE, SUPPORT, Stand};

const ADDRESSES: Service<'_> = Service {
    paths: r"
  /lab/addresses:
    get:
      operationId: listAddresses
      responses:
        '200':
          description: Addresses
          content:
            application/json:
              schema:
                type: object
                properties:
                  data:
                    type: array
                    items:
                      type: object
                      required: [id, customer, zip, state, name, email]
                      properties:
                        id: {type: string, pattern: '^adr_[a-z0-9]{8,24}$'}
                        customer: {type: string, pattern: '^cus_[a-z0-9]+$'}
                        name: {type: string, minLength: 1, maxLength: 40}
                        line: {type: string, maxLength: 64}
                        zip: {type: string, pattern: '^\d{5}(-\d{4})?$'}
                        state: {type: string, pattern: '^[A-Z]{2}$'}
                        email: {type: string, format: email}
                        kind: {type: string, enum: [home, work]}
                        score: {type: number, minimum: 0, maximum: 1, multipleOf: 0.01}
                        free: {type: string}
                        secret: {type: string}",
    components: "",
    actions: r"
  - target: $.paths['/lab/addresses'].get
    update: {x-covenant-channel: list}
  - target: $..properties.data.items
    update: {x-covenant-record: true}
  - target: $..properties.customer
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $..items.properties['id','score','free']
    update: {x-covenant-data-category: system.operations}
  - target: $..items.properties.kind
    update: {x-covenant-data-category: system.operations}
  - target: $..items.properties.name
    update: {x-covenant-data-category: user.name}
  - target: $..items.properties.line
    update: {x-covenant-data-category: user.contact.address.street, x-covenant-partial: street}
  - target: $..items.properties.zip
    update: {x-covenant-data-category: user.contact.address.postal_code, x-covenant-partial: {first: 3}}
  - target: $..items.properties.state
    update: {x-covenant-data-category: user.contact.address.state, x-covenant-empty: ZZ}
  - target: $..items.properties.email
    update: {x-covenant-data-category: user.contact.email, x-covenant-partial: {first: 2}}",
    operations: &["listAddresses"],
};

const CONTRACT: &str = "partners/acme.yaml";

fn address(customer: &str) -> Value {
    json!({
        "id": "adr_0123abcd", "customer": customer, "name": "Ann Lee", "line": "210 King St Apt 4B",
        "zip": "22201-1234", "state": "VA", "email": "annette@example.com", "kind": "home",
        "score": 0.35, "free": "harmless",
    })
}

fn answer(core: &ScriptedCore, address: &Value) {
    let body = json!({"data": [address]}).to_string();
    core.answer("/lab/addresses", Scripted::new("application/json", body));
}

async fn left(stand: &Stand, core: &ScriptedCore, address: &Value) -> Value {
    answer(core, address);
    let mut acme = stand.partner("acme").await;
    let reply = acme.get("/lab/addresses", SUPPORT).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    reply.json()["data"][0].clone()
}

#[tokio::test]
async fn an_answer_with_a_value_that_its_schema_does_not_allow_is_refused_whole() {
    let (stand, core) = ADDRESSES.start(&[], |_| {}).await;
    let own = stand.customers_of("acme").remove(0);
    let sound = address(&own);
    let hidden = r#"{"email":"canary@example.com"}"#;
    // The same, of which nobody sees what it is.
    let encoded = "eyJlbWFpbCI6ImNhbmFyeUBleGFtcGxlLmNvbSIsInNlY3JldCI6ImNhbmFyeSJ9";
    for (member, wrong) in [
        ("id", json!(format!("adr_{encoded}"))),
        ("id", json!("adr_canary")),
        ("zip", json!("canary")),
        ("state", json!("va")),
        ("kind", json!("canary")),
        ("name", json!(encoded)),
        ("name", json!("")),
        ("email", json!("canary")),
        ("line", json!(format!("{encoded}{encoded}"))),
        ("score", json!(1.5)),
        ("score", json!(0.355)),
        ("free", json!(hidden)),
        ("free", json!(format!(" [{hidden}]"))),
        ("free", json!("canary".repeat(3_000))),
    ] {
        let mut address = sound.clone();
        address[member] = wrong.clone();
        answer(&core, &address);
        let mut acme = stand.partner("acme").await;
        let reply = acme.get("/lab/addresses", SERVICE).await;
        assert_eq!(reply.status, 502, "{member} {wrong}");
        let everything = reply.everything();
        assert!(
            everything.contains("response-uninspectable"),
            "{everything}"
        );
        for secret in ["canary", encoded, "Ann", "22201", "adr_"] {
            assert!(
                !everything.contains(secret),
                "{member} {wrong}: {everything}"
            );
        }
    }
    let received = left(&stand, &core, &sound).await;
    assert_eq!(received["score"], 0.35);
    assert_eq!(received["name"], "Ann Lee");
}

#[tokio::test]
async fn a_part_of_a_value_is_still_what_the_vendors_own_client_expects() {
    let parts = "user.contact.address: partial";
    let edits = [(CONTRACT, "user.contact.address: clear", parts)];
    let (stand, core) = ADDRESSES.start(&edits, |_| {}).await;
    let own = stand.customers_of("acme").remove(0);
    let received = left(&stand, &core, &address(&own)).await;
    assert_eq!(received["zip"], "22200-0000");
    assert_eq!(received["line"], "*** King St");
    // No part of a state is said to be shown: two letters that are no state stand there.
    assert_eq!(received["state"], "ZZ");
    assert_eq!(received["email"], "an***@example.invalid");
}

#[tokio::test]
async fn a_pseudonym_keeps_the_format_and_differs_between_values_and_partners() {
    let edits = [
        (
            CONTRACT,
            "user.contact.email: partial",
            "user.contact.email: pseudonym",
        ),
        (CONTRACT, "user.name: clear", "user.name: pseudonym"),
        (
            CONTRACT,
            "user.contact.address: clear",
            "user.contact.address: pseudonym",
        ),
    ];
    let (stand, core) = ADDRESSES.start(&edits, |_| {}).await;
    let own = stand.customers_of("acme").remove(0);
    let received = left(&stand, &core, &address(&own)).await;
    let (pseudonym, host) = received["email"].as_str().unwrap().split_once('@').unwrap();
    assert_eq!((pseudonym.len(), host), (26, "example.invalid"));
    assert_eq!(received["name"].as_str().unwrap().len(), 26);
    // Too few postal codes and states to stand for one another.
    assert_eq!(
        (&received["zip"], &received["state"]),
        (&json!("00000"), &json!("ZZ"))
    );
    assert_eq!(left(&stand, &core, &address(&own)).await, received);
    let mut other = address(&own);
    other["email"] = json!("annette@example.org");
    assert_ne!(
        left(&stand, &core, &other).await["email"],
        received["email"]
    );
}
