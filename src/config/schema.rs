//! The JSON Schema of `covenant.toml`, for editors. Whether files are there, and whether what is named in
//! two places fits together, only starting tells.

use serde_json::{Value, json};

use super::read::{ALGORITHMS, RETENTION_DAYS, ROLES};
use super::{LimitSettings, services};
use crate::source::schema::{boolean, date, file, integer, list, mapping, one_of, text};

/// The schema.
pub fn schema() -> Value {
    file(
        "covenant.toml",
        mapping(
            "The configuration of one gateway.",
            [
                ("gateway!", gateway()),
                ("tokens!", tokens()),
                (
                    "terms",
                    mapping(
                        "The partner terms in force; without them any accepted version will do.",
                        [
                            (
                                "version!",
                                text("Their version, as contracts name the one they accepted."),
                            ),
                            ("url!", text("Where they can be read.")),
                            (
                                "required_from!",
                                date("From this day on, who has not accepted them is refused."),
                            ),
                        ],
                    ),
                ),
                (
                    "operator",
                    mapping(
                        "The listener for health, readiness and metrics.",
                        [(
                            "listen",
                            address("Address and port. Default 127.0.0.1:9443."),
                        )],
                    ),
                ),
                ("administration!", administration()),
                (
                    "policies",
                    text("Folder of promises, contracts and catalogue. Default `policies`."),
                ),
                (
                    "services!",
                    list("The core services.", services::schema::schema()),
                ),
                ("ledger!", ledger()),
                (
                    "registry",
                    text("Folder of the registry's database and keys. Default `registry`."),
                ),
                ("limits", limits()),
                (
                    "telemetry",
                    mapping(
                        "Logs and traces.",
                        [
                            (
                                "log",
                                text("What is logged, as a `tracing` filter. Default `info`."),
                            ),
                            (
                                "otlp_endpoint",
                                text("Where traces are sent (OTLP over HTTP)."),
                            ),
                        ],
                    ),
                ),
            ],
        ),
    )
}

fn address(description: &str) -> Value {
    json!({"type": "string", "description": description, "pattern": "^(\\[.*\\]|[^:]+):\\d+$"})
}

fn gateway() -> Value {
    mapping(
        "The listener for partners.",
        [
            ("listen!", address("Address and port.")),
            (
                "names!",
                list(
                    "Every Host that requests may name.",
                    text("A name, with its port unless that is 443."),
                ),
            ),
            (
                "base_uri!",
                json!({
                    "type": "string",
                    "description": "Where problem documents point: `https://` and a name.",
                    "pattern": "^https://[^/?#@ ]+$",
                }),
            ),
            (
                "contact!",
                text("Where questions and complaints go; an address in every refusal."),
            ),
            (
                "certificate!",
                text("PEM file of the server's certificate chain."),
            ),
            ("key!", text("PEM file of its private key.")),
            (
                "partner_authority!",
                text("PEM file of the authority that issues certificates to partners."),
            ),
            (
                "revocation_lists",
                list(
                    "Revocation lists of that authority.",
                    text("A file, PEM or DER, or a plain http URL."),
                ),
            ),
            (
                "certificates_reload_seconds",
                integer(
                    "How often these files and lists are read again. Default 60.",
                    1..=86_400,
                ),
            ),
        ],
    )
}

fn tokens() -> Value {
    mapping(
        "How access tokens are judged.",
        [
            ("issuer!", text("The exact `iss`.")),
            (
                "audience!",
                text("The `aud` that must be among the token's."),
            ),
            (
                "keys",
                text("JWKS file, or its URL. Without it, the issuer's URL is asked."),
            ),
            (
                "keys_authority",
                text("PEM file of the authority that vouches for that URL."),
            ),
            (
                "private_hosts",
                list(
                    "Hosts among these that may lead to addresses of private networks.",
                    text("A host name."),
                ),
            ),
            (
                "keys_hours_max",
                integer(
                    "How long keys are used that could not be renewed. Default 24.",
                    1..=168,
                ),
            ),
            (
                "algorithms",
                list(
                    "Whose keys are taken. Default all.",
                    one_of("A signature algorithm.", ALGORITHMS),
                ),
            ),
            (
                "leeway_seconds",
                integer("Allowance for clocks that differ. Default 30.", 0..=240),
            ),
            (
                "life_seconds_max",
                integer("Longest life of a token. Default 3600.", 60..=86_400),
            ),
            (
                "not_before_required",
                boolean("Whether tokens must have `nbf`. Default false."),
            ),
            (
                "proof_nonces",
                boolean("Whether proofs (DPoP) must hold a nonce of the gateway. Default false."),
            ),
        ],
    )
}

fn administration() -> Value {
    let actor = mapping(
        "A person who may act.",
        [
            ("user!", text("The operating-system user.")),
            ("name!", text("The person's name, as in the ledger.")),
            (
                "roles!",
                list("What the person may do.", one_of("A role.", ROLES)),
            ),
        ],
    );
    mapping(
        "The socket for administration, and who may act through it.",
        [
            (
                "socket",
                text("The Unix socket. Default `run/administration.sock`."),
            ),
            ("actors!", list("People.", actor)),
        ],
    )
}

