//! Everything this node believes about the others.

use std::collections::BTreeMap;

use skep_packet::{MemberState, NodeId};

use super::{
    config::MEMBERS_MAX,
    member::{Belief, Member},
};

/// What taking in a fact did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merged {
    /// Nothing new.
    Known,
    /// A newer incarnation or state; `shown` where the state itself is another one.
    News {
        /// Whether the member's state changed.
        shown: bool,
    },
    /// The table is full, or the fact is about a member long gone.
    Ignored,
}

/// The members, by name; at most [`MEMBERS_MAX`].
#[derive(Debug, Default)]
pub(super) struct Table {
    members: BTreeMap<NodeId, Member>,
    n_live: usize,
}

impl Table {
    pub(super) fn get(&self, node: &NodeId) -> Option<&Member> {
        self.members.get(node)
    }

    /// For everything but the belief, which only [`merge`](Self::merge) changes.
    pub(super) fn get_mut(&mut self, node: &NodeId) -> Option<&mut Member> {
        self.members.get_mut(node)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Member)> {
        self.members.iter()
    }

    pub(super) fn live(&self) -> impl Iterator<Item = (&NodeId, &Member)> {
        self.members.iter().filter(|(_, member)| member.is_live())
    }

    /// Live members, without this node.
    pub(super) const fn n_live(&self) -> usize {
        self.n_live
    }

    /// Takes in a fact about a member: the greater of the two stays.
    pub(super) fn merge(&mut self, node: &NodeId, fact: Belief, now_ns: u64) -> Merged {
        let Some(member) = self.members.get_mut(node) else {
            return self.insert(node, fact, now_ns);
        };
        if !fact.beats(member.belief) {
            return Merged::Known;
        }
        let shown = fact.state != member.belief.state;
        let was_live = member.is_live();
        member.belief = fact;
        if shown {
            member.since_ns = now_ns;
        }
        match (was_live, member.is_live()) {
            (true, false) => self.n_live -= 1,
            (false, true) => self.n_live += 1,
            _ => {}
        }
        Merged::News { shown }
    }

    fn insert(&mut self, node: &NodeId, fact: Belief, now_ns: u64) -> Merged {
        if self.members.len() >= MEMBERS_MAX && !self.evict_dead() {
            return Merged::Ignored;
        }
        let member = Member::new(fact, now_ns);
        self.n_live += usize::from(member.is_live());
        self.members.insert(node.clone(), member);
        Merged::News { shown: true }
    }

    /// Forgets the member that has been dead for longest.
    fn evict_dead(&mut self) -> bool {
        let oldest = self
            .members
            .iter()
            .filter(|(_, member)| !member.is_live() && member.connected.is_none())
            .min_by_key(|(_, member)| member.since_ns)
            .map(|(node, _)| node.clone());
        oldest.is_some_and(|node| self.members.remove(&node).is_some())
    }

    /// Forgets members that have been dead since before `before_ns`; yields them.
    pub(super) fn forget_dead(&mut self, before_ns: u64) -> Vec<NodeId> {
        let gone: Vec<NodeId> = self
            .members
            .iter()
            .filter(|(_, member)| !member.is_live() && member.connected.is_none())
            .filter(|(_, member)| member.since_ns < before_ns)
            .map(|(node, _)| node.clone())
            .collect();
        for node in &gone {
            self.members.remove(node);
        }
        gone
    }

    pub(super) fn state(&self, node: &NodeId) -> Option<MemberState> {
        self.get(node).map(|member| member.belief.state)
    }
}
