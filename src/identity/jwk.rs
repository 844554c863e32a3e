//! A JWK Set (RFC 7517) as keys that verify access tokens, and nothing else: each with the one
//! algorithm it is for.
//!
//! Servers publish keys for other uses in the same set. Those are left out and listed with the reason,
//! as RFC 7517 section 5 advises; a set that is ambiguous or holds private keys is refused whole.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::identity::claims::IDENTIFIER_BYTES_MAX;
use crate::identity::strict;

/// The most keys one set may hold.
pub const KEYS_MAX: usize = 64;
/// The shortest and the longest RSA modulus, in bits.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A signature algorithm, by its JOSE name. `none`, HMAC and everything else do not exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519 under the name of RFC 8037.
    EdDsa,
    /// Ed25519 under the name of RFC 9864.
    Ed25519,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [
        Self::Rs256,
        Self::Ps256,
        Self::Es256,
        Self::EdDsa,
        Self::Ed25519,
    ];

    /// As in `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// From its name, which is case-sensitive (RFC 7515 section 4.1.1).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    fn key_type(self) -> &'static str {
        match self {
            Self::Rs256 | Self::Ps256 => "RSA",
            Self::Es256 => "EC",
            Self::EdDsa | Self::Ed25519 => "OKP",
        }
    }

    fn library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa | Self::Ed25519 => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// A public key and the one algorithm it verifies.
#[derive(Clone, Debug)]
pub struct VerificationKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerificationKey {
    /// `kid`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The only algorithm it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` (base64url without padding) over `signed` is this key's.
    pub fn verifies(&self, signed: &str, signature: &str) -> bool {
        let algorithm = self.algorithm.library();
        jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &self.key, algorithm)
            .unwrap_or(false)
    }
}

/// A key of the set that verifies no token, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredKey {
    /// `kid`, if it has one.
    pub id: Option<String>,
    /// Why it is left out.
    pub reason: &'static str,
}

/// The keys of one issuer.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<VerificationKey>,
    ignored: Vec<IgnoredKey>,
}

/// Why a JWK Set was refused whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetRejected {
    /// The bytes are not strict JSON, or `keys` is not an array of objects.
    #[error("the key set is not a JSON object with an array `keys` of objects")]
    NotAKeySet,
    /// More than [`KEYS_MAX`].
    #[error("the key set holds more than {KEYS_MAX} keys")]
    TooManyKeys,
    /// Two keys with one `kid`.
    #[error("two keys of the set have the `kid` `{0}`; each needs its own")]
    DuplicateId(String),
    /// A private or secret key: whoever can read the set can sign.
    #[error("the key set holds a private key; replace that key and publish only public ones")]
    PrivateKey,
    /// Nothing left.
    #[error("the key set holds no key that can verify access tokens")]
    NoUsableKey,
}

impl KeySet {
    /// Reads a set. `unnamed` is the algorithm of keys that do not name one and fit it.
    ///
    /// # Errors
    /// When the set is ambiguous, holds private keys, or holds no usable key.
    pub fn parse(bytes: &[u8], unnamed: Option<Algorithm>) -> Result<Self, KeySetRejected> {
        let document = strict::object(bytes).map_err(|_| KeySetRejected::NotAKeySet)?;
        let members = document.get("keys").and_then(Value::as_array);
        let members = members.ok_or(KeySetRejected::NotAKeySet)?;
        if members.len() > KEYS_MAX {
            return Err(KeySetRejected::TooManyKeys);
        }
        let mut set = Self {
            keys: Vec::new(),
            ignored: Vec::new(),
        };
        let mut ids: Vec<&str> = Vec::new();
        for member in members {
            let member = member.as_object().ok_or(KeySetRejected::NotAKeySet)?;
            if PRIVATE_MEMBERS
                .iter()
                .any(|name| member.contains_key(*name))
            {
                return Err(KeySetRejected::PrivateKey);
            }
            if let Some(id) = text(member, "kid") {
                if ids.contains(&id) {
                    return Err(KeySetRejected::DuplicateId(id.to_owned()));
                }
                ids.push(id);
            }
            set.take(member, unnamed);
        }
        set.leave_out_nameless();
        if set.keys.is_empty() {
            return Err(KeySetRejected::NoUsableKey);
        }
        Ok(set)
    }

    /// The key a token's `kid` names; without one, the only key there is.
    pub fn find(&self, id: Option<&str>) -> Option<&VerificationKey> {
        match (id, self.keys.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (id, keys) => keys.iter().find(|key| key.id() == id),
        }
    }

