//! A large answer through the whole gateway over mutual TLS: how much memory it costs, and what small
//! requests beside it take. The gateway is `covenant serve`, a process of its own on the first core of
//! the machine; partner and core service, in this process, have the second one.
//!
//! **Memory** is the most that the gateway's process was seen to have during one export of 100 MiB, above
//! what it had before: its own, apart from pages of its program, which the system drops and reads again.
//! Another export and small requests went ahead, so that what grows once has grown.
//!
//! **Small requests**, four at once, are asked in rounds: alone, beside an export straight from the core,
//! and beside an export through the gateway. The second shows what of the third is the two ends' doing,
//! which share a core with the small requests' clients. Exports are read as fast as they come, which
//! keeps the gateway's core busy all the time, and as fast as a line of 100 Mbit/s has them.
//!
//! `cargo bench --bench stream` takes about a minute, with `-- memory` alone a few seconds; with `-- --test`
//! everything is small and nothing is printed. `COVENANT` names another build of the gateway.

mod core;
mod gateway;
mod load;
mod policies;
#[path = "../request/stage.rs"]
mod stage;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use covenant::clock::Clock;
use covenant::demo::core::World;
use tokio::runtime::Builder;

use self::gateway::{Gateway, Memory};
use self::load::Pace;
use self::policies::POLICIES_CHANGED;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const GATEWAYS_CORE: &str = "0";
const OTHERS_CORE: &str = "1";
const CUSTOMERS: usize = 400;
/// Between two looks at the gateway's memory.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// 100 Mbit/s.
const LINE: Pace = Pace::Line(100_000_000 / 8);
const AMOUNT: Amount = Amount {
    export_bytes: 100 << 20,
    exports: 3,
    requests: 1_000,
    rounds: 5,
};
const QUICK: Amount = Amount {
    export_bytes: 8 << 20,
    exports: 1,
    requests: 40,
    rounds: 1,
};

/// How much is asked for.
struct Amount {
    export_bytes: u64,
    exports: usize,
    /// Small requests in each part of each round.
    requests: usize,
    rounds: usize,
}

/// The gateway and whoever is around it.
struct Field<'a> {
    folder: &'a Path,
    gateway: Gateway,
    address: SocketAddr,
    core: SocketAddr,
    amount: Amount,
}

fn main() -> Result<(), Failure> {
    let asked = |word: &str| std::env::args().any(|argument| argument == word);
    let (quick, memory_alone) = (asked("--test"), asked("memory"));
    if !gateway::leave_core(OTHERS_CORE)? {
        println!("no core of its own for the gateway: `taskset` is missing, or a second core");
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let amount = if quick { QUICK } else { AMOUNT };
        let field = start(folder.path(), amount).await?;
        let memory = memory(&field).await?;
        if memory_alone {
            memory.iter().for_each(Exported::print);
            return Ok(());
        }
        let latencies = [
            latencies(&field, Pace::Full).await?,
            latencies(&field, LINE).await?,
        ];
        if !quick {
            memory.iter().for_each(Exported::print);
            for (pace, latencies) in ["as fast as they come", "at 100 Mbit/s"]
                .into_iter()
                .zip(&latencies)
            {
                latencies.print(pace);
            }
        }
        Ok(())
    })
}

/// The gateway before a core with an export.
async fn start(folder: &Path, amount: Amount) -> Result<Field<'_>, Failure> {
    let stage = stage::prepare(folder, Clock::system()).await?;
    let world = World::invent();
    let customers = world.customers_of(Some(stage::PARTNER));
    let ids = customers.map(|one| one.id.clone()).take(CUSTOMERS);
    let ids = ids.collect();
    let core = core::start(stage.answers.clone(), ids, amount.export_bytes).await?;
    let path = folder.join("covenant.toml");
    let mut text = fs::read_to_string(&path)?;
    for service in stage.config.services.values() {
        text = text.replace(&service.base_url, &format!("http://{core}"));
    }
    // A disk that others keep busy is not to end the bench.
    text = text.replace("[ledger]", "[ledger]\nwait_milliseconds_max = 20000");
    fs::write(&path, text)?;
    let address = stage.config.gateway.listen;
    Ok(Field {
        folder,
        gateway: Gateway::start(folder, address)?,
        address,
        core,
        amount,
    })
}

