//! Membership alone, for many nodes: how soon a change is known everywhere, and what it costs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use skep_packet::{BootId, Frame, MemberState, NodeVersion, Now, encode};
use skep_swarm::membership::{Input, Membership, MembershipConfig, Output};
use uuid::Uuid;

use crate::{
    node::{index_of, name},
    world::nanos,
};

/// What a swarm's gossip came to.
#[derive(Debug, Clone, PartialEq)]
pub struct GossipReport {
    /// How many nodes there were.
    pub n_nodes: usize,
    /// From the change of one descriptor until the last node held it; `None` where it never did
    /// within [`KNOWN_MAX`].
    pub known_after: Option<Duration>,
    /// Bytes each node sent per second while nothing changed, on average.
    pub idle_bytes_per_s: u64,
    /// The same, of the node that sent most.
    pub idle_bytes_per_s_max: u64,
    /// Bytes each node sent per second in the [`CHANGE_WINDOW`] after the change, on average.
    pub change_bytes_per_s: u64,
    /// Members wrongly declared dead.
    pub n_deaths: usize,
}

/// How long a change may take to be known before the measurement gives up.
pub const KNOWN_MAX: Duration = Duration::from_secs(30);

/// So soon a change must be known everywhere; what it costs is measured over that time.
pub const CHANGE_WINDOW: Duration = Duration::from_secs(5);

/// So much may a node send per second.
pub const BYTES_PER_S_MAX: u64 = 10_000;

impl GossipReport {
    /// Whether news were quick, gossip was cheap and nobody was wrongly declared dead.
    #[must_use]
    pub fn is_within_bounds(&self) -> bool {
        let is_quick = self.known_after.is_some_and(|took| took < CHANGE_WINDOW);
        let costs = [self.idle_bytes_per_s, self.change_bytes_per_s];
        is_quick && self.n_deaths == 0 && costs.iter().all(|cost| *cost <= BYTES_PER_S_MAX)
    }
}

impl fmt::Display for GossipReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known_after {
            Some(took) => write!(
                f,
                "a change is known to all {} nodes after {took:.2?}",
                self.n_nodes
            )?,
            None => write!(
                f,
                "a change is not known to all {} nodes after {KNOWN_MAX:?}",
                self.n_nodes
            )?,
        }
        write!(
            f,
            "; bytes per node and second: {} idle (at most {} from one node), {} in the {CHANGE_WINDOW:?} after \
             the change; wrongly declared dead: {}",
            self.idle_bytes_per_s,
            self.idle_bytes_per_s_max,
            self.change_bytes_per_s,
            self.n_deaths
        )
    }
}

/// A signed descriptor with its passport, in bytes; measured on a node with seven agents.
const DESCRIPTOR_BYTES: u64 = 2_400;

const LATENCY_NS: std::ops::Range<u64> = 5_000_000..40_000_000;

#[derive(Debug)]
enum Event {
    Frame { from: usize, frame: Box<Frame> },
    Up { peer: usize },
    Held { node: usize, version: u64 },
}

struct Gossip {
    cores: Vec<Membership>,
    held: Vec<BTreeMap<usize, u64>>,
    sent: Vec<u64>,
    wakes: BTreeSet<(u64, usize)>,
    wake_of: Vec<Option<u64>>,
    events: BTreeMap<(u64, u64), (usize, Event)>,
    n_events: u64,
    connected: BTreeSet<(usize, usize)>,
    now_ns: u64,
    n_deaths: usize,
    rng: StdRng,
}

