//! A deterministic world of membership cores: virtual time, links, connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use skep_packet::{BootId, Frame, MemberState, NodeId, Now};
use uuid::Uuid;

use super::super::{Input, Membership, MembershipConfig, Output};

const LATENCY_NS: u64 = 2_000_000;
/// What QUIC's idle timeout would take to notice a dead link.
const IDLE_NS: u64 = 4_000_000_000;

struct Node {
    core: Membership,
    up: bool,
    boot: u128,
    version: u64,
    held: BTreeMap<NodeId, u64>,
    clock_ms: i64,
    /// Whom it can dial, where it accepts no connection itself.
    dials: Option<Vec<usize>>,
    hub: Option<usize>,
}

#[derive(Debug)]
enum Event {
    Frame {
        from: usize,
        frame: Frame,
    },
    Up {
        peer: usize,
    },
    Down {
        peer: usize,
    },
    Held {
        node: NodeId,
        version: u64,
        hub: Option<usize>,
    },
}

pub(super) struct World {
    nodes: Vec<Node>,
    now_ns: u64,
    events: BTreeMap<(u64, u64), (usize, Event)>,
    n_events: u64,
    connected: BTreeSet<(usize, usize)>,
    cut: BTreeSet<(usize, usize)>,
    pub(super) loss: f64,
    /// Hashes all outputs, where it is asked for.
    pub(super) history: Option<u64>,
    pub(super) n_deaths: usize,
    rng: StdRng,
}

fn name(idx: usize) -> NodeId {
    NodeId::new(&format!("n{idx}")).unwrap()
}

fn index_of(node: &NodeId) -> usize {
    node.as_str().trim_start_matches('n').parse().unwrap()
}

const EPOCH_MS: i64 = 1_700_000_000_000;

impl World {
    pub(super) fn new(seed: u64, n: usize) -> Self {
        let mut world = Self {
            nodes: Vec::new(),
            now_ns: 0,
            events: BTreeMap::new(),
            n_events: 0,
            connected: BTreeSet::new(),
            cut: BTreeSet::new(),
            loss: 0.0,
            history: None,
            n_deaths: 0,
            rng: StdRng::seed_from_u64(seed),
        };
        for idx in 0..n {
            let seed = world.rng.random();
            let now = Now {
                mono_ns: 0,
                unix_ms: u64::try_from(EPOCH_MS).unwrap(),
            };
            let core = Membership::new(name(idx), MembershipConfig::default(), seed, now);
            let held = BTreeMap::new();
            world.nodes.push(Node {
                core,
                up: true,
                boot: 1,
                version: 1,
                held,
                clock_ms: 0,
                dials: None,
                hub: None,
            });
            world.input(idx, Input::OwnVersion(1));
        }
        world
    }

    fn now(&self, idx: usize) -> Now {
        let unix_ms =
            EPOCH_MS + self.nodes[idx].clock_ms + i64::try_from(self.now_ns / 1_000_000).unwrap();
        Now {
            mono_ns: self.now_ns,
            unix_ms: u64::try_from(unix_ms).unwrap(),
        }
    }

    fn enrolled(&self, idx: usize) -> Vec<NodeId> {
        (0..self.nodes.len())
            .filter(|other| *other != idx)
            .map(name)
            .collect()
    }

    pub(super) fn enrol_all(&mut self) {
        for idx in 0..self.nodes.len() {
            let enrolled = self.enrolled(idx);
            self.input(idx, Input::Enrolled(enrolled));
        }
    }

    pub(super) fn enrol_star(&mut self) {
        for idx in 1..self.nodes.len() {
            self.input(idx, Input::Enrolled(vec![name(0)]));
        }
    }

    /// The node accepts no connection, and can dial these only.
    pub(super) fn only_dials(&mut self, idx: usize, reached: &[usize]) {
        self.nodes[idx].dials = Some(reached.to_vec());
        let enrolled = reached.iter().map(|node| name(*node)).collect();
        self.input(idx, Input::Enrolled(enrolled));
    }

    // === what happens ===

    pub(super) fn kill(&mut self, idx: usize) {
        self.nodes[idx].up = false;
        self.drop_connections(|a, b| a == idx || b == idx, 0);
    }

    pub(super) fn leave(&mut self, idx: usize) {
        self.input(idx, Input::Leave);
        self.run(Duration::from_millis(50));
        self.kill(idx);
    }

    pub(super) fn restart(&mut self, idx: usize, clock_step_ms: i64) {
        let seed = self.rng.random();
        self.nodes[idx].clock_ms += clock_step_ms;
        let now = self.now(idx);
        let node = &mut self.nodes[idx];
        node.core = Membership::new(name(idx), MembershipConfig::default(), seed, now);
        node.up = true;
        node.boot += 1;
        node.version += 1;
        node.held.clear();
        let version = node.version;
        self.input(idx, Input::OwnVersion(version));
        let enrolled = self.enrolled(idx);
        self.input(idx, Input::Enrolled(enrolled));
    }

