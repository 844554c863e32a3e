//! The keys a log was signed with, and the one it is signed with now. Keys change: the batch that tells
//! of it has a checkpoint signed by both, and each batch must be signed by the key of the one before.
//! So whoever trusts the first key can follow to the last, and whoever trusts the last needs no other.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::key::{KeyError, VerifierKey};
use super::note::NoteError;

/// Name of the file in the ledger's directory that lists them.
pub const KEYS_FILE: &str = "verifier.key";

/// Most keys a log may have had.
const KEYS_MAX: usize = 64;

/// Keys of one log, the oldest first; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    earlier: Vec<VerifierKey>,
    last: VerifierKey,
}

impl From<VerifierKey> for Keys {
    fn from(last: VerifierKey) -> Self {
        let earlier = Vec::new();
        Self { earlier, last }
    }
}

impl Keys {
    /// Reads verifier keys, one a line, the oldest first.
    ///
    /// # Errors
    ///
    /// [`KeyError::Malformed`], also where they are of different logs, none, or more than 64.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let mut keys = lines
            .map(VerifierKey::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if keys.len() > KEYS_MAX {
            return Err(KeyError::Malformed("a log has had at most 64 keys"));
        }
        let last = keys.pop().ok_or(KeyError::Malformed("there is no key"))?;
        if keys.iter().any(|key| key.name() != last.name()) {
            return Err(KeyError::Malformed("the keys are of different logs"));
        }
        let earlier = keys;
        Ok(Self { earlier, last })
    }

    /// The key that signs now.
    pub fn last(&self) -> &VerifierKey {
        &self.last
    }

    /// The keys' name: the origin of the log.
    pub fn name(&self) -> &str {
        self.last.name()
    }

    /// These keys up to `key`, or with it as the one that follows them.
    #[must_use]
    pub fn up_to(&self, key: &VerifierKey) -> Self {
        let before = self.all().take_while(|other| *other != key);
        Self {
            earlier: before.cloned().collect(),
            last: key.clone(),
        }
    }

    /// Whether `key` is one of them.
    pub fn contains(&self, key: &VerifierKey) -> bool {
        self.all().any(|other| other == key)
    }

    /// The text form, a line for each.
    pub fn to_text(&self) -> String {
        self.all().map(|key| format!("{key}\n")).collect()
    }

    /// All of them, the oldest first.
    pub fn all(&self) -> impl Iterator<Item = &VerifierKey> {
        self.earlier.iter().chain([&self.last])
    }

    /// Whether the key that signs now has signed this checkpoint: whoever trusts it alone believes it.
    pub fn last_has_signed(&self, signed: &str) -> bool {
        Checkpoint::open(signed, &self.last).is_ok()
    }

    /// The place of the key that signs now.
    pub(super) fn last_place(&self) -> usize {
        self.earlier.len()
    }

    /// The key at a place.
    pub(super) fn at(&self, place: usize) -> Option<&VerifierKey> {
        self.all().nth(place)
    }

    /// Reads a checkpoint that one of the keys has signed.
    ///
    /// # Errors
    ///
    /// All of [`CheckpointError`].
    pub fn read_checkpoint(&self, signed: &str) -> Result<Checkpoint, CheckpointError> {
        self.open(signed).map(|(checkpoint, _)| checkpoint)
    }

    /// Reads a checkpoint that at least one of the keys has signed; the places of those that have, in
    /// order.
    pub(super) fn open(&self, signed: &str) -> Result<(Checkpoint, Vec<usize>), CheckpointError> {
        let mut opened = None;
        let mut places = Vec::new();
        for (place, key) in self.all().enumerate() {
            match Checkpoint::open(signed, key) {
                Ok(checkpoint) => {
                    opened = Some(checkpoint);
                    places.push(place);
                }
                Err(CheckpointError::Note(NoteError::NotSigned(_))) => {}
                Err(error) => return Err(error),
            }
        }
        let unsigned = || NoteError::NotSigned(self.name().to_owned());
        Ok((opened.ok_or_else(unsigned)?, places))
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Signer;
    use super::*;

    #[test]
    fn keys_are_read_back_and_are_of_one_log() {
        let key = |name| Signer::generate(name).unwrap().verifier_key().clone();
        let (one, two, three) = (key("log"), key("log"), key("log"));
        let keys = Keys::from(one.clone()).up_to(&two);
        assert_eq!(Keys::parse(&keys.to_text()).unwrap(), keys);
        assert_eq!((keys.last(), keys.at(0)), (&two, Some(&one)));
        assert_eq!(keys.up_to(&one), Keys::from(one.clone()));
        assert!(keys.up_to(&three).contains(&two) && !keys.contains(&three));
        assert!(Keys::parse("").is_err());
        assert!(Keys::parse(&format!("{one}\n{}\n", key("other"))).is_err());
        assert!(Keys::parse(&keys.to_text().repeat(33)).is_err());
    }

    #[test]
    fn a_checkpoint_tells_which_of_the_keys_have_signed_it() {
        let signers = ["log"; 3].map(|name| Signer::generate(name).unwrap());
        let [one, two, three] = &signers;
        let keys = Keys::from(one.verifier_key().clone()).up_to(two.verifier_key());
        let checkpoint = Checkpoint {
            origin: "log".to_owned(),
            size: 1,
            root: [7; 32],
        };
        let places = |signers: &[&Signer]| {
            let signed = checkpoint.sign_by(signers).unwrap();
            keys.open(&signed).map(|(_, places)| places).ok()
        };
        assert_eq!(places(&[one]), Some(vec![0]));
        assert_eq!(places(&[two, one]), Some(vec![0, 1]));
        assert_eq!(places(&[two, three]), Some(vec![1]));
        assert_eq!(places(&[three]), None);
    }
}
