//! The course of an answer after its first byte, and its end: the entry that says what left.

use std::time::Duration;

use crate::entry::{Delivered, Entry, Event};
use crate::gateway::open::House;
use crate::gateway::outlet::{ClientLeft, Outlet};
use crate::gateway::places::Held;
use crate::gateway::record::Series;
use crate::refusal::{Fault, Refusal, Stopped};
use crate::terms::hexadecimal;

/// Breaking an answer off throws away what the connection holds of it. This gives it time to hand over
/// what was let out, so that what counts as left has left.
const FLUSHED_WITHIN: Duration = Duration::from_millis(100);

/// Why an answer ended before it was whole.
#[derive(Debug)]
pub(super) enum Ended {
    /// The connection or stream is gone.
    ClientLeft,
    /// HEAD.
    HeadersOnly,
    /// The rules said no, or something broke.
    Stopped(Stopped),
}

impl Ended {
    /// As the ledger says it.
    fn word(&self) -> &'static str {
        match self {
            Self::ClientLeft => "client-left",
            Self::HeadersOnly => "headers-only",
            Self::Stopped(Stopped::Refused(refusal)) => refusal.code.name(),
            Self::Stopped(Stopped::Broken(fault)) => fault.code.name(),
        }
    }

    /// For the operator's log.
    fn cause(&self) -> &str {
        match self {
            Self::Stopped(Stopped::Broken(fault)) => &fault.cause,
            _ => self.word(),
        }
    }
}

impl From<ClientLeft> for Ended {
    fn from(_: ClientLeft) -> Self {
        Self::ClientLeft
    }
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Stopped(fault.into())
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Stopped(refusal.into())
    }
}

impl From<Stopped> for Ended {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// An answer under way.
#[derive(Debug)]
pub(super) struct Course {
    /// What is on record of it.
    pub(super) series: Series,
    /// Its way out.
    pub(super) outlet: Outlet,
    /// How long it will be, where the core said so.
    pub(super) bytes_expected: Option<u64>,
    /// What it needs.
    pub(super) house: House,
    /// Its places, given back when it has ended.
    pub(super) held: Held,
}

impl Course {
    /// Ends it: what was let out before leaves, the closing entry is made, and only then does the client
    /// see an end, which is a break wherever something is missing, and be it this entry.
    pub(super) async fn close(mut self, outcome: Result<(), Ended>) {
        let outcome = match outcome {
            Err(Ended::ClientLeft | Ended::HeadersOnly) => outcome,
            // Whoever has left meanwhile did so because of this.
            Err(Ended::Stopped(_)) => {
                let _ = self.outlet.settle().await;
                outcome
            }
            Ok(()) => self.outlet.settle().await.map_err(Ended::from),
        };
        if let Err(Ended::Stopped(_)) = outcome {
            tokio::time::sleep(FLUSHED_WITHIN).await;
        }
        let (bytes, digest) = self.outlet.handed_over();
        let request_id = self.series.facts.request_id.clone();
        if let Err(ended) = &outcome {
            let (because, cause) = (ended.word(), ended.cause());
            tracing::warn!(%request_id, bytes, because, cause, "an answer did not leave whole");
        }
        let delivered = Delivered {
            request: self.series.facts,
            opening: self.series.opening,
            parts: self.series.parts,
            bytes,
            bytes_expected: self.bytes_expected,
            sha256: hexadecimal(digest.as_ref()),
            complete: outcome.is_ok(),
            because: outcome.as_ref().err().map(|ended| ended.word().to_owned()),
        };
        let entry = Entry::new(self.house.clock.now(), Event::Delivered(delivered));
        let recorded = match entry {
            Ok(entry) => {
                let recorded = self.house.ledger.append(entry).await;
                recorded.map(drop).map_err(|reason| reason.to_string())
            }
            Err(reason) => Err(reason.to_string()),
        };
        match recorded {
            Ok(()) if outcome.is_ok() => self.outlet.end(),
            Ok(()) => {}
            Err(reason) => tracing::error!(%request_id, %reason, "what left is not on record"),
        }
        drop(self.held);
    }
}
