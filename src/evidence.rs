//! Evidence packages: entries of the ledger with their proofs, and what is needed to understand and to
//! verify them without the ledger, without configuration, and without this program.
//!
//! `SHA256SUMS` lists every other file with its digest. Its own digest stands in an entry of the ledger,
//! the seal, which is in the package with its proof: so the log's signature is on all of it, and the
//! ledger knows which packages were made. Not here: what belongs into one (`administration`).

pub mod archive;
mod keys;
mod readme;

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

pub use keys::put_keys;
pub use readme::readme;

use crate::entry::{Entry, Event};
use crate::ledger::{Keys, VerifierKey, proof};
use crate::mistakes::Mistakes;
use crate::source::Folder;
use crate::terms::hexadecimal;
use archive::{Members, NotAnArchive};
use keys::KEYS;

/// The list of files.
pub const SUMS: &str = "SHA256SUMS";
/// The entry that seals the list.
pub const SEAL: &str = "seal/entry.json";
/// Its proof.
pub const SEAL_PROOF: &str = "seal/entry.tlog-proof";
/// All entries in one file, one a line.
pub const ENTRIES: &str = "entries.jsonl";
/// The act that the seal is an entry about.
pub const SEALED: &str = "ledger.evidence.sealed";
/// Folders with entries, each beside its proof.
const PROVEN_FOLDERS: [&str; 2] = ["entries/", "approvals/"];
/// Folder with further proofs of them.
const COSIGNED: &str = "cosigned/";
/// Folder with policy sets; the name of each folder in it begins with the digest of its files.
const POLICIES: &str = "policies/";

/// What is wrong with a package.
#[derive(Debug, Error)]
pub enum NotEvidence {
    /// With the file itself.
    #[error(transparent)]
    Archive(#[from] NotAnArchive),
    /// A file that is missing, or not the one that was sealed.
    #[error("`{file}`: {what}")]
    File {
        /// Its name in the package.
        file: String,
        /// What is wrong with it.
        what: String,
    },
}

/// A package that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Entries in it.
    pub entries: usize,
    /// Entries about the publication of the policies in it.
    pub approvals: usize,
    /// Policy sets in it, by digest.
    pub policies: Vec<String>,
    /// Index of its seal in the log.
    pub seal: u64,
    /// The log's name.
    pub origin: String,
    /// The signed checkpoints that these entries are proven under, and how many under each; of an entry that
    /// is proven under two, that which most witnesses have signed. What they have signed is not looked at.
    pub checkpoints: BTreeMap<String, usize>,
    /// Keys that were not among the trusted ones: each follows the one before, which has signed that it does.
    pub followed: Vec<VerifierKey>,
}

fn wrong(file: &str, what: impl ToString) -> NotEvidence {
    NotEvidence::File {
        file: file.to_owned(),
        what: what.to_string(),
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256_text(bytes: &[u8]) -> String {
    hexadecimal(digest(&SHA256, bytes).as_ref())
}

/// The list of all members, as `sha256sum --check` reads it.
pub fn sums(members: &Members) -> String {
    let line = |(name, bytes): (&String, &Vec<u8>)| format!("{}  {name}\n", sha256_text(bytes));
    members.iter().map(line).collect()
}

/// Under which name an entry stands in a folder, and its proof beside it.
pub fn entry_names(folder: &str, index: u64) -> (String, String) {
    let name = format!("{folder}/{index}");
    (format!("{name}.json"), format!("{name}.tlog-proof"))
}

/// Under which name the proof of an entry stands that has more witnesses, and an earlier key, than the one
/// beside it.
pub fn cosigned_name(index: u64) -> String {
    format!("{COSIGNED}{index}.tlog-proof")
}

/// In which folder the files of a policy set stand.
pub fn policy_folder(digest: &str) -> String {
    format!("{POLICIES}{digest}")
}

/// A verifier key as OpenSSL reads it (RFC 8410).
pub fn pem(key: &VerifierKey) -> String {
    let prefix = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    let encoded = STANDARD.encode([&prefix[..], &key.public_bytes()[..]].concat());
    format!("-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n")
}

/// A text in a package.
fn text<'a>(members: &'a Members, name: &str) -> Result<&'a str, NotEvidence> {
    let bytes = members.get(name).ok_or_else(|| wrong(name, "missing"))?;
    std::str::from_utf8(bytes).map_err(|error| wrong(name, error))
}

