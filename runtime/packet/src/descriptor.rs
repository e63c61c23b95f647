//! What a node tells the others about itself.

use std::{collections::BTreeMap, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{AgentName, BootId, HandlerName, NodeId, RoleName, SwarmId};

/// How far a role is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To agents of the same node.
    Node,
    /// To every node of the swarm.
    #[default]
    Swarm,
}

/// The state of an agent, as its node tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AgentHealth {
    /// Being built, or its start function has not returned yet.
    Starting,
    /// Takes packets.
    Healthy,
    /// Failed or hung: its last copy ends, or it waits out a backoff before its next start.
    Restarting,
    /// Failed more often than its restart intensity allows; waits for a person.
    CrashLoop,
    /// Did not stop when told; its mailbox is closed and no second copy starts.
    Stuck,
    /// Ended, and its restart policy leaves it so.
    Stopped,
}

impl AgentHealth {
    /// Whether packets may be sent to the agent.
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(self, Self::Starting | Self::Healthy | Self::Restarting)
    }
}

/// A role that an agent serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServedRole {
    /// What is offered.
    pub role: RoleName,
    /// The function that does it.
    pub handler: HandlerName,
    /// How far it is offered.
    pub scope: Scope,
    /// The lowest number present is chosen; default 100.
    pub priority: u32,
    /// Whether only one endpoint of the swarm may serve it at a time.
    pub exclusive: bool,
}

/// One agent of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCard {
    /// Its name on the node.
    pub agent: AgentName,
    /// The program it runs (`name` in the directive).
    pub kind: String,
    /// The agent above it in the tree; none for the root's children.
    pub parent: Option<AgentName>,
    /// How it is drawn in a tree, at most 16 characters.
    pub emoji: Option<String>,
    /// What it offers.
    pub roles: Vec<ServedRole>,
    /// Whether it takes packets.
    pub health: AgentHealth,
    /// Counts its starts on this boot; callers see that it is another one.
    pub incarnation: u32,
}

/// What a node tells the others about itself; travels signed by the node's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The only swarm it is valid in.
    pub swarm: SwarmId,
    /// Whose it is.
    pub node: NodeId,
    /// The node's current start.
    pub boot: BootId,
    /// Grows with each change, also over restarts; the higher one wins.
    pub version: u64,
    /// Where the node listens for the swarm; empty for one that only dials out.
    pub addresses: Vec<SocketAddr>,
    /// Through whom the node is reached that only dials out: one of those it is connected to.
    pub hub: Option<NodeId>,
    /// The passport's labels.
    pub labels: BTreeMap<String, String>,
    /// Its agents, in the tree's order.
    pub agents: Vec<AgentCard>,
    /// Packets waiting in mailboxes, as a measure of load.
    pub load: u32,
    /// Names the directive that runs.
    pub directive: String,
    /// The version of the program.
    pub program: String,
    /// Whether the node holds the authority: the others ask it for new papers.
    pub issues: bool,
}

impl Descriptor {
    /// Every role served, with its agent.
    pub fn roles(&self) -> impl Iterator<Item = (&AgentCard, &ServedRole)> {
        self.agents
            .iter()
            .flat_map(|card| card.roles.iter().map(move |role| (card, role)))
    }
}
