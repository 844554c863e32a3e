//! Links of the core lead through the gateway or nowhere, and nothing that leaves says where the core
//! is: in bodies, in headers, in refusals.

use covenant::config::Config;
use covenant::demo::core::HOST_NAME;
use covenant::entry::Event;
use http::Method;
use serde_json::{Value, json};

use crate::caller::{Call, Reply, Version};
use crate::lab::{Scripted, ScriptedCore, Service};
use crate::large::{LARGE, WHOLE_BYTES_MAX, on_record, receive};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

/// A name of the core that only the configuration knows.
const ALIAS: &str = "things.internal.example";
/// One that only the document knows.
const SERVER: &str = "api.lab.example";

const THINGS: Service<'_> = Service {
    paths: r"
  /lab/things:
    servers: [{url: 'https://api.lab.example'}]
    get:
      operationId: listThings
      parameters:
        - {name: cursor, in: query, schema: {type: string}}
        - {name: customer_id, in: query, schema: {type: string}}
      responses:
        '200':
          description: Things
          headers: {Link: {schema: {type: string}}, Location: {schema: {type: string}}}
          content:
            application/json:
              schema:
                type: object
                properties:
                  next: {type: string, format: uri-reference}
                  data:
                    type: array
                    items: {$ref: '#/components/schemas/Thing'}
    post:
      operationId: makeThing
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, properties: {name: {type: string}, customer: {type: string}}}
      responses:
        '201': {$ref: '#/components/responses/Made'}
        '202': {$ref: '#/components/responses/Made'}
        '422':
          description: Rejected
          content:
            application/json:
              schema:
                type: object
                properties:
                  code: {type: string}
                  field: {type: string}
                  message: {type: string}
                  help: {type: string, format: uri}
                  thing: {$ref: '#/components/schemas/Thing'}
  /lab/things/{job_id}:
    get:
      operationId: readThing
      parameters:
        - {name: job_id, in: path, required: true, schema: {type: string}}
      responses:
        '200':
          description: A thing
          content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
  /lab/people/{customer_id}:
    get:
      operationId: readPerson
      parameters:
        - {name: customer_id, in: path, required: true, schema: {type: string}}
      responses:
        '200': {description: Nothing}
  /lab/secret:
    get:
      operationId: readSecret
      responses:
        '200': {description: Nothing}
  /lab/old:
    get:
      operationId: oldThings
      responses:
        '302': {$ref: '#/components/responses/Made'}",
    components: r"
  responses:
    Made:
      description: Elsewhere
      headers: {Location: {schema: {type: string}}}
  schemas:
    Thing:
      type: object
      required: [id, customer, here]
      properties:
        id: {type: string}
        customer: {type: string}
        name: {type: string}
        here: {type: string, format: uri-reference}
        whose: {type: string, format: uri-reference}
        file: {type: string, format: uri}
        site: {type: string, format: uri}
        signed: {type: string, format: uri}
        more:
          type: array
          items: {type: string, format: uri-reference}",
    actions: r"
  - target: $.paths['/lab/things'].get
    update: {x-covenant-channel: list}
  - target: $.paths['/lab/things'].post
    update: {x-covenant-channel: write}
  - target: $.paths['/lab/things/{job_id}','/lab/people/{customer_id}','/lab/secret','/lab/old'].get
    update: {x-covenant-channel: record}
  - target: $..parameters[?@.name == 'job_id']
    update: {x-covenant-role: job}
  - target: $..parameters[?@.name == 'customer_id']
    update: {x-covenant-role: customer}
  - target: $..headers['Link','Location']
    update: {x-covenant-link: rewrite, x-covenant-data-category: system.operations}
  - target: $..properties['next','help']
    update: {x-covenant-link: rewrite, x-covenant-data-category: system.operations}
  - target: $..properties['code','field']
    update: {x-covenant-data-category: system.operations}
  - target: $.components.schemas.Thing
    update: {x-covenant-record: true}
  - target: $.components.schemas.Thing.properties.id
    update: {x-covenant-data-category: system.operations, x-covenant-resource-id: job}
  - target: $.components.schemas.Thing.properties.customer
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $.components.schemas.Thing.properties.name
    update: {x-covenant-data-category: user.name}
  - target: $.components.schemas.Thing.properties['here','whose']
    update: {x-covenant-link: rewrite, x-covenant-data-category: system.operations}
  - target: $.components.schemas.Thing.properties.file
    update: {x-covenant-link: {to: readThing}, x-covenant-data-category: system.operations}
  - target: $.components.schemas.Thing.properties.site
    update: {x-covenant-link: foreign, x-covenant-data-category: user.name}
  - target: $.components.schemas.Thing.properties.signed
    update: {x-covenant-link: remove}
  - target: $.components.schemas.Thing.properties.more.items
    update: {x-covenant-link: rewrite, x-covenant-data-category: system.operations}",
    operations: &[
        "listThings",
        "makeThing",
        "readThing",
        "readPerson",
        "oldThings",
    ],
};

