//! A core that makes a large export while it sends it, and has the small answers in memory.

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

pub(crate) async fn start(
    answers: Answers,
    customers: Vec<String>,
    export_bytes: u64,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let customers: Arc<[String]> = customers.into();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answers, customers) = (Arc::clone(&answers), Arc::clone(&customers));
            // Whether that works shows in the figures.
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let serve = service_fn(|request: http::Request<hyper::body::Incoming>| {
                    let body = match answers.get(request.uri().path()) {
                        Some(body) => Full::new(body.clone()).boxed_unsync(),
                        None => export(Arc::clone(&customers), export_bytes),
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

/// Records of all customers in turn, made when they are asked for.
fn export(customers: Arc<[String]>, bytes: u64) -> Body {
    let note = "x".repeat(120);
    let pieces = stream::unfold((0_u64, 0_usize), move |(sent, number)| {
        let (customers, note) = (Arc::clone(&customers), note.clone());
        async move {
            if sent > bytes {
                return None;
            }
            let (mut piece, mut number) = (String::new(), number);
            if sent == 0 {
                piece.push_str("{\"data\":[");
            }
            while piece.len() < PIECE_BYTES {
                if number > 0 {
                    piece.push(',');
                }
                let customer = customers.get(number % customers.len().max(1));
                let customer = customer.map_or("", String::as_str);
                piece.push_str(&format!(
                    "{{\"customer\":\"{customer}\",\"name\":\"Ann {number}\",\"note\":\"{note}\"}}"
                ));
                number += 1;
            }
            let sent = sent + piece.len() as u64;
            if sent > bytes {
                piece.push_str("]}");
            }
            Some((Ok(Frame::data(Bytes::from(piece))), (sent, number)))
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}
