//! Probes on their way: our own, and those we run for others.

use std::collections::BTreeMap;

use skep_packet::NodeId;

use super::config::RELAYED_MAX;

/// Whom we are probing.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub(super) target: NodeId,
    /// When helpers are asked; `None` once they were.
    pub(super) helpers_ns: Option<u64>,
    /// When the target is suspected.
    pub(super) until_ns: u64,
}

/// A probe that another node asked us to run.
#[derive(Debug, Clone)]
pub(super) struct Relayed {
    pub(super) asker: NodeId,
    /// The asker's own number.
    pub(super) asker_probe: u64,
    pub(super) target: NodeId,
    pub(super) until_ns: u64,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The direct answer is late: ask helpers to probe the target under this number.
    AskHelpers(u64, NodeId),
    /// Nobody could reach it.
    Silent(NodeId),
}

/// Every probe on its way, by number. Own probes: at most one per member.
#[derive(Debug, Default)]
pub(super) struct Probes {
    own: BTreeMap<u64, Probe>,
    relayed: BTreeMap<u64, Relayed>,
    next: u64,
}

impl Probes {
    /// Numbers start at a random place, so that an answer can not be made up by one who was not
    /// asked.
    pub(super) fn starting_at(next: u64) -> Self {
        Self {
            next,
            ..Self::default()
        }
    }

    fn number(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    /// A number for a new probe, unless the target is being probed already.
    pub(super) fn start(&mut self, target: &NodeId, helpers_ns: u64, until_ns: u64) -> Option<u64> {
        if self.own.values().any(|probe| probe.target == *target) {
            return None;
        }
        let number = self.number();
        let helpers_ns = Some(helpers_ns);
        self.own.insert(
            number,
            Probe {
                target: target.clone(),
                helpers_ns,
                until_ns,
            },
        );
        Some(number)
    }

    /// A number for a probe on behalf of another node; `None` at the bound.
    pub(super) fn relay(&mut self, relayed: Relayed) -> Option<u64> {
        if self.relayed.len() >= RELAYED_MAX {
            return None;
        }
        let number = self.number();
        self.relayed.insert(number, relayed);
        Some(number)
    }

    /// Takes in an answer about `about`; yields the probe to pass it on to, where it was relayed.
    pub(super) fn answered(&mut self, number: u64, about: &NodeId) -> Option<Relayed> {
        if self
            .own
            .get(&number)
            .is_some_and(|probe| probe.target == *about)
        {
            self.own.remove(&number);
        }
        if self
            .relayed
            .get(&number)
            .is_some_and(|relayed| relayed.target == *about)
        {
            return self.relayed.remove(&number);
        }
        None
    }

    /// Ends probes of a member that is not live any more.
    pub(super) fn forget(&mut self, target: &NodeId) {
        self.own.retain(|_, probe| probe.target != *target);
    }

    pub(super) fn due(&mut self, now_ns: u64) -> Vec<Due> {
        self.relayed.retain(|_, relayed| relayed.until_ns > now_ns);
        let mut due = Vec::new();
        self.own.retain(|number, probe| {
            if probe.until_ns <= now_ns {
                due.push(Due::Silent(probe.target.clone()));
                return false;
            }
            if probe
                .helpers_ns
                .is_some_and(|helpers_ns| helpers_ns <= now_ns)
            {
                probe.helpers_ns = None;
                due.push(Due::AskHelpers(*number, probe.target.clone()));
            }
            true
        });
        due
    }

    pub(super) fn next_wake(&self) -> Option<u64> {
        let own = self
            .own
            .values()
            .map(|probe| probe.helpers_ns.unwrap_or(probe.until_ns));
        let relayed = self.relayed.values().map(|relayed| relayed.until_ns);
        own.chain(relayed).min()
    }
}
