//! Each table of `covenant.toml`, key by key.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{
    ACCOUNTING_DAYS, ActorSettings, AdministrationSettings, Config, GatewaySettings, KeySource,
    LedgerSettings, LimitSettings, RetentionSettings, RevocationList, TelemetrySettings,
    TermsSettings, TokenSettings, WitnessSettings, WitnessingSettings, services,
};

use super::services::read::origin;
use crate::source::{Fields, Node};

/// Shortest and longest term of retention. Budgets of a month are made again from entries of up to 31 days.
pub(super) const RETENTION_DAYS: RangeInclusive<u32> = 32..=36_600;
pub(super) const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"];
pub(super) const ROLES: [&str; 4] = ["operator", "partner_manager", "legal", "auditor"];

/// Every table is read before anything is given up, so that all mistakes are noted.
pub(super) fn config(fields: &mut Fields<'_, '_>, base: &Path) -> Option<Config> {
    let gateway = fields.mapping("gateway", |table| gateway(table, base));
    let tokens = fields.mapping("tokens", |table| tokens(table, base));
    let terms = optional_table(fields, "terms", terms);
    let operator = optional_table(fields, "operator", |table| {
        address(table, "listen", Some("127.0.0.1:9443"))
    });
    let operator_listen = operator.unwrap_or_else(|| "127.0.0.1:9443".parse().ok());
    let administration = fields.mapping("administration", |table| administration(table, base));
    let policies = optional_path(fields, base, "policies", "policies");
    let services = services::read::services(fields, base);
    let ledger = fields.mapping("ledger", |table| ledger(table, base));
    let registry = optional_path(fields, base, "registry", "registry");
    let limits = optional_table(fields, "limits", |table| Some(limits(table)));
    let telemetry = optional_table(fields, "telemetry", |table| Some(telemetry(table)));
    Some(Config {
        gateway: gateway?,
        tokens: tokens?,
        terms: terms.flatten(),
        operator_listen: operator_listen?,
        administration: administration?,
        policies,
        services: services?,
        ledger: ledger?,
        registry,
        limits: limits.flatten().unwrap_or_default(),
        telemetry: telemetry.flatten().unwrap_or(TelemetrySettings {
            log: "info".into(),
            otlp_endpoint: None,
        }),
    })
}

/// `Some` of what was read where the table stands, so that a broken table is told from none.
fn optional_table<T>(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    read: impl FnOnce(&mut Fields<'_, '_>) -> Option<T>,
) -> Option<Option<T>> {
    let node = fields.optional(name)?;
    Some(fields.nested(node, read))
}

fn optional_path(
    fields: &mut Fields<'_, '_>,
    base: &Path,
    name: &'static str,
    default: &str,
) -> PathBuf {
    base.join(fields.optional_text(name).unwrap_or(default))
}

fn address(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    default: Option<&str>,
) -> Option<SocketAddr> {
    let node = match default {
        Some(_) => fields.optional(name),
        None => Some(fields.required(name)?),
    };
    let text = node.and_then(Node::as_text).or(default);
    let parsed = text.and_then(|text| text.parse().ok());
    if parsed.is_none() {
        let span = node.map_or(fields.span(), |node| node.span);
        fields.mistake(
            span,
            format!("`{name}` must be an address and a port, as `127.0.0.1:8443`"),
        );
    }
    parsed
}

