//! What partners show beside a token that is bound to their certificate: proofs of possession (DPoP),
//! tokens that are bound to nothing, API keys. Each is taken where the contract says so, once it is
//! proved, and nowhere else.

use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use covenant::config::Config;
use covenant::entry::Event;
use covenant::identity::development::DEVELOPMENT_ISSUER;
use covenant::terms::Principal;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::caller::{Call, Credentials, Reply, Version};
use crate::stand::{SERVICE, Stand};

pub(crate) const WHOAMI: &str = "/.covenant/whoami";

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key that makes proofs.
pub(crate) struct ProofKey(EcdsaKeyPair);

impl ProofKey {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn coordinates(&self) -> (String, String) {
        let point = self.0.public_key().as_ref();
        (encode(&point[1..33]), encode(&point[33..]))
    }

    /// RFC 7638.
    pub(crate) fn thumbprint(&self) -> String {
        let (x, y) = self.coordinates();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        encode(digest(&SHA256, canonical.as_bytes()))
    }

    /// A proof with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let (x, y) = self.coordinates();
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let signed = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        format!("{signed}.{}", encode(signature.unwrap()))
    }
}

/// The claims of a proof for a GET of `path` with `token`, made now.
pub(crate) fn claims(stand: &Stand, token: &str, path: &str) -> Value {
    let mut id = [0; 12];
    aws_lc_rs::rand::fill(&mut id).unwrap();
    json!({
        "jti": encode(id), "htm": "GET", "htu": format!("https://localhost{path}"),
        "iat": stand.clock.unix_seconds(), "ath": encode(digest(&SHA256, token.as_bytes())),
    })
}

/// A token of the stand's issuer for acme's client, bound as `cnf` says.
fn token(stand: &Stand, cnf: Value) -> String {
    let certs: PathBuf = stand.config.policies.parent().unwrap().join("certs");
    let key = std::fs::read(certs.join("issuer.key")).unwrap();
    let set: Value =
        serde_json::from_slice(&std::fs::read(certs.join("jwks.json")).unwrap()).unwrap();
    let now = stand.clock.unix_seconds();
    let mut claims = json!({
        "iss": DEVELOPMENT_ISSUER, "aud": stand.config.tokens.audience, "sub": "acme-portal",
        "client_id": "acme-portal", "iat": now, "exp": now + 600, "jti": format!("jti-{cnf}"),
    });
    if !cnf.is_null() {
        claims["cnf"] = cnf;
    }
    let header = Header {
        typ: Some("at+jwt".to_owned()),
        kid: set["keys"][0]["kid"].as_str().map(str::to_owned),
        ..Header::new(Algorithm::ES256)
    };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_pem(&key).unwrap()).unwrap()
}

/// A stand in whose contract of acme the credentials say this as well.
async fn stand_with(more: &str, configure: impl FnOnce(&mut Config)) -> Stand {
    let clients = "\n  clients:";
    let more = format!("\n  {more}{clients}");
    Stand::start_with(&[("partners/acme.yaml", clients, &more)], configure).await
}

/// Asks who acme is, over this partner's certificate and with these headers.
async fn ask(stand: &Stand, certificate_of: &str, headers: &[(&str, &str)]) -> Reply {
    let credentials = Credentials {
        authorization: None,
        ..stand.credentials(certificate_of)
    };
    let mut caller = stand.connect(&credentials, Version::Http1).await;
    let call = Call::get(WHOAMI).purpose(SERVICE);
    let call = headers
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value));
    caller.call(call).await
}

/// Asserts status and code of a refusal; 200 is none.
#[track_caller]
fn assert_told(reply: &Reply, expected: (u16, &str), what: &str) {
    let told = reply.everything();
    let code = reply.json()["code"].as_str().unwrap_or_default().to_owned();
    assert_eq!((reply.status.as_u16(), &*code), expected, "{what}: {told}");
}

/// Under which kind of credential the ledger has a request.
async fn credential_on_record(stand: &Stand, reply: &Reply) -> Option<String> {
    let events = stand.events_of(reply.request_id(), 1).await;
    let Some(Event::Refusal(refused)) = events.first() else {
        panic!("{events:?}");
    };
    refused.request.credential.clone()
}

