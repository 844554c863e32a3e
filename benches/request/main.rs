//! What one request costs from end to end: a partner's kept-alive connection over mutual TLS
//! (HTTP/1.1), the whole gateway as `covenant serve` starts it, a core service that answers from
//! memory, and back. Two answers: a small job (about 300 bytes) and a page of 25 customers, of which
//! e-mail addresses and telephone numbers leave in no form.
//!
//! Three contestants take turns over the same connections, answers and threads:
//!
//! - `hop`: the least that a proxy can do. TLS, hyper in, hyper out, no duty at all;
//! - `in memory`: the gateway, its ledger on a file system in memory, where `fdatasync` is free;
//! - `on disk`: the gateway with its ledger on the disk that the target directory is on.
//!
//! CPU is that of the contestant's own threads, without the partners' and the core's; the kernel tells
//! it in steps of 10 ms, so it is added up over all rounds. `cargo bench --bench request` takes about
//! 20 s; with `-- --test` every contestant answers a few requests and nothing is printed.

mod core;
mod gateway;
mod hop;
mod load;
mod stage;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use covenant::clock::Clock;
use covenant::serve::Running;
use tokio::runtime::{Builder, Runtime};

use self::load::{Cell, Contestant, Load};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Names of threads.
const CONTESTANTS: &str = "contestants";
const PARTNERS: &str = "partners";
const ROUNDS: usize = 5;
/// A rate and budgets that the bench does not reach.
const POLICIES_CHANGED: &[(&str, &[(&str, &str)])] = &[(
    "partners/acme.yaml",
    &[
        ("requests_per_minute: 6000", "requests_per_minute: 60000"),
        ("customers_per_day: 500", "customers_per_day: 5000"),
    ],
)];

/// One worker each, as a two-core machine has it; the ledger has threads of its own besides.
fn runtime(name: &str) -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()
}

fn main() -> Result<(), Failure> {
    let quick = std::env::args().any(|argument| argument == "--test");
    gateway::log_to_nowhere()?;
    let (partners, contestants) = (runtime(PARTNERS)?, runtime(CONTESTANTS)?);
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let memory = tempfile::tempdir_in("/dev/shm")?;
    let (hop, disk_gateway, memory_gateway) =
        contestants.block_on(start(&partners, disk.path(), memory.path()))?;
    let field = [
        Contestant::new("hop", hop, disk.path()),
        Contestant::new("in memory", memory_gateway.gateway_address(), memory.path()),
        Contestant::new("on disk", disk_gateway.gateway_address(), disk.path()),
    ];
    let report = partners.block_on(compare(&field, quick))?;
    if !quick {
        print(&field, &report);
    }
    contestants.block_on(async {
        disk_gateway.stop().await;
        memory_gateway.stop().await;
    });
    Ok(())
}

/// The contestants, before one core that the partners' thread serves.
async fn start(
    partners: &Runtime,
    disk: &Path,
    memory: &Path,
) -> Result<(SocketAddr, Running, Running), Failure> {
    let on_disk = stage::prepare(disk, Clock::system()).await?;
    let in_memory = stage::prepare(memory, Clock::system()).await?;
    let core = core::start(on_disk.answers.clone());
    let core = partners.spawn(core).await??;
    let hop = hop::start(&on_disk.config, core).await?;
    let disk = gateway::start(on_disk, core).await?;
    Ok((hop, disk, gateway::start(in_memory, core).await?))
}

const LOADS: [Load; 4] = [
    Load::new("job, one at a time", stage::JOB, 1, 150),
    Load::new("job, 64 at once", stage::JOB, 64, 2_048),
    Load::new("page, one at a time", stage::PAGE, 1, 150),
    Load::new("page, 64 at once", stage::PAGE, 64, 2_048),
];

/// Every load with every contestant, in rounds, each round in another order.
async fn compare(field: &[Contestant], quick: bool) -> Result<Vec<Vec<Cell>>, Failure> {
    let mut report = Vec::new();
    for load in LOADS {
        let load = if quick { load.shortened() } else { load };
        let mut cells: Vec<Cell> = field.iter().map(|_| Cell::default()).collect();
        let mut sides = Vec::new();
        for contestant in field {
            sides.push(load.connect(contestant).await?);
        }
        for round in 0..if quick { 1 } else { ROUNDS } {
            for place in 0..field.len() {
                let place = (place + round) % field.len();
                if let (Some(side), Some(cell)) = (sides.get_mut(place), cells.get_mut(place)) {
                    load.run(side, cell).await?;
                }
            }
        }
        report.push(cells);
    }
    Ok(report)
}

fn print(field: &[Contestant], report: &[Vec<Cell>]) {
    println!(
        "{:<20} {:<10} {:>9} {:>9} {:>11} {:>12} {:>7}",
        "", "", "p50 µs", "p99 µs", "requests/s", "CPU µs/req.", "of hop"
    );
    for (load, cells) in LOADS.iter().zip(report) {
        let hop = cells.first().map_or(0.0, Cell::cpu_microseconds);
        for (contestant, cell) in field.iter().zip(cells) {
            let [median, late] = [0.5, 0.99].map(|part| micros(cell.percentile(part)));
            println!(
                "{:<20} {:<10} {median:>9} {late:>9} {:>11.0} {:>12.0} {:>7.2}",
                load.name,
                contestant.name,
                cell.requests_per_second(),
                cell.cpu_microseconds(),
                cell.cpu_microseconds() / hop,
            );
        }
    }
}

fn micros(duration: Duration) -> u128 {
    duration.as_micros()
}
