//! What operators see, and what nobody may see there: the real binary with a collector of the test's,
//! every text that a partner, a core or an operator can bring marked, and all output searched.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail loudly, and bounds its waits by the clock"
)]

#[path = "telemetry/canaries.rs"]
mod canaries;
#[path = "telemetry/client.rs"]
mod client;
#[path = "telemetry/collector.rs"]
mod collector;
#[path = "telemetry/evil_core.rs"]
mod evil_core;
#[path = "telemetry/gateway.rs"]
mod gateway;
#[path = "telemetry/keys.rs"]
mod keys;
#[path = "telemetry/openmetrics.rs"]
mod openmetrics;
#[path = "telemetry/outage.rs"]
mod outage;
#[path = "telemetry/traces.rs"]
mod traces;
