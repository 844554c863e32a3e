//! Percent-encoding (RFC 3986 section 2.1), as paths and queries both need it.

/// Appends `text` to `output`, with every byte encoded that `stands_for_itself` does not name.
pub(crate) fn encode(text: &str, stands_for_itself: fn(u8) -> bool, output: &mut String) {
    for byte in text.bytes() {
        if stands_for_itself(byte) {
            output.push(char::from(byte));
        } else {
            output.push('%');
            for nibble in [byte >> 4, byte & 15] {
                let digit = char::from_digit(nibble.into(), 16).unwrap_or('0');
                output.push(digit.to_ascii_uppercase());
            }
        }
    }
}

/// The octet that two hexadecimal digits stand for.
pub(crate) fn octet(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// `unreserved` of RFC 3986 section 2.3.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_upper_case_and_octets_read_either_case() {
        let mut text = String::new();
        encode("a/é", is_unreserved, &mut text);
        assert_eq!(text, "a%2F%C3%A9");
        assert_eq!(octet(Some(b'c'), Some(b'3')), Some(0xC3));
        assert_eq!(octet(Some(b'C'), Some(b'g')), None);
        assert_eq!(octet(Some(b'C'), None), None);
    }
}
