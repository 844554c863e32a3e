//! The `format`s of JSON Schema 2020-12 (section 7.3) and of OpenAPI: which texts have one. The values of
//! answers are held to these, as is whatever stands in for one; so each is one pass without memory of
//! its own.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::times;

/// The formats that have a name in a standard, and `url`, which many write for `uri`.
pub(super) const KNOWN: [&str; 33] = [
    "binary",
    "byte",
    "char",
    "date",
    "date-time",
    "decimal",
    "double",
    "duration",
    "email",
    "float",
    "hostname",
    "html",
    "idn-email",
    "idn-hostname",
    "int16",
    "int32",
    "int64",
    "int8",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "password",
    "regex",
    "relative-json-pointer",
    "time",
    "uint8",
    "uri",
    "uri-reference",
    "uri-template",
    "url",
    "uuid",
];

/// A text of this format that says nothing of anybody; empty where an empty one will do.
pub(super) fn nothing(format: &str) -> &'static str {
    match format {
        "date-time" => "1970-01-01T00:00:00Z",
        "date" => "1970-01-01",
        "time" => "00:00:00Z",
        "duration" => "PT0S",
        "email" | "idn-email" => "withheld@example.invalid",
        "hostname" | "idn-hostname" => "example.invalid",
        "uri" | "url" | "iri" => "about:blank",
        "uuid" => "00000000-0000-0000-0000-000000000000",
        "ipv4" => "0.0.0.0",
        "ipv6" => "::",
        "relative-json-pointer" => "0",
        "char" => "-",
        "decimal" => "0",
        _ => "",
    }
}

/// Whether any text has this format: it is none that is known to bound one.
pub(super) fn is_free(format: &str) -> bool {
    matches!(format, "password" | "html" | "binary") || !KNOWN.contains(&format)
}

/// Whether a part of such a text can have the format again, by keeping its shape: not where what is put
/// in the place of digits would say something else, as a month 00 does.
pub(super) fn keeps_shape(format: &str) -> bool {
    let named = [
        "hostname",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "uuid",
        "uri",
        "url",
        "iri",
    ];
    is_free(format) || named.contains(&format)
}

/// Whether `format` is that of an e-mail address.
pub(super) fn is_email(format: &str) -> bool {
    matches!(format, "email" | "idn-email")
}

/// Whether `format` is that of a link.
pub(super) fn is_link(format: &str) -> bool {
    matches!(
        format,
        "uri" | "url" | "iri" | "uri-reference" | "iri-reference"
    )
}

/// Whether a text has a format.
pub(super) type Checker = fn(&str) -> bool;

/// What tells whether a text has this format; `None` where the format bounds nothing: it is none that is
/// known (JSON Schema, section 7.2.3), or one of numbers.
pub(super) fn checker(format: &str) -> Option<Checker> {
    Some(match format {
        "date-time" => times::is_date_time,
        "date" => times::is_date,
        "time" => times::is_time,
        "duration" => is_duration,
        "email" | "idn-email" => is_address,
        "hostname" | "idn-hostname" => is_host,
        "ipv4" => |text| text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => |text| text.parse::<Ipv6Addr>().is_ok(),
        "uri" | "url" | "iri" => is_absolute,
        "uri-reference" | "iri-reference" => is_reference,
        "uri-template" => |text| !text.contains(char::is_whitespace),
        "uuid" => is_uuid,
        "byte" => is_base64,
        "char" => |text| text.chars().nth(1).is_none() && !text.is_empty(),
        "decimal" => is_decimal,
        "json-pointer" => |text| text.is_empty() || text.starts_with('/'),
        "relative-json-pointer" => |text| text.starts_with(|first: char| first.is_ascii_digit()),
        "regex" => |text| super::pattern::Pattern::parse(text).is_some(),
        _ => return None,
    })
}

/// Whether `text` has this format.
#[cfg(test)]
pub(super) fn fits(format: &str, text: &str) -> bool {
    checker(format).is_none_or(|is_of| is_of(text))
}

/// As in ISO 8601; the other way of writing one that the library reads is none.
fn is_duration(text: &str) -> bool {
    text.starts_with('P') && text.parse::<jiff::Span>().is_ok()
}

