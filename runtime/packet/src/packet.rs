//! The packet: what one agent says to another.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Address, BootId, HandlerName, PacketId, RoleName, RolePattern, SwarmId, Token};

/// What a packet is, in the words its users know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Kind {
    /// A command for a handler.
    #[serde(rename = "standard.command.packet")]
    Command,
    /// Something a person should know.
    #[serde(rename = "notify.alert.general")]
    Alert,
    /// A part of an answer on its way to a person's session.
    #[serde(rename = "rpc.callback")]
    Callback,
    /// The answer to an ask; settles it.
    #[serde(rename = "reply")]
    Reply,
    /// A state or severity report.
    #[serde(rename = "standard.status.event.packet")]
    Status,
    /// What one node's delivery answers to another's, where there is no connection between them: an
    /// encoded [`Frame`](crate::Frame). It reaches no agent, and is never answered itself.
    #[serde(rename = "answers")]
    Answers,
}

/// What the sender is promised; the words of the table in `docs/PROTOCOL.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Class {
    /// May be lost.
    #[serde(rename = "b")]
    BestEffort,
    /// In the target's mailbox at least once, and run once per endpoint and boot.
    #[serde(rename = "a")]
    Accepted,
    /// Kept by the sender until the handler's transaction has committed.
    #[serde(rename = "d")]
    Durable,
}

/// One of the three streams between two nodes, each with its own bound and priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// Probes, gossip and acks; always first.
    #[serde(rename = "c")]
    Control,
    /// Commands, asks, replies, alerts and callbacks.
    #[serde(rename = "m")]
    Command,
    /// Record batches; never delays the others.
    #[serde(rename = "k")]
    Bulk,
}

impl Lane {
    /// Every lane, most urgent first.
    pub const ALL: [Self; 3] = [Self::Control, Self::Command, Self::Bulk];

    /// Position in [`Lane::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Control => 0,
            Self::Command => 1,
            Self::Bulk => 2,
        }
    }

    /// The lane's name in metrics and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Command => "command",
            Self::Bulk => "bulk",
        }
    }
}

/// Whom a sender means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Whoever serves a role that the pattern covers.
    Role(RolePattern),
    /// One agent; only then may the sender name the handler.
    Agent(Address, HandlerName),
}

/// What one agent says to another.
///
/// Encoded as a MessagePack array in field order; at most
/// [`PACKET_BYTES_MAX`](crate::limits::PACKET_BYTES_MAX) bytes with its [`SealHeader`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// Stays the same over every retry.
    pub id: PacketId,
    /// What it is.
    pub kind: Kind,
    /// The only swarm it is valid in.
    pub swarm: SwarmId,
    /// Who says it.
    pub from: Address,
    /// The role that was asked for, where the sender asked for a role.
    pub role: Option<RoleName>,
    /// The endpoint it was resolved to.
    pub target: Address,
    /// The target's function.
    pub handler: HandlerName,
    /// Ties an answer to its question.
    pub token: Option<Token>,
    /// Where callbacks go: the router that holds the person's session.
    pub reply_to: Option<Address>,
    /// What the sender is promised.
    pub class: Class,
    /// The stream it travels on.
    pub lane: Lane,
    /// When it was sealed, in milliseconds since the Unix epoch.
    pub issued_at_ms: u64,
    /// How long it is valid after `issued_at_ms`, in milliseconds.
    pub ttl_ms: u64,
    /// An operator's own signature over the request, checked by the node that answers.
    pub proof: Option<Bytes>,
    /// What only the handler decodes.
    pub content: Bytes,
}

impl Packet {
    /// Whether the packet is too old at `unix_ms`, the receiver's wall clock.
    #[must_use]
    pub fn expired(&self, unix_ms: u64) -> bool {
        let until = self.issued_at_ms.saturating_add(self.ttl_ms);
        unix_ms > until.saturating_add(crate::limits::SKEW_MAX_MS)
    }

    /// Whether the packet claims to come from further ahead than clocks may differ.
    #[must_use]
    pub fn from_the_future(&self, unix_ms: u64) -> bool {
        self.issued_at_ms > unix_ms.saturating_add(crate::limits::SKEW_MAX_MS)
    }
}

/// A durable packet's place in its sender's outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutboxMark {
    /// Minted with the store; a new or restored store has another one.
    pub epoch: u64,
    /// The row's number for this receiver; never used twice within an epoch.
    pub seq: u64,
    /// The lowest number for this receiver that is not settled yet.
    pub lowest: u64,
}

/// What the seal adds to a packet, so that it is good once, for one receiver and one boot of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealHeader {
    /// The boot of the receiver that it is for.
    pub to_boot: BootId,
    /// Counts within (sender boot, receiver, lane), from 1.
    pub seq: u64,
    /// Set for durable packets only.
    pub outbox: Option<OutboxMark>,
}

/// The bytes of a leaf: a packet and its seal header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WirePacket {
    /// The seal header.
    pub seal: SealHeader,
    /// The packet.
    pub packet: Packet,
}
