//! Lines, each a record (NDJSON), while they arrive.

use super::batch::Batch;
use crate::filter::uninspectable::Reason;

/// Whole lines, and the one that is arriving.
#[derive(Debug, Default)]
pub(super) struct Lines {
    batch: Batch,
}

impl Lines {
    /// Goes on with `input`, which is shortened by what was read; the text of whole lines once they are
    /// enough to be read.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, Reason> {
        while !input.is_empty() {
            let end = memchr::memchr(b'\n', input).map(|at| at + 1);
            let (line, rest) = input
                .split_at_checked(end.unwrap_or(input.len()))
                .unwrap_or((input, &[]));
            *input = rest;
            self.batch.add(line)?;
            if end.is_some() && self.batch.complete() {
                return Ok(self.whole());
            }
        }
        Ok(None)
    }

    /// The whole lines that are there.
    pub(super) fn whole(&mut self) -> Option<Vec<u8>> {
        self.batch.has_whole().then(|| self.batch.take_whole())
    }

    /// The lines that are there at the end, of which the last may lack its own.
    pub(super) fn end(&mut self) -> Option<Vec<u8>> {
        if !self.batch.arriving().is_empty() {
            self.batch.complete();
        }
        self.whole()
    }
}
