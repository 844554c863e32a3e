//! By what customers are found whom the gateway learnt of from the core's answers: what the answers to calls
//! that make or change a customer say, and nothing else.

use http::Method;
use serde_json::json;

use crate::caller::{Call, Reply};
use crate::lab::{Scripted, ScriptedCore, Service};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

const ACCOUNTS: Service<'_> = Service {
    paths: r"
  /lab/accounts:
    post:
      operationId: openAccount
      requestBody:
        content:
          application/json:
            schema: {type: object, properties: {email: {type: string}}}
      responses:
        '201':
          description: The new account
          content:
            application/xml: {schema: {$ref: '#/components/schemas/Account'}}
  /lab/accounts/{account}:
    parameters:
      - {name: account, in: path, required: true, schema: {type: string}}
    get:
      operationId: readAccount
      responses:
        '200':
          description: The account
          content:
            application/json: {schema: {$ref: '#/components/schemas/Account'}}
    patch:
      operationId: changeAccount
      requestBody:
        content:
          application/json:
            schema: {type: object, properties: {email: {type: string}}}
      responses:
        '200':
          description: The account
          content:
            application/json: {schema: {$ref: '#/components/schemas/Account'}}
  /lab/accounts/{account}/letters:
    parameters:
      - {name: account, in: path, required: true, schema: {type: string}}
    post:
      operationId: sendLetter
      responses:
        '200':
          description: The letter
          content:
            application/json:
              schema:
                type: object
                required: [id, job]
                properties:
                  id: {type: string}
                  job: {type: string}
                  email: {type: string}",
    components: r"
  schemas:
    Account:
      type: object
      required: [id]
      xml: {name: account}
      properties:
        id: {type: string, xml: {attribute: true}}
        email: {type: string}
        phone: {type: string}
        home:
          type: object
          properties:
            city: {type: string}
            country: {type: string}
            street: {type: string}
            zip: {type: string}",
    actions: r"
  - target: $.paths.*.post
    update: {x-covenant-channel: write}
  - target: $.paths.*.patch
    update: {x-covenant-channel: write}
  - target: $.paths.*.get
    update: {x-covenant-channel: record}
  - target: $.paths['/lab/accounts'].post
    update: {x-covenant-creates: customer}
  - target: $.paths.*.parameters[?@.name == 'account']
    update: {x-covenant-role: customer}
  - target: $.components.schemas.Account
    update: {x-covenant-record: true}
  - target: $.paths['/lab/accounts/{account}/letters'].post.responses['200'].content['application/json'].schema
    update: {x-covenant-record: true}
  - target: $..properties.id
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $.components..properties.email
    update: {x-covenant-data-category: user.contact.email}
  - target: $..responses..properties.email
    update: {x-covenant-data-category: user.contact.email}
  - target: $..responses..properties.job
    update: {x-covenant-data-category: system.operations, x-covenant-resource-id: job}
  - target: $..properties.phone
    update: {x-covenant-data-category: user.contact.phone_number}
  - target: $..properties.street
    update: {x-covenant-data-category: user.contact.address.street}
  - target: $..properties.city
    update: {x-covenant-data-category: user.contact.address.city}
  - target: $..properties.country
    update: {x-covenant-data-category: user.contact.address.country}
  - target: $..properties.zip
    update: {x-covenant-data-category: user.contact.address.postal_code}",
    operations: &["openAccount", "readAccount", "changeAccount", "sendLetter"],
};

const NEW: &str = r#"<account id="acc_new"><email>Nora&#64;new.example</email><phone>+1 (907) 555-0142</phone>
  <home><city>Bath</city><country>US</country><street>9 New Lane</street><zip>04530</zip></home></account>"#;

impl Stand {
    async fn found(&self, typed: &str) -> Vec<String> {
        let registry = &self.running().gateway().registry;
        let found = registry.lookup_typed(typed).await.unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    /// A partner's call with an e-mail address in it.
    async fn claims(&self, method: Method, path: &str) -> Reply {
        let call = Call::new(method, path).header("content-type", "application/json");
        let call = call.body(json!({"email": "claimed@partner.example"}).to_string());
        self.partner("acme").await.call(call.purpose(SERVICE)).await
    }
}

fn says(core: &ScriptedCore, path: &str, body: &serde_json::Value) {
    core.answer(path, Scripted::new("application/json", body.to_string()));
}

#[tokio::test]
async fn a_customer_is_found_by_what_the_core_answered_to_calls_that_made_or_changed_it() {
    let (mut stand, core) = ACCOUNTS.start(&[], |_| {}).await;
    let made = Scripted::new("application/xml", NEW).status(201);
    core.answer("/lab/accounts", made);
    for _ in 0..2 {
        let reply = stand.claims(Method::POST, "/lab/accounts").await;
        assert_eq!(reply.status, 201, "{}", reply.everything());
    }
    let by_answer = [
        "nora@new.example",
        "907.555.0142",
        "9 New Lane, Bath, 04530",
        "9 new lane bath 04530 USA",
    ];
    for typed in by_answer {
        assert_eq!(stand.found(typed).await, ["acc_new"], "{typed}");
    }
    let claimed = "claimed@partner.example";
    assert!(stand.found(claimed).await.is_empty(), "a partner's word");

    // A reading changes nothing, a change does.
    let path = "/lab/accounts/acc_new";
    let moved = json!({"id": "acc_new", "email": "nora@moved.example", "home": {"street": "2 Quay", "city": "Bath"}});
    says(&core, path, &moved);
    let read = stand.partner("acme").await.get(path, SERVICE).await;
    assert_eq!(read.status, 200, "{}", read.everything());
    assert!(stand.found("nora@moved.example").await.is_empty());
    let changed = stand.claims(Method::PATCH, path).await;
    assert_eq!(changed.status, 200, "{}", changed.everything());
    stand.restart().await;
    let by_change = ["Nora@Moved.example", "Bath, 2 Quay"];
    for typed in by_answer.iter().chain(&by_change) {
        assert_eq!(stand.found(typed).await, ["acc_new"], "{typed}");
    }
    assert!(stand.found(claimed).await.is_empty(), "a partner's word");
}

#[tokio::test]
async fn no_one_is_found_by_what_is_said_of_somebody_else_or_of_a_letter() {
    let (stand, core) = ACCOUNTS.start(&[], |_| {}).await;
    let own = stand.customers_of("acme").remove(0);
    let foreign = stand.customers_of("bluebird").remove(0);
    let path = format!("/lab/accounts/{own}");
    says(
        &core,
        &path,
        &json!({"id": foreign, "email": "eve@else.example"}),
    );
    let other = stand.claims(Method::PATCH, &path).await;
    refused(&other, 502, "response-uninspectable");
    // Nor where the core gives a new customer an id that is somebody else's.
    let taken = NEW.replace("acc_new", &foreign);
    core.answer(
        "/lab/accounts",
        Scripted::new("application/xml", taken).status(201),
    );
    let made = stand.claims(Method::POST, "/lab/accounts").await;
    refused(&made, 502, "response-uninspectable");
    let letters = format!("{path}/letters");
    let letter = json!({"id": own, "job": "job_lab", "email": "office@letter.example"});
    says(&core, &letters, &letter);
    let call = Call::new(Method::POST, &letters).purpose(SERVICE);
    let sent = stand.partner("acme").await.call(call).await;
    assert_eq!(sent.status, 200, "{}", sent.everything());
    for typed in [
        "eve@else.example",
        "nora@new.example",
        "office@letter.example",
    ] {
        assert!(stand.found(typed).await.is_empty(), "{typed}");
    }
}
