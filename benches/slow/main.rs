//! Slow clients against the whole gateway, as `covenant serve` starts it in a process of its own: 300
//! connections of one kind at a time, all of one partner, while another partner asks for a small job over and
//! over. Told of each kind is when the last of its connections ended, counted from when all of them were slow;
//! the p99 of the good requests meanwhile; and by how much the resident memory of the gateway's process grew. A
//! limit that is missed fails the run: 15 s, 250 ms, 64 MiB, and every good request answered.
//!
//! `cargo bench --bench slow` takes about two minutes; with `-- --test` there are a few connections of the
//! quickest kind, and nothing is printed.

mod callers;
#[path = "../stream/core.rs"]
mod core;
#[path = "../request/gateway.rs"]
mod gateway;
#[path = "../stream/policies.rs"]
mod policies;
#[path = "../request/stage.rs"]
mod stage;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use covenant::clock::Clock;
use covenant::demo::client::PartnerClient;
use covenant::demo::core::World;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use self::callers::{Callers, Kind};
use self::policies::POLICIES_CHANGED;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const EXPORT: &str = "/bench/export";
const EXPORT_BYTES: u64 = 32 << 20;
const OF_EACH_KIND: usize = 300;
const ENDED_MAX: Duration = Duration::from_secs(15);
const P99_MAX: Duration = Duration::from_millis(250);
const GROWTH_KIBIBYTES_MAX: u64 = 64 << 10;
const IDLE_SECONDS_MAX: u32 = 5;
/// Between two good requests.
const PAUSE: Duration = Duration::from_millis(5);
/// Between two looks at what still stands.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// What makes this program the gateway: folder and core follow.
const GATEWAY: &str = "--be-the-gateway";

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, folder, core] = &*arguments
        && mode == GATEWAY
    {
        return be_the_gateway(Path::new(folder), core.parse()?);
    }
    let quick = arguments.iter().any(|argument| argument == "--test");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    runtime()?.block_on(measure(folder.path(), quick))
}

/// Runs until its input ends.
fn be_the_gateway(folder: &Path, core: SocketAddr) -> Result<(), Failure> {
    gateway::log_to_nowhere()?;
    runtime()?.block_on(async {
        let mut mistakes = covenant::mistakes::Mistakes::new();
        let path = folder.join("covenant.toml");
        let config = covenant::config::Config::load(&path, &mut mistakes);
        let mut config = config.ok_or("the configuration has mistakes")?;
        // Most are refused, having taken their partner's places; they are idle then, and end by this.
        config.limits.idle_seconds_max = IDLE_SECONDS_MAX;
        let answers = std::sync::Arc::default();
        let running = gateway::start(stage::Stage { config, answers }, core).await?;
        println!("{}", running.gateway_address());
        std::io::stdout().flush()?;
        let input = tokio::task::spawn_blocking(|| std::io::stdin().lines().count());
        input.await?;
        running.stop().await;
        Ok(())
    })
}

/// The gateway's process, ended with this.
struct Gateway {
    process: Child,
    address: SocketAddr,
}

impl Gateway {
    fn start(folder: &Path, core: SocketAddr) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(GATEWAY)
            .arg(folder)
            .arg(core.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse()?;
        Ok(Self { process, address })
    }

    /// What the kernel says of its memory; the high-water mark begins anew.
    fn kibibytes(&self, field: &str) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.ok_or("no such field")?.parse()?)
    }

    fn begin_high_water_mark(&self) -> Result<(), Failure> {
        let path = format!("/proc/{}/clear_refs", self.process.id());
        Ok(std::fs::write(path, "5")?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It stops by itself; what it says at the end is of no interest.
        let _ = self.process.wait();
    }
}

async fn measure(folder: &Path, quick: bool) -> Result<(), Failure> {
    let prepared = stage::prepare(folder, Clock::system()).await?;
    let customers = World::invent();
    let customers = customers.customers_of(Some(stage::PARTNER));
    let ids = customers.map(|one| one.id.clone()).take(400).collect();
    let core = core::start(prepared.answers.clone(), ids, EXPORT_BYTES).await?;
    let gateway = Gateway::start(folder, core)?;
    let (count, kinds) = if quick {
        (8, &Kind::ALL[..1])
    } else {
        (OF_EACH_KIND, &Kind::ALL[..])
    };
    let callers = Callers::new(folder, gateway.address)?;
    // What grows once, grows now.
    good(folder, gateway.address, Duration::from_secs(1)).await?;
    let mut missed = 0;
    for kind in kinds {
        let told = of_kind(&gateway, &callers, *kind, count, folder).await?;
        missed += u32::from(!told.holds());
        if !quick {
            told.print(*kind);
        }
    }
    if missed > 0 {
        return Err(format!("{missed} kinds of slow clients do more than they may").into());
    }
    Ok(())
}

