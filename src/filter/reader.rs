//! A strict reader of JSON tokens over a whole body: positions and tokens, no values, no tree.

use super::uninspectable::{Reason, Uninspectable};
use super::{Limits, text};

/// How a string was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoted {
    /// Without escapes.
    Plain,
    /// With escapes, each of which serialising it again would give.
    Escaped,
    /// With an escape that serialising it again would not give.
    Respelled,
}

/// The text of `body`, if it is UTF-8, without a byte order mark and not too large.
pub(super) fn whole<'a>(body: &'a [u8], limits: &Limits) -> Result<&'a str, Uninspectable> {
    let largest = limits.body_bytes_max.min(u32::MAX as usize);
    if body.len() > largest {
        return Err(Uninspectable::new(Reason::TooLarge, largest));
    }
    if body.starts_with(b"\xEF\xBB\xBF") {
        return Err(Uninspectable::new(Reason::ByteOrderMark, 0));
    }
    simdutf8::compat::from_utf8(body)
        .map_err(|error| Uninspectable::new(Reason::NotUtf8, error.valid_up_to()))
}

/// The body and what of it has not been read. A loop that reads much does so with a copy, which the
/// compiler keeps in registers as long as nothing is called with a reference to it: what is rare and
/// therefore a call (space, escapes, fractions, refusals) takes the reader as a value.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    text: &'a str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over `body`, if it is UTF-8, not empty, without a byte order mark and not too large.
    pub(super) fn new(body: &'a [u8], limits: &Limits) -> Result<Self, Uninspectable> {
        let text = whole(body, limits)?;
        let mut reader = Self { text, rest: body };
        match reader.next() {
            Some(_) => Ok(reader),
            None => Err(reader.refuse(Reason::Empty)),
        }
    }

    /// Over nothing.
    pub(super) fn nothing() -> Self {
        Self {
            text: "",
            rest: &[],
        }
    }

    /// The whole body.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// How far it has been read, in bytes.
    #[inline]
    pub(super) fn position(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// What was read since `start`.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.position()).unwrap_or_default()
    }

    /// A refusal at this position.
    #[cold]
    pub(super) fn refuse(self, reason: Reason) -> Uninspectable {
        Uninspectable::new(reason, self.position())
    }

    /// The refusal for whatever stands here and should not.
    #[cold]
    pub(super) fn unexpected(self) -> Uninspectable {
        self.refuse(match self.rest {
            [] => Reason::Truncated,
            _ => Reason::Unexpected,
        })
    }

    /// The refusal for what stands here where the catalogue says another type: a mismatch if a JSON
    /// value begins here at all.
    #[cold]
    pub(super) fn not_this_value(self) -> Uninspectable {
        match self.rest {
            [
                b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n',
                ..,
            ] => self.refuse(Reason::Mismatch),
            _ => self.unexpected(),
        }
    }

    /// The next byte that is not white space; it stays unread.
    #[inline]
    pub(super) fn next(&mut self) -> Option<u8> {
        if let [b' ' | b'\n' | b'\r' | b'\t', ..] = self.rest {
            self.rest = self.behind_space();
        }
        self.rest.first().copied()
    }

    #[inline(never)]
    fn behind_space(self) -> &'a [u8] {
        let mut rest = self.rest;
        while let [b' ' | b'\n' | b'\r' | b'\t', after @ ..] = rest {
            rest = after;
        }
        rest
    }

    /// Reads `byte`, which must come next after white space.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Uninspectable> {
        self.next();
        match self.rest {
            [next, after @ ..] if *next == byte => {
                self.rest = after;
                Ok(())
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Reads the opening bracket that [`Self::next`] has shown; whether anything stands before `close`.
    #[inline]
    pub(super) fn enter(&mut self, close: u8) -> bool {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.next();
        match self.rest {
            [next, after @ ..] if *next == close => {
                self.rest = after;
                false
            }
            _ => true,
        }
    }

    /// After a member or item: reads a comma (`true`: another must follow) or `close` (`false`).
    #[inline]
    pub(super) fn another(&mut self, close: u8) -> Result<bool, Uninspectable> {
        self.next();
        match self.rest {
            [b',', after @ ..] => {
                self.rest = after;
                Ok(true)
            }
            [next, after @ ..] if *next == close => {
                self.rest = after;
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Reads exactly `bytes` if they come next.
    #[inline]
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        match self.rest.split_at_checked(bytes.len()) {
            Some((here, after)) if text::same(here, bytes) => {
                self.rest = after;
                true
            }
            _ => false,
        }
    }

    /// Reads `true`, `false` or `null`.
    #[inline]
    pub(super) fn literal(&mut self, word: &[u8]) -> Result<(), Uninspectable> {
        if self.take(word) {
            return Ok(());
        }
        Err(self.unexpected())
    }

    /// Reads a string from its opening quote, which must come next, to its closing one.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Quoted, Uninspectable> {
        let [b'"', inside @ ..] = self.rest else {
            return Err(self.unexpected());
        };
        self.rest = text::behind_plain(inside);
        if let [b'"', after @ ..] = self.rest {
            self.rest = after;
            return Ok(Quoted::Plain);
        }
        let quoted;
        (quoted, self.rest) = self.behind_string()?;
        Ok(quoted)
    }

    /// As [`Self::string`], from the first byte that is not plain; with what stands behind the string.
    #[inline(never)]
    fn behind_string(mut self) -> Result<(Quoted, &'a [u8]), Uninspectable> {
        let mut quoted = Quoted::Escaped;
        loop {
            match self.rest {
                [b'"', after @ ..] => return Ok((quoted, after)),
                [
                    b'\\',
                    b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't',
                    after @ ..,
                ] => {
                    self.rest = after;
                }
                [b'\\', ..] => {
                    quoted = Quoted::Respelled;
                    self.escape()?;
                }
                [_, ..] => return Err(self.refuse(Reason::ControlCharacter)),
                [] => return Err(self.refuse(Reason::Truncated)),
            }
            self.rest = text::behind_plain(self.rest);
        }
    }

    fn escape(&mut self) -> Result<(), Uninspectable> {
        let after = self.text.get(self.position() + 1..).unwrap_or_default();
        let (_, length) = text::escape(after).map_err(|reason| self.refuse(reason))?;
        self.rest = self.rest.get(1 + length..).unwrap_or_default();
        Ok(())
    }

    /// Reads a number; whether it has neither fraction nor exponent.
    #[inline]
    pub(super) fn number(&mut self) -> Result<bool, Uninspectable> {
        if let [b'-', after @ ..] = self.rest {
            self.rest = after;
        }
        let zero_first = self.rest.first() == Some(&b'0');
        let digits = self.digits()?;
        if zero_first && digits > 1 {
            return Err(self.refuse(Reason::BadNumber));
        }
        if let [b'.' | b'e' | b'E', ..] = self.rest {
            self.rest = self.behind_number()?;
            return Ok(false);
        }
        Ok(true)
    }

    /// As [`Self::number`], from its fraction or exponent: what stands behind the number.
    #[inline(never)]
    fn behind_number(mut self) -> Result<&'a [u8], Uninspectable> {
        if let [b'.', after @ ..] = self.rest {
            self.rest = after;
            self.digits()?;
        }
        if let [b'e' | b'E', after @ ..] = self.rest {
            self.rest = after;
            if let [b'+' | b'-', after @ ..] = self.rest {
                self.rest = after;
            }
            self.digits()?;
        }
        Ok(self.rest)
    }

    /// Reads at least one digit; how many.
    #[inline]
    fn digits(&mut self) -> Result<usize, Uninspectable> {
        let before = self.rest.len();
        while let [b'0'..=b'9', after @ ..] = self.rest {
            self.rest = after;
        }
        match before - self.rest.len() {
            0 if self.rest.is_empty() => Err(self.refuse(Reason::Truncated)),
            0 => Err(self.refuse(Reason::BadNumber)),
            digits => Ok(digits),
        }
    }

    /// Whether another line begins here. It must begin with its value.
    pub(super) fn begin_line(&self) -> Result<bool, Uninspectable> {
        match self.rest.first() {
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
        while let Some((b' ' | b'\r' | b'\t', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
        match self.rest.split_first() {
            None => Ok(()),
            Some((b'\n', rest)) => {
                self.rest = rest;
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
