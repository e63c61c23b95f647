//! Failure detection: direct probes, helpers, suspicion.

use rand::seq::SliceRandom;
use skep_packet::{Frame, MemberState, NodeId, Now, Swim};

use super::{
    super::{
        config::HELPERS,
        member::Belief,
        probe::{Due, Relayed},
    },
    Membership, Output,
};

impl Membership {
    pub(super) fn swim(&mut self, now: Now, from: &NodeId, swim: Swim) {
        if *from == self.own || self.banned.contains(from) {
            return;
        }
        let (Swim::Ping { rumors, .. } | Swim::Ack { rumors, .. } | Swim::PingReq { rumors, .. }) =
            &swim;
        for rumor in rumors {
            self.hear(now, from, rumor);
        }
        match swim {
            Swim::Ping { probe, .. } => self.ack(from.clone(), probe, self.own.clone()),
            Swim::Ack { probe, about, .. } => {
                if let Some(relayed) = self.probes.answered(probe, &about) {
                    self.ack(relayed.asker, relayed.asker_probe, about);
                }
            }
            Swim::PingReq { probe, target, .. } => self.probe_for(now, from, probe, target),
        }
    }

    pub(super) fn ack(&mut self, to: NodeId, probe: u64, about: NodeId) {
        let rumors = self.rumors_for(&to);
        let frame = Frame::Swim(Swim::Ack {
            probe,
            about,
            rumors,
        });
        self.outputs.push_back(Output::Send { to, frame });
    }

    pub(super) fn ping(&mut self, to: &NodeId, probe: u64) {
        let rumors = self.rumors_for(to);
        let frame = Frame::Swim(Swim::Ping { probe, rumors });
        self.outputs.push_back(Output::Send {
            to: to.clone(),
            frame,
        });
    }

    pub(super) fn probe_for(&mut self, now: Now, asker: &NodeId, asker_probe: u64, target: NodeId) {
        if target == self.own {
            return self.ack(asker.clone(), asker_probe, target);
        }
        let judged = self
            .table
            .get(&target)
            .is_some_and(|member| member.is_judged_by(&self.own));
        if !judged {
            return;
        }
        let relayed = Relayed {
            asker: asker.clone(),
            asker_probe,
            target: target.clone(),
            until_ns: now.mono_after(self.config.probe_period),
        };
        if let Some(number) = self.probes.relay(relayed) {
            self.ping(&target, number);
        }
    }

    /// Probes the next member of the round.
    pub(super) fn probe_next(&mut self, now: Now) {
        while let Some(node) = self.round.pop() {
            let is_mine = self
                .table
                .get(&node)
                .is_some_and(|member| member.is_live() && member.is_judged_by(&self.own));
            if is_mine {
                return self.probe(now, &node);
            }
        }
        let own = &self.own;
        let mine = self
            .table
            .live()
            .filter(|(_, member)| member.is_judged_by(own));
        self.round = mine.map(|(node, _)| node.clone()).collect();
        self.round.shuffle(&mut self.rng);
        if let Some(node) = self.round.pop() {
            self.probe(now, &node);
        }
    }

    pub(super) fn probe(&mut self, now: Now, target: &NodeId) {
        let helpers_ns = now.mono_after(self.config.probe_timeout);
        let until_ns = now.mono_after(self.config.probe_period);
        if let Some(number) = self.probes.start(target, helpers_ns, until_ns) {
            self.ping(target, number);
        }
    }

    pub(super) fn probes_due(&mut self, now: Now) {
        for due in self.probes.due(now.mono_ns) {
            match due {
                Due::AskHelpers(probe, target) => self.ask_helpers(probe, &target),
                Due::Silent(target) => {
                    if let Some(member) = self.table.get(&target)
                        && member.belief.state == MemberState::Alive
                    {
                        let incarnation = member.belief.incarnation;
                        let fact = Belief {
                            incarnation,
                            state: MemberState::Suspect,
                        };
                        self.believe(now, &target, fact);
                    }
                }
            }
        }
    }

    pub(super) fn ask_helpers(&mut self, probe: u64, target: &NodeId) {
        for to in self.random_live(HELPERS, target) {
            let rumors = self.rumors_for(&to);
            let target = target.clone();
            let frame = Frame::Swim(Swim::PingReq {
                probe,
                target,
                rumors,
            });
            self.outputs.push_back(Output::Send { to, frame });
        }
    }

    pub(super) fn suspects_due(&mut self, now: Now) {
        let due: Vec<NodeId> = self
            .suspects
            .iter()
            .filter(|(_, until_ns)| **until_ns <= now.mono_ns)
            .map(|(node, _)| node.clone())
            .collect();
        for node in due {
            self.suspects.remove(&node);
            let Some(member) = self.table.get(&node) else {
                continue;
            };
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
    }
}