    /// The keys that verify tokens.
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    /// The keys that were left out.
    pub fn ignored(&self) -> &[IgnoredKey] {
        &self.ignored
    }

    fn take(&mut self, member: &Map<String, Value>, unnamed: Option<Algorithm>) {
        match read_key(member, unnamed) {
            Ok(key) => self.keys.push(key),
            Err(reason) => self.ignored.push(IgnoredKey {
                id: text(member, "kid").map(str::to_owned),
                reason,
            }),
        }
    }

    fn leave_out_nameless(&mut self) {
        if self.keys.len() > 1 {
            let (named, nameless) = self.keys.drain(..).partition(|key| key.id.is_some());
            self.keys = named;
            self.ignored
                .extend(nameless.iter().map(|_: &VerificationKey| IgnoredKey {
                    id: None,
                    reason: "it has no `kid`, and there are several keys",
                }));
        }
    }
}

/// RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fn text<'a>(member: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    member.get(name).and_then(Value::as_str)
}

fn read_key(
    member: &Map<String, Value>,
    unnamed: Option<Algorithm>,
) -> Result<VerificationKey, &'static str> {
    let id = match member.get("kid") {
        None => None,
        Some(Value::String(id)) if !id.is_empty() && id.len() <= IDENTIFIER_BYTES_MAX => {
            Some(id.clone())
        }
        Some(_) => return Err("its `kid` is not a text of 1 to 256 bytes"),
    };
    if member.get("use").is_some_and(|used_for| used_for != "sig") {
        return Err("its `use` is not `sig`");
    }
    let verify_only = serde_json::json!(["verify"]);
    if member
        .get("key_ops")
        .is_some_and(|operations| *operations != verify_only)
    {
        return Err("its `key_ops` is not `verify` alone");
    }
    let algorithm = match member.get("alg") {
        Some(name) => name.as_str().and_then(Algorithm::parse),
        None => unnamed,
    };
    let algorithm = algorithm.ok_or("its `alg` is not RS256, PS256, ES256, EdDSA or Ed25519")?;
    if text(member, "kty") != Some(algorithm.key_type()) {
        return Err("its `kty` does not fit its `alg`");
    }
    let key = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => read_rsa(member)?,
        Algorithm::Es256 => read_p256(member)?,
        Algorithm::EdDsa | Algorithm::Ed25519 => read_ed25519(member)?,
    };
    Ok(VerificationKey { id, algorithm, key })
}

fn bytes(member: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text(member, name)?).ok()
}

fn read_rsa(member: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    let unreadable = "its `n` or `e` is not base64url of an integer without leading zeros";
    let modulus = bytes(member, "n").ok_or(unreadable)?;
    let exponent = bytes(member, "e").ok_or(unreadable)?;
    let (Some(&high), Some(&e_high), Some(&e_low)) =
        (modulus.first(), exponent.first(), exponent.last())
    else {
        return Err(unreadable);
    };
    if high == 0 || e_high == 0 {
        return Err(unreadable);
    }
    let bits =
        (modulus.len() * 8).saturating_sub(usize::try_from(high.leading_zeros()).unwrap_or(8));
    if !RSA_BITS.contains(&bits) {
        return Err("its RSA modulus is not 2048 to 8192 bits long");
    }
    // FIPS 186-5 section 5.4: odd and above 2^16; aws-lc takes at most 33 bits.
    if !(3..=4).contains(&exponent.len()) || e_low % 2 == 0 {
        return Err("its RSA exponent is not odd, above 2^16 and below 2^32");
    }
    Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn read_p256(member: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    let unreadable = "it is not a point of the curve P-256";
    if text(member, "crv") != Some("P-256") {
        return Err(unreadable);
    }
    let x = bytes(member, "x")
        .filter(|x| x.len() == 32)
        .ok_or(unreadable)?;
    let y = bytes(member, "y")
        .filter(|y| y.len() == 32)
        .ok_or(unreadable)?;
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).map_err(|_| unreadable)?;
    Ok(DecodingKey::from_ec_der(&point))
}

fn read_ed25519(member: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    let unreadable = "it is not an Ed25519 key";
    if text(member, "crv") != Some("Ed25519") {
        return Err(unreadable);
    }
    let x = bytes(member, "x")
        .filter(|x| x.len() == 32)
        .ok_or(unreadable)?;
    ParsedPublicKey::new(&ED25519, &x).map_err(|_| unreadable)?;
    Ok(DecodingKey::from_ed_der(&x))
}
