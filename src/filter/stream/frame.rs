//! What is written around the parts of an answer: the brackets, keys and commas of the objects and
//! arrays that lead to its records.

use crate::catalogue::Member;

/// The document being written, as far as it has not been taken away.
#[derive(Debug, Default)]
pub(super) struct Frame {
    out: Vec<u8>,
    /// Of each object or array that is open: whether anything stands in it, and how it closes.
    levels: Vec<(bool, u8)>,
}

impl Frame {
    /// Begins an object (`{`) or array (`[`), as this member of the object around it.
    pub(super) fn open(&mut self, member: Option<&Member>, bracket: u8) {
        self.separate();
        if let Some(member) = member {
            self.out.extend_from_slice(&member.encoded);
        }
        self.out.push(bracket);
        // `{` and `}`, `[` and `]` stand two apart in ASCII.
        self.levels.push((false, bracket + 2));
    }

    /// Ends the innermost one.
    pub(super) fn close(&mut self) {
        if let Some((_, bracket)) = self.levels.pop() {
            self.out.push(bracket);
        }
    }

    /// Writes what is left of a part; nothing where nothing is left.
    pub(super) fn part(&mut self, body: &[u8]) {
        if !body.is_empty() {
            self.separate();
            self.out.extend_from_slice(body);
        }
    }

    /// Takes away all that was written.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn separate(&mut self) {
        if let Some((begun, _)) = self.levels.last_mut() {
            if *begun {
                self.out.push(b',');
            }
            *begun = true;
        }
    }
}