#[tokio::test]
async fn a_token_bound_to_a_key_comes_with_a_proof_that_is_good_once_even_over_a_restart() {
    let mut stand = stand_with("token_bindings: [dpop]", |_| {}).await;
    let (key, stranger) = (ProofKey::new(), ProofKey::new());
    let token = token(&stand, json!({"jkt": key.thumbprint()}));
    let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
    let proof = || key.sign(&claims(&stand, &token, WHOAMI));
    let first = proof();
    let with = |proof: &str| vec![("authorization", dpop.clone()), ("dpop", proof.to_owned())];
    let other_claims = |name: &str, value: Value| {
        let mut claims = claims(&stand, &token, WHOAMI);
        claims[name] = value;
        key.sign(&claims)
    };
    let late = stand.clock.unix_seconds() - 90;
    let invalid = (401, "proof-invalid");
    let rows = [
        ("the proof itself", with(&first), (200, "")),
        ("the same again", with(&first), invalid),
        ("another", with(&proof()), (200, "")),
        ("no proof", vec![("authorization", dpop.clone())], invalid),
        (
            "no token",
            vec![("dpop", proof())],
            (401, "credentials-missing"),
        ),
        (
            "of a stranger",
            with(&stranger.sign(&claims(&stand, &token, WHOAMI))),
            invalid,
        ),
        (
            "for another method",
            with(&other_claims("htm", json!("POST"))),
            invalid,
        ),
        (
            "for another path",
            with(&other_claims("htu", json!("https://localhost/v1"))),
            invalid,
        ),
        (
            "for another host",
            with(&other_claims(
                "htu",
                json!("https://other.example/.covenant/whoami"),
            )),
            invalid,
        ),
        (
            "for another token",
            with(&other_claims("ath", json!(encode([7; 32])))),
            invalid,
        ),
        ("too old", with(&other_claims("iat", json!(late))), invalid),
        ("not a proof", with("proof"), invalid),
        (
            "as Bearer",
            vec![("authorization", bearer.clone())],
            (401, "token-invalid"),
        ),
        (
            "as Bearer with a proof",
            vec![("authorization", bearer), ("dpop", proof())],
            invalid,
        ),
        (
            "two proofs",
            {
                let mut two = with(&proof());
                two.push(("dpop", proof()));
                two
            },
            invalid,
        ),
    ];
    for (what, headers, expected) in &rows {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let reply = ask(&stand, "acme", &headers).await;
        assert_told(&reply, *expected, what);
        if *expected == invalid {
            let challenge = reply.header("www-authenticate");
            assert!(challenge.starts_with("DPoP ") && challenge.contains("invalid_dpop_proof"));
        }
        let told = reply.everything();
        assert!(!told.contains(&token) && !told.contains(&first), "{told}");
    }
    let stolen = ask(
        &stand,
        "bluebird",
        &[("authorization", &dpop), ("dpop", &proof())],
    )
    .await;
    assert_told(
        &stolen,
        (403, "identity-mismatch"),
        "over another's certificate",
    );
    assert_eq!(
        credential_on_record(&stand, &stolen).await.as_deref(),
        Some("dpop-bound-token")
    );
    drop(rows);
    stand.clock.advance(Duration::from_secs(5));
    stand.restart().await;
    let again = ask(
        &stand,
        "acme",
        &[("authorization", &dpop), ("dpop", &first)],
    )
    .await;
    assert_told(&again, invalid, "after a restart");
    let fresh = key.sign(&claims(&stand, &token, WHOAMI));
    let fresh = ask(
        &stand,
        "acme",
        &[("authorization", &dpop), ("dpop", &fresh)],
    )
    .await;
    assert_told(&fresh, (200, ""), "a new one after a restart");
}

