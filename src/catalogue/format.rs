//! The `format`s of JSON Schema 2020-12 (section 7.3) and of OpenAPI, as far as a text that stands in
//! for a value must satisfy one. Nothing of an answer is ever checked here: what the core says is the
//! core's to keep.

use std::net::{Ipv4Addr, Ipv6Addr};

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

/// Whether `text` has this format. What is not known bounds nothing (JSON Schema, section 7.2.3).
pub(super) fn fits(format: &str, text: &str) -> bool {
    match format {
        "date-time" => text.contains(['T', 't']) && text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        "time" => format!("1970-01-02T{text}")
            .parse::<jiff::Timestamp>()
            .is_ok(),
        "duration" => text.starts_with('P') && text.parse::<jiff::Span>().is_ok(),
        "email" | "idn-email" => text
            .rsplit_once('@')
            .is_some_and(|(local, host)| is_local_part(local) && is_host(host)),
        "hostname" | "idn-hostname" => is_host(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "uri" | "url" | "iri" => is_absolute(text),
        "uri-reference" | "iri-reference" | "uri-template" => !text.contains(char::is_whitespace),
        "uuid" => is_uuid(text),
        "byte" => is_base64(text),
        "char" => text.chars().count() == 1,
        "decimal" => text.parse::<f64>().is_ok_and(f64::is_finite),
        "json-pointer" => text.is_empty() || text.starts_with('/'),
        "relative-json-pointer" => text.starts_with(|first: char| first.is_ascii_digit()),
        "regex" => super::pattern::Pattern::parse(text).is_some(),
        _ => true,
    }
}

/// A dot-atom (RFC 5322 section 3.2.3), letters of other scripts allowed (RFC 6532).
fn is_local_part(text: &str) -> bool {
    let of_atom = |letter: char| letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(letter);
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(of_atom);
    text.split('.').all(is_atom)
}

fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        let plain = |letter: char| letter.is_alphanumeric() || letter == '-';
        let inside = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len()) && inside && label.chars().all(plain)
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// A scheme and something behind it (RFC 3986 section 3).
fn is_absolute(text: &str) -> bool {
    let in_scheme = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
    text.split_once(':').is_some_and(|(scheme, rest)| {
        let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        begins && scheme.chars().all(in_scheme) && !rest.contains(char::is_whitespace)
    })
}

fn is_uuid(text: &str) -> bool {
    let groups = text.split('-').map(str::len);
    let digits = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
    groups.eq([8, 4, 4, 4, 12]) && text.chars().all(digits)
}

fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len().is_multiple_of(4)
        && text.len() - digits.len() <= 2
        && digits.bytes().all(of_alphabet)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert!(fits(format, right), "{format} {right}");
            assert!(!fits(format, wrong), "{format} {wrong}");
        }
        assert!(fits("iban", "anything"), "an unknown format bounds nothing");
    }
}
