//! Merkle tree arithmetic of RFC 9162 section 2.1 (the same tree as RFC 6962 section 2.1, which C2SP
//! tlog-tiles builds on), with SHA-256. Pure: no files, no signatures, no idea of what a leaf means.
//!
//! Deliberately kept apart from the ledger around it, and written from the RFCs alone; the tests hold
//! it against three implementations by others.

use std::ops::Range;

use aws_lc_rs::digest::{self, SHA256};

/// A SHA-256 hash of a leaf or a node.
pub type Hash = [u8; 32];

/// Prefixes of RFC 9162 section 2.1.1, which keep leaves and nodes from being mistaken for each other.
const LEAF_PREFIX: u8 = 0x00;
const NODE_PREFIX: u8 = 0x01;

/// SHA-256 of the parts one after the other.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Hash of the leaf `data`: RFC 9162 section 2.1.1, `HASH(0x00 || d)`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    sha256(&[&[LEAF_PREFIX], data])
}

/// Hash of the node over `left` and `right`: RFC 9162 section 2.1.1, `HASH(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut node = [NODE_PREFIX; 65];
    let (_, children) = node.split_at_mut(1);
    let (left_half, right_half) = children.split_at_mut(32);
    left_half.copy_from_slice(left);
    right_half.copy_from_slice(right);
    let mut hash = Hash::default();
    hash.copy_from_slice(digest::digest(&SHA256, &node).as_ref());
    hash
}

/// Root of the tree over `leaves`, given as leaf hashes: `MTH` of RFC 9162 section 2.1.1.
pub fn tree_hash(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(leaf);
    }
    frontier.root()
}

/// The right edge of a growing tree: the roots of its complete subtrees, largest first, which is all
/// that is needed to append and to tell the root (RFC 9162 section 2.1.2, the verifier's "stack").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// INVARIANT: one hash for each bit set in `size`, the highest bit first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf, given as its hash. RFC 9162 section 2.1.2, steps 1 to 4.
    pub fn push(&mut self, leaf: &Hash) {
        let mut peak = *leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                peak = node_hash(&left, &peak);
            }
        }
        self.peaks.push(peak);
        self.size += 1;
    }

    /// Appends a complete subtree of `2^height` leaves, given as its root, where the size so far is
    /// a multiple of `2^height`. Returns false, and appends nothing, where it is not.
    #[must_use]
    pub fn push_subtree(&mut self, height: u32, root: &Hash) -> bool {
        let Some(leaves) = 1_u64.checked_shl(height) else {
            return false;
        };
        if !self.size.is_multiple_of(leaves) {
            return false;
        }
        let mut peak = *root;
        for _ in 0..(self.size >> height).trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                peak = node_hash(&left, &peak);
            }
        }
        self.peaks.push(peak);
        self.size += leaves;
        true
    }

    /// The root: RFC 9162 section 2.1.1; of the empty tree, the hash of nothing.
    pub fn root(&self) -> Hash {
        self.peaks
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(|| sha256(&[]))
    }
}

/// The ranges of leaves whose hashes are the inclusion proof of leaf `index` in the tree of `size`:
/// `PATH` of RFC 9162 section 2.1.3.1. `None` where the tree has no such leaf.
pub fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + largest_power_below(end - start);
        if index < middle {
            path.push(middle..end);
            end = middle;
        } else {
            path.push(start..middle);
            start = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The ranges of leaves whose hashes are the consistency proof from the tree of `old` leaves to that
/// of `new`: `PROOF` and `SUBPROOF` of RFC 9162 section 2.1.4.1. `None` unless `0 < old <= new`.
pub fn consistency_ranges(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old == 0 || old > new {
        return None;
    }
    let (mut start, mut end) = (0, new);
    let mut proof = Vec::new();
    while end > old {
        let middle = start + largest_power_below(end - start);
        if old <= middle {
            proof.push(middle..end);
            end = middle;
        } else {
            proof.push(start..middle);
            start = middle;
        }
    }
    // SUBPROOF's flag b: the old tree's own root is left out, for the verifier has it.
    if start > 0 {
        proof.push(start..end);
    }
    proof.reverse();
    Some(proof)
}

/// `k` of RFC 9162 section 2.1.1: the largest power of two smaller than `size`, for `size > 1`.
pub(super) fn largest_power_below(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Whether `proof` shows that the leaf with hash `leaf` has `index` in the tree of `size` leaves with
/// that `root`. RFC 9162 section 2.1.3.2.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(step, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `new` leaves with `new_root` begins with the tree of `old`
/// leaves with `old_root`. RFC 9162 section 2.1.4.2; the trivial cases (`old` is 0, or equals `new`)
/// take an empty proof.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == sha256(&[]);
    }
    let mut steps = proof.iter();
    let first = if old.is_power_of_two() {
        Some(old_root)
    } else {
        steps.next()
    };
    let Some(first) = first else {
        return false;
    };
    let shift = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
    let (mut from_old, mut from_new) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(step, &from_old);
            from_new = node_hash(step, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}

#[cfg(test)]
mod tests;
