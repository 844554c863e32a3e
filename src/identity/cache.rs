//! Tokens that have been verified, so that a partner's second request costs one SHA-256 and a look-up
//! instead of a signature.
//!
//! Only what depends on the token alone is remembered. Its binding to the certificate and the
//! partner's suspension are checked again on every request, outside.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use crate::identity::claims::AccessToken;

/// How many tokens are remembered, at about 600 bytes each.
pub const CACHED_TOKENS_MAX: usize = 16 * 1024;
/// How long one is remembered without its signature being checked again, in seconds.
pub const CACHED_SECONDS_MAX: i64 = 300;
const SHARDS: usize = 16;

/// SHA-256 of a compact token: what stands in memory in its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of a compact token.
    pub fn of(compact: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, compact.as_bytes()).as_ref());
        Self(bytes)
    }
}

/// Verified tokens by digest.
#[derive(Debug)]
pub struct TokenCache {
    shards: Vec<Mutex<Shard>>,
    shard_tokens_max: usize,
}

/// Two maps, so that forgetting is cheap: when the younger is full the older is dropped whole and the
/// younger takes its place; a hit in the older moves the token back. What is asked for stays.
#[derive(Debug, Default)]
struct Shard {
    generation: u64,
    younger: HashMap<TokenDigest, Cached>,
    older: HashMap<TokenDigest, Cached>,
}

#[derive(Clone, Debug)]
struct Cached {
    token: Arc<AccessToken>,
    verified_at: i64,
}

impl std::fmt::Debug for TokenDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TokenDigest(withheld)")
    }
}

impl TokenCache {
    /// A cache for `tokens_max` tokens, at least 32.
    pub fn new(tokens_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_tokens_max: (tokens_max / SHARDS).max(2),
        }
    }

    /// The token with this digest, if it was verified with the keys of this `generation`, has not
    /// expired at `now` (leeway is not given again) and was verified at most
    /// [`CACHED_SECONDS_MAX`] ago. A clock that went back is a miss.
    pub fn find(
        &self,
        digest: &TokenDigest,
        generation: u64,
        now: i64,
    ) -> Option<Arc<AccessToken>> {
        let mut shard = self.shard(digest)?;
        if shard.generation != generation {
            return None;
        }
        let cached = match shard.younger.get(digest) {
            Some(cached) => cached.clone(),
            None => {
                let cached = shard.older.remove(digest)?;
                shard.keep(*digest, cached.clone(), self.shard_tokens_max);
                cached
            }
        };
        let fresh = (cached.verified_at..=cached.verified_at + CACHED_SECONDS_MAX).contains(&now)
            && now < cached.token.expires_at.as_second();
        if !fresh {
            shard.younger.remove(digest);
        }
        fresh.then_some(cached.token)
    }

    /// Remembers a token just verified with the keys of `generation`. A newer generation forgets
    /// everything older; an older one is not remembered.
    pub fn remember(
        &self,
        digest: TokenDigest,
        generation: u64,
        now: i64,
        token: &Arc<AccessToken>,
    ) {
        let Some(mut shard) = self.shard(&digest) else {
            return;
        };
        if generation > shard.generation {
            *shard = Shard {
                generation,
                ..Shard::default()
            };
        }
        if generation == shard.generation {
            let cached = Cached {
                token: Arc::clone(token),
                verified_at: now,
            };
            shard.keep(digest, cached, self.shard_tokens_max);
        }
    }

    fn shard(&self, digest: &TokenDigest) -> Option<MutexGuard<'_, Shard>> {
        let TokenDigest([first, ..]) = digest;
        let shard = self.shards.get(usize::from(*first) % SHARDS)?;
        // A shard is whole between any two of its statements, so a poisoned lock loses nothing.
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    fn keep(&mut self, digest: TokenDigest, cached: Cached, tokens_max: usize) {
        if self.younger.len() >= tokens_max / 2 {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(digest, cached);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn token(expires_at: i64) -> Arc<AccessToken> {
        Arc::new(AccessToken {
            client_id: "acme-portal".into(),
            subject: "acme-portal".into(),
            token_id: "1".into(),
            purposes: None,
            confirmation: None,
            proof_key: None,
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::from_second(expires_at).unwrap(),
        })
    }

    #[test]
    fn a_token_is_remembered_until_it_expires() {
        let cache = TokenCache::new(64);
        let digest = TokenDigest::of("a");
        cache.remember(digest, 1, 1_000, &token(1_100));
        assert!(cache.find(&digest, 1, 1_099).is_some());
        assert!(cache.find(&digest, 1, 1_100).is_none());
        assert!(cache.find(&TokenDigest::of("b"), 1, 1_000).is_none());
    }

    #[test]
    fn a_token_is_remembered_for_at_most_the_named_time_and_never_before_it_was_verified() {
        let cache = TokenCache::new(64);
        let digest = TokenDigest::of("a");
        let late = 1_000 + CACHED_SECONDS_MAX + 1;
        for wrong in [late, 999] {
            cache.remember(digest, 1, 1_000, &token(9_999));
            assert!(cache.find(&digest, 1, 1_000).is_some());
            assert!(cache.find(&digest, 1, wrong).is_none());
        }
    }

    #[test]
    fn new_keys_forget_every_token_and_old_keys_bring_none_back() {
        let cache = TokenCache::new(64);
        let digest = TokenDigest::of("a");
        cache.remember(digest, 1, 1_000, &token(9_999));
        assert!(cache.find(&digest, 2, 1_000).is_none());
        cache.remember(digest, 2, 1_000, &token(9_999));
        cache.remember(digest, 1, 1_000, &token(9_999));
        assert!(cache.find(&digest, 1, 1_000).is_none());
        assert!(cache.find(&digest, 2, 1_000).is_some());
    }

    #[test]
    fn a_full_cache_forgets_what_is_not_asked_for() {
        let cache = TokenCache::new(64);
        let asked = TokenDigest::of("asked for");
        cache.remember(asked, 1, 1_000, &token(9_999));
        for number in 0..10_000 {
            let digest = TokenDigest::of(&number.to_string());
            cache.remember(digest, 1, 1_000, &token(9_999));
            assert!(cache.find(&asked, 1, 1_000).is_some(), "at {number}");
        }
        let held = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap();
            shard.younger.len() + shard.older.len()
        };
        assert!(cache.shards.iter().map(held).sum::<usize>() <= 64);
    }
}
