//! A strict reader of JSON tokens over a whole body: positions and tokens, no values, no tree.

use super::uninspectable::{Reason, Uninspectable};
use super::{Limits, text};

/// How a string was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoted {
    /// Without escapes: its token is what serialising it again would give.
    Plain,
    /// With at least one escape.
    Escaped,
}

/// The body and how far it has been read.
pub(super) struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Reader<'a> {
    /// Over `body`, if it is UTF-8, not empty, without a byte order mark and not too large.
    pub(super) fn new(body: &'a [u8], limits: &Limits) -> Result<Self, Uninspectable> {
        let largest = limits.body_bytes_max.min(u32::MAX as usize);
        if body.len() > largest {
            return Err(Uninspectable::new(Reason::TooLarge, largest));
        }
        if body.starts_with(b"\xEF\xBB\xBF") {
            return Err(Uninspectable::new(Reason::ByteOrderMark, 0));
        }
        let text = std::str::from_utf8(body)
            .map_err(|error| Uninspectable::new(Reason::NotUtf8, error.valid_up_to()))?;
        let mut reader = Self { text, position: 0 };
        match reader.next() {
            Some(_) => Ok(reader),
            None => Err(reader.refuse(Reason::Empty)),
        }
    }

    /// Over nothing.
    pub(super) fn nothing() -> Self {
        Self {
            text: "",
            position: 0,
        }
    }

    /// The whole body.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// How far it has been read, in bytes.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// What was read since `start`.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.position).unwrap_or_default()
    }

    /// A refusal at this position.
    pub(super) fn refuse(&self, reason: Reason) -> Uninspectable {
        Uninspectable::new(reason, self.position)
    }

    /// The refusal for whatever stands here and should not.
    #[cold]
    pub(super) fn unexpected(&self) -> Uninspectable {
        self.refuse(match self.peek() {
            Some(_) => Reason::Unexpected,
            None => Reason::Truncated,
        })
    }

    /// The refusal for what stands here where the catalogue says another type: a mismatch if a JSON
    /// value begins here at all.
    #[cold]
    pub(super) fn not_this_value(&self) -> Uninspectable {
        match self.peek() {
            Some(b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                self.refuse(Reason::Mismatch)
            }
            _ => self.unexpected(),
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// The next byte that is not white space; it stays unread.
    #[inline]
    pub(super) fn next(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.position += 1;
        }
    }

    /// Reads `byte`, which must come next after white space.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Uninspectable> {
        if self.next() != Some(byte) {
            return Err(self.unexpected());
        }
        self.position += 1;
        Ok(())
    }

    /// Reads the opening bracket that [`Self::next`] has shown; whether anything stands before `close`.
    #[inline]
    pub(super) fn enter(&mut self, close: u8) -> bool {
        self.position += 1;
        let inhabited = self.next() != Some(close);
        self.position += usize::from(!inhabited);
        inhabited
    }

    /// After a member or item: reads a comma (`true`: another must follow) or `close` (`false`).
    #[inline]
    pub(super) fn another(&mut self, close: u8) -> Result<bool, Uninspectable> {
        match self.next() {
            Some(b',') => {
                self.position += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.position += 1;
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Reads exactly `bytes` if they come next.
    #[inline]
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        let rest = self.text.as_bytes().get(self.position..);
        let found = rest.is_some_and(|rest| rest.starts_with(bytes));
        self.position += if found { bytes.len() } else { 0 };
        found
    }

    /// Reads `true`, `false` or `null`.
    pub(super) fn literal(&mut self, word: &[u8]) -> Result<(), Uninspectable> {
        if self.take(word) {
            return Ok(());
        }
        Err(self.unexpected())
    }

    /// Reads a string from its opening quote, which must come next, to its closing one.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Quoted, Uninspectable> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        self.position += 1;
        let mut quoted = Quoted::Plain;
        loop {
            let rest = self
                .text
                .as_bytes()
                .get(self.position..)
                .unwrap_or_default();
            self.position += text::plain_length(rest);
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(quoted);
                }
                Some(b'\\') => {
                    quoted = Quoted::Escaped;
                    self.escape()?;
                }
                Some(_) => return Err(self.refuse(Reason::ControlCharacter)),
                None => return Err(self.refuse(Reason::Truncated)),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Uninspectable> {
        let after = self.text.get(self.position + 1..).unwrap_or_default();
        let (_, length) = text::escape(after).map_err(|reason| self.refuse(reason))?;
        self.position += 1 + length;
        Ok(())
    }

    /// Reads a number; whether it has neither fraction nor exponent.
    #[inline]
    pub(super) fn number(&mut self) -> Result<bool, Uninspectable> {
        self.position += usize::from(self.peek() == Some(b'-'));
        let zero_first = self.peek() == Some(b'0');
        let digits = self.digits()?;
        if zero_first && digits > 1 {
            return Err(self.refuse(Reason::BadNumber));
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            integer = false;
            self.position += 1;
            self.position += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(integer)
    }

    /// Reads at least one digit; how many.
    #[inline]
    fn digits(&mut self) -> Result<usize, Uninspectable> {
        let start = self.position;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.position += 1;
        }
        match self.position - start {
            0 if self.peek().is_none() => Err(self.refuse(Reason::Truncated)),
            0 => Err(self.refuse(Reason::BadNumber)),
            digits => Ok(digits),
        }
    }

    /// Whether another line begins here. It must begin with its value.
    pub(super) fn begin_line(&self) -> Result<bool, Uninspectable> {
        match self.peek() {
            None => Ok(false),
            Some(b' ' | b'\n' | b'\r' | b'\t') => Err(self.refuse(Reason::Unexpected)),
            Some(_) => Ok(true),
        }
    }

    /// The end of a line whose value was read from `start` on, within the line.
    pub(super) fn end_line(&mut self, start: usize) -> Result<(), Uninspectable> {
        if memchr::memchr(b'\n', self.since(start).as_bytes()).is_some() {
            return Err(Uninspectable::new(Reason::Unexpected, start));
        }
        while let Some(b' ' | b'\r' | b'\t') = self.peek() {
            self.position += 1;
        }
        match self.peek() {
            None => Ok(()),
            Some(b'\n') => {
                self.position += 1;
                Ok(())
            }
            Some(_) => Err(self.refuse(Reason::TrailingData)),
        }
    }

    /// The end of the body: nothing but white space may be left.
    pub(super) fn end(&mut self) -> Result<(), Uninspectable> {
        match self.next() {
            Some(_) => Err(self.refuse(Reason::TrailingData)),
            None => Ok(()),
        }
    }
}
