//! What the cores want done, and what comes over the network.

use rand::Rng;
use skep_packet::{Batch, Frame, MemberState, NodeId};
use skep_swarm::{
    asks::{AskInput, AskOutput, AskedEndpoint, Lost},
    delivery::{self, Outcome},
    membership,
    ways::{self, Way},
};

use crate::{
    disk::{Then, Transaction},
    network::Message,
    node::{MAILBOX_MAX, index_of, name},
    world::{Broken, Event, World},
};

impl World {
    /// Does all that a node's cores want done.
    pub(crate) fn drain(&mut self, idx: usize) {
        loop {
            let node = &mut self.nodes[idx];
            if let Some(output) = node.membership.poll_output() {
                self.membership_output(idx, output);
            } else if let Some(output) = node.delivery.poll_output() {
                self.delivery_output(idx, output);
            } else if let Some(output) = node.asks.poll_output() {
                self.ask_output(idx, &output);
            } else if let Some(output) = node.ways.poll_output() {
                self.way_output(idx, output);
            } else {
                return;
            }
        }
    }

    fn membership_output(&mut self, idx: usize, output: membership::Output) {
        match output {
            membership::Output::Send { to, frame } => {
                self.connect(idx, index_of(&to));
                self.send(idx, index_of(&to), 0, Message::Frame(frame));
            }
            membership::Output::Dial(node) => self.connect(idx, index_of(&node)),
            membership::Output::MemberChanged { node, state } => {
                let now = self.now(idx);
                self.nodes[idx].member_changed(now, &node);
                if matches!(state, MemberState::Dead | MemberState::Left) {
                    self.nodes[idx].asks.handle(now, AskInput::NodeDead(node));
                }
            }
            // Versions of the simulation only grow.
            membership::Output::OwnVersionSeen(_) => {}
            membership::Output::Fetch { from, nodes } => {
                self.connect(idx, index_of(&from));
                self.send(idx, index_of(&from), 0, Message::Want(nodes));
            }
        }
    }

    fn delivery_output(&mut self, idx: usize, output: delivery::Output) {
        let now = self.now(idx);
        match output {
            delivery::Output::Transmit { to, wire } => self.seal(idx, &to, &wire),
            delivery::Output::Frame { to, frame } => {
                self.send(idx, index_of(&to), 0, Message::Frame(frame));
            }
            delivery::Output::Connect(node) => {
                let node = self.nodes[idx].ways.to_dial(&node).clone();
                self.connect(idx, index_of(&node));
            }
            delivery::Output::Deliver {
                ticket,
                packet,
                durable,
            } => {
                let outcome = self.put(idx, packet, durable);
                let delivered = delivery::Input::Delivered { ticket, outcome };
                self.nodes[idx].delivery.handle(now, delivered);
            }
            told => self.tell(idx, told),
        }
    }

    /// Agents and asks hear what became of packets.
    fn tell(&mut self, idx: usize, output: delivery::Output) {
        let now = self.now(idx);
        match output {
            delivery::Output::Accepted { id, .. } => {
                let node = self.nodes[idx].name.clone();
                self.ledger.told(&node, id, true);
            }
            delivery::Output::Failed {
                id,
                agent,
                token,
                target,
                ..
            } => {
                let node = self.nodes[idx].name.clone();
                self.ledger.told(&node, id, false);
                if let Some(token) = token {
                    let (packet, asker) = (id, agent);
                    let (endpoint, lost) = (target, Lost::Unreachable);
                    let failed = AskInput::NotDelivered {
                        packet,
                        asker,
                        token,
                        endpoint,
                        lost,
                    };
                    self.nodes[idx].asks.handle(now, failed);
                }
            }
            delivery::Output::Retargeted {
                agent,
                token: Some(token),
                from,
                to,
                ..
            } => {
                let to = AskedEndpoint {
                    address: to.address,
                    boot: to.boot,
                    agent_incarnation: to.agent_incarnation,
                };
                let moved = AskInput::Retargeted {
                    asker: agent,
                    token,
                    from,
                    to,
                };
                self.nodes[idx].asks.handle(now, moved);
            }
            delivery::Output::Retargeted { .. } => {}
            stored => self.keep(idx, stored),
        }
    }

