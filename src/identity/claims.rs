//! An access token's header and claims (RFC 9068), read strictly before any library or key sees them
//! and judged by everything but the signature.
//!
//! A token is a claim until [`crate::identity::token`] has checked its signature; nothing else should
//! use what [`Presented`] says.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::identity::strict;
use crate::terms::Thumbprint;

/// The longest compact token that is looked at. Eight authorization servers' tokens would fit.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// The longest identifier (`kid`, `sub`, `client_id`, `jti`) that is taken.
pub const IDENTIFIER_BYTES_MAX: usize = 256;
/// The most purposes one token may name.
pub const PURPOSES_MAX: usize = 32;
/// The last time a token may name: 9999-01-01T00:00:00Z, in seconds since 1970.
const SECONDS_MAX: i64 = 253_370_764_800;

/// What a token must say to be taken here.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// `iss`, compared byte for byte.
    pub issuer: String,
    /// What `aud` must be or hold, compared byte for byte.
    pub audience: String,
    /// How far the issuer's clock may differ from ours, in seconds.
    pub leeway_seconds: u8,
    /// The longest `exp - iat`, in seconds.
    pub life_seconds_max: u32,
    /// Whether `nbf` must be there. RFC 9068 does not ask for it, and `iat` bounds the beginning anyway.
    pub not_before_required: bool,
}

impl TokenRules {
    /// Rules with the ordinary 30 s of leeway and tokens of at most 24 h.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            leeway_seconds: 30,
            life_seconds_max: 24 * 60 * 60,
            not_before_required: false,
        }
    }
}

/// What a verified token says. Holds neither the token nor its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// `client_id`: the client the contract names.
    pub client_id: Arc<str>,
    /// `sub`.
    pub subject: Arc<str>,
    /// `jti`, for the record.
    pub token_id: Arc<str>,
    /// The claim `purpose`, space-separated as `scope` is elsewhere; none when the token does not narrow them.
    pub purposes: Option<Vec<Arc<str>>>,
    /// `cnf.x5t#S256`: the certificate it is bound to (RFC 8705 section 3.1).
    pub confirmation: Option<Thumbprint>,
    /// `cnf.jkt`: the key of the proofs it is bound to (RFC 9449 section 6.1).
    pub proof_key: Option<Thumbprint>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`: the first moment it is no longer valid, leeway apart.
    pub expires_at: Timestamp,
}

/// Why a token was not taken. The texts are for the partner's developer and never quote the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the message of each variant is its documentation"
)]
pub enum TokenRejected {
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    #[error("the token is not three base64url parts joined by dots")]
    Shape,
    #[error("the token's header is not one JSON object with every member once")]
    Header,
    #[error("the token's header has a member other than `typ`, `alg` and `kid`")]
    HeaderMember,
    #[error("the token's `typ` is not `at+jwt`")]
    Type,
    #[error("the token's claims are not one JSON object with every member once")]
    Claims,
    #[error("the token's claim `{0}` is missing")]
    Missing(&'static str),
    #[error("the token's claim `{0}` has the wrong type or form")]
    Malformed(&'static str),
    #[error("the token is from another issuer")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token is expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token was issued in the future")]
    IssuedInFuture,
    #[error("the token is valid for longer than allowed")]
    LifeTooLong,
    #[error("the token's `cnf` holds something other than the thumbprints `x5t#S256` and `jkt`")]
    Confirmation,
    #[error("the token does not say by `kid` which key signed it")]
    KeyNotNamed,
    #[error("the token is signed by a key this gateway does not know")]
    UnknownKey,
    #[error("the token's `alg` is not the one its key is for")]
    Algorithm,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token was revoked")]
    Revoked,
    #[error("the keys of the token's issuer could not be renewed for too long")]
    KeysTooOld,
}

/// A compact token taken apart, with nothing proved.
pub struct Presented<'a> {
    /// Header and claims as signed.
    pub signed: &'a str,
    /// The signature, base64url.
    pub signature: &'a str,
    /// `alg` as written.
    pub algorithm: String,
    /// `kid` as written.
    pub key_id: Option<String>,
    claims: Map<String, Value>,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Presented(withheld)")
    }
}

