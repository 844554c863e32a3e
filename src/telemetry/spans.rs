//! One server span per request for an OTLP collector, by the HTTP semantic conventions. The span's
//! ids are those of [`TraceContext`], which the core was told, so the span is made when the request
//! is over instead of by `tracing`'s bridge, which would choose ids of its own.

use std::time::SystemTime;

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
    BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use tokio::runtime::Handle;

use super::{Finished, TelemetryError, TraceContext};

/// A collector's answer is read up to this size.
const COLLECTOR_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Queues spans and sends them in batches from a thread of the SDK's own.
#[derive(Debug)]
pub(super) struct Spans(BatchSpanProcessor);

impl Spans {
    pub(super) fn start(endpoint: &str) -> Result<Self, TelemetryError> {
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
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&Resource::builder().with_service_name("covenant").build());
        Ok(Self(processor))
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
            name: format!("{} {}", finished.method, finished.route.unwrap_or("-")).into(),
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

/// The names of the semantic conventions for HTTP server spans, and of the gateway's own.
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
        ("error.type", finished.code),
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
        let answered = self.runtime.spawn(async move {
            let (parts, body) = client.request(request).await?.into_parts();
            let body = Limited::new(body, COLLECTOR_ANSWER_BYTES_MAX)
                .collect()
                .await?;
            Ok::<_, HttpError>(Response::from_parts(parts, body.to_bytes()))
        });
        answered.await?
    }
}
