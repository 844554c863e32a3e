//! Answers in XML and CSV, and members of any name: filtered like JSON by the whole gateway.

use crate::lab::{Scripted, ScriptedCore, Service};
use crate::stand::{SERVICE, Stand};

/// Address lists and tracking as Click2Mail writes them, and lists of recipients in CSV.
const LISTS: Service<'_> = Service {
    paths: r"
  /lab/addressLists:
    get:
      operationId: readAddressList
      responses:
        '200':
          description: A list
          content:
            application/xml: {schema: {$ref: '#/components/schemas/addressList'}}
  /lab/tracking:
    get:
      operationId: readTracking
      responses:
        '200':
          description: Tracking
          content:
            application/vnd.lab+xml: {schema: {$ref: '#/components/schemas/Tracking'}}
  /lab/recipients.csv:
    get:
      operationId: readRecipients
      responses:
        '200':
          description: Recipients
          content:
            text/csv:
              schema: {type: array, items: {$ref: '#/components/schemas/Address'}}
  /lab/letters:
    get:
      operationId: readLetters
      responses:
        '200':
          description: Letters
          content:
            application/vnd.lab+json:
              schema: {type: array, items: {$ref: '#/components/schemas/Letter'}}",
    components: r"
  schemas:
    addressList:
      type: object
      properties:
        Status: {type: integer, xml: {name: statusCode, attribute: true}}
        contents:
          type: array
          xml: {wrapped: true}
          items: {$ref: '#/components/schemas/Address'}
    Address:
      type: object
      required: [Customer]
      xml: {name: address}
      properties:
        Customer: {type: string}
        First_name: {type: string}
        Country_non-US: {type: string, nullable: true}
        Amount: {type: number}
        Secret: {type: string}
      additionalProperties: {type: string}
    Tracking:
      type: object
      xml: {name: tracking, namespace: 'urn:lab:tracking'}
      properties:
        mailPiece:
          type: array
          items:
            type: object
            required: [customer]
            properties:
              customer: {type: string, xml: {attribute: true}}
              address: {type: string}
              status: {type: string}
    Letter:
      type: object
      required: [customer]
      properties:
        customer: {type: string}
        merge_variables: {type: object, additionalProperties: {type: string}}",
    actions: r"
  - target: $.paths.*.get
    update: {x-covenant-channel: list}
  - target: $.components.schemas.addressList.properties.Status
    update: {x-covenant-data-category: system.operations}
  - target: $.components.schemas.Address
    update:
      x-covenant-record: true
      properties:
        Customer: {x-covenant-customer-key: true, x-covenant-data-category: user.unique_id}
        First_name: {x-covenant-data-category: user.name.first}
        Country_non-US: {x-covenant-data-category: user.contact.address.country}
        Amount: {x-covenant-data-category: system.operations}
      additionalProperties: {x-covenant-data-category: user.content.private}
  - target: $.components.schemas.Tracking.properties.mailPiece.items
    update:
      x-covenant-record: true
      x-covenant-data-subject: recipient
      properties:
        customer: {x-covenant-customer-key: true, x-covenant-data-category: user.unique_id}
        address: {x-covenant-data-category: user.content.private.addressee}
        status: {x-covenant-data-category: system.operations}
  - target: $.components.schemas.Letter
    update:
      x-covenant-record: true
      properties:
        customer: {x-covenant-customer-key: true, x-covenant-data-category: user.unique_id}
        merge_variables: {additionalProperties: {x-covenant-data-category: user.content.private}}",
    operations: &[
        "readAddressList",
        "readTracking",
        "readRecipients",
        "readLetters",
    ],
};

const WITHOUT_CONTENT: (&str, &str, &str) =
    ("partners/acme.yaml", "  user.content.private: clear\n", "");

struct Lab {
    stand: Stand,
    core: ScriptedCore,
    own: String,
    foreign: String,
}

impl Lab {
    async fn start(edits: &[(&str, &str, &str)]) -> Self {
        let (stand, core) = LISTS.start(edits, |_| {}).await;
        let own = stand.customers_of("acme").remove(0);
        let foreign = stand.customers_of("bluebird").remove(0);
        Self {
            stand,
            core,
            own,
            foreign,
        }
    }

    /// What acme receives where the core answers so; `OWN` and `FOREIGN` stand for customers.
    async fn ask(&self, path: &str, media_type: &str, body: &str) -> crate::caller::Reply {
        let body = body
            .replace("OWN", &self.own)
            .replace("FOREIGN", &self.foreign);
        self.core.answer(path, Scripted::new(media_type, body));
        let mut acme = self.stand.partner("acme").await;
        acme.get(path, SERVICE).await
    }

    fn said(&self, text: &str) -> String {
        text.replace("OWN", &self.own)
    }
}

