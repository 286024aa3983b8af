//! The RFC 6962 Merkle tree of a lane: hashes, the growing edge, and proofs. Pure; no files here.
//!
//! A proof is asked for in two steps, so that nobody has to hold all leaves: the ranges of leaves whose subtree
//! hashes it consists of ([`inclusion_ranges`], [`consistency_ranges`]), then [`subtrees`] over one pass of the leaves.

use std::fmt;
use std::ops::Range;

use crate::hex::hex;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// A SHA-256 hash: of a leaf, of an inner node, or of a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash that stands as `bytes`.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The leaf hash of `data` (RFC 6962 section 2.1).
    pub fn of_leaf(data: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
    }

    /// The hash of the node above `left` and `right` (RFC 6962 section 2.1).
    pub fn of_node(left: Self, right: Self) -> Self {
        let mut whole = [0; 65];
        if let Some((prefix, hashes)) = whole.split_first_mut() {
            *prefix = 1;
            if let Some((start, end)) = hashes.split_at_mut_checked(32) {
                start.copy_from_slice(&left.0);
                end.copy_from_slice(&right.0);
            }
        }
        Self(Sha256::digest(whole).into())
    }

    /// The root of a tree without leaves.
    pub fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash as standard base64, as checkpoints spell it.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads what [`Hash::to_base64`] wrote; `None` for anything else.
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The hash in hexadecimal digits, as ids spell it.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// The hash as base64url without padding, as headers spell it.
    pub fn to_base64url(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

/// The right edge of a tree: all that is needed to add leaves and to tell the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the complete subtrees, largest first: one for each bit set in `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf at the end.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = Hash::of_node(left, node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root over all leaves so far.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Hash::of_nothing() };
        peaks.fold(*last, |right, left| Hash::of_node(*left, right))
    }
}

/// The subtrees that prove leaf `index` to be in the tree of `size` leaves, lowest first; `None` if it is not in it.
pub fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut tree, mut ranges) = (0..size, Vec::new());
    while width(&tree) > 1 {
        let split = tree.start + left_width(width(&tree));
        if index < split {
            ranges.push(split..tree.end);
            tree.end = split;
        } else {
            ranges.push(tree.start..split);
            tree.start = split;
        }
    }
    ranges.reverse();
    Some(ranges)
}

/// The subtrees that prove the tree of `old` leaves to be the start of the tree of `size`, in the order of RFC 6962;
/// `None` if `old` is zero or beyond `size`, where there is nothing to prove.
pub fn consistency_ranges(old: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if old == 0 || old > size {
        return None;
    }
    let (mut tree, mut ranges) = (0..size, Vec::new());
    while tree.end != old {
        let split = tree.start + left_width(width(&tree));
        if old <= split {
            ranges.push(split..tree.end);
            tree.end = split;
        } else {
            ranges.push(tree.start..split);
            tree.start = split;
        }
    }
    if tree.start > 0 {
        ranges.push(tree);
    }
    ranges.reverse();
    Some(ranges)
}

/// The root of each of `ranges`, from one pass over the leaves of the tree in order.
///
/// # Errors
/// What `leaves` yields as an error.
pub fn subtrees<E>(
    ranges: &[Range<u64>],
    leaves: impl IntoIterator<Item = Result<Hash, E>>,
) -> Result<Vec<Hash>, E> {
    let mut edges = vec![Frontier::default(); ranges.len()];
    for (leaf, index) in leaves.into_iter().zip(0..) {
        let leaf = leaf?;
        for (edge, range) in edges.iter_mut().zip(ranges) {
            if range.contains(&index) {
                edge.push(leaf);
            }
        }
    }
    Ok(edges.iter().map(Frontier::root).collect())
}

/// Why a proof does not prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The sizes or the index do not fit together, or the proof is too long or too short for them.
    #[error("the proof does not fit the sizes it is given for")]
    Shape,
    /// The proof leads to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Checks that `leaf` is at `index` of the tree of `size` leaves with root `root` (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// [`ProofError`] when it is not shown.
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Shape);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Shape);
        }
        if node & 1 == 1 || node == last {
            hash = Hash::of_node(*sibling, hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::of_node(hash, *sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    match (last, hash == root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        (1.., _) => Err(ProofError::Shape),
    }
}

/// Checks that the tree of `old` leaves with `old_root` is the start of that of `size` with `root`
/// (RFC 9162 section 2.1.4.2).
///
/// # Errors
/// [`ProofError`] when it is not shown.
pub fn verify_consistency(
    old: u64,
    old_root: Hash,
    size: u64,
    root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old == size {
        return match (proof.is_empty(), old_root == root) {
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::Root),
            (false, _) => Err(ProofError::Shape),
        };
    }
    if old == 0 || old > size {
        return Err(ProofError::Shape);
    }
    let mut proof = proof.iter().copied();
    let first = if old.is_power_of_two() { Some(old_root) } else { proof.next() };
    let mut seen = first.ok_or(ProofError::Shape)?;
    let (mut grown, mut node, mut last) = (seen, old - 1, size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Shape);
        }
        if node & 1 == 1 || node == last {
            seen = Hash::of_node(sibling, seen);
            grown = Hash::of_node(sibling, grown);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            grown = Hash::of_node(grown, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Shape);
    }
    if seen == old_root && grown == root { Ok(()) } else { Err(ProofError::Root) }
}

fn width(range: &Range<u64>) -> u64 {
    range.end - range.start
}

/// The largest power of two below `width`, which is at least two.
fn left_width(width: u64) -> u64 {
    1 << (u64::BITS - 1 - (width - 1).leading_zeros())
}

#[cfg(test)]
mod tests;
