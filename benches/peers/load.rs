//! What partners do to a contestant: ask over connections that stay, come anew for each request, or stay
//! and ask nothing. Each presents its client certificate.

use std::path::Path;
use std::time::Duration;

use covenant::clock::Clock;
use covenant::demo::client::PartnerClient;
use tokio::task::JoinSet;

use super::Failure;
use super::contestant::Contestant;
use super::stage::{PARTNER, PURPOSE};

/// How much is asked.
#[derive(Clone, Copy)]
pub(crate) struct Amount {
    /// Connections that stay, and requests over each in a round.
    pub(crate) connections: usize,
    pub(crate) requests: usize,
    /// Partners that come anew, and how often each does in a round.
    pub(crate) newcomers: usize,
    pub(crate) visits: usize,
    /// Connections that stay and ask nothing.
    pub(crate) idle: usize,
    /// Until memory is looked at: what a connection still had to do is done, and what it can let go is gone.
    pub(crate) rest: Duration,
}

/// Those who ask, and what for.
#[derive(Clone, Copy)]
pub(crate) struct Partners<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) target: &'a str,
    pub(crate) amount: Amount,
}

/// What one contestant showed, over all rounds.
#[derive(Default)]
pub(crate) struct Cell {
    pub(crate) count: u32,
    cpu: Duration,
    elapsed: Duration,
}

impl Cell {
    /// Of each request, or connection.
    pub(crate) fn cpu_microseconds(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / f64::from(self.count)
    }

    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.count) / self.elapsed.as_secs_f64()
    }
}

impl Partners<'_> {
    /// Connections that have asked once.
    pub(crate) async fn connect(
        &self,
        contestant: &Contestant,
        count: usize,
    ) -> Result<Vec<PartnerClient>, Failure> {
        let mut clients = Vec::with_capacity(count);
        for _ in 0..count {
            clients.push(self.come(contestant).await?);
        }
        Ok(clients)
    }

    /// A round over connections that stay.
    pub(crate) async fn ask(
        &self,
        contestant: &Contestant,
        clients: &mut Vec<PartnerClient>,
        cell: &mut Cell,
    ) -> Result<(), Failure> {
        let requests = self.amount.requests;
        let clock = Clock::system();
        let (begun, cpu) = (clock.instant(), contestant.cpu()?);
        let mut asking = JoinSet::new();
        for mut client in clients.drain(..) {
            let target = self.target.to_owned();
            asking.spawn(async move {
                for _ in 0..requests {
                    ask(&mut client, &target).await?;
                }
                Ok::<_, Failure>(client)
            });
        }
        while let Some(asked) = asking.join_next().await {
            clients.push(asked??);
            cell.count += u32::try_from(requests)?;
        }
        cell.elapsed += clock.instant().duration_since(begun);
        cell.cpu += contestant.cpu()?.saturating_sub(cpu);
        Ok(())
    }

    /// A round of partners that come anew each time: a full handshake, since nothing of the time before is
    /// kept, and one request.
    pub(crate) async fn visit(
        &self,
        contestant: &Contestant,
        cell: &mut Cell,
    ) -> Result<(), Failure> {
        let clock = Clock::system();
        let (begun, cpu) = (clock.instant(), contestant.cpu()?);
        let visits = (0..self.amount.newcomers).map(|_| async {
            for _ in 0..self.amount.visits {
                drop(self.come(contestant).await?);
            }
            Ok::<_, Failure>(())
        });
        futures_util::future::try_join_all(visits).await?;
        cell.count += u32::try_from(self.amount.newcomers * self.amount.visits)?;
        cell.elapsed += clock.instant().duration_since(begun);
        cell.cpu += contestant.cpu()?.saturating_sub(cpu);
        Ok(())
    }

    async fn come(&self, contestant: &Contestant) -> Result<PartnerClient, Failure> {
        let client = PartnerClient::connect(self.directory, PARTNER, contestant.address).await;
        let mut client =
            client.map_err(|error| format!("connecting to {}: {error}", contestant.name))?;
        ask(&mut client, self.target)
            .await
            .map_err(|error| format!("{}: {error}", contestant.name))?;
        Ok(client)
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
