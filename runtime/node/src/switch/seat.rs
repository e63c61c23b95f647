//! The node's seat in the swarm: its keys, its seals and its connections.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use skep_identity::{Identity, Keyring, Opener, Sealer};
use skep_mesh::{CloseReason, DownReason, Mesh, MeshEvent};
use skep_packet::{Frame, Hello, Lane, NodeId, Refusal, Signed, WirePacket, encode_into};
use skep_swarm::{
    asks::AskInput,
    delivery, membership,
    ways::{self, Way, Ways},
};
use tokio::sync::{mpsc, oneshot};

use super::Switch;
use crate::signer::{SignResult, Signer, What};

/// The node's seat in the swarm; there once its keys are made.
pub(crate) struct Seat {
    pub(crate) identity: Identity,
    pub(crate) keyring: Keyring,
    /// The keyring as others read it: the mesh's gate, the door.
    pub(crate) shared_keyring: Arc<ArcSwap<Keyring>>,
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
    pub(crate) signer: Signer,
    pub(crate) mesh: Mesh,
    /// What came about papers by way of a third node, and from whom.
    pub(crate) papers: mpsc::Sender<(NodeId, Frame)>,
    /// Where other nodes reach this one.
    pub(crate) listen: Vec<SocketAddr>,
    /// Whether nobody can connect to this node.
    pub(crate) dials_only: bool,
    /// Whether this home holds the authority.
    pub(crate) issues: bool,
    /// Enrolled nodes that are known from before, or were told by whoever let this one in.
    pub(crate) known: Vec<KnownNode>,
}

/// An enrolled node: its name, where it listens, its passport if it is known.
pub(crate) type KnownNode = (NodeId, Vec<SocketAddr>, Option<Signed>);

/// What the seat's threads and tasks tell the switch.
pub(crate) enum SeatInput {
    /// The keys are made and the mesh listens.
    Taken(Box<Seat>),
    /// Something happened on a connection.
    Mesh(MeshEvent),
    /// The signer is done.
    Signed(SignResult),
    /// Revocations that were made on this host.
    Revocations(Vec<Signed>),
    /// This node has new papers for its key.
    Renewed(Box<Identity>),
    /// The links have something to say to another node.
    Say(Say),
    /// The swarm has a new authority; it was written down. `from` is the peer that told it.
    Followed {
        from: Option<NodeId>,
        told: Vec<Signed>,
    },
    /// The time of an older authority is over.
    OverlapEnded,
}

/// What this node itself says to another one, over whatever way there is.
pub(crate) struct Say {
    pub(crate) to: NodeId,
    pub(crate) frame: Frame,
    /// Told whether there was a way; where there was none, one is looked for.
    pub(crate) said: oneshot::Sender<bool>,
}

impl Seat {
    pub(super) fn next_wake(&self) -> Option<u64> {
        self.sealer.next_wake()
    }
}

impl Switch {
    pub(super) fn seat_input(&mut self, input: SeatInput) {
        match input {
            SeatInput::Taken(seat) => self.take_seat(*seat),
            SeatInput::Mesh(event) => self.mesh_event(event),
            SeatInput::Signed(result) => self.signed(result),
            SeatInput::Revocations(signed) => self.revocations(None, &signed),
            SeatInput::Renewed(identity) => self.renewed(*identity),
            SeatInput::Say(say) => self.say(say),
            SeatInput::Followed { from, told } => self.followed(from.as_ref(), &told),
            SeatInput::OverlapEnded => self.overlap_ended(),
        }
    }

    fn say(&mut self, Say { to, frame, said }: Say) {
        let is_reached = self.ways.way(&to).is_some();
        if is_reached {
            let frame = Box::new(frame);
            let say = delivery::Input::Say { to, frame };
            self.delivery.handle(self.now(), say);
        } else {
            self.dial(&to);
        }
        if said.send(is_reached).is_err() {
            tracing::debug!("the links no longer wait");
        }
    }

