//! Records that arrived, gathered until they are read together.

use super::{BATCH_BYTES, BATCH_RECORDS_MAX, RECORD_BYTES_MAX};
use crate::filter::uninspectable::Reason;

/// The text of whole records, and behind them of the one that is arriving.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: Vec<u8>,
    /// Where the arriving record begins.
    whole: usize,
    records: usize,
}

impl Batch {
    /// Adds bytes of the arriving record.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        if self.text.len() - self.whole + bytes.len() > RECORD_BYTES_MAX {
            return Err(Reason::TooLarge);
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    /// The arriving record is there; whether the batch is full with it.
    pub(super) fn complete(&mut self) -> bool {
        self.whole = self.text.len();
        self.records += 1;
        self.whole >= BATCH_BYTES || self.records >= BATCH_RECORDS_MAX
    }

    /// Takes the whole records away; the arriving one stays.
    pub(super) fn take_whole(&mut self) -> Vec<u8> {
        let arriving = self.text.split_off(self.whole);
        (self.whole, self.records) = (0, 0);
        std::mem::replace(&mut self.text, arriving)
    }

    /// Likewise, without the comma before the arriving one.
    pub(super) fn take_items(&mut self) -> Vec<u8> {
        let whole = self.take_whole();
        if self.text.first() == Some(&b',') {
            self.text.remove(0);
        }
        whole
    }

    /// Whether a whole record is there.
    pub(super) fn has_whole(&self) -> bool {
        self.whole > 0
    }

    /// What has come of the arriving record.
    pub(super) fn arriving(&self) -> &[u8] {
        self.text.get(self.whole..).unwrap_or_default()
    }
}
