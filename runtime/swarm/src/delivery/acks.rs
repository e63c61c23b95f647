//! Answers to one node, collected for a moment so that many travel in one frame.

use std::collections::BTreeMap;

use skep_packet::{BootId, Frame, Lane, LaneAck, Refused, Settled};

use super::config::ACK_BATCH;

/// What is to be answered to one node.
#[derive(Debug, Default)]
pub(super) struct Answers {
    acks: BTreeMap<(BootId, Lane), Vec<(u64, u32)>>,
    settled: BTreeMap<u64, Vec<u64>>,
    refused: BTreeMap<BootId, Vec<Refused>>,
    n: usize,
    /// When they leave at the latest; set by the first one.
    pub(super) due_ns: Option<u64>,
}

impl Answers {
    /// A packet arrived.
    pub(super) fn ack(&mut self, boot: BootId, lane: Lane, seq: u64) {
        let runs = self.acks.entry((boot, lane)).or_default();
        match runs.last_mut() {
            Some((first, n)) if first.saturating_add(u64::from(*n)) == seq && *n < u32::MAX => {
                *n += 1;
            }
            _ => runs.push((seq, 1)),
        }
        self.n += 1;
    }

    /// A durable packet is committed.
    pub(super) fn settle(&mut self, epoch: u64, seq: u64) {
        self.settled.entry(epoch).or_default().push(seq);
        self.n += 1;
    }

    /// A packet was refused.
    pub(super) fn refuse(&mut self, boot: BootId, refused: Refused) {
        self.refused.entry(boot).or_default().push(refused);
        self.n += 1;
    }

    /// Whether they leave at once.
    pub(super) const fn is_full(&self) -> bool {
        self.n >= ACK_BATCH
    }

    /// The frames that say it all; `own_boot` is this node's start.
    pub(super) fn take(&mut self, own_boot: BootId) -> Vec<Frame> {
        let Self {
            acks,
            settled,
            refused,
            ..
        } = std::mem::take(self);
        let acks = acks
            .into_iter()
            .map(|((boot, lane), runs)| Frame::Ack(LaneAck { lane, boot, runs }));
        let settled = settled
            .into_iter()
            .map(|(epoch, seqs)| Frame::Settled(Settled { epoch, seqs }));
        let refused = refused
            .into_iter()
            .map(|(sender_boot, packets)| Frame::Refused {
                boot: own_boot,
                sender_boot,
                packets,
            });
        // Settled first: an ack may release the sender's window, and then its row is gone already.
        settled.chain(acks).chain(refused).collect()
    }
}
