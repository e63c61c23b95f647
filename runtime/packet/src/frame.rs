//! Frames: what a node says to the next one it is connected to.
//!
//! On the wire a frame is a big-endian `u32` length and that many bytes of MessagePack:
//!
//! ```text
//!  0       4                    4+n
//!  ┌───────┬────────────────────┐
//!  │ n u32 │ frame, n bytes     │   n ≤ FRAME_BYTES_MAX
//!  └───────┴────────────────────┘
//! ```
//! Mutual TLS protects frames; they are never signed and never reach an agent.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{BootId, Hash, KeyId, Lane, NodeId, Packed, SwarmId};

/// An object with the signature of the key it names; what it holds depends on its purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The key that signed.
    pub signer: KeyId,
    /// The encoded object, exactly as signed.
    pub body: Bytes,
    /// RSA-PSS-SHA256 over `skep/1/<purpose>\0` ‖ body.
    pub signature: Bytes,
}

/// What one RSA signature of a batch covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BatchStatement {
    /// Version of the sealing rules, 1.
    pub version: u8,
    /// The only swarm it is valid in.
    pub swarm: SwarmId,
    /// The signing node's key.
    pub signer: KeyId,
    /// The signing node's current start.
    pub boot: BootId,
    /// Counts the batches of this boot, from 1.
    pub batch_seq: u64,
    /// When it was signed, in milliseconds since the Unix epoch.
    pub issued_at_ms: u64,
    /// Number of subtrees under the root.
    pub n_subtrees: u32,
    /// The root of the upper tree.
    pub root: Hash,
}

/// One subtree of a sealed batch: all packets for one receiver and lane, and their way to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// What was signed.
    pub statement: BatchStatement,
    /// The signature over the statement.
    pub signature: Bytes,
    /// This subtree's position under the root, from 0.
    pub subtree: u32,
    /// Sibling hashes from this subtree's root up to the signed root.
    pub path: Vec<Hash>,
    /// The lane all packets of this subtree travel on.
    pub lane: Lane,
    /// The packets, hashed as they are.
    pub packets: Packed,
}

/// First frame of each side on a new connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the protocol, 1.
    pub version: u8,
    /// The swarm the node belongs to.
    pub swarm: SwarmId,
    /// Who is speaking; must be the passport's node.
    pub node: NodeId,
    /// The node's current start.
    pub boot: BootId,
    /// The node's passport, signed by the authority.
    pub passport: Signed,
    /// Where the node listens; empty for one that only dials out.
    pub listen: Vec<SocketAddr>,
    /// How this node's authority came after others that still count, each signed by both; empty
    /// while there is one authority.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub successions: Vec<Signed>,
}

/// Liveness of a member, in SWIM's words (Das et al., 2002, §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MemberState {
    /// Answers.
    #[serde(rename = "a")]
    Alive,
    /// Did not answer in time; may still refute.
    #[serde(rename = "s")]
    Suspect,
    /// Declared dead; comes back with a higher incarnation.
    #[serde(rename = "d")]
    Dead,
    /// Said goodbye.
    #[serde(rename = "l")]
    Left,
}

/// One fact about a member, carried on probes until it was told often enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rumor {
    /// Whom it is about.
    pub node: NodeId,
    /// Orders the facts about one node; only the node itself raises it.
    pub incarnation: u64,
    /// The fact.
    pub state: MemberState,
    /// The version of the node's newest descriptor that the teller knows of.
    pub version: u64,
}

/// A probe of SWIM's failure detector, with the rumors it carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Swim {
    /// Are you there?
    Ping {
        /// Comes back in the answer.
        probe: u64,
        /// What is worth telling.
        rumors: Vec<Rumor>,
    },
    /// I am here, or the one you asked me to probe is.
    Ack {
        /// The probe it answers.
        probe: u64,
        /// Whom it speaks for.
        about: NodeId,
        /// What is worth telling.
        rumors: Vec<Rumor>,
    },
    /// Probe `target` for me.
    PingReq {
        /// Comes back in the answer.
        probe: u64,
        /// Whom to probe.
        target: NodeId,
        /// What is worth telling.
        rumors: Vec<Rumor>,
    },
}

/// How new a node's descriptor is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeVersion {
    /// Whose descriptor.
    pub node: NodeId,
    /// Its version; 0 for a member without a known descriptor.
    pub version: u64,
    /// The member's incarnation.
    pub incarnation: u64,
    /// The member's state.
    pub state: MemberState,
}

/// Sequence numbers of one lane that arrived, so that the sender may forget them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneAck {
    /// The lane.
    pub lane: Lane,
    /// The sender's boot that numbered them.
    pub boot: BootId,
    /// Runs of numbers: first, and how many.
    pub runs: Vec<(u64, u32)>,
}

/// Durable packets whose effect is committed at the receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The outbox they belong to.
    pub epoch: u64,
    /// Their numbers.
    pub seqs: Vec<u64>,
}

