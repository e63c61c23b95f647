//! The index itself: lookups, and the index after a change.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use skep_packet::{Address, NodeId, RoleName, Scope};

use super::{
    endpoint::{Endpoint, NodeEntry},
    slice::RoleSlice,
};

/// Roles are spread over this many maps, so that a change copies only those it touches.
const SHARDS: usize = 64;

type Shard = HashMap<RoleName, Arc<RoleSlice>>;

/// Who serves what, as one node sees it. Cheap to clone; never changed in place.
#[derive(Debug, Clone)]
pub struct RoleIndex {
    own: NodeId,
    nodes: Arc<BTreeMap<NodeId, Arc<NodeEntry>>>,
    shards: Vec<Arc<Shard>>,
}

impl RoleIndex {
    /// An empty index as `own` sees it.
    #[must_use]
    pub fn new(own: NodeId) -> Self {
        Self {
            own,
            nodes: Arc::default(),
            shards: (0..SHARDS).map(|_| Arc::default()).collect(),
        }
    }

    /// The index after a node's entry is new or changed.
    ///
    /// Roles that another node offers to itself only (`scope: node`) are left out.
    #[must_use]
    pub fn with(&self, mut entry: NodeEntry) -> Self {
        if entry.node != self.own {
            entry
                .endpoints
                .retain(|endpoint| endpoint.scope == Scope::Swarm);
        }
        let node = entry.node.clone();
        self.changed(&node, Some(Arc::new(entry)))
    }

    /// The index after a node is forgotten.
    #[must_use]
    pub fn without(&self, node: &NodeId) -> Self {
        self.changed(node, None)
    }

    fn changed(&self, node: &NodeId, entry: Option<Arc<NodeEntry>>) -> Self {
        let mut next = self.clone();
        let nodes = Arc::make_mut(&mut next.nodes);
        let before = match entry.clone() {
            Some(entry) => nodes.insert(node.clone(), entry),
            None => nodes.remove(node),
        };
        if before == entry {
            return self.clone();
        }
        let touched: BTreeSet<&RoleName> = before
            .iter()
            .chain(&entry)
            .flat_map(|entry| entry.endpoints.iter().map(|endpoint| &endpoint.role))
            .collect();
        for role in touched {
            let shard = Arc::make_mut(&mut next.shards[shard_of(role)]);
            let slice = shard.get(role).map(Arc::clone).unwrap_or_default();
            match slice.with(role.as_str(), node, entry.as_deref()) {
                Some(slice) => shard.insert(role.clone(), Arc::new(slice)),
                None => shard.remove(role),
            };
        }
        next
    }

    /// The node whose view this is.
    #[must_use]
    pub fn own(&self) -> &NodeId {
        &self.own
    }

    /// What a node offers, as far as it is known.
    #[must_use]
    pub fn node(&self, node: &NodeId) -> Option<&Arc<NodeEntry>> {
        self.nodes.get(node)
    }

    /// Every node's entry, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<NodeEntry>> {
        self.nodes.values()
    }

    /// The endpoints of one role that may be chosen, by (priority, node, agent).
    #[must_use]
    pub fn serving(&self, role: &RoleName) -> &[Arc<Endpoint>] {
        self.slice(role).map_or(&[], |slice| slice.serving())
    }

    /// Whether `address` lists `role` at all: alive or not, healthy or not, standing by or not.
    #[must_use]
    pub fn lists(&self, address: &Address, role: &RoleName) -> bool {
        self.node(&address.node).is_some_and(|entry| {
            entry
                .endpoints
                .iter()
                .any(|endpoint| endpoint.address == *address && endpoint.role == *role)
        })
    }

    /// Whether `address` is one of the endpoints of `role` that may be chosen now; `false` for one
    /// that stands by behind an exclusive one.
    #[must_use]
    pub fn serves(&self, address: &Address, role: &RoleName) -> bool {
        self.serving(role)
            .iter()
            .any(|endpoint| endpoint.address == *address)
    }

    /// Whether `address` could serve an exclusive `role`, but does not: another endpoint comes
    /// first, or its node does not know yet whether one does.
    #[must_use]
    pub fn stands_by(&self, address: &Address, role: &RoleName) -> bool {
        self.exclusive_at(address, role)
            .is_some_and(|own| own.waits || (own.serving && !self.serves(address, role)))
    }

    /// Who serves an exclusive role while `address` stands by; `None` where it does not, and where
    /// nobody is known to.
    #[must_use]
    pub fn in_place_of(&self, address: &Address, role: &RoleName) -> Option<&Arc<Endpoint>> {
        let standing_by = self.exclusive_at(address, role)?;
        let first = self
            .serving(role)
            .iter()
            .find(|endpoint| endpoint.exclusive && endpoint.scope == standing_by.scope)?;
        (first.address != *address).then_some(first)
    }

    fn exclusive_at(&self, address: &Address, role: &RoleName) -> Option<&Arc<Endpoint>> {
        let slice = self.slice(role)?;
        let listed = slice.all().iter();
        listed
            .filter(|endpoint| endpoint.exclusive)
            .find(|endpoint| endpoint.address == *address)
    }

    /// Every role that anyone lists, in order.
    #[must_use]
    pub fn roles(&self) -> BTreeSet<&RoleName> {
        self.shards.iter().flat_map(|shard| shard.keys()).collect()
    }

    pub(crate) fn slice(&self, role: &RoleName) -> Option<&RoleSlice> {
        self.shards[shard_of(role)].get(role).map(AsRef::as_ref)
    }

    /// Slices of the roles that `wanted` accepts, in the roles' order.
    pub(crate) fn slices(&self, wanted: impl Fn(&RoleName) -> bool) -> Vec<&RoleSlice> {
        let mut found: Vec<(&RoleName, &RoleSlice)> = self
            .shards
            .iter()
            .flat_map(|shard| shard.iter())
            .filter(|(role, _)| wanted(role))
            .map(|(role, slice)| (role, slice.as_ref()))
            .collect();
        found.sort_by_key(|(role, _)| *role);
        found.into_iter().map(|(_, slice)| slice).collect()
    }
}

fn shard_of(role: &RoleName) -> usize {
    let hash = super::endpoint::hash_sticky(role.as_str().as_bytes());
    usize::try_from(hash % SHARDS as u64).unwrap_or_default()
}
