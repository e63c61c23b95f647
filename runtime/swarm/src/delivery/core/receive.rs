//! What arrives: judged, handed to a mailbox, answered.

use std::{fmt, str::FromStr};

use skep_packet::{
    Address, AgentName, BootId, Class, Frame, Kind, Lane, NodeId, Now, OutboxMark, Packet,
    PacketId, Refusal, Refused, SealHeader, WirePacket, encode,
};
use uuid::Uuid;

use super::{
    super::{
        config::ACK_DELAY,
        ids::{Arrival, Seen},
        inbox::{InboxDelta, Verdict},
        io::{Outcome, Output, Ticket},
    },
    Delivery, DurableIn, Timer,
};

/// A packet on its way into a mailbox.
#[derive(Debug, Clone)]
pub(super) enum Inbound {
    /// An accepted or best-effort packet of this node.
    LocalFlight(u64),
    /// A durable packet of this node.
    LocalRow(u64, OutboxMark),
    /// A packet of another node.
    Remote {
        from: NodeId,
        boot: BootId,
        lane: Lane,
        seq: u64,
        id: PacketId,
        agent: AgentName,
        class: Class,
        mark: Option<OutboxMark>,
    },
}

impl Delivery {
    fn deliver(&mut self, inbound: Inbound, packet: Packet, durable: Option<OutboxMark>) {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.tickets.insert(ticket, inbound);
        self.outputs.push_back(Output::Deliver {
            ticket,
            packet,
            durable,
        });
    }

    pub(super) fn deliver_flight(&mut self, id: u64, packet: Packet) {
        self.deliver(Inbound::LocalFlight(id), packet, None);
    }

    /// A durable packet of this node goes through the same inbox as one of another node.
    pub(super) fn deliver_row(&mut self, now: Now, row: u64, packet: Packet, mark: OutboxMark) {
        let own = self.config.node.clone();
        match self.inbox.decide(&own, mark) {
            Verdict::Run => {
                let durable_in = DurableIn {
                    agent: packet.target.agent.clone(),
                    copy: None,
                    staged: false,
                };
                self.durable_in
                    .insert((own, mark.epoch, mark.seq), durable_in);
                self.deliver(Inbound::LocalRow(row, mark), packet, Some(mark));
            }
            Verdict::Settled => self.settle(row),
            Verdict::InProcess => self.row_arrived_here(now, row),
            Verdict::Full => self.row_refused(now, row, Refusal::MailboxFull),
        }
    }

    // === from other nodes ===

    pub(super) fn received(&mut self, now: Now, from: &NodeId, boot: BootId, wire: WirePacket) {
        let WirePacket { seal, packet } = wire;
        let (lane, seq, id) = (packet.lane, seal.seq, packet.id);
        let agent = packet.target.agent.clone();
        let refuse = |reason| Refused { lane, seq, reason };
        match (packet.class, seal.outbox) {
            (Class::BestEffort, _) => {}
            (Class::Accepted, _) => {
                let arrival = Arrival {
                    sender: from,
                    boot,
                    lane,
                    seq,
                };
                match self.ids.take(arrival, id, &agent, packet.ttl_ms, now) {
                    Seen::New => {}
                    Seen::Before => return self.ack(now, from, boot, lane, seq),
                    Seen::Full => {
                        return self.refuse(now, from, boot, refuse(Refusal::MailboxFull));
                    }
                }
            }
            (Class::Durable, None) => {
                return self.refuse(now, from, boot, refuse(Refusal::Malformed));
            }
            (Class::Durable, Some(mark)) => match self.inbox.decide(from, mark) {
                Verdict::Run => {
                    let copy = Some((boot, lane, seq));
                    let durable_in = DurableIn {
                        agent: agent.clone(),
                        copy,
                        staged: false,
                    };
                    self.durable_in
                        .insert((from.clone(), mark.epoch, mark.seq), durable_in);
                }
                Verdict::Settled => {
                    self.peer(from).answers.settle(mark.epoch, mark.seq);
                    return self.ack(now, from, boot, lane, seq);
                }
                Verdict::InProcess => return self.came_again(now, from, boot, mark, (lane, seq)),
                Verdict::Full => return self.refuse(now, from, boot, refuse(Refusal::MailboxFull)),
            },
        }
        let (class, mark) = (
            packet.class,
            seal.outbox.filter(|_| packet.class == Class::Durable),
        );
        let from = from.clone();
        let inbound = Inbound::Remote {
            from,
            boot,
            lane,
            seq,
            id,
            agent,
            class,
            mark,
        };
        self.deliver(inbound, packet, mark);
    }

