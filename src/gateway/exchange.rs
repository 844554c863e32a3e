//! What is known of one request while it travels through the stages: enough to log it, to refuse it
//! and to put it on record, wherever it ends. Holds no customer data and no credential.

use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::catalogue::RefusalForm;
use crate::entry::{RequestFacts, Shadowed};
use crate::refusal::Executed;
use crate::telemetry::TraceContext;
use crate::terms::{RequestId, Thumbprint};

/// Room for headers of a usual answer.
const HEADERS_USUAL: usize = 12;

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange {
    /// Its id.
    pub id: RequestId,
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// When it arrived, for durations.
    pub started: Instant,
    /// When the time for its answer begins: with its arrival, but for what its body takes to come.
    pub due_from: Instant,
    /// The trace it belongs to.
    pub trace: TraceContext,
    /// Whether the core carried the call out.
    pub executed: Executed,
    /// The client certificate that was shown and stands: only then are refusals put on record.
    pub shown: Option<Thumbprint>,
    /// Log index of its intent, where it changes something.
    pub intent: Option<u64>,
    /// What came to be by it, as the entry says it: `job:job_1`.
    pub created: Option<String>,
    /// What the ledger will say about it.
    pub facts: RequestFacts,
    /// What a set in the shadow would have decided otherwise.
    pub shadowed: Option<Shadowed>,
    /// Path template of the operation, for telemetry.
    pub route: Option<std::sync::Arc<str>>,
    /// How its refusals are written from here on, where its operation has a form of its own.
    pub refusal_form: Option<std::sync::Arc<RefusalForm>>,
    /// Headers that every further answer carries: rate, budget, policy.
    pub headers: http::HeaderMap,
}

impl Exchange {
    /// Begins with a request that arrived now.
    pub fn begin(arrived_at: Timestamp, started: Instant, trace: TraceContext) -> Self {
        let id = RequestId::new(arrived_at);
        let facts = RequestFacts {
            request_id: id.to_string(),
            trace_id: Some(trace.trace_id().to_owned()),
            ..RequestFacts::default()
        };
        Self {
            id,
            arrived_at,
            started,
            due_from: started,
            trace,
            executed: Executed::No,
            shown: None,
            intent: None,
            created: None,
            shadowed: None,
            facts,
            route: None,
            refusal_form: None,
            headers: http::HeaderMap::with_capacity(HEADERS_USUAL),
        }
    }

    /// The UTC day it falls on: budgets' windows and exceptions of contracts end with it.
    pub fn today(&self) -> Date {
        self.arrived_at.to_zoned(TimeZone::UTC).date()
    }

    /// Adds a header to every further answer. A value that cannot be one is left out.
    pub fn set_header(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = http::HeaderValue::from_str(value) {
            self.headers
                .insert(http::HeaderName::from_static(name), value);
        }
    }
}