#[tokio::test]
async fn a_contract_takes_tokens_bound_to_what_it_names_and_no_others() {
    let no = (401, "token-invalid");
    for (bindings, [unbound, certificate, dpop, both]) in [
        ("name: x", [no, (200, ""), no, (200, "")]),
        (
            "token_bindings: [certificate]",
            [no, (200, ""), no, (200, "")],
        ),
        ("token_bindings: [dpop]", [no, no, (200, ""), (200, "")]),
        (
            "token_bindings: [certificate, dpop]",
            [no, (200, ""), (200, ""), (200, "")],
        ),
        ("token_bindings: [none]", [(200, ""); 4]),
    ] {
        let stand = match bindings {
            "name: x" => Stand::start().await,
            bindings => stand_with(bindings, |_| {}).await,
        };
        let key = ProofKey::new();
        let Principal::Certificate(own) = stand.certificate_of("acme") else {
            panic!("a certificate");
        };
        let (own, jkt) = (own.to_base64url(), key.thumbprint());
        for (cnf, is_proved, expected) in [
            (Value::Null, false, unbound),
            (json!({"x5t#S256": own}), false, certificate),
            (json!({"jkt": jkt}), true, dpop),
            (json!({"x5t#S256": own, "jkt": jkt}), true, both),
            // What a token names must be shown, whatever the contract would do without.
            (json!({"jkt": jkt}), false, no),
            (json!({"x5t#S256": own, "jkt": jkt}), false, no),
            (
                json!({"x5t#S256": encode([7; 32])}),
                false,
                (401, "certificate-mismatch"),
            ),
            (
                json!({"x5t#S256": encode([7; 32]), "jkt": jkt}),
                true,
                (401, "certificate-mismatch"),
            ),
            (Value::Null, true, no),
        ] {
            let what = format!("{bindings} {cnf} {is_proved}");
            let token = token(&stand, cnf);
            let proof = key.sign(&claims(&stand, &token, WHOAMI));
            let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
            let reply = match is_proved {
                true => {
                    ask(
                        &stand,
                        "acme",
                        &[("authorization", &dpop), ("dpop", &proof)],
                    )
                    .await
                }
                false => ask(&stand, "acme", &[("authorization", &bearer)]).await,
            };
            assert_told(&reply, expected, &what);
        }
    }
}

