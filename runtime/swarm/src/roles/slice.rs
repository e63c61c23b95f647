//! Every endpoint of one role, ready to be chosen from.

use std::{collections::BTreeSet, sync::Arc};

use skep_packet::{NodeId, Scope};

use super::endpoint::{Endpoint, NodeEntry, weight};

/// The endpoints of one role.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoleSlice {
    /// Every endpoint that lists the role, in rank order; also those that do not serve now.
    all: Vec<Arc<Endpoint>>,
    /// Those that may be chosen, in rank order: serving, and of the exclusive ones only the first.
    serving: Vec<Arc<Endpoint>>,
    /// Address hashes of the first `serving` ones: those of the lowest priority number present.
    first_hashes: Vec<u64>,
}

impl RoleSlice {
    /// The slice after `node`'s entry changed to `entry`, or went away.
    pub(crate) fn with(
        &self,
        role: &str,
        node: &NodeId,
        entry: Option<&NodeEntry>,
    ) -> Option<Self> {
        let others = self
            .all
            .iter()
            .filter(|endpoint| endpoint.address.node != *node);
        let own = entry
            .into_iter()
            .flat_map(|entry| &entry.endpoints)
            .filter(|endpoint| endpoint.role.as_str() == role);
        let mut all: Vec<Arc<Endpoint>> = others.chain(own).cloned().collect();
        if all.is_empty() {
            return None;
        }
        all.sort_by(|a, b| a.rank().cmp(&b.rank()));
        Some(Self::of(all))
    }

    fn of(all: Vec<Arc<Endpoint>>) -> Self {
        // One for the swarm, and one for this node alone: what others cannot see takes nothing
        // from them.
        let mut taken = BTreeSet::new();
        let serving: Vec<Arc<Endpoint>> = all
            .iter()
            .filter(|endpoint| endpoint.serving)
            .filter(|endpoint| !endpoint.exclusive || taken.insert(endpoint.scope == Scope::Node))
            .cloned()
            .collect();
        let lowest = serving.first().map(|endpoint| endpoint.priority);
        let first_hashes = serving
            .iter()
            .take_while(|endpoint| Some(endpoint.priority) == lowest)
            .map(|endpoint| endpoint.address_hash)
            .collect();
        Self {
            all,
            serving,
            first_hashes,
        }
    }

    /// Every endpoint that lists the role, serving or not.
    pub(crate) fn all(&self) -> &[Arc<Endpoint>] {
        &self.all
    }

    /// Those that may be chosen.
    pub(crate) fn serving(&self) -> &[Arc<Endpoint>] {
        &self.serving
    }

    /// The endpoint of a conversation: of those with the lowest priority number, the heaviest.
    pub(crate) fn stick(&self, sticky_hash: u64) -> Option<&Arc<Endpoint>> {
        let heaviest = self
            .first_hashes
            .iter()
            .enumerate()
            .max_by_key(|(_, address_hash)| weight(sticky_hash, **address_hash))?;
        self.serving.get(heaviest.0)
    }
}
