//! Texts in which a document is hidden, and with it whatever another field was not to tell.

/// Whether `text` is a JSON object or array that holds a text or a member. Few texts begin like one, so
/// that few are read.
#[inline]
pub(super) fn is_document(text: &str) -> bool {
    let begins = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    match text.as_bytes().iter().find(|byte| begins(byte)) {
        Some(b'{' | b'[') => holds_a_text(text),
        // JSON's white space is not all there is.
        Some(0x00..b'!' | 0x80..) => holds_a_text(text.trim()),
        _ => false,
    }
}

#[cold]
fn holds_a_text(text: &str) -> bool {
    let text = text.trim();
    let bracketed = text.starts_with(['{', '[']) && text.ends_with(['}', ']']);
    // Read without recursion and without a tree, however deep it is.
    bracketed && text.contains('"') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
