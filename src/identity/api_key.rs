//! API keys, for partners whose software can send nothing else: `covenant_`, a prefix that names the key,
//! and a secret of 256 random bits. Contracts hold the prefix and the SHA-256 of the whole key; a digest
//! without salt and stretching is enough for a secret that nobody can guess.
//!
//! A key proves nothing without the client certificate of the same contract, which
//! `gateway/authenticate.rs` demands.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{constant_time, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How every key begins, for scanners of repositories.
const MARK: &str = "covenant_";
/// Characters of the part that names a key.
const NAME_LENGTH: usize = 12;
/// Characters of the secret: 32 bytes as base64url.
const SECRET_LENGTH: usize = 43;
/// What names are of; 32, so that each takes five bits of a random byte.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What a contract knows of a key.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// `covenant_` and twelve lower-case letters and digits. Not secret.
    pub prefix: String,
    /// SHA-256 of the whole key.
    pub sha256: [u8; 32],
}

impl fmt::Debug for ApiKeyRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiKeyRecord({})", self.prefix)
    }
}

impl ApiKeyRecord {
    /// From what a contract says: the prefix, and the digest as base64url without padding.
    pub fn parse(prefix: &str, sha256: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(sha256).ok()?;
        is_prefix(prefix).then_some(())?;
        Some(Self {
            prefix: prefix.to_owned(),
            sha256: bytes.try_into().ok()?,
        })
    }

    /// The digest as base64url without padding.
    pub fn digest_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.sha256)
    }

    /// Whether both are of one key, in a time that does not depend on where their digests differ.
    pub fn is(&self, other: &Self) -> bool {
        let same = constant_time::verify_slices_are_equal(&self.sha256, &other.sha256).is_ok();
        same && self.prefix == other.prefix
    }

    /// Of no key: to compare with where there is none.
    pub fn nobody() -> Self {
        Self {
            prefix: String::new(),
            sha256: [0; 32],
        }
    }
}

/// What looks like a key, with nothing proved.
#[derive(Clone, Copy)]
pub struct PresentedKey<'a>(&'a str);

impl fmt::Debug for PresentedKey<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PresentedKey(withheld)")
    }
}

impl<'a> PresentedKey<'a> {
    /// A text that has the form of a key.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (prefix, secret) = text.split_at_checked(MARK.len() + NAME_LENGTH)?;
        let secret = secret.strip_prefix('_')?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let sound = secret.len() == SECRET_LENGTH && secret.bytes().all(plain);
        (is_prefix(prefix) && sound).then_some(Self(text))
    }

    /// The part that is not secret.
    pub fn prefix(&self) -> &'a str {
        let prefix = self.0.split_at_checked(MARK.len() + NAME_LENGTH);
        prefix.map_or("", |(prefix, _)| prefix)
    }

    /// What a contract would hold of it.
    pub fn record(&self) -> ApiKeyRecord {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        ApiKeyRecord {
            prefix: self.prefix().to_owned(),
            sha256,
        }
    }
}

/// Whether `text` can name a key.
pub fn is_prefix(text: &str) -> bool {
    let name = text.strip_prefix(MARK).unwrap_or_default();
    name.len() == NAME_LENGTH && name.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system's random number generator failed; no key was made")]
pub struct NoRandomness;

/// A new key, to be shown once, and what the contract is to hold of it.
///
/// # Errors
/// [`NoRandomness`].
pub fn make() -> Result<(String, ApiKeyRecord), NoRandomness> {
    let (mut name, mut secret) = ([0; NAME_LENGTH], [0; 32]);
    rand::fill(&mut name).map_err(|_| NoRandomness)?;
    rand::fill(&mut secret).map_err(|_| NoRandomness)?;
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).copied();
    let name = name.iter().filter_map(letter).map(char::from);
    let prefix = MARK.chars().chain(name).collect::<String>();
    let key = format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(secret));
    let record = PresentedKey(&key).record();
    Ok((key, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_recognised_by_its_record_alone_and_told_from_every_other() {
        let (key, record) = make().unwrap();
        let (other, other_record) = make().unwrap();
        let presented = PresentedKey::parse(&key).unwrap();
        assert_eq!(presented.prefix(), record.prefix);
        assert!(record.is(&presented.record()));
        assert!(!other_record.is(&presented.record()));
        assert!(!record.is(&PresentedKey::parse(&other).unwrap().record()));
        assert!(!record.is(&ApiKeyRecord::nobody()));
        let again = ApiKeyRecord::parse(&record.prefix, &record.digest_text());
        assert_eq!(again.as_ref(), Some(&record));
        let shown = format!("{record:?} {presented:?}");
        assert!(!shown.contains(&key[22..]) && !shown.contains(&record.digest_text()));
    }

    #[test]
    fn anything_but_the_form_of_a_key_is_none() {
        let (key, record) = make().unwrap();
        for wrong in [
            "",
            "covenant_",
            &record.prefix,
            &key[1..],
            &key[..key.len() - 1],
            &format!("{key}x"),
            &key.to_uppercase(),
            &key.replace("covenant", "covenent"),
            &format!("{}.{}", record.prefix, "a".repeat(43)),
            &format!("{}_{}", record.prefix, "\u{e4}".repeat(21)),
        ] {
            assert!(PresentedKey::parse(wrong).is_none(), "{wrong}");
        }
        for (prefix, digest) in [
            ("covenant_short", record.digest_text()),
            (&record.prefix, "AAAA".to_owned()),
            (&record.prefix, record.digest_text() + "="),
        ] {
            assert!(ApiKeyRecord::parse(prefix, &digest).is_none(), "{prefix}");
        }
    }
}
