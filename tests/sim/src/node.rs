//! One simulated node: its cores, its disk, its mailboxes.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use skep_identity::{Opener, Sealer};
use skep_packet::{
    AgentCard, AgentHealth, BootId, Descriptor, HandlerName, MemberState, NodeId, Now, OutboxMark,
    Packet, RolePattern, Scope, ServedRole, SwarmId,
};
use skep_swarm::{
    asks::Asks,
    delivery::{self, Delivery, DeliveryConfig, InboxState},
    membership::{self, Membership, MembershipConfig},
    roles::{Newcomer, NodeEntry, RoleIndex},
    ways::{self, Ways},
};
use uuid::Uuid;

use crate::{
    clock::Clock,
    disk::{Disk, Transaction},
    papers, seal, sole,
};

/// Most packets in a node's mailboxes.
pub(crate) const MAILBOX_MAX: usize = 32;

/// The role that every node serves.
pub(crate) const ANY: &str = "work.any";

/// Whom a node can dial that accepts no connection.
pub(crate) const HUBS: [usize; 2] = [0, 1];

/// The role that every node offers and one serves at a time.
pub(crate) const SOLE: &str = "work.sole";

/// The role that only the first two nodes serve.
pub(crate) const SPECIAL: &str = "work.special";

pub(crate) fn swarm() -> SwarmId {
    SwarmId(Uuid::from_u128(1))
}

pub(crate) fn name(idx: usize) -> NodeId {
    NodeId::new(&format!("n{idx}")).expect("a number makes a name")
}

pub(crate) fn index_of(node: &NodeId) -> usize {
    node.as_str()
        .trim_start_matches('n')
        .parse()
        .unwrap_or(usize::MAX)
}

/// One node.
pub(crate) struct SimNode {
    pub(crate) name: NodeId,
    pub(crate) idx: usize,
    pub(crate) up: bool,
    /// Counts its starts.
    pub(crate) boot_n: u64,
    pub(crate) boot: BootId,
    pub(crate) clock: Clock,
    pub(crate) membership: Membership,
    pub(crate) delivery: Delivery,
    pub(crate) asks: Asks,
    pub(crate) index: RoleIndex,
    pub(crate) newcomer: Newcomer,
    pub(crate) ways: Ways,
    /// Whom it can dial, where it accepts no connection itself.
    pub(crate) dials: Option<Vec<usize>>,
    hub: Option<NodeId>,
    version: u64,
    pub(crate) known: BTreeMap<NodeId, Descriptor>,
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
    pub(crate) disk: Disk,
    pub(crate) mailbox: VecDeque<(Packet, Option<OutboxMark>)>,
    /// Transactions that are not on disk, oldest first.
    pub(crate) queue: Vec<Transaction>,
    pub(crate) fsyncing: bool,
}

/// What a start needs from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) clock: Clock,
    pub(crate) now: Now,
    pub(crate) seed: u64,
    pub(crate) boot: BootId,
    pub(crate) n_nodes: usize,
    /// Whether the last node accepts no connection, and can dial [`HUBS`] only.
    pub(crate) has_hub: bool,
    /// A deliberately broken node: it forgets which durable packets it has committed.
    pub(crate) forget_inbox: bool,
}

impl Start {
    pub(crate) const fn only_dials(&self, idx: usize) -> bool {
        self.has_hub && idx + 1 == self.n_nodes
    }
}

impl SimNode {
    pub(crate) fn new(idx: usize, epoch: u64, start: Start) -> Self {
        let name = name(idx);
        let disk = Disk {
            epoch,
            lineage: 1,
            ..Disk::default()
        };
        let config = MembershipConfig::default();
        let mut node = Self {
            membership: Membership::new(name.clone(), config, start.seed, start.now),
            delivery: Self::delivery(&name, &disk, start),
            asks: Asks::new(),
            index: RoleIndex::new(name.clone()),
            newcomer: Newcomer::new(true),
            ways: Ways::new(name.clone(), start.only_dials(idx)),
            dials: start.only_dials(idx).then(|| HUBS.to_vec()),
            hub: None,
            version: 0,
            idx,
            up: true,
            boot_n: 0,
            boot: start.boot,
            clock: start.clock,
            known: BTreeMap::new(),
            sealer: sealer(idx, start.boot),
            opener: seal::opener(&name, start.boot),
            disk,
            mailbox: VecDeque::new(),
            queue: Vec::new(),
            fsyncing: false,
            name,
        };
        node.start(start);
        node
    }

    fn delivery(name: &NodeId, disk: &Disk, start: Start) -> Delivery {
        let config = DeliveryConfig {
            swarm: swarm(),
            node: name.clone(),
            boot: start.boot,
            epoch: disk.epoch,
        };
        let stored = disk.inbox.iter().filter(|_| !start.forget_inbox).cloned();
        let inbox = InboxState::load(stored);
        let rows = disk.rows.values().cloned().collect();
        Delivery::new(config, start.now, rows, disk.next_seq, inbox)
    }

