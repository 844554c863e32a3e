//! `[[services]]` of `covenant.toml`: the core services, their instances, how they are checked and asked,
//! and who they are told is calling. Settings, their reader, and their JSON Schema.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{HeaderName, Uri};
use serde_json::{Value, json};

use super::Secret;
use super::read::origin;
use crate::source::schema::{boolean, integer, list, mapping, text};
use crate::source::{Fields, Node};

/// Headers by which the gateway itself speaks to a core: no setting may give one another meaning, and none
/// goes on as a partner sent it but `idempotency-key`.
pub const TAKEN_HEADERS: [&str; 20] = [
    "accept",
    "accept-encoding",
    "authorization",
    "client-cert",
    "client-cert-chain",
    "connection",
    "content-length",
    "content-type",
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
    /// How long an answer may take, from the last byte of the request here to the last byte of the answer,
    /// with every wait and attempt. Default 10,000.
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
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440): what the partner showed.
    pub client_cert: bool,
    /// `Forwarded` (RFC 7239): where the partner calls from, and which name it called.
    pub forwarded: bool,
    /// A header with a compact JWS of ours, and the PEM file of the Ed25519 key (PKCS#8) that signs it.
    pub signed: Option<(HeaderName, PathBuf)>,
}

/// All services; a name twice is a mistake.
pub(super) fn read(
    fields: &mut Fields<'_, '_>,
    base: &Path,
) -> Option<HashMap<Arc<str>, CoreService>> {
    let nodes = fields.list("services")?;
    let mut services = HashMap::new();
    for node in nodes {
        let (name, service) = fields.nested(node, |table| service(table, base))?;
        if services.insert(name, service).is_some() {
            fields.mistake(node.span, "this core service stands here twice");
        }
    }
    Some(services)
}

fn service(fields: &mut Fields<'_, '_>, base: &Path) -> Option<(Arc<str>, CoreService)> {
    let name = fields.text("name");
    let base_url = origin(fields, "url", &["http://", "https://"]);
    let plain = CoreService::at(base_url.clone().unwrap_or_default());
    let addresses = addresses(fields);
    let names = core_names(fields);
    let milliseconds = fields.optional_integer("answer_milliseconds_max", 1..=600_000);
    let requests_max = fields.optional_integer("requests_max", 1..=65_536);
    let waiting_max = fields.optional_integer("waiting_max", 0..=65_536);
    let deadline_header = header_name(fields, "deadline_header");
    let tls_table = fields.optional("tls");
    let tls = tls_table.and_then(|node| fields.nested(node, |table| tls(table, base, &plain)));
    let is_https = plain.base_url.starts_with("https://");
    if base_url.is_some() && is_https && tls_table.is_none() {
        let message = "an https core needs `tls`, a table with the `authority` that vouches for it";
        fields.mistake(fields.span(), message);
    }
    if let Some(node) = tls_table.filter(|_| base_url.is_some() && !is_https) {
        fields.mistake(node.span, "`tls` has no effect where `url` is http://");
    }
    let health = fields.optional_mapping("health", health);
    let ejection = fields.optional_mapping("ejection", ejection);
    let identity = fields.optional_mapping("identity", |table| identity(table, base));
    let authorization = match fields.optional("authorization_file") {
        None => None,
        Some(node) => Some(authorization(fields, node, base)?),
    };
    let service = CoreService {
        base_url: base_url?,
        addresses,
        names,
        authorization,
        answer_milliseconds_max: milliseconds.map_or(plain.answer_milliseconds_max, u64::from),
        requests_max: requests_max.unwrap_or(plain.requests_max),
        waiting_max: waiting_max.unwrap_or(plain.waiting_max),
        deadline_header,
        tls,
        health,
        ejection: ejection.unwrap_or_default(),
        identity: identity.unwrap_or_default(),
    };
    Some((name?.into(), service))
}

fn authorization(fields: &mut Fields<'_, '_>, node: &Node, base: &Path) -> Option<Secret> {
    let path = base.join(node.as_text().unwrap_or_default());
    let read = std::fs::read_to_string(&path);
    if let Err(error) = &read {
        let message = format!("`{}` cannot be read: {error}", path.display());
        fields.mistake(node.span, message);
    }
    Some(Secret::new(read.ok()?.trim()))
}

