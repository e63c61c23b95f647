//! Peers: connections, lanes, and what leaves on them.

use skep_packet::{BootId, Lane, LaneAck, NodeId, Now, Refusal, Refused, SealHeader, WirePacket};

use super::{
    super::{
        acks::Answers,
        config::{CONNECT_GRACE, DURABLE_PAUSE_MAX, DURABLE_QUEUED_MAX, RETRY_AFTER},
        io::Output,
        lane::{Job, LaneOut},
    },
    Delivery, Timer,
};

/// What delivery keeps about another node.
#[derive(Debug)]
pub(super) struct Peer {
    /// The boot that packets are sealed for.
    pub(super) boot: Option<BootId>,
    pub(super) connected: bool,
    /// Whether another node passes on what is said.
    pub(super) relayed: bool,
    pub(super) lanes: [LaneOut; 3],
    /// Whether a lane's timer is set.
    lane_timer: [bool; 3],
    /// How often in a row the connection was asked for in vain; `None` while no timer is set.
    graces: Option<u32>,
    pub(super) answers: Answers,
}

impl Peer {
    fn new() -> Self {
        Self {
            boot: None,
            connected: false,
            relayed: false,
            lanes: Lane::ALL.map(LaneOut::new),
            lane_timer: [false; 3],
            graces: None,
            answers: Answers::default(),
        }
    }

    fn is_idle(&self) -> bool {
        self.lanes
            .iter()
            .all(|lane| lane.n_in_flight() == 0 && lane.queue.is_empty())
    }
}

impl Delivery {
    pub(super) fn peer(&mut self, node: &NodeId) -> &mut Peer {
        self.peers.entry(node.clone()).or_insert_with(Peer::new)
    }

    // === connections ===

    pub(super) fn peer_up(&mut self, now: Now, node: &NodeId, boot: BootId, relayed: bool) {
        if *node == self.config.node {
            return;
        }
        let peer = self.peer(node);
        peer.connected = true;
        peer.relayed = relayed;
        peer.graces = None;
        self.set_boot(node, boot);
        // What was on its way may have been lost with the former connection.
        for lane in Lane::ALL {
            let peer = self.peer(node);
            let lost = peer.lanes[lane.index()].take_all();
            for (_, job) in lost.into_iter().rev() {
                self.send_again(now, node, lane, job);
            }
        }
        self.resend_arrived(now, node);
        self.refill(node);
        for lane in Lane::ALL {
            self.pump(now, node, lane);
        }
    }

    /// What was on its way stands in its lane's queue again, at the front.
    fn send_again(&mut self, now: Now, node: &NodeId, lane: Lane, job: Job) {
        let wanted = match job {
            Job::Flight(id) => self.flight_unanswered(node, lane, id),
            Job::Row(row, seq) => self.row_unanswered(now, node, row, seq),
        };
        if !wanted {
            return;
        }
        if let (Job::Row(..), Some(receiver)) = (job, self.outbox.receivers.get_mut(node)) {
            receiver.n_queued += 1;
        }
        self.peer(node).lanes[lane.index()].queue.push_front(job);
    }

    /// The peer runs under `boot` now: it has forgotten the ids of accepted packets.
    pub(super) fn set_boot(&mut self, node: &NodeId, boot: BootId) {
        let peer = self.peer(node);
        if peer.boot != Some(boot) {
            peer.boot = Some(boot);
            for lane in &mut peer.lanes {
                lane.release_firsts();
            }
        }
    }

    pub(super) fn peer_down(&mut self, now: Now, node: &NodeId) {
        let Some(peer) = self.peers.get_mut(node) else {
            return;
        };
        peer.connected = false;
        self.connect(now, node);
    }

    /// Asks for a connection while there is something to send.
    pub(super) fn connect(&mut self, now: Now, node: &NodeId) {
        let has_rows = self.outbox.has_rows_at(node);
        let peer = self.peer(node);
        if peer.connected || peer.graces.is_some() || (peer.is_idle() && !has_rows) {
            return;
        }
        peer.graces = Some(0);
        self.timers
            .insert((now.mono_after(CONNECT_GRACE), Timer::Grace(node.clone())));
        self.outputs.push_back(Output::Connect(node.clone()));
    }