fn gateway(fields: &mut Fields<'_, '_>, base: &Path) -> Option<GatewaySettings> {
    let listen = address(fields, "listen", None);
    let names: Vec<String> = fields
        .texts("names")
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    if let Some(node) = fields.optional("names").filter(|_| names.is_empty()) {
        let message = "`names` must list every Host that is accepted, as `localhost:8443`";
        fields.mistake(node.span, message);
    }
    let base_uri = origin(fields, "base_uri", &["https://"]);
    let contact = fields.text("contact").map(str::to_owned);
    let certificate = fields.text("certificate").map(|path| base.join(path));
    let key = fields.text("key").map(|path| base.join(path));
    let partner_authority = fields.text("partner_authority").map(|path| base.join(path));
    let lists = fields.optional_texts("revocation_lists");
    let list = |text: &str| {
        if text.starts_with("http://") || text.starts_with("https://") {
            RevocationList::Url(text.to_owned())
        } else {
            RevocationList::File(base.join(text))
        }
    };
    let revocation_lists = lists.iter().map(|(text, _)| list(text)).collect();
    let certificates_reload_seconds = fields
        .optional_integer("certificates_reload_seconds", 1..=86_400)
        .unwrap_or(60);
    Some(GatewaySettings {
        listen: listen?,
        names,
        base_uri: base_uri?,
        contact: contact?,
        certificate: certificate?,
        key: key?,
        partner_authority: partner_authority?,
        revocation_lists,
        certificates_reload_seconds,
    })
}

fn tokens(fields: &mut Fields<'_, '_>, base: &Path) -> Option<TokenSettings> {
    let issuer = fields.text("issuer").map(str::to_owned);
    let audience = fields.text("audience").map(str::to_owned);
    let authority = fields
        .optional_text("keys_authority")
        .map(|path| base.join(path));
    let keys = match fields.optional_text("keys") {
        None => KeySource::Issuer(authority),
        Some(keys) if keys.starts_with("https://") || keys.starts_with("http://") => {
            KeySource::Url(keys.to_owned(), authority)
        }
        Some(keys) => KeySource::File(base.join(keys)),
    };
    let keys_at = match &keys {
        KeySource::Url(url, None) => Some(url.as_str()),
        KeySource::Issuer(None) => issuer.as_deref(),
        _ => None,
    };
    if let Some(url) = keys_at.filter(|url| url.starts_with("https://")) {
        let message = format!(
            "`tokens.keys_authority` is missing: name the PEM file of the authorities that vouch for \
             `{url}`; no public ones are built in"
        );
        fields.mistake(fields.span(), message);
    }
    let private_hosts = fields.optional_texts("private_hosts");
    let private_hosts = private_hosts.iter().map(|(host, _)| host.to_lowercase());
    let keys_hours_max = fields
        .optional_integer("keys_hours_max", 1..=168)
        .unwrap_or(24);
    let algorithms = algorithms(fields);
    let leeway_seconds = fields
        .optional_integer("leeway_seconds", 0..=240)
        .unwrap_or(30);
    let life_seconds_max = fields
        .optional_integer("life_seconds_max", 60..=86_400)
        .unwrap_or(3_600);
    let not_before_required = truth(fields, "not_before_required");
    let proof_nonces = truth(fields, "proof_nonces");
    Some(TokenSettings {
        issuer: issuer?,
        audience: audience?,
        keys,
        private_hosts: private_hosts.collect(),
        keys_hours_max,
        algorithms,
        leeway_seconds,
        life_seconds_max,
        not_before_required,
        proof_nonces,
    })
}

/// False where the key is absent.
fn truth(fields: &mut Fields<'_, '_>, name: &'static str) -> bool {
    let Some(node) = fields.optional(name) else {
        return false;
    };
    let truth = node.as_boolean();
    if truth.is_none() {
        fields.mistake(node.span, format!("`{name}` is true or false"));
    }
    truth.unwrap_or_default()
}

/// All of them where the key is absent.
fn algorithms(fields: &mut Fields<'_, '_>) -> Vec<String> {
    if fields.optional("algorithms").is_none() {
        return ALGORITHMS.map(str::to_owned).to_vec();
    }
    let named = fields.texts("algorithms");
    for (name, span) in &named {
        if !ALGORITHMS.contains(name) {
            let source = Arc::clone(fields.source());
            let message = format!(
                "`{name}` is not an algorithm that tokens may be signed with; those are {}",
                ALGORITHMS.join(", ")
            );
            let mistakes = fields.mistakes();
            mistakes.add_unknown(&source, *span, message, name, ALGORITHMS);
        }
    }
    named.iter().map(|(name, _)| (*name).to_owned()).collect()
}

