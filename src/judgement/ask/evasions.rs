//! Ways to name another's customer, to hide a marketing use or to bring credentials, in every format a
//! body comes in, each through [`ask`] as the gateway calls it.

use http::Request;
use proptest::prelude::*;

use super::*;
use crate::catalogue::Catalogue;
use crate::edge::host::HostNames;
use crate::edge::{self, limits::Limits};
use crate::mistakes::{Look, Mistakes};
use crate::source::Folder;

const DOCUMENT: &str = r"openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /orders:
    post:
      operationId: createOrder
      parameters:
        - {name: use_type, in: query, schema: {type: string}}
        - {name: customer_id, in: query, schema: {type: string}}
        - {name: 'include[]', in: query, schema: {type: string, enum: [total_count, links]}}
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Order'}}
          application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Order'}}
          multipart/form-data:
            encoding: {file: {contentType: 'application/pdf, image/*'}}
            schema:
              allOf:
                - $ref: '#/components/schemas/Order'
                - properties: {file: {type: string, format: binary}}
          text/xml: {schema: {$ref: '#/components/schemas/Order'}}
          text/csv: {schema: {type: string}}
      responses: {'201': {description: d, content: {application/json: {schema: {type: object, properties: {job: {type: string}}}}}}}
  /uploads:
    post:
      operationId: upload
      requestBody:
        required: true
        content:
          application/pdf: {schema: {type: string, format: binary}}
          application/vnd.order+json: {schema: {$ref: '#/components/schemas/Order'}}
      responses: {'201': {description: d, content: {application/json: {schema: {type: object, properties: {document: {type: string}}}}}}}
components:
  schemas:
    Order:
      type: object
      required: [customer_id]
      properties:
        customer_id: {type: [string, integer], xml: {name: CustomerId}}
        list_id: {type: string, xml: {attribute: true}}
        use_type: {type: string, enum: [operational, transactional, marketing]}
        limit: {type: integer, maximum: 100}
        include: {type: array, items: {type: string, enum: [total_count, links]}}
        password: {type: string}
        note: {type: string}
        audience: {type: object, properties: {segment: {type: string}, customer_ids: {type: array, items: {type: string}}}}
        to:
          type: object
          properties:
            name: {type: string}
            owner_id: {type: string}
        jobs:
          type: array
          xml: {wrapped: true}
          items:
            type: object
            xml: {name: job}
            properties:
              customer_id: {type: string}
              use_type: {$ref: '#/components/schemas/UseType'}
        tags: {type: array, items: {type: string}}
        metadata: {type: object, additionalProperties: {type: string}}
        anything: {}
        either: {oneOf: [{type: string}, {type: object, properties: {account: {type: string}}}]}
    UseType: {type: string}
";

const OVERLAY: &str = r"overlay: 1.0.0
info: {title: t, version: '1'}
actions:
  - target: $.paths['/orders'].post
    update: {x-covenant-channel: write, x-covenant-creates: job}
  - target: $.paths['/uploads'].post
    update: {x-covenant-channel: write, x-covenant-creates: document}
  - target: $..parameters[?@.name == 'use_type']
    update: {x-covenant-role: use-type}
  - target: $..parameters[?@.name == 'customer_id']
    update: {x-covenant-role: customer}
  - target: $..parameters[?@.name == 'include[]']
    update: {x-covenant-role: include}
  - target: $..properties['customer_id','owner_id']
    update: {x-covenant-role: customer}
  - target: $..customer_ids.items
    update: {x-covenant-role: customer}
  - target: $..properties.list_id
    update: {x-covenant-role: list}
  - target: $.components.schemas.Order.properties.use_type
    update: {x-covenant-role: use-type, x-covenant-operational: [operational, transactional]}
  - target: $.components.schemas.UseType
    update: {x-covenant-role: use-type}
  - target: $..properties.limit
    update: {x-covenant-role: page-size}
  - target: $.components.schemas.Order.properties.include
    update: {x-covenant-role: include}
  - target: $..properties.password
    update: {x-covenant-role: credential}
  - target: $..properties.audience
    update: {x-covenant-role: audience}
  - target: $..responses..properties.job
    update: {x-covenant-data-category: system.operations, x-covenant-resource-id: job}
  - target: $..responses..properties.document
    update: {x-covenant-data-category: system.operations, x-covenant-resource-id: document}
";

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const XML: &str = "text/xml";
const MULTIPART: &str = "multipart/form-data; boundary=B";

fn catalogue() -> Catalogue {
    catalogue_of("", "")
}

/// The catalogue with this replacement of text in its document.
fn catalogue_of(from: &str, to: &str) -> Catalogue {
    let mut mistakes = Mistakes::new();
    let document = DOCUMENT.replacen(from, to, 1);
    let files = [
        ("catalogue/t.openapi.yaml".to_owned(), document),
        ("catalogue/t.overlay.yaml".to_owned(), OVERLAY.to_owned()),
    ];
    let folder = Folder::of("t", files, &mut mistakes);
    let catalogue = Catalogue::load(&folder, &mut mistakes);
    catalogue.unwrap_or_else(|| panic!("{}", mistakes.render(Look::Plain)))
}

