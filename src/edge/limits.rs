//! Every limit of the partner listener, named and with its unit. Their defaults and documentation are
//! those of [`LimitSettings`]; nothing here reads a file.

use std::time::Duration;

use crate::config::LimitSettings;

/// Seconds of grace, which no configuration changes.
const GRACE_SECONDS: u32 = 5;

/// How much, how many and how slowly a partner may send or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once. At the limit no further one is accepted until one ends.
    pub connections_max: usize,
    /// Bytes of all header field lines of one request; beyond it 431.
    pub header_bytes_max: usize,
    /// Header fields of one request; beyond it 431.
    pub header_count_max: usize,
    /// Bytes of the request target; beyond it 414.
    pub uri_bytes_max: usize,
    /// Bytes of a request body after its transfer coding is undone; beyond it 413.
    pub body_bytes_max: u64,
    /// Seconds for the whole TLS handshake.
    pub handshake_seconds_max: u32,
    /// Seconds from the handshake to the first byte of the first request.
    pub first_byte_seconds_max: u32,
    /// Seconds from the first to the last byte of a request's head; beyond it 408.
    pub head_seconds_max: u32,
    /// Seconds a connection may stay open with no request under way.
    pub idle_seconds_max: u32,
    /// Bytes a second a request body must arrive with while the gateway waits for it, the grace apart;
    /// below it 408.
    pub body_bytes_per_second_min: u32,
    /// Bytes a second a partner must read of its answers once it has stopped keeping up, the grace apart.
    pub write_bytes_per_second_min: u32,
    /// Seconds that a sender or reader may fall behind its minimum rate; also its longest pause.
    pub grace_seconds: u32,
    /// Seconds that requests under way are given to end after the order to stop.
    pub drain_seconds_max: u32,
}

impl From<&LimitSettings> for Limits {
    fn from(settings: &LimitSettings) -> Self {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            connections_max: size(settings.connections_max),
            header_bytes_max: size(settings.header_bytes_max),
            header_count_max: size(settings.header_count_max),
            uri_bytes_max: size(settings.uri_bytes_max),
            body_bytes_max: settings.body_bytes_max.into(),
            handshake_seconds_max: settings.handshake_seconds_max,
            first_byte_seconds_max: settings.first_byte_seconds_max,
            head_seconds_max: settings.head_seconds_max,
            idle_seconds_max: settings.idle_seconds_max,
            body_bytes_per_second_min: settings.body_bytes_per_second_min,
            write_bytes_per_second_min: settings.write_bytes_per_second_min,
            grace_seconds: GRACE_SECONDS,
            drain_seconds_max: settings.drain_seconds_max,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&LimitSettings::default())
    }
}

/// The time that a slow peer may still keep the gateway waiting: at most the grace, spent by waiting,
/// earned back by bytes at the minimum rate. Bytes sent quickly buy no long pause later.
#[derive(Debug)]
pub(crate) struct Credit {
    left: Duration,
    most: Duration,
    bytes_per_second: u64,
}

impl Credit {
    /// For the sender of a request body.
    pub(crate) fn of_sender(limits: &Limits) -> Self {
        Self::new(limits.grace_seconds, limits.body_bytes_per_second_min)
    }

    /// For the reader of answers.
    pub(crate) fn of_reader(limits: &Limits) -> Self {
        Self::new(limits.grace_seconds, limits.write_bytes_per_second_min)
    }

    fn new(grace_seconds: u32, bytes_per_second: u32) -> Self {
        let most = seconds(grace_seconds);
        Self {
            left: most,
            most,
            bytes_per_second: bytes_per_second.max(1).into(),
        }
    }

    /// What is left.
    pub(crate) fn left(&self) -> Duration {
        self.left
    }

    /// The peer has kept the gateway waiting.
    pub(crate) fn spend(&mut self, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
    }

    /// The peer has sent or read so many bytes.
    pub(crate) fn earn(&mut self, bytes: usize) {
        let microseconds = (bytes as u64).saturating_mul(1_000_000) / self.bytes_per_second;
        let earned = Duration::from_micros(microseconds);
        self.left = self.left.saturating_add(earned).min(self.most);
    }
}

/// A number of seconds as a duration.
pub(crate) fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_spent_by_waiting_and_earned_back_by_bytes_up_to_the_grace() {
        let limits = Limits {
            grace_seconds: 5,
            body_bytes_per_second_min: 100,
            ..Limits::default()
        };
        let mut credit = Credit::of_sender(&limits);
        credit.spend(Duration::from_secs(4));
        credit.earn(250);
        assert_eq!(credit.left(), Duration::from_millis(3500));
        credit.earn(1_000_000);
        assert_eq!(credit.left(), Duration::from_secs(5));
        credit.spend(Duration::from_secs(6));
        assert_eq!(credit.left(), Duration::ZERO);
    }
}
