//! Two nodes, their disks and mailboxes, and a link that does what the test says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use skep_packet::{
    AgentCard, AgentHealth, BootId, Class, Descriptor, Destination, Frame, HandlerName, Kind, Lane,
    NodeId, Now, OutboxMark, Packet, PacketId, Refusal, Refused, Scope, ServedRole, SwarmId,
    WirePacket, decode, limits::FRAME_BYTES_MAX,
};
use uuid::Uuid;

use super::super::{
    Admitted, DeadReason, Delivery, DeliveryConfig, Draft, FailReason, InboxDelta, InboxRow,
    InboxState, Input, OutboxRow, Outcome, Outgoing, Output, SendRefused, Spread,
};
use crate::roles::{NodeEntry, RoleIndex};

pub(super) fn n(idx: usize) -> NodeId {
    NodeId::new(&format!("n{idx}")).unwrap()
}

fn outgoing(id: usize, class: Class, to: Destination) -> Outgoing {
    let draft = Draft {
        id: PacketId(Uuid::from_u128(id as u128)),
        kind: Kind::Command,
        from: "sender@n0".parse().unwrap(),
        token: None,
        reply_to: None,
        class,
        lane: Lane::Command,
        proof: None,
        content: Bytes::from_static(b"{}"),
    };
    let spread = Spread::One {
        sticky: Bytes::from_static(b"session"),
    };
    let ttl = match class {
        Class::Durable => Duration::from_hours(7 * 24),
        _ => Duration::from_secs(10),
    };
    Outgoing {
        draft,
        to,
        scope: Scope::Swarm,
        spread,
        ttl,
    }
}

pub(super) fn accepted(id: usize, role: &str) -> Outgoing {
    outgoing(
        id,
        Class::Accepted,
        Destination::Role(role.parse().unwrap()),
    )
}

pub(super) fn durable(id: usize, role: &str) -> Outgoing {
    outgoing(id, Class::Durable, Destination::Role(role.parse().unwrap()))
}

pub(super) fn durable_to(id: usize, address: &str) -> Outgoing {
    let handler = HandlerName::new("cmd_do").unwrap();
    outgoing(
        id,
        Class::Durable,
        Destination::Agent(address.parse().unwrap(), handler),
    )
}

pub(super) fn alert(id: usize, role: &str) -> Outgoing {
    let mut alert = durable(id, role);
    alert.draft.kind = Kind::Alert;
    alert
}

#[derive(Default)]
pub(super) struct Disk {
    pub(super) rows: BTreeMap<u64, OutboxRow>,
    pub(super) next_seq: u64,
    pub(super) inbox: BTreeSet<InboxRow>,
    pub(super) effects: Vec<PacketId>,
    pub(super) dead: Vec<(PacketId, DeadReason)>,
}

/// Does to stored rows what a store would do with a delta.
pub(super) fn store(rows: &mut BTreeSet<InboxRow>, delta: &InboxDelta) {
    let of = |row: &InboxRow| match row {
        InboxRow::Watermark { sender, epoch, .. } => (sender.clone(), *epoch, None),
        InboxRow::Committed { sender, epoch, seq } => (sender.clone(), *epoch, Some(*seq)),
    };
    rows.retain(|row| {
        let (sender, epoch, seq) = of(row);
        if sender != delta.sender {
            return true;
        }
        let is_below = epoch == delta.epoch
            && delta
                .watermark
                .is_some_and(|watermark| seq.is_none_or(|seq| seq < watermark));
        !is_below && !delta.forget.contains(&epoch)
    });
    let (sender, epoch) = (delta.sender.clone(), delta.epoch);
    if let Some(watermark) = delta.watermark {
        rows.insert(InboxRow::Watermark {
            sender: sender.clone(),
            epoch,
            watermark,
        });
    }
    if let Some(seq) = delta.seq {
        rows.insert(InboxRow::Committed { sender, epoch, seq });
    }
}

