//! Who is calling, told to a core in the ways its operator configured, beside `Partner-Id`: what the
//! partner showed (RFC 9440), where it calls from (RFC 7239), and a statement that this gateway signs
//! (a compact JWS, RFC 7515, with Ed25519, RFC 8037). Nothing of it is ever the partner's own word: the
//! edge drops inbound copies, and what is set here is set last.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

use crate::config::IdentitySettings;
use crate::edge::Peer;
use crate::gateway::decide::Permit;
use crate::gateway::exchange::Exchange;

/// For how long a signed statement holds.
const STATEMENT_SECONDS: i64 = 60;
/// The `typ` of its header.
const STATEMENT_TYPE: &str = "covenant-identity+jwt";

/// What one core is told.
#[derive(Debug)]
pub(super) struct Identity {
    client_cert: bool,
    /// The name partners call.
    forwarded: Option<String>,
    signed: Option<Signed>,
}

struct Signed {
    header: HeaderName,
    key: Ed25519KeyPair,
    /// Of the JWS header, encoded.
    beginning: String,
    issuer: Arc<str>,
    audience: Arc<str>,
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Signed({})", self.header)
    }
}

impl Identity {
    /// For one service; `issuer` is where partners reach this gateway.
    ///
    /// # Errors
    /// When the signing key cannot be read.
    pub(super) fn load(
        settings: &IdentitySettings,
        service: &Arc<str>,
        issuer: &Arc<str>,
    ) -> Result<Self, String> {
        let signed = match &settings.signed {
            None => None,
            Some((header, path)) => {
                let key = signing_key(path)?;
                let own = json!({"alg": "EdDSA", "typ": STATEMENT_TYPE, "kid": thumbprint(&key)});
                Some(Signed {
                    header: header.clone(),
                    beginning: URL_SAFE_NO_PAD.encode(own.to_string()),
                    key,
                    issuer: Arc::clone(issuer),
                    audience: Arc::clone(service),
                })
            }
        };
        let name = issuer.split_once("://").map_or("", |(_, name)| name);
        Ok(Self {
            client_cert: settings.client_cert,
            forwarded: settings.forwarded.then(|| name.to_owned()),
            signed,
        })
    }

    /// The header of the signed statement, where there is one.
    pub(super) fn header(&self) -> Option<&HeaderName> {
        self.signed.as_ref().map(|signed| &signed.header)
    }

    /// Sets the headers, whatever stands there.
    pub(super) fn tell(
        &self,
        headers: &mut HeaderMap,
        exchange: &Exchange,
        permit: &Permit,
        peer: &Peer,
    ) {
        if self.client_cert
            && let Some(certificate) = &peer.certificate
        {
            let mut chain = certificate.chain.iter().map(|one| bytes(one));
            if let Some(own) = chain.next() {
                set(headers, HeaderName::from_static("client-cert"), &own);
            }
            let issuers: Vec<String> = chain.collect();
            if !issuers.is_empty() {
                let name = HeaderName::from_static("client-cert-chain");
                set(headers, name, &issuers.join(", "));
            }
        }
        if let Some(name) = &self.forwarded {
            let node = node(peer.address.ip());
            let forwarded = format!("for={node};host=\"{name}\";proto=https");
            set(headers, header::FORWARDED, &forwarded);
        }
        if let Some(signed) = &self.signed {
            let statement = signed.statement(exchange, permit);
            set(headers, signed.header.clone(), &statement);
        }
    }
}

impl Signed {
    fn statement(&self, exchange: &Exchange, permit: &Permit) -> String {
        let made_at = exchange.arrived_at.as_second();
        let said = json!({
            "iss": &*self.issuer,
            "aud": &*self.audience,
            "sub": permit.partner().contract().partner.as_str(),
            "client_id": &**permit.partner().client(),
            "purpose": permit.purpose().key(),
            "on_behalf_of": permit.customer().map(|customer| &*customer.id),
            "jti": exchange.id.to_string(),
            "iat": made_at,
            "exp": made_at + STATEMENT_SECONDS,
        });
        let mut statement = self.beginning.clone();
        statement.push('.');
        URL_SAFE_NO_PAD.encode_string(said.to_string(), &mut statement);
        let signature = self.key.sign(statement.as_bytes());
        statement.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut statement);
        statement
    }
}

/// Sets one header. A value that cannot be one is left out.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A byte sequence of RFC 9651.
fn bytes(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(der))
}

/// A node of RFC 7239 section 6.
fn node(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    }
}

/// The thumbprint of the public key (RFC 7638, RFC 8037 appendix A.3).
fn thumbprint(key: &Ed25519KeyPair) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

fn signing_key(path: &Path) -> Result<Ed25519KeyPair, String> {
    let unusable = |cause: &dyn std::fmt::Display| format!("`{}`: {cause}", path.display());
    let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
    let not_a_key = "it must hold an Ed25519 key in PEM (PKCS#8)";
    let key = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| unusable(&not_a_key))?;
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der())
        .map_err(|_| unusable(&not_a_key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_nodes_of_rfc_7239() {
        for (address, said) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8::1", "\"[2001:db8::1]\""),
        ] {
            assert_eq!(node(address.parse().unwrap()), said);
        }
    }

    #[test]
    fn a_certificate_is_a_byte_sequence() {
        let parsed: sfv::Item = sfv::Parser::new(&bytes(b"\x30\x82")).parse().unwrap();
        assert_eq!(parsed.bare_item.as_byte_sequence(), Some(&b"\x30\x82"[..]));
    }
}
