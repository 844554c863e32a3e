//! How one witness stands.

use jiff::Timestamp;

use super::ask::Trouble;
use crate::ledger::cosignature::cosigned;
use crate::ledger::{Cosigned, WitnessKey};

/// What it cosigned last, and what is wrong since.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Number of entries of the last checkpoint it cosigned; 0 where it has cosigned none.
    pub(super) size: u64,
    /// When it did.
    pub(super) at: Option<Timestamp>,
    /// Why it has not since.
    pub(super) trouble: Option<Trouble>,
}

impl Standing {
    /// As it was kept with the ledger. What is kept there and is not by its key counts for nothing: asking it
    /// shows where it stands. It cannot have cosigned later than `now`.
    pub(super) fn kept(kept: &[Cosigned], key: &WitnessKey, now: Timestamp) -> Self {
        let found = kept.iter().filter_map(|one| {
            let time = cosigned(&one.note, key).ok()??;
            Some((one.checkpoint.size, time.min(now)))
        });
        match found.max() {
            Some((size, time)) => Self {
                size,
                at: Some(time),
                trouble: None,
            },
            None => Self::default(),
        }
    }

    /// It has cosigned; the trouble there was before.
    pub(super) fn cosigned(&mut self, size: u64, at: Timestamp) -> Option<Trouble> {
        self.size = size;
        self.at = Some(at);
        self.trouble.take()
    }

    /// It has not; whether that is news.
    pub(super) fn troubled(&mut self, trouble: Trouble) -> bool {
        let news = self.trouble.as_ref().map(Trouble::kind) != Some(trouble.kind());
        self.trouble = Some(trouble);
        news
    }
}

/// Seconds from `at` to `now`; 0 where the clock has stepped back.
pub(super) fn age_seconds(at: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_second() - at.as_second()).unwrap_or(0)
}
