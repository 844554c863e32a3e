//! Texts in XML (XML 1.0, fifth edition): one place decides what a reference means and which characters
//! there are, and both the check and the decoding go through it.

use std::borrow::Cow;

pub(in crate::filter) const CDATA: &str = "<![CDATA[";
pub(in crate::filter) const CDATA_END: &str = "]]>";
/// Longest reference, in bytes behind the `&`: `#x10FFFF;` with one leading zero.
const REFERENCE_BYTES_MAX: usize = 10;

/// The character a reference stands for and how many bytes it takes, given what follows the `&`: one
/// of the five predefined entities, or a number of a character that XML has (sections 4.1 and 4.6).
pub(in crate::filter) fn reference(after_ampersand: &str) -> Option<(char, usize)> {
    let bytes = after_ampersand.as_bytes();
    let end = bytes.iter().take(REFERENCE_BYTES_MAX);
    let end = end.clone().position(|byte| *byte == b';')?;
    let name = after_ampersand.get(..end)?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "apos" => '\'',
        "quot" => '"',
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = match number.strip_prefix('x') {
                Some(digits) => (digits, 16),
                None => (number, 10),
            };
            // `from_str_radix` would take a sign.
            let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, radix).ok().filter(|_| plain)?;
            char::from_u32(code).filter(|character| is_character(*character))?
        }
    };
    Some((character, end + 1))
}

/// Whether XML has this character at all (section 2.2).
pub(in crate::filter) fn is_character(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        other => other >= ' ',
    }
}

/// Decodes accepted text of an element: references, CDATA sections, ends of lines (section 2.11).
pub(in crate::filter) fn decode_text(content: &str) -> Cow<'_, str> {
    if !content.contains(['&', '<', '\r']) {
        return Cow::Borrowed(content);
    }
    let mut decoded = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find(['&', '<', '\r']) {
        let (plain, special) = rest.split_at(at);
        decoded.push_str(plain);
        rest = match special.strip_prefix(CDATA) {
            Some(section) => {
                let (inner, after) = section.split_once(CDATA_END).unwrap_or((section, ""));
                push_lines(inner, &mut decoded);
                after
            }
            None => push_special(special, '\n', &mut decoded),
        };
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// Decodes an accepted value of an attribute: references, white space (section 3.3.3).
pub(in crate::filter) fn decode_attribute(content: &str) -> Cow<'_, str> {
    if !content.contains(['&', '\r', '\n', '\t']) {
        return Cow::Borrowed(content);
    }
    let mut decoded = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find(['&', '\r', '\n', '\t']) {
        let (plain, special) = rest.split_at(at);
        decoded.push_str(plain);
        rest = push_special(special, ' ', &mut decoded);
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// Decodes a reference, or an end of line or tab as `space`; what follows it.
fn push_special<'a>(special: &'a str, space: char, decoded: &mut String) -> &'a str {
    if let Some(after) = special.strip_prefix('&') {
        // INVARIANT: accepted content has no bad reference; the replacement character never appears.
        let (character, length) = reference(after).unwrap_or((char::REPLACEMENT_CHARACTER, 0));
        decoded.push(character);
        return after.get(length..).unwrap_or_default();
    }
    decoded.push(space);
    let line = special.strip_prefix("\r\n");
    line.or(special.get(1..)).unwrap_or_default()
}

fn push_lines(text: &str, decoded: &mut String) {
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\r') {
        decoded.push_str(line);
        decoded.push('\n');
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    decoded.push_str(rest);
}

/// Writes `value` as text of an element: it is read back the same.
pub(in crate::filter) fn write_text(value: &str, out: &mut Vec<u8>) {
    write::<false>(value, out);
}

/// Writes `value` as an attribute's, without its quotes, which are `"`: it is read back the same.
pub(in crate::filter) fn write_attribute(value: &str, out: &mut Vec<u8>) {
    write::<true>(value, out);
}