/// Verifies a package, against `trusted` keys of the log where somebody has them from elsewhere and those that
/// they handed over to, and otherwise against those in it.
///
/// # Errors
/// [`NotEvidence`], with the first file that is not as it was sealed.
pub fn verify(package: &[u8], trusted: Option<&Keys>) -> Result<Verified, NotEvidence> {
    let members = archive::read(package)?;
    let listed = text(&members, SUMS)?;
    let mut others = members.clone();
    others.retain(|name, _| ![SUMS, SEAL, SEAL_PROOF].contains(&name.as_str()));
    let found = sums(&others);
    if found != listed {
        let mut lines = found.lines().zip(listed.lines());
        let differs = lines.find(|(one, other)| one != other);
        let name = differs.and_then(|(_, line)| Some(line.split_once("  ")?.1));
        let file = name.unwrap_or(SUMS);
        return Err(wrong(
            file,
            "the list of files has another digest, or no such file",
        ));
    }
    let in_package = keys::keys_in(&members)?;
    let trusted = trusted.unwrap_or(&in_package);
    if trusted.name() != in_package.name() {
        return Err(wrong(KEYS, "they are keys of another log"));
    }
    let keys = &keys::followed(trusted, &members);
    let (entry, proof) = (text(&members, SEAL)?, text(&members, SEAL_PROOF)?);
    let (seal, origin) = sealed(entry, proof, listed, keys)?;
    let mut counts = [0, 0];
    let mut checkpoints = BTreeMap::new();
    let mut lines = Vec::new();
    for (count, folder) in counts.iter_mut().zip(PROVEN_FOLDERS) {
        for (index, name) in proven_in(&members, folder)? {
            let bytes = members.get(&name).map_or(&[][..], Vec::as_slice);
            let proof_name = format!("{folder}{index}.tlog-proof");
            let mut checkpoint = proven(&members, &proof_name, (index, bytes), keys)?;
            // Only whoever trusts a witness makes anything of this one, and a witness has looked at the key
            // itself; so those in the package do.
            let cosigned = cosigned_name(index);
            if members.contains_key(&cosigned) {
                checkpoint = proven(&members, &cosigned, (index, bytes), &in_package)?;
            }
            *checkpoints.entry(checkpoint).or_default() += 1;
            Entry::parse(bytes).map_err(|error| wrong(&name, error))?;
            if folder == PROVEN_FOLDERS[0] {
                lines.extend_from_slice(bytes);
                lines.push(b'\n');
            }
            *count += 1;
        }
    }
    if lines != text(&members, ENTRIES)?.as_bytes() {
        return Err(wrong(ENTRIES, "it has other entries than the folder"));
    }
    let [entries, approvals] = counts;
    Ok(Verified {
        entries,
        approvals,
        policies: policies(&members)?,
        seal,
        origin,
        checkpoints,
        followed: keys
            .all()
            .filter(|key| !trusted.contains(key))
            .cloned()
            .collect(),
    })
}

/// The checkpoint that an entry with this index is proven under by a proof in a package.
fn proven(
    members: &Members,
    name: &str,
    (index, entry): (u64, &[u8]),
    keys: &Keys,
) -> Result<String, NotEvidence> {
    let proof = text(members, name)?;
    let (place, _) = proof::check(proof, entry, keys).map_err(|error| wrong(name, error))?;
    if place != index {
        return Err(wrong(name, format!("it is about entry {place}")));
    }
    Ok(proof::checkpoint_of(proof).to_owned())
}

/// The seal's place in the log, and the log, if it is the seal of this list.
fn sealed(entry: &str, proof: &str, sums: &str, keys: &Keys) -> Result<(u64, String), NotEvidence> {
    let (index, checkpoint) =
        proof::check(proof, entry.as_bytes(), keys).map_err(|error| wrong(SEAL_PROOF, error))?;
    let parsed = Entry::parse(entry.as_bytes()).map_err(|error| wrong(SEAL, error))?;
    let expected = format!("sha256:{}", sha256_text(sums.as_bytes()));
    match parsed.event {
        Event::Act(act)
            if act.action == SEALED
                && act
                    .object
                    .as_deref()
                    .unwrap_or_default()
                    .split(' ')
                    .any(|word| word == expected) =>
        {
            Ok((index, checkpoint.origin))
        }
        _ => Err(wrong(SEAL, "it is not the seal of this package")),
    }
}

/// The entries in a folder, by index.
fn proven_in(members: &Members, folder: &str) -> Result<Vec<(u64, String)>, NotEvidence> {
    let mut found = Vec::new();
    for name in members.keys().filter(|name| name.starts_with(folder)) {
        let rest = name.strip_prefix(folder).unwrap_or_default();
        if rest.ends_with(".tlog-proof") {
            continue;
        }
        let index = rest
            .strip_suffix(".json")
            .and_then(|index| index.parse().ok());
        let index: u64 = index.ok_or_else(|| wrong(name, "it is not named after an entry"))?;
        found.push((index, name.clone()));
    }
    found.sort_unstable();
    Ok(found)
}

/// The policy sets, if the files of each have the digest that its folder is named by.
fn policies(members: &Members) -> Result<Vec<String>, NotEvidence> {
    let mut sets: std::collections::BTreeMap<String, Vec<(String, String)>> = Default::default();
    for (name, bytes) in members {
        let Some((set, file)) = name
            .strip_prefix(POLICIES)
            .and_then(|rest| rest.split_once('/'))
        else {
            continue;
        };
        let text = std::str::from_utf8(bytes).map_err(|error| wrong(name, error))?;
        let files = sets.entry(set.to_owned()).or_default();
        files.push((file.to_owned(), text.to_owned()));
    }
    let mut digests = Vec::new();
    for (set, files) in sets {
        let mut mistakes = Mistakes::new();
        let folder = Folder::of(&set, files, &mut mistakes);
        if !mistakes.is_empty() || hexadecimal(&folder.digest()) != set {
            let folder = policy_folder(&set);
            return Err(wrong(
                &folder,
                "its files have another digest than its name says",
            ));
        }
        digests.push(set);
    }
    Ok(digests)
}

#[cfg(test)]
mod tests;
