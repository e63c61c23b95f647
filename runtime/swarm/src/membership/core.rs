//! The membership core: its inputs, its outputs, and what it decides.

mod facts;
mod probing;
mod repair;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use skep_packet::{BootId, Frame, MemberState, NodeId, NodeVersion, Now, Swim};

use super::{
    config::MembershipConfig,
    fetch::Fetches,
    gossip::Gossip,
    member::{Belief, MemberView},
    probe::Probes,
    table::Table,
};

/// What membership is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A connection to a node is up; both sides are authenticated.
    PeerUp {
        /// Who.
        node: NodeId,
        /// The start it runs under.
        boot: BootId,
    },
    /// The connection to a node is gone: a hint, not a verdict.
    PeerDown {
        /// Who.
        node: NodeId,
    },
    /// A probe or an answer from a connected node.
    Swim {
        /// From whom.
        from: NodeId,
        /// What it says.
        swim: Swim,
    },
    /// Gossip or push-pull from a connected node.
    Versions {
        /// From whom.
        from: NodeId,
        /// What it knows.
        versions: Vec<NodeVersion>,
        /// Whether it wants what we know better.
        answer: bool,
    },
    /// A connected node leaves on purpose.
    Goodbye {
        /// Who.
        from: NodeId,
    },
    /// Every enrolled, unexpired, unrevoked node whose address is known. One that was banned and came
    /// back with another key is no longer banned.
    Enrolled(Vec<NodeId>),
    /// This node's own descriptor has a new version; it grows over restarts.
    OwnVersion(u64),
    /// This node holds a checked descriptor of another one. Without effect for one that is not a
    /// member yet: tell it again when [`Output::MemberChanged`] brings the member.
    Held {
        /// Whose.
        node: NodeId,
        /// Its version.
        version: u64,
        /// Through whom it is reached, where it only dials out: then its hub judges it.
        hub: Option<NodeId>,
    },
    /// A node was revoked: forget it, and take in nothing more about it.
    Banned {
        /// Who.
        node: NodeId,
    },
    /// This node is about to stop: say goodbye.
    Leave,
}

/// What the driver does for membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a frame on the control lane; dial where no connection is up, drop it if that fails.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        frame: Frame,
    },
    /// Connect to an enrolled node, if it can be reached.
    Dial(NodeId),
    /// A member's state is another one. `Suspect` members are still sent to.
    MemberChanged {
        /// Who.
        node: NodeId,
        /// Its state now.
        state: MemberState,
    },
    /// Others hold a newer descriptor of this node than it has: its clock went back before its last
    /// start. Its next descriptor needs a greater version, or nobody will take it in.
    OwnVersionSeen(u64),
    /// Ask `from` for the descriptors of these nodes (a [`Frame::Want`]).
    Fetch {
        /// Who holds them.
        from: NodeId,
        /// Whose.
        nodes: Vec<NodeId>,
    },
}

/// A SWIM member: probes the others, tells what it hears, and repairs what it missed.
#[derive(Debug)]
pub struct Membership {
    config: MembershipConfig,
    own: NodeId,
    incarnation: u64,
    version: u64,
    leaving: bool,
    table: Table,
    gossip: Gossip,
    probes: Probes,
    fetches: Fetches,
    /// Suspects and when they are declared dead.
    suspects: BTreeMap<NodeId, u64>,
    enrolled: BTreeSet<NodeId>,
    banned: BTreeSet<NodeId>,
    /// Members still to be probed in this round, in random order (SWIM §4.3).
    round: Vec<NodeId>,
    next_probe_ns: u64,
    next_gossip_ns: u64,
    next_push_pull_ns: u64,
    next_dial_ns: u64,
    rng: StdRng,
    outputs: VecDeque<Output>,
}

