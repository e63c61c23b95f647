//! The role that one endpoint serves at a time, judged from outside.
//!
//! While the swarm is cut in two each side may have one; when it is whole again there is exactly
//! one, the same for all; and nobody ever takes a packet while it knows of somebody who comes first.

use skep_packet::{MemberState, NodeId, Packet};

use crate::{
    ledger::Violation,
    node::{SOLE, SimNode, name},
    world::World,
};

/// The lower number comes first: the last node, so that it is not the order of names that decides.
pub(crate) fn priority(idx: usize) -> u32 {
    100 - u32::try_from(idx).unwrap_or(100).min(100)
}

impl SimNode {
    /// Who comes first of those that this node knows to be live, itself too; without the index.
    fn first_by_hand(&self) -> NodeId {
        let is_live = |node: &&NodeId| {
            let state = self.membership.state(node);
            matches!(state, Some(MemberState::Alive | MemberState::Suspect))
        };
        let others = self.known.keys().filter(is_live);
        let first = others
            .chain([&self.name])
            .min_by_key(|node| (priority(crate::node::index_of(node)), (*node).clone()));
        first.unwrap_or(&self.name).clone()
    }

    /// Who serves the role, as the index says.
    fn sole(&self) -> Vec<NodeId> {
        let role = SOLE.parse().expect("a role of the simulation");
        let serving = self.index.serving(&role).iter();
        serving
            .map(|endpoint| endpoint.address.node.clone())
            .collect()
    }
}

impl World {
    /// A node takes a packet: not for a role that it should stand by for.
    pub(crate) fn check_taken(&mut self, idx: usize, packet: &Packet) {
        let is_sole = packet
            .role
            .as_ref()
            .is_some_and(|role| role.as_str() == SOLE);
        let node = &self.nodes[idx];
        if is_sole && (node.newcomer.waits() || node.first_by_hand() != node.name) {
            let wrong = Violation::StoodBy(packet.id, packet.target.clone());
            self.ledger.violations.push(wrong);
        }
    }

    /// Who does not see the one that is to serve as the only one.
    pub(crate) fn disagreement(&self) -> Option<String> {
        let first = name(self.nodes.len() - 1);
        let wrong = self
            .nodes
            .iter()
            .find(|node| node.sole() != [first.clone()])?;
        let found = wrong.sole();
        Some(format!(
            "{} sees {found:?} serve {SOLE}, not {first}",
            wrong.name
        ))
    }
}
