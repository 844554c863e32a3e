//! The one token that every contestant judges: RS256, 2,048 bits, bound to the partner's certificate. The
//! demo's own issuer signs with ES256, which costs whoever judges each token anew three times as much.

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use covenant::clock::Clock;
use covenant::config::Config;
use covenant::identity::development::{DEVELOPMENT_ISSUER, read_certificate};
use serde_json::json;

use super::Failure;
use super::stage::PARTNER;

/// As the partner's contract names it.
const CLIENT: &str = "acme-portal";
const KEY_ID: &str = "bench";
const LIFE_SECONDS: i64 = 60 * 60;
/// Characters of a line of PEM (RFC 7468 section 2).
const PEM_LINE: usize = 64;

/// What a contestant is configured with.
pub(crate) struct Credentials {
    pub(crate) issuer: &'static str,
    pub(crate) audience: String,
    /// Of the listener.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Certificate and key in one file.
    pub(crate) both: PathBuf,
    /// Whose client certificates are accepted.
    pub(crate) authority: PathBuf,
    /// What tokens are verified with, as a JWK Set and as PEM.
    pub(crate) key_set: PathBuf,
    pub(crate) token_key: PathBuf,
}

impl Credentials {
    /// Puts the token, and the key set that verifies it, in the place of the demo's.
    pub(crate) fn write(directory: &Path, config: &Config) -> Result<Self, Failure> {
        let key = KeyPair::generate(KeySize::Rsa2048)?;
        let certs = directory.join("certs");
        let (certificate, server_key) = (certs.join("server.crt"), certs.join("server.key"));
        let credentials = Self {
            issuer: DEVELOPMENT_ISSUER,
            audience: config.tokens.audience.clone(),
            both: certs.join("both.pem"),
            authority: certs.join("ca.crt"),
            key_set: certs.join("jwks.json"),
            token_key: certs.join("token.pem"),
            certificate,
            key: server_key,
        };
        let mut both = fs::read_to_string(&credentials.certificate)?;
        both.push_str(&fs::read_to_string(&credentials.key)?);
        fs::write(&credentials.both, both)?;
        fs::write(&credentials.key_set, key_set(&key))?;
        fs::write(&credentials.token_key, pem(&key)?)?;
        let stem = directory.join(PARTNER);
        let token = credentials.token(&key, &stem.with_extension("crt"))?;
        fs::write(stem.with_extension("token"), token)?;
        Ok(credentials)
    }

    fn token(&self, key: &KeyPair, certificate: &Path) -> Result<String, Failure> {
        let now = Clock::system().unix_seconds();
        let thumbprint = read_certificate(certificate)?.thumbprint;
        let header = json!({"typ": "at+jwt", "alg": "RS256", "kid": KEY_ID});
        let claims = json!({
            "iss": self.issuer, "sub": CLIENT, "client_id": CLIENT, "aud": self.audience,
            "iat": now, "exp": now + LIFE_SECONDS, "jti": "one-for-all",
            "cnf": {"x5t#S256": thumbprint.to_base64url()},
        });
        let [header, claims] = [header, claims].map(|part| encoded(part.to_string().as_bytes()));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; key.public_modulus_len()];
        let random = SystemRandom::new();
        key.sign(
            &RSA_PKCS1_SHA256,
            &random,
            signed.as_bytes(),
            &mut signature,
        )?;
        Ok(format!("{signed}.{}", encoded(&signature)))
    }
}

fn key_set(key: &KeyPair) -> String {
    let public = key.public_key();
    let numbers = [public.modulus(), public.exponent()];
    let [modulus, exponent] = numbers.map(|one| encoded(one.big_endian_without_leading_zero()));
    let key = json!({
        "kty": "RSA", "n": modulus, "e": exponent, "kid": KEY_ID, "alg": "RS256", "use": "sig",
    });
    json!({"keys": [key]}).to_string()
}

fn pem(key: &KeyPair) -> Result<String, Failure> {
    let der: PublicKeyX509Der<'_> = key.public_key().as_der()?;
    let text = STANDARD.encode(der.as_ref());
    let mut lines = vec!["-----BEGIN PUBLIC KEY-----"];
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, further) = rest.split_at(rest.len().min(PEM_LINE));
        lines.push(line);
        rest = further;
    }
    lines.push("-----END PUBLIC KEY-----\n");
    Ok(lines.join("\n"))
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