impl<'a> Presented<'a> {
    /// Takes a compact token apart: RFC 7515 section 7.1, base64url without padding.
    ///
    /// # Errors
    /// When its shape, its header or the syntax of its claims is wrong.
    pub fn parse(compact: &'a str) -> Result<Self, TokenRejected> {
        if compact.len() > TOKEN_BYTES_MAX {
            return Err(TokenRejected::TooLong);
        }
        let (signed, signature) = compact.rsplit_once('.').ok_or(TokenRejected::Shape)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenRejected::Shape)?;
        let header = decode(header)?;
        let claims = decode(claims)?;
        decode(signature)?;
        let header = strict::object(&header).map_err(|_| TokenRejected::Header)?;
        let (algorithm, key_id) = read_header(&header)?;
        Ok(Self {
            signed,
            signature,
            algorithm,
            key_id,
            claims: strict::object(&claims).map_err(|_| TokenRejected::Claims)?,
        })
    }

    /// Judges the claims at `now` (seconds since 1970): RFC 9068 sections 2.2 and 4.
    ///
    /// # Errors
    /// When a claim is missing, is of the wrong type, or does not keep the rules.
    pub fn judge(&self, rules: &TokenRules, now: i64) -> Result<AccessToken, TokenRejected> {
        if self.text("iss")? != rules.issuer {
            return Err(TokenRejected::Issuer);
        }
        self.judge_audience(&rules.audience)?;
        let issued_at = self.seconds("iat")?;
        let expires_at = self.seconds("exp")?;
        let leeway = i64::from(rules.leeway_seconds);
        if now - leeway >= expires_at {
            return Err(TokenRejected::Expired);
        }
        if issued_at > now + leeway {
            return Err(TokenRejected::IssuedInFuture);
        }
        if rules.not_before_required || self.claims.contains_key("nbf") {
            let not_before = self.seconds("nbf")?;
            if not_before > now + leeway {
                return Err(TokenRejected::NotYetValid);
            }
            if not_before >= expires_at {
                return Err(TokenRejected::Malformed("nbf"));
            }
        }
        if expires_at <= issued_at {
            return Err(TokenRejected::Malformed("exp"));
        }
        if expires_at - issued_at > i64::from(rules.life_seconds_max) {
            return Err(TokenRejected::LifeTooLong);
        }
        let (confirmation, proof_key) = self.confirmation()?;
        Ok(AccessToken {
            client_id: self.identifier("client_id")?,
            subject: self.identifier("sub")?,
            token_id: self.identifier("jti")?,
            purposes: self.purposes()?,
            confirmation,
            proof_key,
            issued_at: timestamp(issued_at, "iat")?,
            expires_at: timestamp(expires_at, "exp")?,
        })
    }

    fn claim(&self, name: &'static str) -> Result<&Value, TokenRejected> {
        self.claims.get(name).ok_or(TokenRejected::Missing(name))
    }

    fn text(&self, name: &'static str) -> Result<&str, TokenRejected> {
        let value = self.claim(name)?.as_str();
        value.ok_or(TokenRejected::Malformed(name))
    }

    /// Graphic ASCII and spaces, as RFC 6749 appendix A.1 has client identifiers; `sub` and `jti`
    /// go into the same records and are held to the same.
    fn identifier(&self, name: &'static str) -> Result<Arc<str>, TokenRejected> {
        let text = self.text(name)?;
        let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if text.is_empty() || text.len() > IDENTIFIER_BYTES_MAX || !printable {
            return Err(TokenRejected::Malformed(name));
        }
        Ok(text.into())
    }

    /// A NumericDate (RFC 7519 section 2). Fractions are allowed there and sent by nobody; a reader
    /// that drops or rounds them differs from the next one, so only whole seconds are taken.
    fn seconds(&self, name: &'static str) -> Result<i64, TokenRejected> {
        let whole = self.claim(name)?.as_i64();
        let whole = whole.filter(|seconds| (0..=SECONDS_MAX).contains(seconds));
        whole.ok_or(TokenRejected::Malformed(name))
    }

    fn judge_audience(&self, wanted: &str) -> Result<(), TokenRejected> {
        let malformed = TokenRejected::Malformed("aud");
        let found = match self.claim("aud")? {
            Value::String(audience) => audience == wanted,
            Value::Array(audiences) => {
                if audiences.is_empty() || !audiences.iter().all(Value::is_string) {
                    return Err(malformed);
                }
                audiences.iter().any(|audience| audience == wanted)
            }
            _ => return Err(malformed),
        };
        found.then_some(()).ok_or(TokenRejected::Audience)
    }

    /// Words joined by single spaces, each of RFC 6749 section 3.3's `scope-token`.
    fn purposes(&self) -> Result<Option<Vec<Arc<str>>>, TokenRejected> {
        let malformed = TokenRejected::Malformed("purpose");
        let Some(value) = self.claims.get("purpose") else {
            return Ok(None);
        };
        let in_word = |byte: u8| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
        let words: Vec<&str> = value.as_str().ok_or(malformed)?.split(' ').collect();
        let sound = |word: &&str| !word.is_empty() && word.bytes().all(in_word);
        if !words.iter().all(sound) || words.len() > PURPOSES_MAX {
            return Err(malformed);
        }
        Ok(Some(words.into_iter().map(Arc::from).collect()))
    }

    /// A token bound in a way we do not check must not pass as one bound in a way we do, so `cnf` holds
    /// the thumbprint of a certificate (RFC 8705), of a proof's key (RFC 9449), or both, and nothing else.
    fn confirmation(&self) -> Result<(Option<Thumbprint>, Option<Thumbprint>), TokenRejected> {
        let Some(value) = self.claims.get("cnf") else {
            return Ok((None, None));
        };
        let rejected = TokenRejected::Confirmation;
        let members = value.as_object().filter(|members| !members.is_empty());
        let (mut certificate, mut proof_key) = (None, None);
        for (name, value) in members.ok_or(rejected)? {
            let thumbprint = value.as_str().and_then(Thumbprint::from_base64url);
            let thumbprint = thumbprint.ok_or(rejected)?;
            match name.as_str() {
                "x5t#S256" => certificate = Some(thumbprint),
                "jkt" => proof_key = Some(thumbprint),
                _ => return Err(rejected),
            }
        }
        Ok((certificate, proof_key))
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenRejected> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenRejected::Shape)?;
    (!bytes.is_empty())
        .then_some(bytes)
        .ok_or(TokenRejected::Shape)
}

