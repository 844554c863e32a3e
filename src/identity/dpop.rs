//! Proofs of possession (RFC 9449): that whoever sent a request holds the key its token is bound to.
//! One request, one proof, read as strictly as a token and judged against the request it came with.
//!
//! A proof is good once. Which were seen is not known here but in the registry, which
//! [`Proof::digest`] is for.

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::identity::claims::IDENTIFIER_BYTES_MAX;
use crate::identity::jwk::{Algorithm, VerificationKey, read_key};
use crate::identity::nonce::Nonces;
use crate::identity::strict;
use crate::terms::Thumbprint;

/// The longest proof that is looked at. One with an RSA key of 4,096 bits has about 2,000 bytes.
pub const PROOF_BYTES_MAX: usize = 4 * 1024;
/// How old a proof may be, in seconds, beside the leeway for clocks.
pub const PROOF_SECONDS_MAX: i64 = 60;

/// The request that a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Host and port as they were named, in lower case.
    pub host: &'a str,
    /// The path in its canonical spelling.
    pub path: &'a str,
}

/// By what a proof is judged.
#[derive(Clone, Copy, Debug)]
pub struct ProofRules<'a> {
    /// How far the client's clock may differ from ours, in seconds.
    pub leeway_seconds: u8,
    /// Nonces that a proof must hold one of; nothing where none is asked for.
    pub nonces: Option<&'a Nonces>,
}

/// A genuine proof for one request, which may have been seen before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// RFC 7638 thumbprint of its key: what `cnf.jkt` of its token must be.
    pub key: Thumbprint,
    /// SHA-256 over that and its `jti`: what tells it from every other.
    pub digest: [u8; 32],
    /// From when on it is too old to be taken, in seconds since 1970.
    pub until: i64,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Proof(withheld, {:?})", self.key)
    }
}

