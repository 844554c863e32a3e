//! The JSON Schema of one of `[[services]]`.

use serde_json::{Value, json};

use crate::source::schema::{boolean, integer, list, mapping, text};

/// The schema of one service.
pub(in crate::config) fn schema() -> Value {
    let url = json!({
        "type": "string",
        "description": "What it is called, and where it answers unless `addresses` says: `http://` or `https://`, a host and a port.",
        "pattern": "^https?://[^/?#@ ]+$",
    });
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
            ("identity", identity_schema()),
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

fn identity_schema() -> Value {
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
    )
}

fn header(description: &str) -> Value {
    json!({"type": "string", "description": description, "pattern": "^[A-Za-z0-9-]+$"})
}
