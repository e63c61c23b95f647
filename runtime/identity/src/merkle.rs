//! The tree over a batch: packets under leaves, leaves under the signed root.
//!
//! H is BLAKE3, which takes a subtree of 32 KiB many lanes at a time. Every level has its own domain
//! byte, so that no hash can be taken for one of another level:
//!
//! ```text
//! leaf   H(0 ‖ lane u8 ‖ n packets u32 BE ‖ packets, each after its length, as received)
//! node   H(1 ‖ left ‖ right)
//! ```
//! The last node of a level with an odd number of nodes goes up unchanged. The number of leaves
//! stands in the statement, so no other shape fits.

use aws_lc_rs::digest::{Context, SHA256};
use skep_packet::{Hash, Lane};

const LEAF: u8 = 0;
const NODE: u8 = 1;

/// SHA-256 of some bytes.
#[must_use]
pub fn hash(bytes: &[u8]) -> Hash {
    sha256(&[bytes])
}

pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Hash(hash)
}

fn blake3(parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// What stands for all packets of one receiver and lane under the signed root.
pub(crate) fn leaf(lane: Lane, n_packets: usize, packets: &[u8]) -> Hash {
    let lane = lane.index().to_be_bytes()[size_of::<usize>() - 1];
    let n_packets = u32::try_from(n_packets).unwrap_or(u32::MAX).to_be_bytes();
    blake3(&[&[LEAF, lane], &n_packets, packets])
}

/// The tree, kept whole until every leaf has its path.
#[derive(Debug)]
pub(crate) struct Tree {
    /// From the leaves up to the root, which stands alone.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    pub(crate) fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let above = level_above(level);
            levels.push(above);
        }
        Self { levels }
    }

    pub(crate) fn root(&self) -> Hash {
        let top = self.levels.last().and_then(|level| level.first());
        top.copied().unwrap_or(Hash([0; 32]))
    }

    /// The sibling at each level that has one, from the leaf's level up.
    pub(crate) fn path(&self, mut idx: usize) -> Vec<Hash> {
        let mut path = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            path.extend(level.get(idx ^ 1).filter(|_| level.len() > 1));
            idx /= 2;
        }
        path
    }
}

/// The root that `leaf` at `idx` of `n` leads to; none where the path has another length.
pub(crate) fn climb(leaf: Hash, mut idx: usize, mut n: usize, path: &[Hash]) -> Option<Hash> {
    if idx >= n {
        return None;
    }
    let mut siblings = path.iter();
    let mut hash = leaf;
    while n > 1 {
        if (idx ^ 1) < n {
            let sibling = siblings.next()?;
            hash = match idx % 2 {
                0 => pair(hash, *sibling),
                _ => pair(*sibling, hash),
            };
        }
        idx /= 2;
        n = n.div_ceil(2);
    }
    siblings.next().is_none().then_some(hash)
}

fn level_above(level: &[Hash]) -> Vec<Hash> {
    level
        .chunks(2)
        .map(|chunk| match chunk {
            [left, right] => pair(*left, *right),
            _ => chunk[0],
        })
        .collect()
}

fn pair(left: Hash, right: Hash) -> Hash {
    blake3(&[&[NODE], &left.0, &right.0])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf(Lane::Command, i, b"packets")).collect()
    }

    #[test]
    fn every_path_leads_to_the_root_and_only_from_its_place() {
        for n in 1..=35 {
            let hashes = leaves(n);
            let tree = Tree::new(hashes.clone());
            for (idx, hash) in hashes.iter().enumerate() {
                let path = tree.path(idx);
                assert_eq!(climb(*hash, idx, n, &path), Some(tree.root()));
                for other in (0..n).filter(|other| *other != idx) {
                    assert_ne!(climb(*hash, other, n, &path), Some(tree.root()));
                }
            }
        }
    }

    #[test]
    fn a_path_too_long_or_too_short_leads_nowhere() {
        let hashes = leaves(5);
        let tree = Tree::new(hashes.clone());
        let mut path = tree.path(1);
        path.push(Hash([0; 32]));
        assert_eq!(climb(hashes[1], 1, 5, &path), None);
        path.truncate(2);
        assert_eq!(climb(hashes[1], 1, 5, &path), None);
        assert_eq!(climb(hashes[1], 5, 5, &path), None);
    }

    #[test]
    fn a_leaf_is_not_taken_for_a_node_nor_for_another_lane_or_count() {
        let [a, b] = [1_u8, 2].map(|byte| leaf(Lane::Command, 1, &[byte]));
        assert_ne!(a, b);
        let both = [a.0.as_slice(), &b.0].concat();
        assert_ne!(blake3(&[&[LEAF], &both]), Tree::new(vec![a, b]).root());
        let packets = [0, 0, 0, 1, 7];
        let one = leaf(Lane::Command, 1, &packets);
        assert_ne!(one, leaf(Lane::Bulk, 1, &packets));
        assert_ne!(one, leaf(Lane::Command, 2, &packets));
    }

    proptest! {
        #[test]
        fn a_changed_leaf_changes_the_root(n in 1_usize..70, at in any::<prop::sample::Index>()) {
            let mut hashes = leaves(n);
            let before = Tree::new(hashes.clone()).root();
            hashes[at.index(n)].0[3] ^= 1;
            prop_assert_ne!(before, Tree::new(hashes).root());
        }
    }
}
