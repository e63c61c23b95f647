//! What agents do with packets, and what becomes of their transactions.

use std::time::Duration;

use bytes::Bytes;
use rand::{Rng, seq::IndexedRandom};
use skep_packet::{
    Address, Class, Destination, HandlerName, Kind, Lane, OutboxMark, Packet, PacketId, Scope,
    Token,
};
use skep_swarm::{
    asks::{AskedEndpoint, Gather, OpenAsk, ReplyVerdict},
    delivery::{self, Draft, Outgoing, Spread, Target},
};
use uuid::Uuid;

use crate::{
    disk::{Effect, Then, Transaction},
    node::{ANY, SOLE, SPECIAL, name},
    world::{Broken, Event, World, nanos},
};

/// Content of a durable packet whose handler sends another one in its transaction.
const CHAIN: &[u8] = b"chain";

fn handler(text: &str) -> HandlerName {
    HandlerName::new(text).expect("a handler of the simulation")
}

fn agent(text: &str, idx: usize) -> Address {
    Address::new(text.parse().expect("an agent of the simulation"), name(idx))
}

fn role(text: &str) -> Destination {
    Destination::Role(text.parse().expect("a role of the simulation"))
}

fn outgoing(id: PacketId, class: Class, from: Address, to: Destination) -> Outgoing {
    let draft = Draft {
        id,
        kind: Kind::Command,
        from,
        token: None,
        reply_to: None,
        class,
        lane: Lane::Command,
        proof: None,
        content: Bytes::from_static(b"{}"),
    };
    let ttl = match class {
        Class::Durable => Duration::from_hours(7 * 24),
        _ => Duration::from_secs(10),
    };
    let sticky = Bytes::copy_from_slice(id.0.as_bytes());
    Outgoing {
        draft,
        to,
        scope: Scope::Swarm,
        spread: Spread::One { sticky },
        ttl,
    }
}

impl World {
    // === what agents begin ===

    /// Some agent has something to say.
    pub(crate) fn work(&mut self) {
        let idx = self.rng.random_range(0..self.nodes.len());
        if !self.nodes[idx].up {
            return;
        }
        match self.rng.random_range(0..7) {
            0..3 => self.send_durable(idx),
            3 => self.send_accepted(idx),
            4 => self.ask(
                idx,
                ANY,
                Spread::One {
                    sticky: Bytes::from_static(b"session"),
                },
            ),
            5 => self.ask(idx, SOLE, Spread::All),
            _ => self.ask(idx, SPECIAL, Spread::All),
        }
        self.drain(idx);
    }

    fn send_durable(&mut self, idx: usize) {
        let n_packets = self.rng.random_range(1..5);
        let mut batch = Vec::new();
        for _ in 0..n_packets {
            let id = self.packet_id();
            let target = self.rng.random_range(0..self.nodes.len());
            let to = match self.rng.random_range(0..4) {
                0 => role(ANY),
                1 => role(SPECIAL),
                2 => role(SOLE),
                _ => Destination::Agent(agent("worker", target), handler("cmd_do")),
            };
            let mut one = outgoing(id, Class::Durable, agent("boss", idx), to);
            if self.rng.random_bool(0.3) {
                one.draft.content = Bytes::from_static(CHAIN);
            }
            batch.push(one);
        }
        let now = self.now(idx);
        let Ok(admitted) = self.nodes[idx].delivery.admit(now, batch) else {
            return;
        };
        let rows: Vec<u64> = admitted.rows.iter().map(|row| row.row).collect();
        if self.rng.random_bool(0.1) {
            // The agent changed its mind.
            return self.nodes[idx]
                .delivery
                .handle(now, delivery::Input::Aborted { rows });
        }
        let delivery::Admitted {
            rows: stored,
            next_seq,
        } = admitted;
        let then = Then::Written(rows);
        self.commit(
            idx,
            Transaction {
                rows: stored,
                next_seq,
                then,
                ..Transaction::default()
            },
        );
    }