struct Told {
    ended: Duration,
    p99: Duration,
    requests: usize,
    grown_kibibytes: u64,
}

impl Told {
    fn holds(&self) -> bool {
        self.ended <= ENDED_MAX
            && self.p99 <= P99_MAX
            && self.grown_kibibytes <= GROWTH_KIBIBYTES_MAX
    }

    fn print(&self, kind: Kind) {
        println!(
            "{:<24} ended within {:>5.1} s   good p99 {:>6.1} ms of {:>5}   memory +{:>5.1} MiB   {}",
            kind.name(),
            self.ended.as_secs_f64(),
            self.p99.as_secs_f64() * 1_000.0,
            self.requests,
            self.grown_kibibytes as f64 / 1_024.0,
            if self.holds() { "holds" } else { "MISSED" }
        );
    }
}

async fn of_kind(
    gateway: &Gateway,
    callers: &Callers,
    kind: Kind,
    count: usize,
    folder: &Path,
) -> Result<Told, Failure> {
    let clock = Clock::system();
    let before = gateway.kibibytes("VmRSS:")?;
    gateway.begin_high_water_mark()?;
    let mut slow = JoinSet::new();
    for _ in 0..count {
        // One after the other: it is not handshakes that are measured.
        let ends = callers.begin(kind).await?;
        slow.spawn(ends);
    }
    let begun = clock.instant();
    let ended = async {
        // That of the good requests stays. A slow reader cannot see the end behind what it has not read, so
        // the system is asked.
        while established(gateway.address)? > 1 {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        Ok::<_, Failure>(clock.instant().duration_since(begun))
    };
    // Whatever does not end is missed, not waited for.
    let patience = ENDED_MAX + ENDED_MAX;
    let ended = tokio::time::timeout(patience, ended);
    let asking = good(folder, gateway.address, ENDED_MAX);
    let (ended, asked) = tokio::join!(ended, asking);
    slow.shutdown().await;
    let mut latencies = asked?;
    latencies.sort_unstable();
    let p99 = latencies.get(latencies.len() * 99 / 100);
    Ok(Told {
        ended: ended.unwrap_or(Ok(patience))?,
        p99: *p99.ok_or("no good request")?,
        requests: latencies.len(),
        grown_kibibytes: gateway.kibibytes("VmHWM:")?.saturating_sub(before),
    })
}

/// Connections that stand at this address.
fn established(address: SocketAddr) -> Result<usize, Failure> {
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let port = format!(":{:04X}", address.port());
    let stands = |line: &&str| {
        let mut columns = line.split_whitespace().skip(1);
        let (local, state) = (columns.next(), columns.nth(1));
        local.is_some_and(|local| local.ends_with(&port)) && state == Some("01")
    };
    Ok(table.lines().filter(stands).count())
}

/// Good requests, one after the other for so long; what each took.
async fn good(
    folder: &Path,
    address: SocketAddr,
    how_long: Duration,
) -> Result<Vec<Duration>, Failure> {
    let clock = Clock::system();
    let target = stage::job_target(&World::invent(), stage::NEIGHBOUR)?;
    let client = PartnerClient::connect(folder, stage::NEIGHBOUR, address).await;
    let mut client = client.map_err(|error| error.to_string())?;
    let (begun, mut latencies) = (clock.instant(), Vec::new());
    while clock.instant().duration_since(begun) < how_long {
        let asked = clock.instant();
        let answer = client.get(&target, stage::PURPOSE).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if !answer.status.is_success() {
            return Err(format!("a good request was answered {}", answer.status).into());
        }
        latencies.push(clock.instant().duration_since(asked));
        tokio::time::sleep(PAUSE).await;
    }
    Ok(latencies)
}
