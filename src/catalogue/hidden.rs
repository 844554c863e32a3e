//! Texts in which a document is hidden, and with it whatever another field was not to tell.
//!
//! What is not looked for: documents behind other words, in a code (base64), or in a string of JSON within
//! the text. Where a field may be as free as that, its category is that of what it may hold.

use serde::de::IgnoredAny;
use serde_json::Deserializer;

/// Whether `text` begins with JSON objects or arrays, one of which holds a text or a member, whatever
/// follows them. Few texts begin like one, so that few are read.
#[inline]
pub fn is_document(text: &str) -> bool {
    let begins = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    match text.as_bytes().iter().find(|byte| begins(byte)) {
        Some(b'{' | b'[') => holds_a_text(text),
        // What a reader may pass over before it is more than JSON's white space.
        Some(0x00..b'!' | 0x7F..) => holds_a_text(text),
        _ => false,
    }
}

#[cold]
fn holds_a_text(text: &str) -> bool {
    let mut rest = text.trim_start_matches(is_passed_over);
    while rest.starts_with(['{', '[']) {
        // Read without recursion and without a tree, however deep it is.
        let mut values = Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        if !matches!(values.next(), Some(Ok(_))) {
            return false;
        }
        let Some((value, behind)) = rest.split_at_checked(values.byte_offset()) else {
            return true;
        };
        if value.contains('"') {
            return true;
        }
        rest = behind.trim_start_matches(|letter| is_passed_over(letter) || letter == ',');
    }
    false
}

/// White space, controls (RFC 7464 begins with one), marks of byte order and letters without width.
fn is_passed_over(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(letter, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_found_whatever_stands_around_it() {
        for text in [
            r#"{"a":"b"}"#,
            r#"{"a":1}"#,
            r#"["a"]"#,
            "  [\"a\"]\n",
            "{\"a\":\"b\"}\n{\"c\":\"d\"}",
            "{\"a\":\"b\"}{\"c\":\"d\"}",
            "{}\n[1], {\"c\":\"d\"}",
            "\u{FEFF}{\"a\":\"b\"}",
            "\u{1E}{\"a\":\"b\"}\n",
            "\u{7F}\u{200B}\u{2028}{\"a\":\"b\"}",
            "{\"a\":\"b\"},",
            "{\"a\":\"b\"}\u{0}",
            "{\"a\":\"b\"} and so on",
            r#"{"a":"\ud800"}"#,
            r#"{"a":1e999}"#,
        ] {
            assert!(is_document(text), "{text:?}");
        }
        let deep = format!("{}\"a\"{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(is_document(&deep));
    }

    #[test]
    fn what_only_looks_like_a_document_is_a_text() {
        for text in [
            "",
            " ",
            "Ann",
            "\u{c9}mile {\"a\":\"b\"}",
            "{name}",
            "[sic] \"quoted\"",
            "[1] as she said, \"so\"",
            "[1, 2]",
            "{}",
            "{'a':'b'}",
            "{\"a\"",
            "\u{FEFF}",
        ] {
            assert!(!is_document(text), "{text:?}");
        }
    }
}
