//! Links between nodes: connections, and what is on its way.

use std::collections::{BTreeMap, BTreeSet};

use skep_packet::{Batch, Descriptor, Frame, NodeId};

/// What travels.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// A frame of the control lane.
    Frame(Frame),
    /// Sealed packets.
    Batch(Batch),
    /// Sealed packets for another node.
    Relay(NodeId, Batch),
    /// Descriptors that were asked for, or a node's own on a new connection.
    Descriptors(Vec<Descriptor>),
    /// Whose descriptors are wanted.
    Want(Vec<NodeId>),
}

/// Which pairs may talk, which do, and how badly.
#[derive(Debug, Default)]
pub(crate) struct Network {
    cut: BTreeSet<(usize, usize)>,
    /// Connections, each with its number: what was sent on a former one is lost.
    connections: BTreeMap<(usize, usize), u64>,
    n_connections: u64,
    pub(crate) loss: f64,
    pub(crate) doubling: f64,
    pub(crate) delay_ms_max: u64,
}

const fn pair(a: usize, b: usize) -> (usize, usize) {
    if a < b { (a, b) } else { (b, a) }
}

impl Network {
    pub(crate) fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cut.contains(&pair(a, b))
    }

    pub(crate) fn partition(&mut self, n: usize, side: &[usize]) {
        for a in 0..n {
            for b in a + 1..n {
                if side.contains(&a) != side.contains(&b) {
                    self.cut.insert((a, b));
                }
            }
        }
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    pub(crate) fn connection(&self, a: usize, b: usize) -> Option<u64> {
        self.connections.get(&pair(a, b)).copied()
    }

    /// A connection's number; `None` where there is one already.
    pub(crate) fn connect(&mut self, a: usize, b: usize) -> Option<u64> {
        if a == b || self.connections.contains_key(&pair(a, b)) {
            return None;
        }
        self.n_connections += 1;
        self.connections.insert(pair(a, b), self.n_connections);
        Some(self.n_connections)
    }

    pub(crate) fn disconnect(&mut self, a: usize, b: usize) {
        self.connections.remove(&pair(a, b));
    }

    /// Connections that are there though their ends can not talk.
    pub(crate) fn broken(&self) -> Vec<(usize, usize)> {
        self.connections
            .keys()
            .filter(|(a, b)| self.is_cut(*a, *b))
            .copied()
            .collect()
    }

    pub(crate) fn connections_of(&self, idx: usize) -> Vec<(usize, usize)> {
        self.connections
            .keys()
            .filter(|(a, b)| *a == idx || *b == idx)
            .copied()
            .collect()
    }
}
