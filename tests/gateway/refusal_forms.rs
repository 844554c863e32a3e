//! Refusals in the form that the clients of an operation know: vendors' own clients, which read the
//! vendor's errors and nothing else.

use serde_json::{Value, json};

use crate::caller::Call;
use crate::lab::Service;
use crate::refusals::refused;
use crate::stand::SERVICE;

const PIECE: &str = r"
      responses:
        '200':
          description: A piece
          content:
            application/json:
              schema: {$ref: '#/components/schemas/Piece'}";

const FORMS: &str = r"
  - target: $.paths['/lab/letters'].get
    update:
      x-covenant-channel: record
      x-covenant-refusal: {json: {error: {message: detail, status_code: status, code: code}}}
  - target: $.paths['/lab/batches'].get
    update:
      x-covenant-channel: record
      x-covenant-refusal: {xml: {batch: {status: 9, description: detail, request: request_id}}}
  - target: $.components.schemas.Piece
    update: {x-covenant-record: true}
  - target: $..properties.customer
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}";

fn paths() -> String {
    [("letters", "readLetter"), ("batches", "readBatch")]
        .map(|(path, id)| format!("\n  /lab/{path}:\n    get:\n      operationId: {id}{PIECE}"))
        .concat()
}

const COMPONENTS: &str = r"
  schemas:
    Piece:
      type: object
      required: [customer]
      properties:
        customer: {type: string}";

#[tokio::test]
async fn a_refusal_is_written_as_the_operations_own_errors_are() {
    let paths = paths();
    let service = Service {
        paths: &paths,
        components: COMPONENTS,
        actions: FORMS,
        operations: &["readLetter", "readBatch"],
    };
    let (stand, _core) = service.start(&[], |_| {}).await;
    let mut acme = stand.partner("acme").await;
    let detail = |document: &Value| document["detail"].as_str().unwrap().to_owned();

    let problem = Call::get("/lab/letters?a%3C%26=1")
        .purpose(SERVICE)
        .header("accept", "text/html, Application/Problem+JSON");
    let problem = refused(&acme.call(problem).await, 400, "request-malformed");

    let json = acme.get("/lab/letters?a%3C%26=1", SERVICE).await;
    assert_eq!(json.status, 400);
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(json.header("covenant-code"), "request-malformed");
    assert_eq!(
        json.json(),
        json!({"error": {"message": detail(&problem), "status_code": 400, "code": "request-malformed"}})
    );

    let xml = acme.get("/lab/batches?a%3C%26=1", SERVICE).await;
    assert_eq!(xml.status, 400);
    assert_eq!(xml.header("content-type"), "application/xml");
    assert_eq!(xml.header("covenant-code"), "request-malformed");
    let said = detail(&problem).replace('&', "&amp;").replace('<', "&lt;");
    let said = said
        .replace('>', "&gt;")
        .replace('\'', "&apos;")
        .replace('"', "&quot;");
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><batch><status>9</status><description>{said}</description><request>{}</request></batch>",
        xml.request_id()
    );
    assert_eq!(String::from_utf8_lossy(&xml.body), expected);
}

#[tokio::test]
async fn who_has_no_credentials_is_told_in_the_form_of_the_path_and_elsewhere_by_a_problem_document()
 {
    let paths = paths();
    let service = Service {
        paths: &paths,
        components: COMPONENTS,
        actions: FORMS,
        operations: &["readLetter"],
    };
    let (stand, _core) = service.start(&[], |_| {}).await;
    let mut credentials = stand.credentials("acme");
    credentials.authorization = None;
    let mut nobody = stand
        .connect(&credentials, crate::caller::Version::Http1)
        .await;
    let told = nobody.get("/lab/letters", SERVICE).await;
    assert_eq!(told.status, 401);
    assert_eq!(told.header("covenant-code"), "credentials-missing");
    assert_eq!(told.json()["error"]["code"], "credentials-missing");
    let elsewhere = nobody.get("/lab/elsewhere", SERVICE).await;
    refused(&elsewhere, 401, "credentials-missing");
}