/// What one export showed.
struct Exported {
    bytes_of_core: u64,
    bytes: u64,
    elapsed: Duration,
    before: Memory,
    /// The most of either that was seen.
    most: Memory,
    after: Memory,
}

async fn memory(field: &Field<'_>) -> Result<Vec<Exported>, Failure> {
    let clock = Clock::system();
    load::export(field.folder, field.address, Pace::Full).await?;
    load::small(field.folder, field.address, field.amount.requests).await?;
    let mut exports = Vec::new();
    for _ in 0..field.amount.exports {
        let before = field.gateway.memory()?;
        let (mut most, begun) = (before, clock.instant());
        let export = load::export(field.folder, field.address, Pace::Full);
        tokio::pin!(export);
        let bytes = loop {
            let seen = field.gateway.memory()?;
            most.own = most.own.max(seen.own);
            most.files = most.files.max(seen.files);
            tokio::select! {
                bytes = &mut export => break bytes?,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        };
        exports.push(Exported {
            bytes_of_core: field.amount.export_bytes,
            bytes,
            elapsed: clock.instant().duration_since(begun),
            before,
            most,
            after: field.gateway.memory()?,
        });
    }
    Ok(exports)
}

impl Exported {
    fn print(&self) {
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let grown = |by: u64, from: u64| by.cast_signed() - from.cast_signed();
        let (before, most, after) = (self.before, self.most, self.after);
        println!(
            "an export of {:.0} MiB, of which {:.0} MiB left, in {:.1} s ({:.0} MiB/s): memory {} KiB before, \
             at the most {:+}, {:+} after; of its files {}, {:+}, {:+}",
            mebibytes(self.bytes_of_core),
            mebibytes(self.bytes),
            self.elapsed.as_secs_f64(),
            mebibytes(self.bytes_of_core) / self.elapsed.as_secs_f64(),
            before.own,
            grown(most.own, before.own),
            grown(after.own, before.own),
            before.files,
            grown(most.files, before.files),
            grown(after.files, before.files),
        );
    }
}

/// How long small requests took: alone, beside an export that goes past the gateway, beside one through
/// it; round by round.
#[derive(Default)]
struct Latencies([Vec<Vec<Duration>>; 3]);

async fn latencies(field: &Field<'_>, pace: Pace) -> Result<Latencies, Failure> {
    let mut latencies = Latencies::default();
    let small = || load::small(field.folder, field.address, field.amount.requests);
    for _ in 0..field.amount.rounds {
        let [alone, past, through] = &mut latencies.0;
        alone.push(small().await?);
        let large = || load::export_past_it(field.core, pace);
        past.push(load::beside(large, small()).await?);
        let large = || load::export(field.folder, field.address, pace);
        through.push(load::beside(large, small()).await?);
    }
    Ok(latencies)
}

impl Latencies {
    fn print(&self, pace: &str) {
        println!("small requests, exports read {pace}:");
        let mut alone = 0.0;
        for (name, rounds) in ["alone", "beside one past it", "beside one through it"]
            .into_iter()
            .zip(&self.0)
        {
            let each: Vec<String> = rounds
                .iter()
                .map(|round| format!("{:.0}", microseconds(&mut round.clone(), 99)))
                .collect();
            let mut all = rounds.concat();
            let (half, most) = (microseconds(&mut all, 50), microseconds(&mut all, 99));
            if alone == 0.0 {
                alone = most;
            }
            println!(
                "  {name:<22} p50 {half:>6.0} µs, p99 {most:>6.0} µs, {:.2} of that alone (rounds: {})",
                most / alone,
                each.join(", ")
            );
        }
    }
}

/// The percentile, in microseconds.
fn microseconds(latencies: &mut [Duration], percent: usize) -> f64 {
    latencies.sort_unstable();
    let place = latencies.len() * percent / 100;
    let found = latencies.get(place.min(latencies.len().saturating_sub(1)));
    found.map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
}
