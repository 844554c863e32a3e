//! A JWK Set (RFC 7517) as keys that verify access tokens, and nothing else: each with the one
//! algorithm it is for.
//!
//! Servers publish keys for other uses in the same set. A key that cannot be used, or that nobody
//! should use, is left out with the reason, as RFC 7517 section 5 advises: its tokens are refused, and
//! its neighbours' are not.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::identity::claims::IDENTIFIER_BYTES_MAX;
use crate::identity::strict;

/// The most keys one set may hold.
pub const KEYS_MAX: usize = 64;
/// As much of a `kid` is shown.
const SHOWN_CHARACTERS_MAX: usize = 64;
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

    /// Ed25519 is one algorithm under two names (RFC 9864 section 2.2): the same for both, and itself for any other.
    pub fn whatever_its_name(self) -> Self {
        match self {
            Self::Ed25519 => Self::EdDsa,
            other => other,
        }
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

    /// The only algorithm it is for, [whatever its name](Algorithm::whatever_its_name).
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

impl fmt::Display for IgnoredKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => {
                let shown = id.chars().take(SHOWN_CHARACTERS_MAX).collect::<String>();
                write!(formatter, "key {shown:?}: {}", self.reason)
            }
            None => write!(formatter, "a key without `kid`: {}", self.reason),
        }
    }
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
}

impl KeySet {
    /// Reads a set for these algorithms: a key for another is left out, and one that names none has
    /// the only one of them that fits it. It may be that no key is left.
    ///
    /// # Errors
    /// When it is not a key set, or is too large.
    pub fn parse(bytes: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetRejected> {
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
        for (place, member) in members.iter().enumerate() {
            let key = member.as_object().ok_or(KeySetRejected::NotAKeySet)?;
            // The same key twice is that key.
            if !members.iter().take(place).any(|before| before == member) {
                set.take(key, algorithms);
            }
        }
        set.leave_out_ambiguous();
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

    fn take(&mut self, member: &Map<String, Value>, algorithms: &[Algorithm]) {
        match read_key(member, algorithms) {
            Ok(key) => self.keys.push(key),
            Err(reason) => self.ignored.push(IgnoredKey {
                id: text(member, "kid").map(str::to_owned),
                reason,
            }),
        }
    }

    /// Among several keys each needs an id, and an id of its own; of two with one id neither is used.
    fn leave_out_ambiguous(&mut self) {
        if self.keys.len() < 2 {
            return;
        }
        let keys = std::mem::take(&mut self.keys);
        let alike = |key: &VerificationKey| keys.iter().filter(|other| other.id == key.id).count();
        for key in &keys {
            if key.id.is_some() && alike(key) == 1 {
                self.keys.push(key.clone());
            } else {
                self.ignored.push(IgnoredKey {
                    id: key.id.clone(),
                    reason: "there are several keys, and it has no `kid` of its own",
                });
            }
        }
    }
}

/// What only private and secret keys have: RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fn text<'a>(member: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    member.get(name).and_then(Value::as_str)
}

/// One public key for one of these algorithms; otherwise, why not.
pub(super) fn read_key(
    member: &Map<String, Value>,
    algorithms: &[Algorithm],
) -> Result<VerificationKey, &'static str> {
    if PRIVATE_MEMBERS
        .iter()
        .any(|name| member.contains_key(*name))
    {
        return Err("it is a private or secret key: whoever can read the set can sign; replace it");
    }
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
        Some(name) => configured(name.as_str(), algorithms)?,
        None => only_fitting(member, algorithms)?,
    };
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

/// The algorithm of this name, where it is one of those.
fn configured(name: Option<&str>, algorithms: &[Algorithm]) -> Result<Algorithm, &'static str> {
    let named = name.and_then(Algorithm::parse);
    let named = named.map(Algorithm::whatever_its_name);
    let is_named = |one: &Algorithm| Some(one.whatever_its_name()) == named;
    let is_configured = algorithms.iter().any(is_named);
    named
        .filter(|_| is_configured)
        .ok_or("its `alg` is not one of `tokens.algorithms`")
}

