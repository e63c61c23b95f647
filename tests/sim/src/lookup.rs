//! Role lookup in a large swarm, while what others offer changes.
//!
//! One thread looks up as a port does: it loads the index from behind the atomic pointer and asks for
//! the endpoint of a conversation. Another one takes in changes of nodes' health meanwhile, one after
//! the other, each a new index. The baseline is a search through every node's list.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use skep_packet::{
    AgentCard, AgentHealth, BootId, Descriptor, HandlerName, NodeId, RoleName, RolePattern, Scope,
    ServedRole,
};
use skep_swarm::roles::{Endpoint, NodeEntry, RoleIndex};
use uuid::Uuid;

use crate::node::{name, swarm};

/// Agents of each node; one of them serves a role of its site, the others what every node serves.
const AGENTS: usize = 10;

/// Nodes that share the role of a site.
const SITE: usize = 10;

/// Conversations that are looked up in turn.
const CONVERSATIONS: usize = 4096;

/// How long each kind of lookup is measured.
const MEASURED: Duration = Duration::from_secs(2);

/// What lookups took, in nanoseconds, with changes arriving all the time.
#[derive(Debug, Clone, PartialEq)]
pub struct LookupReport {
    /// How many nodes there were.
    pub n_nodes: usize,
    /// The one endpoint of a conversation, of a role that an agent of each node serves.
    pub everywhere_ns: f64,
    /// The same, of a role that ten nodes serve.
    pub site_ns: f64,
    /// Searching all nodes for it.
    pub baseline_ns: f64,
    /// One change of a node: from its descriptor to the new index.
    pub change_us: f64,
    /// Changes that arrived in each second of the measurement.
    pub changes_per_s: f64,
}

/// So long may a lookup take.
pub const LOOKUP_NS_MAX: f64 = 1_000.0;

impl LookupReport {
    /// Whether lookups were as quick as they should be.
    #[must_use]
    pub fn is_within_bounds(&self) -> bool {
        self.everywhere_ns <= LOOKUP_NS_MAX && self.site_ns <= LOOKUP_NS_MAX
    }

    /// One JSON line.
    #[must_use]
    pub fn line(&self) -> String {
        let round = |value: f64| (value * 10.0).round() / 10.0;
        serde_json::json!({
            "name": "lookup",
            "ours": round(self.everywhere_ns),
            "baseline": round(self.baseline_ns),
            "ratio": round(self.baseline_ns / self.everywhere_ns),
            "unit": "ns of CPU time for each lookup of one of a thousand endpoints",
            "nodes": self.n_nodes,
            "agents": self.n_nodes * AGENTS,
            "of_ten_endpoints_ns": round(self.site_ns),
            "change_us": round(self.change_us),
            "changes_per_second": round(self.changes_per_s),
        })
        .to_string()
    }
}

/// Measures lookups among `n_nodes`.
#[must_use]
pub fn measure_lookup(n_nodes: usize) -> LookupReport {
    let mut index = RoleIndex::new(name(0));
    for idx in 0..n_nodes {
        index = index.with(entry(idx, 1, true));
    }
    let shared = Arc::new(ArcSwap::from_pointee(index));
    let sticky: Vec<Vec<u8>> = (0..CONVERSATIONS)
        .map(|n| {
            Uuid::from_u128(0x9e37_79b9 * n as u128)
                .to_string()
                .into_bytes()
        })
        .collect();
    let stop = AtomicBool::new(false);
    let mut report = LookupReport {
        n_nodes,
        everywhere_ns: 0.0,
        site_ns: 0.0,
        baseline_ns: 0.0,
        change_us: 0.0,
        changes_per_s: 0.0,
    };
    thread::scope(|scope| {
        let changes = scope.spawn(|| change(&shared, n_nodes, &stop));
        let of = |pattern: &RolePattern| {
            per_call(&sticky, |sticky| {
                shared.load().choose_one(pattern, Scope::Swarm, sticky)
            })
        };
        report.everywhere_ns = of(&role("work.0").into());
        report.site_ns = of(&role("site.1").into());
        report.baseline_ns = per_call(&sticky, |sticky| search(&shared.load(), sticky));
        stop.store(true, Ordering::Relaxed);
        if let Ok((n_changes, took)) = changes.join() {
            let n_changes = f64::from(n_changes.max(1));
            report.change_us = took.as_secs_f64() * 1e6 / n_changes;
            report.changes_per_s = n_changes / took.as_secs_f64();
        }
    });
    report
}