async fn things() -> (Stand, ScriptedCore, String) {
    let configure = |config: &mut Config| {
        let lab = config.services.get_mut("lab").unwrap();
        lab.names = vec![ALIAS.to_owned(), HOST_NAME.to_owned()];
    };
    let (stand, core) = THINGS.start(&[], configure).await;
    let origin = stand.config.services["lab"].base_url.clone();
    (stand, core, origin)
}

fn page(body: &Value) -> Scripted {
    Scripted::new("application/json", body.to_string())
}

fn page_of_none() -> Scripted {
    page(&json!({"data": []}))
}

/// What `Covenant-Redacted` names.
fn redacted(reply: &Reply) -> Vec<String> {
    let list = reply.header("covenant-redacted").split(", ");
    let name = |one: &str| one.split('"').nth(1).map(str::to_owned);
    list.filter_map(name).collect()
}

#[tokio::test]
async fn links_of_the_core_lead_through_the_gateway() {
    let (stand, core, origin) = things().await;
    let own = stand.customers_of("acme").remove(0);
    let thing = json!({
        "id": "t 1",
        "customer": own,
        "here": format!("https://{ALIAS}/lab/things/t%201"),
        "whose": format!("https://{SERVER}/lab/people/{own}"),
        "file": "https://bucket.elsewhere.example/t1.pdf?signature=abc",
        "site": "https://holt-bindery.example/?a=1",
        "more": [format!("{origin}/lab/things/t2"), "https://elsewhere.example/t3"],
    });
    let body = json!({"data": [thing], "next": format!("{origin}/lab/things?cursor=t+1")});
    let link = format!("<{origin}/lab/things?cursor=2>; rel=next; title=\"core 7\"");
    let scripted = page(&body)
        .header("link", &link)
        .header("link", "<https://elsewhere.example/>; rel=prev")
        .header("location", "/lab/things/t1");
    core.answer("/lab/things", scripted);
    let mut acme = stand.partner("acme").await;
    let reply = acme.get("/lab/things", SERVICE).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    let gate = "https://localhost";
    let expected = json!({
        "data": [{
            "id": "t 1",
            "customer": own,
            "here": format!("{gate}/lab/things/t%201"),
            "whose": format!("{gate}/lab/people/{own}"),
            "file": format!("{gate}/lab/things/t%201"),
            "site": "https://holt-bindery.example/?a=1",
            "more": [format!("{gate}/lab/things/t2")],
        }],
        "next": format!("{gate}/lab/things?cursor=t%201"),
    });
    assert_eq!(reply.json(), expected);
    let links: Vec<_> = reply.headers.get_all("link").iter().collect();
    assert_eq!(
        links,
        [&format!("<{gate}/lab/things?cursor=2>; rel=\"next\"")]
    );
    assert_eq!(reply.header("location"), "https://localhost/lab/things/t1");
    assert_eq!(redacted(&reply), ["Link", "$.data[*].more[*]"]);
    let events = stand.events_of(reply.request_id(), 1).await;
    let Event::Disclosure(disclosure) = &events[0] else {
        panic!("{events:?}")
    };
    let withheld: Vec<_> = disclosure.withheld.iter().map(|one| &*one.field).collect();
    assert_eq!(withheld, ["Link", "$.data[*].more[*]"]);
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_withheld_and_said_to_be() {
    let (stand, core, origin) = things().await;
    let own = stand.customers_of("acme").remove(0);
    let foreign = stand.customers_of("bluebird").remove(0);
    let mut acme = stand.partner("acme").await;
    for link in [
        "https://elsewhere.example/lab/things".to_owned(),
        format!("{origin}/lab/secret"),
        format!("{origin}/lab/nothing"),
        format!("{origin}@elsewhere.example/lab/things"),
        format!("{origin}/lab/things?token=1"),
        format!("{origin}/lab/things?customer_id={foreign}"),
        format!("{origin}/lab/people/{foreign}"),
        format!("{}/lab/things", origin.replace("http://", "//")),
        "https://localhost/lab/things".to_owned(),
    ] {
        let whole =
            json!({"id": "1", "customer": own, "here": link, "whose": link, "more": [link]});
        // It is nothing for acme, so that it is not there, and a link to it tells no more.
        let other = json!({"id": "2", "customer": foreign, "here": "/lab/things/1"});
        core.answer(
            "/lab/things",
            page(&json!({"data": [whole, other], "next": link})),
        );
        let reply = acme.get("/lab/things", SERVICE).await;
        assert_eq!(reply.status, 200, "{link}: {}", reply.everything());
        let expected = json!({"data": [{"id": "1", "customer": own, "here": "", "more": []}]});
        assert_eq!(reply.json(), expected, "{link}");
        assert_eq!(reply.header("covenant-decision"), "redact");
        let mut named = redacted(&reply);
        named.sort();
        let fields = [
            "$.data[*].here",
            "$.data[*].more[*]",
            "$.data[*].whose",
            "$.next",
        ];
        assert_eq!(named, fields, "{link}");
        assert!(reply.header("covenant-redacted").contains("emptyValue"));
    }
}

#[tokio::test]
async fn a_cursor_that_is_a_customer_whom_the_page_does_not_show_is_withheld_with_its_link() {
    let (stand, core, origin) = things().await;
    let customers = stand.customers_of("acme");
    let (own, later) = (&customers[0], &customers[1]);
    let foreign = &stand.customers_of("bluebird")[0];
    let mut acme = stand.partner("acme").await;
    let thing = |customer: &str| json!({"id": format!("of {customer}"), "customer": customer, "here": "/lab/things/1"});
    let page_of_own = json!([thing(own)]);
    for (path, data, cursor, leaves) in [
        ("/lab/things".to_owned(), &page_of_own, own.clone(), true),
        ("/lab/things".to_owned(), &page_of_own, later.clone(), false),
        (
            "/lab/things".to_owned(),
            &page_of_own,
            foreign.clone(),
            false,
        ),
        ("/lab/things".to_owned(), &json!([]), own.clone(), false),
        ("/lab/things".to_owned(), &json!([]), foreign.clone(), false),
        (
            "/lab/things".to_owned(),
            &page_of_own,
            format!("{own}:after"),
            true,
        ),
        (
            "/lab/things".to_owned(),
            &page_of_own,
            format!("after:{foreign}"),
            false,
        ),
        (
            "/lab/things".to_owned(),
            &page_of_own,
            "opaque".to_owned(),
            true,
        ),
        // What the partner said, it may hear.
        (
            format!("/lab/things?cursor={later}"),
            &json!([]),
            later.clone(),
            true,
        ),
        (
            format!("/lab/things?cursor={foreign}"),
            &json!([]),
            foreign.clone(),
            true,
        ),
    ] {
        let link = format!("{origin}/lab/things?cursor={cursor}");
        let scripted = page(&json!({"data": data, "next": link}));
        let header = format!("<{link}>; rel=next");
        core.answer("/lab/things", scripted.header("link", &header));
        let reply = acme.get(&path, SERVICE).await;
        assert_eq!(reply.status, 200, "{path} {cursor}: {}", reply.everything());
        let next = reply.json()["next"].is_string();
        let header = reply.headers.contains_key("link");
        assert_eq!((next, header), (leaves, leaves), "{path} {cursor}");
        let named: &[&str] = if leaves { &[] } else { &["Link", "$.next"] };
        let mut redacted = redacted(&reply);
        redacted.sort_by_key(|name| name.starts_with('$'));
        assert_eq!(redacted, named, "{path} {cursor}");
    }
    // A record links by what itself says, whatever stands beside it.
    let to = |cursor: &str| format!("{origin}/lab/things?cursor={cursor}");
    let mut first = thing(own);
    first["more"] = json!([to(own), to(later), to(foreign)]);
    core.answer("/lab/things", page(&json!({"data": [first, thing(later)]})));
    let reply = acme.get("/lab/things", SERVICE).await;
    let more = &reply.json()["data"][0]["more"];
    assert_eq!(
        *more,
        json!([format!("https://localhost/lab/things?cursor={own}")])
    );
}

#[tokio::test]
async fn a_large_answer_names_no_customer_in_the_links_around_its_records() {
    let small = |config: &mut Config| config.limits.whole_answer_bytes_max = WHOLE_BYTES_MAX;
    let (stand, core) = THINGS.start(&[LARGE], small).await;
    let own = &stand.customers_of("acme")[0];
    let foreign = &stand.customers_of("bluebird")[0];
    let name = "Ann ".repeat(64);
    let of =
        |customer| json!({"id": "1", "customer": customer, "name": name, "here": "/lab/things/1"});
    let mut data = vec![of(own); 1_000];
    data[500] = of(foreign);
    let data = Value::from(data).to_string();
    for (path, cursor, leaves) in [
        ("/lab/things".to_owned(), foreign, false),
        // What else streams is not known where a link stands before it or long after it.
        ("/lab/things".to_owned(), own, false),
        (format!("/lab/things?cursor={own}"), own, true),
        ("/lab/things".to_owned(), &"opaque".to_owned(), true),
    ] {
        let next = format!("\"next\":\"/lab/things?cursor={cursor}\"");
        for body in [
            format!("{{{next},\"data\":{data}}}"),
            format!("{{\"data\":{data},{next}}}"),
        ] {
            core.answer("/lab/things", Scripted::new("application/json", body));
            let (_, received, complete) = receive(&stand, Version::Http1, &path).await;
            assert!(complete, "{path} {cursor}");
            let received = String::from_utf8(received).unwrap();
            assert!(!received.contains(foreign.as_str()), "{path} {cursor}");
            let received: Value = serde_json::from_str(&received).unwrap();
            assert_eq!(received["data"].as_array().map(Vec::len), Some(999));
            assert_eq!(received["next"].is_string(), leaves, "{path} {cursor}");
        }
    }
}

#[tokio::test]
async fn links_that_may_lead_nowhere_are_named_before_a_large_answer() {
    let small = |config: &mut Config| config.limits.whole_answer_bytes_max = WHOLE_BYTES_MAX;
    let (stand, core) = THINGS.start(&[LARGE], small).await;
    let own = &stand.customers_of("acme")[0];
    let of =
        |here: &str| json!({"id": "1", "customer": own, "name": "Ann ".repeat(64), "here": here});
    for (here, decision, withheld) in [
        ("/lab/things/1", "allow", &[][..]),
        ("https://elsewhere.example/", "redact", &["$.data[*].here"]),
    ] {
        let scripted = page(&json!({"data": vec![of(here); 1_000]}));
        core.answer("/lab/things", scripted);
        let mut acme = stand.partner("acme").await;
        let reply = acme.get("/lab/things", SERVICE).await;
        assert_eq!(reply.header("covenant-decision"), "redact");
        assert!(redacted(&reply).contains(&"$.data[*].here".to_owned()));
        let (parts, _) = on_record(&stand, reply.request_id()).await;
        assert_eq!(parts[0].decision, decision);
        let named: Vec<_> = parts[0].withheld.iter().map(|one| &*one.field).collect();
        assert_eq!(named, withheld);
    }
}

#[tokio::test]
async fn headers_with_links_are_withheld_of_a_large_answer_and_named_like_fields() {
    let small = |config: &mut Config| config.limits.whole_answer_bytes_max = WHOLE_BYTES_MAX;
    let (stand, core) = THINGS.start(&[LARGE], small).await;
    let own = &stand.customers_of("acme")[0];
    let thing =
        json!({"id": "1", "customer": own, "name": "Ann ".repeat(64), "here": "/lab/things/1"});
    let scripted = page(&json!({"data": vec![thing; 1_000]}))
        .header("link", "</lab/things?cursor=2>; rel=next")
        .header("location", "/lab/things/1");
    core.answer("/lab/things", scripted);
    let mut acme = stand.partner("acme").await;
    for method in [Method::GET, Method::HEAD] {
        let call = Call::new(method, "/lab/things").purpose(SERVICE);
        let reply = acme.call(call).await;
        assert_eq!(reply.status, 200, "{}", reply.everything());
        assert!(!reply.headers.contains_key("location") && !reply.headers.contains_key("link"));
        let mut named = redacted(&reply);
        named.retain(|name| !name.starts_with('$'));
        assert_eq!(named, ["Link", "Location"]);
        let (parts, _) = on_record(&stand, reply.request_id()).await;
        let named: Vec<_> = parts[0].withheld.iter().map(|one| &*one.field).collect();
        assert_eq!(
            (&*parts[0].decision, named),
            ("redact", vec!["Link", "Location"])
        );
    }
}

#[tokio::test]
async fn location_leads_through_the_gateway_or_is_dropped_and_a_redirect_to_nowhere_is_a_fault() {
    let (stand, core, origin) = things().await;
    let mut acme = stand.partner("acme").await;
    let made = Call::post("/lab/things", &json!({"name": "a"})).purpose(SERVICE);
    for status in [201, 202] {
        let answer = |location: &str| {
            let scripted = Scripted::new("text/plain", "").status(status);
            let scripted = scripted
                .header("content-location", location)
                .header("refresh", &format!("5; url={location}"))
                .header("content-disposition", "attachment; filename=core-7.pdf")
                .header("set-cookie", "a=b")
                .header("etag", "\"1\"")
                .header("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT")
                .header("retry-after", "7")
                .header("x-served-by", HOST_NAME);
            scripted.header("location", location)
        };
        core.answer("/lab/things", answer(&format!("{origin}/lab/things/t1")));
        let reply = acme.call(made.clone()).await;
        assert_eq!(reply.status, status, "{}", reply.everything());
        assert_eq!(reply.header("location"), "https://localhost/lab/things/t1");
        assert_eq!(reply.header("covenant-decision"), "allow");
        let own = [
            "cache-control",
            "content-length",
            "covenant-budget",
            "covenant-budget-policy",
            "covenant-decision",
            "covenant-policy",
            "date",
            "location",
            "ratelimit",
            "ratelimit-policy",
            "request-id",
            "vary",
        ];
        let mut names: Vec<_> = reply.headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, own, "what else there is");

        core.answer("/lab/things", answer("https://elsewhere.example/t1"));
        let reply = acme.call(made.clone()).await;
        assert_eq!(reply.status, status);
        assert!(!reply.headers.contains_key("location"));
        assert_eq!(redacted(&reply), ["Location"]);
    }
    let redirect = |location: &str| {
        let scripted = Scripted::new("text/plain", "").status(302);
        scripted.header("location", location)
    };
    core.answer(
        "/lab/old",
        redirect(&format!("https://{ALIAS}/lab/things?cursor=9")),
    );
    let reply = acme.get("/lab/old", SERVICE).await;
    assert_eq!(reply.status, 302, "{}", reply.everything());
    assert_eq!(
        reply.header("location"),
        "https://localhost/lab/things?cursor=9"
    );
    // A page for people beside it stays inside, however large, and the connection is used again where its end was
    // seen.
    for times in [1, 1 << 20] {
        let page = Scripted::new("text/html", "canary".repeat(times)).status(302);
        core.answer("/lab/old", page.header("location", "/lab/things?cursor=9"));
        let reply = acme.get("/lab/old", SERVICE).await;
        assert_eq!(reply.status, 302, "{}", reply.everything());
        assert_eq!(
            reply.header("location"),
            "https://localhost/lab/things?cursor=9"
        );
        assert!(reply.body.is_empty() && !reply.headers.contains_key("content-type"));
        let events = stand.events_of(reply.request_id(), 1).await;
        let [Event::Disclosure(disclosure)] = &events[..] else {
            panic!("{events:?}")
        };
        assert!(disclosure.subjects.is_empty() && disclosure.withheld.is_empty());
        core.answer("/lab/things", page_of_none());
        assert_eq!(acme.get("/lab/things", SERVICE).await.status, 200);
    }
    for nowhere in [
        "https://elsewhere.example/",
        "/lab/secret",
        "//localhost/lab/things",
    ] {
        core.answer("/lab/old", redirect(nowhere));
        let reply = acme.get("/lab/old", SERVICE).await;
        refused(&reply, 502, "response-uninspectable");
        assert!(!reply.headers.contains_key("location"), "{nowhere}");
    }
    let twice = redirect("/lab/things").header("location", "/lab/things?cursor=2");
    for bad in [twice, Scripted::new("text/plain", "").status(302)] {
        core.answer("/lab/old", bad);
        refused(
            &acme.get("/lab/old", SERVICE).await,
            502,
            "response-uninspectable",
        );
    }
}