const ADDRESSES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
    <addressList statusCode=\"0\" other=\"canary\">\n <contents>\n\
    <address><Customer>OWN</Customer><First_name>Ann &amp; Bob</First_name><Country_non-US/>\
    <Pet_Name><![CDATA[Rex <3]]></Pet_Name><Secret>canary</Secret></address>\n\
    <address><Customer>FOREIGN</Customer><First_name>canary</First_name><Canary_Tag>x</Canary_Tag>\
    </address></contents><statusUrl>https://canary.example/</statusUrl></addressList>";

#[tokio::test]
async fn an_address_list_in_xml_leaves_with_the_tags_its_customer_made_up() {
    let lab = Lab::start(&[]).await;
    let reply = lab
        .ask(
            "/lab/addressLists",
            "application/xml; charset=UTF-8",
            ADDRESSES,
        )
        .await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    assert_eq!(reply.header("content-type"), "application/xml");
    assert_eq!(
        std::str::from_utf8(&reply.body).unwrap(),
        lab.said(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><addressList statusCode=\"0\"><contents><address>\
             <Customer>OWN</Customer><First_name>Ann &amp; Bob</First_name><Country_non-US/>\
             <Pet_Name>Rex &lt;3</Pet_Name></address></contents></addressList>"
        )
    );
    assert!(!reply.everything().to_lowercase().contains("canary"));
    let received = lab.core.received().remove(0);
    assert_eq!(received.headers["accept"], "application/xml");
}

#[tokio::test]
async fn without_their_category_not_even_the_names_of_made_up_members_leave() {
    let lab = Lab::start(&[WITHOUT_CONTENT]).await;
    let reply = lab
        .ask("/lab/addressLists", "application/xml", ADDRESSES)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    assert!(
        !reply.everything().contains("Pet_Name"),
        "{}",
        reply.everything()
    );
    let redacted = reply.header("covenant-redacted");
    assert!(redacted.contains("$.contents[*].*"), "{redacted}");
    let rows = "Customer,First_name,Pet\r\nOWN,Ann,Rex\r\n";
    let reply = lab.ask("/lab/recipients.csv", "text/csv", rows).await;
    let left = std::str::from_utf8(&reply.body).unwrap();
    assert_eq!(left, lab.said("Customer,First_name\r\nOWN,Ann\r\n"));
    let letters = r#"[{"customer":"OWN","merge_variables":{"Pet":"Rex"}}]"#;
    let reply = lab
        .ask("/lab/letters", "application/vnd.lab+json", letters)
        .await;
    assert_eq!(reply.json(), serde_json::json!([{"customer": lab.own}]));
}

#[tokio::test]
async fn members_of_any_name_leave_in_json_under_keys_that_are_written_anew() {
    let lab = Lab::start(&[]).await;
    let letters = r#"[{"customer":"OWN","merge_variables":{"P\u0065t":"R\u0065x","a\"\/b":"\n"}}]"#;
    let reply = lab
        .ask("/lab/letters", "application/vnd.lab+json", letters)
        .await;
    assert_eq!(reply.header("content-type"), "application/vnd.lab+json");
    assert_eq!(
        std::str::from_utf8(&reply.body).unwrap(),
        lab.said(r#"[{"customer":"OWN","merge_variables":{"Pet":"Rex","a\"/b":"\n"}}]"#)
    );
    let twice = r#"[{"customer":"OWN","merge_variables":{"Pet":"Rex","P\u0065t":"canary"}}]"#;
    let reply = lab
        .ask("/lab/letters", "application/vnd.lab+json", twice)
        .await;
    assert_eq!(reply.status, 502);
}

#[tokio::test]
async fn no_document_leaves_in_a_name_or_behind_marks_in_a_text() {
    let lab = Lab::start(&[]).await;
    for (hidden, status) in [
        ("{\"email\":\"canary\"}", 502),
        ("[\"canary\"]", 502),
        ("\u{feff}{\"email\":\"canary\"}", 502),
        ("{}\n{\"email\":\"canary\"}", 502),
        ("{\"email\":\"canary\"},", 502),
        ("{name}", 200),
        ("[1]", 200),
    ] {
        let variables = serde_json::json!({hidden: "Rex"});
        let letter = format!("[{{\"customer\":\"OWN\",\"merge_variables\":{variables}}}]");
        let quoted = format!("\"{}\"", hidden.replace('"', "\"\""));
        let column = format!("Customer,First_name,{quoted}\r\nOWN,Ann,Rex\r\n");
        let cell = format!("Customer,First_name\r\nOWN,{quoted}\r\n");
        for (path, media_type, body) in [
            ("/lab/letters", "application/vnd.lab+json", letter),
            ("/lab/recipients.csv", "text/csv", column),
            ("/lab/recipients.csv", "text/csv", cell),
        ] {
            let reply = lab.ask(path, media_type, &body).await;
            assert_eq!(reply.status, status, "{body}");
            assert!(!reply.everything().contains("canary"), "{body}");
        }
    }
}

#[tokio::test]
async fn name_and_address_in_one_text_are_a_category_that_neither_name_nor_address_opens() {
    let body = "<tracking xmlns='urn:lab:tracking'><mailPiece customer='OWN'><address>Ann Lee\n1 Main \
                Street</address><status>DELIVERED</status></mailPiece><mailPiece \
                customer='FOREIGN'><address>canary</address></mailPiece></tracking>";
    let left = |address: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><tracking xmlns=\"urn:lab:tracking\">\
             <mailPiece customer=\"OWN\">{address}<status>DELIVERED</status></mailPiece></tracking>"
        )
    };
    for (edits, address) in [
        (&[WITHOUT_CONTENT][..], ""),
        (&[][..], "<address>Ann Lee\n1 Main Street</address>"),
    ] {
        let lab = Lab::start(edits).await;
        let reply = lab
            .ask("/lab/tracking", "application/vnd.lab+xml", body)
            .await;
        assert_eq!(reply.status, 200, "{}", reply.everything());
        let body = std::str::from_utf8(&reply.body).unwrap();
        assert_eq!(body, lab.said(&left(address)));
    }
}