    /// Rows go to the disk.
    fn keep(&mut self, idx: usize, output: delivery::Output) {
        match output {
            delivery::Output::Persist { rows, next_seq } => {
                let then = Then::Persisted(rows.iter().map(|row| row.row).collect());
                self.commit(
                    idx,
                    Transaction {
                        rows,
                        next_seq,
                        then,
                        ..Transaction::default()
                    },
                );
            }
            delivery::Output::Delete { rows } => {
                self.commit(
                    idx,
                    Transaction {
                        deleted: rows,
                        ..Transaction::default()
                    },
                );
            }
            delivery::Output::DeadLetter { row, reason } => {
                self.ledger.buried(row.draft.id, reason);
                let (deleted, then) = (vec![row.row], Then::Persisted(vec![row.row]));
                self.commit(
                    idx,
                    Transaction {
                        deleted,
                        then,
                        ..Transaction::default()
                    },
                );
            }
            other => unreachable!("not for the disk: {other:?}"),
        }
    }

    fn ask_output(&mut self, idx: usize, output: &AskOutput) {
        let node = self.nodes[idx].name.clone();
        match output {
            AskOutput::TimedOut(ask) | AskOutput::Failed(ask, ..) => {
                self.ledger.ask_ended(&node, *ask, false);
            }
            AskOutput::EndpointLost(..) => {}
        }
    }

    fn put(
        &mut self,
        idx: usize,
        packet: skep_packet::Packet,
        durable: Option<skep_packet::OutboxMark>,
    ) -> Outcome {
        let node = &mut self.nodes[idx];
        if !node.serves(packet.target.agent.as_str()) {
            return Outcome::Refused(skep_packet::Refusal::NotServed);
        }
        let forgets = self.scenario.broken == Some(Broken::NeverStandsBy);
        if node.stands_by(&packet) && !forgets {
            return Outcome::Refused(skep_packet::Refusal::StandsBy);
        }
        if node.mailbox.len() >= MAILBOX_MAX {
            return Outcome::Refused(skep_packet::Refusal::MailboxFull);
        }
        self.check_taken(idx, &packet);
        let node = &mut self.nodes[idx];
        let was_empty = node.mailbox.is_empty();
        node.mailbox.push_back((packet, durable));
        if was_empty {
            let boot_n = node.boot_n;
            let after_ms = self.rng.random_range(1..40);
            self.after_ms(after_ms, Event::Handle { idx, boot_n });
        }
        Outcome::Queued
    }

    // === connections ===

    fn can_talk(&self, a: usize, b: usize) -> bool {
        b < self.nodes.len() && self.nodes[a].up && self.nodes[b].up && !self.network.is_cut(a, b)
    }

    /// `a` dials `b`, where `b` takes connections and `a` can reach it.
    pub(crate) fn connect(&mut self, a: usize, b: usize) {
        if a == b || !self.can_talk(a, b) || self.nodes[b].dials.is_some() {
            return;
        }
        let reached = self.nodes[a].dials.as_ref();
        if reached.is_some_and(|reached| !reached.contains(&b)) {
            return;
        }
        if let Some(connection) = self.network.connect(a, b) {
            let after_ms = self.rng.random_range(1..10);
            self.after_ms(
                after_ms,
                Event::Up {
                    idx: a,
                    peer: b,
                    connection,
                },
            );
            self.after_ms(
                after_ms + 1,
                Event::Up {
                    idx: b,
                    peer: a,
                    connection,
                },
            );
        }
    }

    pub(crate) fn up(&mut self, idx: usize, peer: usize, connection: u64) {
        if self.network.connection(idx, peer) != Some(connection) || !self.nodes[idx].up {
            return;
        }
        let (now, boot, node) = (self.now(idx), self.nodes[peer].boot, name(peer));
        let listens = self.nodes[peer].dials.is_none();
        let cores = &mut self.nodes[idx];
        let input = membership::Input::PeerUp {
            node: node.clone(),
            boot,
        };
        cores.membership.handle(now, input);
        cores
            .asks
            .handle(now, AskInput::NodeBoot(node.clone(), boot));
        cores.ways.handle(ways::Input::LinkUp {
            node,
            boot,
            listens,
        });
        self.drain(idx);
    }

    fn way_output(&mut self, idx: usize, output: ways::Output) {
        let (now, node) = (self.now(idx), &mut self.nodes[idx]);
        match output {
            ways::Output::Up {
                node: to,
                boot,
                way,
            } => {
                let relayed = way != Way::Direct;
                let input = delivery::Input::PeerUp {
                    node: to,
                    boot,
                    relayed,
                };
                node.delivery.handle(now, input);
            }
            ways::Output::Down { node: to } => {
                node.delivery
                    .handle(now, delivery::Input::PeerDown { node: to });
            }
            ways::Output::Hub(hub) => node.hub_changed(now, hub),
        }
    }

