//! The tree against three implementations by others, and against the RFC read literally.

use proptest::prelude::*;
use sigstore_merkle::{hash_children, hash_leaf, verify_consistency_proof, verify_inclusion_proof};

use super::*;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|leaf| leaf_hash(&leaf.to_be_bytes()))
        .collect()
}

/// `MTH` as the RFC writes it.
fn literal(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let middle = leaves.len().next_power_of_two() / 2;
            node_hash(&literal(&leaves[..middle]), &literal(&leaves[middle..]))
        }
    }
}

fn proof(leaves: &[Hash], ranges: Vec<Range<u64>>) -> Vec<Hash> {
    ranges
        .into_iter()
        .map(|range| tree_hash(&leaves[range.start as usize..range.end as usize]))
        .collect()
}

/// Index of the root over a range in the numbering of ct-merkle, which is in order.
fn in_order(range: &Range<u64>) -> u64 {
    let size = range.end - range.start;
    if size == 1 {
        2 * range.start
    } else {
        2 * (range.start + largest_power_below(size)) - 1
    }
}

fn theirs(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().copied().map(tlog_tiles::Hash).collect()
}

#[test]
fn leaves_and_nodes_hash_as_elsewhere() {
    let (one, other) = (leaf_hash(b"one"), leaf_hash(b"other"));
    assert_eq!(hash_leaf(b"one").as_bytes(), &one);
    let node = hash_children(&hash_leaf(b"one"), &hash_leaf(b"other"));
    assert_eq!(node.as_bytes(), &node_hash(&one, &other));
    assert_eq!(tlog_tiles::record_hash(b"one").0, one);
    assert_eq!(tree_hash(&[]), tlog_tiles::EMPTY_HASH.0);
}

#[test]
fn every_root_up_to_130_leaves_is_that_of_the_rfc() {
    let leaves = leaves(130);
    for size in 0..=leaves.len() {
        assert_eq!(tree_hash(&leaves[..size]), literal(&leaves[..size]));
    }
}

#[test]
fn every_proof_in_trees_up_to_33_leaves_is_taken_elsewhere_and_here() {
    for size in 1..=33_u64 {
        let leaves = leaves(size);
        let root = tree_hash(&leaves);
        for index in 0..size {
            let ranges = inclusion_ranges(index, size).unwrap();
            let numbers: Vec<_> = ranges.iter().map(in_order).collect();
            assert_eq!(numbers, ct_merkle::indices_for_inclusion_proof(size, index));
            let leaf = leaves[index as usize];
            let proof = proof(&leaves, ranges);
            assert!(verify_inclusion(&leaf, index, size, &proof, &root));
            let (t, n) = (tlog_tiles::Hash(root), tlog_tiles::Hash(leaf));
            tlog_tiles::check_record(&theirs(&proof), size, t, index, n).unwrap();
        }
        for old in 1..=size {
            let ranges = consistency_ranges(old, size).unwrap();
            let numbers: Vec<_> = ranges.iter().map(in_order).collect();
            assert_eq!(
                numbers,
                ct_merkle::indices_for_consistency_proof(old, size - old)
            );
            let proof = proof(&leaves, ranges);
            let old_root = tree_hash(&leaves[..old as usize]);
            assert!(verify_consistency(old, &old_root, size, &root, &proof));
            let (t, h) = (tlog_tiles::Hash(root), tlog_tiles::Hash(old_root));
            tlog_tiles::check_tree(&theirs(&proof), size, t, old, h).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn proofs_are_taken_by_a_third_implementation_and_no_changed_one_is(
        size in 1_u64..300, index in any::<u64>(), old in any::<u64>(), flip in any::<u8>(),
    ) {
        let (index, old) = (index % size, 1 + old % size);
        let leaves = leaves(size);
        let (root, old_root) = (tree_hash(&leaves), tree_hash(&leaves[..old as usize]));
        let leaf = leaves[index as usize];
        let included = proof(&leaves, inclusion_ranges(index, size).unwrap());
        let grown = proof(&leaves, consistency_ranges(old, size).unwrap());
        let convert = |proof: &[Hash]| proof.iter().map(|hash| (*hash).into()).collect::<Vec<_>>();
        prop_assert!(verify_consistency_proof(
            old, size, &convert(&grown), &old_root.into(), &root.into()
        ).is_ok());
        // The other's inclusion check is a simplification that holds for full trees alone.
        if size.is_power_of_two() {
            prop_assert!(verify_inclusion_proof(
                &leaf.into(), index, size, &convert(&included), &root.into()
            ).is_ok());
        }
        let position = usize::from(flip) % 32;
        for step in 0..included.len() {
            let mut changed = included.clone();
            changed[step][position] ^= 1 | flip;
            prop_assert!(!verify_inclusion(&leaf, index, size, &changed, &root));
        }
        for step in 0..grown.len() {
            let mut changed = grown.clone();
            changed[step][position] ^= 1 | flip;
            prop_assert!(!verify_consistency(old, &old_root, size, &root, &changed));
        }
        let mut longer = included.clone();
        longer.push(root);
        prop_assert!(!verify_inclusion(&leaf, index, size, &longer, &root));
        if let Some(shorter) = included.split_last().map(|(_, rest)| rest) {
            prop_assert!(!verify_inclusion(&leaf, index, size, shorter, &root));
        }
        if size > 1 {
            let other = (index + 1) % size;
            prop_assert!(!verify_inclusion(&leaf, other, size, &included, &root));
        }
    }

    #[test]
    fn a_tree_put_together_from_subtrees_is_the_same(size in 0_u64..2_000) {
        let leaves = leaves(size);
        let mut whole = Frontier::default();
        leaves.iter().for_each(|leaf| whole.push(leaf));
        let mut parts = Frontier::default();
        while parts.size() < size {
            let height = (size - parts.size()).ilog2();
            let start = parts.size() as usize;
            let root = tree_hash(&leaves[start..start + (1 << height)]);
            prop_assert!(parts.push_subtree(height, &root));
        }
        prop_assert_eq!(parts, whole);
    }
}

#[test]
fn there_is_no_proof_of_what_is_not_there() {
    assert_eq!(inclusion_ranges(0, 0), None);
    assert_eq!(inclusion_ranges(3, 3), None);
    assert_eq!(consistency_ranges(0, 3), None);
    assert_eq!(consistency_ranges(4, 3), None);
}
