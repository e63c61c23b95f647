//! The times and bounds of delivery.

use std::time::Duration;

use skep_packet::{BootId, Lane, NodeId, SwarmId, limits::PACKET_BYTES_MAX};

/// Who this node is to delivery.
#[derive(Debug, Clone)]
pub struct DeliveryConfig {
    /// The swarm that its packets are valid in.
    pub swarm: SwarmId,
    /// This node.
    pub node: NodeId,
    /// Its current start.
    pub boot: BootId,
    /// Names the outbox; minted with the store, and anew when a store is restored from a backup.
    pub epoch: u64,
}

/// Most content of one packet, in bytes; the rest of a packet always fits beside it.
pub const CONTENT_BYTES_MAX: usize = PACKET_BYTES_MAX - 16 * 1024;

/// Most packets in the outbox; a transaction that would pass it fails as `outbox_full`.
pub const OUTBOX_MAX: usize = 100_000;

/// Of [`OUTBOX_MAX`] and [`OUTBOX_BYTES_MAX`] this part is kept for alerts.
pub const OUTBOX_RESERVED_PART: usize = 10;

/// Most bytes of content in the outbox, which is held in memory too.
pub const OUTBOX_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Most endpoints a row has left and may have been run at that are kept in mind; beyond it the oldest
/// is forgotten, and may run the row once more should it come back to it.
pub const FORMER_MAX: usize = 16;

/// A durable packet that its handler failed this often goes to the dead letters.
pub const POISON_MAX: u32 = 3;

/// A durable packet for one agent that its node refused as not served this often has no target.
pub const NOT_SERVED_MAX: u32 = 10;

/// Most packets of one lane on their way to one node; further ones wait in the lane's queue.
pub const IN_FLIGHT_MAX: usize = 16_384;

/// Most packets that wait for their turn on one lane to one node; a further one fails as
/// `overloaded`, or is dropped where it is best effort.
pub const LANE_QUEUE_MAX: usize = 16_384;

/// Most durable packets of one receiver that stand in a lane's queue; the rest stays in the outbox.
pub const DURABLE_QUEUED_MAX: usize = 4_096;

/// How far the numbers of a lane may run ahead of the first number of a packet that is not answered
/// yet. Less than the replay window, so that a receiver which remembers ids for the window's span
/// knows every packet that may still come again.
pub const SEQ_SPAN_MAX: u64 = 60_000;

/// Bytes of one lane on their way to one node; further packets wait in the lane's queue.
#[must_use]
pub const fn lane_bytes_max(lane: Lane) -> usize {
    match lane {
        Lane::Control => 1024 * 1024,
        Lane::Command => 4 * 1024 * 1024,
        // So little that bulk never delays an alert by more than a few milliseconds.
        Lane::Bulk => 512 * 1024,
    }
}

/// A packet that was not answered for this long is sent again (accepted, durable) or given up
/// (best effort).
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The longest pause between two tries of an accepted packet.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);

/// The first pause after a refusal that may pass: full mailbox, agent down.
pub const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two tries of a durable packet.
pub const DURABLE_PAUSE_MAX: Duration = Duration::from_secs(30);

/// A durable packet that arrived but was not settled for this long is sent again.
pub const SETTLE_AFTER: Duration = Duration::from_secs(30);

/// How long a node may be out of reach before its packets try the next endpoint.
pub const CONNECT_GRACE: Duration = Duration::from_secs(1);

/// How long a sealed copy of a durable packet is valid, in milliseconds.
pub const DURABLE_SEAL_TTL_MS: u64 = 60_000;

/// Acks wait this long for company.
pub const ACK_DELAY: Duration = Duration::from_millis(5);

/// This many acks for one node leave at once.
pub const ACK_BATCH: usize = 256;

/// Most sender epochs that the inbox keeps for one node; the one used longest ago is forgotten.
pub const EPOCHS_PER_SENDER_MAX: usize = 2;

/// How often the outbox is searched for rows whose time has passed.
pub const EXPIRY_PERIOD: Duration = Duration::from_secs(10);
