//! Sealing: group commit of packets under one RSA signature.
//!
//! While one signature is computed, packets queue; the next signature covers them all. The sealer
//! only decides: what is to be signed goes out as a [`SignJob`] and its signature comes back.
//!
//! ```text
//! push ─► queue, one subtree for each (destination, lane) and 32 KiB
//!            │ poll: hash up to the root         (one signature at a time)
//!            ▼
//!         SignJob ─► a thread signs ─► signed ─► one Batch for each subtree
//! ```

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use skep_packet::{
    Batch, BatchStatement, BootId, Hash, KeyId, Lane, NodeId, Now, Packing, SwarmId, encode,
    limits::{BATCH_PACKETS_MAX, BATCH_SUBTREES_MAX, FRAME_BYTES_AIM, PACKET_BYTES_MAX},
};

use crate::merkle::{self, Tree};

/// Version of the sealing rules.
pub(crate) const STATEMENT_VERSION: u8 = 1;

/// Most bytes that wait for a signature; at the bound [`Sealer::push`] refuses, and the sender
/// pushes again after the next [`Sealer::signed`].
pub const SEAL_QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A signature starts no sooner than this many of its durations after the last one started, so
/// that signing takes at most a third of a core.
pub const SIGN_PACE: u32 = 3;

/// The same after a signature that covered [`BUSY_PACKETS`] packets or more: a sender that is so busy
/// waits a little longer, and has its core for something else.
pub const SIGN_PACE_BUSY: u32 = 8;

/// Packets under one signature from which on a sender is busy.
pub const BUSY_PACKETS: usize = 512;

/// Why a packet was not taken; nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealFull {
    /// The queue is at its bound; push again after the next signature.
    #[error(
        "{queued} bytes wait for a signature, at most {} may",
        SEAL_QUEUE_BYTES_MAX
    )]
    Queue {
        /// Bytes that wait.
        queued: usize,
    },
    /// The packet can never be sent.
    #[error("a packet of {got} bytes, at most {} are allowed", PACKET_BYTES_MAX)]
    Packet {
        /// Its size.
        got: usize,
    },
}

/// A signature that is wanted: over `statement`, for [`Purpose::Batch`](crate::Purpose::Batch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignJob {
    /// Names the job when the signature comes back.
    pub id: u64,
    /// The encoded [`BatchStatement`].
    pub statement: Bytes,
}

/// Collects packets and has them signed many at a time.
#[derive(Debug)]
pub struct Sealer {
    swarm: SwarmId,
    signer: KeyId,
    boot: BootId,
    queue: Vec<Subtree>,
    open: HashMap<(NodeId, Lane), usize>,
    queued_bytes: usize,
    batch_seq: u64,
    in_flight: Option<InFlight>,
    not_before_ns: u64,
    duration_ns: u64,
}

#[derive(Debug)]
struct Subtree {
    to: NodeId,
    lane: Lane,
    packets: Packing,
    n_bytes: usize,
}

#[derive(Debug)]
struct InFlight {
    statement: BatchStatement,
    tree: Tree,
    subtrees: Vec<Subtree>,
    started_ns: u64,
}

impl Sealer {
    /// A sealer for one boot of the node that holds `signer`.
    #[must_use]
    pub fn new(swarm: SwarmId, signer: KeyId, boot: BootId) -> Self {
        Self {
            swarm,
            signer,
            boot,
            queue: Vec::new(),
            open: HashMap::new(),
            queued_bytes: 0,
            batch_seq: 0,
            in_flight: None,
            not_before_ns: 0,
            duration_ns: u64::MAX,
        }
    }

    /// Queues an encoded [`WirePacket`](skep_packet::WirePacket) for the next signature.
    ///
    /// Packets for one destination and lane keep their order.
    ///
    /// # Errors
    /// [`SealFull`]; the packet was not taken.
    pub fn push(&mut self, to: &NodeId, lane: Lane, packet: &[u8]) -> Result<(), SealFull> {
        if packet.len() > PACKET_BYTES_MAX {
            return Err(SealFull::Packet { got: packet.len() });
        }
        if self.queued_bytes + packet.len() > SEAL_QUEUE_BYTES_MAX {
            let queued = self.queued_bytes;
            return Err(SealFull::Queue { queued });
        }
        self.queued_bytes += packet.len();
        self.subtree(to, lane, packet.len()).push(packet);
        Ok(())
    }

    /// The subtree that a packet belongs to; a new one where there is none with room.
    fn subtree(&mut self, to: &NodeId, lane: Lane, n_bytes: usize) -> &mut Subtree {
        let newest = self.queue.len().checked_sub(1);
        // Packets come in runs: most go where the one before went.
        let open = newest
            .filter(|idx| self.queue[*idx].is_for(to, lane))
            .or_else(|| self.open.get(&(to.clone(), lane)).copied())
            .filter(|idx| self.queue[*idx].has_room(n_bytes));
        let idx = open.unwrap_or_else(|| {
            self.open.insert((to.clone(), lane), self.queue.len());
            self.queue.push(Subtree::new(to.clone(), lane));
            self.queue.len() - 1
        });
        &mut self.queue[idx]
    }