    fn send_accepted(&mut self, idx: usize) {
        let (id, now) = (self.packet_id(), self.now(idx));
        let to = *[ANY, SPECIAL, SOLE].choose(&mut self.rng).unwrap_or(&ANY);
        let packet = outgoing(id, Class::Accepted, agent("boss", idx), role(to));
        if self.nodes[idx].delivery.send(now, packet).is_ok() {
            let node = self.nodes[idx].name.clone();
            self.ledger.sent(&node, id);
        }
    }

    fn ask(&mut self, idx: usize, to: &str, spread: Spread) {
        let (id, now) = (self.packet_id(), self.now(idx));
        let within = Duration::from_millis(self.rng.random_range(200..5_000));
        let token = Token::from(id.0);
        let gather = if spread == Spread::All {
            Gather::Each
        } else {
            Gather::First
        };
        let mut packet = outgoing(id, Class::Accepted, agent("boss", idx), role(to));
        packet.draft.token = Some(token.clone());
        packet.spread = spread;
        packet.ttl = within;
        let Ok(targets) = self.nodes[idx].delivery.send(now, packet) else {
            return;
        };
        let asked = |target: &Target| AskedEndpoint {
            address: target.address.clone(),
            boot: target.boot,
            agent_incarnation: target.agent_incarnation,
        };
        let deadline_ns = now.mono_ns + nanos(within);
        let open = OpenAsk {
            asker: agent("boss", idx).agent,
            token,
            packet: id,
            deadline_ns,
            endpoints: targets.iter().map(asked).collect(),
            gather,
        };
        if let Ok(ask) = self.nodes[idx].asks.open(open) {
            let node = self.nodes[idx].name.clone();
            let deadline_ns = self.nodes[idx].clock.world_ns(deadline_ns);
            self.ledger.asked(&node, ask, deadline_ns);
        }
    }

    // === what agents do with packets ===

    /// Handles everything in a node's mailboxes.
    pub(crate) fn work_off(&mut self, idx: usize) {
        while let Some((packet, mark)) = self.nodes[idx].mailbox.pop_front() {
            match mark {
                Some(mark) => self.handle_durable(idx, &packet, mark),
                None if packet.kind == Kind::Reply => self.handle_reply(idx, &packet),
                None => self.handle_command(idx, &packet),
            }
        }
        self.drain(idx);
    }

    fn handle_command(&mut self, idx: usize, packet: &Packet) {
        let now = self.now(idx);
        let boot = self.nodes[idx].boot;
        self.ledger.run(packet.id, &packet.target, boot);
        let Some(token) = packet.token.clone() else {
            return;
        };
        let id = PacketId(Uuid::from_u128(packet.id.0.as_u128() ^ (1 + idx as u128)));
        let to = Destination::Agent(packet.from.clone(), handler("reply"));
        let mut reply = outgoing(id, Class::Accepted, packet.target.clone(), to);
        reply.draft.kind = Kind::Reply;
        reply.draft.token = Some(token);
        if self.nodes[idx].delivery.send(now, reply).is_ok() {
            let node = self.nodes[idx].name.clone();
            self.ledger.sent(&node, id);
        }
    }

    fn handle_reply(&mut self, idx: usize, packet: &Packet) {
        let Some(token) = &packet.token else { return };
        let node = &mut self.nodes[idx];
        let verdict = node.asks.reply(&packet.target.agent, token, &packet.from);
        if let ReplyVerdict::Settles(ask) = verdict {
            let name = node.name.clone();
            self.ledger.ask_ended(&name, ask, true);
        }
    }

