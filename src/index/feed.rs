//! Feeding the index behind the ledger.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::store::{self, Addition, Store};
use super::{FindError, Index};
use crate::entry::Entry;
use crate::ledger::Ledger;
use crate::ledger::merkle::leaf_hash;
use crate::ledger::reading::{self, Entries};

/// Between two looks whether there are new entries.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Likewise, after something went wrong.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Entries put into the index in one transaction: a search waits for at most one.
const ENTRIES_AT_ONCE: u64 = 8_192;
/// Words and places held for that, at about 20 bytes each: an entry may name hundreds of customers.
const POSTINGS_AT_ONCE: usize = 32_768;

/// Starts the thread that feeds `index` from `ledger`, as long as somebody has the index.
pub(super) fn start(index: &Arc<Index>, ledger: Ledger) -> std::io::Result<()> {
    let index = Arc::downgrade(index);
    let run = move || run(&index, &ledger);
    thread::Builder::new()
        .name("index".to_owned())
        .spawn(run)
        .map(drop)
}

fn run(index: &Weak<Index>, ledger: &Ledger) {
    let mut feeding = Feeding::default();
    loop {
        let Some(index) = index.upgrade() else {
            return;
        };
        let step = feeding.forget_before(&index, ledger.minimum());
        let pause = match step.and_then(|()| feeding.step(&index, ledger.size())) {
            Ok(true) => continue,
            Ok(false) => LOOK_EVERY,
            Err(error) => {
                tracing::warn!(%error, "the index of the ledger falls behind; searches read the log itself");
                feeding = Feeding::default();
                LOOK_AGAIN_AFTER
            }
        };
        drop(index);
        thread::sleep(pause);
    }
}

/// A reading of the log that goes on where it stopped.
#[derive(Debug, Default)]
pub(super) struct Feeding {
    entries: Option<Entries>,
    /// The minimum index of the log that was last looked at.
    minimum: u64,
}

impl Feeding {
    /// Has the index made again where it has something about entries that were pruned.
    fn forget_before(&mut self, index: &Index, minimum: u64) -> Result<(), FindError> {
        if minimum > self.minimum {
            if let Some(store) = index.store().as_ref()
                && store.begins_before(minimum)?
            {
                index.make_again();
            }
            self.minimum = minimum;
        }
        Ok(())
    }

    /// Takes the next entries before `end` into the index; whether there may be more already.
    pub(super) fn step(&mut self, index: &Index, end: u64) -> Result<bool, FindError> {
        let again = index.to_be_made_again.load(Ordering::SeqCst);
        if again || index.store().is_none() || !index.path().exists() {
            self.open(index)?;
        }
        let next = index.size();
        if next >= end {
            return Ok(false);
        }
        let entries = self
            .entries
            .get_or_insert_with(|| reading::entries(&index.directory, next));
        entries.follow();
        let mut addition = Addition::default();
        let mut leaf = None;
        let most = ENTRIES_AT_ONCE.min(end - next);
        while addition.entries < most && addition.postings() < POSTINGS_AT_ONCE {
            let Some(item) = entries.next() else {
                break;
            };
            let (place, bytes) = item?;
            let entry = Entry::parse(&bytes).map_err(|cause| FindError::Entry {
                index: place,
                cause,
            })?;
            addition.take(place, &entry);
            leaf = Some(leaf_hash(&bytes));
        }
        let Some(leaf) = leaf else {
            return Ok(false);
        };
        let mut store = index.store();
        let asked = index.to_be_made_again.load(Ordering::SeqCst);
        let Some(open) = store.as_mut().filter(|_| !asked) else {
            // What was read is not in it, so the next step begins anew.
            self.entries = None;
            return Ok(true);
        };
        match open.add(&addition, &leaf) {
            Ok(next) => index.next.store(next, Ordering::SeqCst),
            Err(error) => {
                *store = None;
                // The next step opens it, and makes it again should it be damaged.
                index.next.store(0, Ordering::SeqCst);
                self.entries = None;
                return Err(error.into());
            }
        }
        Ok(addition.entries == most || addition.postings() >= POSTINGS_AT_ONCE)
    }

    /// Opens the file, and makes another one of what is damaged, or of another log.
    fn open(&mut self, index: &Index) -> Result<(), FindError> {
        self.entries = None;
        let path = index.path();
        let mut slot = index.store();
        *slot = None;
        index.next.store(0, Ordering::SeqCst);
        let asked = index.to_be_made_again.load(Ordering::SeqCst);
        let opened = match Store::open(&path) {
            Ok(store) if !asked && is_of(&store, index) => Ok(store),
            Ok(store) => {
                drop(store);
                store::remove(&path)?;
                Store::open(&path)
            }
            Err(error) if store::is_damage(&error) => {
                tracing::warn!(%error, "the index of the ledger is damaged; it is made again");
                store::remove(&path)?;
                Store::open(&path)
            }
            Err(error) => Err(error),
        };
        let store = opened?;
        index.next.store(store.state().next, Ordering::SeqCst);
        index.to_be_made_again.store(false, Ordering::SeqCst);
        *slot = Some(store);
        Ok(())
    }
}

/// Whether the last entry that the index has is the log's at that place.
fn is_of(store: &Store, index: &Index) -> bool {
    let state = store.state();
    let Some(last) = state.next.checked_sub(1) else {
        return true;
    };
    let there = reading::entries(&index.directory, last).next();
    there.is_some_and(|item| {
        item.is_ok_and(|(place, bytes)| place == last && leaf_hash(&bytes)[..] == state.leaf[..])
    })
}
