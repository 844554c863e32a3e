//! Which proofs of possession were seen (RFC 9449 section 11.1): each is claimed once, in memory and then
//! on disk, before the request it came with goes on. So one is refused the second time after a restart too.
//! Kept until it would be too old anyway, and no more than a fixed number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};

use super::{NotKept, Registry};
use crate::terms::PartnerId;

/// How many proofs are remembered at once, at about 100 bytes each.
pub const PROOFS_MAX: usize = 1 << 19;
/// How many of them one partner's may be: twice what its highest rate makes in their time.
pub const PARTNER_PROOFS_MAX: usize = PROOFS_MAX / 4;

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is the first, and durably so.
    First,
    /// It was seen before.
    Seen,
    /// There is no room to remember it, so it must not be taken.
    NoRoom,
}

/// Every proof that could still be taken, by its digest.
#[derive(Debug, Default)]
pub(super) struct Proofs(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    seen: HashMap<[u8; 32], (i64, Option<PartnerId>)>,
    of_partner: HashMap<PartnerId, usize>,
    /// Before this time nothing is looked through for what is over.
    sweep_at: i64,
}

/// How often what is over is forgotten, in seconds.
const SWEEP_SECONDS: i64 = 10;

impl Proofs {
    pub(super) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare("SELECT digest, until FROM proof")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut held = self.lock();
        for row in rows {
            let (digest, until): ([u8; 32], i64) = row?;
            held.seen.insert(digest, (until, None));
        }
        Ok(())
    }

    fn claim(&self, digest: [u8; 32], partner: &PartnerId, until: i64, now: i64) -> Claimed {
        let mut held = self.lock();
        held.sweep(now);
        if held.seen.contains_key(&digest) {
            return Claimed::Seen;
        }
        let own = held.of_partner.get(partner).copied().unwrap_or_default();
        if held.seen.len() >= PROOFS_MAX || own >= PARTNER_PROOFS_MAX {
            return Claimed::NoRoom;
        }
        held.of_partner.insert(partner.clone(), own + 1);
        held.seen.insert(digest, (until, Some(partner.clone())));
        Claimed::First
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn sweep(&mut self, now: i64) {
        // A time far ahead is left from before the clock went back.
        if now < self.sweep_at && self.sweep_at - now <= SWEEP_SECONDS {
            return;
        }
        self.sweep_at = now + SWEEP_SECONDS;
        let of_partner = &mut self.of_partner;
        self.seen.retain(|_, (until, partner)| {
            let holds = now < *until;
            if let (false, Some(partner)) = (holds, partner)
                && let Some(count) = of_partner.get_mut(partner)
            {
                *count = count.saturating_sub(1);
            }
            holds
        });
        of_partner.retain(|_, count| *count > 0);
    }
}

impl Registry {
    /// Claims the proof with this digest, which is too old from `until` on (seconds since 1970). Of any
    /// number that claim it at once, one is the first; that it was is on disk when this returns.
    ///
    /// # Errors
    /// Where it could not be written; then it counts as seen all the same.
    pub async fn claim_proof(
        &self,
        digest: [u8; 32],
        partner: &PartnerId,
        until: i64,
    ) -> Result<Claimed, NotKept> {
        let now = self.clock.unix_seconds();
        let proofs = Arc::clone(&self.memory.proofs);
        let claimed = proofs.claim(digest, partner, until, now);
        if claimed != Claimed::First {
            return Ok(claimed);
        }
        let change = move |connection: &Connection| {
            let mut forget = connection.prepare_cached("DELETE FROM proof WHERE until <= ?1")?;
            forget.execute(params![now])?;
            let sql = "INSERT OR REPLACE INTO proof (digest, until) VALUES (?1, ?2)";
            connection
                .prepare_cached(sql)?
                .execute(params![digest, until])?;
            Ok(Claimed::First)
        };
        self.writer.write(change, |_| {}).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    fn clock() -> Clock {
        Clock::manual("2026-11-22T12:00:00Z".parse().unwrap())
    }

    fn partner(id: &str) -> PartnerId {
        PartnerId::parse(id).unwrap()
    }

    #[tokio::test]
    async fn of_many_who_claim_a_proof_at_once_one_is_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let registry = Registry::open(&folder.path().join("r"), clock.clone()).unwrap();
        let (acme, until) = (partner("acme"), clock.unix_seconds() + 90);
        let claims = (0..64).map(|_| registry.claim_proof([1; 32], &acme, until));
        let claimed = futures_util::future::join_all(claims).await;
        let of = |what| claimed.iter().filter(|one| **one == Ok(what)).count();
        assert_eq!((of(Claimed::First), of(Claimed::Seen)), (1, 63));
        let other = registry.claim_proof([2; 32], &acme, until).await;
        assert_eq!(other, Ok(Claimed::First));
    }

    #[tokio::test]
    async fn a_proof_stays_seen_over_a_restart_until_it_would_be_too_old() {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("r"), clock());
        let (acme, until) = (partner("acme"), clock.unix_seconds() + 90);
        let registry = Registry::open(&path, clock.clone()).unwrap();
        let claimed = registry.claim_proof([1; 32], &acme, until).await;
        assert_eq!(claimed, Ok(Claimed::First));
        drop(registry);
        let registry = Registry::open(&path, clock.clone()).unwrap();
        clock.advance(Duration::from_secs(89));
        let claimed = registry.claim_proof([1; 32], &acme, until).await;
        assert_eq!(claimed, Ok(Claimed::Seen));
        clock.advance(Duration::from_secs(20));
        let later = clock.unix_seconds() + 90;
        let claimed = registry.claim_proof([2; 32], &acme, later).await;
        assert_eq!(claimed, Ok(Claimed::First));
        assert_eq!(registry.memory.proofs.lock().seen.len(), 1);
        drop(registry);
        let connection = Connection::open(&path).unwrap();
        let count = "SELECT count(*) FROM proof";
        let kept: i64 = connection.query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 1);
    }

    #[test]
    fn one_partner_cannot_take_the_room_of_others() {
        let proofs = Proofs::default();
        let digest = |number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            digest
        };
        for number in 0..PARTNER_PROOFS_MAX {
            let claimed = proofs.claim(digest(number), &partner("acme"), 90, 0);
            assert_eq!(claimed, Claimed::First);
        }
        let more = digest(PARTNER_PROOFS_MAX);
        assert_eq!(proofs.claim(more, &partner("acme"), 90, 0), Claimed::NoRoom);
        assert_eq!(proofs.claim(more, &partner("crest"), 90, 0), Claimed::First);
        let again = proofs.claim(digest(0), &partner("acme"), 200, 100);
        assert_eq!(again, Claimed::First, "what is over makes room");
    }
}
