//! The development authorization server, without a server: a key and a pen.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;

use super::files::{self, DevelopmentError};
use crate::clock::Clock;
use crate::files::Readers;
use crate::terms::Thumbprint;

/// `iss` of every development token.
pub const DEVELOPMENT_ISSUER: &str = "https://issuer.example/development";

/// A development token issuer in a folder: `issuer.key` (ES256) and `jwks.json`.
pub struct DevelopmentIssuer {
    clock: Clock,
    key: EncodingKey,
    key_id: String,
    key_set: String,
}

impl std::fmt::Debug for DevelopmentIssuer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "DevelopmentIssuer({})", self.key_id)
    }
}

/// What a token is asked for with.
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest<'a> {
    /// `client_id`, and `sub`: the client acts for itself.
    pub client_id: &'a str,
    /// `aud`.
    pub audience: &'a str,
    /// The claim `purpose`; empty for a token that does not narrow the contract's.
    pub purposes: &'a [String],
    /// The certificate it is bound to.
    pub thumbprint: Thumbprint,
    /// `exp - iat`, 60 to 86,400 seconds.
    pub life_seconds: u32,
}

impl DevelopmentIssuer {
    /// Makes an issuer in `folder`, which is made if need be.
    ///
    /// # Errors
    /// When there is one already, or its files cannot be written.
    pub fn create(folder: &Path, clock: &Clock) -> Result<Self, DevelopmentError> {
        files::make_folder(folder)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let key_path = folder.join("issuer.key");
        files::write_new(&key_path, &key.serialize_pem(), Readers::Owner)?;
        let issuer = Self::from_key(&key, clock)?;
        files::write_new(
            &folder.join("jwks.json"),
            &issuer.key_set,
            Readers::Everyone,
        )?;
        Ok(issuer)
    }

    /// Opens the issuer in `folder`.
    ///
    /// # Errors
    /// When there is none, or its key is not an ES256 key.
    pub fn open(folder: &Path, clock: &Clock) -> Result<Self, DevelopmentError> {
        let path = folder.join("issuer.key");
        let text = files::read(&path)?;
        let key = KeyPair::from_pem(&text).ok();
        let issuer = key.and_then(|key| Self::from_key(&key, clock).ok());
        issuer.ok_or(DevelopmentError::Unreadable {
            path,
            expected: "an ES256 key in PEM",
        })
    }

    /// Its public keys as a JWK Set.
    pub fn key_set(&self) -> &str {
        &self.key_set
    }

    /// An RFC 9068 access token, in compact form.
    ///
    /// # Errors
    /// When the life asked for is out of bounds.
    pub fn mint(&self, request: &TokenRequest<'_>) -> Result<String, DevelopmentError> {
        if !(60..=86_400).contains(&request.life_seconds) {
            return Err(DevelopmentError::Life);
        }
        let now = self.clock.unix_seconds();
        let mut token_id = [0; 16];
        aws_lc_rs::rand::fill(&mut token_id).map_err(|_| DevelopmentError::Signing)?;
        let mut claims = json!({
            "iss": DEVELOPMENT_ISSUER,
            "sub": request.client_id,
            "aud": request.audience,
            "client_id": request.client_id,
            "iat": now,
            "exp": now + i64::from(request.life_seconds),
            "jti": URL_SAFE_NO_PAD.encode(token_id),
            "cnf": {"x5t#S256": request.thumbprint.to_base64url()},
        });
        if let (false, Some(claims)) = (request.purposes.is_empty(), claims.as_object_mut()) {
            claims.insert("purpose".to_owned(), request.purposes.join(" ").into());
        }
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(self.key_id.clone()),
            ..Header::new(jsonwebtoken::Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| DevelopmentError::Signing)
    }

    fn from_key(key: &KeyPair, clock: &Clock) -> Result<Self, DevelopmentError> {
        let point = key.public_key_raw();
        let (Some(x), Some(y), 65) = (point.get(1..33), point.get(33..), point.len()) else {
            return Err(DevelopmentError::Signing);
        };
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638 section 3: the required members in lexicographic order, without white space.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
        let key_id = URL_SAFE_NO_PAD.encode(digest);
        let public = json!({"keys": [{
            "kty": "EC", "crv": "P-256", "x": x, "y": y,
            "kid": key_id, "alg": "ES256", "use": "sig",
        }]});
        Ok(Self {
            clock: clock.clone(),
            key: EncodingKey::from_ec_der(key.serialized_der()),
            key_id,
            key_set: format!("{public:#}\n"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::identity::claims::TokenRules;
    use crate::identity::keys::{KeySource, Keys};
    use crate::identity::token::Verifier;

    #[tokio::test]
    async fn what_an_opened_issuer_mints_the_verifier_takes() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-11-22T12:00:00Z".parse().unwrap());
        DevelopmentIssuer::create(folder.path(), &clock).unwrap();
        let issuer = DevelopmentIssuer::open(folder.path(), &clock).unwrap();
        let source = KeySource::File(folder.path().join("jwks.json"));
        let keys = Keys::load(
            source,
            crate::identity::jwk::Algorithm::ALL.to_vec(),
            clock.clone(),
        )
        .await
        .unwrap();
        let rules = TokenRules::new(DEVELOPMENT_ISSUER, "https://gateway.example");
        let verifier = Verifier::new(rules, Arc::new(keys), clock.clone());
        let purposes = ["essential.service".to_owned(), "marketing".to_owned()];
        let request = TokenRequest {
            client_id: "acme-portal",
            audience: "https://gateway.example",
            purposes: &purposes,
            thumbprint: Thumbprint([7; 32]),
            life_seconds: 600,
        };
        let compact = issuer.mint(&request).unwrap();
        let token = verifier.verify(&compact).await.unwrap();
        assert_eq!(&*token.client_id, "acme-portal");
        assert_eq!(token.confirmation, Some(Thumbprint([7; 32])));
        let words: Vec<_> = token
            .purposes
            .iter()
            .flatten()
            .map(|word| &**word)
            .collect();
        assert_eq!(words, ["essential.service", "marketing"]);
        assert_eq!(
            token.expires_at.as_second() - token.issued_at.as_second(),
            600
        );
        assert_ne!(issuer.mint(&request).unwrap(), compact);
        let forever = TokenRequest {
            life_seconds: 86_401,
            ..request
        };
        assert!(matches!(issuer.mint(&forever), Err(DevelopmentError::Life)));
    }
}
