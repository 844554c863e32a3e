//! Keys that sign and verify notes, in the text forms of C2SP signed-note (and of Go's
//! `golang.org/x/mod/sumdb/note`), Ed25519 only: `PRIVATE+KEY+<name>+<id>+<base64>` for the signer,
//! `<name>+<id>+<base64>` for the verifier. The name is the log's origin.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::hmac;
use aws_lc_rs::rand;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::merkle::sha256;
use crate::files::{self, Readers};

/// Signature type of C2SP signed-note for Ed25519; ML-DSA-44 is `0x06`, for later.
const ED25519_TYPE: u8 = 0x01;
const SEED_BYTES: usize = 32;

/// Length of an Ed25519 signature.
pub(super) const SIGNATURE_BYTES: usize = 64;

/// The first four bytes of a hash over name and public key: which key a signature claims.
pub(super) type KeyId = [u8; 4];

/// Why a key cannot be used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The key's text or name is not of its form.
    #[error("{0}")]
    Malformed(&'static str),
    /// The key file could not be read or written.
    #[error("the key file `{path}` cannot be {action}: {source}")]
    File {
        /// Its path.
        path: String,
        /// `read` or `created`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read the private key.
    #[error("the key file `{path}` is open to others (mode {mode:o}); run `chmod 600 {path}`")]
    OpenToOthers {
        /// Its path.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The system gave no random bytes.
    #[error("the system's random number generator failed; no key can be made")]
    NoRandomness,
}

/// A named private key. Never printed: its `Debug` shows the public half only.
pub struct Signer {
    pair: Ed25519KeyPair,
    seed: [u8; SEED_BYTES],
    verifier: VerifierKey,
}

/// A named public key.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    public: [u8; 32],
}

impl Signer {
    /// A new key called `name`: not empty, without white space and `+`.
    ///
    /// # Errors
    ///
    /// [`KeyError::Malformed`] for the name, [`KeyError::NoRandomness`].
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        let mut seed = [0_u8; SEED_BYTES];
        rand::fill(&mut seed).map_err(|_| KeyError::NoRandomness)?;
        Self::from_seed(name, seed)
    }

    fn from_seed(name: &str, seed: [u8; SEED_BYTES]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|_| KeyError::Malformed("the private key is not an Ed25519 key"))?;
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| KeyError::Malformed("the private key is not an Ed25519 key"))?;
        let verifier = VerifierKey::new(name, public)?;
        Ok(Self {
            pair,
            seed,
            verifier,
        })
    }

    /// Reads the text form; white space around it is ignored.
    ///
    /// # Errors
    ///
    /// [`KeyError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        const WRONG: KeyError =
            KeyError::Malformed("a signer key reads `PRIVATE+KEY+<name>+<id>+<base64>`");
        let text = text.trim().strip_prefix("PRIVATE+KEY+").ok_or(WRONG)?;
        let (name, id, key) = parse_parts(text).ok_or(WRONG)?;
        let signer = Self::from_seed(name, key)?;
        if signer.verifier.id != id {
            return Err(KeyError::Malformed(
                "the id of the signer key does not fit its name and key",
            ));
        }
        Ok(signer)
    }

    /// Makes a new key called `name` in a new file at `path`, readable by its owner alone.
    ///
    /// # Errors
    ///
    /// As [`Signer::generate`]; [`KeyError::File`], among others where the file exists.
    pub fn create_file(path: &Path, name: &str) -> Result<Self, KeyError> {
        let signer = Self::generate(name)?;
        files::write_new(path, signer.to_secret_text().as_bytes(), Readers::Owner)
            .map_err(|source| file_error(path, "created", source))?;
        Ok(signer)
    }

    /// Reads the key in the file at `path`, which nobody but its owner may be able to read.
    ///
    /// # Errors
    ///
    /// [`KeyError::File`], [`KeyError::OpenToOthers`], [`KeyError::Malformed`].
    pub fn read_file(path: &Path) -> Result<Self, KeyError> {
        use std::os::unix::fs::PermissionsExt;
        let read = || Ok((fs::metadata(path)?.permissions(), fs::read_to_string(path)?));
        let (permissions, text) = read().map_err(|source| file_error(path, "read", source))?;
        let mode = permissions.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::OpenToOthers {
                path: path.display().to_string(),
                mode,
            });
        }
        Self::parse(&text)
    }

    /// The public half.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    /// A secret for `purpose` alone, that nobody can make who does not have this key.
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.seed);
        let tag = hmac::sign(&key, purpose.as_bytes());
        let mut secret = [0; 32];
        secret.copy_from_slice(tag.as_ref());
        secret
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<[u8; SIGNATURE_BYTES]> {
        self.pair.try_sign(message).ok()?.as_ref().try_into().ok()
    }

    /// The text form, with a newline. Secret.
    fn to_secret_text(&self) -> String {
        let VerifierKey { name, id, .. } = &self.verifier;
        let id = u32::from_be_bytes(*id);
        format!("PRIVATE+KEY+{name}+{id:08x}+{}\n", encode_key(&self.seed))
    }
}

