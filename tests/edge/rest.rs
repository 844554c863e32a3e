//! Connections of HTTP/1.1 on which nothing happens for a while: what hyper held for them is gone, and
//! nobody notices. What it saves is measured by `benches/peers`.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::server::{Authority, Server, limits, read_to_end};

/// Longer than it takes a connection to be at rest.
const RESTED: Duration = Duration::from_millis(2_500);
const REQUEST: &str = "GET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
/// What every answer to that ends with.
const END: &[u8] = b"certificate=none";

async fn server() -> Server {
    let patient = covenant::edge::limits::Limits {
        idle_seconds_max: 60,
        ..limits()
    };
    Server::start_with(patient, Authority::new(), String::new()).await
}

async fn answer(stream: &mut TlsStream<TcpStream>) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(END) {
        answer.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap()
}

async fn send(stream: &mut TlsStream<TcpStream>, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

#[tokio::test]
async fn after_a_rest_a_request_is_answered_whether_it_comes_whole_in_pieces_or_with_another() {
    let server = server().await;
    let mut stream = server.connect("http/1.1").await;
    send(&mut stream, REQUEST).await;
    answer(&mut stream).await;
    for cut in [REQUEST.len(), 1, 20] {
        tokio::time::sleep(RESTED).await;
        let (begin, rest) = REQUEST.split_at(cut);
        send(&mut stream, begin).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        send(&mut stream, &format!("{rest}{REQUEST}")).await;
        for _ in 0..2 {
            let answer = answer(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        }
    }
    assert_eq!(server.seen(), 7);
    server.stop().await;
}

#[tokio::test]
async fn after_a_rest_what_is_unclear_is_refused_and_what_does_not_end_times_out() {
    let server = server().await;
    let begun = "GET /a HTTP/1.1\r\nHost: api";
    for (sent, status) in [("nonsense\r\n\r\n", "400"), (begun, "408")] {
        let mut stream = server.connect("http/1.1").await;
        send(&mut stream, REQUEST).await;
        answer(&mut stream).await;
        tokio::time::sleep(RESTED).await;
        send(&mut stream, sent).await;
        let said = read_to_end(&mut stream).await.expect("it is closed");
        let said = String::from_utf8(said).unwrap();
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stop_ends_connections_at_rest_at_once_and_so_does_their_partner() {
    let server = server().await;
    let mut stream = server.connect("http/1.1").await;
    let mut other = server.connect("http/1.1").await;
    for stream in [&mut stream, &mut other] {
        send(stream, REQUEST).await;
        answer(stream).await;
    }
    tokio::time::sleep(RESTED).await;
    stream.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut stream).await.as_deref(), Some(&b""[..]));
    server.stop().await;
    assert_eq!(read_to_end(&mut other).await.as_deref(), Some(&b""[..]));
}
