//! What the door to people (rpc_router) may ask of its node, beyond what every agent may.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};
use skep_packet::{AgentCard, AgentName, Descriptor, Level, MemberState, NodeId, RoleName};

/// The node's TLS certificate chain and key, for listeners to people.
#[derive(Clone)]
pub struct TlsIdentity {
    /// Certificates in DER, the node's own first.
    pub chain: Vec<Vec<u8>>,
    /// The private key in PKCS#8 DER.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity")
            .field("n_certificates", &self.chain.len())
            .finish()
    }
}

/// What a login must bind to, so that it is good for this connection only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginClaim {
    /// The nonce that the door gave out for this connection.
    pub nonce: String,
    /// What names the connection: TLS exporter in hex, or `unix`.
    pub binding: String,
}

/// Who logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorName {
    /// The operator's name.
    pub name: String,
    /// What the operator may do.
    pub level: Level,
    /// Whether what nobody asked for, the digests of patrols, is for this operator too.
    pub hears_all: bool,
}

/// One agent as a tree shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeAgent {
    /// What its node tells everybody.
    #[serde(flatten)]
    pub card: AgentCard,
    /// Exclusive roles that it leaves to another agent for now, as the node that was asked sees it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stands_by: Vec<RoleName>,
    /// Its observable state; only of agents on the node that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<serde_json::Value>,
}

/// One node as a tree shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeNode {
    /// Its name.
    pub node: NodeId,
    /// Its liveness, as the node that was asked sees it.
    pub state: MemberState,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// Through whom it is reached, where it only dials out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub: Option<NodeId>,
    /// The version of its program.
    pub program: String,
    /// How far its clock is ahead of the one of the node that was asked, in milliseconds; known of
    /// nodes that sent packets to it. It holds what a packet took on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_ms: Option<i64>,
    /// Its agents, in the tree's order.
    pub agents: Vec<TreeAgent>,
}

/// The node that was asked, and what it keeps for others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// Durable packets on their way, by what they wait for (`ROLE` or `agent@node`).
    pub outbox: Vec<(String, u64)>,
    /// Durable packets that found no way: what they were for, why, and how many.
    pub dead_letters: Vec<(String, String, u64)>,
}

/// The swarm as one node sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeTree {
    /// The node that was asked.
    pub node: NodeId,
    /// Every node it knows, itself first.
    pub nodes: Vec<TreeNode>,
    /// What it keeps for others.
    pub state: NodeState,
}

impl TreeNode {
    /// A node as its descriptor tells it.
    #[must_use]
    pub fn of(descriptor: &Descriptor, state: MemberState) -> Self {
        let agent = |card: &AgentCard| TreeAgent {
            card: card.clone(),
            stands_by: Vec::new(),
            state: None,
        };
        Self {
            node: descriptor.node.clone(),
            state,
            addresses: descriptor.addresses.clone(),
            hub: descriptor.hub.clone(),
            program: descriptor.program.clone(),
            clock_ahead_ms: None,
            agents: descriptor.agents.iter().map(agent).collect(),
        }
    }
}

/// Whether the node does its work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether every agent is up and the store takes commits.
    pub ready: bool,
    /// What is not, one line each.
    pub reasons: Vec<String>,
}

/// What the door to people may ask of its node.
pub trait Door: Send + Sync + 'static {
    /// The certificate to show; `None` until the node's keys are made.
    fn tls(&self) -> Option<TlsIdentity>;

    /// Checks an operator's login against this node and connection.
    ///
    /// # Errors
    /// Why it is refused, in words that may be shown.
    fn check_login(&self, login: &[u8], claim: &LoginClaim) -> Result<OperatorName, String>;

    /// The swarm as this node sees it.
    fn tree(&self) -> NodeTree;

    /// Every counter, in the OpenMetrics text format.
    fn metrics(&self) -> String;

    /// Whether the node does its work.
    fn readiness(&self) -> Readiness;

    /// Takes in revocations that the authority signed on this host; says how many.
    ///
    /// # Errors
    /// Why they are refused, in words that may be shown. None was taken in.
    fn revoke(&self, revocations: &[u8]) -> Result<usize, String>;

    /// Has the node ask for new papers now, instead of two thirds into the life of the old ones.
    fn renew(&self);

    /// The path of the control socket.
    fn control_socket(&self) -> PathBuf;

    /// Where people's port should listen, and whether another port may be taken instead.
    fn people(&self) -> (SocketAddr, bool);

    /// Tells the node where people's port listens now.
    fn listening(&self, agent: &AgentName, address: SocketAddr);
}
