//! From header to bound identity: exactly one access token (RFC 6750, RFC 9449) or API key, and proof that
//! whoever sent the token holds the key of the certificate it was issued to (RFC 8705 section 3), or that
//! of its proofs (RFC 9449 section 7).
//!
//! Software that only speaks Basic (RFC 7617) may send the token as user name or password, where the
//! partner's contract says so ([`Carrier`]); whatever else stands there is not looked at. An API key comes
//! as such software sends one: as the user name with an empty password, or in `X-API-Key`.
//!
//! Not taken: tokens in the query, in a cookie or in a form. Whether a token that is bound to nothing will
//! do, only its contract can say.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};

use crate::identity::api_key::PresentedKey;
use crate::identity::certificate::ClientCertificate;
use crate::identity::claims::{AccessToken, TokenRejected};
use crate::identity::dpop::{Proof, ProofRejected};
use crate::refusal::{Code, Refusal};

/// RFC 6750 section 3: no `error` where no credentials were sent.
const CHALLENGE: &str = r#"Bearer realm="covenant""#;
const CHALLENGE_INVALID: &str = r#"Bearer realm="covenant", error="invalid_token""#;
/// RFC 9449 section 7.1.
const CHALLENGE_PROOF: &str =
    r#"DPoP realm="covenant", error="invalid_dpop_proof", algs="ES256 EdDSA Ed25519 PS256 RS256""#;
const CHALLENGE_NONCE: &str = r#"DPoP realm="covenant", error="use_dpop_nonce""#;
const CHALLENGE_DPOP_TOKEN: &str =
    r#"DPoP realm="covenant", error="invalid_token", algs="ES256 EdDSA Ed25519 PS256 RS256""#;

/// Where proofs come.
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// Where API keys come, beside Basic.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Where clients are told the nonce of their next proof (RFC 9449 section 8.1).
pub const DPOP_NONCE: &str = "dpop-nonce";

/// How a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: DPoP`, with a proof beside it.
    Dpop,
    /// As the user name of `Authorization: Basic`.
    BasicUserName,
    /// As the password of `Authorization: Basic`.
    BasicPassword,
}

/// What a token must be bound to for a contract to take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bindings {
    /// The client certificate of the connection is enough.
    pub certificate: bool,
    /// The key of its proofs is enough.
    pub dpop: bool,
    /// Nothing.
    pub none: bool,
}

impl Default for Bindings {
    /// The client certificate.
    fn default() -> Self {
        Self {
            certificate: true,
            dpop: false,
            none: false,
        }
    }
}

impl Bindings {
    /// Holds a token, whose bindings were all proved, to what its contract asks for: a partner registered
    /// as bound never gets in with an unbound token.
    ///
    /// # Errors
    /// [`Code::TokenInvalid`] when it is bound to none of what would do.
    pub fn admit(self, token: &AccessToken) -> Result<(), Box<Refusal>> {
        let by_certificate = self.certificate && token.confirmation.is_some();
        let by_key = self.dpop && token.proof_key.is_some();
        if by_certificate || by_key || self.none {
            return Ok(());
        }
        Err(match self.certificate {
            true => invalid(
                Code::TokenInvalid,
                "the token is not bound to a client certificate",
                "Request the token over mutual TLS, so that it carries `cnf.x5t#S256` (RFC 8705).",
            ),
            false => challenged(
                Code::TokenInvalid,
                "the token is not bound to a key for proofs",
                "Request the token with a proof, so that it carries `cnf.jkt` (RFC 9449).",
                CHALLENGE_DPOP_TOKEN,
            ),
        })
    }
}

/// The one token or key of a request, with nothing proved.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential<'a> {
    /// An access token.
    Token {
        /// Compact.
        token: Cow<'a, str>,
        /// How it came.
        carrier: Carrier,
    },
    /// What has the form of an API key.
    ApiKey(Cow<'a, str>),
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token { carrier, .. } => write!(formatter, "Credential(withheld, {carrier:?})"),
            Self::ApiKey(_) => formatter.write_str("Credential(withheld, ApiKey)"),
        }
    }
}