pub(super) struct Side {
    pub(super) core: Delivery,
    pub(super) boot: BootId,
    pub(super) disk: Disk,
    pub(super) mailbox: Vec<(Packet, Option<OutboxMark>)>,
    /// What the mailbox of an address says instead of taking a packet.
    pub(super) refuse: BTreeMap<String, Refusal>,
    pub(super) n_transmitted: usize,
    pub(super) n_frames: usize,
    index: RoleIndex,
    log: Vec<Output>,
    targets: Vec<String>,
}

pub(super) struct Pair {
    pub(super) sides: [Side; 2],
    now: Now,
    connected: bool,
    pub(super) drop_packets: bool,
    pub(super) drop_frames: bool,
    pub(super) hold_frames: bool,
    pub(super) held_frames: Vec<Frame>,
    /// Row deletions do not reach the disk.
    pub(super) keep_rows: bool,
    /// There is no connection but through a third node.
    pub(super) relayed: bool,
}

fn config(idx: usize, boot: BootId) -> DeliveryConfig {
    DeliveryConfig {
        swarm: SwarmId(Uuid::from_u128(1)),
        node: n(idx),
        boot,
        epoch: 5 + idx as u64,
    }
}

fn entry(idx: usize, boot: BootId, agents: &[(&str, &str)], alive: bool) -> NodeEntry {
    let card = |(agent, role): &(&str, &str)| AgentCard {
        agent: agent.parse().unwrap(),
        kind: String::new(),
        parent: None,
        emoji: None,
        roles: vec![ServedRole {
            role: role.parse().unwrap(),
            handler: HandlerName::new("cmd_do").unwrap(),
            scope: Scope::Swarm,
            priority: 100,
            // Of a role of that name one endpoint serves at a time.
            exclusive: role.starts_with("one."),
        }],
        health: AgentHealth::Healthy,
        incarnation: 1,
    };
    let descriptor = Descriptor {
        swarm: SwarmId(Uuid::from_u128(1)),
        node: n(idx),
        boot,
        version: 1,
        addresses: Vec::new(),
        hub: None,
        labels: BTreeMap::new(),
        agents: agents.iter().map(card).collect(),
        load: 0,
        directive: String::new(),
        program: String::new(),
        issues: false,
    };
    NodeEntry::new(&descriptor, &["*".parse().unwrap()], alive)
}

impl Pair {
    /// Two nodes without a connection; `a@n1` serves `work`, and n0 knows it.
    pub(super) fn new() -> Self {
        let now = Now {
            mono_ns: 1,
            unix_ms: 1_700_000_000_000,
        };
        let side = |idx: usize| {
            let boot = BootId(Uuid::from_u128(idx as u128 + 1));
            Side {
                core: Delivery::new(config(idx, boot), now, Vec::new(), 1, InboxState::default()),
                boot,
                disk: Disk::default(),
                mailbox: Vec::new(),
                refuse: BTreeMap::new(),
                n_transmitted: 0,
                n_frames: 0,
                index: RoleIndex::new(n(idx)),
                log: Vec::new(),
                targets: Vec::new(),
            }
        };
        let mut pair = Self {
            sides: [side(0), side(1)],
            now,
            connected: false,
            drop_packets: false,
            drop_frames: false,
            hold_frames: false,
            held_frames: Vec::new(),
            keep_rows: false,
            relayed: false,
        };
        pair.serve(1, &[("a", "work")]);
        pair
    }

    pub(super) fn connected() -> Self {
        let mut pair = Self::new();
        pair.connect();
        pair
    }

    // === the world ===

    pub(super) fn connect(&mut self) {
        self.connected = true;
        for (idx, other) in [(0, 1), (1, 0)] {
            let boot = self.sides[other].boot;
            self.input(
                idx,
                Input::PeerUp {
                    node: n(other),
                    boot,
                    relayed: self.relayed,
                },
            );
        }
    }

