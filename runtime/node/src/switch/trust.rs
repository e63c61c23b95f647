//! Whom this node no longer believes, and its own renewed papers.

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
        let mut news = Vec::new();
        for signed in told.iter().take(REVOCATIONS_PER_FRAME_MAX) {
            let Some(seat) = &mut self.seat else { return };
            match seat.keyring.revoke(signed) {
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
        let all: Vec<Signed> = seat.keyring.revocations().cloned().collect();
        for part in all.chunks(REVOCATIONS_PER_FRAME_MAX) {
            self.send_frame(peer, Lane::Control, Frame::Revocations(part.to_vec()));
        }
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
