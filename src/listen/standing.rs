//! Whether whoever is at the other end may stay: asked at every suspension and whenever TLS is set up
//! anew, whatever the connection is doing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::tls::Tls;
use crate::edge::Peer;
use crate::registry::Suspensions;

/// What a connection that must end may still take to say goodbye: its answers have broken off, and a
/// refusal may be on its way. With the hearing of it this is well below five seconds.
pub(super) const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// What a connection of whoever is shut out already may take to send a request and be told so.
const ASKING_MAX: Duration = Duration::from_secs(2);

/// The standing of one connection.
#[derive(Debug)]
pub(super) struct Standing {
    peer: Arc<Peer>,
    suspensions: Arc<Suspensions>,
    suspended: watch::Receiver<()>,
    tls: watch::Receiver<Tls>,
}

impl Standing {
    /// Hears of suspensions from now on, and of what `tls` has not seen yet.
    pub(super) fn new(
        peer: Arc<Peer>,
        suspensions: Arc<Suspensions>,
        tls: watch::Receiver<Tls>,
    ) -> Self {
        Self {
            suspended: suspensions.changes(),
            peer,
            suspensions,
            tls,
        }
    }

    /// Ready once the connection must end: somebody it let in was shut out, a request of it was refused
    /// for that, or its certificate does not stand any more.
    pub(super) async fn lost(mut self) {
        if self.is_shut_out() {
            // Shut out before this connection could hear of it: whoever asks is told why, and who asks
            // nothing does not stay.
            let _ = tokio::time::timeout(ASKING_MAX, self.peer.presented.ended()).await;
            return;
        }
        loop {
            tokio::select! {
                () = self.peer.presented.ended() => return,
                () = changed(&mut self.suspended) => {
                    if self.is_shut_out() {
                        return;
                    }
                }
                () = changed(&mut self.tls) => {
                    let tls = self.tls.borrow_and_update().clone();
                    if self.peer.certificate.as_ref().is_some_and(|shown| !tls.stands(&shown.chain)) {
                        return;
                    }
                }
            }
        }
    }

    fn is_shut_out(&self) -> bool {
        let is_shut_out = |principal: &_| self.suspensions.of(principal).is_some();
        let any_token = self.suspensions.any_token();
        self.peer.presented.any(is_shut_out, any_token)
    }
}

/// Ready at the next change; never where whoever could make one is gone.
async fn changed<T>(watched: &mut watch::Receiver<T>) {
    if watched.changed().await.is_err() {
        std::future::pending().await
    }
}