    /// Both ends notice after a while that they are not connected any more.
    pub(crate) fn break_connection(&mut self, a: usize, b: usize, after_ms: u64) {
        self.network.disconnect(a, b);
        self.after_ms(after_ms, Event::Down { idx: a, peer: b });
        self.after_ms(after_ms, Event::Down { idx: b, peer: a });
    }

    pub(crate) fn down(&mut self, idx: usize, peer: usize) {
        // They may have a new connection by then.
        if !self.nodes[idx].up || self.network.connection(idx, peer).is_some() {
            return;
        }
        let (now, node) = (self.now(idx), name(peer));
        let cores = &mut self.nodes[idx];
        cores
            .membership
            .handle(now, membership::Input::PeerDown { node: node.clone() });
        cores.ways.handle(ways::Input::LinkDown { node });
        self.drain(idx);
    }

    // === messages ===

    /// Sends over the connection, if there is one: perhaps late, twice, in another order, or not.
    pub(crate) fn send(&mut self, from: usize, to: usize, extra_ms: u64, message: Message) {
        let Some(connection) = self.network.connection(from, to) else {
            return;
        };
        let n_copies = match () {
            () if self.rng.random_bool(self.network.loss) => 0,
            () if self.rng.random_bool(self.network.doubling) => 2,
            () => 1,
        };
        for _ in 0..n_copies {
            let delay_us = self
                .rng
                .random_range(500..self.network.delay_ms_max * 1_000);
            let message = Box::new(message.clone());
            let event = Event::Message {
                from,
                to,
                connection,
                message,
            };
            self.after_ns(extra_ms * 1_000_000 + delay_us * 1_000, event);
        }
    }

    pub(crate) fn arrive(&mut self, from: usize, to: usize, connection: u64, message: Message) {
        if self.network.connection(from, to) != Some(connection) || !self.can_talk(from, to) {
            return;
        }
        match message {
            Message::Frame(frame) => self.frame(from, to, frame),
            Message::Batch(batch) => self.open(to, from, &batch),
            Message::Relay(receiver, batch) => self.relay(to, index_of(&receiver), batch),
            Message::Want(nodes) => {
                let own = self.nodes[to].descriptor();
                let known = |node: &NodeId| {
                    if own.node == *node {
                        Some(own.clone())
                    } else {
                        self.nodes[to].known.get(node).cloned()
                    }
                };
                let found = nodes.iter().filter_map(known).collect();
                self.send(to, from, 0, Message::Descriptors(found));
            }
            Message::Descriptors(descriptors) => {
                let now = self.now(to);
                for descriptor in descriptors {
                    let node = &mut self.nodes[to];
                    let is_newer = node
                        .known
                        .get(&descriptor.node)
                        .is_none_or(|known| known.version < descriptor.version);
                    if is_newer {
                        let subject = descriptor.node.clone();
                        node.known.insert(subject.clone(), descriptor);
                        node.member_changed(now, &subject);
                    }
                }
            }
        }
        self.drain(to);
    }

    /// Passes on what it can not read; a forger may sit here.
    fn relay(&mut self, idx: usize, to: usize, batch: Batch) {
        if self.network.connection(idx, to).is_none() {
            return self.connect(idx, to);
        }
        self.n_relayed += 1;
        self.forge(idx, to, &batch);
        self.send(idx, to, 0, Message::Batch(batch));
    }

    pub(crate) fn frame(&mut self, from: usize, to: usize, frame: Frame) {
        let (now, node) = (self.now(to), &mut self.nodes[to]);
        let from = name(from);
        match frame {
            Frame::Swim(swim) => {
                node.membership
                    .handle(now, membership::Input::Swim { from, swim });
            }
            Frame::Versions { versions, answer } => {
                let input = membership::Input::Versions {
                    from,
                    versions,
                    answer,
                };
                node.membership.handle(now, input);
            }
            Frame::Goodbye => node
                .membership
                .handle(now, membership::Input::Goodbye { from }),
            Frame::Ack(ack) => node
                .delivery
                .handle(now, delivery::Input::Ack { from, ack }),
            Frame::Settled(settled) => {
                node.delivery
                    .handle(now, delivery::Input::Settled { from, settled });
            }
            Frame::Refused {
                boot,
                sender_boot,
                packets,
            } => {
                let input = delivery::Input::Refused {
                    from,
                    boot,
                    sender_boot,
                    packets,
                };
                node.delivery.handle(now, input);
            }
            _ => {}
        }
    }
}
