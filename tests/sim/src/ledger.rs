//! What was promised, and what became of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use bytes::Bytes;
use skep_packet::{Address, BootId, NodeId, Packet, PacketId};
use skep_swarm::{asks::AskId, delivery::DeadReason};

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A durable packet took effect twice at one endpoint.
    EffectTwice(PacketId, Address),
    /// An accepted packet ran twice at one endpoint in one boot.
    RunTwice(PacketId, Address),
    /// A packet was believed that no node sealed so.
    Forged(PacketId),
    /// A sealed packet was believed twice in one boot.
    Replayed(PacketId),
    /// A durable packet is neither done nor waiting anywhere.
    Lost(PacketId),
    /// A durable packet waits still, long after all was healed.
    Stuck(PacketId, String),
    /// A durable packet was given up though it had a target all the time.
    Buried(PacketId, DeadReason),
    /// A packet was taken by one that knew of another which comes first, or did not know yet.
    StoodBy(PacketId, Address),
    /// Nobody was told what became of an accepted packet.
    Untold(PacketId, NodeId),
    /// An ask did not end by its deadline.
    AskOpen(NodeId),
    /// An ask ended twice.
    AskTwice(NodeId),
    /// Members disagree long after all was healed.
    NotConverged(String),
    /// A table is larger than it may be, or does not empty.
    Unbounded(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

#[derive(Debug)]
struct Durable {
    sender: NodeId,
    lineage: u32,
}

/// Everything that agents were promised.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    durable: BTreeMap<PacketId, Durable>,
    /// Effects on disk, by (packet, endpoint, the endpoint's disk).
    effects: BTreeSet<(PacketId, Address, u32)>,
    done: BTreeSet<PacketId>,
    /// Runs of accepted packets, by (packet, endpoint, boot).
    runs: BTreeSet<(PacketId, Address, BootId)>,
    /// Accepted packets that somebody waits to hear of.
    untold: BTreeSet<(NodeId, PacketId)>,
    asks: BTreeMap<(NodeId, AskId), u64>,
    /// Packets as they were sealed.
    sealed: BTreeSet<Bytes>,
    /// The same, where they were believed.
    opened: BTreeSet<(Bytes, BootId)>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) n_accepted: usize,
    pub(crate) n_failed: usize,
    pub(crate) n_answered: usize,
    pub(crate) n_unanswered: usize,
}

impl Ledger {
    pub(crate) fn sealed(&mut self, bytes: &Bytes) {
        self.sealed.insert(bytes.clone());
    }

    /// A packet was believed by the boot of a node: it must have been sealed, and once is enough.
    pub(crate) fn opened(&mut self, packet: &Packet, bytes: &[u8], boot: BootId) {
        if !self.sealed.contains(bytes) {
            self.violations.push(Violation::Forged(packet.id));
        } else if !self.opened.insert((Bytes::copy_from_slice(bytes), boot)) {
            self.violations.push(Violation::Replayed(packet.id));
        }
    }

    /// A durable packet is on its sender's disk: it must take effect.
    pub(crate) fn promised(&mut self, id: PacketId, sender: &NodeId, lineage: u32) {
        self.durable.insert(
            id,
            Durable {
                sender: sender.clone(),
                lineage,
            },
        );
    }

    /// An effect is on the endpoint's disk.
    pub(crate) fn effect(&mut self, id: PacketId, address: &Address, lineage: u32) {
        if !self.effects.insert((id, address.clone(), lineage)) {
            self.violations
                .push(Violation::EffectTwice(id, address.clone()));
        }
        self.done.insert(id);
    }

    pub(crate) fn buried(&mut self, id: PacketId, reason: DeadReason) {
        self.violations.push(Violation::Buried(id, reason));
    }

    /// A disk is gone, and with it what it had promised.
    pub(crate) fn disk_lost(&mut self, node: &NodeId, lineage: u32) {
        self.durable
            .retain(|_, durable| durable.sender != *node || durable.lineage != lineage);
    }

    pub(crate) fn run(&mut self, id: PacketId, address: &Address, boot: BootId) {
        if !self.runs.insert((id, address.clone(), boot)) {
            self.violations
                .push(Violation::RunTwice(id, address.clone()));
        }
    }

    pub(crate) fn sent(&mut self, node: &NodeId, id: PacketId) {
        self.untold.insert((node.clone(), id));
    }

    pub(crate) fn told(&mut self, node: &NodeId, id: PacketId, arrived: bool) {
        if self.untold.remove(&(node.clone(), id)) {
            if arrived {
                self.n_accepted += 1;
            } else {
                self.n_failed += 1;
            }
        }
    }

    pub(crate) fn asked(&mut self, node: &NodeId, ask: AskId, deadline_ns: u64) {
        self.asks.insert((node.clone(), ask), deadline_ns);
    }

    pub(crate) fn ask_ended(&mut self, node: &NodeId, ask: AskId, answered: bool) {
        if self.asks.remove(&(node.clone(), ask)).is_none() {
            self.violations.push(Violation::AskTwice(node.clone()));
        }
        if answered {
            self.n_answered += 1;
        } else {
            self.n_unanswered += 1;
        }
    }

    /// A node's memory is gone: nobody there waits any more.
    pub(crate) fn memory_lost(&mut self, node: &NodeId) {
        self.untold.retain(|(sender, _)| sender != node);
        self.asks.retain(|(asker, _), _| asker != node);
    }

    /// Asks must have ended once their deadline has passed.
    pub(crate) fn check_asks(&mut self, now_ns: u64) {
        let overdue = self
            .asks
            .iter()
            .find(|(_, deadline_ns)| **deadline_ns < now_ns);
        if let Some(((node, _), _)) = overdue {
            self.violations.push(Violation::AskOpen(node.clone()));
        }
    }

    /// Durable packets that took effect nowhere yet.
    pub(crate) fn n_owed(&self) -> usize {
        self.durable
            .keys()
            .filter(|id| !self.done.contains(id))
            .count()
    }

    pub(crate) fn n_promised(&self) -> usize {
        self.durable.len()
    }

    /// What must have come of every promise; `waits` tells where a packet waits still.
    pub(crate) fn check_end(&mut self, waits: impl Fn(PacketId) -> Option<String>) {
        let owed: Vec<PacketId> = self
            .durable
            .keys()
            .filter(|id| !self.done.contains(id))
            .copied()
            .collect();
        self.violations
            .extend(owed.into_iter().map(|id| match waits(id) {
                Some(place) => Violation::Stuck(id, place),
                None => Violation::Lost(id),
            }));
        let untold = std::mem::take(&mut self.untold);
        self.violations.extend(
            untold
                .into_iter()
                .map(|(node, id)| Violation::Untold(id, node)),
        );
    }
}