/// Lets a swarm of `n_nodes` idle for `idle`, then changes one descriptor.
#[must_use]
pub fn measure_gossip(seed: u64, n_nodes: usize, idle: Duration) -> GossipReport {
    let mut gossip = Gossip::new(seed, n_nodes);
    // What the start itself stirred up does not count: it is told 16 times, 960 facts a second.
    let n = u64::try_from(n_nodes).unwrap_or(u64::MAX);
    let stirred_ns = 3_000_000_000 + n.saturating_mul(25_000_000);
    gossip.run(gossip.now_ns + stirred_ns, |_| false);
    gossip.sent.fill(0);
    gossip.run(gossip.now_ns + nanos(idle), |_| false);
    let seconds = idle.as_secs().max(1);
    let total: u64 = gossip.sent.iter().sum();
    let idle_bytes_per_s = total / seconds / n.max(1);
    let idle_bytes_per_s_max = gossip.sent.iter().max().copied().unwrap_or(0) / seconds;
    let start_ns = gossip.now_ns;
    gossip.sent.fill(0);
    gossip.held[0].insert(0, 2);
    gossip.input(0, Input::OwnVersion(2));
    let is_known = |gossip: &Gossip| {
        gossip
            .held
            .iter()
            .all(|held| held.get(&0).is_some_and(|v| *v == 2))
    };
    let known = gossip.run(start_ns + nanos(KNOWN_MAX), is_known);
    let known_ns = gossip.now_ns;
    gossip.run(start_ns + nanos(CHANGE_WINDOW), |_| false);
    let changing_s = Duration::from_nanos(gossip.now_ns - start_ns)
        .as_secs()
        .max(1);
    GossipReport {
        n_nodes,
        known_after: known.then(|| Duration::from_nanos(known_ns - start_ns)),
        change_bytes_per_s: gossip.sent.iter().sum::<u64>() / changing_s / n.max(1),
        idle_bytes_per_s,
        idle_bytes_per_s_max,
        n_deaths: gossip.n_deaths,
    }
}

impl Gossip {
    /// A swarm in which everybody knows everybody, as after a night.
    fn new(seed: u64, n_nodes: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let now = Now {
            mono_ns: 1,
            unix_ms: 1_700_000_000_000,
        };
        let versions: Vec<NodeVersion> = (0..n_nodes)
            .map(|idx| NodeVersion {
                node: name(idx),
                version: 1,
                incarnation: now.unix_ms,
                state: MemberState::Alive,
            })
            .collect();
        let config = MembershipConfig::default();
        let cores = (0..n_nodes)
            .map(|idx| {
                let mut core = Membership::new(name(idx), config.clone(), rng.random(), now);
                core.handle(now, Input::OwnVersion(1));
                let (from, versions) = (name((idx + 1) % n_nodes), versions.clone());
                core.handle(
                    now,
                    Input::Versions {
                        from,
                        versions,
                        answer: false,
                    },
                );
                for other in (0..n_nodes).filter(|other| *other != idx) {
                    core.handle(
                        now,
                        Input::Held {
                            node: name(other),
                            version: 1,
                            hub: None,
                        },
                    );
                }
                while core.poll_output().is_some() {}
                core
            })
            .collect();
        let mut gossip = Self {
            cores,
            held: vec![(0..n_nodes).map(|idx| (idx, 1)).collect(); n_nodes],
            sent: vec![0; n_nodes],
            wakes: BTreeSet::new(),
            wake_of: vec![None; n_nodes],
            events: BTreeMap::new(),
            n_events: 0,
            connected: BTreeSet::new(),
            now_ns: now.mono_ns,
            n_deaths: 0,
            rng,
        };
        for idx in 0..n_nodes {
            for _ in 0..4 {
                let peer = gossip.rng.random_range(0..n_nodes);
                gossip.connect(idx, peer);
            }
            gossip.sleep(idx);
        }
        gossip
    }

    fn now(&self) -> Now {
        Now {
            mono_ns: self.now_ns,
            unix_ms: 1_700_000_000_000 + self.now_ns / 1_000_000,
        }
    }

    fn later(&mut self, to: usize, event: Event) {
        let after_ns = self.rng.random_range(LATENCY_NS);
        self.n_events += 1;
        self.events
            .insert((self.now_ns + after_ns, self.n_events), (to, event));
    }

