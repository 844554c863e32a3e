//! `covenant.toml`: raw text to a checked [`Config`], with every mistake at its place. Relative paths
//! are relative to the file. The doc comment of a setting is its documentation.
//!
//! Deliberately absent: environment variables that change a setting, defaults for anything that
//! decides who gets in.

mod read;
pub mod schema;
mod services;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;

pub use self::services::{
    CoreService, CoreTls, EjectionSettings, HealthSettings, IdentitySettings, TAKEN_HEADERS,
};
use crate::mistakes::{Mistakes, Source};
use crate::source::{Fields, read_toml};

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The partner listener.
    pub gateway: GatewaySettings,
    /// How access tokens are judged.
    pub tokens: TokenSettings,
    /// The partner terms in force; without them any accepted version will do.
    pub terms: Option<TermsSettings>,
    /// The operator listener: health, readiness, metrics. Default `127.0.0.1:9443`.
    pub operator_listen: SocketAddr,
    /// The administration service.
    pub administration: AdministrationSettings,
    /// Promises, contracts and catalogue. Default `policies`.
    pub policies: PathBuf,
    /// Core services by name; the name is the stem of its files in the catalogue.
    pub services: HashMap<Arc<str>, CoreService>,
    /// The ledger.
    pub ledger: LedgerSettings,
    /// Folder of the registry's database and keys. Default `registry`.
    pub registry: PathBuf,
    /// Named limits of the partner listener.
    pub limits: LimitSettings,
    /// Logs, traces.
    pub telemetry: TelemetrySettings,
}

/// `[gateway]`: the partner listener.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Every `Host` that requests may name, with its port unless that is 443.
    pub names: Vec<String>,
    /// Where problem documents point: `https://` and a name, without a slash at the end.
    pub base_uri: String,
    /// Where questions and complaints go (P18): an address in every refusal.
    pub contact: String,
    /// PEM file of the server's certificate chain.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// PEM file of the authority that issues client certificates to partners.
    pub partner_authority: PathBuf,
    /// Revocation lists of that authority.
    pub revocation_lists: Vec<RevocationList>,
    /// How often these files and lists are read again, in seconds. Default 60.
    pub certificates_reload_seconds: u32,
}

/// Where a revocation list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationList {
    /// A file, PEM or DER.
    File(PathBuf),
    /// A plain http URL; the list is signed.
    Url(String),
}

/// `[tokens]`: RFC 9068 access tokens.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// The exact `iss`.
    pub issuer: String,
    /// The `aud` that must be among the token's.
    pub audience: String,
    /// JWKS file or URL; where it is not given, it is discovered from the issuer.
    pub keys: KeySource,
    /// Hosts of the authorization server that may lead to addresses of private networks.
    pub private_hosts: Vec<String>,
    /// How long keys are used that could not be renewed, in hours. Default 24, at most 168.
    pub keys_hours_max: u32,
    /// Signature algorithms whose keys are taken. Default all of them.
    pub algorithms: Vec<String>,
    /// Allowance for clocks that differ. Default 30, at most 240.
    pub leeway_seconds: u32,
    /// Longest life of a token that is accepted. Default 3,600, at most 86,400.
    pub life_seconds_max: u32,
    /// Whether tokens must have `nbf`, which RFC 9068 does not ask for. Default false.
    pub not_before_required: bool,
    /// Whether proofs (DPoP) must hold a nonce of the gateway. Default false.
    pub proof_nonces: bool,
}

/// `[terms]`: the partner terms in force (P16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsSettings {
    /// Their version, as contracts name the one they accepted.
    pub version: String,
    /// Where they can be read.
    pub url: String,
    /// From this UTC day on, who has not accepted them is refused; for thirty days before, told.
    pub required_from: Date,
}

/// Where the authorization server's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A JWKS file.
    File(PathBuf),
    /// An URL, with the PEM file of the authority that vouches for it where it is https.
    Url(String, Option<PathBuf>),
    /// What the issuer says at its own URL (RFC 8414, or OpenID Connect Discovery), with that PEM file.
    Issuer(Option<PathBuf>),
}

/// `[administration]`: the socket and who may act through it.
#[derive(Clone, Debug)]
pub struct AdministrationSettings {
    /// The Unix socket. Default `run/administration.sock`.
    pub socket: PathBuf,
    /// People, by the operating-system user they act as.
    pub actors: Vec<ActorSettings>,
}

/// One of `administration.actors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorSettings {
    /// Operating-system user.
    pub user: String,
    /// The person's name, as in the ledger.
    pub name: String,
    /// Roles: `operator`, `partner_manager`, `legal`, `auditor`.
    pub roles: Vec<String>,
}

/// A credential of ours, which no log, error or debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What must not be shown.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

/// `[ledger]`.
#[derive(Clone, Debug)]
pub struct LedgerSettings {
    /// Its folder. Default `ledger`.
    pub directory: PathBuf,
    /// The log's origin, its name for ever: `<deployment>/<replica>`.
    pub origin: String,
    /// File of the signing key; made at the first start. Default `ledger.key`.
    pub key: PathBuf,
    /// File of the signing key before that one, where the key is to change at this start.
    pub previous_key: Option<PathBuf>,
    /// A second file that published checkpoints are written to.
    pub second_checkpoint: Option<PathBuf>,
    /// How long an answer may wait to be recorded. Default 2,000.
    pub wait_milliseconds_max: u32,
    /// Size of a journal segment. Default 64.
    pub segment_mebibytes: u32,
    /// Entries that may wait at once. Default 4,096.
    pub queue_entries_max: u32,
    /// How long what is in it is kept. Without this table nothing is ever destroyed: C2SP tlog-tiles does
    /// not let a log be pruned without a policy that says when.
    pub retention: Option<RetentionSettings>,
    /// Who vouches for the log to others; nobody where the table is not there.
    pub witnessing: Option<WitnessingSettings>,
}

