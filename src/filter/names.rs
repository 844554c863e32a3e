//! The names of the core services: what a link of the core begins with, and what must occur in nothing
//! that leaves.
//!
//! A name is looked for in bytes as they go out, whatever the format. What is not looked into: bodies
//! that pass unopened, and spellings that are not the name any more (compressed, in base64).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use aho_corasick::{AhoCorasick, Input};

/// Names of core services, looked up and looked for.
#[derive(Debug)]
pub struct CoreNames {
    /// Service and authority, in lower case.
    authorities: Vec<(Arc<str>, String)>,
    traces: Vec<Trace>,
    /// `None` if it cannot be made: then nothing leaves.
    search: Option<AhoCorasick>,
    /// Names of the gateway itself, in lower case, which may hold a name of the core's.
    own: Vec<String>,
}

/// What a name looks like in a text, and what must not stand beside it to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trace {
    text: String,
    bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// Found anywhere, it is a name: also as the end of a longer one, and behind an escape.
    None,
    /// No digit behind it: a port.
    Port,
    /// No digit before or behind it: an address.
    Digits,
    /// No letter, digit or `-` behind it: a name without a dot, which is a word like others.
    Word,
}

impl CoreNames {
    /// From services with the authorities they have (`core.example`, `10.0.0.5:7070`), in any case,
    /// and the authorities under which the gateway itself is known. What is the gateway's own is
    /// nothing to hide, though a link to it may still be the core's: cores speak of themselves by
    /// the public name.
    ///
    /// A name is looked for with its port, and without; but not a loopback address without its port,
    /// as every machine has that.
    pub fn new<'a>(
        names: impl IntoIterator<Item = (Arc<str>, &'a str)>,
        own: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let own: Vec<String> = own.into_iter().map(str::to_ascii_lowercase).collect();
        let own_hosts: Vec<&str> = own.iter().map(|own| apart(own).0).collect();
        let mut authorities = Vec::new();
        let mut traces: Vec<Trace> = Vec::new();
        for (service, authority) in names {
            let authority = authority.to_ascii_lowercase();
            if !own.contains(&authority) {
                let (host, port) = apart(&authority);
                let of_port = port.map(|port| with_port(host, port));
                let of_host = (!own_hosts.contains(&host)).then(|| alone(host));
                let found = of_port.into_iter().chain(of_host).flatten();
                traces.extend(found);
            }
            authorities.push((service, authority));
        }
        traces.dedup();
        let search = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(traces.iter().map(|trace| &trace.text));
        Self {
            authorities,
            traces,
            search: search.ok(),
            own,
        }
    }

    /// Whether `authority`, spelled exactly as configured and in lower case, is one of this service.
    pub fn speaks_for(&self, authority: &str, service: &str) -> bool {
        let mut known = self.authorities.iter();
        known.any(|(one, name)| &**one == service && name == authority)
    }

    /// Whether a name of the core occurs in `bytes`, in whatever case. Of a stream, each piece is
    /// looked into by itself where it ends between two records: no name holds the marks that part
    /// records.
    pub fn occur_in(&self, bytes: &[u8]) -> bool {
        let Some(search) = &self.search else {
            return true;
        };
        let mut from = 0;
        while let Some(found) = search.find(Input::new(bytes).span(from..bytes.len())) {
            let trace = self.traces.get(found.pattern().as_usize());
            let place = found.start()..found.end();
            if trace.is_none_or(|trace| trace.bound.holds(bytes, &place))
                && !self.is_own(bytes, &place)
            {
                return true;
            }
            from = found.start() + 1;
        }
        false
    }

    /// Whether what stands there is a part of a name of our own.
    fn is_own(&self, bytes: &[u8], place: &std::ops::Range<usize>) -> bool {
        self.own.iter().any(|own| {
            // However far into the name it stands.
            (0..own.len()).any(|before| {
                let start = place.start.checked_sub(before);
                let whole = start.and_then(|start| bytes.get(start..start + own.len()));
                before + place.len() <= own.len()
                    && whole.is_some_and(|whole| whole.eq_ignore_ascii_case(own.as_bytes()))
            })
        })
    }
}

impl Bound {
    fn holds(self, bytes: &[u8], place: &std::ops::Range<usize>) -> bool {
        let behind = bytes.get(place.end);
        let digit_behind = behind.is_some_and(u8::is_ascii_digit);
        match self {
            Self::None => true,
            Self::Port => !digit_behind,
            Self::Digits => !digit_behind && !digit_before(bytes, place.start),
            Self::Word => !behind.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-'),
        }
    }
}

/// Whether a digit stands before `at`, other than the last of an escaped character (`\u000b`).
fn digit_before(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    let escaped = before
        .len()
        .checked_sub(6)
        .and_then(|start| before.get(start..))
        .is_some_and(|six| six.starts_with(b"\\u"));
    !escaped && before.last().is_some_and(u8::is_ascii_digit)
}