/// A verified token together with the certificate it came over: both are of whoever sent them, as far as
/// the token is bound. Made only by [`bind`].
#[derive(Clone, Copy, Debug)]
pub struct BoundIdentity<'a> {
    token: &'a AccessToken,
    certificate: &'a ClientCertificate,
}

impl<'a> BoundIdentity<'a> {
    /// What the token says.
    pub fn token(&self) -> &'a AccessToken {
        self.token
    }

    /// The certificate it was presented over.
    pub fn certificate(&self) -> &'a ClientCertificate {
        self.certificate
    }

    /// What the token was proved to be bound to, as entries name it.
    pub fn kind(&self) -> &'static str {
        match (self.token.confirmation, self.token.proof_key) {
            (Some(_), None) => "certificate-bound-token",
            (None, Some(_)) => "dpop-bound-token",
            (Some(_), Some(_)) => "certificate-and-dpop-bound-token",
            (None, None) => "unbound-token",
        }
    }
}

/// The one token or API key of a request.
///
/// # Errors
/// [`Code::CredentialsMissing`] without one, or in a scheme that holds none; [`Code::RequestMalformed`]
/// with more than one; [`Code::TokenInvalid`] when what follows `Bearer` or `DPoP` cannot be a token.
pub fn credentials(headers: &HeaderMap) -> Result<Credential<'_>, Box<Refusal>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let mut keys = headers.get_all(API_KEY).iter();
    let (value, key) = match (values.next(), keys.next()) {
        (None, None) => return Err(missing("no Authorization header was sent")),
        (value, key) => (value, key),
    };
    if values.next().is_some() {
        let fix = "Send exactly one Authorization header.";
        return Err(several("more than one Authorization header was sent", fix));
    }
    if keys.next().is_some() || (key.is_some() && value.is_some()) {
        let fix = "Send one token or one API key, once.";
        return Err(several("more than one credential was sent", fix));
    }
    let Some(value) = value else {
        let key = key.and_then(|key| key.to_str().ok()).unwrap_or_default();
        let known = PresentedKey::parse(key).is_some();
        return match known {
            true => Ok(Credential::ApiKey(Cow::Borrowed(key))),
            false => Err(not_a_key()),
        };
    };
    let (scheme, rest) = split_scheme(value);
    let carrier = if scheme.eq_ignore_ascii_case(b"Bearer") {
        Carrier::Bearer
    } else if scheme.eq_ignore_ascii_case(b"DPoP") {
        Carrier::Dpop
    } else if scheme.eq_ignore_ascii_case(b"Basic") {
        return basic(rest);
    } else {
        return Err(not_bearer());
    };
    let token = std::str::from_utf8(rest)
        .ok()
        .filter(|token| is_token68(token));
    let token = token.ok_or_else(|| {
        invalid(
            Code::TokenInvalid,
            "what follows the scheme is not a token",
            "Send `Authorization: Bearer` (or `DPoP`), one space and the access token, and nothing else.",
        )
    })?;
    Ok(Credential::Token {
        token: Cow::Borrowed(token),
        carrier,
    })
}

/// The proof that came with a request, if one did: text that is not one is found to be none later.
///
/// # Errors
/// [`Code::ProofInvalid`] with several, with a token that came in another way than `DPoP`, or where that
/// has none.
pub fn proof(headers: &HeaderMap, carrier: Option<Carrier>) -> Result<Option<&str>, Box<Refusal>> {
    let mut values = headers.get_all(DPOP).iter();
    match (values.next(), values.next(), carrier) {
        (None, _, Some(Carrier::Dpop)) => Err(ProofRejected::Absent.into()),
        (None, ..) => Ok(None),
        (Some(_), Some(_), _) => Err(bad_proof(
            "more than one proof was sent",
            "Send one DPoP header.",
        )),
        (Some(value), None, Some(Carrier::Dpop)) => Ok(Some(value.to_str().unwrap_or_default())),
        (Some(_), None, _) => Err(bad_proof(
            "a proof was sent, but no token of the scheme DPoP",
            "Send the token as `Authorization: DPoP`, or no proof.",
        )),
    }
}

