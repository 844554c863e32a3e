//! Every limit of the partner listener, named and with its unit. Filled from configuration by the
//! doors; nothing here reads a file.

use std::time::Duration;

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
    /// Bytes a second a request body must arrive with, on average, while the gateway waits for it;
    /// beyond the grace 408.
    pub body_bytes_per_second_min: u32,
    /// Bytes a second a partner must read of its answers, on average, once it has stopped keeping up.
    pub write_bytes_per_second_min: u32,
    /// Seconds a slow sender or reader is given before its rate is looked at.
    pub grace_seconds: u32,
    /// Seconds that requests under way are given to end after the order to stop.
    pub drain_seconds_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            header_bytes_max: 32 * 1024,
            header_count_max: 100,
            uri_bytes_max: 8 * 1024,
            body_bytes_max: 10 * 1024 * 1024,
            handshake_seconds_max: 10,
            first_byte_seconds_max: 10,
            head_seconds_max: 10,
            idle_seconds_max: 60,
            body_bytes_per_second_min: 1024,
            write_bytes_per_second_min: 1024,
            grace_seconds: 5,
            drain_seconds_max: 30,
        }
    }
}

impl Limits {
    /// How long a body of which `bytes` have arrived may have kept the gateway waiting.
    pub(crate) fn body_allowance(&self, bytes: u64) -> Duration {
        allowance(self.grace_seconds, self.body_bytes_per_second_min, bytes)
    }

    /// How long a reader that has taken `bytes` since it fell behind may have been behind.
    pub(crate) fn write_allowance(&self, bytes: u64) -> Duration {
        allowance(self.grace_seconds, self.write_bytes_per_second_min, bytes)
    }
}

fn allowance(grace_seconds: u32, bytes_per_second: u32, bytes: u64) -> Duration {
    let milliseconds = bytes.saturating_mul(1000) / u64::from(bytes_per_second.max(1));
    Duration::from_secs(grace_seconds.into()).saturating_add(Duration::from_millis(milliseconds))
}

/// A number of seconds as a duration.
pub(crate) fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_the_grace_and_the_time_the_bytes_may_take() {
        let limits = Limits {
            grace_seconds: 5,
            body_bytes_per_second_min: 100,
            ..Limits::default()
        };
        assert_eq!(limits.body_allowance(0), Duration::from_secs(5));
        assert_eq!(limits.body_allowance(250), Duration::from_millis(7500));
        assert!(limits.body_allowance(u64::MAX) > Duration::from_secs(1_000_000));
    }
}
