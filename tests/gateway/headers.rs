//! What an allowed answer says about itself, as a partner's client would parse it (RFC 9651), over
//! both versions of HTTP.

use http::Method;
use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parser};

use crate::caller::{Call, Reply, Version};
use crate::stand::{SERVICE, SUPPORT, shared};

/// A list of strings with parameters: name, and each parameter as text.
fn list(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let list: List = Parser::new(text)
        .parse()
        .unwrap_or_else(|_| panic!("{text}"));
    list.into_iter()
        .map(|entry| {
            let ListEntry::Item(item) = entry else {
                panic!("{text}")
            };
            named(&item)
        })
        .collect()
}

fn named(item: &Item) -> (String, Vec<(String, String)>) {
    let name = item.bare_item.as_string().expect("a string");
    let value = |value: &BareItem| match value {
        BareItem::Integer(number) => i64::from(*number).to_string(),
        BareItem::Token(token) => token.as_str().to_owned(),
        BareItem::String(text) => text.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    let parameters = item.params.iter();
    let parameters = parameters.map(|(key, one)| (key.as_str().to_owned(), value(one)));
    (name.as_str().to_owned(), parameters.collect())
}

fn number(parameters: &[(String, String)], name: &str) -> i64 {
    let (_, value) = parameters.iter().find(|(key, _)| key == name).unwrap();
    value.parse().unwrap()
}

/// Headers that no two answers need share.
fn comparable(reply: &Reply) -> Vec<(String, String)> {
    // How HTTP/1.1 frames a body is no header of its answer.
    let moving = [
        "request-id",
        "date",
        "ratelimit",
        "covenant-budget",
        "transfer-encoding",
    ];
    let headers = reply
        .headers
        .iter()
        .filter(|(name, _)| !moving.contains(&name.as_str()));
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    headers
}

#[tokio::test]
async fn an_answer_tells_rate_budget_policy_and_what_was_withheld() {
    let stand = shared();
    let own = stand.subject("acme", 0);
    let mut acme = stand.partner("acme").await;
    let reply = acme
        .get(&format!("/v1/customers/{}", own.customer), SERVICE)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.everything());

    let policy = list(reply.header("ratelimit-policy"));
    let quota = |value: &str| value.to_owned();
    let requests = [
        ("q".to_owned(), quota("6000")),
        ("w".to_owned(), quota("60")),
    ];
    assert_eq!(policy, [("requests".to_owned(), requests.to_vec())]);
    let rate = list(reply.header("ratelimit"));
    assert_eq!(rate[0].0, "requests");
    assert!((1..6_000).contains(&number(&rate[0].1, "r")));
    assert!((0..=60).contains(&number(&rate[0].1, "t")));

    let budgets = list(reply.header("covenant-budget-policy"));
    let left = list(reply.header("covenant-budget"));
    let names: Vec<&str> = left.iter().map(|one| one.0.as_str()).collect();
    let windows = [
        "customers-day",
        "customers-month",
        "recipients-day",
        "recipients-month",
    ];
    assert_eq!(names, windows);
    assert_eq!(number(&budgets[0].1, "q"), 500);
    assert_eq!(number(&budgets[0].1, "w"), 86_400);
    assert_eq!(number(&budgets[1].1, "q"), 5_000);
    assert!((0..500).contains(&number(&left[0].1, "r")));
    assert_eq!(number(&left[0].1, "t"), 43_200, "it is noon");

    let version: Item = Parser::new(reply.header("covenant-policy"))
        .parse()
        .unwrap();
    let (version, parameters) = named(&version);
    assert_eq!(parameters, [("contract".to_owned(), "acme.7".to_owned())]);
    assert!(version.contains('.'), "{version}");
    assert_eq!(reply.header("covenant-decision"), "redact");
    let redacted = list(reply.header("covenant-redacted"));
    let of = |field: &str| redacted.iter().find(|(name, _)| name == field).unwrap();
    let expected = |method: &str, promise: &str| {
        let text = |text: &str| text.to_owned();
        vec![
            (text("method"), text(method)),
            (text("promise"), text(promise)),
        ]
    };
    assert_eq!(of("$.email").1, expected("removal", "P5"));
    assert_eq!(of("$.last_seen_ip").1, expected("removal", "P2"));
    assert_eq!(of("$.support_notes").1, expected("removal", "P1"));
    assert_eq!(reply.header("cache-control"), "private, no-store");
    assert_eq!(reply.header("vary"), "Authorization, Purpose-Of-Use");
    assert_eq!(reply.request_id().len(), 36);
}

