//! One server span per request for an OTLP collector, by the HTTP semantic conventions. The span's
//! ids are those of [`TraceContext`], which the core was told, so the span is made when the request
//! is over instead of by `tracing`'s bridge, which would choose ids of its own.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use tokio::runtime::Handle;

use super::{Finished, OTHER_METHOD, TelemetryError, TraceContext};

/// A collector's answer is read up to this size.
const COLLECTOR_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Spans that may wait to be sent; further ones are dropped, for a trace is not worth the memory.
const SPANS_QUEUED_MAX: usize = 2_048;
/// Spans sent at once.
const BATCH_SPANS_MAX: usize = 512;
/// The longest a span waits for others.
const BATCH_DELAY: Duration = Duration::from_secs(5);
/// The longest a collector may take for one batch.
const COLLECTOR_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest the end of the process waits for the last spans to be sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Queues spans and sends them in batches from a thread of the SDK's own.
#[derive(Debug)]
pub(super) struct Spans(BatchSpanProcessor);

impl Spans {
    pub(super) fn start(endpoint: &str) -> Result<Self, TelemetryError> {
        if !endpoint.starts_with("http://") {
            return Err(TelemetryError(format!(
                "`telemetry.otlp_endpoint` is `{endpoint}`; spans are sent by plain http, so name a \
                 collector on this machine, for example `http://127.0.0.1:4318/v1/traces`"
            )));
        }
        let client = CollectorClient {
            runtime: Handle::current(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(endpoint)
            .build()
            .map_err(|error| TelemetryError(error.to_string()))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(SPANS_QUEUED_MAX)
            .with_max_export_batch_size(BATCH_SPANS_MAX)
            .with_scheduled_delay(BATCH_DELAY)
            .build();
        let mut processor = BatchSpanProcessor::builder(exporter)
            .with_batch_config(batches)
            .build();
        processor.set_resource(&Resource::builder().with_service_name("covenant").build());
        Ok(Self(processor))
    }

    /// Sends what is queued and ends the thread. Blocks for [`CLOSE_TIMEOUT`] at most, so it must not
    /// be called on a thread of the runtime that does the sending.
    pub(super) fn close(&self) {
        // The SDK itself logs what could not be sent.
        let _ = self.0.shutdown_with_timeout(CLOSE_TIMEOUT);
    }

    pub(super) fn export(&self, finished: &Finished<'_>, trace: &TraceContext) {
        if !trace.is_sampled() {
            return;
        }
        let (Ok(trace_id), Ok(span_id)) = (
            TraceId::from_hex(trace.trace_id()),
            SpanId::from_hex(trace.span_id()),
        ) else {
            return;
        };
        let parent = trace.parent_id().and_then(|id| SpanId::from_hex(id).ok());
        let start_time = SystemTime::from(finished.arrived_at);
        self.0.on_end(SpanData {
            span_context: SpanContext::new(
                trace_id,
                span_id,
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: parent.unwrap_or(SpanId::INVALID),
            parent_span_is_remote: parent.is_some(),
            span_kind: SpanKind::Server,
            name: name(finished).into(),
            start_time,
            end_time: start_time + finished.duration,
            attributes: attributes(finished),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if finished.status >= 500 {
                Status::error("")
            } else {
                Status::Unset
            },
            instrumentation_scope: InstrumentationScope::builder("covenant").build(),
        });
    }
}

/// By the semantic conventions: method and route, or the method alone; `HTTP` for an unknown one.
fn name(finished: &Finished<'_>) -> String {
    let method = match finished.method {
        OTHER_METHOD => "HTTP",
        known => known,
    };
    finished
        .route
        .map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}

/// The names of the semantic conventions for HTTP server spans, and of the gateway's own. `url.path`
/// and `url.query`, which the conventions want too, are left out: they may name a customer.
fn attributes(finished: &Finished<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("http.request.method", finished.method.to_owned()),
        KeyValue::new("http.response.status_code", i64::from(finished.status)),
        KeyValue::new("url.scheme", "https"),
        KeyValue::new("covenant.request_id", finished.request_id.to_owned()),
    ];
    let optional = [
        ("http.route", finished.route),
        ("covenant.partner", finished.partner),
        ("covenant.operation", finished.operation),
        ("covenant.code", finished.code),
        // A refusal is the gateway doing its work; only a 5xx is an error of a server's span.
        (
            "error.type",
            finished.code.filter(|_| finished.status >= 500),
        ),
    ];
    attributes.extend(
        optional
            .iter()
            .filter_map(|(name, value)| Some(KeyValue::new(*name, (*value)?.to_owned()))),
    );
    attributes
}

/// Sends from the SDK's thread by the gateway's runtime and HTTP client.
#[derive(Debug)]
struct CollectorClient {
    runtime: Handle,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), request.map(Full::new));
        let answer = async move {
            let (parts, body) = client.request(request).await?.into_parts();
            let body = Limited::new(body, COLLECTOR_ANSWER_BYTES_MAX)
                .collect()
                .await?;
            Ok::<_, HttpError>(Response::from_parts(parts, body.to_bytes()))
        };
        let answered = self
            .runtime
            .spawn(async move { tokio::time::timeout(COLLECTOR_TIMEOUT, answer).await });
        answered.await??
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::net::TcpListener;

    use super::*;

    /// Keeps the bodies of all requests.
    async fn collect(listener: TcpListener, kept: &'static Mutex<Vec<u8>>) {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(async |request: Request<hyper::body::Incoming>| {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                kept.lock().unwrap().extend_from_slice(&body);
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            });
            let builder = hyper::server::conn::http1::Builder::new();
            // A connection ends when the exporter does.
            let _ended = builder
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn spans_that_nobody_takes_are_dropped_beyond_the_limit_and_never_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let spans = Spans::start(&endpoint).unwrap();
        let finished = Finished {
            request_id: "01981f5e-0000-7000-8000-000000000000",
            arrived_at: jiff::Timestamp::UNIX_EPOCH,
            partner: None,
            method: "GET",
            operation: None,
            route: Some("/needle"),
            status: 200,
            code: None,
            cause: None,
            duration: Duration::ZERO,
            body_bytes: Some(0),
        };
        let trace = TraceContext::continued(None);
        for _ in 0..20_000 {
            spans.export(&finished, &trace);
        }
        static KEPT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
        tokio::spawn(collect(listener, &KEPT));
        let closing = tokio::task::spawn_blocking(move || spans.close());
        closing.await.unwrap();
        let received = memchr::memmem::find_iter(&KEPT.lock().unwrap(), "GET /needle").count();
        let limit = SPANS_QUEUED_MAX + 2 * BATCH_SPANS_MAX;
        assert!((1..=limit).contains(&received), "{received} spans");
    }

    #[test]
    fn an_endpoint_that_could_never_be_reached_is_refused_at_once() {
        let rejected = Spans::start("https://collector.example/v1/traces").unwrap_err();
        assert!(rejected.to_string().contains("plain http"), "{rejected}");
    }
}
