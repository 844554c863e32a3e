//! A core that sends a large export, made beforehand, so that sending it costs next to nothing, and has
//! the small answers in memory.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{Response, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// JSON bodies by path.
pub(crate) type Answers = Arc<HashMap<String, Bytes>>;
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Sent at once.
const PIECE_BYTES: usize = 32 << 10;
/// Different pieces, which follow on one another in a circle.
const PIECES: usize = 64;
const BEGINS: &[u8] = b"{\"data\":[";
const ENDS: &[u8] = b"]}";

pub(crate) async fn start(
    answers: Answers,
    customers: Vec<String>,
    export_bytes: u64,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let pieces = pieces(&customers);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answers, pieces) = (Arc::clone(&answers), Arc::clone(&pieces));
            // Whether that works shows in the figures.
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let serve = service_fn(|request: http::Request<hyper::body::Incoming>| {
                    let body = match answers.get(request.uri().path()) {
                        Some(body) => Full::new(body.clone()).boxed_unsync(),
                        None => export(Arc::clone(&pieces), export_bytes),
                    };
                    async move { Ok::<_, Infallible>(json(body)) }
                });
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), serve)
                    .await
            });
        }
    });
    Ok(address)
}

fn json(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Records of all customers in turn, each behind a comma.
fn pieces(customers: &[String]) -> Arc<[Bytes]> {
    let note = "x".repeat(120);
    let mut numbered = customers.iter().cycle().enumerate();
    let piece = |_| {
        let mut piece = String::new();
        while piece.len() < PIECE_BYTES
            && let Some((number, customer)) = numbered.next()
        {
            piece.push_str(&format!(
                ",{{\"customer\":\"{customer}\",\"name\":\"Ann {number}\",\"note\":\"{note}\"}}"
            ));
        }
        Bytes::from(piece)
    };
    (0..PIECES).map(piece).collect()
}

/// An export of at least so many bytes.
fn export(pieces: Arc<[Bytes]>, bytes: u64) -> Body {
    let frames = stream::unfold((0_u64, 0_usize), move |(sent, number)| {
        let piece = pieces.get(number % pieces.len().max(1)).cloned();
        async move {
            let piece = piece.unwrap_or_default();
            let (data, sent) = match sent {
                0 => (
                    Bytes::from([BEGINS, piece.get(1..).unwrap_or_default()].concat()),
                    1,
                ),
                // What follows the end is nothing.
                u64::MAX => return None,
                sent if sent > bytes => (Bytes::from_static(ENDS), u64::MAX),
                sent => (piece, sent),
            };
            let length = data.len() as u64;
            Some((
                Ok(Frame::data(data)),
                (sent.saturating_add(length), number + 1),
            ))
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
