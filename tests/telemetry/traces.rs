//! W3C Trace Context and the spans of the HTTP semantic conventions.

use std::net::SocketAddr;

use covenant::demo::core::{Core, World};
use covenant::ledger::reading;

use crate::collector::{Collector, Span};
use crate::gateway::{Gateway, Options};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const UNSAMPLED: &str = "aaaabbbbccccdddd0000111122223333";

#[tokio::test]
async fn a_trace_goes_through_the_gateway_and_its_spans_are_flushed_when_it_stops() {
    let world = World::invent();
    let core = Core::start(&world, SocketAddr::from(([127, 0, 0, 1], 0)));
    let core = core.await.unwrap();
    let collector = Collector::start().await;
    let mut gateway = Gateway::start(Options {
        core: Some(core.address()),
        collector: Some(collector.endpoint()),
        ..Options::default()
    })
    .await;
    let acme = gateway.acme();
    let customer = &world.customers_of(Some("acme")).next().unwrap().id;
    let path = format!("/v1/customers/{customer}");
    let ask = |flags: &str, trace: &str| {
        acme.request("GET", &path)
            .header("purpose-of-use", "essential.service")
            .header("traceparent", format!("00-{trace}-{PARENT}-{flags}"))
            .header("tracestate", "vendor=1")
    };
    let continued = acme.send(ask("01", TRACE), "").await;
    assert_eq!(continued.status, 200);
    let unsampled = acme.send(ask("00", UNSAMPLED), "").await;
    assert_eq!(unsampled.status, 200);
    let own = acme.get(&path).await;
    let refused = acme.get("/v1/nothing").await;
    assert_eq!(refused.status, 404);
    let received = core.received();
    drop(core);
    let broken = acme.get(&path).await;
    assert_eq!(broken.code(), "core-unavailable");
    gateway.terminate().await;

    let spans = collector.spans();
    let of = |id: String| -> Option<Span> {
        let mine = |span: &&Span| span.attributes["covenant.request_id"] == id;
        spans.iter().find(mine).cloned()
    };
    assert_eq!(spans.len(), 4, "{spans:#?}");
    let span = of(continued.request_id()).unwrap();
    assert_eq!(
        (span.trace_id.as_str(), span.parent_id.as_str()),
        (TRACE, PARENT)
    );
    check_conventions(&span, "200");
    assert_eq!(span.name, "GET /v1/customers/{customer_id}");
    assert_eq!(span.attributes["http.route"], "/v1/customers/{customer_id}");
    assert_eq!(span.attributes["covenant.partner"], "acme");
    assert_eq!(span.attributes["covenant.operation"], "getCustomer");
    assert_eq!(span.status, 0);
    assert_eq!(of(unsampled.request_id()).map(|span| span.name), None);

    let traceparents = received
        .iter()
        .map(|call| call.headers["traceparent"].to_str().unwrap());
    let traceparents: Vec<&str> = traceparents.collect();
    assert_eq!(traceparents[0], format!("00-{TRACE}-{}-01", span.span_id));
    assert!(traceparents[1].starts_with(&format!("00-{UNSAMPLED}-")));
    assert!(traceparents[1].ends_with("-00"));
    assert!(!traceparents[1].contains(PARENT));

    let own = of(own.request_id()).unwrap();
    assert_eq!(own.parent_id, "");
    assert_eq!(
        traceparents[2],
        format!("00-{}-{}-01", own.trace_id, own.span_id)
    );
    let refused = of(refused.request_id()).unwrap();
    check_conventions(&refused, "404");
    assert_eq!((refused.name.as_str(), refused.status), ("GET", 0));
    assert_eq!(refused.attributes["covenant.code"], "not-found");
    assert!(!refused.attributes.contains_key("error.type"));
    let broken = of(broken.request_id()).unwrap();
    check_conventions(&broken, "502");
    assert_eq!(
        (broken.attributes["error.type"].as_str(), broken.status),
        ("core-unavailable", 2)
    );

    check_records(&gateway, &continued.request_id());
}

/// The line and the entry of the continued trace name it.
fn check_records(gateway: &Gateway, request_id: &str) {
    assert_eq!(gateway.request_lines()[0]["trace_id"], TRACE);
    let entries = reading::entries(&gateway.path().join("ledger"), 0);
    let entries = entries.map(|entry| String::from_utf8(entry.unwrap().1).unwrap());
    let traced: Vec<_> = entries.filter(|entry| entry.contains(TRACE)).collect();
    assert_eq!(traced.len(), 1, "{traced:?}");
    assert!(traced[0].contains(request_id), "{traced:?}");
}

fn check_conventions(span: &Span, status: &str) {
    assert_eq!(span.resource["service.name"], "covenant");
    assert_eq!(span.kind, 2, "SPAN_KIND_SERVER");
    assert_eq!(span.attributes["http.request.method"], "GET");
    assert_eq!(span.attributes["http.response.status_code"], status);
    assert_eq!(span.attributes["url.scheme"], "https");
    assert!(
        !span.attributes.contains_key("url.path"),
        "a path may name a customer"
    );
    assert!(span.nanoseconds.0 > 0 && span.nanoseconds.0 <= span.nanoseconds.1);
}
