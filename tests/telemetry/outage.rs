//! A collector that is away, or hangs, is nobody's affair but the operator's.

use tokio::net::TcpListener;

use crate::gateway::{Gateway, Options};

#[tokio::test]
async fn requests_are_answered_while_the_collector_is_away_or_hangs() {
    // Bound and never accepted from: connections stand in the backlog and nothing comes back.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = closed.local_addr().unwrap();
    drop(closed);
    for address in [silent.local_addr().unwrap(), away] {
        let mut gateway = Gateway::start(Options {
            collector: Some(format!("http://{address}/v1/traces")),
            ..Options::default()
        })
        .await;
        let acme = gateway.acme();
        for _ in 0..20 {
            let answer = acme.get("/.covenant/whoami").await;
            assert_eq!(answer.status, 200);
        }
        gateway.terminate().await;
        assert_eq!(gateway.request_lines().len(), 20);
        let told = gateway.lines_with("BatchSpanProcessor");
        assert!(!told.is_empty(), "{}", gateway.log());
    }
}