    pub(super) fn disconnect(&mut self) {
        self.connected = false;
        for (idx, other) in [(0, 1), (1, 0)] {
            self.input(idx, Input::PeerDown { node: n(other) });
        }
    }

    /// The other node hears what `idx` serves.
    pub(super) fn serve(&mut self, idx: usize, agents: &[(&str, &str)]) {
        let entry = entry(idx, self.sides[idx].boot, agents, true);
        self.know(1 - idx, entry);
    }

    /// The node itself hears it.
    pub(super) fn serve_local(&mut self, idx: usize, agents: &[(&str, &str)]) {
        let entry = entry(idx, self.sides[idx].boot, agents, true);
        self.know(idx, entry);
    }

    pub(super) fn declare_dead(&mut self, idx: usize) {
        let entry = entry(idx, self.sides[idx].boot, &[("a", "work")], false);
        self.know(1 - idx, entry);
    }

    fn know(&mut self, idx: usize, entry: NodeEntry) {
        self.sides[idx].index = self.sides[idx].index.with(entry);
        let index = Arc::new(self.sides[idx].index.clone());
        self.input(idx, Input::Roles(index));
    }

    /// The node starts anew from its disk; its connection, mailbox and memory are gone.
    pub(super) fn crash(&mut self, idx: usize) {
        self.connected = false;
        self.sides[idx].boot = BootId(Uuid::from_u128(self.sides[idx].boot.0.as_u128() + 100));
        self.restart_core(idx);
        self.input(1 - idx, Input::PeerDown { node: n(idx) });
    }

    pub(super) fn restart_core(&mut self, idx: usize) {
        let side = &mut self.sides[idx];
        side.mailbox.clear();
        let inbox = InboxState::load(side.disk.inbox.iter().cloned());
        let rows = side.disk.rows.values().cloned().collect();
        let config = config(idx, side.boot);
        side.core = Delivery::new(config, self.now, rows, side.disk.next_seq, inbox);
        let index = Arc::new(side.index.clone());
        self.input(idx, Input::Roles(index));
    }

    pub(super) fn advance(&mut self, time: Duration) {
        let until = self.now.plus(time);
        self.drain(0);
        self.drain(1);
        loop {
            let wakes = self.sides.iter().filter_map(|side| side.core.next_wake());
            let Some(next) = wakes.min().filter(|wake| *wake <= until.mono_ns) else {
                break;
            };
            let ahead = next.saturating_sub(self.now.mono_ns);
            self.now = self.now.plus(Duration::from_nanos(ahead));
            for idx in 0..2 {
                self.sides[idx].core.on_timeout(self.now);
                self.drain(idx);
            }
        }
        self.now = until;
    }

    pub(super) fn input(&mut self, idx: usize, input: Input) {
        self.sides[idx].core.handle(self.now, input);
        self.drain(idx);
    }

    fn drain(&mut self, idx: usize) {
        while let Some(output) = self.sides[idx].core.poll_output() {
            self.act(idx, output);
        }
    }

