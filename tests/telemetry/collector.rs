//! An OTLP/HTTP collector that keeps every byte, and a reader of the few protobuf messages it is sent,
//! written from `opentelemetry/proto/trace/v1/trace.proto` so that it shares no code with the exporter.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Request heads as text, and bodies.
type Received = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

#[derive(Clone)]
pub(crate) struct Collector {
    address: SocketAddr,
    received: Received,
}

/// A span as it was exported. Attribute values as text.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) resource: BTreeMap<String, String>,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_id: String,
    pub(crate) name: String,
    pub(crate) kind: u64,
    pub(crate) nanoseconds: (u64, u64),
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) status: u64,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
        };
        let received = Arc::clone(&collector.received);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let received = Arc::clone(&received);
                let service = service_fn(move |request| keep(Arc::clone(&received), request));
                let builder = hyper::server::conn::http1::Builder::new();
                tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
            }
        });
        collector
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}/v1/traces", self.address)
    }

    /// Request heads as text, and bodies.
    pub(crate) fn received(&self) -> Vec<(String, Vec<u8>)> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let bodies = self.received();
        bodies.iter().flat_map(|(_, body)| spans(body)).collect()
    }
}

async fn keep(
    received: Received,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let head = format!("{} {} {:?}", parts.method, parts.uri, parts.headers);
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    received.lock().unwrap().push((head, body));
    let mut response = Response::new(Full::default());
    let kind = http::HeaderValue::from_static("application/x-protobuf");
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}

/// The value of one protobuf field.
#[derive(Clone, Copy, Debug)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Bytes(_) => panic!("bytes where a number belongs"),
        }
    }

    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => panic!("a number where bytes belong"),
        }
    }

    fn text(self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }

    fn hex(self) -> String {
        self.bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in 0..10 {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            return number;
        }
    }
    panic!("a number without an end");
}

fn little_endian(bytes: &[u8]) -> u64 {
    let fold = |number, byte: &u8| number << 8 | u64::from(*byte);
    bytes.iter().rev().fold(0, fold)
}

/// The fields of a message with their numbers, in order.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            kind => {
                let length = match kind {
                    1 => 8,
                    2 => usize::try_from(varint(&mut bytes)).unwrap(),
                    5 => 4,
                    other => panic!("wire type {other}"),
                };
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                if kind == 2 {
                    Field::Bytes(value)
                } else {
                    Field::Number(little_endian(value))
                }
            }
        };
        fields.push((tag >> 3, field));
    }
    fields
}

fn all(message: &[u8], number: u64) -> impl Iterator<Item = Field<'_>> {
    let mine = move |(one, field): (u64, _)| (one == number).then_some(field);
    fields(message).into_iter().filter_map(mine)
}

fn attributes(message: &[u8], number: u64) -> BTreeMap<String, String> {
    let pair = |field: Field<'_>| {
        let key = all(field.bytes(), 1).next().unwrap().text();
        let value = all(field.bytes(), 2).next().unwrap();
        let value = fields(value.bytes()).pop().unwrap().1;
        let value = match value {
            Field::Number(number) => number.to_string(),
            bytes => bytes.text(),
        };
        (key, value)
    };
    all(message, number).map(pair).collect()
}

fn spans(request: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for group in all(request, 1) {
        let resource = all(group.bytes(), 1).next();
        let resource = resource.map(|resource| attributes(resource.bytes(), 1));
        for scope in all(group.bytes(), 2) {
            for span in all(scope.bytes(), 2) {
                spans.push(read_span(
                    span.bytes(),
                    resource.clone().unwrap_or_default(),
                ));
            }
        }
    }
    spans
}

fn read_span(span: &[u8], resource: BTreeMap<String, String>) -> Span {
    let first = |number| all(span, number).next();
    let hex = |number| first(number).map(Field::hex).unwrap_or_default();
    let count = |number| first(number).map(Field::number).unwrap_or_default();
    let status = first(15).and_then(|status| all(status.bytes(), 3).next());
    Span {
        resource,
        trace_id: hex(1),
        span_id: hex(2),
        parent_id: hex(4),
        name: first(5).unwrap().text(),
        kind: count(6),
        nanoseconds: (count(7), count(8)),
        attributes: attributes(span, 9),
        status: status.map(Field::number).unwrap_or_default(),
    }
}