    /// Another copy of a packet that is in its mailbox: its failure is told by the newest number,
    /// which the sender has in mind.
    fn came_again(
        &mut self,
        now: Now,
        from: &NodeId,
        boot: BootId,
        mark: OutboxMark,
        (lane, seq): (Lane, u64),
    ) {
        let key = (from.clone(), mark.epoch, mark.seq);
        if let Some(durable_in) = self.durable_in.get_mut(&key) {
            durable_in.copy = Some((boot, lane, seq));
        }
        self.ack(now, from, boot, lane, seq);
    }

    pub(super) fn reject(&mut self, now: Now, from: &NodeId, boot: BootId, packets: Vec<Refused>) {
        for refused in packets {
            // Number 0 is a packet that did not even decode: nothing can be said of it.
            if refused.seq > 0 && is_ours(refused.reason) {
                self.refuse(now, from, boot, refused);
            }
        }
    }

    // === what the mailbox said ===

    pub(super) fn delivered(&mut self, now: Now, ticket: Ticket, outcome: Outcome) {
        let Some(inbound) = self.tickets.remove(&ticket) else {
            return;
        };
        match (inbound, outcome) {
            (Inbound::LocalFlight(id), Outcome::Queued) => self.flight_accepted(id),
            (Inbound::LocalFlight(id), Outcome::Refused(reason)) => {
                self.flight_refused(now, id, reason);
            }
            (Inbound::LocalRow(row, _), Outcome::Queued) => self.row_arrived_here(now, row),
            (Inbound::LocalRow(row, mark), Outcome::Refused(reason)) => {
                let own = self.config.node.clone();
                self.release(&own, mark);
                if self.outbox.is_current(row, mark.seq) {
                    self.row_refused(now, row, reason);
                }
            }
            (
                Inbound::Remote {
                    from,
                    boot,
                    lane,
                    seq,
                    ..
                },
                Outcome::Queued,
            ) => {
                self.ack(now, &from, boot, lane, seq);
            }
            (
                Inbound::Remote {
                    from,
                    boot,
                    lane,
                    seq,
                    id,
                    agent,
                    class,
                    mark,
                },
                Outcome::Refused(reason),
            ) => {
                if class == Class::Accepted {
                    let arrival = Arrival {
                        sender: &from,
                        boot,
                        lane,
                        seq,
                    };
                    self.ids.forget(arrival, id, &agent);
                }
                if let Some(mark) = mark {
                    self.release(&from, mark);
                }
                self.refuse(now, &from, boot, Refused { lane, seq, reason });
            }
        }
    }

    // === durable packets in a mailbox ===

    /// What the transaction of a durable packet's effect must write beside it.
    ///
    /// Call it when the transaction is handed to the committer, and
    /// [`Committed`](super::super::Input::Committed) when it is on disk. From here on a crash of the
    /// agent does not bring the packet back.
    pub fn inbox_delta(&mut self, sender: &NodeId, mark: OutboxMark) -> InboxDelta {
        let key = (sender.clone(), mark.epoch, mark.seq);
        if let Some(durable_in) = self.durable_in.get_mut(&key) {
            durable_in.staged = true;
        }
        self.inbox.commit(sender, mark)
    }

    pub(super) fn committed(&mut self, now: Now, sender: &NodeId, mark: OutboxMark) {
        self.inbox.committed(sender, mark);
        self.durable_in
            .remove(&(sender.clone(), mark.epoch, mark.seq));
        if *sender == self.config.node {
            if let Some(row) = self.outbox.row_at(sender, mark.seq) {
                self.settle(row);
            }
        } else {
            self.peer(sender).answers.settle(mark.epoch, mark.seq);
            self.answer_soon(now, sender);
        }
    }

    pub(super) fn handler_failed(&mut self, now: Now, sender: &NodeId, mark: OutboxMark) {
        self.give_back(now, sender, mark, Refusal::HandlerFailed);
    }

    pub(super) fn mailbox_lost(&mut self, now: Now, agent: &AgentName) {
        let lost: Vec<(NodeId, u64, u64)> = self
            .durable_in
            .iter()
            .filter(|(_, durable_in)| durable_in.agent == *agent && !durable_in.staged)
            .map(|(key, _)| key.clone())
            .collect();
        for (sender, epoch, seq) in lost {
            let mark = OutboxMark {
                epoch,
                seq,
                lowest: 0,
            };
            self.give_back(now, &sender, mark, Refusal::AgentDown);
        }
    }

