//! Several instances of a core, each of which refuses, hangs, breaks off or lies when told to: who is asked,
//! who is asked again, who is left out, and that the record says what was done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use covenant::config::{Config, CoreService, EjectionSettings, HealthSettings};
use covenant::entry::Event;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::caller::{Call, Caller, Reply, Version};
use crate::instance::{Act, Instance, answer, page};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

/// Longer than anything here may take, but for what hangs on purpose.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway before these instances of its core.
pub(crate) async fn before(
    instances: &[&Instance],
    configure: impl FnOnce(&mut CoreService),
) -> Stand {
    let addresses = instances.iter().map(|one| one.address()).collect();
    Stand::start_with(&[], |config: &mut Config| {
        let service = config.services.get_mut("mailing").unwrap();
        service.addresses = addresses;
        configure(service);
    })
    .await
}

fn cancel() -> Call {
    Call::new(Method::POST, "/v1/jobs/job_000001/cancel").purpose(SERVICE)
}

fn jobs() -> Call {
    Call::get("/v1/jobs").purpose(SERVICE)
}

fn asked(instances: &[&Instance]) -> usize {
    instances.iter().map(|one| one.asked()).sum()
}

/// What the operator listener says.
async fn operator(stand: &Stand, path: &str) -> String {
    operator_called(stand, "localhost", path).await
}

/// Likewise, where it is called by this name.
async fn operator_called(stand: &Stand, name: &str, path: &str) -> String {
    let address = stand.running().operator_address();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    said
}

#[tokio::test]
async fn the_operators_listener_is_called_by_its_own_names_and_the_published_ledger_by_any() {
    let stand = before(&[], |_| {}).await;
    let address = stand.running().operator_address().to_string();
    for (name, path, served) in [
        ("localhost", "/metrics", true),
        ("localhost:9443", "/healthz", true),
        (&*address, "/readyz", true),
        ("rebound.example", "/readyz", false),
        ("rebound.example", "/metrics", false),
        ("rebound.example:80", "/healthz", false),
        ("rebound.example", "/checkpoint", true),
    ] {
        let said = operator_called(&stand, name, path).await;
        let refused = said.starts_with("HTTP/1.1 421 ");
        assert_eq!(refused, !served, "{name} {path}: {said}");
    }
}