    pub(super) fn bump_version(&mut self, idx: usize) {
        self.nodes[idx].version += 1;
        let version = self.nodes[idx].version;
        self.input(idx, Input::OwnVersion(version));
    }

    pub(super) fn cut(&mut self, a: usize, b: usize) {
        self.cut.insert((a.min(b), a.max(b)));
        self.drop_connections(|x, y| (x, y) == (a, b) || (y, x) == (a, b), IDLE_NS);
    }

    pub(super) fn partition(&mut self, side: &[usize]) {
        for a in 0..self.nodes.len() {
            for b in a + 1..self.nodes.len() {
                if side.contains(&a) != side.contains(&b) {
                    self.cut(a, b);
                }
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
    }

    fn drop_connections(&mut self, is_gone: impl Fn(usize, usize) -> bool, after_ns: u64) {
        let gone: Vec<(usize, usize)> = self
            .connected
            .iter()
            .copied()
            .filter(|(a, b)| is_gone(*a, *b))
            .collect();
        for (a, b) in gone {
            self.connected.remove(&(a, b));
            self.later(after_ns + LATENCY_NS, a, Event::Down { peer: b });
            self.later(after_ns + LATENCY_NS, b, Event::Down { peer: a });
        }
    }

    // === the machine ===

    fn later(&mut self, after_ns: u64, to: usize, event: Event) {
        self.n_events += 1;
        self.events
            .insert((self.now_ns + after_ns, self.n_events), (to, event));
    }

    fn input(&mut self, idx: usize, input: Input) {
        let now = self.now(idx);
        self.nodes[idx].core.handle(now, input);
        self.drain(idx);
    }

    fn reachable(&self, a: usize, b: usize) -> bool {
        a < self.nodes.len()
            && b < self.nodes.len()
            && self.nodes[a].up
            && self.nodes[b].up
            && !self.cut.contains(&(a.min(b), a.max(b)))
    }

    fn is_connected(&self, a: usize, b: usize) -> bool {
        self.connected.contains(&(a.min(b), a.max(b)))
    }

    /// `a` dials `b`, unless they are connected.
    fn connect(&mut self, a: usize, b: usize) -> bool {
        if !self.reachable(a, b) {
            return false;
        }
        let reaches = self.nodes[a].dials.as_ref();
        let is_let = reaches.is_none_or(|reached| reached.contains(&b));
        if !self.is_connected(a, b) && (!is_let || self.nodes[b].dials.is_some()) {
            return false;
        }
        if self.connected.insert((a.min(b), a.max(b))) {
            self.later(LATENCY_NS, a, Event::Up { peer: b });
            self.later(LATENCY_NS, b, Event::Up { peer: a });
        }
        true
    }

    fn drain(&mut self, idx: usize) {
        while let Some(output) = self.nodes[idx].core.poll_output() {
            if let Some(history) = self.history {
                let mut hasher = DefaultHasher::new();
                (history, self.now_ns, idx, format!("{output:?}")).hash(&mut hasher);
                self.history = Some(hasher.finish());
            }
            match output {
                Output::Send { to, frame } => {
                    let to = index_of(&to);
                    // Streams are reliable; what is lost is lost with its connection.
                    let lost = matches!(frame, Frame::Swim(_) | Frame::Versions { .. })
                        && self.rng.random_bool(self.loss);
                    if self.connect(idx, to) && !lost {
                        let jitter = self.rng.random_range(0..LATENCY_NS);
                        let after_ns = 2 * LATENCY_NS + jitter;
                        self.later(after_ns, to, Event::Frame { from: idx, frame });
                    }
                }
                Output::Dial(node) => {
                    self.connect(idx, index_of(&node));
                }
                Output::OwnVersionSeen(version) => {
                    self.nodes[idx].version = version + 1;
                    self.input(idx, Input::OwnVersion(version + 1));
                }
                Output::Fetch { from, nodes } => self.fetch(idx, index_of(&from), nodes),
                Output::MemberChanged { state, .. } => {
                    self.n_deaths += usize::from(state == MemberState::Dead);
                }
            }
        }
    }

    fn fetch(&mut self, idx: usize, from: usize, nodes: Vec<NodeId>) {
        if !self.connect(idx, from) {
            return;
        }
        for node in nodes {
            let version = if index_of(&node) == from {
                Some(self.nodes[from].version)
            } else {
                self.nodes[from].held.get(&node).copied()
            };
            if let Some(version) = version {
                let hub = self.nodes[index_of(&node)].hub;
                self.later(3 * LATENCY_NS, idx, Event::Held { node, version, hub });
            }
        }
    }

    fn deliver(&mut self, to: usize, event: Event) {
        if !self.nodes[to].up {
            return;
        }
        let is_link = matches!(event, Event::Up { .. } | Event::Down { .. });
        let input = match event {
            Event::Frame { from, .. } if !self.reachable(from, to) => return,
            Event::Frame { from, frame } => match frame {
                Frame::Swim(swim) => Input::Swim {
                    from: name(from),
                    swim,
                },
                Frame::Versions { versions, answer } => Input::Versions {
                    from: name(from),
                    versions,
                    answer,
                },
                Frame::Goodbye => Input::Goodbye { from: name(from) },
                _ => return,
            },
            Event::Up { peer } => {
                let boot = BootId(Uuid::from_u128(self.nodes[peer].boot));
                Input::PeerUp {
                    node: name(peer),
                    boot,
                }
            }
            Event::Down { peer } => Input::PeerDown { node: name(peer) },
            Event::Held { node, version, hub } => {
                let held = self.nodes[to].held.entry(node.clone()).or_default();
                *held = version.max(*held);
                let hub = hub.map(name);
                Input::Held { node, version, hub }
            }
        };
        self.input(to, input);
        if is_link {
            self.choose_hub(to);
        }
    }

    /// A node that only dials out names whom it is connected to.
    fn choose_hub(&mut self, idx: usize) {
        let Some(reached) = self.nodes[idx].dials.clone() else {
            return;
        };
        let is_kept = self.nodes[idx]
            .hub
            .is_some_and(|hub| self.is_connected(idx, hub));
        if !is_kept {
            let next = reached.iter().find(|node| self.is_connected(idx, **node));
            self.nodes[idx].hub = next.copied();
            self.bump_version(idx);
        }
    }

    /// Jumps to the next thing that happens, not beyond `until_ns`.
    fn step(&mut self, until_ns: u64) -> bool {
        let next_event = self.events.keys().next().map(|(at, _)| *at);
        let wakes = self
            .nodes
            .iter()
            .filter(|node| node.up)
            .filter_map(|n| n.core.next_wake());
        let Some(next) = wakes.chain(next_event).min().filter(|at| *at <= until_ns) else {
            self.now_ns = until_ns;
            return false;
        };
        self.now_ns = self.now_ns.max(next);
        if next_event.is_some_and(|at| at <= self.now_ns) {
            if let Some((_, (to, event))) = self.events.pop_first() {
                self.deliver(to, event);
            }
            return true;
        }
        for idx in 0..self.nodes.len() {
            let node = &self.nodes[idx];
            if node.up
                && node
                    .core
                    .next_wake()
                    .is_some_and(|wake| wake <= self.now_ns)
            {
                let now = self.now(idx);
                self.nodes[idx].core.on_timeout(now);
                self.drain(idx);
            }
        }
        true
    }

    pub(super) fn run(&mut self, time: Duration) {
        let until_ns = self.now_ns + u64::try_from(time.as_nanos()).unwrap();
        while self.step(until_ns) {}
    }

    /// Runs until `done`, at most `time`; yields how long it took.
    pub(super) fn run_until(
        &mut self,
        time: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Option<Duration> {
        let start = self.now_ns;
        let until_ns = start + u64::try_from(time.as_nanos()).unwrap();
        while self.now_ns < until_ns {
            if done(self) {
                return Some(Duration::from_nanos(self.now_ns - start));
            }
            let tick = (self.now_ns + 20_000_000).min(until_ns);
            while self.step(tick) {}
        }
        done(self).then(|| Duration::from_nanos(self.now_ns - start))
    }

    // === what is asked ===

    pub(super) fn state(&self, idx: usize, about: usize) -> Option<MemberState> {
        self.nodes[idx].core.state(&name(about))
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let n = self.nodes.len();
        (0..n)
            .flat_map(move |a| (0..n).map(move |b| (a, b)))
            .filter(|(a, b)| a != b)
    }

    /// Whether every live node holds exactly the live ones for alive.
    pub(super) fn is_converged(&self) -> bool {
        self.pairs()
            .filter(|(a, _)| self.nodes[*a].up)
            .all(|(a, b)| {
                let alive = self.state(a, b) == Some(MemberState::Alive);
                alive == self.nodes[b].up && self.state(a, b) != Some(MemberState::Suspect)
            })
    }

    pub(super) fn versions_known(&self) -> bool {
        self.pairs()
            .filter(|(a, b)| self.nodes[*a].up && self.nodes[*b].up)
            .all(|(a, b)| self.nodes[a].held.get(&name(b)) == Some(&self.nodes[b].version))
    }

    pub(super) fn report(&self) -> String {
        let mut report = String::new();
        for (a, b) in self.pairs().filter(|(a, _)| self.nodes[*a].up) {
            let (state, up) = (self.state(a, b), self.nodes[b].up);
            let held = self.nodes[a].held.get(&name(b)).copied();
            let version = self.nodes[b].version;
            if (state == Some(MemberState::Alive)) != up || (up && held != Some(version)) {
                writeln!(
                    report,
                    "{a} holds {b} {state:?} at {held:?}; up: {up}, version {version}"
                )
                .unwrap();
            }
        }
        report
    }

    pub(super) fn assert_converged(&self) {
        assert!(self.is_converged(), "{}", self.report());
    }

    pub(super) fn assert_versions_known(&self) {
        assert!(self.versions_known(), "{}", self.report());
    }
}
