//! HTTP/2, frame by frame: requests that h2 lets through, and floods that must end.

use std::time::Duration;

use covenant::edge::limits::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::server::{Authority, Server, limits, read_to_end};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block of literal fields, without Huffman coding or indexing (RFC 7541 section 6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let text = |text: &str, bytes: &mut Vec<u8>| {
        assert!(text.len() < 127);
        bytes.push(u8::try_from(text.len()).unwrap());
        bytes.extend(text.as_bytes());
    };
    for (name, value) in fields {
        bytes.push(0);
        text(name, &mut bytes);
        text(value, &mut bytes);
    }
    bytes
}

pub(crate) const PLAIN: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "api.example.com"),
    (":path", "/a"),
];

/// The plain request with one field given another value.
pub(crate) fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    PLAIN
        .iter()
        .map(|field| {
            if field.0 == name {
                (name, value)
            } else {
                *field
            }
        })
        .collect()
}

/// The plain request with a field more.
fn and(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    PLAIN.iter().copied().chain([(name, value)]).collect()
}

pub(crate) async fn connect(server: &Server) -> TlsStream<TcpStream> {
    let mut stream = server.connect("h2").await;
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream
}

/// The next frame: kind, stream, payload. None at the end of the connection.
async fn next_frame(stream: &mut TlsStream<TcpStream>) -> Option<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    timeout(PATIENCE, stream.read_exact(&mut head))
        .await
        .expect("a frame in time")
        .ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    timeout(PATIENCE, stream.read_exact(&mut payload))
        .await
        .expect("a frame in time")
        .ok()?;
    Some((
        head[3],
        u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
        payload,
    ))
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Served,
    Refused,
    Reset,
    Closed,
}

/// `:status: 200` is the static entry 8; a table size update may come before it.
fn says_200(block: &[u8]) -> bool {
    block.iter().find(|byte| **byte & 0xe0 != 0x20) == Some(&0x88)
}

/// What becomes of stream 1.
async fn outcome(stream: &mut TlsStream<TcpStream>) -> Outcome {
    while let Some((kind, id, payload)) = next_frame(stream).await {
        match kind {
            HEADERS if id == 1 && says_200(&payload) => return Outcome::Served,
            HEADERS if id == 1 => return Outcome::Refused,
            RESET if id == 1 => return Outcome::Reset,
            GOAWAY => return Outcome::Closed,
            _ => {}
        }
    }
    Outcome::Closed
}

async fn sent(server: &Server, frames: &[Vec<u8>]) -> Outcome {
    let mut stream = connect(server).await;
    stream.write_all(&frames.concat()).await.unwrap();
    outcome(&mut stream).await
}

#[tokio::test]
async fn a_plain_request_is_served() {
    let server = Server::start().await;
    for fields in [
        PLAIN.to_vec(),
        and("host", "api.example.com"),
        with(":authority", "API.EXAMPLE.COM"),
    ] {
        let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&fields));
        assert_eq!(
            sent(&server, &[request]).await,
            Outcome::Served,
            "{fields:?}"
        );
    }
    let post = frame(HEADERS, END_HEADERS, 1, &block(&with(":method", "POST")));
    let body = frame(DATA, END_STREAM, 1, b"abc");
    assert_eq!(sent(&server, &[post, body]).await, Outcome::Served);
    server.stop().await;
}