    /// No connection came: packets go elsewhere where they may, the others wait on.
    pub(super) fn grace_over(&mut self, now: Now, node: &NodeId) {
        let Some(peer) = self.peers.get_mut(node) else {
            return;
        };
        let Some(graces) = peer.graces.take() else {
            return;
        };
        if peer.connected {
            return;
        }
        self.leave_unreachable(now, node);
        self.purge(node);
        let has_rows = self.outbox.has_rows_at(node);
        let peer = self.peer(node);
        if peer.is_idle() && !has_rows {
            return;
        }
        let graces = graces.saturating_add(1);
        peer.graces = Some(graces);
        let pause = CONNECT_GRACE
            .saturating_mul(1 << graces.min(5))
            .min(DURABLE_PAUSE_MAX);
        self.timers
            .insert((now.mono_after(pause), Timer::Grace(node.clone())));
        self.outputs.push_back(Output::Connect(node.clone()));
    }

    /// Forgets what went elsewhere, or failed, while there was no connection.
    fn purge(&mut self, node: &NodeId) {
        let Some(mut peer) = self.peers.remove(node) else {
            return;
        };
        let mut n_rows = 0;
        for lane in &mut peer.lanes {
            let gone = lane.purge(|job| match job {
                Job::Flight(id) => self.is_flight_at(node, id),
                Job::Row(row, seq) => self.is_row_at(node, row, seq),
            });
            n_rows += gone
                .iter()
                .filter(|job| matches!(job, Job::Row(..)))
                .count();
        }
        self.peers.insert(node.clone(), peer);
        if let Some(receiver) = self.outbox.receivers.get_mut(node) {
            receiver.n_queued = receiver.n_queued.saturating_sub(n_rows);
        }
    }

    // === lanes ===

    /// Sends what waits on a lane, as far as its bounds allow.
    pub(super) fn pump(&mut self, now: Now, node: &NodeId, lane: Lane) {
        loop {
            let Some(peer) = self.peers.get_mut(node) else {
                return;
            };
            let Some(boot) = peer.boot.filter(|_| peer.connected) else {
                return self.connect(now, node);
            };
            let out = &mut peer.lanes[lane.index()];
            if !out.has_room() {
                return;
            }
            let Some(job) = out.queue.pop_front() else {
                if self.refill(node) {
                    continue;
                }
                return;
            };
            self.transmit(now, node, boot, lane, job);
        }
    }

    /// Moves rows from the outbox to the lanes' queues; yields whether any moved.
    pub(super) fn refill(&mut self, node: &NodeId) -> bool {
        let mut moved = false;
        while let Some(receiver) = self.outbox.receivers.get_mut(node)
            && receiver.n_queued < DURABLE_QUEUED_MAX
            && let Some(row) = receiver.ready.pop_front()
        {
            let Some(entry) = self.outbox.rows.get(&row) else {
                continue;
            };
            let Some(assigned) = &entry.row.assigned else {
                continue;
            };
            let (lane, job) = (entry.row.draft.lane, Job::Row(row, assigned.seq));
            receiver.n_queued += 1;
            self.peer(node).lanes[lane.index()].queue.push_back(job);
            moved = true;
        }
        moved
    }

    fn transmit(&mut self, now: Now, node: &NodeId, boot: BootId, lane: Lane, job: Job) {
        let prepared = match job {
            Job::Flight(id) => self.flight_packet(now, node, id),
            Job::Row(row, seq) => self.row_packet(now, node, row, seq),
        };
        let Some((packet, outbox, n_bytes)) = prepared else {
            return;
        };
        let peer = self.peer(node);
        let seq = peer.lanes[lane.index()].send(job, n_bytes, now.mono_ns);
        if !std::mem::replace(&mut peer.lane_timer[lane.index()], true) {
            self.timers
                .insert((now.mono_after(RETRY_AFTER), Timer::Lane(node.clone(), lane)));
        }
        match job {
            Job::Flight(id) => self.flight_sent(id, boot, seq),
            Job::Row(row, _) => self.row_sent(row),
        }
        let wire = WirePacket {
            seal: SealHeader {
                to_boot: boot,
                seq,
                outbox,
            },
            packet,
        };
        self.outputs.push_back(Output::Transmit {
            to: node.clone(),
            wire,
        });
    }