impl VerifierKey {
    fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        if name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || letter == '+')
        {
            return Err(KeyError::Malformed(
                "the name of a key is not empty and has no white space and no `+`",
            ));
        }
        // C2SP signed-note, "Signatures": SHA-256(name || 0x0A || type || key)[:4].
        let hash = sha256(&[name.as_bytes(), b"\n", &[ED25519_TYPE], &public]);
        let [one, two, three, four, ..] = hash;
        Ok(Self {
            name: name.to_owned(),
            id: [one, two, three, four],
            public,
        })
    }

    /// Reads the text form; white space around it is ignored.
    ///
    /// # Errors
    ///
    /// [`KeyError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, id, public) = parse_parts(text.trim()).ok_or(KeyError::Malformed(
            "a verifier key reads `<name>+<id>+<base64>`",
        ))?;
        let key = Self::new(name, public)?;
        if key.id != id {
            return Err(KeyError::Malformed(
                "the id of the verifier key does not fit its name and key",
            ));
        }
        Ok(key)
    }

    /// The key's name: the origin of the log it signs for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Ed25519 public key (RFC 8032).
    pub fn public_bytes(&self) -> &[u8; 32] {
        &self.public
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public)
            .verify(message, signature)
            .is_ok()
    }
}

/// The text form.
impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id);
        write!(
            formatter,
            "{}+{id:08x}+{}",
            self.name,
            encode_key(&self.public)
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifierKey({self})")
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signer({})", self.verifier)
    }
}

/// `<name>+<id>+<base64 of type and key>`.
fn parse_parts(text: &str) -> Option<(&str, KeyId, [u8; 32])> {
    let (name, rest) = text.split_once('+')?;
    // Base64 may hold a `+` of its own, so the first two divide.
    let (id, key) = rest.split_once('+')?;
    if id.len() != 8 || !id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let id = u32::from_str_radix(id, 16).ok()?.to_be_bytes();
    let key = STANDARD.decode(key).ok()?;
    let (&ED25519_TYPE, key) = key.split_first()? else {
        return None;
    };
    Some((name, id, key.try_into().ok()?))
}

fn encode_key(key: &[u8; 32]) -> String {
    let mut typed = vec![ED25519_TYPE];
    typed.extend_from_slice(key);
    STANDARD.encode(typed)
}

fn file_error(path: &Path, action: &'static str, source: io::Error) -> KeyError {
    KeyError::File {
        path: path.display().to_string(),
        action,
        source,
    }
}

#[cfg(test)]
mod tests {
    use signed_note::{Signer as _, StandardSigner, StandardVerifier, Verifier as _};

    use super::*;

    /// From the documentation of Go's `golang.org/x/mod/sumdb/note`.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PETER_SECRET: &str =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

    #[test]
    fn the_published_example_keys_belong_together() {
        let signer = Signer::parse(PETER_SECRET).unwrap();
        assert_eq!(signer.verifier_key().to_string(), PETER);
        assert_eq!(signer.to_secret_text(), format!("{PETER_SECRET}\n"));
        assert_eq!(VerifierKey::parse(PETER).unwrap(), *signer.verifier_key());
    }

    #[test]
    fn keys_and_signatures_are_taken_by_an_implementation_by_others() {
        let signer = Signer::generate("example.com/log").unwrap();
        let theirs = StandardSigner::new(signer.to_secret_text().trim()).unwrap();
        let verifier = StandardVerifier::new(&signer.verifier_key().to_string()).unwrap();
        assert!(verifier.verify(b"text\n", &signer.sign(b"text\n").unwrap()));
        let signature = theirs.sign(b"text\n").unwrap();
        assert!(signer.verifier_key().verify(b"text\n", &signature));
    }

    #[test]
    fn a_changed_key_text_is_refused() {
        for position in 0..PETER.len() {
            let mut bytes = PETER.as_bytes().to_vec();
            bytes[position] = if bytes[position] == b'1' { b'2' } else { b'1' };
            let text = String::from_utf8(bytes).unwrap();
            assert!(VerifierKey::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.key");
        let made = Signer::create_file(&path, "example.com/log").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = Signer::read_file(&path).unwrap();
        assert_eq!(read.verifier_key(), made.verifier_key());
        assert!(matches!(
            Signer::create_file(&path, "example.com/log"),
            Err(KeyError::File { .. })
        ));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            Signer::read_file(&path),
            Err(KeyError::OpenToOthers { mode: 0o640, .. })
        ));
    }

    #[test]
    fn the_private_half_is_not_printed() {
        let signer = Signer::parse(PETER_SECRET).unwrap();
        assert_eq!(format!("{signer:?}"), format!("Signer({PETER})"));
    }
}
