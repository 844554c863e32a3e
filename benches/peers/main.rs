//! What the gateway costs beside those whom an operator would take instead: HAProxy with `jwt_verify` and a
//! stick table, Envoy with `jwt_authn` and `local_ratelimit` (with its cache of tokens too), nginx, which
//! only forwards. The gateway is `covenant serve`, with all its duties, a durable record on the disk among
//! them, which no peer has; the log goes nowhere, as theirs do.
//!
//! Each is a process of its own with one worker, on the first core of the machine; partners and the core
//! service, in this process, have the second one. All have the same certificates, demand the partner's, and
//! get the same request, with the same RS256 token, for the same small job. They take turns in rounds.
//! Measured is the CPU that the kernel counts for the process:
//!
//! - of a request over 64 connections that stay;
//! - of a new connection: a full handshake, and one request;
//!
//! and memory (`Pss`) before and with 2,000 connections that have asked once and stay.
//!
//! `cargo bench --bench peers` takes about a minute; `-- requests`, `-- connections` or `-- memory` measures only
//! that, for a profile; with `-- --test` each answers a few requests, and
//! nothing is printed but who is missing. A peer that is not installed is left out: programs are looked for
//! in `PATH`, or where `HAPROXY`, `NGINX` and `ENVOY` say; `COVENANT` names another build of the gateway.

mod configurations;
mod contestant;
#[path = "../request/core.rs"]
mod core;
mod credentials;
mod load;
#[path = "../request/stage.rs"]
mod stage;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use covenant::clock::Clock;
use covenant::demo::core::World;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Builder;

use self::contestant::Contestant;
use self::credentials::Credentials;
use self::load::{Amount, Cell, Partners};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const CONTESTANTS_CORE: &str = "0";
const PARTNERS_CORE: &str = "1";
const ROUNDS: usize = 7;
const AMOUNT: Amount = Amount {
    connections: 64,
    requests: 64,
    newcomers: 16,
    visits: 16,
    idle: 2_000,
    rest: Duration::from_secs(4),
};
const QUICK: Amount = Amount {
    connections: 4,
    requests: 2,
    newcomers: 2,
    visits: 1,
    idle: 8,
    rest: Duration::from_millis(50),
};
/// Sockets of partners and core, at the most.
const FILES_MAX: u64 = 16_384;
/// A rate and budgets that the bench does not reach.
const POLICIES_CHANGED: &[(&str, &[(&str, &str)])] = &[(
    "partners/acme.yaml",
    &[
        ("requests_per_minute: 6000", "requests_per_minute: 60000"),
        ("customers_per_day: 500", "customers_per_day: 5000"),
    ],
)];

/// What is measured.
#[derive(Clone, Copy)]
struct Only {
    requests: bool,
    connections: bool,
    memory: bool,
}

impl Only {
    /// What the arguments name, or everything.
    fn of(arguments: &[String]) -> Self {
        let named = |name: &str| arguments.iter().any(|argument| argument == name);
        let [requests, connections, memory] = ["requests", "connections", "memory"].map(named);
        let all = !(requests || connections || memory);
        Self {
            requests: all || requests,
            connections: all || connections,
            memory: all || memory,
        }
    }
}

/// What one contestant showed.
#[derive(Default)]
struct Shown {
    requests: Cell,
    connections: Cell,
    kibibytes_before: u64,
    kibibytes_idle: u64,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let quick = arguments.iter().any(|argument| argument == "--test");
    let only = Only::of(&arguments);
    if !contestant::leave_core(PARTNERS_CORE)? {
        println!(
            "no core of their own for the contestants: `taskset` is missing, or a second core"
        );
    }
    let files = Rlimit {
        current: Some(FILES_MAX),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, files)?;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (field, shown) = runtime.block_on(compare(folder.path(), quick, only))?;
    if !quick {
        print(&field, &shown);
    }
    Ok(())
}