/// The token in a user name or password, or the key in a user name. Whether it may come like this is known
/// only once the partner is; until then it is judged like any other.
fn basic(encoded: &[u8]) -> Result<Credential<'static>, Box<Refusal>> {
    let decoded = STANDARD.decode(encoded).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(not_bearer)?;
    let (user_name, password) = text.split_once(':').ok_or_else(not_bearer)?;
    if password.is_empty() && PresentedKey::parse(user_name).is_some() {
        return Ok(Credential::ApiKey(Cow::Owned(user_name.to_owned())));
    }
    let (token, carrier) = match (is_compact(user_name), is_compact(password)) {
        (true, false) => (user_name, Carrier::BasicUserName),
        (false, true) => (password, Carrier::BasicPassword),
        (false, false) => return Err(not_bearer()),
        (true, true) => {
            return Err(several(
                "more than one token was sent",
                "Send one token, once.",
            ));
        }
    };
    Ok(Credential::Token {
        token: Cow::Owned(token.to_owned()),
        carrier,
    })
}

/// Whether this is what a compact token looks like (RFC 7515 section 7.1).
fn is_compact(text: &str) -> bool {
    let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut parts = text.split('.');
    let sound = |part: &str| !part.is_empty() && part.bytes().all(of_alphabet);
    parts.clone().count() == 3 && parts.all(sound)
}

/// What a request is told that brings no token in a way that is taken from it.
pub fn not_bearer() -> Box<Refusal> {
    missing("the Authorization header is not of the scheme Bearer")
}

/// What a request is told whose API key is none of any contract's.
pub fn not_a_key() -> Box<Refusal> {
    invalid(
        Code::TokenInvalid,
        "the API key is not one of a contract",
        "Send the API key unchanged, as it was given to you, or an access token.",
    )
}

/// What a request is told that comes without the client certificate that everything here rests on.
pub fn no_certificate() -> Box<Refusal> {
    invalid(
        Code::ClientCertificateRequired,
        "the connection was made without a client certificate",
        "Connect with the client certificate that was issued to you.",
    )
}

/// Binds a verified token to the certificate of the connection it came over and to the key of the proof
/// that came with it: whatever the token names must be shown, and no proof may come for another.
///
/// # Errors
/// [`Code::ClientCertificateRequired`] without a certificate, [`Code::CertificateMismatch`] when the token
/// is bound to another, [`Code::ProofInvalid`] or [`Code::TokenInvalid`] when it and the proof do not
/// belong together.
pub fn bind<'a>(
    token: &'a AccessToken,
    certificate: Option<&'a ClientCertificate>,
    proof: Option<&Proof>,
) -> Result<BoundIdentity<'a>, Box<Refusal>> {
    let certificate = certificate.ok_or_else(no_certificate)?;
    if let Some(thumbprint) = token.confirmation
        && thumbprint != certificate.thumbprint
    {
        return Err(invalid(
            Code::CertificateMismatch,
            "the token is bound to a certificate other than the one of this connection",
            "Use the certificate the token was requested with, or request a token with this one.",
        ));
    }
    match (token.proof_key, proof) {
        (None, None) => {}
        (Some(key), Some(proof)) if key == proof.key => {}
        (Some(_), Some(_)) => return Err(ProofRejected::OtherKey.into()),
        (Some(_), None) => {
            return Err(challenged(
                Code::TokenInvalid,
                "the token is bound to a key, and did not come as the scheme DPoP",
                "Send it as `Authorization: DPoP`, with a proof (RFC 9449).",
                CHALLENGE_DPOP_TOKEN,
            ));
        }
        (None, Some(_)) => {
            return Err(challenged(
                Code::TokenInvalid,
                "the token came as the scheme DPoP, and is bound to no key",
                "Request the token with a proof, or send it as `Authorization: Bearer`.",
                CHALLENGE_DPOP_TOKEN,
            ));
        }
    }
    Ok(BoundIdentity { token, certificate })
}