    /// The oldest packets of a lane were not answered in time.
    pub(super) fn lane_due(&mut self, now: Now, node: &NodeId, lane: Lane) {
        let before_ns = now.mono_ns.saturating_sub(nanos(RETRY_AFTER));
        let Some(peer) = self.peers.get_mut(node) else {
            return;
        };
        peer.lane_timer[lane.index()] = false;
        // Without a connection nothing is answered; all of it is sent again when there is one.
        if !peer.connected {
            self.purge(node);
        } else {
            while let Some((_, job)) = self.peer(node).lanes[lane.index()].take_overdue(before_ns) {
                self.overdue(now, node, lane, job);
            }
        }
        let peer = self.peer(node);
        if let Some(sent_ns) = peer.lanes[lane.index()].oldest_sent_ns() {
            let due_ns = sent_ns
                .saturating_add(nanos(RETRY_AFTER))
                .max(now.mono_ns + 1);
            let due_ns = if peer.connected {
                due_ns
            } else {
                now.mono_after(RETRY_AFTER)
            };
            peer.lane_timer[lane.index()] = true;
            self.timers
                .insert((due_ns, Timer::Lane(node.clone(), lane)));
        }
        self.pump(now, node, lane);
    }

    fn overdue(&mut self, now: Now, node: &NodeId, lane: Lane, job: Job) {
        match job {
            Job::Flight(id) => {
                if self.flight_unanswered(node, lane, id) {
                    self.pause_flight(now, id);
                }
            }
            Job::Row(row, seq) => {
                if self.row_unanswered(now, node, row, seq) {
                    self.row_overdue(now, row);
                }
            }
        }
    }

    // === answers to what we sent ===

    pub(super) fn acked(&mut self, now: Now, from: &NodeId, ack: &LaneAck) {
        if ack.boot != self.config.boot {
            return;
        }
        let Some(peer) = self.peers.get_mut(from) else {
            return;
        };
        let out = &mut peer.lanes[ack.lane.index()];
        let mut jobs = Vec::new();
        for (first, n) in &ack.runs {
            // What a hostile peer claims beyond our own numbers costs nothing.
            for seq in out.known(*first, *n) {
                jobs.extend(out.take(seq).map(|job| (seq, job)));
            }
        }
        for (seq, job) in jobs {
            match job {
                Job::Flight(id) => self.flight_accepted(id),
                Job::Row(row, number) if self.outbox.is_current(row, number) => {
                    self.row_arrived(now, from, row, (ack.lane, seq));
                }
                Job::Row(..) => {}
            }
        }
        self.pump(now, from, ack.lane);
    }

    pub(super) fn refused(&mut self, now: Now, from: &NodeId, boot: BootId, packets: &[Refused]) {
        if !self.peers.contains_key(from) {
            return;
        }
        if packets
            .iter()
            .any(|packet| packet.reason == Refusal::StaleBoot)
        {
            self.set_boot(from, boot);
        }
        for Refused { lane, seq, reason } in packets.iter().copied() {
            // The first copy of this number was or will be answered itself.
            if reason == Refusal::Replayed {
                continue;
            }
            match self.peer(from).lanes[lane.index()].take(seq) {
                Some(Job::Flight(id)) => self.flight_refused(now, id, reason),
                Some(Job::Row(row, number)) => {
                    // What was said of a number it has left is no news.
                    if self.outbox.is_current(row, number) {
                        self.row_refused(now, row, reason);
                    }
                }
                None => {
                    // Acked before: its handler failed, or its mailbox was lost.
                    let receiver = self.outbox.receivers.get_mut(from);
                    if let Some(row) = receiver.and_then(|r| r.arrived.remove(&(lane, seq))) {
                        self.row_refused(now, row, reason);
                    }
                }
            }
        }
        for lane in Lane::ALL {
            self.pump(now, from, lane);
        }
    }
}

pub(super) fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