    fn handle_durable(&mut self, idx: usize, packet: &Packet, mark: OutboxMark) {
        let now = self.now(idx);
        let sender = packet.from.node.clone();
        let fails = packet.id.0.as_u128().is_multiple_of(5);
        let node = &mut self.nodes[idx];
        if fails && !self.calm && self.failed.insert(packet.id) {
            let failed = delivery::Input::HandlerFailed { sender, mark };
            return node.delivery.handle(now, failed);
        }
        let delta = node.delivery.inbox_delta(&sender, mark);
        let effect = Effect {
            address: packet.target.clone(),
            id: packet.id,
            sender: sender.clone(),
            mark,
            delta,
        };
        let mut transaction = Transaction {
            effect: Some(effect),
            ..Transaction::default()
        };
        if packet.content == CHAIN {
            // Derived, so that the effect at another endpoint, or disk, has its own.
            let place = (1 + idx as u128) << 8 | u128::from(node.disk.lineage) << 16;
            let id = PacketId(Uuid::from_u128(packet.id.0.as_u128() ^ place));
            let next = outgoing(id, Class::Durable, packet.target.clone(), role(SPECIAL));
            if let Ok(admitted) = node.delivery.admit(now, vec![next]) {
                transaction.then = Then::Written(admitted.rows.iter().map(|row| row.row).collect());
                transaction.rows = admitted.rows;
                transaction.next_seq = admitted.next_seq;
            }
        }
        if self.scenario.broken == Some(Broken::AckBeforeCommit) {
            let committed = delivery::Input::Committed { sender, mark };
            self.nodes[idx].delivery.handle(now, committed);
        }
        self.commit(idx, transaction);
    }

    // === the disk ===

    pub(crate) fn commit(&mut self, idx: usize, transaction: Transaction) {
        self.nodes[idx].queue.push(transaction);
        self.start_fsync(idx);
    }

    fn start_fsync(&mut self, idx: usize) {
        let node = &mut self.nodes[idx];
        if node.fsyncing || node.queue.is_empty() {
            return;
        }
        node.fsyncing = true;
        let boot_n = node.boot_n;
        let after_ms = self.rng.random_range(1..=self.scenario.fsync_ms_max);
        self.after_ms(after_ms, Event::Fsync { idx, boot_n });
    }

    /// Everything that queued is on disk, in order; then its answers leave.
    pub(crate) fn fsync(&mut self, idx: usize) {
        let now = self.now(idx);
        self.nodes[idx].fsyncing = false;
        for transaction in std::mem::take(&mut self.nodes[idx].queue) {
            self.trace
                .line(self.now_ns, || format!("n{idx} has on disk {transaction}"));
            self.write(idx, &transaction);
            let delivery = &mut self.nodes[idx].delivery;
            if let Some(Effect { sender, mark, .. }) = transaction.effect {
                delivery.handle(now, delivery::Input::Committed { sender, mark });
            }
            match transaction.then {
                Then::Nothing => {}
                Then::Written(rows) => delivery.handle(now, delivery::Input::Written { rows }),
                Then::Persisted(rows) => {
                    delivery.handle(now, delivery::Input::Persisted { rows });
                }
            }
        }
        self.drain(idx);
        self.start_fsync(idx);
    }

    fn write(&mut self, idx: usize, transaction: &Transaction) {
        let node = &mut self.nodes[idx];
        node.disk.apply(transaction);
        let lineage = node.disk.lineage;
        if let Some(effect) = &transaction.effect {
            self.ledger.effect(effect.id, &effect.address, lineage);
        }
        if matches!(transaction.then, Then::Written(_)) {
            for row in &transaction.rows {
                self.ledger.promised(row.draft.id, &node.name, lineage);
            }
        }
    }

    /// A crash: of what was on its way to the disk some part got there, unanswered.
    pub(crate) fn tear(&mut self, idx: usize) {
        let queue = std::mem::take(&mut self.nodes[idx].queue);
        let n_written = self.rng.random_range(0..=queue.len());
        for transaction in queue.iter().take(n_written) {
            self.write(idx, transaction);
        }
    }
}
