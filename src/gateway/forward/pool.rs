//! Connections to one instance that rest between requests, each kept for the partner whose requests it
//! carried: where an answer comes that nobody asked for, it may be taken for the answer to a later request on
//! the same connection, and that must be a request of the same partner. Told the time by its caller.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::line::Line;
use crate::terms::PartnerId;

/// Connections kept for one partner,
const OF_PARTNER_MAX: usize = 64;
/// and for all partners together.
const ALL_MAX: usize = 256;

/// Connections that rest.
#[derive(Debug)]
pub(super) struct Pool {
    resting: Mutex<Resting>,
    of_partner_max: usize,
    all_max: usize,
}

#[derive(Debug, Default)]
struct Resting {
    /// Of each partner, whoever rests longest first.
    lines: HashMap<PartnerId, VecDeque<Line>>,
    count: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Self::of_at_most(OF_PARTNER_MAX, ALL_MAX)
    }
}

impl Pool {
    fn of_at_most(of_partner_max: usize, all_max: usize) -> Self {
        Self {
            resting: Mutex::default(),
            of_partner_max,
            all_max,
        }
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The partner's that has rested longest and may be used: what came late for its last request had most
    /// time to be seen.
    pub(super) fn take(&self, partner: &PartnerId, now: Instant, generation: u64) -> Option<Line> {
        let mut resting = self.resting();
        while let Some(line) = resting.take(partner) {
            if line.is_good(now, generation) {
                return Some(line);
            }
        }
        None
    }

    /// Keeps a connection of this partner's. Where there are too many, one that has rested longest is closed.
    pub(super) fn keep(&self, partner: PartnerId, mut line: Line, now: Instant) {
        line.rest(now);
        let mut resting = self.resting();
        let of_partner = resting.lines.get(&partner).map_or(0, VecDeque::len);
        if of_partner >= self.of_partner_max {
            resting.take(&partner);
        } else if resting.count >= self.all_max {
            resting.forget_longest();
        }
        resting.count += 1;
        resting.lines.entry(partner).or_default().push_back(line);
    }

    /// Closes those that have rested too long.
    pub(super) fn sweep(&self, now: Instant, generation: u64) {
        let mut resting = self.resting();
        resting.lines.retain(|_, lines| {
            lines.retain(|line| line.is_good(now, generation));
            !lines.is_empty()
        });
        resting.count = resting.lines.values().map(VecDeque::len).sum();
    }
}

impl Resting {
    fn take(&mut self, partner: &PartnerId) -> Option<Line> {
        let line = self.lines.get_mut(partner)?.pop_front()?;
        self.count = self.count.saturating_sub(1);
        Some(line)
    }

    fn forget_longest(&mut self) {
        let longest = |lines: &VecDeque<Line>| lines.front().map(Line::rests_since);
        let since = self.lines.values().filter_map(longest).min();
        let mut all = self.lines.values_mut();
        if let Some(lines) = all.find(|lines| since.is_some() && longest(lines) == since) {
            lines.pop_front();
            self.count = self.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    /// Opens connections to a core that says nothing.
    struct Quiet(TcpListener);

    impl Quiet {
        fn new() -> Self {
            Self(TcpListener::bind("127.0.0.1:0").unwrap())
        }

        async fn line(&self, now: Instant) -> Line {
            let address = self.0.local_addr().unwrap().to_string();
            let line = Line::open(&address, None, now).await.unwrap();
            // hyper's task says that it is ready.
            tokio::task::yield_now().await;
            line
        }
    }

    fn partner(name: &str) -> PartnerId {
        PartnerId::parse(name).unwrap()
    }

    fn rests(pool: &Pool, name: &str, now: Instant) -> Option<Instant> {
        let line = pool.take(&partner(name), now, 0)?;
        Some(line.rests_since())
    }

    #[tokio::test]
    async fn a_partners_connection_serves_that_partner_alone_and_the_longest_rested_first() {
        let (pool, core, start) = (Pool::default(), Quiet::new(), Clock::system().instant());
        let later = start + Duration::from_secs(1);
        for now in [start, later] {
            pool.keep(partner("acme"), core.line(start).await, now);
        }
        assert_eq!(rests(&pool, "tern", later), None);
        assert_eq!(rests(&pool, "acme", later), Some(start));
        assert_eq!(rests(&pool, "acme", later), Some(later));
        assert_eq!(rests(&pool, "acme", later), None);
    }

    #[tokio::test]
    async fn neither_a_partner_nor_all_together_keep_more_than_they_may() {
        let (pool, core, start) = (
            Pool::of_at_most(2, 3),
            Quiet::new(),
            Clock::system().instant(),
        );
        let at = |seconds| start + Duration::from_secs(seconds);
        for (seconds, name) in (0..).zip(["acme", "tern", "acme", "acme", "wren", "wren"]) {
            pool.keep(partner(name), core.line(start).await, at(seconds));
        }
        assert_eq!(
            rests(&pool, "tern", at(6)),
            None,
            "it rested longest of all"
        );
        assert_eq!(
            rests(&pool, "acme", at(6)),
            Some(at(3)),
            "its first two are gone"
        );
        assert_eq!(rests(&pool, "wren", at(6)), Some(at(4)));
        pool.sweep(at(1_000), 0);
        assert_eq!(rests(&pool, "wren", at(6)), None);
        assert_eq!(pool.resting().count, 0);
    }
}
