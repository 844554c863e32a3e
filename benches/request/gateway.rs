//! The gateway in the bench's own process.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use covenant::clock::Clock;
use covenant::serve::Running;

use super::Failure;
use super::stage::Stage;

/// A disk that others keep busy makes figures worse, and does not end the run.
const RECORD_MILLISECONDS_MAX: u32 = 30_000;

/// The gateway, as `covenant serve` starts it, before the core at `core`.
pub(crate) async fn start(stage: Stage, core: SocketAddr) -> Result<Running, Failure> {
    let mut config = stage.config;
    for service in config.services.values_mut() {
        service.base_url = format!("http://{core}");
    }
    config.ledger.wait_milliseconds_max = RECORD_MILLISECONDS_MAX;
    Ok(Running::start(&config, Clock::system()).await?)
}

/// The line of each request is written, in full, to where it costs no disk.
pub(crate) fn log_to_nowhere() -> Result<(), Failure> {
    let nowhere = fs::OpenOptions::new().write(true).open("/dev/null")?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_writer(Arc::new(nowhere))
        .try_init()
}