thread_local! {
    static CATALOGUE: Catalogue = catalogue();
}

fn asked_at(target: &str, content_type: &str, body: &[u8]) -> Result<Asked, Box<Refusal>> {
    let mut request = Request::builder()
        .method("POST")
        .uri(target)
        .header("host", "h.example");
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let names = HostNames::new(["h.example"]).unwrap();
    let head = edge::accept(&parts, &Limits::default(), &names).map_err(Box::new)?;
    let routed = CATALOGUE.with(|one| one.route(head.method(), head.path().as_str()));
    let routed = routed.unwrap();
    super::super::check_query(&routed.operation, &head)?;
    ask(&routed, &head, &Bytes::copy_from_slice(body))
}

/// What became of it, in a word or a few.
fn told(asked: Result<Asked, Box<Refusal>>) -> String {
    match asked {
        Err(refusal) => refusal.code.status().as_u16().to_string(),
        Ok(asked) => {
            let mut words: Vec<String> = asked.signals();
            for selector in &asked.selectors {
                words.push(match selector {
                    Selector::Customer(id) => id.clone(),
                    Selector::Resource(kind, id) => format!("{}:{id}", kind.word()),
                });
            }
            words.extend(asked.page_records.map(|records| format!("limit {records}")));
            words.join(" ")
        }
    }
}

fn check(content_type: &str, rows: &[(&str, &str)]) {
    for (body, expected) in rows {
        let asked = asked_at("/orders", content_type, body.as_bytes());
        assert_eq!(told(asked), *expected, "{content_type} {body}");
    }
}