/// Nodes' agents go down and come up, one change after another.
fn change(shared: &ArcSwap<RoleIndex>, n_nodes: usize, stop: &AtomicBool) -> (u32, Duration) {
    let (mut n_changes, begun) = (0_u32, now());
    while !stop.load(Ordering::Relaxed) {
        let idx = usize::try_from(n_changes).unwrap_or_default() * 7 % n_nodes;
        let is_up = !n_changes.is_multiple_of(3);
        let changed = entry(idx, u64::from(n_changes) + 2, is_up);
        shared.store(Arc::new(shared.load().with(changed)));
        n_changes += 1;
    }
    (n_changes, begun.elapsed())
}

/// CPU time of this thread, in nanoseconds: others on the machine do not count. The kernel brings it
/// up to date some hundred times a second.
fn cpu_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ran = told.split(' ').next().and_then(|ns| ns.parse().ok());
    ran.expect("Linux tells what a thread ran")
}

/// Nanoseconds of CPU time that one call takes, on average.
fn per_call<T>(sticky: &[Vec<u8>], call: impl Fn(&[u8]) -> T) -> f64 {
    let (begun, before_ns) = (now(), cpu_ns());
    let mut n_calls = 0_u32;
    while begun.elapsed() < MEASURED {
        // So many at once that the clock does not count.
        for sticky in sticky
            .iter()
            .cycle()
            .skip(n_calls as usize % CONVERSATIONS)
            .take(256)
        {
            black_box(call(black_box(sticky)));
            n_calls += 1;
        }
    }
    let took = Duration::from_nanos(cpu_ns() - before_ns);
    took.as_secs_f64() * 1e9 / f64::from(n_calls)
}

/// The same without an index of roles: every endpoint of every node is looked at.
fn search(index: &RoleIndex, sticky: &[u8]) -> Option<Arc<Endpoint>> {
    let wanted = role("work.0");
    let endpoints = index.nodes().flat_map(|node| &node.endpoints);
    let serving = endpoints.filter(|endpoint| endpoint.serving && endpoint.role == wanted);
    serving
        .max_by_key(|endpoint| {
            let hash = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            let node = endpoint.address.node.as_str().as_bytes();
            sticky.iter().chain(node).fold(0, hash)
        })
        .cloned()
}

fn entry(idx: usize, version: u64, is_up: bool) -> NodeEntry {
    let everything: RolePattern = "*".parse().expect("a star is a pattern");
    let agents = (0..AGENTS).map(|n| card(idx, n, is_up || n > 0));
    let descriptor = Descriptor {
        swarm: swarm(),
        node: NodeId::new(&format!("node-{idx:04}")).expect("a name"),
        boot: BootId(Uuid::from_u128(1)),
        version,
        addresses: Vec::new(),
        hub: None,
        labels: std::collections::BTreeMap::new(),
        agents: agents.collect(),
        load: 0,
        directive: String::new(),
        program: String::new(),
        issues: false,
    };
    NodeEntry::new(&descriptor, &[everything], true)
}

fn card(idx: usize, n: usize, is_up: bool) -> AgentCard {
    let served = match n {
        0 => role("work.0"),
        1 => role(&format!("site.{}", idx / SITE)),
        n => role(&format!("work.{n}")),
    };
    AgentCard {
        agent: format!("agent-{n}").parse().expect("a name"),
        kind: "worker".to_owned(),
        parent: None,
        emoji: None,
        roles: vec![ServedRole {
            role: served,
            handler: HandlerName::new("cmd_do").expect("a name"),
            scope: Scope::Swarm,
            priority: 100,
            exclusive: false,
        }],
        health: if is_up {
            AgentHealth::Healthy
        } else {
            AgentHealth::CrashLoop
        },
        incarnation: 1,
    }
}

fn role(text: &str) -> RoleName {
    RoleName::new(text).expect("a role")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the time that passes outside"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_finds_an_endpoint() {
        let mut index = RoleIndex::new(name(0));
        for idx in 0..20 {
            index = index.with(entry(idx, 1, idx != 3));
        }
        let pattern = role("work.0").into();
        let found = index
            .choose_one(&pattern, Scope::Swarm, b"session")
            .unwrap();
        assert_ne!(found.address.node.as_str(), "node-0003");
        assert!(search(&index, b"session").is_some());
        assert_eq!(index.serving(&role("work.0")).len(), 19);
        assert_eq!(index.serving(&role("site.1")).len(), 10);
    }
}
