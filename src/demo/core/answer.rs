//! How the core's answers look on the wire: honest, and as careless as a service is that trusts
//! everyone who can reach it. Cookies, versions, host names and trailers are there so that a gateway
//! that lets them through is caught.

use std::io;

use bytes::Bytes;
use http::header::{
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, SERVER, SET_COOKIE, TRAILER,
};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde::Serialize;
use serde_json::json;

/// The name of the machine the core says it runs on. It must appear nowhere beyond the gateway.
pub const HOST_NAME: &str = "core-7.internal.harbourpost.example";
/// A cookie, a trailer and a debug header hold this; it must appear nowhere beyond the gateway either.
pub const SESSION_SECRET: &str = "hp-session-7f3a91";
/// Every this-many-th answer comes in chunks with a trailer, if the caller accepts trailers.
const TRAILER_EVERY: u64 = 5;

/// The body of an answer; the error is a connection that ends in the middle.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer before it is dressed.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) media_type: &'static str,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn new(media_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            media_type,
            body: body.into(),
        }
    }

    pub(super) fn json(value: &impl Serialize) -> Self {
        Self::new(
            "application/json",
            serde_json::to_vec(value).unwrap_or_default(),
        )
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// A rejection. It names the machine, the field, and the value that was sent.
    pub(super) fn rejected(
        status: StatusCode,
        code: &str,
        field: Option<&str>,
        detail: &str,
    ) -> Self {
        let message = format!("{detail} (from {HOST_NAME}, shard 3)");
        Self::json(&json!({"error": {"code": code, "message": message, "field": field}}))
            .with_status(status)
    }

    pub(super) fn not_found(what: &str, id: &str) -> Self {
        let detail = format!("no {what} {id}");
        Self::rejected(StatusCode::NOT_FOUND, "not_found", None, &detail)
    }

    pub(super) fn invalid(field: &str, detail: &str) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::rejected(status, "invalid", Some(field), detail)
    }

    pub(super) fn full() -> Self {
        let status = StatusCode::INSUFFICIENT_STORAGE;
        Self::rejected(status, "full", None, "the demo core remembers no more")
    }

    /// The answer as it is sent: the `number`th of this core.
    pub(super) fn dress(self, number: u64) -> Response<Body> {
        let mut response = Response::new(if number.is_multiple_of(TRAILER_EVERY) {
            with_trailer(self.body)
        } else {
            whole(self.body)
        });
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        if number.is_multiple_of(TRAILER_EVERY) {
            headers.insert(TRAILER, HeaderValue::from_static("x-debug-trace"));
        }
        dress_headers(headers, number);
        response
    }
}

/// The headers every answer has.
pub(super) fn dress_headers(headers: &mut HeaderMap, number: u64) {
    let cookie = format!("session={SESSION_SECRET}; Path=/; HttpOnly");
    let texts = [
        (SERVER, format!("HarbourPost/4.2.0 ({HOST_NAME})")),
        (SET_COOKIE, cookie),
        (ETAG, format!("\"{number:x}\"")),
        (
            HeaderName::from_static("x-powered-by"),
            "Quayside 9".to_owned(),
        ),
        (HeaderName::from_static("x-served-by"), HOST_NAME.to_owned()),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}

/// A body whose length is known.
pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn with_trailer(bytes: Bytes) -> Body {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-debug-trace", HeaderValue::from_static(SESSION_SECRET));
    let frames = [Ok(Frame::data(bytes)), Ok(Frame::trailers(trailers))];
    StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

/// A page of PDF with one line on it.
pub(super) fn pdf(line: &str) -> Vec<u8> {
    let text: String = line
        .chars()
        .filter(|character| !matches!(character, '(' | ')' | '\\'))
        .collect();
    let drawing = format!("BT /F1 12 Tf 72 720 Td ({text}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!(
            "<< /Length {} >>\nstream\n{drawing}\nendstream",
            drawing.len()
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (index, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", index + 1));
    }
    let start = file.len();
    let size = objects.len() + 1;
    file.push_str(&table);
    file.push_str(&format!(
        "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    file.into_bytes()
}
