//! Proofs that one entry is in the log, as C2SP tlog-proof describes them: a text with the entry's
//! index, the inclusion proof and the signed checkpoint, which whoever has the entry and the log's key
//! checks without us.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::cosigned::{Cosigned, best_first};
use super::damage::{Damage, ReadError};
use super::keys::Keys;
use super::merkle::{
    Hash, inclusion_ranges, largest_power_below, leaf_hash, node_hash, verify_inclusion,
};
use super::pruning::{self, Minimum};
use super::publisher::published;
use super::reading::entries;
use super::reads;
use super::tiles::{self, CHECKPOINT, WIDTH};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Longest proof that is read: a checkpoint of the longest kind, and a path in the largest tree.
const PROOF_BYTES_MAX: usize = 128 * 1024;

/// Most hashes in an inclusion proof: the tree has less than 2^64 leaves.
const HASHES_MAX: usize = 64;

/// Most entries that may be published in no full tile yet when one of them is to be proven.
const TAIL_MAX: u64 = 4_000_000;

/// An entry with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The entry's canonical bytes.
    pub entry: Vec<u8>,
    /// The text of the proof, a file of the kind `.tlog-proof`.
    pub proof: String,
    /// Entries under its checkpoint.
    pub size: u64,
}

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum NotProven {
    /// No published checkpoint covers the entry.
    #[error("entry {index} is not published: the published checkpoint has {size} entries")]
    NotPublished {
        /// The entry asked for.
        index: u64,
        /// Entries under the published checkpoint.
        size: u64,
    },
    /// The entry was destroyed.
    #[error("entry {index} is not there any more: those before entry {} were destroyed; entry {} is the latest about a purge", minimum.index, minimum.purge.unwrap_or_default())]
    Pruned {
        /// The entry asked for.
        index: u64,
        /// From which entry on the log is there.
        minimum: Minimum,
    },
    /// The log is damaged, or cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProofError {
    /// Not of the form of C2SP tlog-proof.
    #[error("not a proof: {0}")]
    Malformed(&'static str),
    /// Its checkpoint is not accepted.
    #[error("the proof's checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The path does not lead from the entry to the root.
    #[error("the proof is not one of this entry in this log")]
    Wrong,
}

/// The entry `index` of the log in `directory`, with its proof: under the checkpoint that most witnesses have
/// cosigned, where one of those kept covers it and is signed by the last of `keys`, else under the published
/// one. What is given back has been verified, but for what witnesses have signed.
///
/// # Errors
///
/// [`NotProven`].
pub fn prove(directory: &Path, keys: &Keys, index: u64) -> Result<Proven, NotProven> {
    let cosigned = best_first(directory, keys)?.into_iter();
    let mut covering =
        cosigned.filter(|one| one.checkpoint.size > index && keys.last_has_signed(&one.note));
    let (signed, checkpoint) = match covering.next() {
        Some(Cosigned { note, checkpoint }) => (note, checkpoint),
        None => {
            published_now(directory, keys)?.ok_or(NotProven::NotPublished { index, size: 0 })?
        }
    };
    let size = checkpoint.size;
    let minimum = pruning::read(directory)?;
    if index < minimum.index {
        return Err(NotProven::Pruned { index, minimum });
    }
    let ranges = inclusion_ranges(index, size).ok_or(NotProven::NotPublished { index, size })?;
    let path = ranges
        .into_iter()
        .map(|range| tiles::range_hash(directory, range))
        .collect::<Result<Vec<_>, _>>()?;
    let missing = || ReadError::from(Damage::at(index, "its bundle is missing"));
    let (_, entry) = entries(directory, index).next().ok_or_else(missing)??;
    let proof = to_text(index, &path, &signed);
    check(&proof, &entry, keys)
        .map_err(|error| ReadError::from(Damage::at(index, error.to_string())))?;
    Ok(Proven { entry, proof, size })
}

/// The published checkpoint as it stands, and what it says.
fn published_now(directory: &Path, keys: &Keys) -> Result<Option<(String, Checkpoint)>, ReadError> {
    let somewhere = |what: String| ReadError::from(Damage::somewhere(what));
    let signed = reads::file(&directory.join(CHECKPOINT))?
        .map(String::from_utf8)
        .transpose()
        .map_err(|_| somewhere("the published checkpoint is not text".to_owned()))?;
    let Some(signed) = signed else {
        return Ok(None);
    };
    let checkpoint = keys
        .read_checkpoint(&signed)
        .map_err(|error| somewhere(format!("the published checkpoint: {error}")))?;
    Ok(Some((signed, checkpoint)))
}

/// Proves entries one by one under one checkpoint, which may be newer than the published one: what is not
/// in full tiles yet is read from the journal once, and kept as hashes.
#[derive(Debug)]
pub struct Prover {
    directory: PathBuf,
    keys: Keys,
    signed: String,
    last_has_signed: bool,
    checkpoint: Checkpoint,
    /// The first entry whose hash is in `tail`; those before are in full tiles.
    tail_begins: u64,
    tail: Vec<Hash>,
}

impl Prover {
    /// Under the checkpoint `signed` of the log in `directory`; what is under it must be durable. Reads the
    /// entries that are not in full tiles.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`], where the checkpoint is not one of `keys`, or not of the entries found.
    pub fn new(directory: &Path, keys: Keys, signed: &str) -> Result<Self, ReadError> {
        let wrong = |what: String| ReadError::from(Damage::somewhere(what));
        let checkpoint = keys
            .read_checkpoint(signed)
            .map_err(|error| wrong(format!("the checkpoint: {error}")))?;
        let published = published(directory, &keys)?.map_or(0, |published| published.size);
        let full = published.min(checkpoint.size);
        let tail_begins = full - full % WIDTH as u64;
        let rest = checkpoint.size - tail_begins;
        if rest > TAIL_MAX {
            return Err(wrong(format!(
                "the ledger is published up to entry {published} only, too far behind its end at {}",
                checkpoint.size
            )));
        }
        let mut tail = Vec::new();
        for item in entries(directory, tail_begins).take(usize::try_from(rest).unwrap_or(0)) {
            tail.push(leaf_hash(&item?.1));
        }
        let last_has_signed = keys.last_has_signed(signed);
        let signed = signed.to_owned();
        let directory = directory.to_owned();
        let prover = Self {
            directory,
            keys,
            signed,
            last_has_signed,
            checkpoint,
            tail_begins,
            tail,
        };
        let size = prover.checkpoint.size;
        if size > 0 && prover.hash(0..size)? != prover.checkpoint.root {
            return Err(wrong(
                "the entries are not those of the checkpoint".to_owned(),
            ));
        }
        Ok(prover)
    }

    /// Likewise, one for each checkpoint that witnesses have cosigned: those that most have signed first, and
    /// of these the newest.
    ///
    /// # Errors
    ///
    /// As of [`Self::new`].
    pub fn cosigned(directory: &Path, keys: &Keys) -> Result<Vec<Self>, ReadError> {
        let found = best_first(directory, keys)?.into_iter();
        found
            .map(|one| Self::new(directory, keys.clone(), &one.note))
            .collect()
    }

    /// Entries under the checkpoint.
    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The checkpoint, as it is signed.
    pub fn signed(&self) -> &str {
        &self.signed
    }

    /// Whether whoever trusts the last key alone believes what is proven.
    pub fn is_signed_by_the_last_key(&self) -> bool {
        self.last_has_signed
    }

    /// The keys it is held against.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The text of the proof that `entry` has this `index` in the log; it was checked.
    ///
    /// # Errors
    ///
    /// [`NotProven`], also where the entry is not the one that was recorded there.
    pub fn prove(&self, index: u64, entry: &[u8]) -> Result<String, NotProven> {
        let size = self.checkpoint.size;
        let ranges =
            inclusion_ranges(index, size).ok_or(NotProven::NotPublished { index, size })?;
        let path = ranges
            .into_iter()
            .map(|range| self.hash(range))
            .collect::<Result<Vec<_>, _>>()?;
        if !verify_inclusion(&leaf_hash(entry), index, size, &path, &self.checkpoint.root) {
            let what = "it is not what was recorded here";
            return Err(ReadError::from(Damage::at(index, what)).into());
        }
        Ok(to_text(index, &path, &self.signed))
    }

    /// The root over a range of leaves that is a node of the tree.
    fn hash(&self, range: Range<u64>) -> Result<Hash, ReadError> {
        if range.end <= self.tail_begins {
            return tiles::range_hash(&self.directory, range);
        }
        let length = range.end - range.start;
        if length == 1 {
            let place = usize::try_from(range.start - self.tail_begins).unwrap_or(usize::MAX);
            let missing = || Damage::at(range.start, "missing: a signed checkpoint covers it");
            return Ok(*self.tail.get(place).ok_or_else(missing)?);
        }
        let middle = range.start + largest_power_below(length);
        let (left, right) = (
            self.hash(range.start..middle)?,
            self.hash(middle..range.end)?,
        );
        Ok(node_hash(&left, &right))
    }
}

fn to_text(index: u64, path: &[Hash], checkpoint: &str) -> String {
    let mut text = format!("{HEADER}\nindex {index}\n");
    for hash in path {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", STANDARD.encode(hash));
    }
    text + "\n" + checkpoint
}

/// The signed checkpoint that a proof is under; empty where it has none.
pub fn checkpoint_of(proof: &str) -> &str {
    proof.split_once("\n\n").map_or("", |(_, note)| note)
}

/// Whether `proof` shows that `entry` is in the log of `keys`; its index, and the checkpoint it is under.
///
/// # Errors
///
/// [`ProofError`].
pub fn check(proof: &str, entry: &[u8], keys: &Keys) -> Result<(u64, Checkpoint), ProofError> {
    let wrong = ProofError::Malformed;
    if proof.len() > PROOF_BYTES_MAX {
        return Err(wrong("it is too long"));
    }
    let (head, checkpoint) = proof
        .split_once("\n\n")
        .ok_or(wrong("it has no checkpoint"))?;
    let mut lines = head.split('\n').peekable();
    if lines.next() != Some(HEADER) {
        return Err(wrong("its first line names another format"));
    }
    // Nobody has signed it, so nothing is made of it.
    lines.next_if(|line| line.starts_with("extra "));
    let index = lines
        .next()
        .and_then(|line| line.strip_prefix("index "))
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
        .filter(|digits| *digits == "0" || !digits.starts_with('0'))
        .and_then(|digits| digits.parse::<u64>().ok())
        .ok_or(wrong("its index is not a decimal number"))?;
    let path = lines
        .map(|line| Hash::try_from(STANDARD.decode(line).ok()?).ok())
        .collect::<Option<Vec<_>>>()
        .filter(|path| path.len() <= HASHES_MAX)
        .ok_or(wrong("its path is not hashes in base64"))?;
    let checkpoint = keys.read_checkpoint(checkpoint)?;
    let (leaf, size) = (leaf_hash(entry), checkpoint.size);
    if verify_inclusion(&leaf, index, size, &path, &checkpoint.root) {
        Ok((index, checkpoint))
    } else {
        Err(ProofError::Wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Place, entry};
    use super::*;

    async fn published(count: usize) -> Place {
        let place = Place::new();
        let (ledger, _) = place.open();
        for number in 0..count {
            ledger.note(entry(&number.to_string()));
            if number % 1_000 == 999 {
                ledger.append(entry("waited for")).await.unwrap();
            }
        }
        ledger.close().await;
        place
    }

    #[tokio::test]
    async fn every_entry_has_a_proof_that_others_accept() {
        for count in [1, 2, 3, 255, 256, 257, 700] {
            let place = published(count).await;
            for index in (0..count as u64).step_by(1 + count / 40) {
                let proven = prove(&place.path(), &place.keys(), index).unwrap();
                let (found, checkpoint) =
                    check(&proven.proof, &proven.entry, &place.keys()).unwrap();
                assert_eq!((found, checkpoint.size), (index, count as u64));
                let (head, _) = proven.proof.split_once("\n\n").unwrap();
                let path = head.lines().skip(2).map(|line| {
                    let hash = STANDARD.decode(line).unwrap();
                    tlog_tiles::Hash(hash.try_into().unwrap())
                });
                tlog_tiles::check_record(
                    &path.collect::<Vec<_>>(),
                    checkpoint.size,
                    tlog_tiles::Hash(checkpoint.root),
                    index,
                    tlog_tiles::record_hash(&proven.entry),
                )
                .unwrap();
            }
            let beyond = prove(&place.path(), &place.keys(), count as u64);
            assert!(matches!(beyond, Err(NotProven::NotPublished { .. })));
        }
    }

    #[tokio::test]
    async fn what_is_not_published_yet_is_proven_under_the_latest_checkpoint() {
        for (before, after) in [(0, 1), (0, 300), (5, 3), (255, 2), (700, 300)] {
            let place = published(before).await;
            let (ledger, _) = place.open();
            for number in 0..after {
                ledger
                    .append(entry(&format!("later {number}")))
                    .await
                    .unwrap();
            }
            let signed = ledger.checkpoint();
            let prover = Prover::new(&place.path(), place.keys(), &signed).unwrap();
            let size = (before + after) as u64;
            assert_eq!(prover.size(), size);
            for item in entries(&place.path(), 0) {
                let (index, bytes) = item.unwrap();
                let proof = prover.prove(index, &bytes).unwrap();
                let (found, checkpoint) = check(&proof, &bytes, &place.keys()).unwrap();
                assert_eq!((found, checkpoint.size), (index, size));
                assert!(prover.prove((index + 1) % size, &bytes).is_err() || size == 1);
                assert!(prover.prove(index, b"{}").is_err());
            }
            ledger.close().await;
        }
    }

    #[tokio::test]
    async fn no_changed_proof_and_no_other_entry_is_accepted() {
        let place = published(9).await;
        let Proven { entry, proof, .. } = prove(&place.path(), &place.keys(), 5).unwrap();
        for position in 0..proof.len() {
            let mut changed = proof.clone().into_bytes();
            changed[position] ^= 0x01;
            if let Ok(changed) = String::from_utf8(changed) {
                let checked = check(&changed, &entry, &place.keys());
                assert!(checked.is_err(), "{position}: {changed}");
            }
        }
        let other = prove(&place.path(), &place.keys(), 6).unwrap().entry;
        assert_eq!(check(&proof, &other, &place.keys()), Err(ProofError::Wrong));
        let extra = proof.replacen('\n', "\nextra YWJj\n", 1);
        assert!(check(&extra, &entry, &place.keys()).is_ok());
        assert!(
            check(
                &extra.replacen("extra ", "Extra ", 1),
                &entry,
                &place.keys()
            )
            .is_err()
        );
    }
}