impl From<ProofRejected> for Box<Refusal> {
    fn from(rejected: ProofRejected) -> Self {
        use ProofRejected as R;
        let fix = match rejected {
            R::Nonce => {
                let fix = "Send the request again, with the nonce of `DPoP-Nonce` in a new proof.";
                let detail = rejected.to_string();
                return challenged(Code::ProofInvalid, &detail, fix, CHALLENGE_NONCE);
            }
            R::Method | R::Url | R::Token | R::Replayed | R::TooOld => {
                "Make a new proof for every request, for its method, URL and token."
            }
            R::InFuture => "Set your clock, and make a new proof.",
            R::OtherKey => "Make the proof with the key the token was requested with.",
            _ => "Send a proof as RFC 9449 has them, one in a DPoP header beside the token.",
        };
        bad_proof(&rejected.to_string(), fix)
    }
}

impl From<TokenRejected> for Refusal {
    fn from(rejected: TokenRejected) -> Self {
        use TokenRejected as R;
        let fix = match rejected {
            R::Expired | R::Revoked => "Request a new access token.",
            R::Audience => "Request the token for this gateway's audience.",
            R::Issuer | R::UnknownKey => {
                "Request the token from the authorization server you were registered with."
            }
            R::NotYetValid | R::IssuedInFuture => "Set your clock, and request a new access token.",
            R::KeysTooOld => "Try again later, and write to the contact address.",
            R::TooLong | R::Shape | R::Header | R::Claims | R::Signature => {
                "Send the access token unchanged, as the authorization server issued it."
            }
            R::Confirmation => {
                "Request the token over mutual TLS (RFC 8705) or with a proof (RFC 9449)."
            }
            R::HeaderMember
            | R::Type
            | R::Missing(_)
            | R::Malformed(_)
            | R::LifeTooLong
            | R::KeyNotNamed
            | R::Algorithm => {
                "Send an access token as RFC 9068 has them, not an ID token or one of your own making."
            }
        };
        *invalid(Code::TokenInvalid, &rejected.to_string(), fix)
    }
}

fn missing(detail: &str) -> Box<Refusal> {
    let fix = "Send your access token as `Authorization: Bearer <token>`.";
    challenged(Code::CredentialsMissing, detail, fix, CHALLENGE)
}

fn several(detail: &str, fix: &str) -> Box<Refusal> {
    Box::new(Refusal::new(Code::RequestMalformed, detail, fix).closing())
}

fn invalid(code: Code, detail: &str, fix: &str) -> Box<Refusal> {
    challenged(code, detail, fix, CHALLENGE_INVALID)
}

fn bad_proof(detail: &str, fix: &str) -> Box<Refusal> {
    challenged(Code::ProofInvalid, detail, fix, CHALLENGE_PROOF)
}

fn challenged(code: Code, detail: &str, fix: &str, challenge: &str) -> Box<Refusal> {
    let refusal = Refusal::new(code, detail, fix);
    Box::new(refusal.header(WWW_AUTHENTICATE, challenge))
}

/// The scheme, and what follows the spaces after it (RFC 9110 section 11.4).
fn split_scheme(value: &HeaderValue) -> (&[u8], &[u8]) {
    let bytes = value.as_bytes();
    let end = bytes
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(bytes.len());
    let (scheme, rest) = bytes.split_at(end);
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    (scheme, rest.split_at(spaces).1)
}

