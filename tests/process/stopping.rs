//! Stopping in order: what is under way is answered, nothing new begins, the record is closed last.

use std::io::ErrorKind;
use std::sync::Arc;

use covenant::demo::client::{PartnerAnswer, PartnerClient};
use covenant::demo::core::{Core, World};
use rustix::process::Signal;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::installation::{Installation, PURPOSE, loopback};
use crate::program::{Ended, is_there, shell, until};

const TARGET: &str = "/v1/customers/cus_000001";

/// A core service whose answers wait until the valve is opened.
struct Valve {
    open: watch::Sender<bool>,
    arrived: watch::Receiver<usize>,
    relay: JoinHandle<()>,
    _core: Core,
}

impl Valve {
    async fn before(place: &Installation) -> Self {
        let core = Core::start(&World::invent(), loopback(0)).await.unwrap();
        let (open, opened) = watch::channel(false);
        let (arrival, arrived) = watch::channel(0);
        let listener = TcpListener::bind(place.core()).await.unwrap();
        let behind = core.address();
        let relay = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                arrival.send_modify(|count| *count += 1);
                let mut opened = opened.clone();
                tokio::spawn(async move {
                    opened.wait_for(|open| *open).await.unwrap();
                    let mut core = TcpStream::connect(behind).await.unwrap();
                    // Either end may go first.
                    let _ended = copy_bidirectional(&mut stream, &mut core).await;
                });
            }
        });
        Self {
            open,
            arrived,
            relay,
            _core: core,
        }
    }
}

impl Drop for Valve {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

/// A call under way.
fn call(mut client: PartnerClient) -> JoinHandle<Result<PartnerAnswer, String>> {
    let get = async move {
        client
            .get(TARGET, PURPOSE)
            .await
            .map_err(|error| error.to_string())
    };
    tokio::spawn(get)
}

/// The same by `curl`, which speaks HTTP/2, where there is one.
async fn call_by_curl(place: &Arc<Installation>) -> Option<JoinHandle<Ended>> {
    if !is_there("curl").await {
        return None;
    }
    let line = place.curl_line("acme", TARGET);
    let place = Arc::clone(place);
    Some(tokio::spawn(
        async move { shell(place.folder(), &line).await },
    ))
}

/// Sets a limit of the partner listener.
fn limit(place: &Installation, setting: &str) {
    let telemetry = "[telemetry]";
    place.edit(
        "covenant.toml",
        telemetry,
        &format!("[limits]\n{setting}\n\n{telemetry}"),
    );
}

#[tokio::test]
async fn requests_under_way_are_answered_and_recorded_before_the_gateway_stops() {
    let place = Arc::new(Installation::new().await);
    let mut valve = Valve::before(&place).await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let one = call(place.connect("acme").await);
    let other = call_by_curl(&place).await;
    let calls = 1 + usize::from(other.is_some());
    valve
        .arrived
        .wait_for(|count| *count == calls)
        .await
        .unwrap();

    gateway.signal(Signal::TERM);
    until("new connections are refused", async || {
        let refused = TcpStream::connect(place.gateway()).await;
        refused.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    })
    .await;
    assert_eq!(gateway.ended(), None, "somebody waits for an answer");
    assert!(!one.is_finished());
    valve.open.send_replace(true);
    let answer = one.await.unwrap().unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["id"], "cus_000001");
    if let Some(other) = other {
        let other = other.await.unwrap().with(0).out;
        assert!(
            other.starts_with("HTTP/2 200") && other.contains("cus_000001"),
            "{other}"
        );
    }
    assert_eq!(gateway.wait().await, 0);

    place.verify().await;
    let disclosures = place.disclosures();
    assert_eq!(disclosures.len(), calls);
    assert_eq!(disclosures.get(answer.header("request-id")), Some(&200));
    assert_eq!(place.notes().last().map(String::as_str), Some("stopped"));
}

#[tokio::test]
async fn a_request_that_does_not_end_holds_up_the_stop_for_the_drain_limit_only() {
    let place = Installation::new().await;
    limit(&place, "drain_seconds_max = 1");
    place.edit(
        "covenant.toml",
        "name = \"mailing\"",
        "name = \"mailing\"\nanswer_milliseconds_max = 600000",
    );
    let mut valve = Valve::before(&place).await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let call = call(place.connect("acme").await);
    valve.arrived.wait_for(|count| *count == 1).await.unwrap();
    assert_eq!(gateway.stop().await, 0);
    assert!(call.await.unwrap().is_err(), "there was no answer to give");
    place.verify().await;
    assert!(place.disclosures().is_empty());
    assert_eq!(place.notes(), ["policy.first", "started", "stopped"]);
}

#[tokio::test]
async fn connections_without_a_request_hold_up_nothing() {
    let place = Installation::new().await;
    let long = "drain_seconds_max = 3600\nidle_seconds_max = 3600\nhandshake_seconds_max = 600\n\
                first_byte_seconds_max = 600";
    limit(&place, long);
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let mute = TcpStream::connect(place.gateway()).await.unwrap();
    let unused = place.connect("bluebird").await;
    let mut used = place.connect("acme").await;
    assert_eq!(used.get(TARGET, PURPOSE).await.unwrap().status, 200);
    assert_eq!(gateway.stop().await, 0);
    drop((mute, unused, used));
    place.verify().await;
}