/// A dot-atom (RFC 5322 section 3.2.3), letters of other scripts allowed (RFC 6531), and a host; no longer
/// than RFC 5321 section 4.5.3.1 lets them be.
fn is_address(text: &str) -> bool {
    text.len() <= 254
        && memchr::memrchr(b'@', text.as_bytes())
            .and_then(|at| text.split_at_checked(at))
            .is_some_and(|(local, host)| is_local_part(local) && host.get(1..).is_some_and(is_host))
}

fn is_local_part(text: &str) -> bool {
    text.len() <= 64 && is_labels(text, &LOCAL)
}

/// Labels of letters, digits and hyphens (RFC 1123 section 2.1), letters of other scripts allowed.
fn is_host(text: &str) -> bool {
    let short = |label: &[u8]| label.len() <= LABEL_BYTES_MAX;
    let mut labels = text.as_bytes().split(|byte| *byte == b'.');
    let are_short = text.len() <= LABEL_BYTES_MAX || labels.all(short);
    text.len() <= 253 && are_short && is_labels(text, &HOST)
}

const LABEL_BYTES_MAX: usize = 63;

/// In a table of bytes: one that is not of the alphabet.
const STRANGE: u8 = 1;
/// In a table of bytes: one of a character beyond ASCII.
const BEYOND: u8 = 2;
/// In a table of bytes: what stands between labels. Two bits higher, of what must not stand behind it, both
/// of a dot and of a hyphen.
const DOT: u8 = 4 | BEHIND_DOT | BEHIND_HYPHEN;
/// In a table of bytes: what no label begins or ends with.
const HYPHEN: u8 = 8 | BEHIND_DOT;
const BEHIND_DOT: u8 = 4 << 2;
const BEHIND_HYPHEN: u8 = 8 << 2;

static LOCAL: [u8; 256] = alphabet(b"!#$%&'*+/=?^_`{|}~", DOT, 0);
static HOST: [u8; 256] = alphabet(b"", DOT, HYPHEN);
/// What need not be percent-encoded in a URI, and the percent sign (RFC 3986 appendix A).
static REFERENCE: [u8; 256] = alphabet(b"!#$%&'()*+,/:;=?@[]_~", 0, 0);

/// What each byte is to an alphabet of ASCII letters, digits, `signs`, dots and hyphens.
const fn alphabet(signs: &[u8], dot: u8, hyphen: u8) -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut rest = kinds.as_mut_slice();
    let mut byte = 0u8;
    while let [kind, after @ ..] = rest {
        *kind = match byte {
            0x80.. => BEYOND,
            b'.' => dot,
            b'-' => hyphen,
            _ if byte.is_ascii_alphanumeric() || contains(signs, byte) => 0,
            _ => STRANGE,
        };
        byte = byte.wrapping_add(1);
        rest = after;
    }
    kinds
}

const fn contains(mut bytes: &[u8], byte: u8) -> bool {
    while let [first, after @ ..] = bytes {
        if *first == byte {
            return true;
        }
        bytes = after;
    }
    false
}

/// What the bytes of `text` are, together: without a branch for each.
#[inline]
fn kinds(text: &str, alphabet: &[u8; 256]) -> u8 {
    let kind = |byte: u8| alphabet.get(usize::from(byte)).copied().unwrap_or(STRANGE);
    text.bytes().fold(0, |kinds, byte| kinds | kind(byte))
}

/// Whether `text` is labels with dots between them, and has no sign that is not of the alphabet; letters
/// and digits of other scripts are allowed. Without a branch for each byte.
#[inline]
fn is_labels(text: &str, alphabet: &[u8; 256]) -> bool {
    let kind = |byte: u8| alphabet.get(usize::from(byte)).copied().unwrap_or(STRANGE);
    let (mut kinds, mut edges) = (0, 0);
    let mut before = DOT;
    for byte in text.bytes() {
        let kind = kind(byte);
        kinds |= kind;
        // A label is empty, or begins or ends with a hyphen.
        edges |= before << 2 & kind;
        before = kind;
    }
    edges |= before << 2 & DOT;
    let edges = edges & (BEHIND_DOT | BEHIND_HYPHEN);
    match kinds & (STRANGE | BEYOND) {
        _ if edges != 0 => false,
        0 => true,
        BEYOND => only_letters(text),
        _ => false,
    }
}