#[tokio::test]
async fn no_name_of_the_core_leaves_in_any_field_of_an_answer() {
    let (stand, core, origin) = things().await;
    let own = stand.customers_of("acme").remove(0);
    let mut acme = stand.partner("acme").await;
    let authority = origin.strip_prefix("http://").unwrap();
    for name in [
        authority,
        ALIAS,
        SERVER,
        HOST_NAME,
        "core.harbourpost.example",
    ] {
        for text in [
            name.to_owned(),
            name.to_uppercase(),
            format!("Ann\n{name}"),
            format!("see https://{name}/x"),
            name.replace(':', "%3A"),
        ] {
            let thing = json!({"id": "1", "customer": own, "here": "/lab/things/1", "name": text});
            core.answer("/lab/things", page(&json!({"data": [thing]})));
            let reply = acme.get("/lab/things", SERVICE).await;
            refused(&reply, 502, "response-uninspectable");
            let all = reply.everything().to_lowercase();
            assert!(!all.contains(&name.to_lowercase()), "{text}: {all}");

            let site = format!("https://x.example/?{}", text.replace(['\n', ' '], ""));
            let escaped = site.replace('.', "%2e");
            for site in [site, escaped] {
                let thing =
                    json!({"id": "1", "customer": own, "here": "/lab/things/1", "site": site});
                core.answer("/lab/things", page(&json!({"data": [thing]})));
                let reply = acme.get("/lab/things", SERVICE).await;
                assert_eq!(reply.status, 200, "{text}: {}", reply.everything());
                assert_eq!(redacted(&reply), ["$.data[*].site"], "{site}");
            }
        }
    }
}