#[tokio::test]
async fn where_nonces_are_asked_for_a_client_is_told_one_and_uses_it() {
    let nonces = |config: &mut Config| config.tokens.proof_nonces = true;
    let stand = stand_with("token_bindings: [dpop]", nonces).await;
    let key = ProofKey::new();
    let token = token(&stand, json!({"jkt": key.thumbprint()}));
    let dpop = format!("DPoP {token}");
    let plain = key.sign(&claims(&stand, &token, WHOAMI));
    let asked = ask(
        &stand,
        "acme",
        &[("authorization", &dpop), ("dpop", &plain)],
    )
    .await;
    assert_told(&asked, (401, "proof-invalid"), "without a nonce");
    assert!(
        asked
            .header("www-authenticate")
            .contains(r#"error="use_dpop_nonce""#)
    );
    let with_nonce = |nonce: &str| {
        let mut claims = claims(&stand, &token, WHOAMI);
        claims["nonce"] = json!(nonce);
        key.sign(&claims)
    };
    let nonce = asked.header("dpop-nonce");
    let proof = with_nonce(nonce);
    let taken = ask(
        &stand,
        "acme",
        &[("authorization", &dpop), ("dpop", &proof)],
    )
    .await;
    assert_told(&taken, (200, ""), "with the nonce");
    assert_eq!(taken.header("dpop-nonce"), nonce);
    let again = ask(
        &stand,
        "acme",
        &[("authorization", &dpop), ("dpop", &proof)],
    )
    .await;
    assert_told(
        &again,
        (401, "proof-invalid"),
        "a proof with a nonce is good once too",
    );
    stand.clock.advance(Duration::from_secs(601));
    let late = key.sign(&json!({
        "nonce": nonce, "jti": "late", "htm": "GET", "htu": format!("https://localhost{WHOAMI}"),
        "iat": stand.clock.unix_seconds(), "ath": encode(digest(&SHA256, token.as_bytes())),
    }));
    let late = ask(&stand, "acme", &[("authorization", &dpop), ("dpop", &late)]).await;
    assert!(late.header("www-authenticate").contains("use_dpop_nonce"));
    assert_ne!(late.header("dpop-nonce"), nonce);
}

#[tokio::test]
async fn an_api_key_is_taken_over_the_certificate_of_the_contract_that_has_it_and_nowhere_else() {
    let (key, record) = covenant::identity::api_key::make().unwrap();
    let (other, _) = covenant::identity::api_key::make().unwrap();
    let keys = format!(
        "api_keys: [{{prefix: {}, sha256: '{}'}}]",
        record.prefix,
        record.digest_text()
    );
    let stand = stand_with(&keys, |_| {}).await;
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let wrong = format!(
        "{}{}",
        &key[..key.len() - 1],
        if key.ends_with('A') { "B" } else { "A" }
    );
    let token = token(&stand, Value::Null);
    let (bad, missing) = ((401, "token-invalid"), (401, "credentials-missing"));
    let twice = (400, "request-malformed");
    for (what, certificate_of, headers, expected) in [
        (
            "in its own header",
            "acme",
            vec![("x-api-key", key.clone())],
            (200, ""),
        ),
        (
            "as a user name",
            "acme",
            vec![("authorization", basic(&format!("{key}:")))],
            (200, ""),
        ),
        (
            "with a password",
            "acme",
            vec![("authorization", basic(&format!("{key}:x")))],
            missing,
        ),
        (
            "as a password",
            "acme",
            vec![("authorization", basic(&format!("api:{key}")))],
            missing,
        ),
        (
            "as Bearer",
            "acme",
            vec![("authorization", format!("Bearer {key}"))],
            bad,
        ),
        (
            "a wrong secret",
            "acme",
            vec![("x-api-key", wrong.clone())],
            bad,
        ),
        ("of nobody", "acme", vec![("x-api-key", other.clone())], bad),
        (
            "not a key",
            "acme",
            vec![("x-api-key", "secret".to_owned())],
            bad,
        ),
        (
            "over another's certificate",
            "crest",
            vec![("x-api-key", key.clone())],
            (403, "identity-mismatch"),
        ),
        (
            "twice",
            "acme",
            vec![("x-api-key", key.clone()), ("x-api-key", key.clone())],
            twice,
        ),
        (
            "beside a token",
            "acme",
            vec![
                ("x-api-key", key.clone()),
                ("authorization", format!("Bearer {token}")),
            ],
            twice,
        ),
        (
            "with a proof",
            "acme",
            vec![("x-api-key", key.clone()), ("dpop", "a.b.c".to_owned())],
            (401, "proof-invalid"),
        ),
    ] {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let reply = ask(&stand, certificate_of, &headers).await;
        assert_told(&reply, expected, what);
        let told = reply.everything();
        assert!(
            !told.contains(&key[22..]) && !told.contains(&record.digest_text()),
            "{told}"
        );
        if what == "over another's certificate" {
            let kind = credential_on_record(&stand, &reply).await;
            assert_eq!(kind.as_deref(), Some("api-key"));
        }
    }
    let nobody = Credentials {
        certificate: None,
        authorization: None,
    };
    let mut caller = stand.connect(&nobody, Version::Http2).await;
    let reply = caller
        .call(Call::get(WHOAMI).header("x-api-key", &key))
        .await;
    assert_told(
        &reply,
        (401, "client-certificate-required"),
        "without a certificate",
    );
    let whoami = ask(&stand, "acme", &[("x-api-key", &key)]).await;
    assert_eq!(whoami.json()["client"], record.prefix);
    let principal = Principal::Client(record.prefix.as_str().into());
    stand.suspend(&principal).await;
    let reply = ask(&stand, "acme", &[("x-api-key", &key)]).await;
    assert_told(&reply, (403, "partner-suspended"), "suspended");
    let own = stand.credentials("acme");
    let mut caller = stand.connect(&own, Version::Http1).await;
    assert_eq!(
        caller.get(WHOAMI, SERVICE).await.status,
        200,
        "its token goes on"
    );
    let entries = std::fs::read_dir(stand.ledger()).unwrap();
    for file in entries
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
    {
        let bytes = std::fs::read(&file).unwrap();
        let secret = &key.as_bytes()[22..];
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}