/// Why a packet, or a whole frame, was refused. The name is the reason in counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// Larger than a limit allows.
    Oversized,
    /// Ends before it should.
    Truncated,
    /// Not what the protocol says: bad structure, too deep, trailing bytes.
    Malformed,
    /// Another version of the sealing rules.
    WrongVersion,
    /// Sealed for another swarm.
    WrongSwarm,
    /// No passport is known for the signing key.
    UnknownSigner,
    /// The signer's passport has run out or is not valid yet.
    ExpiredSigner,
    /// The signer's passport was revoked.
    RevokedSigner,
    /// The signature does not fit the statement.
    BadSignature,
    /// Packets and path do not lead to the signed root.
    BadProof,
    /// `from` names another node than the signer.
    WrongSigner,
    /// The target is another node.
    WrongRecipient,
    /// Sealed for an earlier boot of this node; seal again for the boot in the answer.
    StaleBoot,
    /// Older than the replay window; seal again.
    Reseal,
    /// Was here before.
    Replayed,
    /// Its time has passed.
    Expired,
    /// Issued further ahead than clocks may differ.
    Future,
    /// This node has no such agent, or the agent no longer serves the role.
    NotServed,
    /// Another endpoint serves this exclusive role, or this node does not know yet who does: choose
    /// again.
    StandsBy,
    /// The agent has no such handler.
    NoHandler,
    /// The handler does not admit this caller.
    Denied,
    /// The agent's mailbox is at its bound.
    MailboxFull,
    /// The agent is not running now.
    AgentDown,
    /// The handler took it and failed; a durable packet comes again, a few times.
    HandlerFailed,
    /// An operator's request that this agent was given before, or may have been.
    RequestReplayed,
    /// An authority is said to be followed by another one than the one that followed it: its key
    /// is in other hands.
    SecondSuccessor,
}

impl Refusal {
    /// Every reason, for counters that start at zero.
    pub const ALL: [Self; 26] = [
        Self::Oversized,
        Self::Truncated,
        Self::Malformed,
        Self::WrongVersion,
        Self::WrongSwarm,
        Self::UnknownSigner,
        Self::ExpiredSigner,
        Self::RevokedSigner,
        Self::BadSignature,
        Self::BadProof,
        Self::WrongSigner,
        Self::WrongRecipient,
        Self::StaleBoot,
        Self::Reseal,
        Self::Replayed,
        Self::Expired,
        Self::Future,
        Self::NotServed,
        Self::StandsBy,
        Self::NoHandler,
        Self::Denied,
        Self::MailboxFull,
        Self::AgentDown,
        Self::HandlerFailed,
        Self::RequestReplayed,
        Self::SecondSuccessor,
    ];

    /// The reason as it stands in counters and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oversized => "oversized",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::WrongVersion => "wrong_version",
            Self::WrongSwarm => "wrong_swarm",
            Self::UnknownSigner => "unknown_signer",
            Self::ExpiredSigner => "expired_signer",
            Self::RevokedSigner => "revoked_signer",
            Self::BadSignature => "bad_signature",
            Self::BadProof => "bad_proof",
            Self::WrongSigner => "wrong_signer",
            Self::WrongRecipient => "wrong_recipient",
            Self::StaleBoot => "stale_boot",
            Self::Reseal => "reseal",
            Self::Replayed => "replayed",
            Self::Expired => "expired",
            Self::Future => "future",
            Self::NotServed => "not_served",
            Self::StandsBy => "stands_by",
            Self::NoHandler => "no_handler",
            Self::Denied => "denied",
            Self::MailboxFull => "mailbox_full",
            Self::AgentDown => "agent_down",
            Self::HandlerFailed => "handler_failed",
            Self::RequestReplayed => "request_replayed",
            Self::SecondSuccessor => "second_successor",
        }
    }
}

/// One packet that was refused after its seal was found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The lane it came on.
    pub lane: Lane,
    /// Its number on that lane.
    pub seq: u64,
    /// Why.
    pub reason: Refusal,
}

/// What a node says to the next one it is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// Who I am.
    Hello(Hello),
    /// Failure detection.
    Swim(Swim),
    /// Push-pull: what I know; answer with what is newer, and with your own versions if `answer`.
    Versions {
        /// How new everything I know is.
        versions: Vec<NodeVersion>,
        /// Whether the receiver should send its versions back.
        answer: bool,
    },
    /// Send me the descriptors of these nodes.
    Want(Vec<NodeId>),
    /// Signed descriptors, each with the passport of its signer.
    Descriptors(Vec<(Signed, Signed)>),
    /// Signed revocations.
    Revocations(Vec<Signed>),
    /// Successions of authorities, each signed by both.
    Successions(Vec<Signed>),
    /// My papers end soon: make me new ones for the same key.
    Renew,
    /// Here they are.
    Renewed {
        /// The new passport, signed by the authority.
        passport: Signed,
        /// The new certificate (DER), signed by the authority as a CA.
        certificate: Bytes,
    },
    /// Sealed packets.
    Batch(Batch),
    /// Sealed packets for another node: pass them on as [`Frame::Batch`], over your own connection
    /// to it or not at all.
    Relay {
        /// For whom they are sealed.
        to: NodeId,
        /// The packets, unread.
        batch: Box<Batch>,
    },
    /// These packets arrived.
    Ack(LaneAck),
    /// These durable packets are committed.
    Settled(Settled),
    /// These packets were refused; `boot` is the refusing node's current start.
    Refused {
        /// The refusing node's current start.
        boot: BootId,
        /// The sender's boot that numbered the packets.
        sender_boot: BootId,
        /// Which and why.
        packets: Vec<Refused>,
    },
    /// I am leaving on purpose.
    Goodbye,
}
