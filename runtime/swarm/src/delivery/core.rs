//! The delivery core: its state, its entrance and its timers.

mod fates;
mod flights;
mod peers;
mod receive;
mod routing;
mod rows;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use foldhash::HashMap;
use skep_packet::{AgentName, BootId, Lane, NodeId, Now};

use self::{flights::Flight, peers::Peer, receive::Inbound};
use super::{
    config::DeliveryConfig,
    ids::AcceptedIds,
    inbox::InboxState,
    io::{Input, Output, Ticket},
    outbox::{Outbox, OutboxRow, RowState},
};
use crate::roles::RoleIndex;

/// What a timer is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The oldest packet of a lane was not answered.
    Lane(NodeId, Lane),
    /// A node with packets has no connection.
    Grace(NodeId),
    /// Answers to a node have waited for company long enough.
    Answers(NodeId),
    /// A packet's pause is over, or its deadline has passed.
    Flight(u64),
    /// A row's pause is over, or it was not settled.
    Row(u64),
    /// Rows may have expired.
    Expiry,
    /// Nodes of stored rows that nobody told of are taken for gone.
    Unknown,
}

/// Numbers, retries and judges packets, for every class, in both directions.
#[derive(Debug)]
pub struct Delivery {
    config: DeliveryConfig,
    started_ns: u64,
    index: Arc<RoleIndex>,
    peers: BTreeMap<NodeId, Peer>,
    flights: HashMap<u64, Flight>,
    next_flight: u64,
    outbox: Outbox,
    inbox: InboxState,
    /// Durable packets in a mailbox, by (sender, epoch, seq).
    durable_in: BTreeMap<(NodeId, u64, u64), DurableIn>,
    ids: AcceptedIds,
    tickets: HashMap<Ticket, Inbound>,
    next_ticket: u64,
    timers: BTreeSet<(u64, Timer)>,
    /// Rows whose new assignment is to be written.
    to_persist: Vec<u64>,
    to_delete: Vec<u64>,
    outputs: VecDeque<Output>,
}

/// A durable packet in a mailbox.
#[derive(Debug, Clone)]
struct DurableIn {
    agent: AgentName,
    /// The copy that was queued; none for one of our own node.
    copy: Option<(BootId, Lane, u64)>,
    /// Its effect is in a transaction that may be on disk any moment.
    staged: bool,
}

/// How many packets delivery holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryGauges {
    /// Rows in the outbox.
    pub outbox_rows: usize,
    /// Bytes of their content.
    pub outbox_bytes: usize,
    /// Accepted and best-effort packets that are not answered yet.
    pub flights: usize,
    /// Remembered ids of accepted packets.
    pub ids: usize,
    /// Remembered numbers of committed packets.
    pub inbox: usize,
    /// Numbered packets that are not answered yet, over all nodes and lanes.
    pub in_flight: usize,
    /// Timers.
    pub timers: usize,
}

