//! The tree over a batch: packets under a subtree's root, subtrees under the signed root.
//!
//! Every level has its own domain byte, so that no hash can be taken for one of another level:
//!
//! ```text
//! leaf      H(0 ‖ packet)                         a packet's bytes as received
//! node      H(1 ‖ left ‖ right)                   inside a subtree
//! top leaf  H(2 ‖ lane u8 ‖ n packets u32 BE ‖ subtree's root)
//! top node  H(3 ‖ left ‖ right)                   above the subtrees
//! ```
//! The last node of a level with an odd number of nodes goes up unchanged. The number of packets
//! stands in the top leaf and the number of subtrees in the statement, so no other shape fits.

use aws_lc_rs::digest::{Context, SHA256};
use skep_packet::{Hash, Lane};

const LEAF: u8 = 0;
const NODE: u8 = 1;
const TOP_LEAF: u8 = 2;
const TOP_NODE: u8 = 3;

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

pub(crate) fn leaf(packet: &[u8]) -> Hash {
    sha256(&[&[LEAF], packet])
}

pub(crate) fn top_leaf(lane: Lane, n_packets: u32, root: Hash) -> Hash {
    let lane = [TOP_LEAF, lane.index().to_be_bytes()[size_of::<usize>() - 1]];
    sha256(&[&lane, &n_packets.to_be_bytes(), &root.0])
}

/// The root over a subtree's leaves; the hash of nothing for none.
pub(crate) fn subtree_root(mut hashes: Vec<Hash>) -> Hash {
    while hashes.len() > 1 {
        hashes = level_above(NODE, &hashes);
    }
    hashes.pop().unwrap_or(Hash([0; 32]))
}

/// The upper tree, kept whole until every subtree has its path.
#[derive(Debug)]
pub(crate) struct TopTree {
    /// From the top leaves up to the root, which stands alone.
    levels: Vec<Vec<Hash>>,
}

impl TopTree {
    pub(crate) fn new(top_leaves: Vec<Hash>) -> Self {
        let mut levels = vec![top_leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let above = level_above(TOP_NODE, level);
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

/// The root that `top_leaf` at `idx` of `n` leads to; none where the path has another length.
pub(crate) fn climb(top_leaf: Hash, mut idx: usize, mut n: usize, path: &[Hash]) -> Option<Hash> {
    if idx >= n {
        return None;
    }
    let mut siblings = path.iter();
    let mut hash = top_leaf;
    while n > 1 {
        if (idx ^ 1) < n {
            let sibling = siblings.next()?;
            hash = match idx % 2 {
                0 => pair(TOP_NODE, hash, *sibling),
                _ => pair(TOP_NODE, *sibling, hash),
            };
        }
        idx /= 2;
        n = n.div_ceil(2);
    }
    siblings.next().is_none().then_some(hash)
}

fn level_above(domain: u8, level: &[Hash]) -> Vec<Hash> {
    level
        .chunks(2)
        .map(|chunk| match chunk {
            [left, right] => pair(domain, *left, *right),
            _ => chunk[0],
        })
        .collect()
}

fn pair(domain: u8, left: Hash, right: Hash) -> Hash {
    sha256(&[&[domain], &left.0, &right.0])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf(&i.to_be_bytes())).collect()
    }

    #[test]
    fn every_path_leads_to_the_root_and_only_from_its_place() {
        for n in 1..=35 {
            let hashes = leaves(n);
            let tree = TopTree::new(hashes.clone());
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
        let tree = TopTree::new(hashes.clone());
        let mut path = tree.path(1);
        path.push(Hash([0; 32]));
        assert_eq!(climb(hashes[1], 1, 5, &path), None);
        path.truncate(2);
        assert_eq!(climb(hashes[1], 1, 5, &path), None);
        assert_eq!(climb(hashes[1], 5, 5, &path), None);
    }

    #[test]
    fn the_levels_do_not_mix() {
        let [a, b] = [leaf(b"a"), leaf(b"b")];
        assert_ne!(subtree_root(vec![a, b]), TopTree::new(vec![a, b]).root());
        assert_ne!(
            leaf(&[a.0.as_slice(), &b.0].concat()),
            subtree_root(vec![a, b])
        );
        assert_ne!(top_leaf(Lane::Bulk, 1, a), top_leaf(Lane::Command, 1, a));
        assert_ne!(top_leaf(Lane::Bulk, 1, a), top_leaf(Lane::Bulk, 2, a));
    }

    proptest! {
        #[test]
        fn a_changed_leaf_changes_the_root(n in 1_usize..70, at in any::<prop::sample::Index>()) {
            let mut hashes = leaves(n);
            let before = subtree_root(hashes.clone());
            hashes[at.index(n)].0[3] ^= 1;
            prop_assert_ne!(before, subtree_root(hashes));
        }
    }
}