    fn connect(&mut self, a: usize, b: usize) {
        if a != b && self.connected.insert((a.min(b), a.max(b))) {
            self.later(a, Event::Up { peer: b });
            self.later(b, Event::Up { peer: a });
        }
    }

    /// Keeps in mind when the node wants to be woken.
    fn sleep(&mut self, idx: usize) {
        let wake = self.cores[idx].next_wake();
        if let Some(before) = std::mem::replace(&mut self.wake_of[idx], wake) {
            self.wakes.remove(&(before, idx));
        }
        self.wakes.extend(wake.map(|at_ns| (at_ns, idx)));
    }

    fn input(&mut self, idx: usize, input: Input) {
        let now = self.now();
        self.cores[idx].handle(now, input);
        self.drain(idx);
    }

    fn drain(&mut self, idx: usize) {
        while let Some(output) = self.cores[idx].poll_output() {
            match output {
                Output::Send { to, frame } => {
                    let to = index_of(&to);
                    self.connect(idx, to);
                    self.sent[idx] += 4 + u64::try_from(encode(&frame).len()).unwrap_or(u64::MAX);
                    let frame = Box::new(frame);
                    self.later(to, Event::Frame { from: idx, frame });
                }
                Output::OwnVersionSeen(_) => {}
                Output::Dial(node) => self.connect(idx, index_of(&node)),
                Output::MemberChanged { state, .. } => {
                    self.n_deaths += usize::from(state == MemberState::Dead);
                }
                Output::Fetch { from, nodes } => {
                    let from = index_of(&from);
                    for node in nodes.iter().map(index_of) {
                        if let Some(version) = self.held[from].get(&node).copied() {
                            self.sent[from] += DESCRIPTOR_BYTES;
                            self.later(idx, Event::Held { node, version });
                        }
                    }
                }
            }
        }
        self.sleep(idx);
    }

    /// Runs until `until_ns`, or until `is_done`; yields whether it was.
    fn run(&mut self, until_ns: u64, is_done: impl Fn(&Self) -> bool) -> bool {
        let mut check_ns = self.now_ns;
        loop {
            if self.now_ns >= check_ns {
                if is_done(self) {
                    return true;
                }
                check_ns = self.now_ns + 50_000_000;
            }
            let event_ns = self.events.keys().next().map(|(at_ns, _)| *at_ns);
            let wake = self.wakes.first().copied();
            let next = event_ns
                .into_iter()
                .chain(wake.map(|(at_ns, _)| at_ns))
                .min();
            let Some(next_ns) = next.filter(|at_ns| *at_ns <= until_ns) else {
                self.now_ns = until_ns;
                return is_done(self);
            };
            self.now_ns = self.now_ns.max(next_ns);
            if event_ns == Some(next_ns) {
                if let Some((_, (to, event))) = self.events.pop_first() {
                    self.happen(to, event);
                }
            } else if let Some((_, idx)) = wake {
                let now = self.now();
                self.cores[idx].on_timeout(now);
                self.drain(idx);
            }
        }
    }

    fn happen(&mut self, to: usize, event: Event) {
        let input = match event {
            Event::Up { peer } => {
                let boot = BootId(Uuid::from_u128(1));
                Input::PeerUp {
                    node: name(peer),
                    boot,
                }
            }
            Event::Held { node, version } => {
                let held = self.held[to].entry(node).or_default();
                *held = version.max(*held);
                Input::Held {
                    node: name(node),
                    version,
                    hub: None,
                }
            }
            Event::Frame { from, frame } => match *frame {
                Frame::Swim(swim) => Input::Swim {
                    from: name(from),
                    swim,
                },
                Frame::Versions { versions, answer } => Input::Versions {
                    from: name(from),
                    versions,
                    answer,
                },
                _ => return,
            },
        };
        self.input(to, input);
    }
}
