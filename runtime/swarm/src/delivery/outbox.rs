//! The sender's durable packets: rows, their numbers at their receivers, and the bounds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use skep_packet::{
    Address, Destination, HandlerName, Kind, Lane, NodeId, OutboxMark, RolePattern, Scope,
};

use super::{
    config::{FORMER_MAX, OUTBOX_BYTES_MAX, OUTBOX_MAX, OUTBOX_RESERVED_PART},
    draft::{Draft, Target},
};

/// How a packet finds its endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Route {
    /// Whoever serves a role.
    Role {
        /// The role or pattern.
        pattern: RolePattern,
        /// How far to look.
        scope: Scope,
        /// The session or token that the conversation sticks to.
        sticky: bytes::Bytes,
    },
    /// One agent, and no other.
    Agent {
        /// Where it is.
        address: Address,
        /// Its function.
        handler: HandlerName,
    },
}

impl Route {
    pub(super) fn new(to: &Destination, scope: Scope, sticky: &[u8]) -> Self {
        match to {
            Destination::Role(pattern) => Self::Role {
                pattern: pattern.clone(),
                scope,
                sticky: bytes::Bytes::copy_from_slice(sticky),
            },
            Destination::Agent(address, handler) => Self::Agent {
                address: address.clone(),
                handler: handler.clone(),
            },
        }
    }

    /// What it goes to, as people read it.
    #[must_use]
    pub fn wanted(&self) -> String {
        match self {
            Self::Role { pattern, .. } => pattern.to_string(),
            Self::Agent { address, .. } => address.to_string(),
        }
    }
}

/// A row's endpoint and its number there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// Where it goes.
    pub target: Target,
    /// Its number for the target's node; never used twice within an epoch.
    pub seq: u64,
}

/// A durable packet as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Its number, the store's key.
    pub row: u64,
    /// The packet without its endpoint.
    pub draft: Draft,
    /// How it finds its endpoint.
    pub route: Route,
    /// Its endpoint; none while it waits for one.
    pub assigned: Option<Assigned>,
    /// Endpoints it left and may have been run at, with its numbers there: should it come back to
    /// one, it comes under the number it had, and is not run again.
    pub former: Vec<Assigned>,
    /// When it is given up, in milliseconds since the Unix epoch.
    pub keep_until_ms: u64,
    /// How often its handler failed.
    pub failures: u32,
}

/// Rows of a transaction, to be written with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The rows.
    pub rows: Vec<OutboxRow>,
    /// The number that no row has had yet: store the greater of what is stored and this.
    pub next_seq: u64,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowState {
    /// Its transaction is not on disk yet.
    Admitted,
    /// No endpoint is known.
    Waiting,
    /// A new assignment is being written; nothing is sent under it before.
    Writing,
    /// In the queue of its receiver.
    Queued,
    /// On its way.
    Sent,
    /// In its target's mailbox; settled soon.
    Arrived,
    /// Waits for its next try.
    Paused,
    /// Being moved to the dead letters.
    Burying,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) row: OutboxRow,
    pub(super) state: RowState,
    /// A number that was never run, until the new assignment is on disk: it holds back `lowest` at
    /// its receiver, for after a crash the row would come back with it.
    pub(super) leaving: Option<(NodeId, u64)>,
    /// Until then a copy that was never answered may still be run, on the monotonic clock.
    pub(super) doubt_until_ns: u64,
    /// Whether the last answer proves that the assigned number was never run, and never will be.
    pub(super) unrun: bool,
    /// Tries since it last moved on, for the backoff.
    pub(super) tries: u32,
    /// When its timer is set.
    pub(super) timer_ns: Option<u64>,
    /// The copy that is in a mailbox: its lane and number.
    pub(super) arrived: Option<(Lane, u64)>,
}

/// One receiver's unsettled numbers and queued rows.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    unsettled: BTreeMap<u64, u64>,
    /// Rows that are not in a lane's queue yet.
    pub(super) ready: VecDeque<u64>,
    /// Rows in a lane's queue.
    pub(super) n_queued: usize,
    /// Rows in a mailbox there, by the number of the copy that arrived.
    pub(super) arrived: BTreeMap<(Lane, u64), u64>,
}