    /// A durable packet leaves its mailbox without effect: its sender is told to send it again.
    fn give_back(&mut self, now: Now, sender: &NodeId, mark: OutboxMark, reason: Refusal) {
        let key = (sender.clone(), mark.epoch, mark.seq);
        if self
            .durable_in
            .get(&key)
            .is_none_or(|durable_in| durable_in.staged)
        {
            return;
        }
        let copy = self.release(sender, mark);
        if *sender == self.config.node {
            if let Some(row) = self.outbox.row_at(sender, mark.seq)
                && self.outbox.is_current(row, mark.seq)
            {
                self.row_refused(now, row, reason);
            }
        } else if let Some((boot, lane, seq)) = copy {
            self.refuse(now, sender, boot, Refused { lane, seq, reason });
        }
    }

    fn release(&mut self, sender: &NodeId, mark: OutboxMark) -> Option<(BootId, Lane, u64)> {
        self.inbox.released(sender, mark);
        self.durable_in
            .remove(&(sender.clone(), mark.epoch, mark.seq))?
            .copy
    }

    // === answers ===

    fn ack(&mut self, now: Now, to: &NodeId, boot: BootId, lane: Lane, seq: u64) {
        self.peer(to).answers.ack(boot, lane, seq);
        self.answer_soon(now, to);
    }

    fn refuse(&mut self, now: Now, to: &NodeId, boot: BootId, refused: Refused) {
        self.peer(to).answers.refuse(boot, refused);
        self.answer_soon(now, to);
    }

    fn answer_soon(&mut self, now: Now, to: &NodeId) {
        let answers = &mut self.peer(to).answers;
        if answers.is_full() {
            return self.answer(now, to);
        }
        if answers.due_ns.is_none() {
            let due_ns = now.mono_after(ACK_DELAY);
            answers.due_ns = Some(due_ns);
            self.timers.insert((due_ns, Timer::Answers(to.clone())));
        }
    }

    pub(super) fn answer(&mut self, now: Now, to: &NodeId) {
        let own_boot = self.config.boot;
        let answers = &mut self.peer(to).answers;
        let due_ns = answers.due_ns.take();
        let frames = answers.take(own_boot);
        if let Some(due_ns) = due_ns {
            self.timers.remove(&(due_ns, Timer::Answers(to.clone())));
        }
        for frame in frames {
            self.say(now, to, frame);
        }
    }

    /// What this node itself says to another one.
    pub(super) fn say(&mut self, now: Now, to: &NodeId, frame: Frame) {
        let sealed = self.sealed_answer(now, to, &frame);
        let to = to.clone();
        self.outputs.push_back(match sealed {
            Some(wire) => Output::Transmit { to, wire },
            None => Output::Frame { to, frame },
        });
    }

    /// The answer as a packet, where another node passes it on: that one must not be able to say in
    /// our name that something arrived.
    fn sealed_answer(&mut self, now: Now, to: &NodeId, frame: &Frame) -> Option<WirePacket> {
        let peer = self.peers.get_mut(to).filter(|peer| peer.relayed)?;
        let (lane, to_boot) = (Lane::Control, peer.boot?);
        let seq = peer.lanes[lane.index()].number();
        let config = &self.config;
        let id = config.boot.0.as_u128().wrapping_add(u128::from(seq));
        let packet = Packet {
            id: PacketId(Uuid::from_u128(id)),
            kind: Kind::Answers,
            swarm: config.swarm,
            from: delivery_of(&config.node),
            role: None,
            target: delivery_of(to),
            handler: name("answers"),
            token: None,
            reply_to: None,
            class: Class::BestEffort,
            lane,
            issued_at_ms: now.unix_ms,
            ttl_ms: ANSWER_TTL_MS,
            proof: None,
            content: encode(frame),
        };
        let seal = SealHeader {
            to_boot,
            seq,
            outbox: None,
        };
        Some(WirePacket { seal, packet })
    }
}

/// How long a sealed answer is good: its sender asks again long before.
const ANSWER_TTL_MS: u64 = 10_000;

/// Whose word a sealed answer is. No agent: it is told by the packet's kind.
fn delivery_of(node: &NodeId) -> Address {
    Address::new(name("delivery"), node.clone())
}

fn name<T: FromStr<Err: fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a word is a name")
}

/// Whether the packet was sealed for this node. A number counts between its sender and its receiver:
/// of a packet for somebody else, that a third party sent here, the sender would take the answer for
/// one about a packet of ours.
fn is_ours(reason: Refusal) -> bool {
    !matches!(
        reason,
        Refusal::WrongSwarm | Refusal::WrongSigner | Refusal::WrongRecipient
    )
}
