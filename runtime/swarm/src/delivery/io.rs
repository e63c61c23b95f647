//! What delivery is told, and what it wants done.

use std::sync::Arc;

use skep_packet::{
    Address, AgentName, BootId, Frame, LaneAck, NodeId, OutboxMark, Packet, PacketId, Refusal,
    Refused, Settled, Token, WirePacket,
};

use super::{draft::Target, outbox::OutboxRow};
use crate::roles::{NoEndpoint, RoleIndex};

/// Names one [`Output::Deliver`] until its outcome is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What the mailbox said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The packet is in the agent's mailbox.
    Queued,
    /// It is not, and why: `not_served`, `no_handler`, `denied`, `mailbox_full`, `agent_down`.
    Refused(Refusal),
}

/// What delivery is told.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "`Received` is by far the most common one: a box would cost more than it saves"
)]
pub enum Input {
    /// The role index is another one.
    Roles(Arc<RoleIndex>),
    /// There is a way to a node, or another one, and it runs under this boot.
    PeerUp {
        /// Who.
        node: NodeId,
        /// Its current start.
        boot: BootId,
        /// Whether the way is through another node: then what is answered there is sealed too, as
        /// [`Output::Transmit`].
        relayed: bool,
    },
    /// There is no way any more.
    PeerDown {
        /// Who.
        node: NodeId,
    },
    /// Packets of ours arrived.
    Ack {
        /// Where.
        from: NodeId,
        /// Which.
        ack: LaneAck,
    },
    /// Durable packets of ours are committed.
    Settled {
        /// Where.
        from: NodeId,
        /// Which.
        settled: Settled,
    },
    /// Packets of ours were refused.
    Refused {
        /// Where.
        from: NodeId,
        /// The refusing node's current start.
        boot: BootId,
        /// The boot of ours that numbered the packets.
        sender_boot: BootId,
        /// Which, and why.
        packets: Vec<Refused>,
    },
    /// A packet arrived and its seal is good.
    Received {
        /// The node that sealed it.
        from: NodeId,
        /// The boot of it that numbered the packet.
        boot: BootId,
        /// The packet.
        wire: WirePacket,
    },
    /// A packet arrived and its seal is good, but the opener refused it.
    Reject {
        /// The node that sealed it.
        from: NodeId,
        /// The boot of it that numbered the packets.
        boot: BootId,
        /// Which, and why.
        packets: Vec<Refused>,
    },
    /// What the mailbox said to an [`Output::Deliver`].
    Delivered {
        /// Which.
        ticket: Ticket,
        /// What it said.
        outcome: Outcome,
    },
    /// A durable packet's effect is on disk, with the [`InboxDelta`](super::InboxDelta) of
    /// [`Delivery::inbox_delta`](super::Delivery::inbox_delta).
    Committed {
        /// Whose outbox it came from.
        sender: NodeId,
        /// Its place there.
        mark: OutboxMark,
    },
    /// A durable packet's handler failed; nothing was committed.
    HandlerFailed {
        /// Whose outbox it came from.
        sender: NodeId,
        /// Its place there.
        mark: OutboxMark,
    },
    /// An agent's mailbox was lost with its task; durable packets in it come again.
    MailboxLost {
        /// Whose.
        agent: AgentName,
    },
    /// Rows of [`Delivery::admit`](super::Delivery::admit) are on disk: send them.
    Written {
        /// Their numbers.
        rows: Vec<u64>,
    },
    /// The transaction of rows of [`Delivery::admit`](super::Delivery::admit) was given up.
    Aborted {
        /// Their numbers.
        rows: Vec<u64>,
    },
    /// Rows of an [`Output::Persist`] are on disk, or those of an [`Output::DeadLetter`] moved.
    Persisted {
        /// Their numbers.
        rows: Vec<u64>,
    },
    /// This node itself has something to say to another one: it goes as answers do, sealed where a
    /// third one passes it on, and is not sent again.
    Say {
        /// To whom.
        to: NodeId,
        /// What.
        frame: Box<Frame>,
    },
}

/// What the driver does for delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Seal and send; at the bound of the sealer drop it, it is tried again.
    Transmit {
        /// To whom.
        to: NodeId,
        /// What.
        wire: WirePacket,
    },
    /// Send a frame on the control lane; drop it where no connection is up.
    Frame {
        /// To whom.
        to: NodeId,
        /// What.
        frame: Frame,
    },
    /// Packets wait for a connection to this node.
    Connect(NodeId),
    /// Put a packet in an agent's mailbox, and tell the outcome by [`Input::Delivered`].
    Deliver {
        /// Names it in the answer.
        ticket: Ticket,
        /// The packet.
        packet: Packet,
        /// Set for a durable one.
        durable: Option<OutboxMark>,
    },
    /// An accepted packet is in its target's mailbox.
    Accepted {
        /// Which.
        id: PacketId,
        /// Whose mailbox.
        target: Address,
    },
    /// An accepted packet did not arrive, and is not tried any more.
    Failed {
        /// Which.
        id: PacketId,
        /// The agent that sent it.
        agent: AgentName,
        /// The token it carries.
        token: Option<Token>,
        /// The last endpoint that was tried.
        target: Address,
        /// Why.
        reason: FailReason,
    },
    /// An accepted packet goes to another endpoint; the former may have taken it too.
    Retargeted {
        /// Which.
        id: PacketId,
        /// The agent that sent it.
        agent: AgentName,
        /// The token it carries.
        token: Option<Token>,
        /// The endpoint that is given up.
        from: Address,
        /// The one that is tried now.
        to: Target,
    },
    /// Write these outbox rows, and `next_seq` as the greater of what is stored and this, in one
    /// transaction; then tell [`Input::Persisted`].
    Persist {
        /// The rows.
        rows: Vec<OutboxRow>,
        /// The number that no row has had yet.
        next_seq: u64,
    },
    /// Delete these outbox rows, soon; a row that comes back after a crash is settled again.
    Delete {
        /// Their numbers.
        rows: Vec<u64>,
    },
    /// Move a row to the dead letters, count it and log it at error; then tell
    /// [`Input::Persisted`].
    DeadLetter {
        /// The row.
        row: OutboxRow,
        /// Why.
        reason: DeadReason,
    },
}

/// Why an accepted packet is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailReason {
    /// Its deadline passed while nobody answered.
    Expired,
    /// Its target refused it, and there is no other.
    Refused(Refusal),
    /// Its target's node was declared dead, and there is no other.
    NodeDead,
    /// Too many packets wait for the same node.
    Overloaded,
}

/// Why a durable packet is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadReason {
    /// Its `keep_until` passed.
    Expired,
    /// Its handler failed [`POISON_MAX`](super::POISON_MAX) times.
    Poison,
    /// Its target refuses it for good.
    NoTarget(Refusal),
}

impl DeadReason {
    /// The reason as it stands in counters and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Poison => "poison",
            Self::NoTarget(refusal) => refusal.name(),
        }
    }
}

/// A packet could not be taken. Nothing was kept or sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendRefused {
    /// No live endpoint serves the role now.
    #[error(transparent)]
    NoEndpoint(#[from] NoEndpoint),
    /// The content is larger than one packet may be; the conversation must page it.
    #[error("{got} bytes of content where at most {max} fit one packet")]
    TooLarge {
        /// Bytes given.
        got: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The outbox is at its bound; the transaction fails as a whole.
    #[error("the outbox is full ({max} packets)")]
    OutboxFull {
        /// The bound.
        max: usize,
    },
}