/// `alg` and `kid`. A closed list: an unknown member may be one that changes how a token is to be
/// verified (`crit`, `b64`, `zip`) or with which key (`jwk`, `jku`, `x5c`, `x5u`).
fn read_header(header: &Map<String, Value>) -> Result<(String, Option<String>), TokenRejected> {
    let known = |name: &String| matches!(name.as_str(), "typ" | "alg" | "kid");
    if !header.keys().all(known) {
        return Err(TokenRejected::HeaderMember);
    }
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    // A media type, compared without case (RFC 7515 section 4.1.9): RFC 9068's own example has `at+JWT`.
    let kind = text("typ").map(str::to_ascii_lowercase);
    if !matches!(kind.as_deref(), Some("at+jwt" | "application/at+jwt")) {
        return Err(TokenRejected::Type);
    }
    let algorithm = text("alg").ok_or(TokenRejected::Algorithm)?;
    let key_id = match header.get("kid") {
        None => None,
        Some(Value::String(id)) if !id.is_empty() && id.len() <= IDENTIFIER_BYTES_MAX => {
            Some(id.clone())
        }
        Some(_) => return Err(TokenRejected::Header),
    };
    Ok((algorithm.to_owned(), key_id))
}

fn timestamp(seconds: i64, name: &'static str) -> Result<Timestamp, TokenRejected> {
    Timestamp::from_second(seconds).map_err(|_| TokenRejected::Malformed(name))
}
