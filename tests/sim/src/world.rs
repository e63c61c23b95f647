//! The world: virtual time, what happens in it, and the story of one run.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::StdRng};
use skep_packet::{Batch, BootId, MemberState, Now, PacketId};
use uuid::Uuid;

use crate::{
    clock::Clock,
    ledger::{Ledger, Violation},
    network::{Message, Network},
    node::{SimNode, Start, name},
    trace::Trace,
};

/// A node that breaks a promise on purpose, so that the world's checks can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It tells its sender that an effect is committed before it is on disk.
    AckBeforeCommit,
    /// It forgets after a crash what it has committed.
    ForgetIds,
    /// It takes any signature for a good one.
    BelieveAll,
    /// It takes packets for a role that another one serves.
    NeverStandsBy,
}

/// What one run is like. All of it follows from the seed where it says nothing.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// How many nodes there are.
    pub n_nodes: usize,
    /// Whether the last node accepts no connection, and can dial the first two only.
    pub has_hub: bool,
    /// How long faults and work go on, in virtual time.
    pub chaos: Duration,
    /// How long all may take to be in order again afterwards.
    pub settle: Duration,
    /// How long an fsync may take, in milliseconds.
    pub fsync_ms_max: u64,
    /// Whether nodes are broken on purpose.
    pub broken: Option<Broken>,
}

impl Scenario {
    /// A scenario whose size follows from the seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let n_nodes = 3 + usize::try_from(seed % 3).unwrap_or_default();
        let (chaos, settle) = (Duration::from_secs(25), Duration::from_secs(400));
        Self {
            n_nodes,
            has_hub: seed.is_multiple_of(2),
            chaos,
            settle,
            fsync_ms_max: 30,
            broken: None,
        }
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Things that happened.
    pub n_events: u64,
    /// Durable packets whose sender's disk survived.
    pub n_durable: usize,
    /// Accepted packets that arrived, as their sender knows.
    pub n_accepted: usize,
    /// Accepted packets whose sender was told that they did not.
    pub n_failed: usize,
    /// Answers to asks.
    pub n_answered: usize,
    /// Asks that ended without one.
    pub n_unanswered: usize,
    /// Crashes, with and without the disk.
    pub n_crashes: usize,
    /// Batches that were passed on by a node that could not read them.
    pub n_relayed: usize,
    /// Batches that somebody on the wire forged.
    pub n_forged: usize,
    /// Batches and packets whose seal was refused, forged or only late.
    pub n_refused: usize,
    /// Seconds of virtual time until all was in order again.
    pub settled_s: u64,
}

/// Something that happens at a time.
#[derive(Debug)]
pub(crate) enum Event {
    Message {
        from: usize,
        to: usize,
        connection: u64,
        message: Box<Message>,
    },
    Up {
        idx: usize,
        peer: usize,
        connection: u64,
    },
    Down {
        idx: usize,
        peer: usize,
    },
    Handle {
        idx: usize,
        boot_n: u64,
    },
    Fsync {
        idx: usize,
        boot_n: u64,
    },
    Signed {
        idx: usize,
        boot_n: u64,
        job: u64,
        signature: Bytes,
    },
    Restart {
        idx: usize,
    },
    Fault,
    Work,
}

/// All nodes and everything between them.
pub struct World {
    pub(crate) nodes: Vec<SimNode>,
    pub(crate) now_ns: u64,
    events: BTreeMap<(u64, u64), Event>,
    n_events: u64,
    pub(crate) rng: StdRng,
    pub(crate) network: Network,
    pub(crate) ledger: Ledger,
    pub(crate) scenario: Scenario,
    /// No more faults and no more work.
    pub(crate) calm: bool,
    /// Packets whose handler failed once already, somewhere.
    pub(crate) failed: BTreeSet<PacketId>,
    n_crashes: usize,
    /// Batches that the forger remembers.
    pub(crate) seen: Vec<Batch>,
    pub(crate) n_relayed: usize,
    pub(crate) n_forged: usize,
    pub(crate) n_refused: usize,
    pub(crate) trace: Trace,
}

