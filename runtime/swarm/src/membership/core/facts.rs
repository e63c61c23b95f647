//! What is heard about members, and what is told on.

use skep_packet::{MemberState, NodeId, NodeVersion, Now, Rumor};

use super::{
    super::{
        config::{RUMORS_PER_FRAME_MAX, VERSION_BELIEVED_MAX},
        member::{Belief, Member, is_live},
        table::Merged,
    },
    Membership, Output,
};

impl Membership {
    /// Takes in a fact about another node, and tells it on where it is news.
    pub(super) fn believe(&mut self, now: Now, node: &NodeId, fact: Belief) {
        let Merged::News { shown } = self.table.merge(node, fact, now.mono_ns) else {
            return;
        };
        self.gossip.news(node);
        match fact.state {
            MemberState::Suspect => {
                let is_judged_here = self
                    .table
                    .get(node)
                    .is_none_or(|member| member.is_judged_by(&self.own));
                let mut suspicion = self.config.suspicion(self.table.n_live() + 1);
                if !is_judged_here {
                    suspicion = suspicion.max(self.config.hub_grace);
                }
                self.suspects
                    .entry(node.clone())
                    .or_insert(now.mono_after(suspicion));
            }
            MemberState::Alive => {
                self.suspects.remove(node);
            }
            MemberState::Dead | MemberState::Left => {
                self.suspects.remove(node);
                self.probes.forget(node);
                self.fetches.forget(node);
            }
        }
        if shown {
            let changed = Output::MemberChanged {
                node: node.clone(),
                state: fact.state,
            };
            self.outputs.push_back(changed);
        }
        if !is_live(fact.state) {
            self.hub_lost(now, node);
        }
    }

    /// Whoever was reached through a hub that is gone has some time to name another one.
    fn hub_lost(&mut self, now: Now, hub: &NodeId) {
        let behind = |(_, member): &(&NodeId, &Member)| {
            member.hub.as_ref() == Some(hub) && member.connected.is_none()
        };
        let lost: Vec<(NodeId, u64)> = self
            .table
            .live()
            .filter(behind)
            .map(|(node, member)| (node.clone(), member.belief.incarnation))
            .collect();
        for (node, incarnation) in lost {
            let state = MemberState::Suspect;
            self.believe(now, &node, Belief { incarnation, state });
        }
    }

    pub(super) fn hear(&mut self, now: Now, from: &NodeId, rumor: &Rumor) {
        let fact = Belief {
            incarnation: rumor.incarnation,
            state: rumor.state,
        };
        if rumor.node == self.own {
            return self.hear_of_self(fact, rumor.version);
        }
        if self.banned.contains(&rumor.node) {
            return;
        }
        self.believe(now, &rumor.node, fact);
        let Some(member) = self.table.get_mut(&rumor.node) else {
            return;
        };
        member.version = member.version.max(rumor.version);
        if rumor.version > member.held && member.is_live() {
            self.fetches.offer(&rumor.node, rumor.version, from);
        }
    }

    /// Refutes what is not so: a higher incarnation than the rumor's ends it.
    pub(super) fn hear_of_self(&mut self, fact: Belief, version: u64) {
        if version > self.version && version < VERSION_BELIEVED_MAX && !self.leaving {
            // Told once: whoever holds less is behind from now on.
            self.version = version;
            self.outputs.push_back(Output::OwnVersionSeen(version));
        }
        let own = Belief {
            incarnation: self.incarnation,
            state: MemberState::Alive,
        };
        if fact.beats(own) && !self.leaving {
            self.incarnation = fact.incarnation.saturating_add(1);
            let own = self.own.clone();
            self.gossip.news(&own);
        }
    }

    pub(super) fn held(&mut self, node: &NodeId, version: u64, hub: Option<NodeId>) {
        self.fetches.held(node, version);
        if let Some(member) = self.table.get_mut(node)
            && version > member.held
        {
            member.held = version;
            member.hub = hub;
            self.gossip.news(node);
        }
    }

    pub(super) fn own_rumor(&self) -> Rumor {
        let state = if self.leaving {
            MemberState::Left
        } else {
            MemberState::Alive
        };
        Rumor {
            node: self.own.clone(),
            incarnation: self.incarnation,
            state,
            version: self.version,
        }
    }

    pub(super) fn rumor_about(&self, node: &NodeId) -> Option<Rumor> {
        if *node == self.own {
            return Some(self.own_rumor());
        }
        self.table.get(node).map(|member| member.rumor(node))
    }

    /// News for a frame to `to`; first what is believed of `to` itself, where it should refute.
    pub(super) fn rumors_for(&mut self, to: &NodeId) -> Vec<Rumor> {
        let mut rumors: Vec<Rumor> = self
            .table
            .get(to)
            .filter(|member| member.belief.state != MemberState::Alive)
            .map(|member| member.rumor(to))
            .into_iter()
            .collect();
        let tellings = self.config.tellings(self.table.n_live() + 1);
        let news = self.gossip.take(RUMORS_PER_FRAME_MAX, tellings);
        rumors.extend(
            news.iter()
                .filter(|node| *node != to)
                .filter_map(|n| self.rumor_about(n)),
        );
        rumors
    }
}

pub(super) fn node_version(rumor: Rumor) -> NodeVersion {
    let Rumor {
        node,
        incarnation,
        state,
        version,
    } = rumor;
    NodeVersion {
        node,
        version,
        incarnation,
        state,
    }
}

pub(super) fn rumor(told: &NodeVersion) -> Rumor {
    Rumor {
        node: told.node.clone(),
        incarnation: told.incarnation,
        state: told.state,
        version: told.version,
    }
}

pub(super) fn belief(version: &NodeVersion) -> Belief {
    Belief {
        incarnation: version.incarnation,
        state: version.state,
    }
}
