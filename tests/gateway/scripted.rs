//! A service of a test's own: the lab itself works.

use crate::lab::{Scripted, Service};
use crate::stand::SERVICE;

const PIECES: Service<'_> = Service {
    paths: r"
  /lab/pieces:
    get:
      operationId: listPieces
      responses:
        '200':
          description: Pieces
          content:
            application/json:
              schema:
                type: object
                properties:
                  data:
                    type: array
                    items:
                      type: object
                      required: [id, customer, name]
                      properties:
                        id: {type: string}
                        customer: {type: string}
                        name: {type: string}
                        secret: {type: string}",
    components: "",
    actions: r"
  - target: $.paths['/lab/pieces'].get
    update: {x-covenant-channel: list}
  - target: $..properties.data.items
    update: {x-covenant-record: true}
  - target: $..properties.customer
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $..items.properties.id
    update: {x-covenant-data-category: system.operations}
  - target: $..items.properties.name
    update: {x-covenant-data-category: user.name}",
    operations: &["listPieces"],
};

#[tokio::test]
async fn a_service_of_the_tests_own_is_filtered_like_the_shipped_one() {
    let (stand, core) = PIECES.start(&[], |_| {}).await;
    let own = stand.customers_of("acme").remove(0);
    let foreign = stand.customers_of("bluebird").remove(0);
    let body = format!(
        r#"{{"data":[{{"id":"1","customer":"{own}","name":"Ann","secret":"s"}},{{"id":"2","customer":"{foreign}","name":"Bob"}}]}}"#
    );
    core.answer("/lab/pieces", Scripted::new("application/json", body));
    let mut acme = stand.partner("acme").await;
    let reply = acme.get("/lab/pieces", SERVICE).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    assert_eq!(
        reply.json(),
        serde_json::json!({"data": [{"id": "1", "customer": own, "name": "Ann"}]})
    );
    let received = core.received().remove(0);
    assert_eq!(received.method, "GET");
    assert_eq!(received.target, "/lab/pieces");
    assert_eq!(received.headers["partner-id"], "acme");
    assert!(received.body.is_empty());
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_nothing() {
    let (stand, core) = PIECES.start(&[], |_| {}).await;
    let begun = Scripted::new("application/json", r#"{"data":["#);
    let pause = std::time::Duration::from_millis(10);
    let begun = begun.then(pause, r#"{"id":"canary""#).broken_off();
    core.answer("/lab/pieces", begun);
    let mut acme = stand.partner("acme").await;
    let reply = acme.get("/lab/pieces", SERVICE).await;
    assert_eq!(reply.status, 502, "{}", reply.everything());
    assert!(!reply.everything().contains("canary"));
}
