//! Addresses of somebody else's, which leave as they are. A browser reads many spellings of one host as
//! the same (WHATWG URL section 3.5: escapes, wide letters, addresses as one number or in hexadecimal),
//! so that an address leaves only where its host has one spelling, and that is none of the core's.
//!
//! What is not looked through: a second escape within the first, and whatever lies behind a redirect of
//! the host itself.

use std::net::Ipv4Addr;

use super::names::CoreNames;
use crate::edge::percent;

/// Longest host, in characters (RFC 1035 section 2.3.4).
const HOST_CHARACTERS_MAX: usize = 253;

/// Whether `link` is plainly an address of `http` or `https`, the scheme written or not, of a host that is
/// neither this machine's own nor one of the core's. It holds no name of the core, its escapes undone once.
pub(super) fn is_foreign(link: &str, names: &CoreNames) -> bool {
    let graphic = link.bytes().all(|byte| byte.is_ascii_graphic());
    if !graphic || link.contains('\\') {
        return false;
    }
    let with_scheme = behind(link, "https://").or(behind(link, "http://"));
    let rest = with_scheme.unwrap_or(link);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    let host = match authority.split_once(':') {
        // Without a scheme, what stands before a colon is one.
        Some((host, port)) => (with_scheme.is_some() && is_port(port)).then_some(host),
        None => Some(authority),
    };
    if !host.is_some_and(is_host) {
        return false;
    }
    // As an address, so that names which are words are found too.
    let address = format!("//{rest}");
    !names.occur_in(address.as_bytes()) && !names.occur_in(&unescaped(&address))
}

/// What follows `scheme`, in whatever case that is written.
fn behind<'a>(link: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = link.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// A number of a port in its only spelling.
fn is_port(port: &str) -> bool {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    digits && !port.starts_with('0') && port.parse::<u16>().is_ok()
}

/// A host in its only spelling but for case: a name, or an address of four numbers, that is not this
/// machine's own.
fn is_host(host: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let mut labels = host.split('.');
    let plain = labels.all(|label| !label.is_empty() && label.bytes().all(is_letter));
    if !plain || host.len() > HOST_CHARACTERS_MAX {
        return false;
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    if is_number(last) {
        let address = host.parse::<Ipv4Addr>();
        return address.is_ok_and(|address| !address.is_loopback() && !address.is_unspecified());
    }
    !last.eq_ignore_ascii_case("localhost")
}

/// Whether a host with this last label is read as an address (WHATWG URL, "ends in a number").
fn is_number(label: &str) -> bool {
    let is_decimal = label.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = behind(label, "0x");
    let is_hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_decimal || hexadecimal.is_some_and(is_hexadecimal)
}

/// The text with its percent-encoding undone once; what is no encoding stays.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octet = match first {
            b'%' => percent::octet(after.first().copied(), after.get(1).copied()),
            _ => None,
        };
        bytes.push(octet.unwrap_or(first));
        let read = if octet.is_some() { 3 } else { 1 };
        rest = rest.get(read..).unwrap_or_default();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(link: &str) -> bool {
        let names = [
            "secret-core.internal",
            "core2.internal:8080",
            "127.0.0.1:7070",
            "10.0.0.5:80",
            "vault",
        ];
        let names = names.map(|name| ("mailing".into(), name));
        is_foreign(link, &CoreNames::new(names, ["gate.example:8443"]))
    }

    #[test]
    fn a_plain_address_of_somebody_elses_leaves() {
        for link in [
            "https://holt-bindery.example",
            "https://holt-bindery.example/about?x=1#top",
            "HTTP://Holt-Bindery.example:8080/100%25",
            "http://192.0.2.7:81/",
            "holt-bindery.example/?from=http://ann.example",
            "www.holt-bindery.example",
            "https://vaulted.example/vault/",
            "https://ann.example/%zz%",
        ] {
            assert!(leaves(link), "{link}");
        }
    }

    #[test]
    fn no_spelling_of_a_host_of_the_core_leaves() {
        for link in [
            "http://secret-core.internal/",
            "http://SECRET-core.Internal:99/x",
            "http://secret%2Dcore.internal/",
            "http://s%65cret-core.internal:8080/p",
            "http://secret-core.internal%2e/",
            "http://secret-core.internal./",
            "http://core2%2Einternal:8080/",
            "http://\u{ff53}ecret-core.internal/",
            "http://secret-core\u{3002}internal/",
            "http://secret\u{ad}-core.internal/",
            "http://secret-\tcore.internal/",
            "http:\\\\secret-core.internal\\",
            "http://127.1:7070/",
            "http://127.0.1:7070/",
            "http://2130706433:7070/",
            "http://0x7f000001:7070/",
            "http://0x7f.0.0.0X1:7070/",
            "http://0177.0.0.1:7070/",
            "http://127.0.0.1:07070/",
            "http://127.0.0.2:7070/",
            "http://0.0.0.0:7070/",
            "http://localhost:7070/",
            "http://x.LOCALHOST:7070/",
            "http://10.0.5/",
            "http://10.0.0.05/",
            "http://10.0.0.0x5/",
            "http://[::ffff:10.0.0.5]/",
            "http://u@ann.example/",
            "http://secret-core.internal@ann.example/",
            "https://vault/x",
            "vault",
            "vault/x",
            "https://ann.example/?to=//vault/",
            "https://ann.example/?to=%2F%2Fv%61ult%2F",
            "https://ann.example/%73ecret-core.internal",
            "https://ann.example/?to=http%3A%2F%2Fsecret%2Dcore%2Einternal",
        ] {
            assert!(!leaves(link), "{link}");
        }
    }

    #[test]
    fn what_is_not_plainly_an_address_of_the_web_does_not_leave() {
        for link in [
            "",
            "/about",
            "//ann.example/",
            "?x=1",
            "https://",
            "https:///about",
            "https://ann.example:/",
            "https://ann.example:0/",
            "https://ann.example:65536/",
            "https://ann.example:+80/",
            "https://ann..example/",
            "https://.ann.example/",
            "https://ann_b.example/",
            "ftp://ann.example/",
            "mailto:ann@ann.example",
            "tel:5550100",
            "ann.example:80/",
            "javascript:alert(1)",
            "see ann.example",
        ] {
            assert!(!leaves(link), "{link}");
        }
        assert!(!leaves(&format!("https://{}example/", "a.".repeat(130))));
    }
}
