//! What is worth telling, and how often it was told already.

use std::collections::BTreeMap;

use skep_packet::NodeId;

/// Nodes about which there is news, each with how often it was told.
///
/// Bounded by the member table: at most one entry per member. What is told is always the newest
/// belief, so an entry holds no fact of its own.
#[derive(Debug, Default)]
pub(super) struct Gossip {
    told: BTreeMap<NodeId, u32>,
}

impl Gossip {
    /// There is news about `node`: it is told again from the start.
    pub(super) fn news(&mut self, node: &NodeId) {
        self.told.insert(node.clone(), 0);
    }

    pub(super) fn forget(&mut self, node: &NodeId) {
        self.told.remove(node);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// The least told news, at most `max`, counted as told once more; dropped after `tellings`.
    pub(super) fn take(&mut self, max: usize, tellings: u32) -> Vec<NodeId> {
        let mut by_told: Vec<(u32, &NodeId)> =
            self.told.iter().map(|(node, told)| (*told, node)).collect();
        by_told.sort_unstable();
        let picked: Vec<NodeId> = by_told
            .into_iter()
            .take(max)
            .map(|(_, node)| node.clone())
            .collect();
        for node in &picked {
            if let Some(told) = self.told.get_mut(node) {
                *told += 1;
                if *told >= tellings {
                    self.told.remove(node);
                }
            }
        }
        picked
    }
}
