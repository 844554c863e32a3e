//! Proofs that a log has only grown: RFC 9162 section 2.1.4, from its published tiles.

use std::path::Path;

use super::damage::{Damage, ReadError};
use super::merkle::{Hash, consistency_ranges};
use super::tiles;

/// The proof from the tree of `old` leaves to that of `new`; empty where `old` is 0 or `new`.
pub(super) fn prove(directory: &Path, old: u64, new: u64) -> Result<Vec<Hash>, ReadError> {
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let ranges = consistency_ranges(old, new).ok_or_else(|| {
        Damage::somewhere(format!("a log of {new} entries has not grown from {old}"))
    })?;
    let hashes = ranges.into_iter();
    hashes
        .map(|range| tiles::range_hash(directory, range))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Checkpoint;
    use super::super::tests::{Place, entry};
    use super::*;

    #[tokio::test]
    async fn an_implementation_by_others_accepts_the_growth_of_a_published_log() {
        let place = Place::new();
        let mut trees = Vec::new();
        for more in [1, 2, 253, 1, 300, 700] {
            let (ledger, _) = place.open();
            for number in 0..more {
                ledger.note(entry(&number.to_string()));
            }
            ledger.close().await;
            let published = std::fs::read_to_string(place.path().join("checkpoint")).unwrap();
            trees.push(Checkpoint::open(&published, place.signer().verifier_key()).unwrap());
            let newest = trees.last().unwrap();
            for older in &trees {
                let proof = prove(&place.path(), older.size, newest.size).unwrap();
                let proof: Vec<_> = proof.into_iter().map(tlog_tiles::Hash).collect();
                let (new, old) = (tlog_tiles::Hash(newest.root), tlog_tiles::Hash(older.root));
                tlog_tiles::check_tree(&proof, newest.size, new, older.size, old).unwrap();
            }
        }
        assert!(prove(&place.path(), 9_999, 1).is_err());
        assert_eq!(prove(&place.path(), 0, 300).unwrap(), Vec::<Hash>::new());
    }
}