/// Why a proof was not taken. The texts are for the partner's developer and never quote the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the message of each variant is its documentation"
)]
pub enum ProofRejected {
    #[error("no proof came with the token, which is bound to a key")]
    Absent,
    #[error("the proof is longer than {PROOF_BYTES_MAX} bytes")]
    TooLong,
    #[error("the proof is not three base64url parts joined by dots")]
    Shape,
    #[error("the proof's header is not one JSON object with every member once")]
    Header,
    #[error("the proof's header has a member other than `typ`, `alg` and `jwk`")]
    HeaderMember,
    #[error("the proof's `typ` is not `dpop+jwt`")]
    Type,
    #[error("the proof's `alg` is not one of RS256, PS256, ES256, EdDSA and Ed25519")]
    Algorithm,
    #[error("the proof's `jwk` is not a public key that can be used with its `alg`")]
    Key,
    #[error("the proof's claims are not one JSON object with every member once")]
    Claims,
    #[error("the proof's claim `{0}` is missing")]
    Missing(&'static str),
    #[error("the proof's claim `{0}` has the wrong type or form")]
    Malformed(&'static str),
    #[error("the proof is for another method")]
    Method,
    #[error("the proof is for another URL")]
    Url,
    #[error("the proof is older than {PROOF_SECONDS_MAX} seconds")]
    TooOld,
    #[error("the proof was made in the future")]
    InFuture,
    #[error("the proof is for another token")]
    Token,
    #[error("the proof's signature is wrong")]
    Signature,
    #[error("the proof holds no nonce of this gateway, or an old one")]
    Nonce,
    #[error("the proof is by a key other than the one the token is bound to")]
    OtherKey,
    #[error("the proof was used before")]
    Replayed,
}

/// Judges the one proof of a request at `now` (seconds since 1970): RFC 9449 section 4.3, all but
/// whether it was seen before and whether the token is bound to its key.
///
/// # Errors
/// When it is not for this request and `token`, or not signed by the key it brings along.
pub fn judge(
    compact: &str,
    token: &str,
    request: &Request<'_>,
    rules: &ProofRules<'_>,
    now: i64,
) -> Result<Proof, ProofRejected> {
    use ProofRejected as R;
    if compact.len() > PROOF_BYTES_MAX {
        return Err(R::TooLong);
    }
    let (signed, signature) = compact.rsplit_once('.').ok_or(R::Shape)?;
    let (header, claims) = signed.split_once('.').ok_or(R::Shape)?;
    let (header, claims) = (decode(header)?, decode(claims)?);
    decode(signature)?;
    let header = strict::object(&header).map_err(|_| R::Header)?;
    let (key, thumbprint) = read_header(&header)?;
    let claims = strict::object(&claims).map_err(|_| R::Claims)?;
    let claims = Claims(&claims);
    if claims.text("htm")? != request.method {
        return Err(R::Method);
    }
    if !names(claims.text("htu")?, request) {
        return Err(R::Url);
    }
    let until = claims.judge_time(now, i64::from(rules.leeway_seconds))?;
    let id = claims.text("jti")?;
    let printable = id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if id.is_empty() || id.len() > IDENTIFIER_BYTES_MAX || !printable {
        return Err(R::Malformed("jti"));
    }
    let bound_to = digest(&SHA256, token.as_bytes());
    if claims.text("ath")? != URL_SAFE_NO_PAD.encode(bound_to) {
        return Err(R::Token);
    }
    if !key.verifies(signed, signature) {
        return Err(R::Signature);
    }
    // Last: whoever lacks a nonce alone is told just that.
    if let Some(nonces) = rules.nonces {
        let nonce = claims.0.get("nonce").and_then(Value::as_str);
        if !nonce.is_some_and(|nonce| nonces.accept(nonce, now)) {
            return Err(R::Nonce);
        }
    }
    let mut seen = Context::new(&SHA256);
    seen.update(&thumbprint.0);
    seen.update(id.as_bytes());
    let mut digest = [0; 32];
    digest.copy_from_slice(seen.finish().as_ref());
    Ok(Proof {
        key: thumbprint,
        digest,
        until,
    })
}

struct Claims<'a>(&'a Map<String, Value>);

impl<'a> Claims<'a> {
    fn text(&self, name: &'static str) -> Result<&'a str, ProofRejected> {
        let value = self.0.get(name).ok_or(ProofRejected::Missing(name))?;
        value.as_str().ok_or(ProofRejected::Malformed(name))
    }

    /// Whole seconds, as in tokens; returns from when on the proof is too old.
    fn judge_time(&self, now: i64, leeway: i64) -> Result<i64, ProofRejected> {
        let value = self.0.get("iat").ok_or(ProofRejected::Missing("iat"))?;
        let made_at = value.as_i64().filter(|at| (0..=SECONDS_MAX).contains(at));
        let made_at = made_at.ok_or(ProofRejected::Malformed("iat"))?;
        let until = made_at + PROOF_SECONDS_MAX + leeway;
        if now >= until {
            return Err(ProofRejected::TooOld);
        }
        if made_at > now + leeway {
            return Err(ProofRejected::InFuture);
        }
        Ok(until)
    }
}

/// The last time a proof may name: 9999-01-01T00:00:00Z, in seconds since 1970.
const SECONDS_MAX: i64 = 253_370_764_800;

/// The key that a header brings along. A closed list, as of tokens; and a key that is there by value, so
/// nothing is ever fetched.
fn read_header(
    header: &Map<String, Value>,
) -> Result<(VerificationKey, Thumbprint), ProofRejected> {
    let known = |name: &String| matches!(name.as_str(), "typ" | "alg" | "jwk");
    if !header.keys().all(known) {
        return Err(ProofRejected::HeaderMember);
    }
    if header.get("typ").and_then(Value::as_str) != Some("dpop+jwt") {
        return Err(ProofRejected::Type);
    }
    let algorithm = header.get("alg").and_then(Value::as_str);
    let algorithm = algorithm.and_then(Algorithm::parse);
    let algorithm = algorithm.ok_or(ProofRejected::Algorithm)?;
    let key = header.get("jwk").and_then(Value::as_object);
    let member = key.ok_or(ProofRejected::Key)?;
    let key = read_key(member, &[algorithm]).map_err(|_| ProofRejected::Key)?;
    Ok((key, thumbprint(member).ok_or(ProofRejected::Key)?))
}

/// RFC 7638 section 3: the required members in lexicographic order, without white space. Their values
/// were read as base64url and names of curves, so that none needs an escape.
pub(super) fn thumbprint(member: &Map<String, Value>) -> Option<Thumbprint> {
    let required: &[&str] = match member.get("kty")?.as_str()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let mut canonical = String::from("{");
    for (place, name) in required.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let value = member.get(*name)?.as_str()?;
        canonical.push_str(&format!("{comma}\"{name}\":\"{value}\""));
    }
    canonical.push('}');
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, canonical.as_bytes()).as_ref());
    Some(Thumbprint(bytes))
}

/// Whether a URL is the one of the request, without regard to query and fragment, after normalising by
/// syntax and scheme (RFC 9449 section 4.3, RFC 3986 sections 6.2.2 and 6.2.3). Dot segments are none of
/// a canonical path, so a URL with one is another.
fn names(url: &str, request: &Request<'_>) -> bool {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (url, _) = url.split_at(end);
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let start = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(start);
    let path = if path.is_empty() { "/" } else { path };
    let port = |authority: &str| -> String {
        let lower = authority.to_ascii_lowercase();
        let plain = lower.strip_suffix(":443").or(lower.strip_suffix(':'));
        plain.unwrap_or(&lower).to_owned()
    };
    scheme.eq_ignore_ascii_case("https")
        && port(authority) == port(request.host)
        && normalised(path).is_some_and(|path| Some(path) == normalised(request.path))
}

/// Percent-encodings in upper case, and none of characters that need none. `None` where one is broken.
fn normalised(path: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        let decoded = u8::try_from(high * 16 + low).ok()?;
        if decoded.is_ascii_alphanumeric() || b"-._~".contains(&decoded) {
            out.push(decoded);
        } else {
            out.extend(format!("%{decoded:02X}").bytes());
        }
    }
    Some(out)
}

fn decode(part: &str) -> Result<Vec<u8>, ProofRejected> {
    let decoded = URL_SAFE_NO_PAD.decode(part).ok();
    let decoded = decoded.filter(|bytes| !bytes.is_empty());
    decoded.ok_or(ProofRejected::Shape)
}
