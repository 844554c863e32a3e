//! Starts everything in order, runs it, and stops it in the reverse order: registry, policies, ledger,
//! budgets from the ledger, keys, TLS, then the three listeners. Whatever cannot start stops the
//! start; nothing runs half.
//!
//! Not here: what any of these rooms does, and judging settings ([`crate::config`] has).

mod certificates;
mod counting;
mod opening;
mod start;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::certificates::Certificates;
use self::counting::Counting;
use crate::clock::Clock;
use crate::config::Config;
use crate::entry::{Entry, Event, GatewayNote};
use crate::gateway::Gateway;
use crate::ledger::{Ledger, OpenError};
use crate::mistakes::counted;
use crate::publishing::{Cause, Publishing};
use crate::witness::Witnesses;

/// Between two looks whether the key of the month to come is there.
const RECIPIENT_KEYS_LOOKED_AT_EVERY: Duration = Duration::from_secs(3_600);

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The policies have mistakes; they have been printed.
    #[error("{} in `{directory}`; nothing was started", counted(*.count))]
    Policies {
        /// How many.
        count: usize,
        /// The policies folder.
        directory: PathBuf,
        /// All of them, rendered.
        rendered: String,
    },
    /// The ledger is not what was recorded; nothing was changed.
    #[error("{0}")]
    Damaged(OpenError),
    /// Something it needs is not there or not usable.
    #[error("{what}: {cause}")]
    Unusable {
        /// What, in the operator's words.
        what: String,
        /// Why.
        cause: String,
    },
}

impl StartError {
    fn unusable(what: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::Unusable {
            what: what.into(),
            cause: cause.to_string(),
        }
    }
}

/// A gateway that runs.
#[derive(Debug)]
pub struct Running {
    gateway: Arc<Gateway>,
    publishing: Arc<Publishing>,
    certificates: Arc<Certificates>,
    counting: Arc<Counting>,
    witnesses: Option<Arc<Witnesses>>,
    gateway_address: SocketAddr,
    operator_address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Starts as configured.
    ///
    /// # Errors
    /// When anything cannot start.
    pub async fn start(config: &Config, clock: Clock) -> Result<Self, StartError> {
        start::start(config, clock).await
    }

    /// Where partners reach it.
    pub fn gateway_address(&self) -> SocketAddr {
        self.gateway_address
    }

    /// Where the operator reaches it.
    pub fn operator_address(&self) -> SocketAddr {
        self.operator_address
    }

    /// The gateway itself.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Which policy set is in force, and the way to another.
    pub fn publishing(&self) -> &Arc<Publishing> {
        &self.publishing
    }

    /// Looks at certificates, revocation lists and the policies folder again at every SIGHUP, until it
    /// stops.
    pub fn reload_at(&mut self, mut hangups: Signal) {
        let publishing = Arc::clone(&self.publishing);
        let certificates = Arc::clone(&self.certificates);
        let gateway = Arc::clone(&self.gateway);
        let stopped = start::until(self.stop.subscribe());
        self.tasks.spawn(async move {
            tokio::pin!(stopped);
            loop {
                tokio::select! {
                    biased;
                    () = &mut stopped => return,
                    received = hangups.recv() => match received {
                        // What came of it is in the log.
                        Some(()) => {
                            if certificates.reload().await {
                                note_renewal(&gateway).await;
                            }
                            drop(publishing.reload(Cause::Signal).await);
                        }
                        None => return,
                    },
                }
            }
        });
    }

    /// Stops: no new connection, requests under way end, the ledger is cosigned and closed last.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        self.gateway.places.streams_ended().await;
        note(&self.gateway.ledger, &self.gateway.clock, "stopped", None).await;
        if let Some(witnesses) = &self.witnesses {
            witnesses.last_round().await;
        }
        self.gateway.ledger.close().await;
        counting::keep(&self.counting, &self.gateway.ledger, 1).await;
        self.gateway.telemetry.close().await;
    }

    /// Reads certificates and revocation lists again, as it does by itself now and then.
    pub async fn reload_certificates(&self) {
        if self.certificates.reload().await {
            note_renewal(&self.gateway).await;
        }
    }

    /// Runs until `shutdown` resolves, then stops.
    pub async fn until(self, shutdown: impl Future<Output = ()>) {
        shutdown.await;
        self.stop().await;
    }
}

/// Certificates, key, partner authority or revocation lists are other ones now.
async fn note_renewal(gateway: &Gateway) {
    note(
        &gateway.ledger,
        &gateway.clock,
        "certificates_renewed",
        None,
    )
    .await;
}

/// Has the key of each month's mail recipients ready before the month begins.
async fn prepare_recipient_keys(gateway: &Gateway) {
    loop {
        tokio::time::sleep(RECIPIENT_KEYS_LOOKED_AT_EVERY).await;
        let registry = Arc::clone(&gateway.registry);
        let made = tokio::task::spawn_blocking(move || registry.prepare_recipient_key()).await;
        match made {
            Ok(Ok(())) => {}
            // It is made when it is needed, or then an answer is refused.
            Ok(Err(error)) => tracing::warn!(%error, "next month's key for mail recipients"),
            Err(error) => tracing::warn!(%error, "next month's key for mail recipients"),
        }
    }
}

/// Puts on record what the gateway itself did. A ledger that cannot write says so by itself.
async fn note(ledger: &Ledger, clock: &Clock, what: &str, policy: Option<String>) {
    let event = GatewayNote {
        what: what.to_owned(),
        detail: None,
        policy,
    };
    match Entry::new(clock.now(), Event::Gateway(event)) {
        Ok(entry) => {
            if let Err(reason) = ledger.append(entry).await {
                tracing::error!(%reason, what, "not on record");
            }
        }
        Err(reason) => tracing::error!(%reason, what, "not on record"),
    }
}

/// Resolves at the first SIGTERM or SIGINT from this call on: called before the start, no signal finds
/// the process unprepared. Must be called within the tokio runtime.
pub fn signalled() -> impl Future<Output = ()> {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
            tracing::error!("signals cannot be received; stopping at once");
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// SIGHUPs from this call on, none of which ends the process any more. Must be called within the tokio
/// runtime.
///
/// # Errors
/// When the system does not let signals be received.
pub fn hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}
