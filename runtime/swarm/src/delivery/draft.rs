//! A packet before its endpoint is chosen.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skep_packet::{
    Address, BootId, Class, Destination, HandlerName, Kind, Lane, Packet, PacketId, RoleName,
    Scope, SwarmId, Token,
};

use crate::roles::Endpoint;

/// What stays the same over every retry and every endpoint of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The packet's id.
    pub id: PacketId,
    /// What it is.
    pub kind: Kind,
    /// Who says it.
    pub from: Address,
    /// Ties an answer to its question.
    pub token: Option<Token>,
    /// Where callbacks go.
    pub reply_to: Option<Address>,
    /// What the sender is promised.
    pub class: Class,
    /// The stream it travels on.
    pub lane: Lane,
    /// An operator's own signature over the request.
    pub proof: Option<Bytes>,
    /// What only the handler decodes; at most
    /// [`CONTENT_BYTES_MAX`](super::CONTENT_BYTES_MAX) bytes.
    pub content: Bytes,
}

impl Draft {
    /// The packet for `target`, as it is sealed now.
    pub(super) fn packet(
        &self,
        swarm: SwarmId,
        target: &Target,
        issued_at_ms: u64,
        ttl_ms: u64,
    ) -> Packet {
        Packet {
            id: self.id,
            kind: self.kind,
            swarm,
            from: self.from.clone(),
            role: target.role.clone(),
            target: target.address.clone(),
            handler: target.handler.clone(),
            token: self.token.clone(),
            reply_to: self.reply_to.clone(),
            class: self.class,
            lane: self.lane,
            issued_at_ms,
            ttl_ms,
            proof: self.proof.clone(),
            content: self.content.clone(),
        }
    }

    /// What it takes of a lane's bytes, roughly.
    pub(super) fn n_bytes(&self) -> usize {
        self.content.len() + self.proof.as_ref().map_or(0, Bytes::len) + 256
    }
}

/// Which of a role's endpoints are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spread {
    /// One of them, by the session or token that the conversation sticks to.
    One {
        /// The session or token.
        sticky: Bytes,
    },
    /// Each of them. A durable packet that finds none waits, and then goes to the first.
    All,
}

/// What an agent wants to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The packet without its endpoint.
    pub draft: Draft,
    /// Whom it is for.
    pub to: Destination,
    /// How far to look for endpoints.
    pub scope: Scope,
    /// Which of them.
    pub spread: Spread,
    /// How long it is worth delivering.
    pub ttl: Duration,
}

/// The endpoint a packet was resolved to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Where it is.
    pub address: Address,
    /// The function that does it.
    pub handler: HandlerName,
    /// The role it was found by, where the sender asked for a role.
    pub role: Option<RoleName>,
    /// The boot of its node, as its descriptor told; nil for an address.
    pub boot: BootId,
    /// The agent's start, as its descriptor told; 0 for an address.
    pub agent_incarnation: u32,
}

impl Target {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        Self {
            address: endpoint.address.clone(),
            handler: endpoint.handler.clone(),
            role: Some(endpoint.role.clone()),
            boot: endpoint.boot,
            agent_incarnation: endpoint.agent_incarnation,
        }
    }
}
