//! `[[services]]` of `covenant.toml`: the core services, their instances, how they are checked and asked,
//! and who they are told is calling.

pub(super) mod read;
pub(super) mod schema;

use std::path::PathBuf;

use http::HeaderName;

use super::Secret;

/// Headers by which the gateway itself speaks to a core, and a partner's credentials: no setting may give
/// one another meaning, and none goes on as a partner sent it but `idempotency-key`.
pub const TAKEN_HEADERS: [&str; 22] = [
    "accept",
    "accept-encoding",
    "authorization",
    "client-cert",
    "client-cert-chain",
    "connection",
    "content-length",
    "content-type",
    "dpop",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "on-behalf-of",
    "partner-id",
    "request-id",
    "te",
    "traceparent",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-api-key",
];

/// One `[[services]]`: a core service.
#[derive(Clone, Debug)]
pub struct CoreService {
    /// `http://` or `https://` and an authority, without a slash at the end: what it is called.
    pub base_url: String,
    /// Where its instances are, each a host and a port. Default the one of `base_url`.
    pub addresses: Vec<String>,
    /// Further names by which the core is known, with their ports: what it calls itself in its answers.
    pub names: Vec<String>,
    /// The whole `Authorization` header the core wants of us, read from a file.
    pub authorization: Option<Secret>,
    /// How long an answer may take, from the arrival of the request here to the last byte of the answer, with
    /// every wait and attempt, but without what the request's body takes to come. Default 10,000.
    pub answer_milliseconds_max: u64,
    /// Requests, and so connections, at one instance at once. Default 512.
    pub requests_max: u32,
    /// Requests that may wait for a place at any instance. Default 64.
    pub waiting_max: u32,
    /// Header in which the core is told how many milliseconds are left. Default none.
    pub deadline_header: Option<HeaderName>,
    /// TLS to it; there exactly where `base_url` is https.
    pub tls: Option<CoreTls>,
    /// Checks of its instances. Default none.
    pub health: Option<HealthSettings>,
    /// When an instance that fails is left out for a while.
    pub ejection: EjectionSettings,
    /// How it is told who is calling, beside `Partner-Id`.
    pub identity: IdentitySettings,
}

impl CoreService {
    /// A service with one instance and every default.
    pub fn at(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            addresses: Vec::new(),
            names: Vec::new(),
            authorization: None,
            answer_milliseconds_max: 10_000,
            requests_max: 512,
            waiting_max: 64,
            deadline_header: None,
            tls: None,
            health: None,
            ejection: EjectionSettings::default(),
            identity: IdentitySettings::default(),
        }
    }

    /// Host and, where it has one, port of `base_url`.
    pub fn authority(&self) -> &str {
        self.base_url
            .split_once("://")
            .map_or("", |(_, authority)| authority)
    }

    /// Where its instances are: at least one.
    pub fn instances(&self) -> Vec<String> {
        if !self.addresses.is_empty() {
            return self.addresses.clone();
        }
        let authority = self.authority();
        let has_port = authority.parse::<http::uri::Authority>();
        if has_port.is_ok_and(|authority| authority.port().is_some()) {
            return vec![authority.to_owned()];
        }
        let port = if self.tls.is_some() { 443 } else { 80 };
        vec![format!("{authority}:{port}")]
    }
}

/// `[services.tls]`: TLS to a core service. That its certificate is verified is no setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreTls {
    /// PEM file of the authorities that vouch for it; no others do.
    pub authority: PathBuf,
    /// The name its certificate must have. Default the host of `url`.
    pub server_name: String,
    /// PEM files of our certificate chain and its private key, where it wants one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// `[services.health]`: how instances are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// What is asked for, with GET and without credentials; any 2xx is healthy.
    pub path: String,
    /// Seconds between two checks. Default 5.
    pub interval_seconds: u32,
    /// How long a check may take. Default 2,000.
    pub wait_milliseconds_max: u32,
    /// Failed checks in a row after which an instance is asked nothing. Default 3.
    pub failures: u32,
    /// Passed checks in a row after which it is asked again. Default 2.
    pub successes: u32,
}

/// `[services.ejection]`: when an instance is left out because requests to it fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EjectionSettings {
    /// Failures in a row (no connection, no answer in time, broken off, 5xx). Default 5.
    pub failures: u32,
    /// For how long the first time; each further time twice as long. Default 10.
    pub seconds: u32,
    /// Of all instances, at most so many are left out at once. Default 50.
    pub percent_max: u32,
}

