//! Lines that end in CR LF and in nothing else, collected piece by piece up to a limit.

/// Why bytes are not a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineMistake {
    /// A bare CR, a bare LF, NUL or another control character; seen at once, not at the line's end.
    #[error("a line has a control character, or does not end in CR LF")]
    Control,
    /// Longer than the limit.
    #[error("a line is longer than allowed")]
    TooLong,
}

/// One line being collected.
#[derive(Debug, Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
    ending: bool,
}

impl Line {
    /// Takes bytes up to and including the end of the line. Returns how many, and whether it is whole.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        bytes_max: usize,
    ) -> Result<(usize, bool), LineMistake> {
        let text = if self.ending { &[] } else { text_of(bytes) };
        let room = bytes_max.saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(text.get(..room).unwrap_or(text));
        if text.len() > room {
            return Err(LineMistake::TooLong);
        }
        let mut ends = bytes.get(text.len()..).unwrap_or_default().iter();
        if !self.ending {
            match ends.next() {
                None => return Ok((bytes.len(), false)),
                Some(b'\r') => self.ending = true,
                Some(_) => return Err(LineMistake::Control),
            }
        }
        match ends.next() {
            None => Ok((bytes.len(), false)),
            Some(b'\n') => Ok((bytes.len() - ends.len(), true)),
            Some(_) => Err(LineMistake::Control),
        }
    }

    /// Whether nothing has come yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.bytes.is_empty() && !self.ending
    }

    /// What has come, without the line's end.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins the next line, and returns this one.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.ending = false;
        std::mem::take(&mut self.bytes)
    }
}

/// The bytes before the first that cannot stand in a line.
fn text_of(bytes: &[u8]) -> &[u8] {
    let control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    let end = bytes.iter().position(control).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or(bytes)
}

/// Whether a line would be a field, had its name no `_`.
pub(super) fn has_underscore(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let in_name = |byte: u8| byte == b'_' || is_name_byte(byte);
    name.len() < line.len() && name.contains(&b'_') && name.iter().copied().all(in_name)
}

/// Name and value of a field line (RFC 9112 section 5): a token, a colon at once, a value without the
/// blanks around it. No folding, no `_` in names, which some servers read as `-`.
pub(super) fn field(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
    if name.is_empty() || !name.iter().copied().all(is_name_byte) {
        return None;
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value
        .iter()
        .position(|byte| !blank(byte))
        .unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(|byte| !blank(byte))
        .map_or(start, |last| last + 1);
    Some((std::str::from_utf8(name).ok()?, value.get(start..end)?))
}

/// `tchar` of RFC 9110 section 5.6.2 without `_`.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_underscore_in_a_name_is_told_from_other_mistakes() {
        for line in ["x_partner_id: globex", "_:", "a_b:c:d"] {
            assert!(field(line.as_bytes()).is_none() && has_underscore(line.as_bytes()));
        }
        for line in ["a b_c: d", "a_b", ": a_b", "a-b: c_d", " a_b: c"] {
            assert!(!has_underscore(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_line_ends_in_cr_lf_only() {
        let mut line = Line::default();
        assert_eq!(line.feed(b"ab\r\ncd", 10), Ok((4, true)));
        assert_eq!(line.take(), b"ab");
        for bytes in [
            &b"ab\n"[..],
            b"a\rb",
            b"a\0",
            b"\r\r\n",
            b"a\x0bb",
            b"a\x7f",
        ] {
            assert_eq!(
                Line::default().feed(bytes, 10),
                Err(LineMistake::Control),
                "{bytes:?}"
            );
        }
        assert_eq!(
            Line::default().feed(b"abc\r\n", 2),
            Err(LineMistake::TooLong)
        );
        assert_eq!(Line::default().feed(b"ab\r\n", 2), Ok((4, true)));
    }

    #[test]
    fn a_field_is_a_token_a_colon_and_a_trimmed_value() {
        assert_eq!(field(b"a-b: \tc d\t "), Some(("a-b", &b"c d"[..])));
        assert_eq!(field(b"a:"), Some(("a", &b""[..])));
        assert_eq!(field(b"a:   "), Some(("a", &b""[..])));
        for line in [
            &b"a"[..],
            b":b",
            b"a :b",
            b" a:b",
            b"\ta",
            b"a b:c",
            b"a_b:c",
            b"\xc3\xa9:c",
            b"a\"b:c",
        ] {
            assert_eq!(field(line), None, "{line:?}");
        }
    }
}
