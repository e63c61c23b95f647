//! Who is in the swarm and what each node offers: descriptors in, descriptors out.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use skep_identity::{Purpose, open_object};
use skep_packet::{
    AgentCard, AgentName, Descriptor, Frame, Lane, MemberState, NodeId, Refusal, RolePattern,
    Signed, encode, limits::FRAME_BYTES_MAX,
};
use skep_swarm::{
    asks::{AskInput, AskedEndpoint},
    delivery, membership,
    roles::{NodeEntry, RoleIndex},
    ways,
};

use super::{Switch, seat::Seat};
use crate::{
    signer::What,
    store::{Op, Table},
};

/// Descriptors that one frame carries at most; the rest is asked for again.
const DESCRIPTORS_PER_FRAME_MAX: usize = 16;

/// What is known of the swarm's nodes.
pub(super) struct Members {
    /// This node's own descriptor, as it is now.
    pub(super) own: Descriptor,
    own_signed: Option<Signed>,
    others: BTreeMap<NodeId, Known>,
    /// Where enrolled nodes were last known to listen.
    pub(super) addresses: BTreeMap<NodeId, Vec<SocketAddr>>,
}

/// Another node's descriptor, as it came and as it reads.
struct Known {
    descriptor: Arc<Descriptor>,
    signed: Signed,
    passport: Signed,
}

impl Members {
    pub(super) fn new(own: Descriptor) -> Self {
        Self {
            own,
            own_signed: None,
            others: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }

    pub(super) fn card(&self, agent: &AgentName) -> Option<&AgentCard> {
        self.own.agents.iter().find(|card| card.agent == *agent)
    }

    /// Forgets a node.
    pub(super) fn forget(&mut self, node: &NodeId) {
        self.others.remove(node);
        self.addresses.remove(node);
    }

    pub(super) fn change_card(&mut self, agent: &AgentName, change: impl FnOnce(&mut AgentCard)) {
        if let Some(card) = self.own.agents.iter_mut().find(|card| card.agent == *agent) {
            change(card);
        }
    }
}

impl Switch {
    /// Publishes this node's roles as they are before any agent is up.
    pub(super) fn announce_roles(&mut self) {
        self.own_changed();
        self.carry_out();
    }

    /// This node's descriptor changed: local senders see it at once, the swarm when it is signed.
    pub(super) fn own_changed(&mut self) {
        let own = &mut self.members.own;
        own.version = (own.version + 1).max(self.clock.now().unix_ms);
        let everything: Vec<RolePattern> = "*".parse().into_iter().collect();
        // Roles that the passport does not cover still serve this node.
        let entry = NodeEntry::new(own, &everything, true);
        let entry = match self.newcomer.waits() {
            true => entry.waiting(),
            false => entry,
        };
        self.set_index(self.roles.load().with(entry));
        self.view.set_own(self.members.own.clone());
        self.sign_descriptor();
    }

    /// Has the descriptor signed, once the node has keys.
    pub(super) fn sign_descriptor(&mut self) {
        let Some(seat) = &self.seat else { return };
        let own = &self.members.own;
        if !seat.signer.sign(What::Descriptor(own.version), encode(own)) {
            tracing::warn!("the signer is busy: the swarm learns of a change later");
        }
    }

    /// The descriptor is signed: tell the swarm, unless a newer one is on its way.
    pub(super) fn descriptor_signed(&mut self, version: u64, signed: Signed) {
        if version != self.members.own.version {
            return self.sign_descriptor();
        }
        self.members.own_signed = Some(signed);
        self.membership
            .handle(self.now(), membership::Input::OwnVersion(version));
    }

    pub(super) fn set_index(&mut self, index: RoleIndex) {
        let index = Arc::new(index);
        self.roles.store(index.clone());
        self.delivery
            .handle(self.now(), delivery::Input::Roles(index));
    }

    /// Answers a node that wants descriptors, as far as they are known here.
    pub(super) fn wanted(&mut self, from: &NodeId, nodes: &[NodeId]) {
        let Some(seat) = &self.seat else { return };
        let own_passport = &seat.identity.credentials.passport;
        let mut found = Vec::new();
        for node in nodes.iter().take(DESCRIPTORS_PER_FRAME_MAX) {
            if *node == self.me.node {
                let signed = self.members.own_signed.iter().cloned();
                found.extend(signed.map(|signed| (signed, own_passport.clone())));
            } else if let Some(known) = self.members.others.get(node) {
                found.push((known.signed.clone(), known.passport.clone()));
            }
        }
        if !found.is_empty() {
            self.send_frame(from, Lane::Control, Frame::Descriptors(found));
        }
    }

    /// Takes in descriptors that somebody passed on; each is believed for its own signature only.
    pub(super) fn descriptors(&mut self, found: Vec<(Signed, Signed)>) {
        for (signed, passport) in found.into_iter().take(DESCRIPTORS_PER_FRAME_MAX) {
            if let Err(reason) = self.descriptor(signed, passport) {
                self.metrics.refused(reason);
                tracing::debug!(reason = reason.name(), "descriptor refused");
            }
        }
    }