/// `[ledger.retention]`: after how many days what may be destroyed, each 32 to 36,600. Nothing is by itself: a
/// purge takes two people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Disclosures, with the intents before and the deliveries after them. Default 2,192: six years, as an
    /// accounting of disclosures goes back (45 CFR 164.528).
    pub disclosures_days: u32,
    /// Refusals, and what a set in the shadow would have decided. Default 1,096.
    pub refusals_days: u32,
    /// What people and the gateway itself did. Default 2,192.
    pub operations_days: u32,
    /// Keys of mail recipients' fingerprints, counted from the end of the month they were made for. Default
    /// 2,192.
    pub recipient_keys_days: u32,
    /// Folder of the evidence packages that what is on hold is copied into before it is destroyed. Default
    /// `held` in the ledger's folder.
    pub held: PathBuf,
}

/// Days of six years, whichever they are.
const ACCOUNTING_DAYS: u32 = 2_192;

impl RetentionSettings {
    /// Where disclosures may be destroyed before the six years are over that an accounting goes back: what that
    /// means.
    pub fn remark(&self) -> Option<String> {
        let days = self.disclosures_days;
        (days < ACCOUNTING_DAYS).then(|| {
            format!(
                "disclosures_days is {days}: an accounting of disclosures goes back six years ({ACCOUNTING_DAYS} \
                 days; 45 CFR 164.528), and of what a purge destroys before, there is none"
            )
        })
    }
}

/// `[ledger.witnessing]`: witnesses (C2SP tlog-witness) that cosign the published log.
#[derive(Clone, Debug)]
pub struct WitnessingSettings {
    /// The witnesses, at least one.
    pub witnesses: Vec<WitnessSettings>,
    /// How often each is asked, in seconds. Default 60.
    pub interval_seconds: u32,
    /// How many must have cosigned within `quorum_seconds`, else it is told. Default 1.
    pub quorum: u32,
    /// See `quorum`. Default 300.
    pub quorum_seconds: u32,
    /// Whether nothing is disclosed while there is no quorum. Default false.
    pub required: bool,
    /// PEM file of the authorities that vouch for https URLs.
    pub authority: Option<PathBuf>,
    /// Hosts of witnesses, in lower case, that may lead to addresses of private networks.
    pub private_hosts: Vec<String>,
}

/// One of `ledger.witnessing.witnesses`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessSettings {
    /// Its submission prefix.
    pub url: String,
    /// Its verifier key, `<name>+<id>+<base64>`.
    pub key: String,
}

/// `[limits]` of the partner listener.
#[derive(Clone, Copy, Debug)]
pub struct LimitSettings {
    /// Requests at once; with `body_bytes_max` this bounds the memory that bodies take. Default 512.
    pub requests_max: u32,
    /// Connections at once. Default 4,096.
    pub connections_max: u32,
    /// Bytes of a header section. Default 32,768.
    pub header_bytes_max: u32,
    /// Fields of a header section. Default 100.
    pub header_count_max: u32,
    /// Bytes of a request target. Default 8,192.
    pub uri_bytes_max: u32,
    /// Bytes of a request body. Default 10,485,760.
    pub body_bytes_max: u32,
    /// Bytes of an answer that is judged whole before its first byte leaves. Default 4,194,304.
    pub whole_answer_bytes_max: u32,
    /// Seconds for the TLS handshake. Default 10.
    pub handshake_seconds_max: u32,
    /// Seconds to a connection's first byte. Default 10.
    pub first_byte_seconds_max: u32,
    /// Seconds for a whole header section. Default 10.
    pub head_seconds_max: u32,
    /// Seconds a connection may idle. Default 60.
    pub idle_seconds_max: u32,
    /// Least bytes a second of a request body, after the first five seconds. Default 512.
    pub body_bytes_per_second_min: u32,
    /// Least bytes a second taken of an answer, after the first five seconds. Default 512.
    pub write_bytes_per_second_min: u32,
    /// Seconds open requests have to finish when the gateway stops. Default 20.
    pub drain_seconds_max: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            requests_max: 512,
            connections_max: 4_096,
            header_bytes_max: 32_768,
            header_count_max: 100,
            uri_bytes_max: 8_192,
            body_bytes_max: 10_485_760,
            whole_answer_bytes_max: 4_194_304,
            handshake_seconds_max: 10,
            first_byte_seconds_max: 10,
            head_seconds_max: 10,
            idle_seconds_max: 60,
            body_bytes_per_second_min: 512,
            write_bytes_per_second_min: 512,
            drain_seconds_max: 20,
        }
    }
}

/// `[telemetry]`.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// `tracing` filter. Default `info`.
    pub log: String,
    /// OTLP endpoint for traces (HTTP, protobuf), for example `http://127.0.0.1:4318/v1/traces`.
    pub otlp_endpoint: Option<String>,
}

impl Config {
    /// Reads and checks a file. `None` when there are mistakes, which are all noted.
    pub fn load(path: &Path, mistakes: &mut Mistakes) -> Option<Self> {
        let source = Source::read(path, mistakes)?;
        let node = read_toml(&source, mistakes)?;
        let before = mistakes.len();
        let base = path.parent().unwrap_or_else(|| Path::new("."));
        let config = Fields::read(&source, &node, mistakes, |fields| {
            read::config(fields, base)
        })?;
        (mistakes.len() == before).then_some(config)
    }
}