#[tokio::test]
async fn rows_of_csv_leave_by_their_customers_and_without_formulas() {
    let lab = Lab::start(&[]).await;
    let body = "First_name,Customer,Amount,Secret,\"Pet, name\"\n\
                =HYPERLINK(1),OWN,-12.5,canary,@SUM(A1)\n\
                canary,FOREIGN,1,canary,canary\n\
                \"+1 \"\"Ann\"\"\",OWN,7,canary,Rex\nBo,OWN,,canary,\n";
    let reply = lab
        .ask("/lab/recipients.csv", "text/csv; charset=utf-8", body)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        std::str::from_utf8(&reply.body).unwrap(),
        lab.said(
            "First_name,Customer,Amount,\"Pet, name\"\r\n'=HYPERLINK(1),OWN,-12.5,'@SUM(A1)\r\n\
             \"'+1 \"\"Ann\"\"\",OWN,7,Rex\r\nBo,OWN,,\r\n"
        )
    );
}

#[tokio::test]
async fn whatever_is_in_doubt_in_xml_and_csv_leaves_nothing() {
    let lab = Lab::start(&[]).await;
    let xml = |inside: &str| format!("<addressList><contents>{inside}</contents></addressList>");
    let row = "<address><Customer>OWN</Customer><First_name>canary</First_name></address>";
    let with_entity = format!(
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>{}",
        xml(row)
    );
    for (media_type, body) in [
        ("application/xml", with_entity),
        ("application/xml", xml(row) + "<!-- canary -->"),
        ("application/xml", xml(&format!("{row}&x;"))),
        ("application/xml", xml(&format!("{row}canary"))),
        (
            "application/xml",
            xml("<address><First_name>canary</First_name></address>"),
        ),
        (
            "application/xml",
            xml(&row.replace("<First_name>", "<Customer>OWN</Customer><First_name>")),
        ),
        (
            "application/xml",
            xml(&row.replace("OWN", "OWN</Customer><Customer>FOREIGN")),
        ),
        ("application/xml", xml(row).replace("</addressList>", "")),
        ("application/xml; charset=iso-8859-1", xml(row)),
        ("text/xml", xml(row)),
        ("application/json", xml(row)),
    ] {
        let reply = lab.ask("/lab/addressLists", media_type, &body).await;
        assert_eq!(reply.status, 502, "{media_type} {body}");
        assert!(
            !reply.everything().contains("canary"),
            "{}",
            reply.everything()
        );
    }
    for (media_type, body) in [
        ("text/csv", "OWN,canary\n"),
        ("text/csv", "Customer,First_name\nOWN,canary,x\n"),
        ("text/csv", "Customer,First_name,Customer\nOWN,canary,OWN\n"),
        ("text/csv", "Customer,First_name\nOWN,\"canary\n"),
        (
            "text/csv; charset=utf-8; header=absent",
            "Customer,First_name\nOWN,canary\n",
        ),
        ("text/plain", "Customer,First_name\nOWN,canary\n"),
    ] {
        let reply = lab.ask("/lab/recipients.csv", media_type, body).await;
        assert_eq!(reply.status, 502, "{media_type} {body}");
        assert!(
            !reply.everything().contains("canary"),
            "{}",
            reply.everything()
        );
    }
}