impl Membership {
    /// A member that knows nobody yet.
    ///
    /// The incarnation starts at the wall clock, so that it is higher after a restart; should the
    /// clock have gone back, the first rumor about the former life raises it.
    #[must_use]
    pub fn new(own: NodeId, config: MembershipConfig, seed: u64, now: Now) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let probes = Probes::starting_at(rng.random());
        // Nodes that start together do not probe and compare in step.
        let spread = |rng: &mut StdRng, period: Duration| {
            now.mono_after(period.mul_f64(rng.random_range(0.5..1.0)))
        };
        let next_probe_ns = spread(&mut rng, config.probe_period);
        let next_push_pull_ns = spread(&mut rng, config.push_pull_period);
        Self {
            own,
            incarnation: now.unix_ms.max(1),
            version: 0,
            leaving: false,
            table: Table::default(),
            gossip: Gossip::default(),
            probes,
            fetches: Fetches::default(),
            suspects: BTreeMap::new(),
            enrolled: BTreeSet::new(),
            banned: BTreeSet::new(),
            round: Vec::new(),
            next_probe_ns,
            next_gossip_ns: now.mono_ns,
            next_push_pull_ns,
            next_dial_ns: now.mono_ns,
            rng,
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::PeerUp { node, boot } => self.peer_up(now, &node, boot),
            Input::PeerDown { node } => self.peer_down(now, &node),
            Input::Swim { from, swim } => self.swim(now, &from, swim),
            Input::Versions {
                from,
                versions,
                answer,
            } => {
                self.versions(now, &from, &versions, answer);
            }
            Input::Goodbye { from } => self.goodbye(now, &from),
            Input::Enrolled(nodes) => {
                self.banned.retain(|node| !nodes.contains(node));
                self.enrolled = nodes.into_iter().filter(|node| *node != self.own).collect();
                // Somebody new may be there: try now, not in ten seconds.
                self.next_dial_ns = now.mono_ns;
            }
            Input::OwnVersion(version) => {
                if version > self.version {
                    self.version = version;
                    let own = self.own.clone();
                    self.gossip.news(&own);
                }
            }
            Input::Held { node, version, hub } => self.held(&node, version, hub),
            Input::Banned { node } => self.ban(now, node),
            Input::Leave => self.leave(),
        }
        self.fetch(now);
    }

    /// Does what is due.
    pub fn on_timeout(&mut self, now: Now) {
        self.probes_due(now);
        self.suspects_due(now);
        if self.next_probe_ns <= now.mono_ns {
            self.next_probe_ns = now.mono_after(self.config.probe_period);
            self.probe_next(now);
        }
        if self.next_gossip_ns <= now.mono_ns {
            self.next_gossip_ns = now.mono_after(self.config.gossip_period);
            self.gossip_round();
        }
        if self.next_push_pull_ns <= now.mono_ns {
            self.next_push_pull_ns = now.mono_after(self.config.push_pull_period);
            self.push_pull_round(now);
        }
        if self.next_dial_ns <= now.mono_ns {
            self.dial_round(now);
        }
        self.fetch(now);
    }

    /// The next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`on_timeout`](Self::on_timeout) is due, on the monotonic clock; `None` for a node that
    /// knows nobody.
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        let lonely = self.table.n_live() == 0;
        let periodic = (!lonely).then_some(self.next_probe_ns.min(self.next_push_pull_ns));
        let gossip = (!lonely && !self.gossip.is_empty()).then_some(self.next_gossip_ns);
        let dial = (!self.enrolled.is_empty() && !self.leaving).then_some(self.next_dial_ns);
        [
            periodic,
            gossip,
            dial,
            self.probes.next_wake(),
            self.fetches.next_wake(),
            self.suspects.values().min().copied(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// This node's own incarnation.
    #[must_use]
    pub const fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Whether a node was revoked and has not come back with another key.
    #[must_use]
    pub fn is_banned(&self, node: &NodeId) -> bool {
        self.banned.contains(node)
    }

    /// What is believed of a node's liveness; `None` for one that is not known.
    #[must_use]
    pub fn state(&self, node: &NodeId) -> Option<MemberState> {
        self.table.state(node)
    }

    /// Every other member, by name.
    pub fn members(&self) -> impl Iterator<Item = MemberView> {
        self.table.iter().map(|(node, member)| MemberView {
            node: node.clone(),
            state: member.belief.state,
            incarnation: member.belief.incarnation,
            held: member.held,
            connected: member.connected.is_some(),
            since_ns: member.since_ns,
        })
    }

    fn peer_up(&mut self, now: Now, node: &NodeId, boot: BootId) {
        if *node == self.own || self.banned.contains(node) {
            return;
        }
        let met = Belief {
            incarnation: 0,
            state: MemberState::Alive,
        };
        self.believe(now, node, met);
        let Some(member) = self.table.get_mut(node) else {
            return;
        };
        let is_new = member.last_boot != Some(boot);
        member.connected = Some(boot);
        member.last_boot = Some(boot);
        let (is_live, held) = (member.is_live(), member.held);
        // One that is held dead learns it here, and refutes; one we know nothing of is asked.
        if !is_live || held == 0 || (is_new && member.belief.state != MemberState::Alive) {
            self.push_pull(node);
        }
    }

    fn peer_down(&mut self, now: Now, node: &NodeId) {
        let Some(member) = self.table.get_mut(node) else {
            return;
        };
        member.connected = None;
        if member.is_live() {
            self.probe(now, &node.clone());
        }
    }

    fn goodbye(&mut self, now: Now, from: &NodeId) {
        if let Some(member) = self.table.get(from) {
            let incarnation = member.belief.incarnation;
            self.believe(
                now,
                from,
                Belief {
                    incarnation,
                    state: MemberState::Left,
                },
            );
        }
    }

    fn ban(&mut self, now: Now, node: NodeId) {
        if let Some(member) = self.table.get(&node)
            && member.is_live()
        {
            let incarnation = member.belief.incarnation;
            self.believe(
                now,
                &node,
                Belief {
                    incarnation,
                    state: MemberState::Dead,
                },
            );
        }
        self.enrolled.remove(&node);
        self.banned.insert(node);
    }

    fn leave(&mut self) {
        self.leaving = true;
        let connected: Vec<NodeId> = self
            .table
            .live()
            .filter(|(_, member)| member.connected.is_some())
            .map(|(node, _)| node.clone())
            .collect();
        for to in connected {
            self.outputs.push_back(Output::Send {
                to,
                frame: Frame::Goodbye,
            });
        }
    }

    fn fetch(&mut self, now: Now) {
        let timeout_ns = u64::try_from(self.config.fetch_timeout.as_nanos()).unwrap_or(u64::MAX);
        for (from, nodes) in self.fetches.due(now.mono_ns, timeout_ns) {
            self.outputs.push_back(Output::Fetch { from, nodes });
        }
    }
}