impl Delivery {
    /// Delivery after a start: with the rows, the inbox and the `next_seq` that the store holds.
    #[must_use]
    pub fn new(
        config: DeliveryConfig,
        now: Now,
        rows: Vec<OutboxRow>,
        next_seq: u64,
        inbox: InboxState,
    ) -> Self {
        let mut delivery = Self {
            started_ns: now.mono_ns,
            index: Arc::new(RoleIndex::new(config.node.clone())),
            peers: BTreeMap::new(),
            flights: HashMap::default(),
            next_flight: 0,
            outbox: Outbox::new(config.epoch, next_seq),
            inbox,
            durable_in: BTreeMap::new(),
            ids: AcceptedIds::default(),
            tickets: HashMap::default(),
            next_ticket: 0,
            timers: BTreeSet::new(),
            to_persist: Vec::new(),
            to_delete: Vec::new(),
            outputs: VecDeque::new(),
            config,
        };
        delivery.restore(now, rows);
        delivery.flush();
        delivery
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Roles(index) => self.roles_changed(now, index),
            Input::PeerUp {
                node,
                boot,
                relayed,
            } => self.peer_up(now, &node, boot, relayed),
            Input::PeerDown { node } => self.peer_down(now, &node),
            Input::Ack { from, ack } => self.acked(now, &from, &ack),
            Input::Settled { from, settled } => self.settled(&from, &settled),
            Input::Refused {
                from,
                boot,
                sender_boot,
                packets,
            } => {
                if sender_boot == self.config.boot {
                    self.refused(now, &from, boot, &packets);
                }
            }
            Input::Received { from, boot, wire } => self.received(now, &from, boot, wire),
            Input::Reject {
                from,
                boot,
                packets,
            } => self.reject(now, &from, boot, packets),
            Input::Delivered { ticket, outcome } => self.delivered(now, ticket, outcome),
            Input::Committed { sender, mark } => self.committed(now, &sender, mark),
            Input::HandlerFailed { sender, mark } => self.handler_failed(now, &sender, mark),
            Input::MailboxLost { agent } => self.mailbox_lost(now, &agent),
            Input::Written { rows } => self.written(now, &rows),
            Input::Aborted { rows } => self.aborted(&rows),
            Input::Persisted { rows } => self.persisted(now, &rows),
            Input::Say { to, frame } => self.say(now, &to, *frame),
        }
        self.flush();
    }

    /// Does what is due.
    pub fn on_timeout(&mut self, now: Now) {
        while let Some((at_ns, _)) = self.timers.first()
            && *at_ns <= now.mono_ns
        {
            let Some((at_ns, timer)) = self.timers.pop_first() else {
                break;
            };
            self.fire(now, at_ns, timer);
        }
        self.flush();
    }

    fn fire(&mut self, now: Now, at_ns: u64, timer: Timer) {
        match timer {
            Timer::Lane(node, lane) => self.lane_due(now, &node, lane),
            Timer::Grace(node) => self.grace_over(now, &node),
            Timer::Answers(node) => self.answer(now, &node),
            Timer::Flight(id) => self.flight_due(now, id, at_ns),
            Timer::Row(row) => self.row_due(now, row, at_ns),
            Timer::Expiry => self.expire(now),
            Timer::Unknown => self.check_all_rows(now),
        }
    }

    /// The next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`on_timeout`](Self::on_timeout) is due, on the monotonic clock.
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        self.timers.first().map(|(at_ns, _)| *at_ns)
    }

    /// How many packets it holds.
    #[must_use]
    pub fn gauges(&self) -> DeliveryGauges {
        DeliveryGauges {
            outbox_rows: self.outbox.rows.len(),
            outbox_bytes: self.outbox.n_bytes(),
            flights: self.flights.len(),
            ids: self.ids.len(),
            inbox: self.inbox.len(),
            in_flight: self
                .peers
                .values()
                .flat_map(|peer| peer.lanes.iter())
                .map(super::lane::LaneOut::n_in_flight)
                .sum(),
            timers: self.timers.len(),
        }
    }

    /// Durable packets that are not settled, by what they wait for: a role, or `agent@node`.
    #[must_use]
    pub fn waiting(&self) -> BTreeMap<String, u64> {
        let mut waiting = BTreeMap::new();
        for entry in self.outbox.rows.values() {
            *waiting.entry(entry.row.route.wanted()).or_default() += 1;
        }
        waiting
    }

    /// Rows changed in one step are written, and deleted, together.
    fn flush(&mut self) {
        if !self.to_persist.is_empty() {
            let rows = std::mem::take(&mut self.to_persist);
            let rows: Vec<OutboxRow> = rows
                .iter()
                .filter_map(|row| self.outbox.rows.get(row))
                .filter(|entry| entry.state != RowState::Burying)
                .map(|entry| entry.row.clone())
                .collect();
            let next_seq = self.outbox.next_seq();
            if !rows.is_empty() {
                self.outputs.push_back(Output::Persist { rows, next_seq });
            }
        }
        if !self.to_delete.is_empty() {
            let rows = std::mem::take(&mut self.to_delete);
            self.outputs.push_back(Output::Delete { rows });
        }
    }
}
