//! One witness asked to cosign one checkpoint: C2SP tlog-witness, "add-checkpoint".

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use thiserror::Error;
use tokio::task::spawn_blocking;

use crate::identity::fetch::{FetchFailed, FetchUrl, Reply};
use crate::ledger::cosignature::{self, CosignatureError, Taken};
use crate::ledger::{Ledger, ReadError, WitnessKey};

/// How often a witness is asked in one round: it may say once where it stands, and another gateway's process
/// may have been there in between.
const ASKED_MAX: usize = 3;

/// The media type of a witness's word on how far it is.
const SIZE_TYPE: &str = "text/x.tlog.size";

/// Why a witness has not cosigned.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    #[error("{0}")]
    Unreachable(#[from] FetchFailed),
    #[error("our own log cannot be read for a proof: {0}")]
    Unread(#[from] ReadError),
    #[error("it does not know this log (404); ask whoever runs it to take it up")]
    UnknownLog,
    #[error("it does not trust the key of this log (403); give it the verifier key")]
    UntrustedKey,
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("its answer is not of the protocol: {0}")]
    Malformed(String),
    #[error(
        "it has cosigned a log of {theirs} entries under this name and key, and this one has published \
         {ours}: entries are missing here, or somebody else signs with this key"
    )]
    Ahead { theirs: u64, ours: u64 },
    #[error(
        "it has cosigned other entries under this name and key than the first {size} of this log: it was \
         rewritten, or somebody else signs with this key"
    )]
    Forked { size: u64 },
    #[error("what it signed is not right: {0}")]
    WrongCosignature(CosignatureError),
}

impl Trouble {
    /// One word for metrics, of a closed list.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Unread(_) => "unread",
            Self::UnknownLog => "unknown-log",
            Self::UntrustedKey => "untrusted-key",
            Self::Status(_) => "status",
            Self::Malformed(_) => "malformed",
            Self::Ahead { .. } => "ahead",
            Self::Forked { .. } => "forked",
            Self::WrongCosignature(_) => "wrong-cosignature",
        }
    }

    /// Whether somebody may have changed the record, or speaks in the witness's place.
    pub(super) fn is_alarm(&self) -> bool {
        matches!(
            self,
            Self::Ahead { .. } | Self::Forked { .. } | Self::WrongCosignature(_)
        )
    }
}

/// Asks for a cosignature on `note`, the published checkpoint of `size` entries; `known` is how many the
/// witness has cosigned, as far as is known here.
///
/// # Errors
///
/// [`Trouble`].
pub(super) async fn ask(
    ledger: &Ledger,
    url: &FetchUrl,
    key: &WitnessKey,
    note: &str,
    size: u64,
    known: u64,
) -> Result<Taken, Trouble> {
    let mut old = known;
    for _ in 0..ASKED_MAX {
        if old > size {
            let (theirs, ours) = (old, size);
            return Err(Trouble::Ahead { theirs, ours });
        }
        let body = request(ledger, old, size, note).await?;
        let reply = url.post_below("add-checkpoint", body).await?;
        match reply.status {
            StatusCode::OK => return cosignature(note, &reply, key),
            StatusCode::NOT_FOUND => return Err(Trouble::UnknownLog),
            StatusCode::FORBIDDEN => return Err(Trouble::UntrustedKey),
            StatusCode::UNPROCESSABLE_ENTITY => return Err(Trouble::Forked { size: old }),
            StatusCode::CONFLICT => match stated_size(&reply) {
                // Of the same size it has another root.
                Some(theirs) if theirs == old && old == size => {
                    return Err(Trouble::Forked { size });
                }
                None if old == size => return Err(Trouble::Forked { size }),
                Some(theirs) if theirs != old => old = theirs,
                _ => return Err(malformed("a 409 must say another size than was named")),
            },
            other => return Err(Trouble::Status(other)),
        }
    }
    Err(malformed("it changes its mind on how far it is"))
}

fn malformed(what: &str) -> Trouble {
    Trouble::Malformed(what.to_owned())
}

async fn request(ledger: &Ledger, old: u64, size: u64, note: &str) -> Result<String, Trouble> {
    let ledger = ledger.clone();
    let proof = spawn_blocking(move || ledger.consistency(old, size)).await;
    let proof = proof.map_err(|_| malformed("the proof could not be made"))??;
    let mut body = format!("old {old}\n");
    for hash in proof {
        // Writing to a string does not fail.
        let _ = writeln!(body, "{}", STANDARD.encode(hash));
    }
    Ok(body + "\n" + note)
}

fn cosignature(note: &str, reply: &Reply, key: &WitnessKey) -> Result<Taken, Trouble> {
    let text = std::str::from_utf8(&reply.body);
    let text = text.map_err(|_| malformed("it is not text"))?;
    cosignature::take(note, text, key).map_err(|error| match error {
        CosignatureError::Wrong(_) | CosignatureError::NotCosigned(_) => {
            Trouble::WrongCosignature(error)
        }
        error => Trouble::Malformed(error.to_string()),
    })
}

/// How many entries the witness says that it has cosigned.
fn stated_size(reply: &Reply) -> Option<u64> {
    if reply.content_type.as_deref() != Some(SIZE_TYPE) {
        return None;
    }
    let text = std::str::from_utf8(&reply.body).ok()?;
    let digits = text.strip_suffix('\n')?;
    let canonical = digits == "0" || !digits.starts_with('0');
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    (canonical && plain).then(|| digits.parse().ok())?
}