/// The one algorithm that a key which names none can be for.
fn only_fitting(
    member: &Map<String, Value>,
    algorithms: &[Algorithm],
) -> Result<Algorithm, &'static str> {
    let kind = text(member, "kty");
    let fitting = algorithms.iter().filter(|one| Some(one.key_type()) == kind);
    let mut fitting = fitting.map(|one| one.whatever_its_name());
    let first = fitting
        .next()
        .ok_or("it names no `alg`, and none of `tokens.algorithms` is for keys of its `kty`")?;
    if fitting.any(|other| other != first) {
        return Err(
            "it names no `alg`, and several of `tokens.algorithms` are for keys of its \
                    `kty`: name only the one that its issuer signs with",
        );
    }
    Ok(first)
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

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    };
    use serde_json::json;

    use super::*;

    fn encode(bytes: impl AsRef<[u8]>) -> Value {
        URL_SAFE_NO_PAD.encode(bytes).into()
    }

    fn rsa(id: &str) -> Value {
        let (n, e) = (encode([0xff; 256]), encode([1, 0, 1]));
        json!({"kty": "RSA", "alg": "RS256", "kid": id, "n": n, "e": e})
    }

    fn ed25519(id: &str) -> Value {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = encode(pair.public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": id, "x": x})
    }

    fn p256(id: &str) -> Value {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": id, "x": x, "y": y})
    }

    /// `key` with one member changed, or taken out where `value` is null.
    fn with(mut key: Value, name: &str, value: Value) -> Value {
        let members = key.as_object_mut().unwrap();
        if value.is_null() {
            members.shift_remove(name);
        } else {
            members.insert(name.to_owned(), value);
        }
        key
    }

    fn parse(set: &Value) -> Result<KeySet, KeySetRejected> {
        KeySet::parse(set.to_string().as_bytes(), &Algorithm::ALL)
    }

    #[test]
    fn what_is_not_a_key_set_is_refused_whole() {
        let key = ed25519("a");
        for (set, expected) in [
            (json!({}), KeySetRejected::NotAKeySet),
            (json!([key]), KeySetRejected::NotAKeySet),
            (json!({"keys": {"a": key}}), KeySetRejected::NotAKeySet),
            (json!({"keys": ["a"]}), KeySetRejected::NotAKeySet),
            (
                json!({"keys": vec![key.clone(); 65]}),
                KeySetRejected::TooManyKeys,
            ),
        ] {
            assert_eq!(parse(&set).unwrap_err(), expected, "{set}");
        }
        let twice = br#"{"keys":[],"keys":[]}"#;
        let rejected = KeySet::parse(twice, &Algorithm::ALL).unwrap_err();
        assert_eq!(rejected, KeySetRejected::NotAKeySet);
    }

    #[test]
    fn keys_that_are_weak_or_for_something_else_are_left_out() {
        let leading_zero = [&[0][..], &[0xff; 256]].concat();
        let short_by_a_bit = [&[0x7f][..], &[0xff; 255]].concat();
        let (rsa, ed, ec) = (rsa("a"), ed25519("a"), p256("a"));
        for key in [&rsa, &ed, &ec] {
            assert_eq!(parse(&json!({"keys": [key]})).unwrap().keys().len(), 1);
        }
        for (key, name, value) in [
            (&rsa, "n", encode([0xff; 128])),
            (&rsa, "n", encode(short_by_a_bit)),
            (&rsa, "n", encode(leading_zero)),
            (&rsa, "n", encode([0xff; 1025])),
            (&rsa, "n", json!("")),
            (&rsa, "n", json!(null)),
            (&rsa, "e", json!("AQ")),
            (&rsa, "e", json!("Aw")),
            (&rsa, "e", encode([1, 0, 0])),
            (&rsa, "e", encode([0, 1, 0, 1])),
            (&rsa, "alg", json!(null)),
            (&rsa, "alg", json!("ES256")),
            (&rsa, "alg", json!("HS256")),
            (&rsa, "alg", json!("none")),
            (&rsa, "alg", json!("RSA-OAEP")),
            (&rsa, "use", json!("enc")),
            (&rsa, "use", json!(["sig"])),
            (&rsa, "key_ops", json!(["sign"])),
            (&rsa, "key_ops", json!(["verify", "encrypt"])),
            (&rsa, "key_ops", json!("verify")),
            (&rsa, "kid", json!("")),
            (&rsa, "kid", json!(7)),
            (&rsa, "kty", json!("rsa")),
            (&rsa, "d", json!("AAAA")),
            (&ed, "d", json!("")),
            (&ed, "crv", json!("Ed448")),
            (&ed, "crv", json!("X25519")),
            (&ed, "x", encode([1; 31])),
            (&ec, "crv", json!("P-384")),
            (&ec, "crv", json!("secp256k1")),
            (&ec, "x", encode([1; 32])),
            (&ec, "y", encode([1; 31])),
            (&ec, "alg", json!("EdDSA")),
        ] {
            let set = json!({"keys": [with(key.clone(), name, value.clone()), p256("b")]});
            let set = parse(&set).unwrap();
            assert_eq!(set.ignored().len(), 1, "{name} {value}");
            assert!(set.ignored()[0].to_string().contains(": it"), "{value}");
            assert!(set.find(Some("a")).is_none(), "{name} {value}");
            assert!(set.find(Some("b")).is_some(), "{name} {value}");
        }
    }

    #[test]
    fn a_secret_key_is_no_key_here() {
        let secret = json!({"kty": "oct", "alg": "HS256", "kid": "a", "k": "AAAA"});
        let set = parse(&json!({"keys": [secret]})).unwrap();
        assert!(set.keys().is_empty() && set.find(Some("a")).is_none());
        assert_eq!(set.ignored().len(), 1);
    }

    #[test]
    fn of_two_keys_with_one_id_neither_is_used() {
        let set = json!({"keys": [ed25519("a"), p256("a"), p256("b")]});
        let set = parse(&set).unwrap();
        assert!(set.find(Some("a")).is_none() && set.find(Some("b")).is_some());
        let encryption = with(rsa("a"), "use", json!("enc"));
        let set = parse(&json!({"keys": [encryption, p256("a")]})).unwrap();
        let found = set.find(Some("a")).unwrap();
        assert_eq!(found.algorithm(), Algorithm::Es256);
    }

    #[test]
    fn a_key_without_id_serves_only_alone() {
        let nameless = with(ed25519("a"), "kid", json!(null));
        let alone = parse(&json!({"keys": [nameless]})).unwrap();
        assert!(alone.find(None).is_some() && alone.find(Some("a")).is_none());
        let several = parse(&json!({"keys": [nameless, p256("b")]})).unwrap();
        assert_eq!((several.keys().len(), several.ignored().len()), (1, 1));
        assert!(several.find(Some("b")).is_some());
    }

    #[test]
    fn a_key_that_names_no_algorithm_has_the_only_configured_one_that_fits() {
        use Algorithm as A;
        let nameless = |key| json!({"keys": [with(key, "alg", json!(null))]}).to_string();
        let algorithm = |set: &str, algorithms: &[A]| {
            let set = KeySet::parse(set.as_bytes(), algorithms);
            set.unwrap().keys().first().map(|key| key.algorithm())
        };
        let key = nameless(rsa("a"));
        assert_eq!(algorithm(&key, &[A::Ps256, A::Es256]), Some(A::Ps256));
        assert_eq!(algorithm(&key, &[A::Rs256]), Some(A::Rs256));
        assert_eq!(algorithm(&key, &A::ALL), None, "it could be for two");
        assert_eq!(algorithm(&key, &[A::Es256]), None);
        assert_eq!(algorithm(&nameless(p256("a")), &A::ALL), Some(A::Es256));
    }

    #[test]
    fn an_ed25519_key_is_one_whichever_of_its_two_names_it_has_or_none() {
        use Algorithm as A;
        for name in [json!("EdDSA"), json!("Ed25519"), json!(null)] {
            let set = json!({"keys": [with(ed25519("a"), "alg", name)]}).to_string();
            for algorithms in [&A::ALL[..], &[A::EdDsa], &[A::Ed25519]] {
                let set = KeySet::parse(set.as_bytes(), algorithms).unwrap();
                assert_eq!(set.keys()[0].algorithm(), A::EdDsa, "{algorithms:?}");
            }
            let set = KeySet::parse(set.as_bytes(), &[A::Es256]).unwrap();
            assert!(set.keys().is_empty());
        }
    }

    #[test]
    fn a_key_that_stands_twice_counts_once() {
        let (key, other) = (p256("a"), p256("a"));
        let set = parse(&json!({"keys": [key, key]})).unwrap();
        assert!(set.find(Some("a")).is_some() && set.ignored().is_empty());
        let set = parse(&json!({"keys": [key, other, key]})).unwrap();
        assert!(set.find(Some("a")).is_none());
    }

    #[test]
    fn a_key_for_an_algorithm_that_is_not_configured_verifies_nothing() {
        let set = json!({"keys": [ed25519("a"), p256("b")]}).to_string();
        let set = KeySet::parse(set.as_bytes(), &[Algorithm::Es256]).unwrap();
        assert!(set.find(Some("a")).is_none());
        assert!(set.find(Some("b")).is_some());
        assert_eq!(set.ignored().len(), 1);
    }
}
