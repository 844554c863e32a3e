//! Signed notes as C2SP signed-note describes them: a text, an empty line, one line for each
//! signature. Signatures by keys that are not asked for are passed over, so that witnesses may add
//! theirs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::key::{KeyId, Signer, VerifierKey};

/// Longest note that is read, in bytes.
const NOTE_BYTES_MAX: usize = 65_536;

/// Most signatures a note may have.
const SIGNATURES_MAX: usize = 100;

/// The dash is U+2014.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why a note is not accepted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NoteError {
    /// Not of the form of a signed note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// The key that was asked for has not signed.
    #[error(
        "the note is not signed by the key of `{0}` that was named; if that log's key was changed since, name its newest"
    )]
    NotSigned(String),
    /// The signature by the key that was asked for is wrong.
    #[error("the signature by `{0}` is wrong: text or signature was changed")]
    WrongSignature(String),
    /// The library refused to sign.
    #[error("the note could not be signed")]
    CannotSign,
}

/// Signs `text`, which must end with a newline, with each of `signers`, and gives the whole note.
///
/// # Errors
///
/// [`NoteError::Malformed`] for a text no note may have, [`NoteError::CannotSign`].
pub(super) fn sign(text: &str, signers: &[&Signer]) -> Result<String, NoteError> {
    check_text(text)?;
    let mut note = format!("{text}\n");
    for signer in signers {
        let signature = signer.sign(text.as_bytes()).ok_or(NoteError::CannotSign)?;
        let key = signer.verifier_key();
        let identified = [&key.id()[..], &signature].concat();
        let encoded = STANDARD.encode(identified);
        note.push_str(&format!("{SIGNATURE_PREFIX}{} {encoded}\n", key.name()));
    }
    Ok(note)
}

/// The text of `note`, after its signature by `key` was found good.
///
/// # Errors
///
/// All of [`NoteError`] but [`NoteError::CannotSign`].
pub(super) fn open<'a>(note: &'a str, key: &VerifierKey) -> Result<&'a str, NoteError> {
    let Parts { text, lines } = parts(note)?;
    let mut signed = false;
    for line in lines {
        if !line.is_by(key.name(), key.id()) {
            continue;
        }
        if !key.verify(text.as_bytes(), &line.signature) {
            return Err(NoteError::WrongSignature(line.name.to_owned()));
        }
        signed = true;
    }
    if signed {
        Ok(text)
    } else {
        Err(NoteError::NotSigned(key.name().to_owned()))
    }
}

/// A note taken apart; nothing of it is verified.
pub(super) struct Parts<'a> {
    /// What is signed, with its last newline.
    pub(super) text: &'a str,
    pub(super) lines: Vec<Line<'a>>,
}

/// One signature line.
pub(super) struct Line<'a> {
    /// As it stands, without its newline.
    pub(super) whole: &'a str,
    pub(super) name: &'a str,
    pub(super) id: KeyId,
    pub(super) signature: Vec<u8>,
}

impl Line<'_> {
    /// Whether it says that it is by this key.
    pub(super) fn is_by(&self, name: &str, id: KeyId) -> bool {
        self.name == name && self.id == id
    }
}

/// Takes a note apart.
///
/// # Errors
///
/// [`NoteError::Malformed`].
pub(super) fn parts(note: &str) -> Result<Parts<'_>, NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Malformed("it is too long"));
    }
    let end = note
        .rfind("\n\n")
        .ok_or(NoteError::Malformed("no empty line before the signatures"))?;
    let (text, signatures) = note.split_at(end + 1);
    check_text(text)?;
    let signatures = signatures.strip_prefix('\n').unwrap_or(signatures);
    let lines = lines(signatures)?;
    Ok(Parts { text, lines })
}

