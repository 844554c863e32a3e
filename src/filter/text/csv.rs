//! Texts in CSV (RFC 4180): the inside of quotes, and cells that a spreadsheet would take for a formula.

use std::borrow::Cow;

/// Whether a cell that begins so is computed by a spreadsheet instead of shown.
#[inline]
pub(in crate::filter) fn is_formula(first: u8) -> bool {
    matches!(first, b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')
}

/// Decodes the accepted inside of quotes.
pub(in crate::filter) fn decode(content: &str) -> Cow<'_, str> {
    if !content.contains('"') {
        return Cow::Borrowed(content);
    }
    Cow::Owned(content.replace("\"\"", "\""))
}

/// Writes a text as a cell: quoted only where it must be. Of what a spreadsheet would compute, an
/// apostrophe in front makes a text.
pub(in crate::filter) fn write(value: &str, out: &mut Vec<u8>) {
    let defused = value.bytes().next().is_some_and(is_formula);
    let quoted = |byte: u8| matches!(byte, b'"' | b',' | b'\r' | b'\n');
    // Without a branch for each byte.
    if !value.bytes().fold(false, |any, byte| any | quoted(byte)) {
        if defused {
            out.push(b'\'');
        }
        out.extend_from_slice(value.as_bytes());
        return;
    }
    out.push(b'"');
    if defused {
        out.push(b'\'');
    }
    for (place, part) in value.split('"').enumerate() {
        if place > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        for (value, cell) in [
            ("", ""),
            ("Ann Lee", "Ann Lee"),
            (" a ", " a "),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("=1+1", "'=1+1"),
            ("+1-555", "'+1-555"),
            ("-12.5", "'-12.5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            (
                "=HYPERLINK(\"http://x\",\"y\")",
                "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"",
            ),
            ("a=b", "a=b"),
            ("'=1", "'=1"),
        ] {
            let mut out = Vec::new();
            write(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), cell, "{value:?}");
        }
        assert_eq!(decode("a\"\"b\"\"\"\"c"), "a\"b\"\"c");
    }
}