/// Clocks are never further apart than this, in milliseconds.
const SKEW_MS_MAX: i64 = 12_000;

/// Runs one seed to its end.
///
/// # Errors
/// The first promise that was broken.
pub fn run(seed: u64, scenario: Scenario) -> Result<Report, Violation> {
    World::new(seed, scenario).live()
}

/// As [`run`], and `tell` hears of everything that happens, a line for each.
///
/// # Errors
/// The first promise that was broken.
pub fn run_aloud(
    seed: u64,
    scenario: Scenario,
    tell: impl FnMut(&str) + 'static,
) -> Result<Report, Violation> {
    let mut world = World::new(seed, scenario);
    world.trace = Trace::to(tell);
    world.live()
}

impl World {
    /// A swarm that has just been switched on.
    #[must_use]
    pub fn new(seed: u64, scenario: Scenario) -> Self {
        let mut world = Self {
            nodes: Vec::new(),
            now_ns: 1,
            events: BTreeMap::new(),
            n_events: 0,
            rng: StdRng::seed_from_u64(seed),
            network: Network::default(),
            ledger: Ledger::default(),
            scenario,
            calm: false,
            failed: BTreeSet::new(),
            n_crashes: 0,
            seen: Vec::new(),
            n_relayed: 0,
            n_forged: 0,
            n_refused: 0,
            trace: Trace::default(),
        };
        world.network.loss = world.rng.random_range(0.0..0.2);
        world.network.doubling = world.rng.random_range(0.0..0.1);
        world.network.delay_ms_max = world.rng.random_range(2..60);
        for idx in 0..world.scenario.n_nodes {
            let epoch = world.rng.random();
            let start = world.start_of(0);
            world.nodes.push(SimNode::new(idx, epoch, start));
            world.drain(idx);
        }
        world.after_ms(500, Event::Work);
        world.after_ms(3_000, Event::Fault);
        world
    }

    fn start_of(&mut self, skew_ms: i64) -> Start {
        let clock = Clock::new(&mut self.rng, skew_ms);
        let boot = BootId(Uuid::from_u128(self.rng.random()));
        let forget_inbox = self.scenario.broken == Some(Broken::ForgetIds);
        let n_nodes = self.scenario.n_nodes;
        let seed = self.rng.random();
        Start {
            clock,
            now: clock.now(self.now_ns),
            seed,
            boot,
            n_nodes,
            has_hub: self.scenario.has_hub,
            forget_inbox,
        }
    }

    pub(crate) fn now(&self, idx: usize) -> Now {
        self.nodes[idx].clock.now(self.now_ns)
    }

    pub(crate) fn after_ms(&mut self, after_ms: u64, event: Event) {
        self.after_ns(after_ms * 1_000_000, event);
    }

    pub(crate) fn after_ns(&mut self, after_ns: u64, event: Event) {
        self.n_events += 1;
        self.events
            .insert((self.now_ns + after_ns, self.n_events), event);
    }

    pub(crate) fn packet_id(&mut self) -> PacketId {
        PacketId(Uuid::from_u128(self.rng.random()))
    }

    // === the run ===

