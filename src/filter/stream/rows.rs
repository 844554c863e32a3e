//! Lines of CSV, each a record, while they arrive. The header stands before every part that is read, as the
//! columns are known by it alone.

use super::batch::Batch;
use crate::filter::uninspectable::Reason;

/// Whole lines, and the one that is arriving.
#[derive(Debug, Default)]
pub(super) struct Rows {
    batch: Batch,
    /// With the end of its line, once it is there.
    header: Option<Vec<u8>>,
    in_quotes: bool,
    /// Something was cut out.
    begun: bool,
}

/// Text that was cut out, and whether it is the first.
pub(super) type Part = (Vec<u8>, bool);

impl Rows {
    /// Goes on with `input`, which is shortened by what was read; the text of whole lines once they are
    /// enough to be read.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Part>, Reason> {
        while !input.is_empty() {
            let (length, ends) = self.skim(input);
            let (line, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
            *input = rest;
            self.batch.add(line)?;
            if !ends {
                continue;
            }
            let full = self.batch.complete();
            if self.header.is_none() {
                self.header = Some(self.batch.take_whole());
            } else if full {
                return Ok(self.whole());
            }
        }
        Ok(None)
    }

    /// The whole lines that are there.
    pub(super) fn whole(&mut self) -> Option<Part> {
        self.batch.has_whole().then(|| self.part())
    }

    /// The lines that are there at the end, of which the last may lack its own; the header alone, where
    /// nothing came after it.
    pub(super) fn end(&mut self) -> Option<Part> {
        if !self.batch.arriving().is_empty() {
            self.batch.complete();
        }
        (self.batch.has_whole() || !self.begun).then(|| self.part())
    }

    fn part(&mut self) -> Part {
        let mut text = self.header.clone().unwrap_or_default();
        text.append(&mut self.batch.take_whole());
        (text, !std::mem::replace(&mut self.begun, true))
    }

    /// How many bytes of `input` go on with the line, and whether they end it. Quotes that stand where none
    /// may lead this astray, to text that is refused when it is read.
    fn skim(&mut self, input: &[u8]) -> (usize, bool) {
        let mut position = 0;
        loop {
            let rest = input.get(position..).unwrap_or_default();
            let found = match self.in_quotes {
                true => memchr::memchr(b'"', rest),
                false => memchr::memchr2(b'"', b'\n', rest),
            };
            let Some(at) = found else {
                return (input.len(), false);
            };
            position += at + 1;
            if rest.get(at) == Some(&b'\n') {
                return (position, true);
            }
            self.in_quotes = !self.in_quotes;
        }
    }
}
