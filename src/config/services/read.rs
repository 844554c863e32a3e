//! `[[services]]`, key by key.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use http::{HeaderName, Uri};

use super::{
    CoreService, CoreTls, EjectionSettings, HealthSettings, IdentitySettings, TAKEN_HEADERS,
};
use crate::config::Secret;
use crate::source::{Fields, Node};

/// All services; a name twice is a mistake.
pub(in crate::config) fn services(
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

/// A scheme, one of these, and an authority, and nothing after it.
pub(in crate::config) fn origin(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    schemes: &[&str],
) -> Option<String> {
    let node = fields.required(name)?;
    let text = node.as_text().unwrap_or_default();
    let mut authorities = schemes
        .iter()
        .filter_map(|scheme| text.strip_prefix(scheme));
    let authority = authorities.next().unwrap_or_default();
    if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
        let scheme = schemes.first().copied().unwrap_or_default();
        let either = schemes.join("` or `");
        fields.mistake(
            node.span,
            format!("`{name}` must be `{either}` and a host, without a path, as `{scheme}localhost:8443`"),
        );
        return None;
    }
    Some(text.to_owned())
}
