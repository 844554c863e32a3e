//! Checkpoints as C2SP tlog-checkpoint describes them: who keeps the log, how many leaves it has and
//! the root over them, as the text of a signed note.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::key::{Signer, VerifierKey};
use super::merkle::Hash;
use super::note::{self, NoteError};

/// The state of a log: its tree head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, also that of its key.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

/// Why a checkpoint is not accepted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// The note around it is not accepted.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note's text is not a checkpoint.
    #[error("the note is not a checkpoint: {0}")]
    Malformed(&'static str),
    /// A checkpoint of another log.
    #[error("the checkpoint is of the log `{found}`, not of `{expected}`")]
    OtherOrigin {
        /// The log it is of.
        found: String,
        /// The log it should be of.
        expected: String,
    },
}

impl Checkpoint {
    /// The signed note.
    ///
    /// # Errors
    ///
    /// [`NoteError`], where the origin has control characters or the library fails.
    pub fn sign(&self, signer: &Signer) -> Result<String, NoteError> {
        self.sign_by(&[signer])
    }

    /// The note, signed by each of `signers`.
    pub(super) fn sign_by(&self, signers: &[&Signer]) -> Result<String, NoteError> {
        note::sign(&self.to_text(), signers)
    }

    /// The text that is signed.
    fn to_text(&self) -> String {
        let root = STANDARD.encode(self.root);
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Reads a checkpoint signed by `key` for the log of the key's name. Extension lines are allowed
    /// and not kept.
    ///
    /// # Errors
    ///
    /// All of [`CheckpointError`].
    pub fn open(signed: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(note::open(signed, key)?)?;
        if checkpoint.origin != key.name() {
            return Err(CheckpointError::OtherOrigin {
                found: checkpoint.origin,
                expected: key.name().to_owned(),
            });
        }
        Ok(checkpoint)
    }

    pub(super) fn parse(text: &str) -> Result<Self, CheckpointError> {
        let wrong = CheckpointError::Malformed;
        let text = text
            .strip_suffix('\n')
            .ok_or(wrong("it does not end with a newline"))?;
        let mut lines = text.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty());
        let origin = origin.ok_or(wrong("it names no origin"))?;
        let size = lines.next().unwrap_or_default();
        let canonical = size == "0" || !size.starts_with('0');
        if !canonical || !size.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong("its size is not a decimal number"));
        }
        let size = size
            .parse()
            .map_err(|_| wrong("its size is not a decimal number"))?;
        let root = STANDARD
            .decode(lines.next().unwrap_or_default())
            .ok()
            .and_then(|root| Hash::try_from(root).ok())
            .ok_or(wrong("its root is not the base64 of 32 bytes"))?;
        if lines.any(str::is_empty) {
            return Err(wrong("an extension line is empty"));
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }
}

#[cfg(test)]
mod tests {
    use tlog_tiles::Checkpoint as Theirs;

    use super::*;

    /// The example of C2SP tlog-checkpoint.
    const EXAMPLE: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_published_example_reads_back_as_itself() {
        let checkpoint = Checkpoint::parse(EXAMPLE).unwrap();
        assert_eq!(checkpoint.size, 20_852_163);
        assert_eq!(checkpoint.to_text(), EXAMPLE);
    }

    #[test]
    fn an_implementation_by_others_reads_ours() {
        let ours = Checkpoint::parse(EXAMPLE).unwrap();
        let theirs = Theirs::from_bytes(ours.to_text().as_bytes()).unwrap();
        assert_eq!(theirs.origin(), ours.origin);
        assert_eq!(theirs.size(), ours.size);
        assert_eq!(theirs.hash().0, ours.root);
    }

    #[test]
    fn what_is_not_quite_a_checkpoint_is_refused() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        for text in [
            "",
            "\n",
            "origin\n",
            "origin\n1\n",
            &format!("\n1\n{root}\n"),
            &format!("origin\n01\n{root}\n"),
            &format!("origin\n+1\n{root}\n"),
            &format!("origin\n\n{root}\n"),
            &format!("origin\n18446744073709551616\n{root}\n"),
            &format!("origin\n1\n{root}A\n"),
            &format!("origin\n1\n{root}\n\n"),
            &format!("origin\n1\n{root}"),
        ] {
            assert!(Checkpoint::parse(text).is_err(), "{text:?}");
        }
        assert!(Checkpoint::parse(&format!("origin\n1\n{root}\nextension\n")).is_ok());
    }

    #[test]
    fn a_checkpoint_for_another_log_by_the_same_key_is_refused() {
        let signer = Signer::generate("this").unwrap();
        let other = Checkpoint {
            origin: "other".to_owned(),
            size: 0,
            root: [0; 32],
        };
        assert!(matches!(
            Checkpoint::open(&other.sign(&signer).unwrap(), signer.verifier_key()),
            Err(CheckpointError::OtherOrigin { .. })
        ));
    }
}
