//! Cosignatures as C2SP tlog-cosignature describes them: a witness says that it has seen the log grow to
//! this checkpoint and has never seen it otherwise. Ed25519 (`cosignature/v1`, type `0x04`) and ML-DSA-44
//! (`subtree/v1`, type `0x06`). Only verified here: we are no witness.

use std::fmt;

use aws_lc_rs::signature::{ED25519, ML_DSA_44, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use thiserror::Error;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::key::{KeyError, KeyId};
use super::merkle::sha256;
use super::note::{self, NoteError, Parts};

/// Most lines that are taken from one witness's reply: its cosignature, and one of another kind.
const LINES_MAX: usize = 2;

/// The public key of a witness, by name.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: KeyId,
    kind: Kind,
    public: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ed25519,
    MlDsa44,
}

impl Kind {
    /// tlog-cosignature, "Format": the kind's byte in keys and key ids.
    fn of(byte: u8) -> Option<Self> {
        match byte {
            0x04 => Some(Self::Ed25519),
            0x06 => Some(Self::MlDsa44),
            _ => None,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    fn public_bytes(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::MlDsa44 => 1_312,
        }
    }
}

/// Why the reply of a witness is not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CosignatureError {
    /// The reply is not signature lines, or the note is none.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// No line is by the key that is known.
    #[error("no line of it is by the key `{0}`")]
    NotCosigned(String),
    /// A line by the key that is known does not verify.
    #[error("the cosignature by `{0}` is wrong")]
    Wrong(String),
}

/// What of a witness's reply is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Signature lines, without newlines: first the good one by the key that is known, then at most one by
    /// another key of the same name, which whoever knows that key can verify.
    pub lines: Vec<String>,
    /// When the witness says that it has signed.
    pub time: Timestamp,
}

impl WitnessKey {
    /// Reads the text form of a verifier key, `<name>+<id>+<base64>` of type `0x04` or `0x06`; white space
    /// around it is ignored.
    ///
    /// # Errors
    ///
    /// [`KeyError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        const WRONG: KeyError = KeyError::Malformed(
            "a witness's key reads `<name>+<id>+<base64>` and is of the type 0x04 (Ed25519 cosignatures) \
             or 0x06 (ML-DSA-44)",
        );
        let (name, rest) = text.trim().split_once('+').ok_or(WRONG)?;
        let (id, key) = rest.split_once('+').ok_or(WRONG)?;
        let key = STANDARD.decode(key).map_err(|_| WRONG)?;
        let (byte, public) = key.split_first().ok_or(WRONG)?;
        let kind = Kind::of(*byte).ok_or(WRONG)?;
        // One byte has the length of the name in what ML-DSA-44 signs.
        let named = (1..=255).contains(&name.len()) && !name.contains(char::is_whitespace);
        if !named || public.len() != kind.public_bytes() {
            return Err(WRONG);
        }
        // tlog-cosignature, "Format": SHA-256(name || 0x0A || type || key)[:4].
        let [one, two, three, four, ..] = sha256(&[name.as_bytes(), b"\n", &[kind.byte()], public]);
        let found = Self {
            name: name.to_owned(),
            id: [one, two, three, four],
            kind,
            public: public.to_owned(),
        };
        if found.id_text() != id {
            return Err(KeyError::Malformed(
                "the id of the witness's key does not fit its name and key",
            ));
        }
        Ok(found)
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id, eight hexadecimal digits.
    pub fn id_text(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.id))
    }

    /// The time of a good cosignature.
    fn verify(&self, text: &str, checkpoint: &Checkpoint, signature: &[u8]) -> Option<Timestamp> {
        let (seconds, signature) = signature.split_first_chunk::<8>()?;
        let seconds = u64::from_be_bytes(*seconds);
        let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
        let verified = match self.kind {
            Kind::Ed25519 => UnparsedPublicKey::new(&ED25519, &self.public).verify(
                format!("cosignature/v1\ntime {seconds}\n{text}").as_bytes(),
                signature,
            ),
            Kind::MlDsa44 => UnparsedPublicKey::new(&ML_DSA_44, &self.public)
                .verify(&subtree(&self.name, seconds, checkpoint)?, signature),
        };
        verified.is_ok().then_some(time)
    }
}

/// tlog-cosignature, "ML-DSA-44 signed message", over a whole tree.
fn subtree(name: &str, seconds: u64, checkpoint: &Checkpoint) -> Option<Vec<u8>> {
    let origin = checkpoint.origin.as_bytes();
    Some(
        [
            b"subtree/v1\n\0",
            &[u8::try_from(name.len()).ok()?][..],
            name.as_bytes(),
            &seconds.to_be_bytes(),
            &[u8::try_from(origin.len()).ok()?],
            origin,
            &0_u64.to_be_bytes(),
            &checkpoint.size.to_be_bytes(),
            &checkpoint.root,
        ]
        .concat(),
    )
}

/// The text form.
impl fmt::Display for WitnessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[self.kind.byte()], &self.public[..]].concat();
        write!(
            formatter,
            "{}+{}+{}",
            self.name,
            self.id_text(),
            STANDARD.encode(typed)
        )
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WitnessKey({}+{})", self.name, self.id_text())
    }
}