    fn act(&mut self, idx: usize, output: Output) {
        match output {
            Output::Transmit { to, wire } => {
                assert_eq!(to, n(1 - idx));
                let side = &mut self.sides[idx];
                if wire.packet.kind != Kind::Answers {
                    side.n_transmitted += 1;
                    side.targets.push(wire.packet.target.to_string());
                }
                if self.connected && !self.drop_packets {
                    self.arrive(1 - idx, wire);
                }
            }
            Output::Frame { frame, .. } => {
                assert!(!self.relayed, "a frame has no way");
                self.sides[idx].n_frames += 1;
                if self.hold_frames {
                    self.held_frames.push(frame);
                } else if self.connected && !self.drop_frames {
                    self.frame(1 - idx, frame);
                }
            }
            Output::Deliver {
                ticket,
                packet,
                durable,
            } => {
                let refusal = self.sides[idx]
                    .refuse
                    .get(&packet.target.to_string())
                    .copied();
                if refusal.is_none() {
                    self.sides[idx].mailbox.push((packet, durable));
                }
                let outcome = refusal.map_or(Outcome::Queued, Outcome::Refused);
                self.input(idx, Input::Delivered { ticket, outcome });
            }
            Output::Persist { rows, next_seq } => {
                let numbers = rows.iter().map(|row| row.row).collect();
                let disk = &mut self.sides[idx].disk;
                disk.next_seq = disk.next_seq.max(next_seq);
                disk.rows.extend(rows.into_iter().map(|row| (row.row, row)));
                self.input(idx, Input::Persisted { rows: numbers });
            }
            Output::Delete { rows } if !self.keep_rows => {
                self.sides[idx]
                    .disk
                    .rows
                    .retain(|row, _| !rows.contains(row));
            }
            Output::DeadLetter { row, reason } => {
                let disk = &mut self.sides[idx].disk;
                disk.rows.remove(&row.row);
                disk.dead.push((row.draft.id, reason));
                self.input(
                    idx,
                    Input::Persisted {
                        rows: vec![row.row],
                    },
                );
            }
            other => self.sides[idx].log.push(other),
        }
    }

    fn arrive(&mut self, to: usize, wire: WirePacket) {
        if wire.packet.kind == Kind::Answers {
            assert!(
                self.relayed,
                "nothing is answered by packets over a connection"
            );
            let is_good = wire.seal.to_boot == self.sides[to].boot && !self.drop_frames;
            if is_good {
                let frame = decode(&wire.packet.content, FRAME_BYTES_MAX).unwrap();
                self.frame(to, frame);
            }
            return;
        }
        let (from, boot) = (n(1 - to), self.sides[1 - to].boot);
        let (lane, seq) = (wire.packet.lane, wire.seal.seq);
        let input = if wire.seal.to_boot == self.sides[to].boot {
            Input::Received { from, boot, wire }
        } else {
            let packets = vec![Refused {
                lane,
                seq,
                reason: Refusal::StaleBoot,
            }];
            Input::Reject {
                from,
                boot,
                packets,
            }
        };
        self.input(to, input);
    }

    fn frame(&mut self, to: usize, frame: Frame) {
        let from = n(1 - to);
        let input = match frame {
            Frame::Ack(ack) => Input::Ack { from, ack },
            Frame::Settled(settled) => Input::Settled { from, settled },
            Frame::Refused {
                boot,
                sender_boot,
                packets,
            } => Input::Refused {
                from,
                boot,
                sender_boot,
                packets,
            },
            other => panic!("delivery sends no {other:?}"),
        };
        self.input(to, input);
    }

    // === what agents do ===

    pub(super) fn try_send(
        &mut self,
        idx: usize,
        outgoing: Outgoing,
    ) -> Result<Vec<String>, SendRefused> {
        let targets = self.sides[idx].core.send(self.now, outgoing)?;
        self.drain(idx);
        Ok(targets
            .iter()
            .map(|target| target.address.to_string())
            .collect())
    }

    pub(super) fn send(&mut self, idx: usize, outgoing: Outgoing) -> Vec<String> {
        self.try_send(idx, outgoing).unwrap()
    }

    /// Leaves the outputs for later, as a busy node would.
    pub(super) fn send_quietly(&mut self, idx: usize, outgoing: Outgoing) {
        self.sides[idx].core.send(self.now, outgoing).unwrap();
    }

    pub(super) fn admit(
        &mut self,
        idx: usize,
        outgoing: Vec<Outgoing>,
    ) -> Result<Admitted, SendRefused> {
        self.sides[idx].core.admit(self.now, outgoing)
    }

