//! JSON strings (RFC 8259 section 7): one place decides what an escape means, and both the check
//! and the decoding go through it.

use std::borrow::Cow;

use super::uninspectable::Reason;

/// The character an escape stands for and how many bytes it takes, given what follows the backslash.
pub(super) fn escape(after_backslash: &str) -> Result<(char, usize), Reason> {
    let character = match after_backslash.as_bytes().first() {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(after_backslash),
        _ => return Err(Reason::BadEscape),
    };
    Ok((character, 1))
}

/// As [`escape`], for `u` and four digits, or a surrogate pair of two such escapes.
fn unicode_escape(after_backslash: &str) -> Result<(char, usize), Reason> {
    let unit = hex_unit(after_backslash.get(1..5)).ok_or(Reason::BadEscape)?;
    if let Some(character) = char::from_u32(unit) {
        return Ok((character, 5));
    }
    let pair = || {
        let low = hex_unit(after_backslash.get(5..11)?.strip_prefix("\\u"))?;
        let (high, low) = (unit.checked_sub(0xD800)?, low.checked_sub(0xDC00)?);
        (high < 0x400 && low < 0x400).then_some(())?;
        char::from_u32(0x10000 + (high << 10) + low)
    };
    pair()
        .map(|character| (character, 11))
        .ok_or(Reason::LoneSurrogate)
}

fn hex_unit(digits: Option<&str>) -> Option<u32> {
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// Decodes the content of a string (between its quotes) that the reader has accepted.
pub(super) fn unescape(content: &str) -> Cow<'_, str> {
    if !content.contains('\\') {
        return Cow::Borrowed(content);
    }
    let mut decoded = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((plain, after)) = rest.split_once('\\') {
        decoded.push_str(plain);
        // INVARIANT: accepted content has no bad escape; the replacement character never appears.
        let (character, length) = escape(after).unwrap_or((char::REPLACEMENT_CHARACTER, 1));
        decoded.push(character);
        rest = after.get(length..).unwrap_or_default();
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// Writes `value` as a JSON string with the fewest escapes.
pub(super) fn write_string(value: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in value.bytes() {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x00..=0x1f => {
                let digit = HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[b'0' + (byte >> 4), digit]);
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_what_the_standard_says() {
        for (written, meant) in [
            (r#"\" \\ \/ \b \f \n \r \t"#, "\" \\ / \u{8} \u{c} \n \r \t"),
            (r"\u0065mail", "email"),
            (r"\uD83D\uDE00\u00e9", "😀é"),
            (r"\u0000\uFFFF", "\0\u{FFFF}"),
        ] {
            assert_eq!(unescape(written), meant);
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_no_character() {
        for written in [
            "uD83D",
            "uDE00",
            "uD83D\\uD83D",
            "uD83Dx",
            "uDE00\\uD83D",
            "uD83D\\u0041",
        ] {
            assert_eq!(escape(written), Err(Reason::LoneSurrogate), "{written}");
        }
        for written in [
            "", "x", "u", "u12", "u12g4", "u+123", "U0041", "u00é1", "0", "'",
        ] {
            assert_eq!(escape(written), Err(Reason::BadEscape), "{written}");
        }
    }

    #[test]
    fn every_string_is_read_back_as_it_was_written() {
        let every: String = (0..0x300)
            .filter_map(char::from_u32)
            .chain(['\u{2028}', '😀'])
            .collect();
        let mut out = Vec::new();
        write_string(&every, &mut out);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), every);
        let written = std::str::from_utf8(&out).unwrap();
        assert_eq!(unescape(&written[1..written.len() - 1]), every);
    }
}