    fn descriptor(&mut self, signed: Signed, passport: Signed) -> Result<(), Refusal> {
        let now = self.now();
        let Some(seat) = &mut self.seat else {
            return Ok(());
        };
        let peer = seat.keyring.admit(&passport, now.unix_ms)?;
        let key = &peer.passport.public_key;
        let descriptor: Descriptor =
            open_object(Purpose::Descriptor, &signed, key, FRAME_BYTES_MAX)?;
        if descriptor.swarm != self.me.swarm {
            return Err(Refusal::WrongSwarm);
        }
        if peer.passport.node() != Some(&descriptor.node) || descriptor.node == self.me.node {
            return Err(Refusal::WrongSigner);
        }
        let node = descriptor.node.clone();
        let newer = |known: &Known| known.descriptor.version >= descriptor.version;
        if self.members.others.get(&node).is_some_and(newer) {
            return Ok(());
        }
        self.learn_address(&node, &descriptor.addresses, &passport);
        if descriptor.addresses.is_empty() {
            self.unlearn_address(&node, &passport);
        }
        let descriptor = Arc::new(descriptor);
        let known = Known {
            descriptor: descriptor.clone(),
            signed,
            passport,
        };
        self.members.others.insert(node.clone(), known);
        self.publish_keyring();
        self.index_other(&node);
        self.held(&descriptor);
        self.tell_asks_of(&descriptor);
        self.view
            .set_other(descriptor, self.membership.state(&node));
        Ok(())
    }

    /// Agents of a node that were started anew will not answer what their former start was asked.
    fn tell_asks_of(&mut self, descriptor: &Descriptor) {
        let now = self.now();
        let (node, boot) = (descriptor.node.clone(), descriptor.boot);
        self.asks
            .handle(now, AskInput::NodeBoot(node.clone(), boot));
        for card in &descriptor.agents {
            let address = skep_packet::Address::new(card.agent.clone(), node.clone());
            let input = if card.health.serves() {
                AskInput::AgentAt(AskedEndpoint {
                    address,
                    boot,
                    agent_incarnation: card.incarnation,
                })
            } else {
                AskInput::AgentGone(address)
            };
            self.asks.handle(now, input);
        }
    }

    /// Puts a node's roles into the index, as far as its passport covers them.
    fn index_other(&mut self, node: &NodeId) {
        let Some(known) = self.members.others.get(node) else {
            return;
        };
        let state = self.membership.state(node);
        let alive = matches!(state, Some(MemberState::Alive | MemberState::Suspect));
        let peer = self.seat.as_ref().and_then(|seat| seat.keyring.node(node));
        let serves = match peer.map(|peer| &peer.passport.holder) {
            Some(skep_identity::Holder::Node { serves, .. }) => serves.as_slice(),
            _ => &[],
        };
        let entry = NodeEntry::new(&known.descriptor, serves, alive);
        self.set_index(self.roles.load().with(entry));
    }

    pub(super) fn member_changed(&mut self, node: &NodeId, state: MemberState) {
        tracing::info!(%node, ?state, "member's state changed");
        if self.membership.is_banned(node) {
            return;
        }
        let now = self.now();
        if let Some(known) = self.members.others.get(node) {
            self.held(&known.descriptor.clone());
        }
        self.index_other(node);
        self.view.set_state(node, state);
        if matches!(state, MemberState::Dead | MemberState::Left) {
            self.asks.handle(now, AskInput::NodeDead(node.clone()));
        }
    }

    /// This node holds what another one tells of itself: how new it is, and how to reach it.
    fn held(&mut self, descriptor: &Descriptor) {
        let (node, hub) = (descriptor.node.clone(), descriptor.hub.clone());
        let input = membership::Input::Held {
            node: node.clone(),
            version: descriptor.version,
            hub: hub.clone(),
        };
        self.membership.handle(self.now(), input);
        let state = self.membership.state(&node);
        self.ways.handle(match state {
            Some(MemberState::Alive | MemberState::Suspect) => ways::Input::Told {
                node,
                boot: descriptor.boot,
                listens: !descriptor.addresses.is_empty(),
                hub,
            },
            _ => ways::Input::Gone { node },
        });
    }

    /// A node that listened before only dials out now.
    fn unlearn_address(&mut self, node: &NodeId, passport: &Signed) {
        if self.members.addresses.remove(node).is_none() {
            return;
        }
        let row = encode(&(Vec::<SocketAddr>::new(), passport));
        let key = node.as_str().as_bytes().to_vec();
        self.commits.later([Op::Put(Table::Peers, key, row)]);
        self.tell_enrolled();
    }

    /// Remembers where a node listens, over restarts too.
    pub(super) fn learn_address(
        &mut self,
        node: &NodeId,
        addresses: &[SocketAddr],
        passport: &Signed,
    ) {
        let known = self
            .members
            .addresses
            .get(node)
            .is_some_and(|known| known == addresses);
        if known || addresses.is_empty() {
            return;
        }
        self.members
            .addresses
            .insert(node.clone(), addresses.to_vec());
        let row = encode(&(addresses, passport));
        self.commits.later([Op::Put(
            Table::Peers,
            node.as_str().as_bytes().to_vec(),
            row,
        )]);
        self.tell_enrolled();
    }

    /// Tells membership whom it may dial.
    pub(super) fn tell_enrolled(&mut self) {
        let now = self.now();
        let Some(seat) = &self.seat else { return };
        let counts = |node: &&NodeId| {
            seat.keyring.node(node).is_none_or(|peer| {
                seat.keyring
                    .signer(peer.passport.key_id(), now.unix_ms)
                    .is_ok()
            })
        };
        let nodes = self
            .members
            .addresses
            .keys()
            .filter(counts)
            .cloned()
            .collect();
        self.membership
            .handle(now, membership::Input::Enrolled(nodes));
    }
}

impl Seat {
    /// Where this node can be reached, for its descriptor.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.listen.clone()
    }
}
