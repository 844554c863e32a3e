//! Stage `forward`: one permitted, admitted request to its core service, and the answer back: whole, or
//! where it is larger than can be judged whole, or a document, open to be read on. Everything the core is
//! told is set here: path and query as decided, headers by allow-list, identity by us, credentials of our
//! own. Nothing of the partner's credentials goes on.

pub mod body;
mod gunzip;

mod framing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use self::body::{Broken, CoreBody};
use super::admit::Admission;
use super::decide::Permit;
use super::exchange::Exchange;
use crate::catalogue::{Body, Place};
use crate::clock::Clock;
use crate::config::CoreService;
use crate::refusal::{Code, Executed, Fault};

/// Connections kept open to one core service.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// How long one of them is kept without a request.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// A core that is there accepts at once; what is left of its time is for its answer.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);

/// The core services, by name, and one pool of connections to them.
#[derive(Debug)]
pub struct Cores {
    client: Client<HttpConnector, Full<Bytes>>,
    services: HashMap<Arc<str>, CoreService>,
    whole_answer_bytes_max: usize,
    clock: Clock,
}

/// What a core answered.
#[derive(Debug)]
pub enum Forwarded {
    /// All of it, within the limit.
    Whole(Answer),
    /// A document, or more than the limit: its beginning.
    Open(OpenAnswer),
}

/// A core's answer of which the body is still to be read: nothing of it has been judged.
#[derive(Debug)]
pub struct OpenAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers; those of a coding that is undone are gone.
    pub headers: HeaderMap,
    /// Its body.
    pub body: CoreBody,
}

/// A core's whole answer: nothing of it has been judged.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers; those of a coding that was undone are gone.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Cores {
    /// Over the configured services; answers are judged whole up to `whole_answer_bytes_max`.
    pub fn new(
        services: HashMap<Arc<str>, CoreService>,
        whole_answer_bytes_max: usize,
        clock: Clock,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIME_MAX));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .retry_canceled_requests(false)
            .set_host(false)
            .build(connector);
        Self {
            client,
            services,
            whole_answer_bytes_max,
            clock,
        }
    }

    /// Answers up to this many bytes are judged whole.
    pub fn whole_answer_bytes_max(&self) -> usize {
        self.whole_answer_bytes_max
    }
}

/// What of the request goes on besides what the permit says.
#[derive(Debug)]
pub struct Outbound<'a> {
    /// The canonical path, as it was decided on.
    pub path: &'a str,
    /// The canonical query.
    pub query: String,
    /// The partner's headers, of which only listed ones go on.
    pub headers: &'a HeaderMap,
    /// The media type of the body, with its parameters; none where there is no body.
    pub content_type: Option<String>,
    /// The judged body.
    pub body: Bytes,
}

/// Asks the core. The admission is used up: one admission, one call.
///
/// # Errors
/// `core-unavailable`, `core-timeout`; `response-uninspectable` when its coding is broken.
pub async fn forward(
    exchange: &mut Exchange,
    permit: &Permit,
    _admission: Admission,
    cores: &Cores,
    outbound: Outbound<'_>,
) -> Result<Forwarded, Fault> {
    let name = &permit.operation().service;
    let service = cores.services.get(name).ok_or_else(|| {
        Fault::new(
            Code::CoreUnavailable,
            format!("no core service `{name}` is configured"),
        )
    })?;
    let request = build(exchange, permit, service, outbound)?;
    exchange.executed = Executed::Unknown;
    let deadline = Duration::from_millis(service.answer_milliseconds_max);
    let asked = ask(cores, permit, request);
    let answer = tokio::time::timeout(deadline, asked)
        .await
        .map_err(|_| Fault::new(Code::CoreTimeout, "the core did not answer in time"))?;
    if matches!(&answer, Err(Unanswered::NotConnected(_))) {
        exchange.executed = Executed::No;
    }
    let answer = answer.map_err(Fault::from)?;
    let status = match &answer {
        Forwarded::Whole(answer) => answer.status,
        Forwarded::Open(answer) => answer.status,
    };
    exchange.executed = if status < 400 {
        Executed::Yes
    } else if status < 500 {
        Executed::No
    } else {
        Executed::Unknown
    };
    Ok(answer)
}

/// Why no answer came.
enum Unanswered {
    NotConnected(String),
    Broken(Broken),
    Doubtful(&'static str),
}

impl From<Unanswered> for Fault {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NotConnected(cause) => Self::new(Code::CoreUnavailable, cause),
            Unanswered::Broken(broken) => broken.into(),
            Unanswered::Doubtful(why) => Self::new(
                Code::ResponseUninspectable,
                format!("where the core's answer ends is in doubt: {why}"),
            ),
        }
    }
}