#[test]
fn whatever_json_says_is_heard() {
    check(
        JSON,
        &[
            (r#"{"customer_id":"a"}"#, "a"),
            (r#"{"\u0063ustomer_id":"a"}"#, "a"),
            (r#"{"customer_id":"\u0061"}"#, "a"),
            (r#"{"customer_id":17}"#, "17"),
            (r#"{"customer_id":17.0}"#, "17.0"),
            (r#"{"customer_id":true}"#, "404"),
            (r#"{"customer_id":["a"]}"#, "404"),
            (r#"{"customer_id":{"id":"a"}}"#, "404"),
            (r#"{"customer_id":null}"#, ""),
            (r#"{"customer_id":"a","customer_id":"b"}"#, "400"),
            (r#"{"customer_id":"a","\u0063ustomer_id":"b"}"#, "400"),
            (r#"{"customer_id":"a","Customer_ID":"b"}"#, "400"),
            (r#"{"customer_id":"a","customerId":"b"}"#, "400"),
            (r#"{"customer_id":"a","customer_id ":"b"}"#, "400"),
            (
                r#"{"jobs":[{"customer_id":"a"},{"customer_id":"b"}]}"#,
                "a b",
            ),
            (r#"{"jobs":[{"customer_id":"a","x":1}]}"#, "400"),
            (r#"{"jobs":{"customer_id":"a"}}"#, "400"),
            (r#"{"jobs":[[{"customer_id":"a"}]]}"#, "400"),
            (r#"{"jobs":{"0":{"customer_id":"a"}}}"#, "400"),
            (r#"{"to":{"owner_id":"a"}}"#, "a"),
            (r#"{"to":{"owner":"a"}}"#, "400"),
            (r#"{"to":[{"owner_id":"a"}]}"#, "400"),
            (r#"{"to":"a"}"#, "400"),
            (r#"{"audience":{"customer_ids":["a","b"]}}"#, "audience a b"),
            (r#"{"audience":null}"#, "audience"),
            (r#"{"audience":{}}"#, "audience"),
            (r#"{"audience":""}"#, "audience"),
            (r#"{"audience":[]}"#, "audience"),
            (r#"{"audience":{"other":1}}"#, "400"),
            (r#"{"use_type":"operational"}"#, ""),
            (r#"{"use_type":"transactional"}"#, ""),
            (r#"{"use_type":"marketing"}"#, "use-type"),
            (r#"{"use_type":"\u006darketing"}"#, "use-type"),
            (r#"{"use_type":"Operational"}"#, "use-type"),
            (r#"{"use_type":" operational"}"#, "use-type"),
            (r#"{"use_type":""}"#, "use-type"),
            (r#"{"use_type":null}"#, "use-type"),
            (r#"{"use_type":0}"#, "use-type"),
            (r#"{"use_type":false}"#, "use-type"),
            (r#"{"use_type":["operational"]}"#, "use-type"),
            (r#"{"use_type":["operational","marketing"]}"#, "use-type"),
            (r#"{"use_type":{"value":"operational"}}"#, "use-type"),
            (
                r#"{"use_type":"operational","use_type":"marketing"}"#,
                "400",
            ),
            (r#"{"use_type[]":"marketing"}"#, "400"),
            (r#"{"USE_TYPE":"marketing"}"#, "400"),
            (r#"{"jobs":[{"use_type":"transactional"}]}"#, "use-type"),
            (r#"{"metadata":{"use_type":"marketing"}}"#, "400"),
            (r#"{"metadata":{"Use-Type":"marketing"}}"#, "400"),
            (r#"{"metadata":{"colour":"red"}}"#, ""),
            (r#"{"metadata":{"colour":{"deep":1}}}"#, "400"),
            (r#"{"anything":{"deep":[{"customerId":"b"}]}}"#, "400"),
            (r#"{"anything":{"deep":[{"PASSWORD":"b"}]}}"#, "400"),
            (r#"{"anything":{"deep":[{"colour":"red"}]}}"#, ""),
            (r#"{"either":{"customer_id":"b"}}"#, "400"),
            (r#"{"either":"adr_1"}"#, ""),
            (
                r#"{"include":["total_count","links"]}"#,
                "include:total_count include:links",
            ),
            (r#"{"include":["everything"]}"#, "400"),
            (r#"{"include":"total_count"}"#, "400"),
            (r#"{"include":[["total_count"]]}"#, "400"),
            (r#"{"include":[{"total_count":1}]}"#, "400"),
            (r#"{"include":[true]}"#, "400"),
            (r#"{"limit":50}"#, "limit 50"),
            (r#"{"limit":"50"}"#, "limit 50"),
            (r#"{"limit":5e1}"#, "400"),
            (r#"{"limit":-50}"#, "400"),
            (r#"{"password":"secret"}"#, "400"),
            (r#"{"password":null}"#, "400"),
            (r#"{"list_id":"l"}"#, "list:l"),
            ("[]", "415"),
            (r#"[{"customer_id":"a"}]"#, "415"),
            ("{\"customer_id\":\"a\"}{}", "400"),
            ("\u{feff}{}", "400"),
            ("{\"customer_id\":\"a\",}", "400"),
            ("{'customer_id':'a'}", "400"),
            ("", "415"),
        ],
    );
}

#[test]
fn an_object_that_a_form_holds_as_json_is_read_as_json() {
    let form = [
        (r#"metadata={"colour":"red"}"#, ""),
        (r#"metadata= {"colour":"red"}"#, ""),
        ("metadata={}", ""),
        (r#"metadata={"use_type":"marketing"}"#, "400"),
        (r#"metadata={"use\u005ftype":"marketing"}"#, "400"),
        (r#"metadata={"colour":{"deep":1}}"#, "400"),
        (r#"metadata={"colour":"red","colour":"blue"}"#, "400"),
        (r#"metadata={"colour":"red"}{}"#, "400"),
        (r#"metadata=["red"]"#, "400"),
        ("metadata=null", "400"),
        ("metadata=red", "400"),
        ("metadata=", "400"),
        (r#"metadata={"colour":"red"}&metadata[size]=1"#, "400"),
        (r#"to={"name":"Ann","owner_id":"a"}"#, "a"),
        (r#"to={"name":"Ann","owner":"a"}"#, "400"),
        (r#"to={"owner_id":"a"}&customer_id=a"#, "a a"),
        // In a document a list is a list, and a text a text.
        (r#"jobs[0]={"customer_id":"a"}"#, "a"),
        (r#"jobs={"0":{"customer_id":"a"}}"#, "400"),
        (r#"jobs=[{"customer_id":"a"}]"#, "a"),
        (r#"jobs=[{"customer":"a"}]"#, "400"),
        ("jobs=[1]", "400"),
        (r#"audience={"customer_ids":["a"]}"#, "audience"),
        (r#"either={"customer_id":"b"}"#, "400"),
        (r#"anything=[{"PASSWORD":"b"}]"#, "400"),
        (r#"anything={"colour":"red"}"#, ""),
        ("anything={colour", ""),
    ];
    let encoded = |body: &str| {
        let fields = body.split('&').map(|field| {
            let (name, value) = field.split_once('=').unwrap();
            let value = value.bytes().map(|byte| format!("%{byte:02X}"));
            format!("{name}={}", value.collect::<String>())
        });
        fields.collect::<Vec<_>>().join("&")
    };
    let multipart = |body: &str| {
        let fields = body.split('&').map(|field| field.split_once('=').unwrap());
        let fields: Vec<_> = fields.map(|(name, value)| (named(name), value)).collect();
        let fields: Vec<_> = fields
            .iter()
            .map(|(head, value)| (&**head, *value))
            .collect();
        parts(&fields)
    };
    for (body, expected) in form {
        check(FORM, &[(&encoded(body), expected)]);
        check(MULTIPART, &[(&multipart(body), expected)]);
    }
    // Where JSON holds a text, it is one.
    check(JSON, &[(r#"{"metadata":"{}"}"#, "400")]);
}

#[test]
fn a_file_that_does_not_say_what_it_is_is_taken_where_anything_or_text_is() {
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"";
    let body = parts(&[(file, "%PDF-1.4")]);
    assert_eq!(told(asked_at("/orders", MULTIPART, body.as_bytes())), "415");
    for (admitted, expected) in [
        ("application/pdf, text/plain", ""),
        ("application/octet-stream", ""),
        ("application/pdf, text/html", "415"),
    ] {
        let asked = asked_of(&catalogue_of("application/pdf, image/*", admitted), &body);
        assert_eq!(told(asked), expected, "{admitted}");
    }
    let note = body.replace("name=\"file\"", "name=\"note\"");
    assert_eq!(told(asked_at("/orders", MULTIPART, note.as_bytes())), "400");
}

/// What is asked of a catalogue of one's own.
fn asked_of(catalogue: &Catalogue, body: &str) -> Result<Asked, Box<Refusal>> {
    let request = Request::builder().method("POST").uri("/orders");
    let request = request.header("host", "h.example");
    let request = request.header("content-type", MULTIPART);
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let names = HostNames::new(["h.example"]).unwrap();
    let head = edge::accept(&parts, &Limits::default(), &names).map_err(Box::new)?;
    let routed = catalogue
        .route(head.method(), head.path().as_str())
        .unwrap();
    ask(&routed, &head, &Bytes::copy_from_slice(body.as_bytes()))
}

#[test]
fn whatever_a_form_says_is_heard() {
    check(
        FORM,
        &[
            ("customer_id=a", "a"),
            ("%63ustomer_id=%61", "a"),
            ("customer_id=a&customer_id=b", "400"),
            ("customer_id=a&%63ustomer_id=b", "400"),
            ("customer_id=a&customer_id[]=b", "400"),
            ("customer_id[]=a", "404"),
            ("customer_id[x]=a", "404"),
            ("Customer_id=a", "400"),
            ("customer.id=a", "400"),
            ("customer+id=a", "400"),
            ("+customer_id=a", "400"),
            ("customer_id%00=a", "400"),
            ("customer_id=a;customer_id=b", "400"),
            ("to[owner_id]=a&to[name]=Ann", "a"),
            ("to%5Bowner_id%5D=a", "a"),
            ("to[owner_id][]=a", "404"),
            ("to[owner_id=a", "400"),
            ("to[owner]=a", "400"),
            ("to=a", "400"),
            ("to[]=a", "400"),
            ("to=a&to[owner_id]=b", "400"),
            ("jobs[0][customer_id]=a&jobs[1][customer_id]=b", "a b"),
            ("jobs[1][customer_id]=a&jobs[0][customer_id]=b", "400"),
            ("jobs[x][customer_id]=a", "400"),
            ("jobs[][customer_id]=a", "400"),
            ("jobs[customer_id]=a", "400"),
            ("jobs[00][customer_id]=a", "400"),
            ("use_type=operational", ""),
            ("use_type=marketing", "use-type"),
            ("use_type=", "use-type"),
            ("use_type", "use-type"),
            ("use_type=operational%20", "use-type"),
            ("use_type=OPERATIONAL", "use-type"),
            ("use_type[]=operational", "use-type"),
            ("use_type[]=operational&use_type[]=marketing", "use-type"),
            ("use_type[0]=operational", "use-type"),
            ("use_type=operational&use_type=marketing", "400"),
            ("use-type=marketing", "400"),
            ("audience=", "audience"),
            (
                "audience[customer_ids][]=a&audience[customer_ids][]=b",
                "audience a b",
            ),
            (
                "include[]=total_count&include[]=links",
                "include:total_count include:links",
            ),
            ("include=total_count", "include:total_count"),
            (
                "include=total_count,links",
                "include:total_count include:links",
            ),
            ("include=total_count,secrets", "400"),
            ("include[]=", "400"),
            ("metadata[colour]=red", ""),
            ("metadata[use_type]=marketing", "400"),
            ("metadata[Customer.Id]=b", "400"),
            ("metadata[]=b", "400"),
            ("tags[]=a&tags[]=b", ""),
            ("tags[0]=a&tags[1]=b", ""),
            ("limit=50", "limit 50"),
            ("limit=5e1", "400"),
            ("password=", "400"),
            ("to[password]=x", "400"),
            ("_charset_=utf-7&customer_id=a", "400"),
            ("access_token=x", "400"),
            (r#"{"customer_id":"a"}"#, "400"),
            ("note=line%0D%0Aline", ""),
            ("note=%00", "400"),
        ],
    );
}

/// A body of parts, each its head and its text.
fn parts(parts: &[(&str, &str)]) -> String {
    let one = |(head, text): &(&str, &str)| format!("--B\r\n{head}\r\n\r\n{text}\r\n");
    let parts: String = parts.iter().map(one).collect();
    format!("{parts}--B--\r\n")
}

fn named(name: &str) -> String {
    format!("Content-Disposition: form-data; name=\"{name}\"")
}

#[test]
fn whatever_a_multipart_body_says_is_heard() {
    let customer = named("customer_id");
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"";
    let pdf = format!("{file}\r\nContent-Type: application/pdf");
    let job = format!("{}\r\nContent-Type: application/json", named("to"));
    let typed = |head: &str, kind: &str| format!("{head}\r\nContent-Type: {kind}");
    let rows: &[(&[(&str, &str)], &str)] = &[
        (&[(&customer, "a")], "a"),
        (&[(&customer, "a"), (&pdf, "%PDF")], "a"),
        (&[(&customer, "a"), (&customer, "b")], "400"),
        (&[(&customer, "a"), (&named("Customer_id"), "b")], "400"),
        (&[(&customer, "a"), (&named("customer_id[]"), "b")], "400"),
        (
            &[("Content-Disposition: form-data; name=customer_id", "a")],
            "a",
        ),
        (
            &[("CONTENT-DISPOSITION: Form-Data; NAME=\"customer_id\"", "a")],
            "a",
        ),
        (
            &[("Content-Disposition: form-data; name='customer_id'", "a")],
            "400",
        ),
        (
            &[(
                "Content-Disposition: form-data; name=\"note\"; name=\"customer_id\"",
                "a",
            )],
            "400",
        ),
        (
            &[(
                "Content-Disposition: form-data; name=\"note\"; name*=utf-8''customer_id",
                "a",
            )],
            "400",
        ),
        (
            &[(
                "Content-Disposition: form-data; name*=utf-8''customer_id",
                "a",
            )],
            "400",
        ),
        (
            &[(
                "Content-Disposition: form-data; name*0=\"customer\"; name*1=\"_id\"",
                "a",
            )],
            "400",
        ),
        (
            &[(
                "Content-Disposition: form-data; name=\"note\\\"; name=customer_id",
                "a",
            )],
            "400",
        ),
        (
            &[(
                "Content-Disposition: form-data; name=\"customer%5Fid\"",
                "a",
            )],
            "400",
        ),
        (
            &[("Content-Disposition: form-data; name=\"a;b\"", "a")],
            "400",
        ),
        (
            &[(
                "Content-Disposition: form-data; name=\"customer_id\" x",
                "a",
            )],
            "400",
        ),
        (
            &[("Content-Disposition: form-data; name=\"customer_id\";", "a")],
            "400",
        ),
        (&[("Content-Disposition: form-data", "a")], "400"),
        (
            &[("Content-Disposition: attachment; name=\"customer_id\"", "a")],
            "400",
        ),
        (
            &[(
                "Content-Disposition:\r\n form-data; name=\"customer_id\"",
                "a",
            )],
            "400",
        ),
        (&[(&format!("{customer}\r\n{}", named("note")), "a")], "400"),
        (&[(&format!("{customer}\r\nX-Name: note"), "a")], "400"),
        (
            &[(
                &format!("{customer}\r\nContent-Transfer-Encoding: base64"),
                "Yg==",
            )],
            "400",
        ),
        (
            &[(
                &format!("{customer}\r\nContent-Transfer-Encoding: 8bit"),
                "a",
            )],
            "a",
        ),
        (&[(&format!("{customer}\r\nContent-Length: 1"), "a")], "a"),
        (&[(&format!("{customer}\r\nContent-Length: 0"), "a")], "400"),
        (
            &[(&typed(&customer, "text/plain; charset=utf-16"), "a")],
            "400",
        ),
        (
            &[(&typed(&customer, "text/plain; charset=UTF-8"), "a")],
            "a",
        ),
        (&[(&typed(&customer, "text/html"), "a")], "404"),
        (&[(&typed(&customer, "multipart/mixed"), "a")], "400"),
        (&[(&format!("{customer}; filename=\"x\""), "a")], "404"),
        (&[(&named("use_type"), "marketing")], "use-type"),
        (&[(&named("use_type"), "operational")], ""),
        (&[(&named("use_type"), "operational\r\n")], "use-type"),
        (
            &[(
                &format!("{}; filename=\"x\"", named("use_type")),
                "operational",
            )],
            "400",
        ),
        (&[(&named("use_type[]"), "operational")], "use-type"),
        (&[(&job, r#"{"owner_id":"a"}"#)], "a"),
        (&[(&job, r#"{"owner_id":"a","owner_id":"b"}"#)], "400"),
        (
            &[(&job, r#"{"owner_id":"a"}"#), (&named("to[owner_id]"), "b")],
            "400",
        ),
        (&[(&job, r#"{"owner":"a"}"#)], "400"),
        (&[(&named("to"), r#"{"owner_id":"a"}"#)], "a"),
        (&[(&named("to[owner_id]"), "a")], "a"),
        (&[(&named("audience"), "")], "audience"),
        (&[(&named("password"), "p")], "400"),
        (&[(&named("_charset_"), "utf-7")], "400"),
        (&[(file, "%PDF")], "415"),
        (&[(&typed(file, "image/png"), "x")], ""),
        (&[(&typed(file, "application/zip"), "x")], "415"),
        (&[(&typed(file, "application/pdfx"), "x")], "415"),
        (&[(&named("file"), "text")], "415"),
        (
            &[(&format!("{pdf}\r\nContent-Type: application/pdf"), "x")],
            "400",
        ),
        (&[(&pdf.replace("a.pdf", "../a.pdf"), "x")], "400"),
        (&[(&pdf.replace("a.pdf", "a%2Fb.pdf"), "x")], "400"),
        (&[(&pdf.replace("a.pdf", "a\\b.pdf"), "x")], "400"),
        (&[(&pdf.replace("a.pdf", ".."), "x")], "400"),
        (&[(&pdf.replace("a.pdf", ""), "x")], "400"),
        (&[(&pdf.replace("a.pdf", "Brief für Ann.pdf"), "x")], ""),
        (
            &[(
                &pdf.replace("; filename", "; filename*=utf-8''b.pdf; filename"),
                "x",
            )],
            "400",
        ),
    ];
    for (sent, expected) in rows {
        let asked = asked_at("/orders", MULTIPART, parts(sent).as_bytes());
        assert_eq!(told(asked), *expected, "{sent:?}");
    }
}

#[test]
fn a_multipart_body_is_parts_between_boundaries_and_nothing_else() {
    let whole = parts(&[(&named("customer_id"), "a")]);
    let inner = "--B\r\nContent-Disposition: form-data; name=\"customer_id\"\r\n\r\nb\r\n--B--";
    for (content_type, body, expected) in [
        (MULTIPART, whole.clone(), "a"),
        ("Multipart/Form-Data;boundary=\"B\"", whole.clone(), "a"),
        (MULTIPART, whole.trim_end().to_owned(), "a"),
        ("multipart/form-data", whole.clone(), "415"),
        ("multipart/form-data; charset=utf-8", whole.clone(), "415"),
        (
            "multipart/form-data; boundary=\"B\"; boundary=C",
            whole.clone(),
            "415",
        ),
        ("multipart/form-data; boundary=C", whole.clone(), "400"),
        ("multipart/mixed; boundary=B", whole.clone(), "415"),
        (MULTIPART, format!("before\r\n{whole}"), "400"),
        (MULTIPART, format!("\r\n{whole}"), "400"),
        (MULTIPART, format!("{whole}behind"), "400"),
        (MULTIPART, format!("{whole}\r\n"), "400"),
        (MULTIPART, format!("{whole}{whole}"), "400"),
        (MULTIPART, whole.replace("--B--", "--B"), "400"),
        (MULTIPART, whole.replace("--B--", "--B-"), "400"),
        (MULTIPART, whole.replace("--B\r\n", "--B \r\n"), "400"),
        (MULTIPART, whole.replace("\r\n", "\n"), "400"),
        (MULTIPART, whole.replace("a\r\n", "a\r\n--Bx\r\n"), "400"),
        (MULTIPART, whole.replace("a\r\n", "a\n--B--\r\n"), "400"),
        (MULTIPART, whole.replace("a\r\n", "a--B\r\n"), "400"),
        (MULTIPART, "--B--\r\n".to_owned(), "400"),
        (MULTIPART, format!("--B\r\n\r\n{inner}"), "400"),
        (JSON, whole.clone(), "400"),
        (FORM, whole, "400"),
    ] {
        let asked = asked_at("/orders", content_type, body.as_bytes());
        assert_eq!(told(asked), expected, "{content_type} {body}");
    }
}

#[test]
fn whatever_xml_says_is_heard() {
    check(
        XML,
        &[
            ("<Order><CustomerId>a</CustomerId></Order>", "a"),
            (
                "<?xml version='1.0' encoding='utf-8'?>\n<Order><CustomerId>a</CustomerId></Order>\n",
                "a",
            ),
            ("<Order><CustomerId>&#97;</CustomerId></Order>", "a"),
            ("<Order><CustomerId>&#x61;</CustomerId></Order>", "a"),
            ("<Order><CustomerId><![CDATA[a]]></CustomerId></Order>", "a"),
            (
                "<Order><CustomerId>x<!-- y --><![CDATA[&]]>&amp;z</CustomerId></Order>",
                "x&&z",
            ),
            ("<Order><CustomerId> a</CustomerId></Order>", " a"),
            ("<Order><CustomerId/></Order>", ""),
            (
                "<Order><CustomerId>a</CustomerId><CustomerId>b</CustomerId></Order>",
                "400",
            ),
            ("<Order CustomerId='a'/>", "400"),
            ("<Order><customer_id>a</customer_id></Order>", "400"),
            ("<Order><customerid>a</customerid></Order>", "400"),
            ("<Order><CustomerId x='1'>a</CustomerId></Order>", "404"),
            ("<Order><CustomerId><a/></CustomerId></Order>", "404"),
            ("<Order><CustomerId>a<b/></CustomerId></Order>", "400"),
            ("<order><CustomerId>a</CustomerId></order>", "400"),
            ("<Order list_id='l'/>", "list:l"),
            ("<Order list_id='&#108;'/>", "list:l"),
            ("<Order list_id='l' list_id='m'/>", "400"),
            ("<Order><list_id>l</list_id></Order>", "400"),
            ("<Order list_id='l'><list_id>m</list_id></Order>", "400"),
            ("<Order list_id='&e;'/>", "400"),
            (
                "<!DOCTYPE o [<!ENTITY e 'a'>]><Order><CustomerId>&e;</CustomerId></Order>",
                "400",
            ),
            ("<!DOCTYPE o SYSTEM 'http://x/'><Order/>", "400"),
            ("<Order><CustomerId>&e;</CustomerId></Order>", "400"),
            ("<Order><CustomerId>&nbsp;</CustomerId></Order>", "400"),
            ("<Order><CustomerId>&#0;</CustomerId></Order>", "400"),
            ("<Order><CustomerId>&</CustomerId></Order>", "400"),
            ("<?xml-stylesheet href='x'?><Order/>", "400"),
            ("<Order><?x y?></Order>", "400"),
            ("<x:Order xmlns:x='u'/>", "400"),
            ("<Order xmlns='u'/>", "400"),
            ("<Order><x:CustomerId>a</x:CustomerId></Order>", "400"),
            ("<Order><CustomerId xsi:nil='true'/></Order>", "400"),
            ("<?xml version='1.1'?><Order/>", "400"),
            ("<?xml version='1.0' encoding='utf-7'?><Order/>", "400"),
            (" <?xml version='1.0'?><Order/>", "400"),
            ("\u{feff}<Order/>", "400"),
            ("<Order/><Order/>", "400"),
            ("<Order/>x", "400"),
            ("<Order>", "400"),
            ("<Order></order>", "400"),
            ("<Order>text</Order>", "400"),
            (
                "<Order><jobs><job><customer_id>a</customer_id></job><job><customer_id>b</customer_id></job></jobs></Order>",
                "a b",
            ),
            (
                "<Order><jobs><other><customer_id>a</customer_id></other></jobs></Order>",
                "400",
            ),
            (
                "<Order><job><customer_id>a</customer_id></job></Order>",
                "400",
            ),
            (
                "<Order><jobs/><jobs><job><customer_id>a</customer_id></job></jobs></Order>",
                "400",
            ),
            ("<Order><to><owner_id>a</owner_id></to></Order>", "a"),
            ("<Order><to owner_id='a'/></Order>", "400"),
            ("<Order><use_type>operational</use_type></Order>", ""),
            (
                "<Order><use_type>mark&#101;ting</use_type></Order>",
                "use-type",
            ),
            ("<Order><use_type/></Order>", "use-type"),
            (
                "<Order><use_type>operational\n</use_type></Order>",
                "use-type",
            ),
            ("<Order><use_type x='operational'/></Order>", "use-type"),
            (
                "<Order><use_type><x>operational</x></use_type></Order>",
                "use-type",
            ),
            ("<Order use_type='marketing'/>", "400"),
            ("<Order><audience/></Order>", "audience"),
            (
                "<Order><audience><customer_ids>a</customer_ids><customer_ids>b</customer_ids></audience></Order>",
                "audience a b",
            ),
            (
                "<Order><include>total_count</include><include>links</include></Order>",
                "include:total_count include:links",
            ),
            ("<Order><include>secrets</include></Order>", "400"),
            (
                "<Order><metadata><colour>red</colour></metadata></Order>",
                "",
            ),
            (
                "<Order><metadata><use_type>marketing</use_type></metadata></Order>",
                "400",
            ),
            (
                "<Order><metadata><UseType>marketing</UseType></metadata></Order>",
                "400",
            ),
            ("<Order><metadata CustomerID='b'/></Order>", "400"),
            (
                "<Order><anything><a CustomerID='b'/></anything></Order>",
                "400",
            ),
            (
                "<Order><anything><a><CustomerID>b</CustomerID></a></anything></Order>",
                "400",
            ),
            ("<Order><anything><a b='1'>c</a></anything></Order>", ""),
            ("<Order><password>p</password></Order>", "400"),
            ("<Order><password/></Order>", "400"),
            (r#"{"customer_id":"a"}"#, "400"),
        ],
    );
    let deep = format!("{}{}", "<a>".repeat(70), "</a>".repeat(70));
    let deep = format!("<Order><anything>{deep}</anything></Order>");
    check(XML, &[(&deep, "400")]);
}

#[test]
fn the_content_type_chooses_how_a_body_is_read() {
    let json = r#"{"customer_id":"a"}"#;
    for (target, content_type, expected) in [
        ("/orders", "application/json; charset=utf-8", "a"),
        ("/orders", "APPLICATION/JSON", "a"),
        ("/orders", "application/json; charset=latin1", "415"),
        ("/orders", "application/json, text/xml", "415"),
        ("/orders", "application/json; boundary=B", "415"),
        ("/orders", "application/vnd.order+json", "415"),
        ("/orders", "application/xml", "415"),
        ("/orders", "text/plain", "415"),
        ("/orders", "text/csv", "415"),
        ("/orders", "", "415"),
        ("/uploads", "application/vnd.order+json", "a"),
        ("/uploads", "application/pdf", ""),
        ("/uploads", "application/json", "415"),
        ("/uploads", "application/pdf; boundary=B", "415"),
    ] {
        let asked = asked_at(target, content_type, json.as_bytes());
        assert_eq!(told(asked), expected, "{target} {content_type}");
    }
}

#[test]
fn query_and_body_say_the_same_or_nothing() {
    for (target, body, expected) in [
        (
            "/orders?use_type=marketing",
            r#"{"use_type":"operational"}"#,
            "use-type",
        ),
        (
            "/orders?use_type=operational",
            r#"{"use_type":"marketing"}"#,
            "use-type",
        ),
        (
            "/orders?use_type=operational",
            r#"{"customer_id":"a"}"#,
            "a",
        ),
        ("/orders?use_type[]=marketing", "{}", "400"),
        ("/orders?use%5Ftype=marketing", "{}", "use-type"),
        ("/orders?customer_id=a", r#"{"customer_id":"a"}"#, "a a"),
        ("/orders?customer_id=a", r#"{"customer_id":"b"}"#, "400"),
        ("/orders?customer_id=a", r#"{"customer_id":null}"#, "400"),
        (
            "/orders?customer_id=a",
            r#"{"metadata":{"customer_id":"a"}}"#,
            "400",
        ),
        (
            "/orders?include[]=links&include[]=links",
            "{}",
            "include:links",
        ),
        ("/orders?include[]=links&include[]=secrets", "{}", "400"),
        ("/orders?include=links", "{}", "400"),
        ("/orders?audience=all", "{}", "400"),
    ] {
        let asked = asked_at(target, JSON, body.as_bytes());
        assert_eq!(told(asked), expected, "{target} {body}");
    }
}

#[test]
fn what_goes_on_is_what_was_read() {
    let passed = |content_type: &str, body: &str| {
        let asked = asked_at("/orders", content_type, body.as_bytes()).unwrap();
        let body = String::from_utf8(asked.body.to_vec()).unwrap();
        (asked.content_type.unwrap(), body)
    };
    let form = passed(
        "Application/X-WWW-Form-Urlencoded;charset=utf-8",
        "%63ustomer_id=a+b",
    );
    assert_eq!(form, (FORM.to_owned(), "customer_id=a%20b".to_owned()));
    let xml = passed(
        XML,
        "<Order><!-- no --><CustomerId><![CDATA[a<b]]></CustomerId>\n<note>&#65;</note></Order>",
    );
    let written = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Order><CustomerId>a&lt;b</CustomerId><note>A</note></Order>";
    assert_eq!(
        xml,
        ("text/xml; charset=utf-8".to_owned(), written.to_owned())
    );
    let head =
        "content-disposition:form-data;name=customer_id\r\nContent-Transfer-Encoding: binary";
    let (content_type, body) = passed(MULTIPART, &parts(&[(head, "a")]));
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    assert!(boundary.starts_with("covenant-"), "{boundary}");
    let written = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"customer_id\"\r\n\r\na\r\n--{boundary}--\r\n"
    );
    assert_eq!(body, written);
    let json = passed(JSON, "{ \"customer_id\" : \"a\" }");
    assert_eq!(
        json,
        (JSON.to_owned(), "{ \"customer_id\" : \"a\" }".to_owned())
    );
}

#[test]
fn a_credential_is_refused_without_being_repeated() {
    for (content_type, body) in [
        (JSON, r#"{"password":"canary"}"#.to_owned()),
        (FORM, "password=canary".to_owned()),
        (XML, "<Order><password>canary</password></Order>".to_owned()),
        (MULTIPART, parts(&[(&named("password"), "canary")])),
    ] {
        let refusal = asked_at("/orders", content_type, body.as_bytes()).unwrap_err();
        assert_eq!(refusal.code, Code::RequestMalformed);
        assert!(refusal.detail.contains("credential"), "{}", refusal.detail);
        assert!(!format!("{refusal:?}").contains("canary"), "{content_type}");
    }
}

#[test]
fn a_missing_boundary_is_explained() {
    let body = parts(&[(&named("customer_id"), "a")]);
    let refusal = asked_at("/orders", "multipart/form-data", body.as_bytes()).unwrap_err();
    assert_eq!(refusal.code, Code::RequestUninspectable);
    assert!(refusal.detail.contains("`boundary`"), "{}", refusal.detail);
}

/// Values that forms, multipart and XML can all carry.
fn any_text() -> impl Strategy<Value = String> {
    "[a-z0-9 <>&\"'%+=;é\\]\\-]{0,12}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn one_request_means_the_same_in_every_format(
        customer in any_text(),
        owner in any_text(),
        use_type in prop_oneof![Just("operational".to_owned()), any_text()],
    ) {
        let json = serde_json::json!({
            "customer_id": customer, "to": {"owner_id": owner}, "use_type": use_type,
        });
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let form = format!(
            "customer_id={}&to%5Bowner_id%5D={}&use_type={}",
            encoded(&customer), encoded(&owner), encoded(&use_type)
        );
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let xml = format!(
            "<Order><CustomerId>{}</CustomerId><to><owner_id>{}</owner_id></to><use_type>{}</use_type></Order>",
            escaped(&customer), escaped(&owner), escaped(&use_type)
        );
        let multipart = parts(&[
            (&named("customer_id"), &customer),
            (&named("to[owner_id]"), &owner),
            (&named("use_type"), &use_type),
        ]);
        let expected = told(asked_at("/orders", JSON, json.to_string().as_bytes()));
        for (content_type, body) in [(FORM, form), (XML, xml), (MULTIPART, multipart)] {
            let asked = asked_at("/orders", content_type, body.as_bytes());
            prop_assert_eq!(&told(asked.clone()), &expected, "{}", body);
            let asked = asked.unwrap();
            let again = asked_at("/orders", &asked.content_type.unwrap(), &asked.body);
            prop_assert_eq!(&told(again.clone()), &expected);
            prop_assert_eq!(again.unwrap().body, asked.body);
        }
    }
}