fn terms(fields: &mut Fields<'_, '_>) -> Option<TermsSettings> {
    let version = fields.text("version").map(str::to_owned);
    let url = fields.text("url").map(str::to_owned);
    let required_from = fields.date("required_from");
    Some(TermsSettings {
        version: version?,
        url: url?,
        required_from: required_from?,
    })
}

fn administration(fields: &mut Fields<'_, '_>, base: &Path) -> Option<AdministrationSettings> {
    let socket = optional_path(fields, base, "socket", "run/administration.sock");
    let actors = fields.list("actors")?;
    let actors = actors
        .iter()
        .map(|node| fields.nested(node, actor))
        .collect::<Vec<_>>();
    Some(AdministrationSettings {
        socket,
        actors: actors.into_iter().collect::<Option<_>>()?,
    })
}

fn actor(fields: &mut Fields<'_, '_>) -> Option<ActorSettings> {
    let user = fields.text("user").map(str::to_owned);
    let name = fields.text("name").map(str::to_owned);
    let roles = fields.texts("roles");
    for (role, span) in &roles {
        if !ROLES.contains(role) {
            let source = Arc::clone(fields.source());
            let message = format!("unknown role `{role}`; roles are {}", ROLES.join(", "));
            fields
                .mistakes()
                .add_unknown(&source, *span, message, role, ROLES);
        }
    }
    let roles = roles.iter().map(|(role, _)| (*role).to_owned()).collect();
    Some(ActorSettings {
        user: user?,
        name: name?,
        roles,
    })
}

fn ledger(fields: &mut Fields<'_, '_>, base: &Path) -> Option<LedgerSettings> {
    let directory = optional_path(fields, base, "directory", "ledger");
    let origin = fields.text("origin").map(str::to_owned);
    let key = optional_path(fields, base, "key", "ledger.key");
    let mut other_path = |name| fields.optional_text(name).map(|path| base.join(path));
    let previous_key = other_path("previous_key");
    let second_checkpoint = other_path("second_checkpoint");
    let wait_milliseconds_max = fields
        .optional_integer("wait_milliseconds_max", 10..=60_000)
        .unwrap_or(2_000);
    let segment_mebibytes = fields
        .optional_integer("segment_mebibytes", 1..=1_024)
        .unwrap_or(64);
    let queue_entries_max = fields
        .optional_integer("queue_entries_max", 16..=65_536)
        .unwrap_or(4_096);
    let held = directory.join("held");
    let retention = optional_table(fields, "retention", |table| {
        Some(retention(table, base, held))
    });
    let witnessing = optional_table(fields, "witnessing", |table| witnessing(table, base));
    Some(LedgerSettings {
        directory,
        origin: origin?,
        key,
        previous_key,
        second_checkpoint,
        wait_milliseconds_max,
        segment_mebibytes,
        queue_entries_max,
        retention: retention.flatten(),
        witnessing: witnessing.flatten(),
    })
}

/// Most witnesses: all their signatures stand in one checkpoint.
pub(super) const WITNESSES_MAX: usize = 8;