    /// A transaction that sends durable packets, down to the disk.
    pub(super) fn commit(&mut self, idx: usize, outgoing: Vec<Outgoing>) {
        let Admitted { rows, next_seq } = self.admit(idx, outgoing).unwrap();
        let numbers = rows.iter().map(|row| row.row).collect();
        let disk = &mut self.sides[idx].disk;
        disk.next_seq = disk.next_seq.max(next_seq);
        disk.rows.extend(rows.into_iter().map(|row| (row.row, row)));
        self.input(idx, Input::Written { rows: numbers });
    }

    /// Hands the transaction of a packet in the mailbox to the committer.
    pub(super) fn stage(&mut self, idx: usize, position: usize) {
        let side = &mut self.sides[idx];
        let (packet, mark) = &side.mailbox[position];
        let delta = side.core.inbox_delta(&packet.from.node, mark.unwrap());
        store(&mut side.disk.inbox, &delta);
    }

    /// Every packet in the mailbox is handled; durable ones in a transaction each.
    pub(super) fn run_all(&mut self, idx: usize) {
        for (packet, mark) in std::mem::take(&mut self.sides[idx].mailbox) {
            let Some(mark) = mark else { continue };
            let sender = packet.from.node.clone();
            let side = &mut self.sides[idx];
            let delta = side.core.inbox_delta(&sender, mark);
            store(&mut side.disk.inbox, &delta);
            side.disk.effects.push(packet.id);
            self.input(idx, Input::Committed { sender, mark });
        }
    }

    pub(super) fn fail_all(&mut self, idx: usize) {
        for (packet, mark) in std::mem::take(&mut self.sides[idx].mailbox) {
            if let Some(mark) = mark {
                let sender = packet.from.node.clone();
                self.input(idx, Input::HandlerFailed { sender, mark });
            }
        }
    }

    // === what is asked ===

    pub(super) fn mailbox(&self, idx: usize) -> Vec<usize> {
        self.sides[idx]
            .mailbox
            .iter()
            .map(|(packet, _)| number(packet.id))
            .collect()
    }

    pub(super) fn effects(&self, idx: usize) -> Vec<usize> {
        self.sides[idx]
            .disk
            .effects
            .iter()
            .copied()
            .map(number)
            .collect()
    }

    pub(super) fn dead(&self, idx: usize) -> Vec<(usize, DeadReason)> {
        self.sides[idx]
            .disk
            .dead
            .iter()
            .map(|(id, reason)| (number(*id), *reason))
            .collect()
    }

    /// Addresses of what left, in order.
    pub(super) fn targets(&self, idx: usize) -> Vec<String> {
        self.sides[idx].targets.clone()
    }

    pub(super) fn log(&self, idx: usize, wanted: impl Fn(&Output) -> bool) -> usize {
        self.sides[idx]
            .log
            .iter()
            .filter(|output| wanted(output))
            .count()
    }

    pub(super) fn accepted(&self, idx: usize) -> Vec<usize> {
        let accepted = self.sides[idx]
            .log
            .iter()
            .filter_map(|output| match output {
                Output::Accepted { id, .. } => Some(number(*id)),
                _ => None,
            });
        accepted.collect()
    }

    pub(super) fn failed(&self, idx: usize) -> Vec<(usize, FailReason)> {
        let failed = self.sides[idx]
            .log
            .iter()
            .filter_map(|output| match output {
                Output::Failed { id, reason, .. } => Some((number(*id), *reason)),
                _ => None,
            });
        failed.collect()
    }

    /// Nothing is kept for anybody, and once the last timers have fired none is set.
    pub(super) fn assert_idle(&mut self) {
        self.advance(Duration::from_secs(120));
        for side in &self.sides {
            let gauges = side.core.gauges();
            assert_eq!(
                (
                    gauges.outbox_rows,
                    gauges.outbox_bytes,
                    gauges.flights,
                    gauges.in_flight
                ),
                (0, 0, 0, 0),
                "{gauges:?}"
            );
            assert_eq!(side.core.next_wake(), None, "{gauges:?}");
        }
    }
}

fn number(id: PacketId) -> usize {
    usize::try_from(id.0.as_u128()).unwrap()
}
