//! A map in parts, each behind its own lock, so that growing a table of millions stalls a few
//! readers for a moment rather than all of them for long.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{PoisonError, RwLock};

const SHARD_COUNT: usize = 64;

#[derive(Debug)]
pub(super) struct Shards<K, V> {
    hasher: RandomState,
    shards: [RwLock<HashMap<K, V>>; SHARD_COUNT],
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| RwLock::default()),
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let shard = self.shard(key).read();
        shard
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    pub(super) fn insert(&self, key: K, value: V) {
        self.change(key, |slot| *slot = Some(value));
    }

    /// Changes what stands under `key` in one step: `None` is nothing, before and after.
    pub(super) fn change<T>(&self, key: K, change: impl FnOnce(&mut Option<V>) -> T) -> T {
        let shard = self.shard(&key).write();
        let mut shard = shard.unwrap_or_else(PoisonError::into_inner);
        let mut slot = shard.remove(&key);
        let outcome = change(&mut slot);
        if let Some(value) = slot {
            shard.insert(key, value);
        }
        outcome
    }

    pub(super) fn len(&self) -> usize {
        let length = |shard: &RwLock<HashMap<K, V>>| {
            shard.read().unwrap_or_else(PoisonError::into_inner).len()
        };
        self.shards.iter().map(length).sum()
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &RwLock<HashMap<K, V>> {
        let [first, ..] = &self.shards;
        let index = self.hasher.hash_one(key) as usize % SHARD_COUNT;
        self.shards.get(index).unwrap_or(first)
    }
}
