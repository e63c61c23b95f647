//! What an opener checks once a signature is good: boot, time, and that no number comes twice.

use std::collections::{BTreeMap, BTreeSet};

use skep_packet::{BootId, Lane, NodeId, Refusal, WirePacket, limits::REPLAY_WINDOW_BITS};

#[derive(Debug, Default)]
struct Window {
    newest: u64,
    seen: BTreeSet<u64>,
}

/// The replay windows of one boot of a node.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    windows: BTreeMap<(NodeId, BootId, Lane), Window>,
}

impl Guard {
    pub(crate) fn judge(
        &mut self,
        wire: &WirePacket,
        sender: (&NodeId, BootId),
        own_boot: BootId,
        unix_ms: u64,
    ) -> Result<(), Refusal> {
        if wire.seal.to_boot != own_boot {
            return Err(Refusal::StaleBoot);
        }
        if wire.packet.expired(unix_ms) {
            return Err(Refusal::Expired);
        }
        if wire.packet.from_the_future(unix_ms) {
            return Err(Refusal::Future);
        }
        let key = (sender.0.clone(), sender.1, wire.packet.lane);
        let window = self.windows.entry(key).or_default();
        if wire.seal.seq + REPLAY_WINDOW_BITS <= window.newest {
            return Err(Refusal::Reseal);
        }
        if !window.seen.insert(wire.seal.seq) {
            return Err(Refusal::Replayed);
        }
        window.newest = window.newest.max(wire.seal.seq);
        Ok(())
    }
}