#[tokio::test]
async fn ambiguous_heads_are_refused() {
    let server = Server::start().await;
    let cases = [
        with(":authority", "evil.example"),
        with(":authority", "u@api.example.com"),
        with(":authority", "api.example.com:443"),
        with(":authority", ""),
        and("host", "evil.example"),
        [
            and("host", "api.example.com"),
            vec![("host", "api.example.com")],
        ]
        .concat(),
        vec![PLAIN[0], PLAIN[1], ("host", "api.example.com"), PLAIN[3]],
        vec![PLAIN[0], PLAIN[1], PLAIN[2]],
        with(":scheme", "http"),
        with(":scheme", "ftp"),
        with(":scheme", "https:"),
        with(":method", "TRACE"),
        with(":method", "CONNECT"),
        vec![
            (":method", "CONNECT"),
            (":authority", "api.example.com:443"),
        ],
        vec![(":method", "CONNECT"), (":authority", "api.example.com")],
        with(":method", "REFUSED"),
        with(":method", "get"),
        vec![("x", "y"), PLAIN[0], PLAIN[1], PLAIN[2], PLAIN[3]],
        and(":path", "/b"),
        and(":status", "200"),
        and(":protocol", "websocket"),
        with(":path", "*"),
        with(":path", "/a#b"),
        with(":path", "/a?b=1#c"),
        with(":path", "#"),
        with(":path", ""),
        with(":path", "a"),
        with(":path", "/a/../b"),
        with(":path", "/a%2fb"),
        with(":path", "//a"),
        with(":path", "/a?b=1&b=2"),
        with(":path", "/a?access_token=x"),
        with(":path", "https://api.example.com/a"),
        with(":path", "/a b"),
        and("connection", "close"),
        and("transfer-encoding", "chunked"),
        and("upgrade", "h2c"),
        and("keep-alive", "x"),
        and("te", "gzip"),
        and("X-Upper", "y"),
        and("x_under", "y"),
        and("x", "a\r\nb"),
        and("x", "a\0b"),
        and("", "y"),
        and("content-length", "5"),
        and("content-length", "+0"),
        and("expect", "x"),
        [and("authorization", "a"), vec![("authorization", "b")]].concat(),
    ];
    let mut failures = Vec::new();
    for fields in cases {
        let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&fields));
        if sent(&server, &[request]).await == Outcome::Served {
            failures.push(fields);
        }
    }
    assert!(failures.is_empty(), "served: {failures:?}");
    assert_eq!(server.seen(), 0);
    server.stop().await;
}

#[tokio::test]
async fn bodies_are_held_to_what_was_said_of_them() {
    let server = Server::start().await;
    let post = |name, value| {
        let fields = [with(":method", "POST"), vec![(name, value)]].concat();
        frame(HEADERS, END_HEADERS, 1, &block(&fields))
    };
    let get = frame(HEADERS, END_HEADERS, 1, &block(&PLAIN));
    let data = |flags, payload: &[u8]| frame(DATA, flags, 1, payload);
    let trailers =
        |fields: &[(&str, &str)]| frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(fields));
    let large = vec![data(0, &[b'a'; 16_000]); 4];
    for frames in [
        vec![post("content-length", "5"), data(END_STREAM, b"abc")],
        vec![post("content-length", "2"), data(END_STREAM, b"abc")],
        vec![post("content-length", "100001")],
        vec![get.clone(), data(END_STREAM, b"abc")],
        vec![get.clone(), data(0, b""), data(END_STREAM, b"abc")],
        // Nobody knows yet whether it has a body.
        vec![get.clone()],
        // Too slow: the body never ends.
        vec![post("x", "y"), data(0, b"abc")],
        [vec![post("content-length", "90000")], large].concat(),
    ] {
        assert_ne!(sent(&server, &frames).await, Outcome::Served);
    }
    // As over HTTP/1: an end in a frame of its own is no body, and trailers are nobody's.
    for frames in [
        vec![get.clone(), data(END_STREAM, b"")],
        vec![get, data(0, b""), trailers(&[("x-sum", "1")])],
        vec![post("x", "y"), data(0, b"abc"), trailers(&[("x-sum", "1")])],
    ] {
        assert_eq!(sent(&server, &frames).await, Outcome::Served);
    }
    server.stop().await;
}

/// Writes until the server ends the connection; panics if it never does.
async fn flooded(
    server: &Server,
    first: &[Vec<u8>],
    more: impl Fn(u32) -> Vec<u8>,
    frames_max: u32,
) {
    let stream = connect(server).await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let drain = tokio::spawn(async move {
        let mut sink = Vec::new();
        let _ = reader.read_to_end(&mut sink).await;
        sink.len()
    });
    let _ = writer.write_all(&first.concat()).await;
    for n in 0..frames_max {
        if drain.is_finished() || writer.write_all(&more(n)).await.is_err() {
            break;
        }
        if n % 64 == 0 {
            let _ = writer.flush().await;
            tokio::task::yield_now().await;
        }
    }
    let _ = writer.flush().await;
    timeout(PATIENCE, drain)
        .await
        .expect("the flood is cut off")
        .unwrap();
}

