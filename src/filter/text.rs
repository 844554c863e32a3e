//! JSON strings (RFC 8259 section 7): one place decides what an escape means, and both the check
//! and the decoding go through it. How texts are written in other formats stands below.

pub(super) mod csv;
pub(super) mod xml;

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

/// The content of a string token.
pub(super) fn unquoted(token: &str) -> &str {
    let inner = token
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or_default()
}

/// Decodes the content of a string (between its quotes) that the reader has accepted.
pub(super) fn unescape(content: &str) -> Cow<'_, str> {
    if !content.contains('\\') {
        return Cow::Borrowed(content);
    }
    let mut decoded = String::with_capacity(content.len());
    unescape_into(content, &mut decoded);
    Cow::Owned(decoded)
}

/// Appends the decoded content of a string that the reader has accepted.
pub(super) fn unescape_into(content: &str, decoded: &mut String) {
    let mut rest = content;
    while let Some((plain, after)) = rest.split_once('\\') {
        decoded.push_str(plain);
        // INVARIANT: accepted content has no bad escape; the replacement character never appears.
        let (character, length) = escape(after).unwrap_or((char::REPLACEMENT_CHARACTER, 1));
        decoded.push(character);
        rest = after.get(length..).unwrap_or_default();
    }
    decoded.push_str(rest);
}

/// Writes the value of a string whose accepted content (between its quotes) is `content`: as a JSON
/// string with the fewest escapes, however it was spelled.
pub(super) fn respell(content: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = content;
    while let Some((plain, after)) = rest.split_once('\\') {
        out.extend_from_slice(plain.as_bytes());
        let (character, length) = escape(after).unwrap_or((char::REPLACEMENT_CHARACTER, 1));
        write_content(character.encode_utf8(&mut [0; 4]), out);
        rest = after.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// Writes `value` as the content of a JSON string, without its quotes, with the fewest escapes.
pub(super) fn write_content(value: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = value.as_bytes();
    while let Some((plain, after)) = rest.split_at_checked(plain_length(rest)) {
        out.extend_from_slice(plain);
        let Some((byte, after)) = after.split_first() else {
            return;
        };
        rest = after;
        let short = match byte {
            b'"' | b'\\' => *byte,
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                let digit = HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), digit]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}

/// Whether two texts are the same. For the length of most keys, without a call: two words that may
/// overlap cover all bytes.
#[inline]
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    fn ends<const N: usize>(bytes: &[u8]) -> Option<([u8; N], [u8; N])> {
        Some((*bytes.first_chunk()?, *bytes.last_chunk()?))
    }
    match left.len() {
        _ if left.len() != right.len() => false,
        4..8 => ends::<4>(left) == ends::<4>(right),
        8..=16 => ends::<8>(left) == ends::<8>(right),
        _ => left == right,
    }
}

/// How many bytes stand before the first quote, backslash or control character.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    bytes.len() - behind_plain(bytes).len()
}

/// What begins with the first quote, backslash or control character: looked for in eight bytes at a
/// time.
#[inline]
pub(super) fn behind_plain(mut bytes: &[u8]) -> &[u8] {
    while let Some((word, after)) = bytes.split_first_chunk::<8>() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return bytes
                .get(special.trailing_zeros() as usize / 8..)
                .unwrap_or_default();
        }
        bytes = after;
    }
    while let [byte, after @ ..] = bytes
        && !matches!(byte, b'"' | b'\\' | 0x00..=0x1f)
    {
        bytes = after;
    }
    bytes
}

/// The high bit of each byte that is a quote, a backslash or a control character. Only the lowest
/// one is exact: a borrow may mark bytes above it (Mycroft's test for a zero byte).
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let zero_in = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = zero_in(word ^ (ONES * u64::from(b'"')));
    let backslash = zero_in(word ^ (ONES * u64::from(b'\\')));
    (control | quote | backslash) & HIGHS
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
            "uDE00\\uDE00",
            "uD83D\\uE000",
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
    fn two_words_that_overlap_compare_every_byte() {
        for length in 0..40u8 {
            let text: Vec<u8> = (0..length).collect();
            assert!(same(&text, &text.clone()));
            for place in 0..text.len() {
                let mut other = text.clone();
                other[place] ^= 1;
                assert!(!same(&text, &other), "{place} of {length}");
            }
        }
        assert!(!same(b"12345678", b"123456789") && !same(b"", b"1"));
    }

    #[test]
    fn every_string_is_read_back_as_it_was_written() {
        let every: String = (0..0x300)
            .filter_map(char::from_u32)
            .chain(['\u{2028}', '😀'])
            .collect();
        let mut out = Vec::new();
        out.push(b'"');
        write_content(&every, &mut out);
        out.push(b'"');
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), every);
        let written = std::str::from_utf8(&out).unwrap();
        let content = &written[1..written.len() - 1];
        assert_eq!(unescape(content), every);
        let mut respelled = Vec::new();
        respell(content, &mut respelled);
        assert_eq!(respelled, out);
    }

    #[test]
    fn eight_bytes_at_a_time_finds_what_one_at_a_time_finds() {
        let slowly = |bytes: &[u8]| {
            let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
            bytes.iter().position(special).unwrap_or(bytes.len())
        };
        for byte in 0..=255u8 {
            for place in 0..20 {
                for behind in [b'a', b'"', 0x21, 0x23, 0x5b, 0x5d, 0x00, 0x80, 0xff] {
                    let mut bytes = [0x7f; 20];
                    bytes[place] = byte;
                    bytes[place + 1..].fill(behind);
                    assert_eq!(plain_length(&bytes), slowly(&bytes), "{bytes:?}");
                }
            }
        }
    }
}