/// Host and port of an authority.
fn apart(authority: &str) -> (&str, Option<&str>) {
    let in_brackets = authority.rfind(']').unwrap_or_default();
    match authority.rfind(':').filter(|colon| *colon > in_brackets) {
        Some(colon) => {
            let (host, port) = authority.split_at(colon);
            (host, port.strip_prefix(':'))
        }
        None => (authority, None),
    }
}

/// A name with its port, as it is and as it stands in a query.
fn with_port(host: &str, port: &str) -> Vec<Trace> {
    let spelled = [format!("{host}:{port}"), format!("{host}%3a{port}")];
    let bound = Bound::Port;
    spelled.map(|text| Trace { text, bound }).into()
}

/// A name without its port.
fn alone(host: &str) -> Vec<Trace> {
    let bare = host.trim_matches(['[', ']']);
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address == Ipv4Addr::LOCALHOST => Vec::new(),
        Ok(address) if address.is_loopback() => Vec::new(),
        Ok(address) => {
            let bound = if address.is_ipv4() {
                Bound::Digits
            } else {
                Bound::None
            };
            let text = bare.to_owned();
            vec![Trace { text, bound }]
        }
        Err(_) if host.contains('.') => {
            let (text, bound) = (host.to_owned(), Bound::None);
            vec![Trace { text, bound }]
        }
        // A word by itself is a name only where a host stands.
        Err(_) => {
            let spelled = [format!("//{host}"), format!("%2f%2f{host}")];
            let bound = Bound::Word;
            spelled.map(|text| Trace { text, bound }).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(core: &[&str], own: &[&str]) -> CoreNames {
        let service: Arc<str> = "mailing".into();
        let core = core.iter().map(|name| (Arc::clone(&service), *name));
        CoreNames::new(core, own.iter().copied())
    }

    #[test]
    fn a_name_of_the_core_is_found_in_any_case_and_in_any_company() {
        let names = names(
            &[
                "core.example",
                "127.0.0.1:7070",
                "10.0.0.5:80",
                "vault:8080",
                "press",
                "[fd00::5]:80",
            ],
            &["gate.example:8443"],
        );
        for text in [
            "core.example",
            r#"{"a":"see CORE.Example."}"#,
            r#""\ncore.example""#,
            "node7.core.example",
            "http%3A%2F%2Fcore.example%2F",
            "core.example.com",
            "score.example",
            "http://127.0.0.1:7070/x",
            "127.0.0.1%3A7070",
            "at 10.0.0.5 it is",
            "10.0.0.5:9",
            "\\u000010.0.0.5",
            "vault:8080",
            "http://VAULT/x",
            "//press\"",
            "x%2F%2Fpress",
            "http://[fd00::5]/",
        ] {
            assert!(names.occur_in(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "core example",
            "127.0.0.1",
            "127.0.0.1:70701",
            "110.0.0.5",
            "10.0.0.55",
            "the vault and the press",
            "vault:80801",
            "https://pressing.example/",
            "https://gate.example:8443/v1",
        ] {
            assert!(!names.occur_in(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_our_own_name_is_no_name_of_the_core() {
        let text = b"https://api.core.example/v1/jobs";
        assert!(names(&["core.example"], &["localhost"]).occur_in(text));
        let longer = names(&["core.example"], &["api.core.example"]);
        assert!(!longer.occur_in(text));
        assert!(longer.occur_in(b"https://api.core.example/?x=core.example"));
        assert!(longer.occur_in(b"https://apx.core.example/"));
        assert!(longer.occur_in(b"core.example"));
        let same = names(
            &["api.core.example", "db.core.example:90"],
            &["api.core.example"],
        );
        assert!(!same.occur_in(text));
        assert!(same.speaks_for("api.core.example", "mailing"));
        assert!(same.occur_in(b"db.core.example"));
        let port = names(&["localhost:7070"], &["localhost:8443"]);
        assert!(!port.occur_in(b"https://localhost:8443/"));
        assert!(port.occur_in(b"http://localhost:7070/"));
    }

    #[test]
    fn a_service_is_known_by_its_own_names_only() {
        let two = [
            ("mailing".into(), "Core.example"),
            ("billing".into(), "bill.example:81"),
        ];
        let names = CoreNames::new(two, []);
        assert!(names.speaks_for("core.example", "mailing"));
        assert!(!names.speaks_for("core.example", "billing"));
        assert!(!names.speaks_for("CORE.example", "mailing"));
        assert!(!names.speaks_for("core.example:80", "mailing"));
        assert!(!names.speaks_for("bill.example", "billing"));
        assert!(!CoreNames::new([], []).occur_in(b"core.example"));
    }
}