async fn ask(
    cores: &Cores,
    permit: &Permit,
    mut request: Request<Full<Bytes>>,
) -> Result<Forwarded, Unanswered> {
    let connection = capture_connection(&mut request);
    let response = cores.client.request(request).await.map_err(|error| {
        let cause = format!("core: {error}");
        if error.is_connect() {
            Unanswered::NotConnected(cause)
        } else {
            Unanswered::Broken(Broken::Off(cause))
        }
    })?;
    let (parts, incoming) = response.into_parts();
    if let Some(why) = framing::doubt(parts.version, parts.status, &parts.headers) {
        // What follows on this connection could be taken for the answer to another request.
        if let Some(connection) = connection.connection_metadata().as_ref() {
            connection.poison();
        }
        return Err(Unanswered::Doubtful(why));
    }
    let (status, mut headers) = (parts.status.as_u16(), parts.headers);
    let is_gzip = undo_coding(&mut headers);
    let mut body = CoreBody::new(incoming, is_gzip, cores.clock.clone());
    if !is_document(permit, status) {
        let whole = body.whole(cores.whole_answer_bytes_max).await;
        if let Some(body) = whole.map_err(Unanswered::Broken)? {
            return Ok(Forwarded::Whole(Answer {
                status,
                headers,
                body,
            }));
        }
    }
    Ok(Forwarded::Open(OpenAnswer {
        status,
        headers,
        body,
    }))
}

/// Whether the body is coded in the one way that is undone. Any other stays named in the headers, where
/// it is refused.
fn undo_coding(headers: &mut HeaderMap) -> bool {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let is_gzip = match (codings.next(), codings.next()) {
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"gzip"),
        _ => false,
    };
    if is_gzip {
        headers.remove(header::CONTENT_ENCODING);
    }
    is_gzip
}

/// Documents are passed on unopened, so none is held whole.
fn is_document(permit: &Permit, status: u16) -> bool {
    let mut answers = permit.operation().answers.iter();
    let listed = answers.find(|answer| answer.status == status);
    listed.is_some_and(|listed| matches!(listed.body, Body::Document { .. }))
}

fn build(
    exchange: &Exchange,
    permit: &Permit,
    service: &CoreService,
    outbound: Outbound<'_>,
) -> Result<Request<Full<Bytes>>, Fault> {
    let unbuildable =
        |error: http::Error| Fault::new(Code::CoreUnavailable, format!("cannot ask: {error}"));
    let mark = if outbound.query.is_empty() { "" } else { "?" };
    let target = format!(
        "{}{}{mark}{}",
        service.base_url, outbound.path, outbound.query
    );
    let uri: Uri = target
        .parse()
        .map_err(|error: http::uri::InvalidUri| unbuildable(error.into()))?;
    let mut headers = HeaderMap::new();
    if let Some(authority) = uri.authority() {
        set(&mut headers, header::HOST, authority.as_str());
    }
    allow_listed(&mut headers, permit, outbound.headers);
    if let Some(content_type) = &outbound.content_type {
        set(&mut headers, header::CONTENT_TYPE, content_type);
    }
    set(&mut headers, header::ACCEPT, expected_media_type(permit));
    set(&mut headers, header::ACCEPT_ENCODING, "identity");
    set(&mut headers, header::USER_AGENT, "covenant");
    set(
        &mut headers,
        HeaderName::from_static("request-id"),
        &exchange.id.to_string(),
    );
    set(
        &mut headers,
        HeaderName::from_static("traceparent"),
        &exchange.trace.outgoing(),
    );
    let partner = permit.partner().contract().partner.as_str();
    set(&mut headers, HeaderName::from_static("partner-id"), partner);
    if let Some(customer) = permit.customer() {
        set(
            &mut headers,
            HeaderName::from_static("on-behalf-of"),
            &customer.id,
        );
    }
    if let Some(authorization) = &service.authorization {
        set(&mut headers, header::AUTHORIZATION, authorization.reveal());
    }
    // HEAD is asked as GET, so that the answer's headers can be computed from what would leave.
    let method = permit.operation().method.clone();
    let method = if method == Method::HEAD {
        Method::GET
    } else {
        method
    };
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .body(Full::new(outbound.body))
        .map_err(unbuildable)?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Headers of the partner that go on: those the catalogue lists, and one that every core knows. The
/// media type of a body is that of the body as it was read.
fn allow_listed(headers: &mut HeaderMap, permit: &Permit, received: &HeaderMap) {
    let listed = permit.operation().parameters.iter();
    let listed = listed.filter(|parameter| parameter.place == Place::Header);
    let names = listed.filter_map(|parameter| HeaderName::try_from(&*parameter.name).ok());
    let always = HeaderName::from_static("idempotency-key");
    for name in names
        .chain([always])
        .filter(|name| *name != header::CONTENT_TYPE)
    {
        if let Some(value) = received.get(&name) {
            headers.insert(name, value.clone());
        }
    }
}

fn expected_media_type(permit: &Permit) -> &str {
    let bodies = permit.operation().answers.iter().map(|answer| &answer.body);
    bodies
        .filter_map(|body| match body {
            Body::Data { media_type, .. }
            | Body::Document { media_type, .. }
            | Body::Uninspectable { media_type } => Some(&**media_type),
            Body::Empty => None,
        })
        .next()
        .unwrap_or("application/json")
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
