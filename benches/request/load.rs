//! Partners that ask, the times they see, and the CPU that answering takes.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use covenant::clock::Clock;
use covenant::demo::client::PartnerClient;
use covenant::demo::core::World;
use tokio::task::JoinSet;

use super::stage::{JOB, PARTNER, PURPOSE, job_target};
use super::{Failure, PARTNERS};

/// Requests on each connection before anything is measured.
const WARM_UP: usize = 4;
/// The kernel's unit of CPU time in `/proc`, 1/100 s.
const TICK: Duration = Duration::from_millis(10);

/// Someone who answers.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    address: SocketAddr,
    /// Where its partner's credentials are.
    directory: PathBuf,
}

impl Contestant {
    pub(crate) fn new(name: &'static str, address: SocketAddr, directory: &Path) -> Self {
        Self {
            name,
            address,
            directory: directory.to_owned(),
        }
    }
}

/// What is asked, by how many at once, how often in a round.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    target: &'static str,
    connections: usize,
    requests: usize,
}

/// Connections to one contestant.
pub(crate) struct Side {
    target: String,
    clients: Vec<PartnerClient>,
}

/// What one contestant showed under one load, over all rounds.
#[derive(Default)]
pub(crate) struct Cell {
    latencies: Vec<Duration>,
    cpu: Duration,
    elapsed: Duration,
}

impl Load {
    pub(crate) const fn new(
        name: &'static str,
        target: &'static str,
        connections: usize,
        requests: usize,
    ) -> Self {
        Self {
            name,
            target,
            connections,
            requests,
        }
    }

    /// The same in a few requests.
    pub(crate) fn shortened(self) -> Self {
        Self {
            connections: self.connections.min(4),
            requests: 8,
            ..self
        }
    }

    /// Opens the connections, and asks over each until it is warm.
    pub(crate) async fn connect(&self, contestant: &Contestant) -> Result<Side, Failure> {
        let target = match self.target {
            JOB => job_target(&World::invent(), PARTNER)?,
            other => other.to_owned(),
        };
        let mut clients = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            let client =
                PartnerClient::connect(&contestant.directory, PARTNER, contestant.address).await;
            clients.push(client.map_err(|error| error.to_string())?);
        }
        let side = Side { target, clients };
        let mut warmed = Vec::new();
        for mut client in side.clients {
            for _ in 0..WARM_UP {
                ask(&mut client, &side.target).await?;
            }
            warmed.push(client);
        }
        Ok(Side {
            clients: warmed,
            target: side.target,
        })
    }

    /// One round.
    pub(crate) async fn run(&self, side: &mut Side, cell: &mut Cell) -> Result<(), Failure> {
        let each = self.requests / self.connections;
        let clock = Clock::system();
        let (begun, cpu) = (clock.instant(), contestant_cpu()?);
        let mut asking = JoinSet::new();
        for mut client in side.clients.drain(..) {
            let (clock, target) = (clock.clone(), side.target.clone());
            asking.spawn(async move {
                let mut latencies = Vec::with_capacity(each);
                for _ in 0..each {
                    let asked = clock.instant();
                    ask(&mut client, &target).await?;
                    latencies.push(clock.instant().duration_since(asked));
                }
                Ok::<_, Failure>((client, latencies))
            });
        }
        while let Some(asked) = asking.join_next().await {
            let (client, latencies) = asked??;
            side.clients.push(client);
            cell.latencies.extend(latencies);
        }
        cell.elapsed += clock.instant().duration_since(begun);
        cell.cpu += contestant_cpu()?.saturating_sub(cpu);
        Ok(())
    }
}

async fn ask(client: &mut PartnerClient, target: &str) -> Result<(), Failure> {
    let answer = client.get(target, PURPOSE).await;
    let answer = answer.map_err(|error| error.to_string())?;
    if !answer.status.is_success() {
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        return Err(format!("{} to {target}: {said}", answer.status).into());
    }
    Ok(())
}

impl Cell {
    /// The time within which this part of the requests was answered.
    pub(crate) fn percentile(&self, part: f64) -> Duration {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        let place = (latencies.len() as f64 * part) as usize;
        latencies.get(place).copied().unwrap_or_default()
    }

    pub(crate) fn requests_per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn cpu_microseconds(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.latencies.len() as f64
    }
}

/// User and system time of all threads but the partners' and this one, which only waits: so the
/// ledger's count too (proc(5), `/proc/pid/task/tid/stat`, fields 14 and 15).
fn contestant_cpu() -> Result<Duration, Failure> {
    let mut ticks = 0;
    let waiting = std::process::id().to_string();
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?;
        // A thread may have ended since.
        let Ok(stat) = fs::read_to_string(task.path().join("stat")) else {
            continue;
        };
        let Some((head, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        if !head.ends_with(PARTNERS) && *task.file_name() != *waiting {
            for time in fields.split_whitespace().skip(11).take(2) {
                ticks += time.parse::<u32>()?;
            }
        }
    }
    Ok(TICK * ticks)
}
