use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// The eight leaves and roots that every implementation of RFC 6962 is tried on.
const LEAVES: [&[u8]; 8] = [
    &[],
    &[0x00],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(hash: Hash) -> String {
    hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The definition of RFC 6962 section 2.1, word for word: what everything else is held against.
fn defined_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of_nothing(),
        [leaf] => *leaf,
        _ => {
            let mut split = 1;
            while split * 2 < leaves.len() {
                split *= 2;
            }
            Hash::of_node(defined_root(&leaves[..split]), defined_root(&leaves[split..]))
        }
    }
}

fn some_leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| Hash::of_leaf(&number.to_be_bytes())).collect()
}

fn prove(ranges: &[Range<u64>], leaves: &[Hash]) -> Vec<Hash> {
    subtrees(ranges, leaves.iter().map(|leaf| Ok::<_, Infallible>(*leaf))).unwrap()
}

#[test]
fn the_roots_are_those_of_the_published_vectors() {
    let mut edge = Frontier::default();
    assert_eq!(hex(edge.root()), ROOTS[0]);
    for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
        edge.push(Hash::of_leaf(leaf));
        assert_eq!(hex(edge.root()), *root);
    }
}

#[test]
fn the_growing_edge_tells_the_root_of_the_definition() {
    let (leaves, mut edge) = (some_leaves(130), Frontier::default());
    for size in 1..=leaves.len() {
        edge.push(leaves[size - 1]);
        assert_eq!(edge.root(), defined_root(&leaves[..size]), "size {size}");
    }
}

#[test]
fn every_leaf_of_every_small_tree_is_proved() {
    for size in 1..=40_u64 {
        let leaves = some_leaves(size);
        let root = defined_root(&leaves);
        for index in 0..size {
            let proof = prove(&inclusion_ranges(index, size).unwrap(), &leaves);
            let leaf = leaves[usize::try_from(index).unwrap()];
            assert_eq!(verify_inclusion(leaf, index, size, &proof, root), Ok(()), "{index} of {size}");
        }
        assert_eq!(inclusion_ranges(size, size), None);
    }
}

#[test]
fn every_small_tree_is_proved_to_be_the_start_of_every_larger_one() {
    let leaves = some_leaves(40);
    for size in 1..=40_u64 {
        let now = &leaves[..usize::try_from(size).unwrap()];
        for old in 1..=size {
            let before = defined_root(&leaves[..usize::try_from(old).unwrap()]);
            let proof = prove(&consistency_ranges(old, size).unwrap(), now);
            assert_eq!(
                verify_consistency(old, before, size, defined_root(now), &proof),
                Ok(()),
                "{old} of {size}"
            );
        }
        assert_eq!(consistency_ranges(0, size), None);
        assert_eq!(consistency_ranges(size + 1, size), None);
    }
}

proptest! {
    #[test]
    fn a_proof_of_inclusion_holds_for_nothing_else(size in 2_u64..200, at in 0_u64..200, flip in 0_usize..2_000) {
        let (leaves, at) = (some_leaves(size), at % size);
        let root = defined_root(&leaves);
        let leaf = leaves[usize::try_from(at).unwrap()];
        let proof = prove(&inclusion_ranges(at, size).unwrap(), &leaves);
        prop_assert!(verify_inclusion(leaf, at, size, &proof, root).is_ok());
        for other in 0..size {
            prop_assert_eq!(verify_inclusion(leaf, other, size, &proof, root).is_ok(), other == at);
        }
        let mut bent = proof.clone();
        let bit = flip % (bent.len() * 256);
        let mut bytes = *bent[bit / 256].as_bytes();
        bytes[bit % 256 / 8] ^= 1 << (bit % 8);
        bent[bit / 256] = Hash::new(bytes);
        prop_assert!(verify_inclusion(leaf, at, size, &bent, root).is_err());
        prop_assert!(verify_inclusion(leaf, at, size, &proof[1..], root).is_err());
        let longer = [proof.as_slice(), &[root]].concat();
        prop_assert!(verify_inclusion(leaf, at, size, &longer, root).is_err());
    }

    #[test]
    fn a_rewritten_past_has_no_proof_of_consistency(size in 2_u64..200, old in 1_u64..200, bent in 0_u64..200) {
        let old = 1 + old % (size - 1);
        let leaves = some_leaves(size);
        let before = defined_root(&leaves[..usize::try_from(old).unwrap()]);
        let mut rewritten = leaves.clone();
        rewritten[usize::try_from(bent % old).unwrap()] = Hash::of_leaf(b"another past");
        let proof = prove(&consistency_ranges(old, size).unwrap(), &rewritten);
        prop_assert!(verify_consistency(old, before, size, defined_root(&rewritten), &proof).is_err());
    }
}