/// When the witness of `key` cosigned this checkpoint, by its own clock; `None` where it has not. Whether
/// the log has signed it is for [`super::Keys::read_checkpoint`] to say.
///
/// # Errors
///
/// [`CosignatureError`], where there is a line by this key that does not verify, or it is no checkpoint.
pub fn cosigned(note: &str, key: &WitnessKey) -> Result<Option<Timestamp>, CosignatureError> {
    let Parts { text, lines } = note::parts(note)?;
    let checkpoint = Checkpoint::parse(text)?;
    let mut latest = None;
    for line in lines.iter().filter(|line| line.is_by(&key.name, key.id)) {
        let time = key.verify(text, &checkpoint, &line.signature);
        let wrong = || CosignatureError::Wrong(key.name.clone());
        latest = latest.max(Some(time.ok_or_else(wrong)?));
    }
    Ok(latest)
}

/// What of `reply`, the answer to `note`, is taken from the witness of `key`: all lines by this key must be
/// good, and at least one must be there. A line under another name says nothing that this witness could
/// say, and is dropped.
///
/// # Errors
///
/// [`CosignatureError`].
pub fn take(note: &str, reply: &str, key: &WitnessKey) -> Result<Taken, CosignatureError> {
    let Parts { text, .. } = note::parts(note)?;
    let checkpoint = Checkpoint::parse(text)?;
    let (mut latest, mut others) = (None, Vec::new());
    for line in note::lines(reply)? {
        if line.is_by(&key.name, key.id) {
            let time = key.verify(text, &checkpoint, &line.signature);
            let time = time.ok_or_else(|| CosignatureError::Wrong(key.name.clone()))?;
            latest = latest.max(Some((time, line.whole.to_owned())));
        } else if line.name == key.name && line.name != checkpoint.origin {
            others.push(line.whole.to_owned());
        }
    }
    let (time, good) = latest.ok_or_else(|| CosignatureError::NotCosigned(key.to_string()))?;
    let lines = [good].into_iter().chain(others).take(LINES_MAX).collect();
    Ok(Taken { lines, time })
}

/// The note with these lines, each in place of what was there by the same name.
///
/// # Errors
///
/// [`NoteError::Malformed`].
pub fn add(note: &str, taken: &[Taken]) -> Result<String, NoteError> {
    let more: Vec<String> = taken.iter().flat_map(|taken| taken.lines.clone()).collect();
    let mut names = Vec::new();
    for line in &more {
        let line = format!("{line}\n");
        names.extend(note::lines(&line)?.iter().map(|line| line.name.to_owned()));
    }
    note::with_lines(
        note,
        |line| !names.iter().any(|name| name == line.name),
        &more,
    )
}

/// The note with nothing but the signatures under the name of its log.
///
/// # Errors
///
/// [`CosignatureError`], where it is no checkpoint.
pub fn without(note: &str) -> Result<String, CosignatureError> {
    let origin = Checkpoint::parse(note::parts(note)?.text)?.origin;
    Ok(note::with_lines(note, |line| line.name == origin, &[])?)
}

