//! Whom this node no longer believes, which authority it believes, and its own renewed papers.

use skep_identity::{Identity, Revoked};
use skep_mesh::CloseReason;
use skep_packet::{Frame, Lane, NodeId, Signed, encode};
use skep_swarm::{asks::AskInput, membership, ways};

use super::Switch;
use crate::store::{Op, Table};

/// Revocations that one frame carries at most: about 100 KiB.
const REVOCATIONS_PER_FRAME_MAX: usize = 128;

impl Switch {
    /// Takes in revocations, each believed for the authority's signature only, and passes on what
    /// was new here. `from` is the peer that told them; none for this host's own.
    pub(super) fn revocations(&mut self, from: Option<&NodeId>, told: &[Signed]) {
        let (mut news, now_ms) = (Vec::new(), self.now().unix_ms);
        for signed in told.iter().take(REVOCATIONS_PER_FRAME_MAX) {
            let Some(seat) = &mut self.seat else { return };
            match seat.keyring.revoke(signed, now_ms) {
                Ok(Some(revoked)) => {
                    self.revoked(&revoked, signed);
                    news.push(signed.clone());
                }
                Ok(None) => {}
                Err(reason) => {
                    self.metrics.refused(reason);
                    tracing::warn!(reason = reason.name(), "revocation refused");
                }
            }
        }
        if news.is_empty() {
            return;
        }
        self.publish_keyring();
        self.tell_enrolled();
        let peers = self.seat.as_ref().map(|seat| seat.mesh.peers());
        for peer in peers.unwrap_or_default() {
            if from != Some(&peer) {
                self.send_frame(&peer, Lane::Control, Frame::Revocations(news.clone()));
            }
        }
    }

    /// A key no longer counts: it is written down, and its node is cut.
    fn revoked(&mut self, revoked: &Revoked, signed: &Signed) {
        let now = self.now();
        tracing::warn!(holder = %revoked.revocation.who, "a key was revoked");
        self.metrics.revocations.inc();
        let key = revoked.revocation.key.0.to_vec();
        self.commits
            .later([Op::Put(Table::Revocations, key, encode(signed))]);
        let Some(node) = &revoked.node else { return };
        self.membership
            .handle(now, membership::Input::Banned { node: node.clone() });
        self.asks.handle(now, AskInput::NodeDead(node.clone()));
        if let Some(seat) = &self.seat {
            seat.mesh.close(node, CloseReason::Revoked);
        }
        self.members.forget(node);
        self.ways.handle(ways::Input::Gone { node: node.clone() });
        self.set_index(self.roles.load().without(node));
        self.view.forget(node);
        let row = node.as_str().as_bytes().to_vec();
        self.commits.later([Op::Delete(Table::Peers, row)]);
    }

    /// Tells a peer that just connected all that was ever taken back.
    pub(super) fn tell_revocations(&mut self, peer: &NodeId) {
        let Some(seat) = &self.seat else { return };
        let now_ms = self.clock.now().unix_ms;
        let all: Vec<Signed> = seat.keyring.revocations(now_ms).cloned().collect();
        for part in all.chunks(REVOCATIONS_PER_FRAME_MAX) {
            self.send_frame(peer, Lane::Control, Frame::Revocations(part.to_vec()));
        }
    }

    /// The swarm has a new authority: papers of it are believed from now on, and everyone who is
    /// connected hears of it. Who connects later hears of it in the hello.
    pub(super) fn followed(&mut self, from: Option<&NodeId>, told: &[Signed]) {
        let now_ms = self.now().unix_ms;
        let Some(seat) = &mut self.seat else { return };
        for signed in told {
            if let Err(reason) = seat.keyring.follow(signed, now_ms) {
                tracing::warn!(reason = reason.name(), "succession refused");
            }
        }
        let peers = seat.mesh.peers();
        self.publish_keyring();
        for peer in peers.iter().filter(|peer| from != Some(*peer)) {
            let frame = Frame::Successions(told.to_vec());
            self.send_frame(peer, Lane::Control, frame);
        }
    }

    /// An older authority no longer counts: peers that have no papers of a newer one are cut.
    pub(super) fn overlap_ended(&mut self) {
        let now_ms = self.now().unix_ms;
        let Some(seat) = &self.seat else { return };
        let counts = |node: &NodeId| {
            let peer = seat.keyring.node(node);
            peer.is_some_and(|peer| seat.keyring.signer(peer.passport.key_id(), now_ms).is_ok())
        };
        for node in seat.mesh.peers().iter().filter(|node| !counts(node)) {
            tracing::warn!(%node, "its papers no longer count");
            seat.mesh.close(node, CloseReason::Refused);
        }
        self.tell_enrolled();
    }

    /// A node that was dialled has papers of an authority that is not known here. If it is the only
    /// one there is, this node was away while the authority was replaced.
    pub(super) fn stranger(&self, node: &NodeId) {
        let is_alone = self
            .seat
            .as_ref()
            .is_none_or(|seat| seat.mesh.peers().is_empty());
        if !is_alone {
            return tracing::warn!(%node, "it has papers of an authority that is not known here: it may have to join again");
        }
        let text = format!(
            "{node} has papers of an authority that this node does not know: if the authority was \
             replaced while this node was away, run `skep invite` where it is, and the \
             `skep join` line here"
        );
        tracing::error!("{text}");
        self.view.set_left_behind(Some(text));
    }

    /// This node has new papers: new connections show them, and the swarm gets them with the next
    /// descriptor.
    pub(super) fn renewed(&mut self, identity: Identity) {
        let Some(seat) = &mut self.seat else { return };
        if let Err(error) = seat.mesh.set_credentials(&identity.credentials) {
            return tracing::error!(%error, "renewed papers are not usable");
        }
        seat.identity = identity;
        self.own_changed();
    }
}