/// RFC 6750 section 2.1, `b64token`.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::terms::Thumbprint;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(AUTHORIZATION, value);
        }
        headers
    }

    fn code_of(values: &[&str]) -> Code {
        credentials(&headers(values)).unwrap_err().code
    }

    fn challenge_of(refusal: &Refusal) -> &str {
        refusal.headers[WWW_AUTHENTICATE].to_str().unwrap()
    }

    fn token(confirmation: Option<Thumbprint>) -> AccessToken {
        AccessToken {
            client_id: Arc::from("acme-portal"),
            subject: Arc::from("acme-portal"),
            token_id: Arc::from("1"),
            purposes: None,
            confirmation,
            proof_key: None,
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn certificate(thumbprint: Thumbprint) -> ClientCertificate {
        ClientCertificate {
            thumbprint,
            names: vec!["acme.partners.example".to_owned()],
            not_after: Timestamp::UNIX_EPOCH,
            chain: [].into(),
        }
    }

    #[test]
    fn one_bearer_token_is_found_whatever_the_case_of_the_scheme() {
        for value in ["Bearer a.b-c_d", "bearer a.b-c_d", "BEARER  a.b-c_d"] {
            let headers = headers(&[value]);
            let found = credentials(&headers).unwrap();
            let token = Cow::Borrowed("a.b-c_d");
            let carrier = Carrier::Bearer;
            assert_eq!(found, Credential::Token { token, carrier });
        }
    }

    #[test]
    fn without_a_bearer_token_the_challenge_names_no_error() {
        for values in [
            &[][..],
            &["Basic YTpi"],
            &["Negotiate a.b.c"],
            &[""],
            &["Bearers a"],
        ] {
            let refusal = credentials(&headers(values)).unwrap_err();
            assert_eq!(refusal.code, Code::CredentialsMissing, "{values:?}");
            assert_eq!(challenge_of(&refusal), r#"Bearer realm="covenant""#);
        }
    }

    #[test]
    fn a_token_may_stand_in_one_half_of_basic_and_not_in_both() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for (text, carrier) in [
            ("aa.bb.cc:", Carrier::BasicUserName),
            ("aa.bb.cc:x", Carrier::BasicUserName),
            (":aa.bb.cc", Carrier::BasicPassword),
            ("api:aa.bb.cc", Carrier::BasicPassword),
        ] {
            let headers = headers(&[&basic(text)]);
            let found = credentials(&headers).unwrap();
            let token = Cow::Borrowed("aa.bb.cc");
            assert_eq!(found, Credential::Token { token, carrier });
            assert!(!format!("{found:?}").contains("aa.bb"));
        }
        assert_eq!(
            code_of(&[&basic("aa.bb.cc:dd.ee.ff")]),
            Code::RequestMalformed
        );
        for text in [
            "aa.bb.cc",
            "aa.bb:cc",
            "aa..cc:",
            "aa.bb.cc.dd:",
            ":aa.b b.cc",
            ":a:a.b.c",
        ] {
            assert_eq!(code_of(&[&basic(text)]), Code::CredentialsMissing, "{text}");
        }
        for value in ["Basic", "Basic %", "Basic YWEuYmIuY2M6eA", "Basic /////w=="] {
            assert_eq!(code_of(&[value]), Code::CredentialsMissing, "{value}");
        }
    }

    #[test]
    fn two_authorization_headers_are_refused_even_when_equal() {
        assert_eq!(code_of(&["Bearer a", "Bearer a"]), Code::RequestMalformed);
        assert_eq!(code_of(&["Bearer a", "Basic YTpi"]), Code::RequestMalformed);
    }

    #[test]
    fn what_cannot_be_a_token_is_refused() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "Bearer a, Bearer b",
            "Bearer =",
            "Bearer a=b",
            "Bearer \"a\"",
            "Bearer a\tb",
            "Bearer \u{fc}",
        ] {
            assert_eq!(code_of(&[value]), Code::TokenInvalid, "{value:?}");
        }
    }

    #[test]
    fn a_token_passes_only_over_its_own_certificate() {
        let (own, other) = (Thumbprint([1; 32]), Thumbprint([2; 32]));
        let bound = token(Some(own));
        let certificate = certificate(own);
        let identity = bind(&bound, Some(&certificate), None).unwrap();
        assert_eq!(&*identity.token().client_id, "acme-portal");
        assert_eq!(identity.certificate().thumbprint, own);
        for (token, certificate, code) in [
            (token(Some(own)), None, Code::ClientCertificateRequired),
            (token(None), None, Code::ClientCertificateRequired),
            (
                token(Some(other)),
                Some(&certificate),
                Code::CertificateMismatch,
            ),
        ] {
            let refusal = bind(&token, certificate, None).unwrap_err();
            assert_eq!(refusal.code, code);
            assert!(challenge_of(&refusal).ends_with(r#"error="invalid_token""#));
        }
    }

    #[test]
    fn a_rejected_token_becomes_a_401_with_its_sentence() {
        let refusal = Refusal::from(TokenRejected::Expired);
        assert_eq!(refusal.code, Code::TokenInvalid);
        assert_eq!(refusal.detail, "The token is expired.");
        assert!(challenge_of(&refusal).ends_with(r#"error="invalid_token""#));
    }
}