/// Signature lines, each ended by a newline; at least one.
///
/// # Errors
///
/// [`NoteError::Malformed`].
pub(super) fn lines(signatures: &str) -> Result<Vec<Line<'_>>, NoteError> {
    let signatures = signatures
        .strip_suffix('\n')
        .ok_or(NoteError::Malformed("it does not end with a newline"))?;
    let mut found = Vec::new();
    for whole in signatures.split('\n') {
        if found.len() >= SIGNATURES_MAX {
            return Err(NoteError::Malformed("it has too many signatures"));
        }
        let (name, id, signature) =
            signature_parts(whole).ok_or(NoteError::Malformed("a signature line is not one"))?;
        found.push(Line {
            whole,
            name,
            id,
            signature,
        });
    }
    Ok(found)
}

/// The note with only the signature lines that `kept` says yes to, and with `more` behind them.
///
/// # Errors
///
/// [`NoteError::Malformed`], also where it would be too long.
pub(super) fn with_lines(
    note: &str,
    kept: impl Fn(&Line<'_>) -> bool,
    more: &[String],
) -> Result<String, NoteError> {
    let Parts { text, lines } = parts(note)?;
    let kept = lines
        .iter()
        .filter(|line| kept(line))
        .map(|line| line.whole);
    let mut changed = format!("{text}\n");
    for line in kept.chain(more.iter().map(String::as_str)) {
        changed.push_str(line);
        changed.push('\n');
    }
    parts(&changed)?;
    Ok(changed)
}

fn signature_parts(line: &str) -> Option<(&str, KeyId, Vec<u8>)> {
    let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    let identified = STANDARD.decode(encoded).ok()?;
    let (id, signature) = identified.split_first_chunk()?;
    let nameless = name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+');
    (!nameless && !signature.is_empty()).then(|| (name, *id, signature.to_vec()))
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("its text does not end with a newline"));
    }
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Malformed("its text has control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};

    use super::*;

    /// The example of C2SP signed-note and of Go's `sumdb/note`.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PETER_SECRET: &str =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n\n\
                        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_example_is_reproduced_and_opened() {
        assert_eq!(
            sign(TEXT, &[&Signer::parse(PETER_SECRET).unwrap()]).unwrap(),
            NOTE
        );
        assert_eq!(
            open(NOTE, &VerifierKey::parse(PETER).unwrap()).unwrap(),
            TEXT
        );
    }

    #[test]
    fn no_byte_of_a_note_can_be_changed() {
        let key = VerifierKey::parse(PETER).unwrap();
        for position in 0..NOTE.len() {
            for flip in [0x01, 0x20, 0x40] {
                let mut bytes = NOTE.as_bytes().to_vec();
                bytes[position] ^= flip;
                if let Ok(changed) = String::from_utf8(bytes) {
                    assert!(open(&changed, &key).is_err(), "{position}: {changed}");
                }
            }
        }
    }

    #[test]
    fn a_signature_by_another_key_is_passed_over_but_not_enough() {
        let witness = Signer::generate("witness.example").unwrap();
        let cosigned = sign(TEXT, &[&witness]).unwrap();
        let line = cosigned.rsplit_once("\n\n").unwrap().1;
        let both = format!("{NOTE}{line}");
        assert_eq!(
            open(&both, &VerifierKey::parse(PETER).unwrap()).unwrap(),
            TEXT
        );
        assert_eq!(open(&both, witness.verifier_key()).unwrap(), TEXT);
        assert_eq!(
            open(NOTE, witness.verifier_key()),
            Err(NoteError::NotSigned("witness.example".to_owned()))
        );
    }

    #[test]
    fn notes_are_exchanged_with_an_implementation_by_others() {
        let signer = Signer::parse(PETER_SECRET).unwrap();
        let ours = sign("one\n\ntwo\n", &[&signer]).unwrap();
        let verifier = StandardVerifier::new(PETER).unwrap();
        let known = VerifierList::new(vec![Box::new(verifier)]);
        let read = Note::from_bytes(ours.as_bytes()).unwrap();
        assert_eq!(read.verify(&known).unwrap().0.len(), 1);
        let mut theirs = Note::new(b"one\n\ntwo\n", &[]).unwrap();
        theirs
            .add_sigs(&[&StandardSigner::new(PETER_SECRET).unwrap()])
            .unwrap();
        assert_eq!(String::from_utf8(theirs.to_bytes()).unwrap(), ours);
    }
}