/// Everyone, in rounds, each round in another order.
async fn compare(
    folder: &Path,
    quick: bool,
    only: Only,
) -> Result<(Vec<Contestant>, Vec<Shown>), Failure> {
    let field = start(folder).await?;
    let target = stage::job_target(&World::invent(), stage::PARTNER)?;
    let partners = Partners {
        directory: folder,
        target: &target,
        amount: if quick { QUICK } else { AMOUNT },
    };
    let mut shown: Vec<Shown> = field.iter().map(|_| Shown::default()).collect();
    for (contestant, shown) in field.iter().zip(&mut shown) {
        if only.memory {
            idle(contestant, &partners, shown).await?;
        }
    }
    // Only now, so that none is idle for longer than the gateway lets it.
    let mut sides = Vec::new();
    for contestant in &field {
        let connections = partners.amount.connections;
        sides.push(partners.connect(contestant, connections).await?);
    }
    for round in 0..if quick { 1 } else { ROUNDS } {
        for place in 0..field.len() {
            let place = (place + round) % field.len();
            let (Some(contestant), Some(side)) = (field.get(place), sides.get_mut(place)) else {
                continue;
            };
            let Some(shown) = shown.get_mut(place) else {
                continue;
            };
            if only.requests {
                partners.ask(contestant, side, &mut shown.requests).await?;
            }
            if only.connections {
                partners.visit(contestant, &mut shown.connections).await?;
            }
        }
    }
    Ok((field, shown))
}

/// The gateway, and whichever peers there are, before one core.
async fn start(folder: &Path) -> Result<Vec<Contestant>, Failure> {
    let stage = stage::prepare(folder, Clock::system()).await?;
    let credentials = Credentials::write(folder, &stage.config)?;
    let core = core::start(stage.answers.clone()).await?;
    let path = folder.join("covenant.toml");
    let mut text = fs::read_to_string(&path)?;
    for service in stage.config.services.values() {
        text = text.replace(&service.base_url, &format!("http://{core}"));
    }
    // A disk that others keep busy is not to end the bench.
    text = text.replace("[ledger]", "[ledger]\nwait_milliseconds_max = 20000");
    fs::write(&path, text)?;
    let address: SocketAddr = stage.config.gateway.listen;
    let mut field = vec![contestant::covenant(folder, address)?];
    field.extend(contestant::peers(folder, core, &credentials)?);
    Ok(field)
}

/// Memory before and with connections that ask nothing.
async fn idle(
    contestant: &Contestant,
    partners: &Partners<'_>,
    shown: &mut Shown,
) -> Result<(), Failure> {
    // What grows once, grows now.
    drop(partners.connect(contestant, 1).await?);
    shown.kibibytes_before = contestant.kibibytes()?;
    let clients = partners.connect(contestant, partners.amount.idle).await?;
    tokio::time::sleep(partners.amount.rest).await;
    shown.kibibytes_idle = contestant.kibibytes()?;
    drop(clients);
    tokio::time::sleep(partners.amount.rest).await;
    Ok(())
}

fn print(field: &[Contestant], shown: &[Shown]) {
    println!(
        "{:<14} {:>12} {:>9} {:>7} {:>13} {:>7} {:>17} {:>9} {:>7}",
        "",
        "CPU µs/req.",
        "req./s",
        "ours/",
        "CPU µs/conn.",
        "ours/",
        "MiB before, idle",
        "KiB/conn.",
        "ours/"
    );
    let Some(ours) = shown.first() else { return };
    for (contestant, shown) in field.iter().zip(shown) {
        let request = shown.requests.cpu_microseconds();
        let connection = shown.connections.cpu_microseconds();
        println!(
            "{:<14} {request:>12.1} {:>9.0} {:>7.2} {connection:>13.0} {:>7.2} {:>8.1} {:>8.1} {:>9.1} {:>7.2}",
            contestant.name,
            shown.requests.per_second(),
            ours.requests.cpu_microseconds() / request,
            ours.connections.cpu_microseconds() / connection,
            shown.kibibytes_before as f64 / 1024.0,
            shown.kibibytes_idle as f64 / 1024.0,
            shown.kibibytes_a_connection(),
            ours.kibibytes_a_connection() / shown.kibibytes_a_connection(),
        );
    }
}

impl Shown {
    fn kibibytes_a_connection(&self) -> f64 {
        let grown = self.kibibytes_idle.saturating_sub(self.kibibytes_before);
        grown as f64 / AMOUNT.idle as f64
    }
}