/// Whether what is not ASCII is letters and digits of other scripts.
fn only_letters(text: &str) -> bool {
    let mut others = text.chars().filter(|letter| !letter.is_ascii());
    others.all(char::is_alphanumeric)
}

/// A scheme and something behind it (RFC 3986 section 3).
fn is_absolute(text: &str) -> bool {
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.split_once(':').is_some_and(|(scheme, rest)| {
        let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        begins && scheme.bytes().all(in_scheme) && is_reference(rest)
    })
}

/// None of what must be percent-encoded in ASCII (RFC 3986 appendix A), and no white space.
fn is_reference(text: &str) -> bool {
    match kinds(text, &REFERENCE) {
        0 => true,
        BEYOND => !text.contains(char::is_whitespace),
        _ => false,
    }
}

/// RFC 9562 section 4, in letters of either case.
fn is_uuid(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len().is_multiple_of(4)
        && text.len() - digits.len() <= 2
        && digits.bytes().all(of_alphabet)
}

fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    super::decimal::Decimal::read(text).is_some() && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::matcher::Table;
    use crate::catalogue::pattern::Pattern;
    use proptest::prelude::*;

    /// RFC 1123, RFC 5322 and RFC 3986 as patterns, of ASCII.
    const SPELLED: [(&str, Checker, usize); 3] = [
        (
            r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
            is_host,
            253,
        ),
        (
            r"^[A-Za-z0-9!#$%&'*+/=?\^_`{|}~\-]+(\.[A-Za-z0-9!#$%&'*+/=?\^_`{|}~\-]+)*$",
            is_local_part,
            64,
        ),
        (
            r"^[A-Za-z0-9:/?#@!$&'()*+,;=._~%\[\]\-]*$",
            is_reference,
            usize::MAX,
        ),
    ];

    proptest! {
        #[test]
        fn what_is_told_by_tables_of_bytes_is_what_the_standards_spell(
            texts in proptest::collection::vec("([a-zA-Z0-9]{0,40}[.-]?){0,9}|[ -~]{0,4}|[a.-]{0,70}", 1..40),
        ) {
            for (pattern, is_of, most) in SPELLED {
                let table = Table::new(&Pattern::parse(pattern).unwrap()).unwrap();
                for text in &texts {
                    let expected = text.len() <= most && table.matches(text);
                    prop_assert_eq!(is_of(text), expected, "{} {}", pattern, text);
                }
            }
        }
    }

    #[test]
    fn what_stands_for_nothing_has_the_format_it_stands_for() {
        for format in KNOWN {
            assert!(fits(format, nothing(format)), "{format}");
        }
    }

    #[test]
    fn a_text_of_another_form_does_not_fit() {
        for (format, right, wrong) in [
            ("date-time", "2026-11-22T10:00:00+01:00", "2026-11-22"),
            ("date", "2026-11-22", "2026-11-31"),
            ("time", "10:00:00Z", "10 o'clock"),
            ("duration", "P1D", "a day"),
            ("email", "an***@example.invalid", "an***"),
            ("email", "a.b@example.com", "a..b@example.com"),
            ("hostname", "example.com", "-example.com"),
            ("ipv4", "192.0.2.1", "192.0.2.256"),
            ("ipv6", "2001:db8::1", "2001:db8"),
            ("uri", "https://example.com/", "***.com"),
            ("uri-reference", "a/b", "a b"),
            ("uuid", "0191f3a0-0000-7000-8000-000000000000", "0191"),
            ("byte", "YQ==", "***"),
            ("json-pointer", "/a", "a"),
            ("email", "a@example.com", "@example.com"),
            ("email", "ø@example.com", "\u{2028}@example.com"),
            ("email", "a@b-c.example", "a@b-.example"),
            ("hostname", "a", ""),
            ("uri", "urn:x", "data:,{\"a\":1}"),
            ("duration", "PT1M", "P"),
            ("char", "é", "ab"),
            ("decimal", "-1.50", "1e"),
        ] {
            assert!(fits(format, right), "{format} {right}");
            assert!(!fits(format, wrong), "{format} {wrong}");
        }
        assert!(fits("iban", "anything"), "an unknown format bounds nothing");
    }
}