    /// The next signature that is wanted, if one may start now.
    pub fn poll(&mut self, now: Now) -> Option<SignJob> {
        if self.in_flight.is_some() || self.queue.is_empty() || now.mono_ns < self.not_before_ns {
            return None;
        }
        let subtrees = self.take_queue();
        let leaves = subtrees.iter().map(Subtree::leaf).collect();
        let tree = Tree::new(leaves);
        self.batch_seq += 1;
        let statement = BatchStatement {
            version: STATEMENT_VERSION,
            swarm: self.swarm,
            signer: self.signer,
            boot: self.boot,
            batch_seq: self.batch_seq,
            issued_at_ms: now.unix_ms,
            n_subtrees: u32::try_from(subtrees.len()).unwrap_or(u32::MAX),
            root: tree.root(),
        };
        self.in_flight = Some(InFlight {
            statement,
            tree,
            subtrees,
            started_ns: now.mono_ns,
        });
        Some(SignJob {
            id: self.batch_seq,
            statement: encode(&statement),
        })
    }

    /// Takes the signature of job `id`; yields a batch for each destination, lane and 32 KiB.
    ///
    /// A signature of any other job than the one in flight yields nothing.
    pub fn signed(&mut self, now: Now, id: u64, signature: &Bytes) -> Vec<(NodeId, Batch)> {
        let is_ours = |job: &mut InFlight| job.statement.batch_seq == id;
        let Some(job) = self.in_flight.take_if(is_ours) else {
            return Vec::new();
        };
        let n_packets = job.subtrees.iter().map(|subtree| subtree.packets.len());
        self.pace(job.started_ns, now.mono_ns, n_packets.sum());
        let InFlight {
            statement,
            tree,
            subtrees,
            ..
        } = job;
        let batch = |(idx, subtree): (usize, Subtree)| {
            let batch = Batch {
                statement,
                signature: signature.clone(),
                subtree: u32::try_from(idx).unwrap_or(u32::MAX),
                path: tree.path(idx),
                lane: subtree.lane,
                packets: subtree.packets.pack(),
            };
            (subtree.to, batch)
        };
        subtrees.into_iter().enumerate().map(batch).collect()
    }

    /// When [`Sealer::poll`] is worth calling again, in monotonic nanoseconds; none while nothing
    /// waits or a signature is in the making.
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        let waits = self.in_flight.is_none() && !self.queue.is_empty();
        waits.then_some(self.not_before_ns)
    }

    /// Bytes that wait for a signature.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    fn take_queue(&mut self) -> Vec<Subtree> {
        let rest = self
            .queue
            .split_off(self.queue.len().min(BATCH_SUBTREES_MAX));
        let taken = std::mem::replace(&mut self.queue, rest);
        self.queued_bytes = self.queue.iter().map(|subtree| subtree.n_bytes).sum();
        let reopened = self.queue.iter().enumerate();
        self.open = reopened
            .map(|(idx, subtree)| ((subtree.to.clone(), subtree.lane), idx))
            .collect();
        taken
    }

    /// One signature that a busy host held up must not slow down the next ones, so a duration
    /// counts for at most twice the one before.
    fn pace(&mut self, started_ns: u64, ended_ns: u64, n_packets: usize) {
        let measured = ended_ns.saturating_sub(started_ns);
        self.duration_ns = measured.min(self.duration_ns.saturating_mul(2)).max(1);
        let durations = match n_packets {
            BUSY_PACKETS.. => SIGN_PACE_BUSY,
            _ => SIGN_PACE,
        };
        let pause = Duration::from_nanos(self.duration_ns).saturating_mul(durations);
        let pause_ns = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
        self.not_before_ns = started_ns.saturating_add(pause_ns);
    }
}

impl Subtree {
    fn new(to: NodeId, lane: Lane) -> Self {
        Self {
            to,
            lane,
            packets: Packing::default(),
            n_bytes: 0,
        }
    }

    fn is_for(&self, to: &NodeId, lane: Lane) -> bool {
        self.lane == lane && self.to == *to
    }

    fn has_room(&self, n_bytes: usize) -> bool {
        self.packets.len() < BATCH_PACKETS_MAX && self.n_bytes + n_bytes <= FRAME_BYTES_AIM
    }

    fn push(&mut self, packet: &[u8]) {
        self.n_bytes += packet.len();
        self.packets.push(packet);
    }

    fn leaf(&self) -> Hash {
        merkle::leaf(self.lane, self.packets.len(), self.packets.as_bytes())
    }
}

#[cfg(test)]
mod tests;