/// All rows.
#[derive(Debug)]
pub(super) struct Outbox {
    epoch: u64,
    pub(super) rows: BTreeMap<u64, Row>,
    n_bytes: usize,
    next: u64,
    pub(super) receivers: BTreeMap<NodeId, Receiver>,
    /// Rows without an endpoint, by role pattern.
    pub(super) waiting: BTreeMap<String, BTreeSet<u64>>,
    expiry: BTreeSet<(u64, u64)>,
}

impl Outbox {
    pub(super) fn new(epoch: u64, next_seq: u64) -> Self {
        Self {
            epoch,
            rows: BTreeMap::new(),
            n_bytes: 0,
            next: next_seq.max(1),
            receivers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            expiry: BTreeSet::new(),
        }
    }

    pub(super) const fn next_seq(&self) -> u64 {
        self.next
    }

    /// A number that no row and no assignment has had.
    pub(super) const fn draw(&mut self) -> u64 {
        let drawn = self.next;
        self.next += 1;
        drawn
    }

    /// Whether `n` more rows with `n_bytes` of content fit.
    pub(super) fn has_room<'a>(&self, drafts: impl Iterator<Item = &'a Draft>) -> bool {
        let (mut n, mut n_bytes, mut only_alerts) = (0, 0, true);
        for draft in drafts {
            n += 1;
            n_bytes += draft.n_bytes();
            only_alerts &= draft.kind == Kind::Alert;
        }
        let of = |max: usize| {
            if only_alerts {
                max
            } else {
                max - max / OUTBOX_RESERVED_PART
            }
        };
        n == 0
            || (self.rows.len() + n <= of(OUTBOX_MAX)
                && self.n_bytes + n_bytes <= of(OUTBOX_BYTES_MAX))
    }

    pub(super) fn insert(&mut self, row: OutboxRow, state: RowState) {
        for assigned in row.assigned.iter().chain(&row.former) {
            let node = assigned.target.address.node.clone();
            let receiver = self.receivers.entry(node).or_default();
            receiver.unsettled.insert(assigned.seq, row.row);
        }
        self.n_bytes += row.draft.n_bytes();
        self.expiry.insert((row.keep_until_ms, row.row));
        let entry = Row {
            state,
            leaving: None,
            doubt_until_ns: 0,
            unrun: false,
            tries: 0,
            timer_ns: None,
            arrived: None,
            row,
        };
        self.rows.insert(entry.row.row, entry);
    }

    /// Takes a row out of every table.
    pub(super) fn remove(&mut self, row: u64) -> Option<Row> {
        let entry = self.rows.remove(&row)?;
        self.n_bytes -= entry.row.draft.n_bytes();
        self.expiry.remove(&(entry.row.keep_until_ms, row));
        self.unwait(row, &entry.row.route.wanted());
        let numbers = entry.row.assigned.iter().chain(&entry.row.former);
        let numbers = numbers.map(|a| (a.target.address.node.clone(), a.seq));
        for (node, seq) in numbers.chain(entry.leaving.clone()) {
            self.free(&node, seq);
        }
        Some(entry)
    }

    /// The number is not used at this receiver any more: `lowest` may rise over it.
    pub(super) fn free(&mut self, node: &NodeId, seq: u64) {
        if let Some(receiver) = self.receivers.get_mut(node) {
            receiver.unsettled.remove(&seq);
        }
    }

    /// Gives a row another endpoint: under the number it had there before, or a fresh one.
    ///
    /// The number it leaves stays in mind while it may have been run. One that was not is free as
    /// soon as the new assignment is on disk ([`persisted`](Self::persisted)).
    pub(super) fn assign(&mut self, row: u64, target: Target, doubt_until_ns: u64) {
        let fresh = self.draw();
        let Some(entry) = self.rows.get_mut(&row) else {
            return;
        };
        let node = target.address.node.clone();
        if let Some(left) = entry.row.assigned.take() {
            if entry.unrun {
                entry.leaving = Some((left.target.address.node, left.seq));
            } else {
                entry.row.former.push(left);
            }
        }
        let before = entry
            .row
            .former
            .iter()
            .position(|former| former.target.address == target.address);
        entry.doubt_until_ns = if before.is_some() { doubt_until_ns } else { 0 };
        let seq = before.map_or(fresh, |idx| entry.row.former.remove(idx).seq);
        let forgotten = (entry.row.former.len() > FORMER_MAX).then(|| entry.row.former.remove(0));
        entry.row.assigned = Some(Assigned { target, seq });
        entry.unrun = false;
        entry.state = RowState::Writing;
        let wanted = entry.row.route.wanted();
        let receiver = self.receivers.entry(node).or_default();
        receiver.unsettled.insert(seq, row);
        if let Some(forgotten) = forgotten {
            self.free(&forgotten.target.address.node, forgotten.seq);
        }
        self.unwait(row, &wanted);
    }

    /// The new assignment is on disk.
    pub(super) fn persisted(&mut self, row: u64) {
        let leaving = self
            .rows
            .get_mut(&row)
            .and_then(|entry| entry.leaving.take());
        if let Some((node, seq)) = leaving {
            self.free(&node, seq);
        }
    }

    pub(super) fn wait(&mut self, row: u64) {
        if let Some(entry) = self.rows.get_mut(&row) {
            entry.state = RowState::Waiting;
            self.waiting
                .entry(entry.row.route.wanted())
                .or_default()
                .insert(row);
        }
    }

    fn unwait(&mut self, row: u64, wanted: &str) {
        if let Some(rows) = self.waiting.get_mut(wanted) {
            rows.remove(&row);
            if rows.is_empty() {
                self.waiting.remove(wanted);
            }
        }
    }

    /// The row that has, or had, this number at this receiver.
    pub(super) fn row_at(&self, node: &NodeId, seq: u64) -> Option<u64> {
        self.receivers.get(node)?.unsettled.get(&seq).copied()
    }

    /// Whether this is the row's number now.
    pub(super) fn is_current(&self, row: u64, seq: u64) -> bool {
        let assigned = self
            .rows
            .get(&row)
            .and_then(|entry| entry.row.assigned.as_ref());
        assigned.is_some_and(|assigned| assigned.seq == seq)
    }

    /// The mark of an assigned row, as it is sealed now.
    pub(super) fn mark(&self, assigned: &Assigned) -> OutboxMark {
        let lowest = self
            .receivers
            .get(&assigned.target.address.node)
            .and_then(|receiver| receiver.unsettled.keys().next())
            .map_or(assigned.seq, |lowest| assigned.seq.min(*lowest));
        OutboxMark {
            epoch: self.epoch,
            seq: assigned.seq,
            lowest,
        }
    }

    /// Rows of a receiver, in the order of their numbers.
    pub(super) fn rows_at(&self, node: &NodeId) -> Vec<u64> {
        let receiver = self.receivers.get(node);
        receiver
            .map(|receiver| receiver.unsettled.values().copied().collect())
            .unwrap_or_default()
    }

    /// Whether a receiver has rows.
    pub(super) fn has_rows_at(&self, node: &NodeId) -> bool {
        self.receivers
            .get(node)
            .is_some_and(|receiver| !receiver.unsettled.is_empty())
    }

    /// The row is in no mailbox any more, as far as this node knows.
    pub(super) fn forget_arrived(&mut self, row: u64) {
        let Some(entry) = self.rows.get_mut(&row) else {
            return;
        };
        let Some(copy) = entry.arrived.take() else {
            return;
        };
        let assigned = entry.row.assigned.as_ref();
        let node = assigned.map(|assigned| &assigned.target.address.node);
        if let Some(receiver) = node.and_then(|node| self.receivers.get_mut(node)) {
            receiver.arrived.remove(&copy);
        }
    }

    /// The next row whose time has passed.
    pub(super) fn expired(&self, unix_ms: u64) -> Option<u64> {
        self.expiry
            .first()
            .filter(|(until_ms, _)| *until_ms < unix_ms)
            .map(|(_, row)| *row)
    }

    /// Leaves the row to its burial: it expires no second time.
    pub(super) fn unexpire(&mut self, row: u64) {
        if let Some(entry) = self.rows.get(&row) {
            self.expiry.remove(&(entry.row.keep_until_ms, row));
        }
    }

    pub(super) const fn n_bytes(&self) -> usize {
        self.n_bytes
    }
}
