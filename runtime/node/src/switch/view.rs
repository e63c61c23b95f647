//! The swarm as this node sees it, for those who show it. Written by the switch, read by the door.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use skep_agent::{NodeState, NodeTree, TreeNode};
use skep_packet::{Address, AgentHealth, Descriptor, MemberState, NodeId};
use skep_swarm::roles::RoleIndex;

/// Kinds of dead letters that are counted apart; further ones are counted together.
const LETTERS_MAX: usize = 1024;

/// The swarm as this node sees it.
#[derive(Debug)]
pub(crate) struct View {
    roles: Arc<ArcSwap<RoleIndex>>,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    own: Descriptor,
    others: BTreeMap<NodeId, (Option<Arc<Descriptor>>, MemberState)>,
    /// How far each node's clock was ahead of ours when it last signed something for us.
    clocks: BTreeMap<NodeId, i64>,
    outbox: BTreeMap<String, u64>,
    dead_letters: BTreeMap<(String, &'static str), u64>,
    /// Why this node has no place in its swarm any more, and what to do.
    left_behind: Option<String>,
}

impl View {
    pub(crate) fn new(own: Descriptor, roles: Arc<ArcSwap<RoleIndex>>) -> Self {
        let shown = Shown {
            own,
            others: BTreeMap::new(),
            clocks: BTreeMap::new(),
            outbox: BTreeMap::new(),
            dead_letters: BTreeMap::new(),
            left_behind: None,
        };
        Self {
            roles,
            shown: Mutex::new(shown),
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_left_behind(&self, why: Option<String>) {
        self.shown().left_behind = why;
    }

    pub(crate) fn left_behind(&self) -> Option<String> {
        self.shown().left_behind.clone()
    }

    pub(super) fn set_own(&self, own: Descriptor) {
        self.shown().own = own;
    }

    pub(super) fn set_other(&self, descriptor: Arc<Descriptor>, state: Option<MemberState>) {
        let node = descriptor.node.clone();
        let state = state.unwrap_or(MemberState::Suspect);
        self.shown().others.insert(node, (Some(descriptor), state));
    }

    pub(super) fn set_state(&self, node: &NodeId, state: MemberState) {
        let mut shown = self.shown();
        match shown.others.get_mut(node) {
            Some(known) => known.1 = state,
            // Who is gone and was never known here is nobody's business, a revoked one least of all.
            None if matches!(state, MemberState::Alive | MemberState::Suspect) => {
                shown.others.insert(node.clone(), (None, state));
            }
            None => {}
        }
    }

    pub(super) fn forget(&self, node: &NodeId) {
        let mut shown = self.shown();
        shown.others.remove(node);
        shown.clocks.remove(node);
    }

    /// A node that is believed signed something at `issued_ms` of its clock, and it came at `now_ms`
    /// of ours.
    pub(super) fn set_clock(&self, node: &NodeId, issued_ms: u64, now_ms: u64) {
        let ms = |unix_ms: u64| i64::try_from(unix_ms).unwrap_or(i64::MAX);
        let ahead_ms = ms(issued_ms).saturating_sub(ms(now_ms));
        let mut shown = self.shown();
        match shown.clocks.get_mut(node) {
            Some(known) => *known = ahead_ms,
            None => drop(shown.clocks.insert(node.clone(), ahead_ms)),
        }
    }

    /// Live nodes that can renew papers, and where they listen.
    pub(crate) fn issuers(&self) -> Vec<NodeId> {
        let shown = self.shown();
        let live = shown
            .others
            .values()
            .filter(|(_, state)| *state == MemberState::Alive);
        let issues = live.filter_map(|(descriptor, _)| descriptor.as_ref().filter(|d| d.issues));
        issues.map(|descriptor| descriptor.node.clone()).collect()
    }

    pub(super) fn set_outbox(&self, outbox: BTreeMap<String, u64>) {
        self.shown().outbox = outbox;
    }

    pub(super) fn dead_letter(&self, wanted: String, reason: &'static str) {
        let mut shown = self.shown();
        let full = shown.dead_letters.len() >= LETTERS_MAX;
        let key = if full {
            ("others".to_owned(), reason)
        } else {
            (wanted, reason)
        };
        *shown.dead_letters.entry(key).or_default() += 1;
    }

    /// The swarm, this node first.
    pub(crate) fn tree(&self) -> NodeTree {
        let roles = self.roles.load();
        let shown = self.shown();
        let own = shown_node(&shown.own, MemberState::Alive, &roles);
        let other = |(node, (descriptor, state)): (&NodeId, &(Option<Arc<Descriptor>>, _))| {
            match descriptor {
                Some(descriptor) => shown_node(descriptor, *state, &roles),
                None => TreeNode {
                    node: node.clone(),
                    state: *state,
                    addresses: Vec::new(),
                    hub: None,
                    program: String::new(),
                    clock_ahead_ms: None,
                    agents: Vec::new(),
                },
            }
        };
        let letter = |((wanted, reason), n): (&(String, &'static str), &u64)| {
            (wanted.clone(), (*reason).to_owned(), *n)
        };
        let mut nodes: Vec<TreeNode> = std::iter::once(own)
            .chain(shown.others.iter().map(other))
            .collect();
        for node in &mut nodes {
            node.clock_ahead_ms = shown.clocks.get(&node.node).copied();
        }
        NodeTree {
            node: shown.own.node.clone(),
            nodes,
            state: NodeState {
                outbox: shown
                    .outbox
                    .iter()
                    .map(|(wanted, n)| (wanted.clone(), *n))
                    .collect(),
                dead_letters: shown.dead_letters.iter().map(letter).collect(),
            },
        }
    }

    /// Agents of this node that do not take packets, and how they are.
    pub(crate) fn not_healthy(&self) -> Vec<(String, AgentHealth)> {
        let shown = self.shown();
        let sick = shown
            .own
            .agents
            .iter()
            .filter(|card| card.health != AgentHealth::Healthy);
        sick.map(|card| (card.agent.to_string(), card.health))
            .collect()
    }
}

/// A node, and which of its exclusive roles it leaves to others.
fn shown_node(descriptor: &Descriptor, state: MemberState, roles: &RoleIndex) -> TreeNode {
    let mut node = TreeNode::of(descriptor, state);
    for agent in &mut node.agents {
        let address = Address::new(agent.card.agent.clone(), descriptor.node.clone());
        let exclusive = agent.card.roles.iter().filter(|served| served.exclusive);
        let waits = exclusive.filter(|served| roles.stands_by(&address, &served.role));
        agent.stands_by = waits.map(|served| served.role.clone()).collect();
    }
    node
}