fn write<const ATTRIBUTE: bool>(value: &str, out: &mut Vec<u8>) {
    let mut rest = value;
    let special = |byte: &u8| match byte {
        b'&' | b'<' | b'>' | b'\r' => true,
        b'"' | b'\t' | b'\n' => ATTRIBUTE,
        // Only the catalogue's own words can hold a character that XML lacks; it stays away.
        other => *other < b' ' || *other == 0xEF,
    };
    while let Some(at) = rest.as_bytes().iter().position(special) {
        let (plain, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.extend_from_slice(plain.as_bytes());
        let mut characters = after.chars();
        let Some(character) = characters.next() else {
            return;
        };
        rest = characters.as_str();
        match character {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' if ATTRIBUTE => out.extend_from_slice(b"&quot;"),
            '\r' => out.extend_from_slice(b"&#13;"),
            '\t' if ATTRIBUTE => out.extend_from_slice(b"&#9;"),
            '\n' if ATTRIBUTE => out.extend_from_slice(b"&#10;"),
            other if is_character(other) => {
                out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => {}
        }
    }
    out.extend_from_slice(rest.as_bytes());
}

/// How many bytes stand before the first `<`, `>`, `&` or control character, in the value of an
/// attribute also before the first quote: eight at a time.
#[inline]
pub(in crate::filter) fn plain_length<const ATTRIBUTE: bool>(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let special = special_bytes::<ATTRIBUTE>(u64::from_le_bytes(*word));
        if special != 0 {
            return length + special.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let is_special = |byte: &u8| match byte {
        b'<' | b'>' | b'&' | 0x00..=0x1f => true,
        b'"' | b'\'' => ATTRIBUTE,
        _ => false,
    };
    length + tail.iter().position(is_special).unwrap_or(tail.len())
}

/// The high bit of each such byte. Only the lowest one is exact (see `special_bytes` of JSON).
#[inline]
fn special_bytes<const ATTRIBUTE: bool>(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let zero_in = |word: u64| word.wrapping_sub(ONES) & !word;
    let is = |byte: u8| zero_in(word ^ (ONES * u64::from(byte)));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    // `<` and `>` differ in one bit.
    let angle = zero_in((word | (ONES * 2)) ^ (ONES * u64::from(b'>')));
    let mut special = control | angle | is(b'&');
    if ATTRIBUTE {
        special |= is(b'"') | is(b'\'');
    }
    special & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_the_five_predefined_and_numbers_of_characters() {
        for (written, meant) in [
            ("amp;", '&'),
            ("lt;x", '<'),
            ("gt;", '>'),
            ("apos;", '\''),
            ("quot;", '"'),
            ("#65;", 'A'),
            ("#x41;", 'A'),
            ("#xe9;", 'é'),
            ("#xE9;", 'é'),
            ("#x10FFFF;", '\u{10FFFF}'),
            ("#9;", '\t'),
            ("#013;", '\r'),
        ] {
            assert_eq!(
                reference(written).map(|(one, _)| one),
                Some(meant),
                "{written}"
            );
        }
        for written in [
            "",
            ";",
            "amp",
            "amp ;",
            "Amp;",
            "nbsp;",
            "eacute;",
            "x;",
            "#;",
            "#x;",
            "#X41;",
            "#+65;",
            "#x+41;",
            "#-1;",
            "#0;",
            "#x0;",
            "#8;",
            "#x1F;",
            "#xD800;",
            "#xFFFE;",
            "#xFFFF;",
            "#x110000;",
            "#4294967361;",
            "#00000000065;",
            "#6a;",
            " amp;",
            "#x 41;",
        ] {
            assert_eq!(reference(written), None, "{written}");
        }
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let every = (0..0x300).chain([0xEFFF, 0xFFFD, 0x2028, 0x1F600]);
        let every: String = every
            .filter_map(char::from_u32)
            .filter(|one| is_character(*one))
            .collect();
        let written = |write: fn(&str, &mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&every, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(decode_text(&written(write_text)), every);
        assert_eq!(decode_attribute(&written(write_attribute)), every);
    }

    #[test]
    fn a_character_that_xml_lacks_is_never_written() {
        let mut out = Vec::new();
        write_text("a\0b\u{1b}c\u{FFFE}d\u{FFFF}\u{EFFF}", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "abcd\u{EFFF}");
    }

    #[test]
    fn texts_mean_what_the_standard_says() {
        for (written, meant) in [
            ("a&amp;b&#x20;c", "a&b c"),
            ("a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("a&#13;\nb", "a\r\nb"),
            (
                "<![CDATA[a&amp;<b>\r\n]]>c<![CDATA[]]>&lt;",
                "a&amp;<b>\nc<",
            ),
        ] {
            assert_eq!(decode_text(written), meant, "{written}");
        }
        assert_eq!(decode_attribute("a\r\nb\tc\nd&#10;e&quot;"), "a b c d\ne\"");
    }

    #[test]
    fn eight_bytes_at_a_time_finds_what_one_at_a_time_finds() {
        let slowly = |bytes: &[u8], attribute: bool| {
            let special = |byte: &u8| {
                *byte < 0x20 || b"<>&".contains(byte) || (attribute && b"\"'".contains(byte))
            };
            bytes.iter().position(special).unwrap_or(bytes.len())
        };
        for byte in 0..=255u8 {
            for place in 0..20 {
                for behind in [b'a', b'<', b'=', b'?', b'&', b'\'', 0x00, 0x80, 0xff] {
                    let mut bytes = [0x7f; 20];
                    bytes[place] = byte;
                    bytes[place + 1..].fill(behind);
                    assert_eq!(
                        plain_length::<false>(&bytes),
                        slowly(&bytes, false),
                        "{bytes:?}"
                    );
                    assert_eq!(
                        plain_length::<true>(&bytes),
                        slowly(&bytes, true),
                        "{bytes:?}"
                    );
                }
            }
        }
    }
}