/// Until the operator listener says this.
pub(crate) async fn until(stand: &Stand, path: &str, said: &str) -> String {
    let waiting = async {
        loop {
            let all = operator(stand, path).await;
            if all.contains(said) {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("{path} never says {said}"))
}

#[tokio::test]
async fn every_request_is_answered_though_one_of_two_instances_is_killed_under_load() {
    let (one, other) = (Instance::start().await, Instance::start().await);
    let stand = Arc::new(before(&[&one, &other], |_| {}).await);
    let answered = Arc::new(AtomicUsize::new(0));
    let mut partners = JoinSet::new();
    for _ in 0..8 {
        let (stand, answered) = (Arc::clone(&stand), Arc::clone(&answered));
        partners.spawn(async move {
            let mut acme = stand.partner("acme").await;
            for _ in 0..50 {
                let reply = acme.call(jobs()).await;
                assert_eq!(reply.status, 200, "{}", reply.everything());
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    while answered.load(Ordering::SeqCst) < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(one.asked() > 10 && other.asked() > 10, "both are asked");
    one.kill();
    while let Some(done) = partners.join_next().await {
        done.unwrap();
    }
    assert_eq!(answered.load(Ordering::SeqCst), 400);
}

#[tokio::test]
async fn what_was_never_sent_is_asked_of_another_instance_and_changes_are_recorded_once() {
    let (dead, alive) = (Instance::start().await, Instance::start().await);
    dead.kill();
    let stand = before(&[&dead, &alive], |_| {}).await;
    alive.acts(Act::Answer(page()));
    let mut acme = stand.partner("acme").await;
    for _ in 0..4 {
        assert_eq!(acme.call(jobs()).await.status, 200);
    }
    assert_eq!(alive.asked(), 4);
    alive.acts(Act::Answer(answer("404 Not Found", "{}")));
    for count in 1..=4 {
        let reply = acme.call(cancel()).await;
        assert_ne!(reply.json()["code"], "core-unavailable");
        assert_eq!(alive.asked(), 4 + count, "each change is asked for once");
        let events = stand.events_of(reply.request_id(), 2).await;
        let intents = events
            .iter()
            .filter(|event| matches!(event, Event::Intent(_)));
        assert_eq!(intents.count(), 1);
    }
}

/// The answer to a call before two instances that both act so, and how often they were asked.
async fn told(act: Act, call: Call) -> (Reply, usize) {
    let (one, other) = (Instance::start().await, Instance::start().await);
    let stand = before(&[&one, &other], |service| {
        service.answer_milliseconds_max = 1_500;
    })
    .await;
    for instance in [&one, &other] {
        instance.acts(act.clone());
    }
    let mut acme = stand.partner("acme").await;
    let reply = acme.call(call).await;
    (reply, asked(&[&one, &other]))
}

#[tokio::test]
async fn what_was_sent_is_asked_again_once_if_it_changes_nothing_and_nothing_came_back() {
    let unavailable = (502, "core-unavailable");
    for (act, call, times, (status, code)) in [
        (Act::Close, jobs(), 2, unavailable),
        (Act::Close, cancel(), 1, unavailable),
        (Act::Reset, jobs(), 2, unavailable),
        (Act::Reset, cancel(), 1, unavailable),
        (Act::DieMidway, jobs(), 1, unavailable),
        (Act::DieMidway, cancel(), 1, unavailable),
        (Act::Hang, jobs(), 1, (504, "core-timeout")),
        (Act::Hang, cancel(), 1, (504, "core-timeout")),
    ] {
        let what = format!("{act:?} {}", call.method);
        let changes_nothing = call.method.is_safe();
        let (reply, asked) = told(act, call).await;
        let document = refused(&reply, status, code);
        assert_eq!(document["executed"], "unknown", "{what}");
        assert_eq!(document["retryable"], changes_nothing, "{what}");
        assert!(!reply.headers.contains_key("retry-after"), "{what}");
        assert_eq!(asked, times, "{what}");
    }
}

#[tokio::test]
async fn a_connection_that_ended_while_it_was_idle_costs_no_request_and_no_change_twice() {
    let one = Instance::start().await;
    let stand = before(&[&one], |_| {}).await;
    let mut acme = stand.partner("acme").await;
    for chatter in ["", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"] {
        one.acts(Act::AnswerThen(page(), chatter.to_owned()));
        assert_eq!(acme.call(jobs()).await.status, 200);
        // The core ends the connection, or speaks on it, some time after its answer.
        one.said_more().await;
        one.acts(Act::Answer(answer("404 Not Found", "{}")));
        let before = (one.asked(), one.connections());
        let reply = acme.call(cancel()).await;
        assert_ne!(reply.json()["code"], "core-unavailable", "{chatter}");
        let after = (before.0 + 1, before.1 + 1);
        assert_eq!((one.asked(), one.connections()), after, "{chatter}");
    }
}

#[tokio::test]
async fn an_instance_that_fails_in_a_row_is_left_out_and_the_only_one_never_is() {
    let ejection = EjectionSettings {
        failures: 3,
        seconds: 300,
        percent_max: 50,
    };
    let (bad, good) = (Instance::start().await, Instance::start().await);
    bad.acts(Act::Answer(answer("500 Internal Server Error", "{}")));
    let stand = before(&[&bad, &good], |service| {
        service.ejection = ejection.clone();
    })
    .await;
    let mut acme = stand.partner("acme").await;
    let mut failed = 0;
    for _ in 0..20 {
        failed += usize::from(acme.call(jobs()).await.status == 502);
    }
    assert_eq!((failed, bad.asked(), good.asked()), (3, 3, 17));
    let metrics = operator(&stand, "/metrics").await;
    let labels = |one: &Instance| format!("{{service=\"mailing\",instance=\"{}\"}}", one.address());
    for line in [
        format!("covenant_core_in{} 0", labels(&bad)),
        format!("covenant_core_in{} 1", labels(&good)),
        format!("covenant_core_ejections_total{} 1", labels(&bad)),
    ] {
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    let only = Instance::start().await;
    only.acts(Act::Answer(answer("500 Internal Server Error", "{}")));
    let stand = before(&[&only], |service| service.ejection = ejection).await;
    let mut acme = stand.partner("acme").await;
    for count in 1..=10 {
        refused(&acme.call(jobs()).await, 502, "core-unavailable");
        assert_eq!(only.asked(), count);
    }
}

#[tokio::test]
async fn instances_that_fail_their_checks_are_asked_nothing_until_they_pass() {
    let (one, other) = (Instance::start().await, Instance::start().await);
    let stand = before(&[&one, &other], |service| {
        service.health = Some(HealthSettings {
            path: "/healthz".into(),
            interval_seconds: 1,
            wait_milliseconds_max: 500,
            failures: 1,
            successes: 1,
        });
    })
    .await;
    let mut acme = stand.partner("acme").await;
    one.health(Act::Answer(answer("503 Service Unavailable", "canary")));
    let out = format!("instance=\"{}\"}} 0", one.address());
    let metrics = until(
        &stand,
        "/metrics",
        &format!("core_in{{service=\"mailing\",{out}"),
    )
    .await;
    assert!(!metrics.contains("canary"));
    let before = one.asked();
    for _ in 0..6 {
        assert_eq!(acme.call(jobs()).await.status, 200);
    }
    assert_eq!((one.asked(), other.asked()), (before, 6));
    other.health(Act::Hang);
    let ready = until(&stand, "/readyz", "503 Service Unavailable").await;
    assert!(
        ready.contains("`mailing`") && !ready.contains("canary"),
        "{ready}"
    );
    for call in [jobs(), cancel()] {
        let reply = acme.call(call).await;
        let document = refused(&reply, 502, "core-unavailable");
        assert_eq!(document["executed"], "no");
        assert_eq!(reply.header("retry-after"), "5");
    }
    assert_eq!(asked(&[&one, &other]), before + 6, "nobody was asked");
    one.health(Act::Answer(page()));
    until(&stand, "/readyz", "200 OK").await;
    assert_eq!(acme.call(jobs()).await.status, 200);
}

#[tokio::test]
async fn one_request_too_many_is_refused_at_once_and_a_place_in_the_queue_is_served() {
    let one = Instance::start().await;
    let stand = before(&[&one], |service| {
        service.requests_max = 1;
        service.waiting_max = 1;
    })
    .await;
    let credentials = stand.credentials("acme");
    let connect = || stand.connect(&credentials, Version::Http1);
    let call = |mut caller: Caller| async move { caller.call(jobs()).await };
    let (first, second, third) = (connect().await, connect().await, connect().await);
    one.acts(Act::Gate(page()));
    let first = tokio::spawn(call(first));
    one.until_asked(1).await;
    // Whichever of the two comes first waits in the queue, and the other is one too many.
    let mut others = JoinSet::from_iter([call(second), call(third)]);
    let reply = others.join_next().await.unwrap().unwrap();
    let document = refused(&reply, 503, "overloaded");
    assert_eq!(document["executed"], "no");
    assert_eq!(reply.header("retry-after"), "1");
    one.open_gate();
    one.acts(Act::Answer(page()));
    assert_eq!(first.await.unwrap().status, 200);
    let waited = others.join_next().await.unwrap().unwrap();
    assert_eq!(waited.status, 200, "{}", waited.everything());
    assert_eq!(one.asked(), 2);
}

#[tokio::test]
async fn the_core_is_told_how_long_it_has_where_its_operator_wants_to_know() {
    let one = Instance::start().await;
    let stand = before(&[&one], |service| {
        service.answer_milliseconds_max = 3_000;
        service.deadline_header = Some("time-left".parse().unwrap());
    })
    .await;
    let mut acme = stand.partner("acme").await;
    assert_eq!(acme.call(jobs().header("time-left", "9")).await.status, 200);
    let left = one.header("time-left").unwrap();
    let left: u32 = left.parse().unwrap();
    assert!((10..3_000).contains(&left), "{left}");
    let plain = Instance::start().await;
    let stand = before(&[&plain], |_| {}).await;
    stand.partner("acme").await.call(jobs()).await;
    assert_eq!(plain.header("time-left"), None);
}
