//! Many callers at once of every slow kind: each is ended within its limit, and whoever asks properly
//! meanwhile is answered every time. What it costs them is measured by `benches/slow`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use covenant::edge::limits::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::http2::{DATA, END_HEADERS, END_STREAM, HEADERS, PLAIN, block, connect, frame, with};
use crate::server::{Authority, Server, limits};

const OF_EACH_KIND: usize = 30;
/// Far more than any limit of the server.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
const ANSWER_BYTES: usize = 4_000_000;

type Ends = Pin<Box<dyn Future<Output = ()> + Send>>;
type Slow = fn(Arc<Server>) -> Ends;

/// Sends byte after byte until the other end has had enough, which reading shows.
async fn drip(stream: impl AsyncReadExt + AsyncWriteExt, begin: Vec<u8>, piece: Vec<u8>) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let dripping = async {
        writer.write_all(&begin).await?;
        loop {
            writer.write_all(&piece).await?;
            writer.flush().await?;
            tokio::time::sleep(PAUSE).await;
        }
    };
    let mut said = Vec::new();
    tokio::select! {
        // The answer may still be on its way when nothing more is taken.
        _ = async { let _: std::io::Result<()> = dripping.await; std::future::pending::<()>().await } => {}
        _ = reader.read_to_end(&mut said) => {}
    }
}

fn silent(server: Arc<Server>) -> Ends {
    Box::pin(async move {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
}

fn idle(protocol: &'static str, server: Arc<Server>) -> Ends {
    Box::pin(async move {
        let mut stream = server.connect(protocol).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
}

fn slow_head(server: Arc<Server>) -> Ends {
    Box::pin(async move {
        let stream = server.connect("http/1.1").await;
        let head = b"GET / HTTP/1.1\r\nHost: api.example.com\r\nx: ".to_vec();
        drip(stream, head, b"x".to_vec()).await;
    })
}

fn slow_head_of_http2(server: Arc<Server>) -> Ends {
    Box::pin(async move {
        let begin = frame(HEADERS, END_STREAM, 1, &block(&PLAIN));
        let mut stream = connect(&server).await;
        stream.write_all(&begin).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
}

fn slow_body(server: Arc<Server>) -> Ends {
    Box::pin(async move {
        let stream = server.connect("http/1.1").await;
        let head = b"POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 9999\r\n\r\n";
        drip(stream, head.to_vec(), b"x".to_vec()).await;
    })
}

fn slow_body_of_http2(server: Arc<Server>) -> Ends {
    Box::pin(async move {
        let head = frame(HEADERS, END_HEADERS, 1, &block(&with(":method", "POST")));
        drip(connect(&server).await, head, frame(DATA, 0, 1, b"x")).await;
    })
}

/// Reads so slowly that the rest of the answer is never sent.
fn slow_reader(server: Arc<Server>) -> Ends {
    Box::pin(async move {
        let mut stream = server.connect("http/1.1").await;
        let request =
            format!("GET /?answer_bytes={ANSWER_BYTES} HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        for _ in 0..60 {
            let _ = stream.read_u8().await;
            tokio::time::sleep(PAUSE).await;
        }
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.len() < ANSWER_BYTES / 2, "{}", rest.len());
    })
}

fn slow_reader_of_http2(server: Arc<Server>) -> Ends {
    Box::pin(async move {
        let mut stream = connect(&server).await;
        let path = with(":path", "/?answer_bytes=4000000");
        let asking = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&path));
        stream.write_all(&asking).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
}

/// One answer is never read; others of the same connection come and go quickly.
fn slow_reader_among_quick(server: Arc<Server>) -> Ends {
    Box::pin(async move {
        let mut stream = connect(&server).await;
        // Room on the connection, and none on the stream beyond what it has at first.
        let room = frame(8, 0, 0, &[0x40, 0, 0, 0]);
        let path = with(":path", "/?answer_bytes=4000000");
        let asking = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&path));
        stream.write_all(&[room, asking].concat()).await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let quick = async {
            for id in (3..).step_by(2) {
                let asking = frame(HEADERS, END_STREAM | END_HEADERS, id, &block(&PLAIN));
                if writer.write_all(&asking).await.is_err() || writer.flush().await.is_err() {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            std::future::pending::<()>().await;
        };
        let mut said = Vec::new();
        tokio::select! {
            () = quick => {}
            _ = reader.read_to_end(&mut said) => {}
        }
        assert!(said.len() < ANSWER_BYTES / 2, "{}", said.len());
    })
}

/// One good request on a connection of its own: whether it is answered.
async fn is_answered(server: &Server) -> bool {
    let mut stream = server.connect("http/1.1").await;
    let request = b"GET /good HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer.starts_with("HTTP/1.1 200 ") && answer.contains("GET /good")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_callers_of_every_kind_are_ended_and_good_ones_are_all_answered() {
    let tight = Limits {
        handshake_seconds_max: 3,
        ..limits()
    };
    let server = Arc::new(Server::start_with(tight, Authority::new(), String::new()).await);
    let kinds: [(&str, Slow); 10] = [
        ("silent", silent),
        ("idle", |server| idle("http/1.1", server)),
        ("idle, HTTP/2", |server| idle("h2", server)),
        ("slow head", slow_head),
        ("slow head, HTTP/2", slow_head_of_http2),
        ("slow body", slow_body),
        ("slow body, HTTP/2", slow_body_of_http2),
        ("slow reader", slow_reader),
        ("slow reader, HTTP/2", slow_reader_of_http2),
        ("slow reader among quick", slow_reader_among_quick),
    ];
    for (kind, slow) in kinds {
        let mut callers = JoinSet::new();
        for _ in 0..OF_EACH_KIND {
            callers.spawn(slow(Arc::clone(&server)));
        }
        let (mut ended, mut answered) = (0, 0);
        let all = timeout(PATIENCE, async {
            while ended < OF_EACH_KIND {
                tokio::select! {
                    biased;
                    Some(one) = callers.join_next() => {
                        one.unwrap();
                        ended += 1;
                    }
                    is_answered = is_answered(&server) => {
                        assert!(is_answered, "{kind}");
                        answered += 1;
                    }
                }
            }
        });
        assert!(all.await.is_ok(), "{kind}: {ended} ended");
        assert!(answered > 0, "{kind}");
    }
}