    fn take_seat(&mut self, mut seat: Seat) {
        let known = std::mem::take(&mut seat.known);
        let now = self.now();
        for (node, addresses, passport) in known {
            if let Some(passport) = passport
                && let Err(reason) = seat.keyring.admit(&passport, now.unix_ms)
            {
                tracing::info!(%node, reason = reason.name(), "an enrolled node's papers ended");
                // It may have new ones by now: those that are kept are the first that were seen.
                if reason == Refusal::RevokedSigner {
                    continue;
                }
            }
            // Of one that is known by its address alone a revocation tells.
            if seat.keyring.is_shut_out(&node) {
                tracing::info!(%node, "enrolled node was revoked");
                continue;
            }
            if !addresses.is_empty() {
                self.members.addresses.insert(node, addresses);
            }
        }
        self.ways = Ways::new(self.me.node.clone(), seat.dials_only);
        self.members.own.addresses = seat.addresses();
        self.members.own.issues = seat.issues;
        self.members.own.labels = match &seat.identity.passport.holder {
            skep_identity::Holder::Node { labels, .. } => labels.clone(),
            _ => std::collections::BTreeMap::new(),
        };
        self.seat = Some(seat);
        self.publish_keyring();
        self.tell_enrolled();
        self.newcomer.listens(now);
        self.own_changed();
    }

    pub(super) fn publish_keyring(&self) {
        if let Some(seat) = &self.seat {
            seat.shared_keyring.store(Arc::new(seat.keyring.clone()));
        }
    }

    fn mesh_event(&mut self, event: MeshEvent) {
        match event {
            MeshEvent::Up {
                peer,
                hello,
                remote,
                ..
            } => {
                tracing::info!(node = %peer, %remote, "connected");
                self.view.set_left_behind(None);
                self.peer_up(&peer, &hello);
            }
            MeshEvent::Down { peer, reason, .. } => {
                tracing::info!(node = %peer, ?reason, "disconnected");
                if reason == DownReason::ByPeer(CloseReason::Revoked) {
                    tracing::error!(node = %peer, "this node was revoked: join again with a new invitation, in another --home");
                }
                self.metrics.peers_connected.dec();
                let now = self.now();
                self.membership
                    .handle(now, membership::Input::PeerDown { node: peer.clone() });
                self.ways.handle(ways::Input::LinkDown { node: peer });
            }
            MeshEvent::Frame { peer, lane, frame } => self.frame(peer, lane, frame),
            MeshEvent::BadFrame { peer, refusal, .. } => {
                self.metrics.refused(refusal);
                tracing::warn!(node = %peer, reason = refusal.name(), "frame refused");
            }
            MeshEvent::Refused {
                remote,
                node,
                refusal,
            } => {
                self.metrics.refused(refusal);
                tracing::warn!(%remote, ?node, reason = refusal.name(), "connection refused");
            }
            MeshEvent::DialFailed {
                peer,
                attempts,
                is_stranger,
                error,
            } => {
                if is_stranger && attempts == 1 {
                    self.stranger(&peer);
                }
                tracing::debug!(node = %peer, attempts, error, "node could not be reached");
            }
            _ => {}
        }
    }

    fn peer_up(&mut self, peer: &NodeId, hello: &Hello) {
        let now = self.now();
        self.metrics.peers_connected.inc();
        if let Some(seat) = &mut self.seat
            && let Err(reason) = seat.keyring.admit(&hello.passport, now.unix_ms)
        {
            self.metrics.refused(reason);
            return;
        }
        self.publish_keyring();
        self.learn_address(peer, &hello.listen, &hello.passport);
        let (node, boot) = (peer.clone(), hello.boot);
        self.asks
            .handle(now, AskInput::NodeBoot(node.clone(), boot));
        self.ways.handle(ways::Input::LinkUp {
            node: node.clone(),
            boot,
            listens: !hello.listen.is_empty(),
        });
        self.membership
            .handle(now, membership::Input::PeerUp { node, boot });
        self.tell_revocations(peer);
    }