fn ledger() -> Value {
    mapping(
        "The record of disclosures.",
        [
            ("directory", text("Its folder. Default `ledger`.")),
            (
                "origin!",
                text("The log's name for ever: `<deployment>/<replica>`."),
            ),
            (
                "key",
                text("File of the signing key; made at the first start. Default `ledger.key`."),
            ),
            (
                "previous_key",
                text("File of the signing key before it, where it changes: for one start."),
            ),
            (
                "second_checkpoint",
                text(
                    "A second file that published checkpoints are written to, best on another disk.",
                ),
            ),
            (
                "wait_milliseconds_max",
                integer(
                    "How long an answer may wait to be recorded. Default 2000.",
                    10..=60_000,
                ),
            ),
            (
                "segment_mebibytes",
                integer("Size of a journal segment. Default 64.", 1..=1_024),
            ),
            (
                "queue_entries_max",
                integer("Entries that may wait at once. Default 4096.", 16..=65_536),
            ),
            ("retention", retention()),
            ("witnessing", witnessing()),
        ],
    )
}

fn witnessing() -> Value {
    let witness = mapping(
        "A witness.",
        [
            (
                "url!",
                text("Its submission prefix: https, or http on this machine."),
            ),
            ("key!", text("Its verifier key, `<name>+<id>+<base64>`.")),
        ],
    );
    mapping(
        "Witnesses (C2SP tlog-witness) that cosign the published log.",
        [
            ("witnesses!", list("Between 1 and 8 of them.", witness)),
            (
                "interval_seconds",
                integer("How often each is asked. Default 60.", 1..=3_600),
            ),
            (
                "quorum",
                integer(
                    "How many must have cosigned within `quorum_seconds`, else it is told. Default 1.",
                    1..=8,
                ),
            ),
            (
                "quorum_seconds",
                integer("See `quorum`. Default 300.", 10..=86_400),
            ),
            (
                "required",
                boolean("Whether nothing is disclosed while there is no quorum. Default false."),
            ),
            (
                "authority",
                text("PEM file of the authorities that vouch for https URLs."),
            ),
            (
                "private_hosts",
                list(
                    "Hosts of witnesses that may lead to addresses of private networks.",
                    text("A host name."),
                ),
            ),
        ],
    )
}

fn retention() -> Value {
    let days = |what: &str, default| {
        let description = format!("{what} Default {default}.");
        integer(&description, RETENTION_DAYS)
    };
    mapping(
        "After how many days two people may have destroyed what is in the ledger; without it, never.",
        [
            (
                "disclosures_days",
                days(
                    "Disclosures, with the intents before and the deliveries after them.",
                    2_192,
                ),
            ),
            (
                "refusals_days",
                days("Refusals, and differences of a set in the shadow.", 1_096),
            ),
            (
                "operations_days",
                days("What people and the gateway itself did.", 2_192),
            ),
            (
                "recipient_keys_days",
                days(
                    "Keys of mail recipients' fingerprints, from the end of their month.",
                    2_192,
                ),
            ),
            (
                "held",
                text(
                    "Folder of evidence packages of what is on hold. Default `held` in the ledger's.",
                ),
            ),
        ],
    )
}

