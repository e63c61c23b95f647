//! Sealed packets that came over a connection: for this node, or to be passed on.

use skep_packet::{
    Batch, Frame, Kind, Lane, NodeId, Refusal, WirePacket, decode, limits::PACKET_BYTES_MAX,
};
use skep_swarm::{delivery, ways};

use super::Switch;
use crate::metrics::Reason;

impl Switch {
    /// Opens a batch that `peer` sent, or passed on.
    pub(super) fn batch(&mut self, peer: &NodeId, batch: &Batch) {
        let now = self.now();
        let Some(seat) = &mut self.seat else { return };
        let opened = match seat.opener.open(batch, &seat.keyring, now.unix_ms) {
            Ok(opened) => opened,
            Err(reason) => {
                tracing::warn!(reason = reason.name(), "batch refused");
                return self.metrics.refused(reason);
            }
        };
        let Some(from) = opened.signer.passport.node().cloned() else {
            return;
        };
        self.view
            .set_clock(&from, batch.statement.issued_at_ms, now.unix_ms);
        // A copy of what came before says nothing about who passes on what is new.
        let is_new = opened.packets.iter().any(Result::is_ok);
        if is_new && from != *peer && !self.membership.is_banned(&from) {
            self.ways.handle(ways::Input::Heard {
                node: from.clone(),
                boot: opened.boot,
                through: peer.clone(),
            });
        }
        let mut refused = Vec::new();
        for packet in opened.packets {
            match packet {
                Ok(wire) if wire.packet.kind == Kind::Answers => {
                    self.sealed_answer(from.clone(), peer, &wire);
                }
                Ok(wire) => {
                    self.metrics.packets_received.inc();
                    let (from, boot) = (from.clone(), opened.boot);
                    self.delivery
                        .handle(now, delivery::Input::Received { from, boot, wire });
                }
                Err(packet) => {
                    self.metrics.refused(packet.reason);
                    refused.push(packet);
                }
            }
        }
        if !refused.is_empty() {
            let input = delivery::Input::Reject {
                from,
                boot: opened.boot,
                packets: refused,
            };
            self.delivery.handle(now, input);
        }
    }

    /// What another node itself says, where a third one passed it on.
    fn sealed_answer(&mut self, from: NodeId, peer: &NodeId, wire: &WirePacket) {
        match decode(&wire.packet.content, PACKET_BYTES_MAX) {
            Ok(frame @ (Frame::Ack(_) | Frame::Settled(_) | Frame::Refused { .. })) => {
                self.answered(from, peer, frame);
            }
            Ok(frame @ (Frame::Renew | Frame::Renewed { .. })) => self.about_papers(from, frame),
            _ => self.metrics.refused(Refusal::Malformed),
        }
    }

    /// Hands on what only this node's links answer. At their bound it is dropped: a node that wants
    /// papers asks again.
    fn about_papers(&self, from: NodeId, frame: Frame) {
        let Some(seat) = &self.seat else { return };
        if seat.papers.try_send((from, frame)).is_err() {
            tracing::debug!("the links are busy: a word about papers was dropped");
        }
    }

    /// What became of packets of this node at `from`; `peer` is who said it, or passed it on.
    pub(super) fn answered(&mut self, from: NodeId, peer: &NodeId, frame: Frame) {
        let input = match frame {
            Frame::Ack(ack) => {
                if ack.lane == Lane::Bulk
                    && let Some(seat) = &self.seat
                {
                    // Delivery keeps its own count of what is on its way on this lane.
                    seat.mesh.release_bulk(peer, usize::MAX);
                }
                delivery::Input::Ack { from, ack }
            }
            Frame::Settled(settled) => delivery::Input::Settled { from, settled },
            Frame::Refused {
                boot,
                sender_boot,
                packets,
            } => delivery::Input::Refused {
                from,
                boot,
                sender_boot,
                packets,
            },
            _ => return,
        };
        self.delivery.handle(self.now(), input);
    }

    /// Passes on what a peer sealed for another one, unread, over this node's own connection to it
    /// or not at all: so nothing goes more than one hop, and nothing goes round.
    pub(super) fn relay(&mut self, from: &NodeId, lane: Lane, to: &NodeId, batch: Batch) {
        let Some(seat) = &self.seat else { return };
        if *to == self.me.node || to == from {
            return self.metrics.refused(Refusal::Malformed);
        }
        let n_bytes = match seat.mesh.relay(to, lane, &Frame::Batch(batch)) {
            Ok(n_bytes) => n_bytes as u64,
            Err(error) => {
                tracing::debug!(%from, %to, %error, "not passed on");
                let is_away = matches!(error, skep_mesh::SendError::NotConnected);
                let reason = if is_away { "not_connected" } else { "full" };
                let reason = Reason { reason };
                self.metrics.relays_dropped.get_or_create(&reason).inc();
                // Its sender sends it again. Whoever has a hub of its own is not reached from here.
                if is_away && self.ways.to_dial(to) == to {
                    self.dial(to);
                }
                return;
            }
        };
        self.metrics.relayed_bytes.inc_by(n_bytes);
    }

    pub(super) fn way_output(&mut self, output: ways::Output) {
        let now = self.now();
        match output {
            ways::Output::Up { node, boot, way } => {
                tracing::debug!(%node, ?way, "node can be reached");
                let relayed = way != ways::Way::Direct;
                let input = delivery::Input::PeerUp {
                    node,
                    boot,
                    relayed,
                };
                self.delivery.handle(now, input);
            }
            ways::Output::Down { node } => {
                self.delivery
                    .handle(now, delivery::Input::PeerDown { node });
            }
            ways::Output::Hub(hub) => {
                tracing::info!(?hub, "this node is reached through its hub");
                self.members.own.hub = hub;
                self.own_changed();
            }
        }
    }
}