    fn frame(&mut self, peer: NodeId, lane: Lane, frame: Frame) {
        let now = self.now();
        match frame {
            Frame::Swim(swim) => {
                self.membership
                    .handle(now, membership::Input::Swim { from: peer, swim });
            }
            Frame::Versions { versions, answer } => {
                let input = membership::Input::Versions {
                    from: peer,
                    versions,
                    answer,
                };
                self.membership.handle(now, input);
            }
            Frame::Goodbye => {
                self.membership
                    .handle(now, membership::Input::Goodbye { from: peer });
            }
            Frame::Want(nodes) => self.wanted(&peer, &nodes),
            Frame::Descriptors(found) => self.descriptors(found),
            Frame::Batch(batch) => self.batch(&peer, &batch),
            Frame::Relay { to, batch } => self.relay(&peer, lane, &to, *batch),
            Frame::Ack(_) | Frame::Settled(_) | Frame::Refused { .. } => {
                self.answered(peer.clone(), &peer, frame);
            }
            Frame::Revocations(signed) => self.revocations(Some(&peer), &signed),
            // The links answer these themselves.
            Frame::Hello(_) | Frame::Renew | Frame::Renewed { .. } | Frame::Successions(_) => {
                tracing::debug!(node = %peer, ?lane, "frame without a use here");
            }
        }
    }

    /// Queues a packet for the next signature. At the sealer's bound it is dropped: delivery tries
    /// again what must arrive.
    pub(super) fn transmit(&mut self, to: &NodeId, wire: &WirePacket) {
        let Some(seat) = &mut self.seat else { return };
        self.scratch.clear();
        encode_into(&mut self.scratch, wire);
        if let Err(error) = seat.sealer.push(to, wire.packet.lane, &self.scratch) {
            tracing::debug!(node = %to, %error, "packet not sealed");
        }
    }

    /// Has the next batch signed, if one may be.
    pub(super) fn seal(&mut self) {
        let now = self.now();
        let Some(seat) = &mut self.seat else { return };
        if let Some(job) = seat.sealer.poll(now)
            && !seat.signer.sign(What::Batch(job.id), job.statement)
        {
            tracing::error!("the signer does not take a batch: its packets are sent again later");
        }
    }

    fn signed(&mut self, result: SignResult) {
        let SignResult {
            what,
            bytes,
            signature,
        } = result;
        let signature = match signature {
            Ok(signature) => signature,
            Err(error) => return tracing::error!(%error, "a signature could not be made"),
        };
        let now = self.now();
        let Some(seat) = &mut self.seat else { return };
        match what {
            What::Batch(id) => {
                self.metrics.batches_signed.inc();
                for (to, batch) in seat.sealer.signed(now, id, &signature) {
                    let n_packets = batch.packets.len();
                    let lane = batch.lane;
                    let (next, frame) = match self.ways.way(&to) {
                        Some(Way::Through(relay)) => {
                            let batch = Box::new(batch);
                            (relay.clone(), Frame::Relay { to, batch })
                        }
                        _ => (to, Frame::Batch(batch)),
                    };
                    match seat.mesh.send(&next, lane, &frame) {
                        Ok(_) => drop(self.metrics.packets_sent.inc_by(n_packets as u64)),
                        Err(error) => tracing::debug!(node = %next, %error, "batch not sent"),
                    }
                }
            }
            What::Descriptor(version) => {
                let signer = seat.identity.key.id();
                self.descriptor_signed(
                    version,
                    Signed {
                        signer,
                        body: bytes,
                        signature,
                    },
                );
            }
        }
    }

    /// Sends a frame where a connection is up; else it is dropped, and whoever wants it asks again.
    pub(super) fn send_frame(&mut self, to: &NodeId, lane: Lane, frame: Frame) {
        let Some(seat) = &self.seat else { return };
        match seat.mesh.send(to, lane, &frame) {
            Ok(_) => {}
            Err(skep_mesh::SendError::NotConnected) => self.dial(to),
            Err(error) => tracing::debug!(node = %to, %error, "frame not sent"),
        }
    }

    /// Connects to a node whose address is known, or to the hub of one that has none.
    pub(super) fn dial(&mut self, node: &NodeId) {
        let Some(seat) = &self.seat else { return };
        let node = self.ways.to_dial(node);
        let Some(addresses) = self.members.addresses.get(node) else {
            return;
        };
        if let Err(error) = seat.mesh.connect(node, addresses) {
            tracing::debug!(%node, %error, "node not dialled");
        }
    }
}
