//! A large answer through the whole gateway, as `covenant serve` starts it, over mutual TLS: how much
//! resident memory it costs, and what small requests beside it take. The core makes the export while it
//! sends it and the partner throws it away, so that all memory that grows is the gateway's (and what
//! hyper holds at both ends). One stream goes ahead to warm up what grows once.
//!
//! `cargo bench --bench stream` takes about a minute; with `-- --test` everything is small and nothing
//! is printed.

mod core;
#[path = "../request/gateway.rs"]
mod gateway;
mod policies;
#[path = "../request/stage.rs"]
mod stage;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use covenant::clock::Clock;
use covenant::demo::client::PartnerClient;
use covenant::demo::core::World;
use tokio::runtime::{Builder, Runtime};

use self::policies::POLICIES_CHANGED;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const EXPORT: &str = "/bench/export";
const EXPORT_BYTES: u64 = 100 << 20;
const SMALL_REQUESTS: usize = 3_000;
const SMALL_AT_ONCE: usize = 4;
fn runtime(name: &str) -> std::io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()
}

fn main() -> Result<(), Failure> {
    let quick = std::env::args().any(|argument| argument == "--test");
    gateway::log_to_nowhere()?;
    let (around, gateway) = (runtime("around")?, runtime("gateway")?);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (bytes, requests) = if quick {
        (8 << 20, 40)
    } else {
        (EXPORT_BYTES, SMALL_REQUESTS)
    };
    let running = gateway.block_on(async {
        let stage = stage::prepare(folder.path(), Clock::system()).await?;
        let customers = World::invent();
        let customers = customers.customers_of(Some(stage::PARTNER));
        let ids = customers.map(|one| one.id.clone()).take(400).collect();
        let core = core::start(stage.answers.clone(), ids, bytes);
        let core = around.spawn(core).await??;
        gateway::start(stage, core).await
    })?;
    let address = running.gateway_address();
    let measured = around.block_on(measure(folder.path(), address, requests))?;
    if !quick {
        measured.print();
    }
    gateway.block_on(running.stop());
    Ok(())
}

struct Measured {
    bytes: u64,
    elapsed: Duration,
    grown_kibibytes: u64,
    alone: Duration,
    beside: Duration,
}

impl Measured {
    fn print(&self) {
        let mebibytes = self.bytes as f64 / f64::from(1 << 20);
        println!(
            "{mebibytes:.0} MiB left in {:.1} s ({:.0} MiB/s); resident memory grew by {} KiB",
            self.elapsed.as_secs_f64(),
            mebibytes / self.elapsed.as_secs_f64(),
            self.grown_kibibytes
        );
        println!(
            "p99 of small requests: {} µs alone, {} µs beside it, ratio {:.2}",
            self.alone.as_micros(),
            self.beside.as_micros(),
            self.beside.as_secs_f64() / self.alone.as_secs_f64()
        );
    }
}

async fn measure(folder: &Path, address: SocketAddr, requests: usize) -> Result<Measured, Failure> {
    let clock = Clock::system();
    export(folder, address).await?;
    small(folder, address, requests).await?;
    let alone = small(folder, address, requests).await?;
    let (before, begun) = (resident_kibibytes("VmRSS:")?, clock.instant());
    // From here on the high-water mark is that of this stream.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let bytes = export(folder, address).await?;
    let elapsed = clock.instant().duration_since(begun);
    let grown = resident_kibibytes("VmHWM:")?.saturating_sub(before);
    let (directory, large) = (
        folder.to_owned(),
        async move |directory: std::path::PathBuf| {
            loop {
                export(&directory, address).await?;
            }
            #[expect(unreachable_code, reason = "the type of an endless loop's error")]
            Ok::<(), Failure>(())
        },
    );
    let beside = tokio::select! {
        ended = large(directory) => return Err(ended.err().unwrap_or_else(|| "no export".into())),
        beside = small(folder, address, requests) => beside?,
    };
    Ok(Measured {
        bytes,
        elapsed,
        grown_kibibytes: grown,
        alone,
        beside,
    })
}

/// One large answer; how many bytes of it left.
async fn export(folder: &Path, address: SocketAddr) -> Result<u64, Failure> {
    let client = PartnerClient::connect(folder, stage::PARTNER, address).await;
    let mut client = client.map_err(|error| error.to_string())?;
    let drained = client.drain(EXPORT, stage::PURPOSE).await;
    let (status, bytes) = drained.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("the export was answered {status}").into());
    }
    Ok(bytes)
}

/// Small requests, a few at once; their p99.
async fn small(folder: &Path, address: SocketAddr, requests: usize) -> Result<Duration, Failure> {
    let target = stage::job_target(&World::invent(), stage::PARTNER)?;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..SMALL_AT_ONCE {
        let client = PartnerClient::connect(folder, stage::PARTNER, address).await;
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
    latencies.sort_unstable();
    let place = latencies.len() * 99 / 100;
    latencies
        .get(place)
        .copied()
        .ok_or_else(|| "no request".into())
}

/// What the kernel says of this process's memory.
fn resident_kibibytes(field: &str) -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no such field")?.parse()?)
}