    /// Begins anew with what is on the disk.
    pub(crate) fn start(&mut self, start: Start) {
        self.up = true;
        self.boot_n += 1;
        self.boot = start.boot;
        self.clock = start.clock;
        let config = MembershipConfig::default();
        self.membership = Membership::new(self.name.clone(), config, start.seed, start.now);
        self.delivery = Self::delivery(&self.name, &self.disk, start);
        self.asks = Asks::new();
        self.index = RoleIndex::new(self.name.clone());
        self.known.clear();
        self.sealer = sealer(self.idx, self.boot);
        self.opener = seal::opener(&self.name, self.boot);
        self.mailbox.clear();
        self.queue.clear();
        self.fsyncing = false;
        self.newcomer = Newcomer::new(true);
        self.newcomer.listens(start.now);
        self.ways = Ways::new(self.name.clone(), self.dials.is_some());
        self.hub = None;
        self.version += 1;
        let own = self.descriptor();
        self.membership
            .handle(start.now, membership::Input::OwnVersion(own.version));
        let others = (0..start.n_nodes).filter(|idx| *idx != self.idx && !start.only_dials(*idx));
        let others = others.filter(|idx| self.dials.is_none() || HUBS.contains(idx));
        let others = others.map(name).collect();
        self.membership
            .handle(start.now, membership::Input::Enrolled(others));
        self.offer(start.now, &own, true);
    }

    /// What this node tells of itself.
    pub(crate) fn descriptor(&self) -> Descriptor {
        let first = sole::priority(self.idx);
        let mut agents = vec![
            card("boss", &[], first),
            card("worker", &[ANY], first),
            card("sole", &[SOLE], first),
        ];
        if self.idx < 2 {
            agents.push(card("special", &[SPECIAL], first));
        }
        Descriptor {
            swarm: swarm(),
            node: self.name.clone(),
            boot: self.boot,
            version: self.version,
            addresses: match self.dials {
                Some(_) => Vec::new(),
                None => vec![([127, 0, 0, 1], 7400).into()],
            },
            hub: self.hub.clone(),
            labels: BTreeMap::new(),
            agents,
            load: 0,
            directive: String::new(),
            program: String::new(),
            issues: false,
        }
    }

    /// Takes a descriptor into the role index.
    pub(crate) fn offer(&mut self, now: Now, descriptor: &Descriptor, alive: bool) {
        let all: RolePattern = "*".parse().expect("a star is a pattern");
        let mut entry = NodeEntry::new(descriptor, &[all], alive);
        if descriptor.node == self.name && self.newcomer.waits() {
            entry = entry.waiting();
        }
        self.index = self.index.with(entry);
        let index = Arc::new(self.index.clone());
        self.delivery.handle(now, delivery::Input::Roles(index));
    }

    /// A member's liveness or descriptor is another one.
    pub(crate) fn member_changed(&mut self, now: Now, node: &NodeId) {
        let state = self.membership.state(node);
        let alive = matches!(state, Some(MemberState::Alive | MemberState::Suspect));
        if let Some(descriptor) = self.known.get(node).cloned() {
            self.offer(now, &descriptor, alive);
            let (node, version) = (node.clone(), descriptor.version);
            let (boot, hub) = (descriptor.boot, descriptor.hub);
            let listens = !descriptor.addresses.is_empty();
            self.ways.handle(match alive {
                true => ways::Input::Told {
                    node: node.clone(),
                    boot,
                    listens,
                    hub: hub.clone(),
                },
                false => ways::Input::Gone { node: node.clone() },
            });
            let held = membership::Input::Held { node, version, hub };
            self.membership.handle(now, held);
        }
    }

    /// It is reached through another node from now on, and tells everybody.
    pub(crate) fn hub_changed(&mut self, now: Now, hub: Option<NodeId>) {
        self.hub = hub;
        self.version += 1;
        self.membership
            .handle(now, membership::Input::OwnVersion(self.version));
    }

    /// Whether, by this node's own view, another endpoint serves an exclusive role of its agent.
    pub(crate) fn stands_by(&self, packet: &Packet) -> bool {
        let role = packet.role.as_ref();
        role.is_some_and(|role| self.index.stands_by(&packet.target, role))
    }

    pub(crate) fn serves(&self, agent: &str) -> bool {
        matches!(agent, "boss" | "worker" | "sole") || (agent == "special" && self.idx < 2)
    }

    /// Does what is due.
    pub(crate) fn on_timeout(&mut self, now: Now) {
        self.membership.on_timeout(now);
        self.delivery.on_timeout(now);
        self.asks.on_timeout(now);
        if self.newcomer.on_timeout(now) {
            let own = self.descriptor();
            self.offer(now, &own, true);
        }
    }

    /// When it wants to be woken, in the world's time.
    pub(crate) fn next_wake(&self) -> Option<u64> {
        let wakes = [
            self.membership.next_wake(),
            self.delivery.next_wake(),
            self.asks.next_wake(),
            self.sealer.next_wake(),
            self.newcomer.next_wake(),
        ];
        let wake_ns = wakes.into_iter().flatten().min().filter(|_| self.up);
        wake_ns.map(|mono_ns| self.clock.world_ns(mono_ns))
    }
}

fn sealer(idx: usize, boot: BootId) -> Sealer {
    Sealer::new(swarm(), papers::key_of(idx), boot)
}

fn card(agent: &str, roles: &[&str], sole_priority: u32) -> AgentCard {
    let served = |role: &&str| ServedRole {
        role: role.parse().expect("a role of the simulation"),
        handler: HandlerName::new("cmd_do").expect("a handler of the simulation"),
        scope: Scope::Swarm,
        priority: if *role == SOLE { sole_priority } else { 100 },
        exclusive: *role == SOLE,
    };
    AgentCard {
        agent: agent.parse().expect("an agent of the simulation"),
        kind: agent.to_owned(),
        parent: None,
        emoji: None,
        roles: roles.iter().map(served).collect(),
        health: AgentHealth::Healthy,
        incarnation: 1,
    }
}
