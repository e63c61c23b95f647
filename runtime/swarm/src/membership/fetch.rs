//! Which descriptors are newer elsewhere, and whom they were asked from.

use std::collections::BTreeMap;

use skep_packet::NodeId;

use super::config::{FETCH_PER_REQUEST_MAX, MEMBERS_MAX};

/// Most nodes that are remembered as holders of one newer descriptor.
const SOURCES_MAX: usize = 4;

#[derive(Debug)]
struct Wanted {
    version: u64,
    /// Who told of it and was not asked yet.
    sources: Vec<NodeId>,
    /// When the one that was asked last is given up.
    until_ns: Option<u64>,
}

/// Descriptors to pull; one request per descriptor at a time.
///
/// At most one entry per member. When every known holder was asked in vain the entry is dropped;
/// the next rumor or push-pull brings it back.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    wanted: BTreeMap<NodeId, Wanted>,
    /// When something is due; it may be early, never late.
    next_ns: Option<u64>,
}

impl Fetches {
    /// `source` holds `version` of `node`'s descriptor.
    pub(super) fn offer(&mut self, node: &NodeId, version: u64, source: &NodeId) {
        if !self.wanted.contains_key(node) && self.wanted.len() >= MEMBERS_MAX {
            return;
        }
        let next_ns = &mut self.next_ns;
        let wanted = self.wanted.entry(node.clone()).or_insert_with(|| {
            *next_ns = Some(0);
            Wanted {
                version,
                sources: Vec::new(),
                until_ns: None,
            }
        });
        if version > wanted.version {
            // What was asked for is old already.
            wanted.version = version;
            wanted.sources.clear();
            wanted.until_ns = None;
            *next_ns = Some(0);
        }
        if wanted.version == version
            && wanted.sources.len() < SOURCES_MAX
            && !wanted.sources.contains(source)
        {
            wanted.sources.push(source.clone());
        }
    }

    /// This node holds `version` now.
    pub(super) fn held(&mut self, node: &NodeId, version: u64) {
        if self
            .wanted
            .get(node)
            .is_some_and(|wanted| wanted.version <= version)
        {
            self.wanted.remove(node);
        }
    }

    pub(super) fn forget(&mut self, node: &NodeId) {
        self.wanted.remove(node);
    }

    /// Requests to make now, by whom to ask.
    pub(super) fn due(&mut self, now_ns: u64, timeout_ns: u64) -> Vec<(NodeId, Vec<NodeId>)> {
        if self.next_ns.is_none_or(|next_ns| next_ns > now_ns) {
            return Vec::new();
        }
        let mut requests: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        self.wanted.retain(|node, wanted| {
            if wanted.until_ns.is_some_and(|until_ns| until_ns > now_ns) {
                return true;
            }
            if wanted.sources.is_empty() {
                return false;
            }
            let batch = requests.entry(wanted.sources.remove(0)).or_default();
            batch.push(node.clone());
            wanted.until_ns = Some(now_ns.saturating_add(timeout_ns));
            true
        });
        self.next_ns = self
            .wanted
            .values()
            .filter_map(|wanted| wanted.until_ns)
            .min();
        requests
            .into_iter()
            .flat_map(|(from, nodes)| {
                let batches: Vec<_> = nodes
                    .chunks(FETCH_PER_REQUEST_MAX)
                    .map(|batch| (from.clone(), batch.to_vec()))
                    .collect();
                batches
            })
            .collect()
    }

    pub(super) fn next_wake(&self) -> Option<u64> {
        self.next_ns
    }
}