impl Default for EjectionSettings {
    fn default() -> Self {
        Self {
            failures: 5,
            seconds: 10,
            percent_max: 50,
        }
    }
}

/// `[services.identity]`: who is calling, as the core's operator wants to be told. Default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentitySettings {
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440): the partner's certificate, and those that verified it.
    pub client_cert: bool,
    /// `Forwarded` (RFC 7239): where the partner calls from, and which name it called.
    pub forwarded: bool,
    /// A header with a compact JWS of ours, and the PEM file of the Ed25519 key (PKCS#8) that signs it.
    pub signed: Option<(HeaderName, PathBuf)>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::read::services;
    use super::*;
    use crate::mistakes::{Mistakes, Source};
    use crate::source::{Fields, read_toml};

    const SECURE: &str = "url = \"https://a.example\"\ntls = { authority = \"a\" }";

    fn read(settings: &str) -> (Option<CoreService>, Vec<String>) {
        let text = format!("[[services]]\nname = \"a\"\n{settings}\n");
        let source = Source::new("covenant.toml", text);
        let mut mistakes = Mistakes::new();
        let node = read_toml(&source, &mut mistakes).unwrap();
        let read = Fields::read(&source, &node, &mut mistakes, |fields| {
            services(fields, Path::new("/"))
        });
        let service = read.and_then(|services| services.get("a").cloned());
        let told = mistakes.sorted().into_iter();
        (service, told.map(|one| one.message().to_owned()).collect())
    }

    #[test]
    fn an_instance_is_at_the_url_unless_addresses_say_where() {
        for (settings, instances) in [
            ("url = \"http://a.example:7070\"", vec!["a.example:7070"]),
            ("url = \"http://a.example\"", vec!["a.example:80"]),
            ("url = \"http://[::1]\"", vec!["[::1]:80"]),
            (SECURE, vec!["a.example:443"]),
            (
                "url = \"http://a.example\"\naddresses = [\"10.0.0.7:1\", \"[::1]:2\"]",
                vec!["10.0.0.7:1", "[::1]:2"],
            ),
        ] {
            let (service, mistakes) = read(settings);
            assert_eq!(mistakes, Vec::<String>::new(), "{settings}");
            assert_eq!(service.unwrap().instances(), instances);
        }
        let tls = read(SECURE).0.unwrap().tls.unwrap();
        assert_eq!(tls.server_name, "a.example");
    }

    #[test]
    fn what_makes_no_sense_together_is_a_mistake() {
        let plain = "url = \"http://a.example\"";
        for (settings, part) in [
            (
                "url = \"ftp://a.example\"".to_owned(),
                "`http://` or `https://`",
            ),
            ("url = \"https://a.example\"".to_owned(), "needs `tls`"),
            (
                format!("{plain}\ntls = {{ authority = \"a\" }}"),
                "has no effect",
            ),
            (SECURE.replace(" }", ", key = \"k\" }"), "belong together"),
            (
                SECURE.replace(" }", ", server_name = \"a b\" }"),
                "`server_name`",
            ),
            (SECURE.replace(" }", ", verify = false }"), "verify"),
            (
                format!("{plain}\naddresses = [\"a.example\"]"),
                "a host and a port",
            ),
            (
                format!("{plain}\naddresses = [\"u@a:1\"]"),
                "a host and a port",
            ),
            (format!("{plain}\naddresses = [\"a:1\", \"a:1\"]"), "twice"),
            (
                format!("{plain}\ndeadline_header = \"Partner-Id\""),
                "a meaning already",
            ),
            (
                format!("{plain}\ndeadline_header = \"time_left\""),
                "the name of a header",
            ),
            (
                format!("{plain}\nhealth = {{ path = \"healthz\" }}"),
                "begin with `/`",
            ),
            (
                format!("{plain}\nidentity = {{ signed_header = \"who\" }}"),
                "belong together",
            ),
            (
                format!("{plain}\nidentity = {{ forwarded = \"yes\" }}"),
                "true or false",
            ),
            (format!("{plain}\nejection = {{ percent = 1 }}"), "percent"),
        ] {
            let (_, mistakes) = read(&settings);
            assert_eq!(mistakes.len(), 1, "{settings}: {mistakes:?}");
            assert!(mistakes[0].contains(part), "{settings}: {mistakes:?}");
        }
    }
}