fn limits() -> Value {
    let standard = LimitSettings::default();
    let (seconds, bytes) = (600, 1 << 30);
    #[rustfmt::skip]
    let limits = [
        ("requests_max", "Requests at once.", standard.requests_max, 1 << 16),
        ("connections_max", "Connections at once.", standard.connections_max, 1 << 20),
        ("header_bytes_max", "Bytes of a header section.", standard.header_bytes_max, 1 << 20),
        ("header_count_max", "Fields of a header section.", standard.header_count_max, 10_000),
        ("uri_bytes_max", "Bytes of a request target.", standard.uri_bytes_max, 1 << 16),
        ("body_bytes_max", "Bytes of a request body.", standard.body_bytes_max, bytes),
        ("whole_answer_bytes_max", "Bytes of an answer that is judged whole before it leaves.", standard.whole_answer_bytes_max, 1 << 26),
        ("handshake_seconds_max", "Seconds for the TLS handshake.", standard.handshake_seconds_max, seconds),
        ("first_byte_seconds_max", "Seconds to a connection's first byte.", standard.first_byte_seconds_max, seconds),
        ("head_seconds_max", "Seconds for a whole header section.", standard.head_seconds_max, seconds),
        ("idle_seconds_max", "Seconds a connection may idle.", standard.idle_seconds_max, 3_600),
        ("body_bytes_per_second_min", "Least bytes a second of a request body.", standard.body_bytes_per_second_min, bytes),
        ("write_bytes_per_second_min", "Least bytes a second taken of an answer.", standard.write_bytes_per_second_min, bytes),
        ("drain_seconds_max", "Seconds open requests have to finish at a stop.", standard.drain_seconds_max, 3_600),
    ];
    let limit = |(name, what, default, most): (&'static str, &str, u32, u32)| {
        (
            name,
            integer(&format!("{what} Default {default}."), 1..=most),
        )
    };
    mapping("Limits of the listener for partners.", limits.map(limit))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::read;
    use super::*;
    use crate::mistakes::{Mistakes, Source};
    use crate::source::schema::testing::{assert_same_limits, keys, limits, misfits};
    use crate::source::{Fields, asked, read_toml, read_yaml};

    /// The starting configuration with every table and key.
    fn whole() -> Value {
        let shipped = include_str!("../starter/covenant.toml");
        let source = Source::new("covenant.toml", shipped.replace("{port}", "1"));
        let node = read_toml(&source, &mut Mistakes::new()).unwrap();
        let mut whole = node.to_value();
        let more = json!({
            "terms": {"version": "1", "url": "https://a.example", "required_from": "2026-01-01"},
            "operator": {"listen": "127.0.0.1:1"},
            "policies": "policies", "registry": "registry",
            "telemetry": {"log": "info", "otlp_endpoint": "http://127.0.0.1:1"},
        });
        let tokens = json!({
            "private_hosts": ["issuer.internal"], "not_before_required": true, "proof_nonces": true,
        });
        let table = whole.as_object_mut().unwrap();
        let own = table["tokens"].as_object_mut().unwrap();
        own.extend(tokens.as_object().unwrap().clone());
        table.extend(more.as_object().unwrap().clone());
        table.entry("limits").or_insert_with(|| json!({}));
        table["ledger"]["retention"] = json!({"held": "held"});
        let witness = json!({"url": "https://witness.example", "key": "witness.example+0+a"});
        let witnesses = vec![witness; read::WITNESSES_MAX];
        table["ledger"]["witnessing"] = json!({
            "witnesses": witnesses, "required": true, "authority": "a", "private_hosts": ["b"],
        });
        let service = json!({
            "url": "https://core.example", "addresses": ["10.0.0.7:7070"], "names": [],
            "deadline_header": "time-left-milliseconds",
            "tls": {"authority": "a", "server_name": "b", "certificate": "c", "key": "d"},
            "health": {"path": "/healthz"}, "ejection": {},
            "identity": {"client_cert": true, "forwarded": true, "signed_header": "who", "signing_key": "a"},
        });
        let first = table["services"][0].as_object_mut().unwrap();
        first.extend(service.as_object().unwrap().clone());
        for (pointer, _, _) in limits(&schema()) {
            let (place, key) = pointer.rsplit_once('/').unwrap();
            let place = whole.pointer_mut(place).unwrap();
            place[key] = json!(100);
        }
        whole["ledger"]["witnessing"]["quorum"] = json!(8);
        whole
    }

    fn mistakes(configuration: &Value) -> Vec<String> {
        let mut mistakes = Mistakes::new();
        let source = Source::new("covenant.toml", configuration.to_string());
        let node = read_yaml(&source, &mut mistakes).unwrap();
        let base = Path::new("/");
        Fields::read(&source, &node, &mut mistakes, |fields| {
            read::config(fields, base)
        });
        let told = mistakes.sorted().into_iter();
        told.map(|mistake| mistake.message().to_owned()).collect()
    }

    #[test]
    fn the_starting_configuration_satisfies_the_schema() {
        assert_eq!(misfits(&schema(), &whole()), Vec::<String>::new());
        assert_eq!(mistakes(&whole()), Vec::<String>::new());
    }

    #[test]
    fn keys_over_https_need_a_named_authority() {
        for (keys, needed) in [
            ("https://issuer.example/jwks", true),
            ("http://127.0.0.1:1/jwks", false),
            ("jwks.json", false),
            ("", true),
        ] {
            let mut configuration = whole();
            let tokens = configuration["tokens"].as_object_mut().unwrap();
            tokens.insert("issuer".to_owned(), "https://issuer.example".into());
            tokens.shift_remove("keys_authority");
            tokens.shift_remove("keys");
            if !keys.is_empty() {
                tokens.insert("keys".to_owned(), keys.into());
            }
            let mistakes = mistakes(&configuration);
            let told = |mistake: &String| mistake.contains("`tokens.keys_authority` is missing");
            assert_eq!(mistakes.iter().any(told), needed, "{keys} {mistakes:?}");
        }
    }

    #[test]
    fn the_algorithms_that_can_be_configured_are_those_there_are() {
        let all = crate::identity::jwk::Algorithm::ALL;
        assert_eq!(ALGORITHMS, all.map(crate::identity::jwk::Algorithm::name));
    }

    #[test]
    fn the_reader_and_the_schema_know_the_same_keys() {
        let (_, asked) = asked::during(|| mistakes(&whole()));
        assert_eq!(asked, keys(&schema(), &[]));
    }

    #[test]
    fn the_reader_and_the_schema_have_the_same_limits() {
        assert_same_limits(&schema(), &whole(), 38, |changed| {
            !mistakes(changed).is_empty()
        });
    }
}