    fn live(mut self) -> Result<Report, Violation> {
        self.run_until(nanos(self.scenario.chaos))?;
        self.settle()
    }

    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        self.trace.line(self.now_ns, text);
    }

    /// Heals everything and waits until nothing is owed.
    fn settle(&mut self) -> Result<Report, Violation> {
        self.say(|| "the faults end, all is healed".to_owned());
        self.calm = true;
        self.network.heal();
        self.network.loss = 0.0;
        self.network.doubling = 0.0;
        for idx in 0..self.nodes.len() {
            if !self.nodes[idx].up {
                self.restart(idx);
            }
        }
        let start_ns = self.now_ns;
        let until_ns = start_ns + nanos(self.scenario.settle);
        while self.now_ns < until_ns && !self.is_settled() {
            self.run_until(self.now_ns + 2_000_000_000)?;
        }
        let settled_ns = self.now_ns - start_ns;
        let nodes = &self.nodes;
        self.ledger.check_end(|id| {
            let rows = |node: &SimNode| {
                let found = node.disk.rows.values().find(|row| row.draft.id == id);
                found.map(|row| format!("{} holds {row:?}", node.name))
            };
            nodes.iter().find_map(rows)
        });
        self.check_order();
        self.check()?;
        Ok(Report {
            n_events: self.n_events,
            n_durable: self.ledger.n_promised(),
            n_accepted: self.ledger.n_accepted,
            n_failed: self.ledger.n_failed,
            n_answered: self.ledger.n_answered,
            n_unanswered: self.ledger.n_unanswered,
            n_crashes: self.n_crashes,
            n_relayed: self.n_relayed,
            n_forged: self.n_forged,
            n_refused: self.n_refused,
            settled_s: settled_ns / 1_000_000_000,
        })
    }

    fn is_settled(&self) -> bool {
        self.ledger.n_owed() == 0
            && self.disorder().is_none()
            && self.nodes.iter().all(|node| {
                let gauges = node.delivery.gauges();
                gauges.outbox_rows == 0
                    && gauges.flights == 0
                    && gauges.in_flight == 0
                    && node.asks.is_empty()
            })
    }

    /// Who is held for something else than what it is.
    fn disorder(&self) -> Option<String> {
        for node in &self.nodes {
            for other in (0..self.nodes.len()).filter(|other| *other != node.idx) {
                let state = node.membership.state(&name(other));
                if state != Some(MemberState::Alive) {
                    return Some(format!("n{} holds n{other} for {state:?}", node.idx));
                }
            }
        }
        self.disagreement()
    }

    fn check_order(&mut self) {
        if let Some(disorder) = self.disorder() {
            self.ledger
                .violations
                .push(Violation::NotConverged(disorder));
        }
        for node in &self.nodes {
            let gauges = node.delivery.gauges();
            let is_empty = gauges.outbox_rows == 0 && gauges.flights == 0 && gauges.in_flight == 0;
            if !is_empty || !node.asks.is_empty() {
                let text = format!("n{} still holds {gauges:?}", node.idx);
                self.ledger.violations.push(Violation::Unbounded(text));
            }
        }
    }

    fn check(&mut self) -> Result<(), Violation> {
        // A moment's grace: the asker is told at its next wake-up.
        self.ledger
            .check_asks(self.now_ns.saturating_sub(1_000_000));
        match self.ledger.violations.first() {
            Some(violation) => Err(violation.clone()),
            None => Ok(()),
        }
    }

    fn run_until(&mut self, until_ns: u64) -> Result<(), Violation> {
        while self.step(until_ns) {
            self.check()?;
        }
        Ok(())
    }

    /// Does the next thing that happens, not beyond `until_ns`.
    fn step(&mut self, until_ns: u64) -> bool {
        let next_event = self.events.keys().next().map(|(at_ns, _)| *at_ns);
        let wakes = self.nodes.iter().filter_map(SimNode::next_wake);
        let Some(next_ns) = wakes
            .chain(next_event)
            .min()
            .filter(|at_ns| *at_ns <= until_ns)
        else {
            self.now_ns = until_ns;
            return false;
        };
        self.now_ns = self.now_ns.max(next_ns);
        if next_event.is_some_and(|at_ns| at_ns <= self.now_ns) {
            if let Some((_, event)) = self.events.pop_first() {
                self.happen(event);
            }
            return true;
        }
        for idx in 0..self.nodes.len() {
            if self.nodes[idx]
                .next_wake()
                .is_some_and(|wake_ns| wake_ns <= self.now_ns)
            {
                let now = self.now(idx);
                self.nodes[idx].on_timeout(now);
                self.sign(idx);
                self.drain(idx);
            }
        }
        true
    }

    fn happen(&mut self, event: Event) {
        self.trace.line(self.now_ns, || event.to_string());
        match event {
            Event::Message {
                from,
                to,
                connection,
                message,
            } => {
                self.arrive(from, to, connection, *message);
            }
            Event::Up {
                idx,
                peer,
                connection,
            } => self.up(idx, peer, connection),
            Event::Down { idx, peer } => self.down(idx, peer),
            Event::Handle { idx, boot_n } if self.runs(idx, boot_n) => self.work_off(idx),
            Event::Fsync { idx, boot_n } if self.runs(idx, boot_n) => self.fsync(idx),
            Event::Signed {
                idx,
                boot_n,
                job,
                signature,
            } if self.runs(idx, boot_n) => self.signed(idx, job, &signature),
            Event::Handle { .. } | Event::Fsync { .. } | Event::Signed { .. } => {}
            Event::Restart { idx } if !self.nodes[idx].up => self.restart(idx),
            Event::Restart { .. } => {}
            Event::Fault if !self.calm => {
                self.fault();
                let pause_ms = self.rng.random_range(500..4_000);
                self.after_ms(pause_ms, Event::Fault);
            }
            Event::Work if !self.calm => {
                self.work();
                let pause_ms = self.rng.random_range(5..250);
                self.after_ms(pause_ms, Event::Work);
            }
            Event::Fault | Event::Work => {}
        }
    }

    fn runs(&self, idx: usize, boot_n: u64) -> bool {
        self.nodes[idx].up && self.nodes[idx].boot_n == boot_n
    }

    // === faults ===

    fn fault(&mut self) {
        let idx = self.rng.random_range(0..self.nodes.len());
        match self.rng.random_range(0..10) {
            0..4 => self.crash(idx),
            4..6 => {
                let side: Vec<usize> = (0..self.nodes.len())
                    .filter(|_| self.rng.random_bool(0.5))
                    .collect();
                self.say(|| format!("partition: {side:?} from the others"));
                self.network.partition(self.nodes.len(), &side);
                for (a, b) in self.network.broken() {
                    let after_ms = self.rng.random_range(1..4_000);
                    self.break_connection(a, b, after_ms);
                }
            }
            6..8 => {
                self.say(|| "the network is healed".to_owned());
                self.network.heal();
            }
            8 if self.rng.random_bool(0.5) => {
                self.network.doubling = self.rng.random_range(0.0..0.3);
                self.network.delay_ms_max = self.rng.random_range(2..400);
            }
            8 => {
                let skew_ms = self.rng.random_range(-SKEW_MS_MAX..=SKEW_MS_MAX);
                self.say(|| format!("the clock of n{idx} is {skew_ms} ms off"));
                self.nodes[idx].clock.skew_ms = skew_ms;
            }
            _ => self.network.loss = self.rng.random_range(0.0..0.3),
        }
    }

    fn crash(&mut self, idx: usize) {
        if !self.nodes[idx].up {
            return;
        }
        self.n_crashes += 1;
        self.tear(idx);
        let node = &mut self.nodes[idx];
        node.up = false;
        self.ledger.memory_lost(&node.name);
        for (a, b) in self.network.connections_of(idx) {
            self.break_connection(a, b, 5);
        }
        let keeps_disk = self.rng.random_bool(0.85) || self.scenario.broken.is_some();
        self.say(|| format!("n{idx} crashes, its disk is kept: {keeps_disk}"));
        if !keeps_disk {
            let node = &mut self.nodes[idx];
            let lineage = node.disk.lineage;
            self.ledger.disk_lost(&node.name, lineage);
            node.disk = crate::disk::Disk {
                epoch: self.rng.random(),
                lineage: lineage + 1,
                ..crate::disk::Disk::default()
            };
        }
        let after_ms = self.rng.random_range(50..12_000);
        self.after_ms(after_ms, Event::Restart { idx });
    }

    fn restart(&mut self, idx: usize) {
        let start = self.start_of(self.nodes[idx].clock.skew_ms);
        self.nodes[idx].start(start);
        self.drain(idx);
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