/// Names and key ids of whoever else has signed a checkpoint beside its log, unverified.
///
/// # Errors
///
/// [`CosignatureError`], where it is no checkpoint.
pub fn signers(note: &str) -> Result<Vec<(String, String)>, CosignatureError> {
    let Parts { text, lines } = note::parts(note)?;
    let origin = Checkpoint::parse(text)?.origin;
    let others = lines.iter().filter(|line| line.name != origin);
    let id = |id: KeyId| format!("{:08x}", u32::from_be_bytes(id));
    Ok(others
        .map(|line| (line.name.to_owned(), id(line.id)))
        .collect())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{KeyPair as _, ML_DSA_44_SIGNING, PqdsaKeyPair};

    use super::*;

    /// A checkpoint of a public log with the cosignature of a public witness, whose key this is.
    const PUBLIC: &str = "log2025-1.rekor.sigstore.dev\n139911860\n\
        EliTHtnx44DhEBH+5qIXBtQsSpc54Avam7mIYEvxnTA=\n\n\
        — log2025-1.rekor.sigstore.dev zxGZFcOra4Y7QpuiQen+CmnUvDZbxSXfBOXJzL+HKIeR9aC58QTfao58ABqkhVyBhQDseS+TZdDNpcnZhoRxkh7IbQ0=\n\
        — witness.stagemole.eu Z/euoAAAAABqxF18wrJCADsJ1G5Lc2JaRjZqqBwjpNqH24yQse4iJ4rKS6b5MtvHP+IbKYXwaWuWokdGA+BubLFi+TrwK7xpKr6XBw==\n";
    const WITNESS: &str =
        "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv";
    const OTHER: &str =
        "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";

    fn key() -> WitnessKey {
        WitnessKey::parse(WITNESS).unwrap()
    }

    fn ml_dsa() -> (PqdsaKeyPair, WitnessKey) {
        let pair = PqdsaKeyPair::generate(&ML_DSA_44_SIGNING).unwrap();
        let typed = [&[6], pair.public_key().as_ref()].concat();
        let id = signed_note::key_id("witness.example", &typed);
        let text = format!("witness.example+{id:08x}+{}", STANDARD.encode(typed));
        let key = WitnessKey::parse(&text).unwrap();
        assert_eq!(key.to_string(), text);
        (pair, key)
    }

    fn line(pair: &PqdsaKeyPair, key: &WitnessKey, note: &str) -> String {
        let checkpoint = Checkpoint::parse(note::parts(note).unwrap().text).unwrap();
        let message = subtree(&key.name, 7, &checkpoint).unwrap();
        let mut signature = vec![0; 2_420];
        pair.sign(&message, &mut signature).unwrap();
        let signed = [&key.id[..], &7_u64.to_be_bytes(), &signature].concat();
        format!("— {} {}\n", key.name, STANDARD.encode(signed))
    }

    #[test]
    fn a_public_witness_has_cosigned_a_public_log() {
        let time = cosigned(PUBLIC, &key()).unwrap().unwrap();
        assert_eq!(time.as_second(), 0x6ac4_5d7c);
        assert_eq!(key().to_string(), WITNESS);
        let other = WitnessKey::parse(OTHER).unwrap();
        assert_eq!(cosigned(PUBLIC, &other), Ok(None));
        let named = signers(PUBLIC).unwrap();
        assert_eq!(
            named,
            [("witness.stagemole.eu".to_owned(), "67f7aea0".to_owned())]
        );
    }

    #[test]
    fn no_byte_of_what_was_cosigned_can_be_changed() {
        let line = PUBLIC.find("— witness").unwrap();
        for position in (0..PUBLIC.find("— log").unwrap() - 1).chain(line..PUBLIC.len()) {
            let mut bytes = PUBLIC.as_bytes().to_vec();
            bytes[position] ^= 0x01;
            if let Ok(changed) = String::from_utf8(bytes) {
                let found = cosigned(&changed, &key());
                assert!(!matches!(found, Ok(Some(_))), "{position}: {changed}");
            }
        }
    }

    #[test]
    fn a_witness_with_a_key_for_a_time_after_quantum_computers_counts_as_well() {
        let (pair, key) = ml_dsa();
        let good = line(&pair, &key, PUBLIC);
        assert!(good.len() > 3_000);
        let taken = take(PUBLIC, &good, &key).unwrap();
        let both = add(PUBLIC, std::slice::from_ref(&taken)).unwrap();
        let time = Timestamp::from_second(7).unwrap();
        assert_eq!(cosigned(&both, &key), Ok(Some(time)));
        assert!(cosigned(&both, &self::key()).unwrap().is_some());
        assert_eq!(
            add(&both, &[taken]).unwrap().lines().count(),
            both.lines().count()
        );
        assert!(!without(&both).unwrap().contains("witness"));
        let other = PUBLIC.replace("139911860", "139911861");
        let wrong = CosignatureError::Wrong("witness.example".to_owned());
        assert_eq!(take(&other, &good, &key), Err(wrong));
    }

    #[test]
    fn of_a_reply_only_the_witnesss_own_lines_are_taken() {
        let (pair, key) = ml_dsa();
        let good = line(&pair, &key, PUBLIC);
        let junk = STANDARD.encode([1; 76]);
        let of = |name: &str| format!("— {name} {junk}\n");
        let log = of("log2025-1.rekor.sigstore.dev");
        let own = of("witness.example");
        let reply = format!("{log}{}{own}{own}{good}", of("somebody.example"));
        let taken = take(PUBLIC, &reply, &key).unwrap();
        assert_eq!(taken.lines, [good.trim_end(), own.trim_end()]);
        for reply in ["", "\n", "good\n", good.trim_end(), &format!("\n{good}")] {
            let refused = take(PUBLIC, reply, &key);
            assert!(
                matches!(refused, Err(CosignatureError::Note(_))),
                "{reply:?}"
            );
        }
        let missing = take(PUBLIC, &own, &key);
        assert!(matches!(missing, Err(CosignatureError::NotCosigned(_))));
        // One by the same key that is not good, beside one that is: its last byte is another.
        let (head, signed) = good.trim_end().rsplit_once(' ').unwrap();
        let mut signed = STANDARD.decode(signed).unwrap();
        *signed.last_mut().unwrap() ^= 1;
        let forged = format!("{head} {}\n", STANDARD.encode(signed));
        let wrong = CosignatureError::Wrong("witness.example".to_owned());
        assert_eq!(take(PUBLIC, &format!("{good}{forged}"), &key), Err(wrong));
    }

    #[test]
    fn what_is_no_key_of_a_witness_is_refused() {
        let (_, rest) = WITNESS.split_once('+').unwrap();
        for text in [
            "",
            "witness",
            "a+b",
            &format!("other.example+{rest}"),
            &WITNESS.replace("67f7aea0", "67F7AEA0"),
            &WITNESS.replace("+BEq", "+AUq"),
            &WITNESS.replace("Uqklv", "Uqk="),
            // The key of a log.
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(WitnessKey::parse(text).is_err(), "{text}");
        }
    }
}
