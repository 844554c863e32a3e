//! Stopping in order: what is under way is answered, nothing new begins, the record is closed last.

use std::io::ErrorKind;

use covenant::demo::core::Core;
use rustix::process::Signal;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::installation::{Installation, PURPOSE, loopback};
use crate::program::until;
use covenant::demo::core::World;

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

#[tokio::test]
async fn a_request_under_way_is_answered_and_recorded_before_the_gateway_stops() {
    let place = Installation::new().await;
    let mut valve = Valve::before(&place).await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let mut client = place.connect("acme").await;
    let call =
        tokio::spawn(async move { client.get(TARGET, PURPOSE).await.map_err(|e| e.to_string()) });
    valve.arrived.wait_for(|count| *count > 0).await.unwrap();

    gateway.signal(Signal::TERM);
    until("new connections are refused", async || {
        let refused = TcpStream::connect(place.gateway()).await;
        refused.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    })
    .await;
    assert_eq!(gateway.ended(), None, "somebody waits for an answer");
    assert!(!call.is_finished());
    valve.open.send_replace(true);
    let answer = call.await.unwrap().unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["id"], "cus_000001");
    assert_eq!(gateway.wait().await, 0);

    place.verify().await;
    let disclosures = place.disclosures();
    assert_eq!(disclosures.get(answer.header("request-id")), Some(&200));
    assert_eq!(place.notes().last().map(String::as_str), Some("stopped"));
}

#[tokio::test]
async fn a_request_that_does_not_end_holds_up_the_stop_for_the_drain_limit_only() {
    let place = Installation::new().await;
    place.edit(
        "covenant.toml",
        "[telemetry]",
        "[limits]\ndrain_seconds_max = 1\n\n[telemetry]",
    );
    place.edit(
        "covenant.toml",
        "name = \"mailing\"",
        "name = \"mailing\"\nanswer_milliseconds_max = 600000",
    );
    let mut valve = Valve::before(&place).await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let mut client = place.connect("acme").await;
    let call =
        tokio::spawn(async move { client.get(TARGET, PURPOSE).await.map_err(|e| e.to_string()) });
    valve.arrived.wait_for(|count| *count > 0).await.unwrap();
    // An idle connection, and one that has not even shaken hands, hold up nothing.
    let _idle = place.connect("bluebird").await;
    let _mute = TcpStream::connect(place.gateway()).await.unwrap();
    assert_eq!(gateway.stop().await, 0);
    assert!(call.await.unwrap().is_err(), "there was no answer to give");
    place.verify().await;
    assert!(place.disclosures().is_empty());
    assert_eq!(place.notes(), ["started", "stopped"]);
}