#[tokio::test]
async fn parts_are_marked_as_such_and_nothing_withheld_is_an_allow() {
    let stand = shared();
    let own = stand.subject("acme", 0);
    let mut acme = stand.partner("acme").await;
    let reply = acme
        .get(&format!("/v1/customers/{}", own.customer), SUPPORT)
        .await;
    let redacted = reply.header("covenant-redacted");
    assert!(
        redacted.contains(r#""$.email";method=partialValue"#),
        "{redacted}"
    );
    let email = reply.json()["email"].as_str().unwrap().to_owned();
    let customer = stand
        .world
        .customers()
        .iter()
        .find(|one| one.id == own.customer)
        .unwrap();
    assert_eq!(
        email,
        format!("{}***@example.invalid", &customer.email[..2])
    );
    let reply = acme.get(&format!("/v1/jobs/{}", own.job), SERVICE).await;
    assert_eq!(reply.header("covenant-decision"), "allow");
    assert!(!reply.headers.contains_key("covenant-redacted"));
    assert!(Parser::new("").parse::<Dictionary>().is_ok());
}

#[tokio::test]
async fn both_versions_of_http_get_the_same_answers() {
    let stand = shared();
    let own = stand.subject("acme", 1);
    let credentials = stand.credentials("acme");
    let mut one = stand.connect(&credentials, Version::Http1).await;
    let mut two = stand.connect(&credentials, Version::Http2).await;
    for target in [
        format!("/v1/customers/{}", own.customer),
        format!("/v1/jobs/{}/tracking", own.job),
        format!("/v1/documents/{}", own.document),
        "/v1/jobs?limit=3&include[]=total_count".to_owned(),
        "/v1/customers.csv".to_owned(),
        "/v1/nowhere".to_owned(),
        "/.covenant/whoami".to_owned(),
    ] {
        let (one, two) = (
            one.get(&target, SERVICE).await,
            two.get(&target, SERVICE).await,
        );
        assert_eq!(one.status, two.status, "{target}");
        assert_eq!(comparable(&one), comparable(&two), "{target}");
        let same = |reply: &Reply| {
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            text.replace(reply.request_id(), "ID")
        };
        assert_eq!(same(&one), same(&two), "{target}");
        assert!(one.trailers.is_none() && two.trailers.is_none());
    }
}

#[tokio::test]
async fn head_has_the_headers_of_what_would_leave_and_no_body() {
    let stand = shared();
    let own = stand.subject("acme", 1);
    let credentials = stand.credentials("acme");
    for version in [Version::Http1, Version::Http2] {
        let mut acme = stand.connect(&credentials, version).await;
        let target = format!("/v1/customers/{}", own.customer);
        let get = acme.get(&target, SERVICE).await;
        let head = acme
            .call(Call::new(Method::HEAD, &target).purpose(SERVICE))
            .await;
        assert_eq!(head.status, 200);
        assert!(head.body.is_empty());
        assert_eq!(comparable(&head), comparable(&get));
        assert_eq!(head.header("content-length"), get.body.len().to_string());
        let missing = Call::new(Method::HEAD, "/v1/customers/cus_none").purpose(SERVICE);
        let missing = acme.call(missing).await;
        assert_eq!(missing.status, 404);
        assert!(missing.body.is_empty());
        assert_eq!(
            acme.get(&target, SERVICE).await.status,
            200,
            "the connection still works"
        );
    }
}