#[tokio::test]
async fn floods_end_the_connection() {
    let server = Server::start().await;
    let request = |id| frame(HEADERS, END_STREAM | END_HEADERS, id, &block(&PLAIN));
    // Rapid reset.
    flooded(
        &server,
        &[],
        |n| {
            [
                request(2 * n + 1),
                frame(RESET, 0, 2 * n + 1, &[0, 0, 0, 8]),
            ]
            .concat()
        },
        20_000,
    )
    .await;
    // Headers that never end.
    let open = frame(HEADERS, END_STREAM, 1, &block(&PLAIN));
    flooded(
        &server,
        &[open],
        |_| frame(CONTINUATION, 0, 1, &block(&[("x", "y")])),
        50_000,
    )
    .await;
    // Malformed requests, each of which we reset.
    flooded(
        &server,
        &[],
        |n| {
            frame(
                HEADERS,
                END_STREAM | END_HEADERS,
                2 * n + 1,
                &block(&and("connection", "close")),
            )
        },
        20_000,
    )
    .await;
    // MadeYouReset: a window update of nothing on each stream.
    flooded(
        &server,
        &[],
        |n| {
            [
                frame(
                    HEADERS,
                    END_HEADERS,
                    2 * n + 1,
                    &block(&with(":method", "POST")),
                ),
                frame(8, 0, 2 * n + 1, &[0; 4]),
            ]
            .concat()
        },
        20_000,
    )
    .await;
    assert_eq!(sent(&server, &[request(1)]).await, Outcome::Served);
    server.stop().await;
}

#[tokio::test]
async fn who_sends_nothing_or_reads_nothing_is_cut_off() {
    let server = Server::start().await;
    let mut silent = server.connect("h2").await;
    assert!(read_to_end(&mut silent).await.is_some());
    let mut partial = server.connect("h2").await;
    partial.write_all(&PREFACE[..10]).await.unwrap();
    assert!(read_to_end(&mut partial).await.is_some());
    let mut halfway = connect(&server).await;
    halfway
        .write_all(&frame(HEADERS, END_STREAM, 1, &block(&PLAIN)))
        .await
        .unwrap();
    assert!(read_to_end(&mut halfway).await.is_some());
    let mut idle = connect(&server).await;
    assert!(read_to_end(&mut idle).await.is_some());
    // No window is ever opened beyond the first 65,535 bytes.
    let mut reader = connect(&server).await;
    let path = with(":path", "/?answer_bytes=10000000");
    reader
        .write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&path)))
        .await
        .unwrap();
    let answer = read_to_end(&mut reader)
        .await
        .expect("the connection is closed");
    assert!(answer.len() < 200_000, "{}", answer.len());
    server.stop().await;
}

#[tokio::test]
async fn running_streams_are_reset_after_a_goodbye_when_their_connection_must_end() {
    let server = Server::start().await;
    let mut stream = connect(&server).await;
    let endless = block(&with(":path", "/a?endless=1"));
    let request = |id| frame(HEADERS, END_STREAM | END_HEADERS, id, &endless);
    let both = [request(1), request(3)].concat();
    stream.write_all(&both).await.unwrap();
    let (mut goodbyes, mut resets) = (0, Vec::new());
    while let Some((kind, id, _)) = next_frame(&mut stream).await {
        match kind {
            GOAWAY => goodbyes += 1,
            RESET => resets.push(id),
            _ => {}
        }
    }
    resets.sort_unstable();
    assert!(goodbyes > 0);
    assert_eq!(resets, [1, 3]);
    server.stop().await;
}

#[tokio::test]
async fn who_goes_on_with_a_body_after_the_answer_is_ended_whether_or_not_a_goodbye_is_returned() {
    let patient = Limits {
        idle_seconds_max: 600,
        grace_seconds: 5,
        ..limits()
    };
    let server = Server::start_with(patient, Authority::new(), String::new()).await;
    let refused = block(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "evil.example"),
        (":path", "/a"),
    ]);
    let mut stream = connect(&server).await;
    stream
        .write_all(&frame(HEADERS, END_HEADERS, 1, &refused))
        .await
        .unwrap();
    let mut answered = false;
    // Nothing is sent back, not even what every client returns to a goodbye.
    while let Some((kind, id, _)) = next_frame(&mut stream).await {
        answered |= kind == HEADERS && id == 1;
        let _ = stream.write_all(&frame(DATA, 0, 1, b"x")).await;
    }
    assert!(answered);
    server.stop().await;
}
