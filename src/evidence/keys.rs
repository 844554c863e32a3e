//! The keys in a package, and how each came after the one before it, so that whoever has been given only one of
//! them can follow to those after it.

use super::archive::Members;
use super::{NotEvidence, pem, text, wrong};
use crate::ledger::Keys;
use crate::ledger::rotation::{Rotation, follow};

/// The ledger's verifier keys.
pub(super) const KEYS: &str = "keys/verifier.key";
/// The newest of them, as other programs read it.
pub(super) const KEY_PEM: &str = "keys/verifier.pem";

/// Most changes of a key that are looked for: a log has had at most 64 keys.
const ROTATIONS_MAX: usize = 64;

/// Names of the entry about a change and of its proof.
fn rotation_names(number: usize) -> (String, String) {
    let name = format!("keys/rotation-{number}");
    (format!("{name}.json"), format!("{name}.tlog-proof"))
}

/// Puts `keys` into a package, and the changes between them.
pub fn put_keys(members: &mut Members, keys: &Keys, rotations: &[Rotation]) {
    members.insert(KEYS.to_owned(), keys.to_text().into());
    members.insert(KEY_PEM.to_owned(), pem(keys.last()).into());
    for rotation in rotations {
        let (name, proof_name) = rotation_names(rotation.number);
        members.insert(name, rotation.entry.clone());
        members.insert(proof_name, rotation.proof.clone().into());
    }
}

/// The keys in a package, if the last is the same in both forms.
pub(super) fn keys_in(members: &Members) -> Result<Keys, NotEvidence> {
    let keys = Keys::parse(text(members, KEYS)?).map_err(|error| wrong(KEYS, error))?;
    if text(members, KEY_PEM)? != pem(keys.last()) {
        let what = "it is another key than the last verifier key";
        return Err(wrong(KEY_PEM, what));
    }
    Ok(keys)
}

/// The `trusted` keys, and those after the last of them, as far as each has signed that the next one follows.
pub(super) fn followed(trusted: &Keys, members: &Members) -> Keys {
    let mut keys = trusted.clone();
    for number in 1..ROTATIONS_MAX {
        let (name, proof_name) = rotation_names(number);
        let proof = text(members, &proof_name).ok();
        let after = members
            .get(&name)
            .zip(proof)
            .and_then(|(entry, proof)| follow(&keys, entry, proof));
        keys = after.unwrap_or(keys);
    }
    keys
}
