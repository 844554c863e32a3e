//! Handshakes that fail, told to the operator: each is counted by its reason, and the log says what was wrong with a
//! partner's certificate or its TLS. Only a few lines a minute, as anybody who can connect can cause them; whoever
//! only looks whether the port answers causes none. A certificate that fails is known to nobody else, so the
//! address is all that is said of who it was.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::{CertificateError, Error};

use crate::clock::Clock;
use crate::telemetry::Metrics;

/// Lines of the log in one window,
const LINES_MAX: u32 = 20;
/// which is so long.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts them, and tells of some.
#[derive(Debug)]
pub struct Handshakes {
    metrics: Arc<Metrics>,
    clock: Clock,
    told: Mutex<Told>,
}

/// What was told in this window.
#[derive(Debug, Default)]
struct Told {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Told {
    /// Whether there may be another line at `now`, and how many were left out before it.
    fn another(&mut self, now: Instant) -> Option<u64> {
        let fresh = |since: Instant| now.saturating_duration_since(since) < WINDOW;
        if !self.since.is_some_and(fresh) {
            self.since = Some(now);
            self.lines = 0;
        }
        if self.lines >= LINES_MAX {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

impl Handshakes {
    /// Counted there.
    pub fn new(metrics: Arc<Metrics>, clock: Clock) -> Self {
        Self {
            metrics,
            clock,
            told: Mutex::default(),
        }
    }

    /// One failed, or its certificate does not stand.
    pub(super) fn failed(&self, address: SocketAddr, error: &io::Error) {
        let why = class(error);
        self.metrics.handshake_failed(why);
        if matches!(why, BROKEN_OFF | TIMED_OUT) {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left_out) = told.another(self.clock.instant()) {
            tracing::warn!(%address, why, %error, left_out, "a TLS handshake failed");
        }
    }
}

const BROKEN_OFF: &str = "broken-off";
const TIMED_OUT: &str = "timed-out";

/// One word of a closed list.
fn class(error: &io::Error) -> &'static str {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(error)) => certificate(error),
        Some(Error::AlertReceived(_)) => "refused-by-client",
        Some(Error::PeerIncompatible(_)) => "nothing-in-common",
        Some(_) => "not-tls",
        None => match error.kind() {
            io::ErrorKind::TimedOut => TIMED_OUT,
            io::ErrorKind::PermissionDenied => "certificate-stands-no-more",
            io::ErrorKind::InvalidData => "certificate-unusable",
            _ => BROKEN_OFF,
        },
    }
}

fn certificate(error: &CertificateError) -> &'static str {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => "certificate-expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "certificate-not-yet-valid",
        E::Revoked => "certificate-revoked",
        E::UnknownRevocationStatus
        | E::ExpiredRevocationList
        | E::ExpiredRevocationListContext { .. } => "revocation-not-known",
        E::UnknownIssuer => "unknown-authority",
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "certificate-for-something-else",
        _ => "certificate-unusable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_word() {
        use CertificateError as E;
        let certificate = |error| io::Error::new(io::ErrorKind::InvalidData, Error::from(error));
        for (error, word) in [
            (certificate(E::Expired), "certificate-expired"),
            (certificate(E::Revoked), "certificate-revoked"),
            (
                certificate(E::UnknownRevocationStatus),
                "revocation-not-known",
            ),
            (certificate(E::UnknownIssuer), "unknown-authority"),
            (
                certificate(E::InvalidPurpose),
                "certificate-for-something-else",
            ),
            (certificate(E::BadSignature), "certificate-unusable"),
            (io::ErrorKind::UnexpectedEof.into(), BROKEN_OFF),
            (io::ErrorKind::TimedOut.into(), TIMED_OUT),
        ] {
            assert_eq!(class(&error), word, "{error}");
        }
    }

    #[test]
    fn a_flood_of_them_is_a_few_lines_and_a_number() {
        let (mut told, start) = (Told::default(), Clock::system().instant());
        let lines = (0..100).filter_map(|_| told.another(start)).count();
        assert_eq!(lines, LINES_MAX as usize);
        assert_eq!(
            told.another(start + WINDOW),
            Some(100 - u64::from(LINES_MAX))
        );
        assert_eq!(told.another(start + WINDOW), Some(0));
    }
}