fn witnessing(fields: &mut Fields<'_, '_>, base: &Path) -> Option<WitnessingSettings> {
    let listed = fields.list("witnesses")?;
    let witnesses: Vec<_> = listed
        .iter()
        .map(|node| fields.nested(node, witness))
        .collect();
    if listed.is_empty() || listed.len() > WITNESSES_MAX {
        let message = format!("`witnesses` has one to {WITNESSES_MAX} of them");
        fields.mistake(fields.span(), message);
    }
    let interval_seconds = fields
        .optional_integer("interval_seconds", 1..=3_600)
        .unwrap_or(60);
    let quorum = fields.optional_integer("quorum", 1..=8).unwrap_or(1);
    if usize::try_from(quorum).is_ok_and(|quorum| quorum > listed.len()) {
        let message = "`quorum` is at most the number of witnesses";
        let span = fields.optional("quorum").map(|node| node.span);
        fields.mistake(span.unwrap_or(fields.span()), message);
    }
    let quorum_seconds = fields
        .optional_integer("quorum_seconds", 10..=86_400)
        .unwrap_or(300);
    let required = truth(fields, "required");
    let authority = fields
        .optional_text("authority")
        .map(|path| base.join(path));
    let private_hosts = fields.optional_texts("private_hosts");
    let private_hosts = private_hosts.iter().map(|(host, _)| host.to_lowercase());
    Some(WitnessingSettings {
        witnesses: witnesses.into_iter().collect::<Option<_>>()?,
        interval_seconds,
        quorum,
        quorum_seconds,
        required,
        authority,
        private_hosts: private_hosts.collect(),
    })
}

fn witness(fields: &mut Fields<'_, '_>) -> Option<WitnessSettings> {
    let url = fields.text("url").map(str::to_owned);
    let key = fields.text("key").map(str::to_owned);
    Some(WitnessSettings {
        url: url?,
        key: key?,
    })
}

fn retention(fields: &mut Fields<'_, '_>, base: &Path, held: PathBuf) -> RetentionSettings {
    let mut days = |name, default| {
        let days = fields.optional_integer(name, RETENTION_DAYS);
        days.unwrap_or(default)
    };
    RetentionSettings {
        disclosures_days: days("disclosures_days", ACCOUNTING_DAYS),
        refusals_days: days("refusals_days", 1_096),
        operations_days: days("operations_days", 2_192),
        recipient_keys_days: days("recipient_keys_days", 2_192),
        held: fields
            .optional_text("held")
            .map_or(held, |path| base.join(path)),
    }
}

fn limits(fields: &mut Fields<'_, '_>) -> LimitSettings {
    let default = LimitSettings::default();
    let mut limit =
        |name, default: u32, max: u32| fields.optional_integer(name, 1..=max).unwrap_or(default);
    LimitSettings {
        requests_max: limit("requests_max", default.requests_max, 1 << 16),
        connections_max: limit("connections_max", default.connections_max, 1 << 20),
        header_bytes_max: limit("header_bytes_max", default.header_bytes_max, 1 << 20),
        header_count_max: limit("header_count_max", default.header_count_max, 10_000),
        uri_bytes_max: limit("uri_bytes_max", default.uri_bytes_max, 1 << 16),
        body_bytes_max: limit("body_bytes_max", default.body_bytes_max, 1 << 30),
        whole_answer_bytes_max: limit(
            "whole_answer_bytes_max",
            default.whole_answer_bytes_max,
            1 << 26,
        ),
        handshake_seconds_max: limit("handshake_seconds_max", default.handshake_seconds_max, 600),
        first_byte_seconds_max: limit(
            "first_byte_seconds_max",
            default.first_byte_seconds_max,
            600,
        ),
        head_seconds_max: limit("head_seconds_max", default.head_seconds_max, 600),
        idle_seconds_max: limit("idle_seconds_max", default.idle_seconds_max, 3_600),
        body_bytes_per_second_min: limit(
            "body_bytes_per_second_min",
            default.body_bytes_per_second_min,
            1 << 30,
        ),
        write_bytes_per_second_min: limit(
            "write_bytes_per_second_min",
            default.write_bytes_per_second_min,
            1 << 30,
        ),
        drain_seconds_max: limit("drain_seconds_max", default.drain_seconds_max, 3_600),
    }
}

fn telemetry(fields: &mut Fields<'_, '_>) -> TelemetrySettings {
    TelemetrySettings {
        log: fields.optional_text("log").unwrap_or("info").to_owned(),
        otlp_endpoint: fields.optional_text("otlp_endpoint").map(str::to_owned),
    }
}
