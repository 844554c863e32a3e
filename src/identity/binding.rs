//! From header to bound identity: exactly one bearer token (RFC 6750), and proof that whoever sent it
//! holds the key of the certificate it was issued to (RFC 8705 section 3).
//!
//! Software that only speaks Basic (RFC 7617) may send the token as user name or password, where the
//! partner's contract says so ([`Carrier`]); whatever else stands there is not looked at.
//!
//! Not taken: tokens in the query, in a cookie or in a form, and a token that is bound to nothing.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};

use crate::identity::certificate::ClientCertificate;
use crate::identity::claims::{AccessToken, TokenRejected};
use crate::refusal::{Code, Refusal};

/// RFC 6750 section 3: no `error` where no credentials were sent.
const CHALLENGE: &str = r#"Bearer realm="covenant""#;
const CHALLENGE_INVALID: &str = r#"Bearer realm="covenant", error="invalid_token""#;

/// How a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer`.
    Bearer,
    /// As the user name of `Authorization: Basic`.
    BasicUserName,
    /// As the password of `Authorization: Basic`.
    BasicPassword,
}

/// The one token of a request, with nothing proved.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential<'a> {
    /// The compact token.
    pub token: Cow<'a, str>,
    /// How it came.
    pub carrier: Carrier,
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Credential(withheld, {:?})", self.carrier)
    }
}

/// A verified token together with the certificate it is bound to: the proof that both are of one
/// client. Made only by [`bind`].
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
}

/// The one token of a request.
///
/// # Errors
/// [`Code::CredentialsMissing`] without an `Authorization` header, with another scheme, or with a Basic
/// one that holds no token; [`Code::RequestMalformed`] with more than one header or token;
/// [`Code::TokenInvalid`] when what follows `Bearer` cannot be a token.
pub fn credentials(headers: &HeaderMap) -> Result<Credential<'_>, Box<Refusal>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(missing("no Authorization header was sent"));
    };
    if values.next().is_some() {
        let fix = "Send exactly one Authorization header.";
        let refusal = Refusal::new(
            Code::RequestMalformed,
            "more than one Authorization header was sent",
            fix,
        );
        return Err(Box::new(refusal.closing()));
    }
    let (scheme, rest) = split_scheme(value);
    if scheme.eq_ignore_ascii_case(b"Basic") {
        return basic(rest);
    }
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Err(not_bearer());
    }
    let token = std::str::from_utf8(rest)
        .ok()
        .filter(|token| is_token68(token));
    let token = token.ok_or_else(|| {
        invalid(
            Code::TokenInvalid,
            "what follows `Bearer` is not a token",
            "Send `Authorization: Bearer`, one space and the access token, and nothing else.",
        )
    })?;
    Ok(Credential {
        token: Cow::Borrowed(token),
        carrier: Carrier::Bearer,
    })
}

/// The token in a user name or password. Whether it may come like this is known only once the partner
/// is; until then it is judged like any other.
fn basic(encoded: &[u8]) -> Result<Credential<'static>, Box<Refusal>> {
    let decoded = STANDARD.decode(encoded).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(not_bearer)?;
    let (user_name, password) = text.split_once(':').ok_or_else(not_bearer)?;
    let (token, carrier) = match (is_compact(user_name), is_compact(password)) {
        (true, false) => (user_name, Carrier::BasicUserName),
        (false, true) => (password, Carrier::BasicPassword),
        (false, false) => return Err(not_bearer()),
        (true, true) => {
            let detail = "more than one token was sent";
            let refusal = Refusal::new(Code::RequestMalformed, detail, "Send one token, once.");
            return Err(Box::new(refusal.closing()));
        }
    };
    Ok(Credential {
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

/// Binds a verified token to the certificate of the connection it came over.
///
/// # Errors
/// [`Code::ClientCertificateRequired`] without a certificate, [`Code::TokenInvalid`] when the token is
/// bound to none, [`Code::CertificateMismatch`] when it is bound to another.
pub fn bind<'a>(
    token: &'a AccessToken,
    certificate: Option<&'a ClientCertificate>,
) -> Result<BoundIdentity<'a>, Box<Refusal>> {
    let Some(certificate) = certificate else {
        return Err(invalid(
            Code::ClientCertificateRequired,
            "the connection was made without a client certificate",
            "Connect with the client certificate that was issued to you.",
        ));
    };
    let Some(thumbprint) = token.confirmation else {
        return Err(invalid(
            Code::TokenInvalid,
            "the token is not bound to a client certificate",
            "Request the token over mutual TLS, so that it carries `cnf.x5t#S256` (RFC 8705).",
        ));
    };
    if thumbprint != certificate.thumbprint {
        return Err(invalid(
            Code::CertificateMismatch,
            "the token is bound to a certificate other than the one of this connection",
            "Use the certificate the token was requested with, or request a token with this one.",
        ));
    }
    Ok(BoundIdentity { token, certificate })
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
            R::TooLong | R::Shape | R::Header | R::Claims | R::Signature => {
                "Send the access token unchanged, as the authorization server issued it."
            }
            R::Confirmation => "Request the token over mutual TLS (RFC 8705), without DPoP.",
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
    let refusal = Refusal::new(Code::CredentialsMissing, detail, fix);
    Box::new(refusal.header(WWW_AUTHENTICATE, CHALLENGE))
}

fn invalid(code: Code, detail: &str, fix: &str) -> Box<Refusal> {
    let refusal = Refusal::new(code, detail, fix);
    Box::new(refusal.header(WWW_AUTHENTICATE, CHALLENGE_INVALID))
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
            assert_eq!((&*found.token, found.carrier), ("a.b-c_d", Carrier::Bearer));
        }
    }

    #[test]
    fn without_a_bearer_token_the_challenge_names_no_error() {
        for values in [
            &[][..],
            &["Basic YTpi"],
            &["DPoP a.b.c"],
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
            assert_eq!((&*found.token, found.carrier), ("aa.bb.cc", carrier));
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
        let identity = bind(&bound, Some(&certificate)).unwrap();
        assert_eq!(&*identity.token().client_id, "acme-portal");
        assert_eq!(identity.certificate().thumbprint, own);
        for (token, certificate, code) in [
            (token(Some(own)), None, Code::ClientCertificateRequired),
            (token(None), None, Code::ClientCertificateRequired),
            (token(None), Some(&certificate), Code::TokenInvalid),
            (
                token(Some(other)),
                Some(&certificate),
                Code::CertificateMismatch,
            ),
        ] {
            let refusal = bind(&token, certificate).unwrap_err();
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
