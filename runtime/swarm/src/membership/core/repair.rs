//! Gossip rounds, push-pull, and dialling of those that are missing.

use std::{collections::BTreeMap, time::Duration};

use rand::seq::IteratorRandom;
use skep_packet::{Frame, MemberState, NodeId, NodeVersion, Now};

use super::{
    super::{
        config::{GOSSIP_FANOUT, RUMORS_PER_GOSSIP_MAX},
        member::Member,
    },
    Membership, Output,
    facts::{belief, node_version, rumor},
};

/// How soon an enrolled node is dialled while no member at all is live.
const LONELY_DIAL_PERIOD: Duration = Duration::from_secs(1);

impl Membership {
    /// Random live members, connected ones where there are any, never `except`.
    pub(super) fn random_live(&mut self, n: usize, except: &NodeId) -> Vec<NodeId> {
        let own = &self.own;
        let live = || {
            let reached = |(_, member): &(&NodeId, &Member)| member.is_judged_by(own);
            let live = self.table.live().filter(reached);
            live.filter(|(node, _)| *node != except)
        };
        let connected = live().filter(|(_, member)| member.connected.is_some());
        let mut picked: Vec<NodeId> = connected
            .map(|(node, _)| node.clone())
            .choose_multiple(&mut self.rng, n);
        if picked.is_empty() {
            picked = live()
                .map(|(node, _)| node.clone())
                .choose_multiple(&mut self.rng, n);
        }
        picked
    }

    pub(super) fn gossip_round(&mut self) {
        if self.gossip.is_empty() || self.table.n_live() == 0 {
            return;
        }
        let own = self.own.clone();
        let targets = self.random_live(GOSSIP_FANOUT, &own);
        let tellings = self.config.tellings(self.table.n_live() + 1);
        for to in targets {
            let news = self.gossip.take(RUMORS_PER_GOSSIP_MAX, tellings);
            let versions: Vec<NodeVersion> = news
                .iter()
                .filter_map(|node| self.rumor_about(node))
                .map(node_version)
                .collect();
            if !versions.is_empty() {
                let frame = Frame::Versions {
                    versions,
                    answer: false,
                };
                self.outputs.push_back(Output::Send { to, frame });
            }
        }
    }

    pub(super) fn push_pull_round(&mut self, now: Now) {
        let kept_ns = u64::try_from(self.config.dead_kept.as_nanos()).unwrap_or(u64::MAX);
        for node in self.table.forget_dead(now.mono_ns.saturating_sub(kept_ns)) {
            self.gossip.forget(&node);
        }
        let own = &self.own;
        let alive = self
            .table
            .live()
            .filter(|(_, m)| m.belief.state == MemberState::Alive && m.is_judged_by(own));
        if let Some(node) = alive.map(|(node, _)| node.clone()).choose(&mut self.rng) {
            self.push_pull(&node);
        }
    }

    /// Tells `to` all we know, and asks for what it knows better.
    pub(super) fn push_pull(&mut self, to: &NodeId) {
        let others = self
            .table
            .iter()
            .map(|(node, member)| member.node_version(node));
        let versions = others.chain([node_version(self.own_rumor())]).collect();
        let frame = Frame::Versions {
            versions,
            answer: true,
        };
        self.outputs.push_back(Output::Send {
            to: to.clone(),
            frame,
        });
    }

    pub(super) fn versions(
        &mut self,
        now: Now,
        from: &NodeId,
        versions: &[NodeVersion],
        answer: bool,
    ) {
        if *from == self.own || self.banned.contains(from) {
            return;
        }
        for told in versions {
            self.hear(now, from, &rumor(told));
        }
        if answer {
            let versions = self.newer_than(versions);
            if !versions.is_empty() {
                let frame = Frame::Versions {
                    versions,
                    answer: false,
                };
                self.outputs.push_back(Output::Send {
                    to: from.clone(),
                    frame,
                });
            }
        }
    }

    /// What this node knows better than `theirs`.
    pub(super) fn newer_than(&self, theirs: &[NodeVersion]) -> Vec<NodeVersion> {
        let theirs: BTreeMap<&NodeId, &NodeVersion> = theirs
            .iter()
            .map(|version| (&version.node, version))
            .collect();
        let others = self
            .table
            .iter()
            .map(|(node, member)| member.node_version(node));
        others
            .chain([node_version(self.own_rumor())])
            .filter(|ours| {
                theirs.get(&ours.node).is_none_or(|theirs| {
                    ours.version > theirs.version || belief(ours).beats(belief(theirs))
                })
            })
            .collect()
    }

    pub(super) fn is_missing(&self, node: &NodeId) -> bool {
        !self.leaving
            && self.table.get(node).is_none_or(|member| {
                member.belief.state != MemberState::Alive && member.connected.is_none()
            })
    }

    pub(super) fn dial_round(&mut self, now: Now) {
        let lonely = self.table.n_live() == 0;
        let period = if lonely {
            LONELY_DIAL_PERIOD
        } else {
            self.config.dial_period
        };
        self.next_dial_ns = now.mono_after(period.min(self.config.dial_period));
        let missing: Vec<NodeId> = self
            .enrolled
            .iter()
            .filter(|node| self.is_missing(node))
            .cloned()
            .collect();
        if let Some(node) = missing.into_iter().choose(&mut self.rng) {
            self.outputs.push_back(Output::Dial(node));
        }
    }
}
