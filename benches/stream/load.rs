//! What the partner asks for: exports, of which it keeps nothing, and small requests beside them.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use covenant::clock::Clock;
use covenant::demo::client::PartnerClient;
use covenant::demo::core::World;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;

use super::{Failure, stage};

const EXPORT: &str = "/bench/export";
const SMALL_AT_ONCE: usize = 4;

/// How fast an export is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As fast as it comes.
    Full,
    /// At so many bytes a second, as a partner's line has them.
    Line(u32),
}

impl Pace {
    /// Waits until so many `bytes` may have come since `begun`.
    async fn hold(self, begun: Instant, bytes: u64) {
        let Self::Line(rate) = self else { return };
        let due = begun + Duration::from_secs_f64(bytes as f64 / f64::from(rate));
        tokio::time::sleep_until(due.into()).await;
    }
}

/// A large answer of the gateway's; how many bytes of it left.
pub(crate) async fn export(folder: &Path, gateway: SocketAddr, pace: Pace) -> Result<u64, Failure> {
    let client = PartnerClient::connect(folder, stage::PARTNER, gateway).await;
    let mut client = client.map_err(|error| error.to_string())?;
    let begun = Clock::system().instant();
    let each = async |bytes| pace.hold(begun, bytes).await;
    let drained = client.drain(EXPORT, stage::PURPOSE, each).await;
    let (status, bytes) = drained.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("the export was answered {status}").into());
    }
    Ok(bytes)
}

/// The same straight from the core, past the gateway: what reading and sending it does to a machine
/// that both ends share.
pub(crate) async fn export_past_it(core: SocketAddr, pace: Pace) -> Result<u64, Failure> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = http::Request::get(format!("http://{core}{EXPORT}")).body(Empty::new())?;
    let mut body = client.request(request).await?.into_body();
    let (begun, mut bytes) = (Clock::system().instant(), 0);
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, Bytes::len) as u64;
        pace.hold(begun, bytes).await;
    }
    Ok(bytes)
}

/// Small requests, a few at once; how long each took.
pub(crate) async fn small(
    folder: &Path,
    gateway: SocketAddr,
    requests: usize,
) -> Result<Vec<Duration>, Failure> {
    let target = stage::job_target(&World::invent(), stage::PARTNER)?;
    let mut asking = JoinSet::new();
    for _ in 0..SMALL_AT_ONCE {
        let client = PartnerClient::connect(folder, stage::PARTNER, gateway).await;
        let mut client = client.map_err(|error| error.to_string())?;
        let (target, clock) = (target.clone(), Clock::system());
        asking.spawn(async move {
            let mut latencies = Vec::new();
            for _ in 0..requests / SMALL_AT_ONCE {
                let asked = clock.instant();
                let answer = client.get(&target, stage::PURPOSE).await;
                let answer = answer.map_err(|error| error.to_string())?;
                if !answer.status.is_success() {
                    return Err(format!("a job was answered {}", answer.status));
                }
                latencies.push(clock.instant().duration_since(asked));
            }
            Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(asked) = asking.join_next().await {
        latencies.extend(asked??);
    }
    Ok(latencies)
}

/// Small requests while `large` goes on, again and again.
pub(crate) async fn beside<Large: Future<Output = Result<u64, Failure>>>(
    large: impl Fn() -> Large,
    small: impl Future<Output = Result<Vec<Duration>, Failure>>,
) -> Result<Vec<Duration>, Failure> {
    let again = async {
        loop {
            if let Err(failure) = large().await {
                return failure;
            }
        }
    };
    tokio::select! {
        failure = again => Err(failure),
        latencies = small => latencies,
    }
}
