//! Whether whoever is at the other end may stay: heard of at every suspension, whatever the connection
//! is doing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::edge::Peer;
use crate::registry::Suspensions;

/// What a connection that must end may still take to say goodbye: its answers have broken off, and a
/// refusal may be on its way. With the hearing of it this is well below five seconds.
pub(super) const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// The standing of one connection.
#[derive(Debug)]
pub(super) struct Standing {
    peer: Arc<Peer>,
    suspensions: Arc<Suspensions>,
    changes: watch::Receiver<()>,
}

impl Standing {
    /// Hears of changes from now on.
    pub(super) fn new(peer: Arc<Peer>, suspensions: Arc<Suspensions>) -> Self {
        Self {
            changes: suspensions.changes(),
            peer,
            suspensions,
        }
    }

    /// Ready once the connection must end: somebody it let in was shut out, or a request of it was
    /// refused for that.
    pub(super) async fn lost(mut self) {
        loop {
            tokio::select! {
                () = self.peer.presented.ended() => return,
                changed = self.changes.changed() => {
                    let is_shut_out = |principal: &_| self.suspensions.of(principal).is_some();
                    if changed.is_err() || self.peer.presented.any(is_shut_out) {
                        return;
                    }
                }
            }
        }
    }
}
