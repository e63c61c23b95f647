//! One place where a role is served, and all such places of one node.

use std::{collections::BTreeSet, sync::Arc};

use skep_packet::{Address, BootId, Descriptor, HandlerName, NodeId, RoleName, RolePattern, Scope};

/// One agent that serves one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// What it offers.
    pub role: RoleName,
    /// The function that does it.
    pub handler: HandlerName,
    /// How far it is offered.
    pub scope: Scope,
    /// The lowest number present is chosen.
    pub priority: u32,
    /// Whether only the first endpoint of the swarm serves, and the others stand by.
    pub exclusive: bool,
    /// The boot of its node, as its descriptor tells it.
    pub boot: BootId,
    /// Counts the agent's starts on that boot.
    pub agent_incarnation: u32,
    /// Whether its node lives and its agent takes packets.
    pub serving: bool,
    /// Whether it would serve, but its node started so recently that another one may hold the role.
    pub waits: bool,
    /// Names the address in the rendezvous hash.
    pub(crate) address_hash: u64,
}

impl Endpoint {
    /// What orders endpoints of a role: priority, then node, then agent.
    pub(crate) fn rank(&self) -> (u32, &NodeId, &Address) {
        (self.priority, &self.address.node, &self.address)
    }
}

/// What one node offers; one per node, replaced whole when its descriptor or its liveness changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEntry {
    /// Whose it is.
    pub node: NodeId,
    /// The node's start that the descriptor tells.
    pub boot: BootId,
    /// The descriptor's version.
    pub version: u64,
    /// Whether the node is held alive (or suspect); the roles of a dead one are known, not served.
    pub alive: bool,
    /// Its endpoints, in the tree's order.
    pub endpoints: Vec<Arc<Endpoint>>,
}

impl NodeEntry {
    /// Takes in a descriptor: only the roles that one of the passport's `serves` patterns covers.
    #[must_use]
    pub fn new(descriptor: &Descriptor, serves: &[RolePattern], alive: bool) -> Self {
        // An agent that lists a role twice serves it once, as listed first.
        let mut listed = BTreeSet::new();
        let endpoints = descriptor
            .roles()
            .filter(|(card, served)| listed.insert((&card.agent, &served.role)))
            .filter(|(_, served)| serves.iter().any(|pattern| pattern.matches(&served.role)))
            .map(|(card, served)| {
                let address = Address::new(card.agent.clone(), descriptor.node.clone());
                Arc::new(Endpoint {
                    address_hash: hash_address(&address),
                    address,
                    role: served.role.clone(),
                    handler: served.handler.clone(),
                    scope: served.scope,
                    priority: served.priority,
                    exclusive: served.exclusive,
                    boot: descriptor.boot,
                    agent_incarnation: card.incarnation,
                    serving: alive && card.health.serves(),
                    waits: false,
                })
            })
            .collect();
        Self {
            node: descriptor.node.clone(),
            boot: descriptor.boot,
            version: descriptor.version,
            alive,
            endpoints,
        }
    }

    /// The entry of a node that does not know the swarm yet: its exclusive roles are left to others,
    /// but those that it offers to itself only.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        for endpoint in &mut self.endpoints {
            if endpoint.exclusive && endpoint.scope == Scope::Swarm && endpoint.serving {
                let endpoint = Arc::make_mut(endpoint);
                endpoint.serving = false;
                endpoint.waits = true;
            }
        }
        self
    }
}

fn hash_address(address: &Address) -> u64 {
    let node = fnv(FNV_OFFSET, address.node.as_str().as_bytes());
    fnv(fnv(node, b"\0"), address.agent.as_str().as_bytes())
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bits: stable over versions and hosts, so that every node chooses the same endpoint.
fn fnv(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The hash of what a conversation sticks to: its session or token.
pub(crate) fn hash_sticky(sticky: &[u8]) -> u64 {
    fnv(FNV_OFFSET, sticky)
}

/// The weight of an endpoint for a conversation (rendezvous hashing: the highest weight wins).
///
/// Both halves of one wide product, folded: one multiplication for each of a thousand endpoints.
pub(crate) fn weight(sticky_hash: u64, address_hash: u64) -> u64 {
    let a = sticky_hash ^ address_hash;
    let b = address_hash.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}
