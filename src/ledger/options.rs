//! How a ledger is kept: sizes, waits, places.

use std::path::PathBuf;
use std::time::Duration;

use super::batch::BLOCK_BYTES;
use super::key::Signer;
use crate::entry::ENTRY_BYTES_MAX;

/// Smallest segment: it must hold the largest entry in a batch of its own.
pub const SEGMENT_BYTES_MIN: u64 = 128 * 1024;

/// Usual segment.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// Largest segment.
const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Most bytes made durable together.
const BATCH_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Longest origin, in bytes: it stands in every checkpoint.
const ORIGIN_BYTES_MAX: usize = 255;

/// Room in a segment for what is not a batch's entries: its own header block, and the batch's header,
/// checkpoint, digest and padding.
const SEGMENT_OVERHEAD_BYTES: u64 = 4 * BLOCK_BYTES as u64;

/// How a ledger is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where; made if it is not there.
    pub directory: PathBuf,
    /// Name of the log, for ever; must be the name of the signing key.
    pub origin: String,
    /// Length of a segment: 128 KiB to 1 GiB, a multiple of 4096.
    pub segment_bytes: u64,
    /// Most entries that may wait to be made durable; more have to wait for a place.
    pub queue_entries_max: usize,
    /// Longest wait for an entry to become durable.
    pub wait_max: Duration,
    /// Longest time between two published checkpoints.
    pub publish_interval: Duration,
    /// A second file that published checkpoints are written to, best on another disk: a log that is
    /// shorter than what it says is not opened.
    pub second_checkpoint: Option<PathBuf>,
}

impl Options {
    /// The usual way to keep the log `origin` in `directory`.
    pub fn new(directory: impl Into<PathBuf>, origin: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            origin: origin.into(),
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            queue_entries_max: 4_096,
            wait_max: Duration::from_secs(2),
            publish_interval: Duration::from_secs(10),
            second_checkpoint: None,
        }
    }

    /// Whether these can work together, with this key; if not, why.
    pub(super) fn check(&self, signer: &Signer) -> Result<(), String> {
        let whole = self.segment_bytes.is_multiple_of(BLOCK_BYTES as u64);
        if !whole || !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return Err("segments have 131072 to 1073741824 bytes, a multiple of 4096".to_owned());
        }
        if self.queue_entries_max < 2 {
            return Err("the queue of the ledger takes at least 2 entries".to_owned());
        }
        if self.origin.len() > ORIGIN_BYTES_MAX {
            return Err(format!(
                "the origin of the ledger has at most {ORIGIN_BYTES_MAX} bytes"
            ));
        }
        let name = signer.verifier_key().name();
        if name != self.origin {
            return Err(format!(
                "the signing key is called `{name}`, the log `{}`: they must be the same",
                self.origin
            ));
        }
        Ok(())
    }

    /// Most bytes of a batch's entries with their framing: a batch fits a segment, an entry a batch.
    pub(super) fn batch_bytes_max(&self) -> usize {
        let room = self.segment_bytes.saturating_sub(SEGMENT_OVERHEAD_BYTES);
        usize::try_from(room.min(BATCH_BYTES_MAX)).unwrap_or(ENTRY_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::{Batch, ENTRY_OVERHEAD_BYTES};
    use super::*;

    #[test]
    fn the_largest_entry_with_the_longest_origin_fits_the_smallest_segment() {
        let options = Options {
            segment_bytes: SEGMENT_BYTES_MIN,
            ..Options::new("", "log")
        };
        assert!(options.batch_bytes_max() > ENTRY_BYTES_MAX + ENTRY_OVERHEAD_BYTES);
        let checkpoint_bytes = 2 * ORIGIN_BYTES_MAX + 512;
        let frame = Batch::frame_bytes(0, options.batch_bytes_max(), checkpoint_bytes);
        let padded = frame.next_multiple_of(BLOCK_BYTES) + BLOCK_BYTES;
        assert!(padded as u64 <= SEGMENT_BYTES_MIN);
    }
}