#[tokio::test]
async fn a_rejection_names_the_field_at_fault_and_nothing_else() {
    let (stand, core, origin) = things().await;
    let own = stand.customers_of("acme").remove(0);
    let mut acme = stand.partner("acme").await;
    let mut rejected = async |media_type: &str, body: String| {
        core.answer("/lab/things", Scripted::new(media_type, body).status(422));
        let made = Call::post("/lab/things", &json!({"name": "a"})).purpose(SERVICE);
        let reply = acme.call(made).await;
        let all = reply.everything();
        for secret in ["canary", HOST_NAME, ALIAS] {
            assert!(!all.contains(secret), "{all}");
        }
        refused(&reply, 422, "core-rejected")["core"].clone()
    };
    let json = "application/json";
    let full = json!({
        "code": "invalid",
        "field": "name",
        "message": format!("canary at {HOST_NAME}"),
        "help": format!("{origin}/lab/things"),
        "thing": {"id": "canary", "customer": own, "here": "/", "name": "canary"},
    });
    // The record cannot be left out of where it stands, so that nothing is said.
    assert_eq!(rejected(json, full.to_string()).await, Value::Null);
    let mut without = full.clone();
    without.as_object_mut().unwrap().remove("thing");
    let expected = json!({"code": "invalid", "field": "name"});
    assert_eq!(rejected(json, without.to_string()).await, expected);
    for (media_type, body) in [
        (json, String::new()),
        (json, "canary".to_owned()),
        (json, r#"{"code":"a","code":"canary"}"#.to_owned()),
        (json, r#"{"message":"canary"}"#.to_owned()),
        (json, format!(r#"{{"code":"{ALIAS}"}}"#)),
        (json, format!(r#"{{"code":"{}"}}"#, "x".repeat(5_000))),
        ("text/html", r#"{"code":"canary"}"#.to_owned()),
    ] {
        assert_eq!(
            rejected(media_type, body.clone()).await,
            Value::Null,
            "{body}"
        );
    }
}

#[tokio::test]
async fn parts_of_answers_and_answers_to_conditions_do_not_pass() {
    let (stand, core, _) = things().await;
    let mut acme = stand.partner("acme").await;
    let body = r#"{"data":[]}"#;
    for (status, media_type) in [
        (206, "application/json"),
        (206, "multipart/byteranges; boundary=x"),
        (200, "multipart/byteranges; boundary=x"),
        (203, "application/json"),
        (299, "application/json"),
        (300, "application/json"),
        (416, "application/json"),
    ] {
        let scripted = Scripted::new(media_type, body).status(status);
        let scripted = scripted.header("content-range", "bytes 0-10/11");
        core.answer("/lab/things", scripted);
        let asked = Call::get("/lab/things")
            .header("range", "bytes=0-10")
            .header("if-range", "\"1\"")
            .header("if-none-match", "\"1\"")
            .header("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT")
            .header("accept", "multipart/byteranges")
            .header("accept-encoding", "br, gzip")
            .purpose(SERVICE);
        let reply = acme.call(asked).await;
        refused(&reply, 502, "response-uninspectable");
        assert!(!reply.headers.contains_key("content-range"));
    }
    let nothing = Scripted::new("application/json", "").status(304);
    core.answer("/lab/things", nothing.header("etag", "\"1\""));
    let reply = acme.get("/lab/things", SERVICE).await;
    refused(&reply, 502, "response-uninspectable");
    for received in core.received() {
        for name in [
            "range",
            "if-range",
            "if-none-match",
            "if-modified-since",
            "cookie",
            "te",
        ] {
            assert!(!received.headers.contains_key(name), "{name}");
        }
        assert_eq!(received.headers["accept"], "application/json");
        assert_eq!(received.headers["accept-encoding"], "identity");
    }
}

#[tokio::test]
async fn head_is_asked_recorded_and_headed_as_get_and_has_no_body() {
    let (stand, core, origin) = things().await;
    let own = stand.customers_of("acme").remove(0);
    let thing = json!({"id": "1", "customer": own, "here": "/lab/things/1", "signed": "https://s.example/"});
    let body = json!({"data": [thing], "next": format!("{origin}/lab/things?cursor=1")});
    let scripted = page(&body)
        .header("etag", "\"1\"")
        .header("x-served-by", HOST_NAME);
    core.answer(
        "/lab/things",
        scripted.header("link", "</lab/things>; rel=first"),
    );
    let mut acme = stand.partner("acme").await;
    let get = acme.get("/lab/things", SERVICE).await;
    let head = Call::new(Method::HEAD, "/lab/things").purpose(SERVICE);
    let head = acme.call(head).await;
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    let fixed = |reply: &Reply| {
        let moving = ["request-id", "date", "ratelimit", "covenant-budget"];
        let headers = reply.headers.iter();
        let mut headers: Vec<_> = headers
            .filter(|(name, _)| !moving.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        headers
    };
    assert_eq!(fixed(&head), fixed(&get));
    let received = core.received();
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|one| one.method == Method::GET));
    let disclosed = async |reply: &Reply| match &stand.events_of(reply.request_id(), 1).await[..] {
        [Event::Disclosure(one)] => (one.subjects.clone(), one.answer_sha256.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(disclosed(&head).await, disclosed(&get).await);
}

#[tokio::test]
async fn a_partner_walks_all_pages_by_the_links_it_is_given() {
    let budget = [
        ("customers_per_day: 500", "customers_per_day: 50000"),
        ("customers_per_month: 5000", "customers_per_month: 50000"),
    ];
    let edits = budget.map(|(from, to)| ("partners/acme.yaml", from, to));
    let stand = Stand::start_with(&edits, |_| {}).await;
    let mut acme = stand.partner("acme").await;
    for path in ["/v1/customers", "/v1/jobs", "/v1/address_lists"] {
        let mut target = format!("{path}?limit=100");
        let mut seen: Vec<String> = Vec::new();
        for _ in 0..100 {
            let reply = acme.get(&target, SERVICE).await;
            assert_eq!(reply.status, 200, "{target}: {}", reply.everything());
            let page = reply.json();
            let records = page["data"].as_array().unwrap().iter();
            seen.extend(records.map(|one| one["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next_url"].as_str() else {
                break;
            };
            target = next.strip_prefix("https://localhost").unwrap().to_owned();
        }
        let mut own = stand.customers_of("acme");
        let jobs = stand
            .world
            .jobs()
            .iter()
            .filter(|one| own.contains(&one.customer_id));
        let mut expected: Vec<String> = match path {
            "/v1/jobs" => jobs.map(|one| one.id.clone()).collect(),
            "/v1/address_lists" => {
                let mut lists: Vec<_> = jobs.map(|one| one.address_list_id.clone()).collect();
                lists.retain(|one| seen.contains(one));
                lists
            }
            _ => std::mem::take(&mut own),
        };
        expected.sort();
        expected.dedup();
        seen.sort();
        let count = seen.len();
        seen.dedup();
        assert_eq!(seen.len(), count, "no record twice on {path}");
        assert!(count > 100, "{path} has more than one page: {count}");
        if path == "/v1/address_lists" {
            assert!(expected.iter().all(|one| seen.contains(one)));
        } else {
            assert_eq!(seen, expected, "{path}");
        }
    }
}