/// Hosts, each with its port, and none twice.
fn addresses(fields: &mut Fields<'_, '_>) -> Vec<String> {
    let mut seen = HashSet::new();
    let named: Vec<_> = fields.optional_texts("addresses");
    for (address, span) in &named {
        let authority = address.parse::<http::uri::Authority>();
        let is_one = authority.is_ok_and(|authority| {
            authority.port_u16().is_some_and(|port| port > 0) && !address.contains('@')
        });
        if !is_one {
            let message = "an address is a host and a port, as `10.0.0.7:7070`";
            fields.mistake(*span, message);
        } else if !seen.insert(*address) {
            fields.mistake(*span, format!("`{address}` stands here twice"));
        }
    }
    named.iter().map(|(one, _)| (*one).to_owned()).collect()
}

/// Hosts, each with its port unless its links name none.
fn core_names(fields: &mut Fields<'_, '_>) -> Vec<String> {
    let named: Vec<_> = fields.optional_texts("names");
    let mut names = Vec::new();
    for (name, span) in named {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            let message = "a name of a core is a host and a port, as `core.example:8080`";
            fields.mistake(span, message);
        }
        names.push(name.to_owned());
    }
    names
}

/// A header of the operator's choice.
fn header_name(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<HeaderName> {
    let node = fields.optional(key)?;
    let name = node
        .as_text()
        .and_then(|text| HeaderName::try_from(text).ok());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let Some(name) = name.filter(|name| name.as_str().bytes().all(plain)) else {
        let message = format!("`{key}` must be the name of a header: letters, digits and `-`");
        fields.mistake(node.span, message);
        return None;
    };
    if TAKEN_HEADERS.contains(&name.as_str()) {
        let message = format!("`{name}` has a meaning already; choose another header");
        fields.mistake(node.span, message);
        return None;
    }
    Some(name)
}

fn tls(fields: &mut Fields<'_, '_>, base: &Path, service: &CoreService) -> Option<CoreTls> {
    let authority = fields.text("authority").map(|path| base.join(path));
    let url_host = service.base_url.parse::<Uri>().ok();
    let url_host = url_host.as_ref().and_then(Uri::host).unwrap_or_default();
    let named = fields.optional("server_name");
    let server_name = named
        .and_then(Node::as_text)
        .unwrap_or(url_host)
        .trim_matches(['[', ']'])
        .to_owned();
    if rustls::pki_types::ServerName::try_from(server_name.as_str()).is_err() {
        let span = named.map_or(fields.span(), |node| node.span);
        fields.mistake(span, "`server_name` must be a host name or an address");
    }
    let certificate = fields
        .optional_text("certificate")
        .map(|path| base.join(path));
    let key = fields.optional_text("key").map(|path| base.join(path));
    if certificate.is_some() != key.is_some() {
        fields.mistake(
            fields.span(),
            "`certificate` and `key` belong together: name both or neither",
        );
    }
    Some(CoreTls {
        authority: authority?,
        server_name,
        certificate: certificate.zip(key),
    })
}

fn health(fields: &mut Fields<'_, '_>) -> Option<HealthSettings> {
    let node = fields.required("path");
    let path = node.and_then(Node::as_text);
    let path = path.filter(|path| path.starts_with('/') && path.parse::<Uri>().is_ok());
    if let (Some(node), None) = (node, path) {
        fields.mistake(node.span, "`path` must begin with `/`, as `/healthz`");
    }
    let mut number = |name, default, range| fields.optional_integer(name, range).unwrap_or(default);
    let interval_seconds = number("interval_seconds", 5, 1..=3_600);
    let wait_milliseconds_max = number("wait_milliseconds_max", 2_000, 1..=60_000);
    let failures = number("failures", 3, 1..=100);
    let successes = number("successes", 2, 1..=100);
    Some(HealthSettings {
        path: path?.to_owned(),
        interval_seconds,
        wait_milliseconds_max,
        failures,
        successes,
    })
}

fn ejection(fields: &mut Fields<'_, '_>) -> Option<EjectionSettings> {
    let default = EjectionSettings::default();
    let mut number = |name, default, range| fields.optional_integer(name, range).unwrap_or(default);
    Some(EjectionSettings {
        failures: number("failures", default.failures, 1..=1_000),
        seconds: number("seconds", default.seconds, 1..=300),
        percent_max: number("percent_max", default.percent_max, 0..=100),
    })
}

fn identity(fields: &mut Fields<'_, '_>, base: &Path) -> Option<IdentitySettings> {
    let client_cert = flag(fields, "client_cert");
    let forwarded = flag(fields, "forwarded");
    let header = header_name(fields, "signed_header");
    let key = fields
        .optional_text("signing_key")
        .map(|path| base.join(path));
    if header.is_some() != key.is_some() {
        fields.mistake(
            fields.span(),
            "`signed_header` and `signing_key` belong together: name both or neither",
        );
    }
    Some(IdentitySettings {
        client_cert,
        forwarded,
        signed: header.zip(key),
    })
}

/// False where it is absent.
fn flag(fields: &mut Fields<'_, '_>, name: &'static str) -> bool {
    let Some(node) = fields.optional(name) else {
        return false;
    };
    let flag = node.as_boolean();
    if flag.is_none() {
        fields.mistake(node.span, format!("`{name}` must be true or false"));
    }
    flag.unwrap_or(false)
}

/// The schema of one service.
pub(super) fn schema() -> Value {
    let url = json!({
        "type": "string",
        "description": "What it is called, and where it answers unless `addresses` says: `http://` or `https://`, a host and a port.",
        "pattern": "^https?://[^/?#@ ]+$",
    });
    let header = |description: &str| json!({"type": "string", "description": description, "pattern": "^[A-Za-z0-9-]+$"});
    mapping(
        "A core service.",
        [
            (
                "name!",
                text("Its name, which is that of its files in the catalogue."),
            ),
            ("url!", url),
            (
                "addresses",
                list(
                    "Where its instances are. Default the host and port of `url`.",
                    json!({"type": "string", "description": "A host and a port.", "pattern": "^[^/?#@ ]+:\\d+$"}),
                ),
            ),
            (
                "names",
                list(
                    "Further names by which the core is known; links to them are its own, and none of them leaves.",
                    text("A host, with its port unless its links name none."),
                ),
            ),
            (
                "answer_milliseconds_max",
                integer("How long an answer may take. Default 10000.", 1..=600_000),
            ),
            (
                "requests_max",
                integer(
                    "Requests, and so connections, at one instance at once. Default 512.",
                    1..=65_536,
                ),
            ),
            (
                "waiting_max",
                integer(
                    "Requests that may wait for a place. Default 64.",
                    0..=65_536,
                ),
            ),
            (
                "deadline_header",
                header("Header that tells the core how many milliseconds are left. Default none."),
            ),
            (
                "authorization_file",
                text("File with the whole Authorization header that it wants of us."),
            ),
            ("tls", tls_schema()),
            ("health", health_schema()),
            ("ejection", ejection_schema()),
            (
                "identity",
                mapping(
                    "How it is told who is calling, beside `Partner-Id`. Default nothing.",
                    [
                        (
                            "client_cert",
                            boolean("Client-Cert and Client-Cert-Chain (RFC 9440)."),
                        ),
                        ("forwarded", boolean("Forwarded (RFC 7239).")),
                        ("signed_header", header("Header with a JWS of ours.")),
                        (
                            "signing_key",
                            text("PEM file of the Ed25519 key (PKCS#8) that signs it."),
                        ),
                    ],
                ),
            ),
        ],
    )
}

fn tls_schema() -> Value {
    mapping(
        "TLS to it, 1.2 or 1.3; needed where `url` is https.",
        [
            (
                "authority!",
                text("PEM file of the authorities that vouch for it; no others do."),
            ),
            (
                "server_name",
                text("The name its certificate must have. Default the host of `url`."),
            ),
            ("certificate", text("PEM file of our certificate chain.")),
            ("key", text("PEM file of its private key.")),
        ],
    )
}

fn health_schema() -> Value {
    mapping(
        "How instances are checked. Default not at all.",
        [
            (
                "path!",
                json!({"type": "string", "description": "What is asked for; any 2xx is healthy.", "pattern": "^/"}),
            ),
            (
                "interval_seconds",
                integer("Between two checks. Default 5.", 1..=3_600),
            ),
            (
                "wait_milliseconds_max",
                integer("How long a check may take. Default 2000.", 1..=60_000),
            ),
            (
                "failures",
                integer(
                    "Failed checks in a row until it is asked nothing. Default 3.",
                    1..=100,
                ),
            ),
            (
                "successes",
                integer(
                    "Passed checks in a row until it is asked again. Default 2.",
                    1..=100,
                ),
            ),
        ],
    )
}

fn ejection_schema() -> Value {
    mapping(
        "When an instance is left out because requests to it fail.",
        [
            (
                "failures",
                integer("Failures in a row. Default 5.", 1..=1_000),
            ),
            (
                "seconds",
                integer(
                    "For how long the first time; then twice as long. Default 10.",
                    1..=300,
                ),
            ),
            (
                "percent_max",
                integer(
                    "Of all instances, at most so many are left out at once. Default 50.",
                    0..=100,
                ),
            ),
        ],
    )
}
