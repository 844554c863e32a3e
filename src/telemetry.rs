//! What operators see: one structured line per request, counters for Prometheus, spans for an OTLP
//! collector, W3C trace context in and out. Never personal data, a token, a key, a raw path or a
//! header of the partner: what may be said about a request is exactly the fields of [`Finished`].
//!
//! Not evidence: lines and spans may be lost, and nothing waits for them. The ledger is the record.

mod lines;
pub mod metrics;
#[cfg(feature = "telemetry")]
mod spans;
mod trace;

use std::panic::PanicHookInfo;
#[cfg(feature = "telemetry")]
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing_subscriber::EnvFilter;

pub use metrics::Metrics;
pub use trace::TraceContext;

use crate::config::TelemetrySettings;

/// Stands for every method that is not of the closed list (semantic conventions, HTTP).
const OTHER_METHOD: &str = "_OTHER";

/// What may be said about a request that is over.
#[derive(Clone, Debug)]
pub struct Finished<'a> {
    /// Its id.
    pub request_id: &'a str,
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// The partner, once known.
    pub partner: Option<&'a str>,
    /// Method as sent; whatever is not a well-known one is told as `_OTHER`.
    pub method: &'a str,
    /// The operation, once known: never the path, which may name a customer.
    pub operation: Option<&'a str>,
    /// The operation's path template, for example `/v1/jobs/{job_id}`.
    pub route: Option<&'a str>,
    /// Status sent.
    pub status: u16,
    /// Code of the refusal or fault.
    pub code: Option<&'a str>,
    /// What broke, for the operator.
    pub cause: Option<&'a str>,
    /// From arrival to answer.
    pub duration: Duration,
    /// Bytes of the answer's body; unknown where it streams: its closing entry says how many left.
    pub body_bytes: Option<u64>,
}

/// Exports spans, where an endpoint is configured. [`Telemetry::close`] sends what is left.
#[derive(Debug, Default)]
pub struct Telemetry {
    #[cfg(feature = "telemetry")]
    spans: Option<Arc<spans::Spans>>,
}

/// Telemetry cannot start as configured.
#[derive(Debug, thiserror::Error)]
#[error("telemetry cannot start: {0}")]
pub struct TelemetryError(String);

impl Telemetry {
    /// Starts the span exporter, where one is configured. Must be called within the tokio runtime.
    ///
    /// # Errors
    /// When the endpoint is not an URL, or this build cannot export.
    pub fn start(settings: &TelemetrySettings) -> Result<Self, TelemetryError> {
        #[cfg(feature = "telemetry")]
        return Ok(Self {
            spans: settings
                .otlp_endpoint
                .as_deref()
                .map(spans::Spans::start)
                .transpose()?
                .map(Arc::new),
        });
        #[cfg(not(feature = "telemetry"))]
        match &settings.otlp_endpoint {
            None => Ok(Self::default()),
            Some(_) => Err(TelemetryError(
                "this build has no OTLP exporter; build it with the feature `telemetry`".into(),
            )),
        }
    }

    /// Writes the line, counts, and exports the span of one request.
    pub fn finish(&self, finished: &Finished<'_>, trace: &TraceContext, metrics: &Metrics) {
        let finished = &Finished {
            method: told_method(finished.method),
            ..finished.clone()
        };
        metrics.finished(finished);
        tracing::info!(
            target: "covenant::request",
            request_id = finished.request_id,
            trace_id = trace.trace_id(),
            partner = finished.partner,
            method = finished.method,
            operation = finished.operation,
            status = finished.status,
            code = finished.code,
            cause = finished.cause,
            duration_us = u64::try_from(finished.duration.as_micros()).unwrap_or(u64::MAX),
            body_bytes = finished.body_bytes,
            "request"
        );
        #[cfg(feature = "telemetry")]
        if let Some(spans) = &self.spans {
            spans.export(finished, trace);
        }
    }

    /// Sends the spans that wait, for a few seconds at most. Spans of later requests are lost.
    pub async fn close(&self) {
        #[cfg(feature = "telemetry")]
        if let Some(spans) = &self.spans {
            let spans = Arc::clone(spans);
            // An error is a panic of the exporter, which the process is about to end anyway.
            let _ = tokio::task::spawn_blocking(move || spans.close()).await;
        }
    }
}

/// The method as semantic conventions tell it: anyone can send any word, and none of theirs may reach
/// the log, or make a kind of span of its own.
fn told_method(method: &str) -> &str {
    const KNOWN: [&str; 9] = [
        "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
    ];
    if KNOWN.contains(&method) {
        method
    } else {
        OTHER_METHOD
    }
}

/// Sends this process's log to standard error as JSON lines, in ASCII; panics too. A line that cannot
/// be written, as on a full disk, is lost: complaining about it, to the same place, would end the
/// request in a panic.
///
/// # Errors
/// When the filter cannot be read, or a subscriber stands already.
pub fn start_log(settings: &TelemetrySettings) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| TelemetryError(format!("`telemetry.log`: {error}")))?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .log_internal_errors(false)
        .with_writer(|| lines::Ascii(std::io::stderr()))
        .with_env_filter(filter)
        .try_init()
        .map_err(|error| TelemetryError(error.to_string()))?;
    std::panic::set_hook(Box::new(report_panic));
    Ok(())
}

/// A panic's message may quote what was being worked on, so only its place is told.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place, "a mistake in the program ended a task");
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_panic_is_told_by_its_place_and_not_by_its_words() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_writer(Mutex::new(writer))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(report_panic));
            let panicked = std::panic::catch_unwind(|| panic!("canary@example.org"));
            std::panic::set_hook(before);
            assert!(panicked.is_err());
        });
        let mut line = String::new();
        reader.read_to_string(&mut line).unwrap();
        assert!(line.contains("src/telemetry.rs:"), "{line}");
        assert!(!line.contains("canary"), "{line}");
    }

    #[test]
    fn a_word_of_the_callers_own_is_no_method_in_the_log() {
        assert_eq!(told_method("GET"), "GET");
        for other in ["get", "SECRET-TOKEN", "REFUSED", ""] {
            assert_eq!(told_method(other), "_OTHER");
        }
    }
}
