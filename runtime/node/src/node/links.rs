//! The node's way into the swarm: keys, socket, and what comes over it.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use arc_swap::ArcSwap;
use skep_identity::{Identity, Keyring, Lineage, Opener, PeerHint, Renewal, Sealer};
use skep_mesh::{Mesh, MeshConfig, MeshError, MeshEvent, MeshEvents};
use skep_packet::{Frame, Hello, NodeId, Refusal, Signed, decode, limits::PACKET_BYTES_MAX};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

use super::{Ending, SWARM_PORT, boot::Base, outward, succession};
use crate::{
    door::{Keys, NodeDoor},
    signer::Signer,
    store::Table,
    switch::{Input, KnownNode, Seat, SeatInput},
};

/// Words about papers that may wait, which came by way of a third node; at the bound a further one
/// is dropped, and whoever wants papers asks again.
const PAPERS_QUEUE_MAX: usize = 16;

/// The node's way into the swarm.
pub(super) struct Links {
    pub(super) base: Base,
    pub(super) stop: CancellationToken,
    /// Says where the node listens, when it does.
    pub(super) bound: watch::Sender<Option<SocketAddr>>,
}

impl Links {
    /// Makes or reads the keys, listens, takes the seat, and passes on what comes.
    pub(super) async fn open(self) {
        if let Err(error) = self.run().await {
            tracing::error!(error, "the node cannot join its swarm");
        }
    }

    async fn run(self) -> Result<(), String> {
        let stop = self.stop.clone();
        let Some(identity) = stop.run_until_cancelled(self.make_keys()).await else {
            return Ok(());
        };
        let identity = match identity {
            Ok(identity) => identity,
            Err(error) => return Err(self.give_up(error).await),
        };
        let keyring = self.keyring(&identity)?;
        let known = self.known()?;
        let dials_only = self.dials_only(&known);
        let (mesh, events) = match self.bind(&identity, &keyring, dials_only) {
            Ok(bound) => bound,
            Err(error) => return Err(self.give_up(error).await),
        };
        let address = mesh.local_addr().ok_or("the socket has no address")?;
        let told = match dials_only {
            true => Vec::new(),
            false => outward(address),
        };
        mesh.set_announce(told.clone());
        let chosen = self.base.config.listen.is_some();
        NodeDoor::change_listening(&self.base.config.home, &self.base.listening, |listening| {
            listening.swarm = Some((address, chosen));
            listening.dials_only = dials_only;
        });
        tracing::info!(%address, dials_only, node = %self.base.me.node, swarm = %self.base.me.swarm, "listening");
        let lineage = keyring.lineage().clone();
        let mut renewal = Renewal::new(&identity.passport);
        if self.is_outdated(&lineage) {
            renewal.ask_now();
        }
        self.check_own(&lineage);
        let (passed_on, papers) = mpsc::channel(PAPERS_QUEUE_MAX);
        let mut seat = self.seat(identity, keyring, mesh.clone(), told, dials_only, passed_on)?;
        seat.known = known;
        self.base
            .switch
            .tell(Input::Seat(SeatInput::Taken(Box::new(seat))))
            .await;
        self.bound.send_replace(Some(address));
        let stop = self.stop.clone();
        if stop
            .run_until_cancelled(self.pass_on(events, papers, &mesh, renewal, lineage))
            .await
            .is_none()
        {
            tracing::debug!("leaving");
        }
        mesh.shutdown().await;
        Ok(())
    }

    async fn give_up(&self, error: String) -> String {
        let ending = Ending::Links(error.clone());
        if self.base.fatal.send(ending).await.is_err() {
            tracing::debug!("the node is stopping already");
        }
        error
    }

    async fn make_keys(&self) -> Result<Identity, String> {
        let (home, now_ms) = (self.base.config.home.clone(), self.base.clock.now().unix_ms);
        let made = self
            .base
            .tasks
            .spawn_blocking(move || home.mint(now_ms))
            .await;
        made.map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }

    /// Whether nobody is to connect to this node: so it was said, or nothing was said and whom it
    /// knows is on other hosts.
    fn dials_only(&self, known: &[KnownNode]) -> bool {
        let config = &self.base.config;
        let mut addresses = known.iter().flat_map(|(_, addresses, _)| addresses);
        let is_away = addresses.any(|address| !address.ip().is_loopback());
        config.dials_only || (config.listen.is_none() && is_away && !self.issues())
    }

    /// A port that nobody asked for is replaced by a free one where it is taken.
    fn bind(
        &self,
        identity: &Identity,
        keyring: &Keyring,
        dials_only: bool,
    ) -> Result<(Mesh, MeshEvents), String> {
        let keyring = Arc::new(ArcSwap::from_pointee(keyring.clone()));
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, SWARM_PORT));
        let now_ms = self.base.clock.now().unix_ms;
        let bind = |listen: SocketAddr| {
            let (keyring, clock) = (keyring.clone(), self.base.clock);
            let trust = keyring.load().lineage().trust(&identity.ca, now_ms);
            let gate = move |hello: &Hello| {
                let Hello {
                    passport,
                    successions,
                    ..
                } = hello;
                keyring
                    .load()
                    .judge(passport, successions, clock.now().unix_ms)
            };
            let config = MeshConfig::new(identity, self.base.me.boot, listen, Arc::new(gate));
            Mesh::bind(MeshConfig {
                trust,
                accepts: !dials_only,
                ..config
            })
        };
        let any = [
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        ];
        let bound = match (
            self.base.config.listen,
            bind(self.base.config.listen.unwrap_or(default)),
        ) {
            // A host without IPv6 has the older protocol still.
            _ if dials_only => bind(any[0]).or_else(|_| bind(any[1])),
            (None, Err(MeshError::Bind { .. })) => {
                tracing::warn!(port = SWARM_PORT, "the port is taken: another one is used");
                bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            }
            (_, bound) => bound,
        };
        let bound = bound.map_err(|error| skep_agent::one_line(&error))?;
        let identity = identity.clone();
        self.base
            .keys
            .store(Some(Arc::new(Keys { identity, keyring })));
        Ok(bound)
    }

    fn seat(
        &self,
        identity: Identity,
        keyring: Keyring,
        mesh: Mesh,
        told: Vec<SocketAddr>,
        dials_only: bool,
        papers: mpsc::Sender<(NodeId, Frame)>,
    ) -> Result<Seat, String> {
        let (switch, keys) = (self.base.switch.clone(), self.base.keys.load_full());
        let keys = keys.ok_or("the keys are gone")?;
        let done = move |result| {
            if !switch.tell_blocking(Input::Seat(SeatInput::Signed(result))) {
                tracing::debug!("a signature came after the switch's end");
            }
        };
        let signer =
            Signer::start(identity.key.clone(), done).map_err(|error| error.to_string())?;
        Ok(Seat {
            sealer: Sealer::new(self.base.me.swarm, identity.key.id(), self.base.me.boot),
            opener: Opener::new(
                self.base.me.swarm,
                self.base.me.node.clone(),
                self.base.me.boot,
            ),
            keyring,
            shared_keyring: keys.keyring.clone(),
            signer,
            mesh,
            papers,
            listen: told,
            issues: self.issues(),
            dials_only,
            known: Vec::new(),
            identity,
        })
    }

    /// Whom to believe, and whom no longer: a revoked node must not get in while this one boots.
    fn keyring(&self, identity: &Identity) -> Result<Keyring, String> {
        let text = |error: &dyn std::error::Error| skep_agent::one_line(error);
        let lineage = self.base.config.home.lineage(identity);
        let mut keyring = Keyring::of(lineage.map_err(|error| text(&error))?);
        let now_ms = self.base.clock.now().unix_ms;
        let stored = self.base.store.rows(Table::Revocations);
        let stored = stored.map_err(|error| text(&error))?;
        let stored = stored
            .into_iter()
            .filter_map(|(_, value)| decode(&value, PACKET_BYTES_MAX).ok());
        let made = self.base.config.home.revocations();
        let made = made.map_err(|error| text(&error))?;
        for signed in stored.chain(made) {
            match keyring.revoke(&signed, now_ms) {
                // What an authority took back that no longer counts was nobody's but its own.
                Ok(_) | Err(Refusal::ExpiredSigner) => {}
                Err(reason) => {
                    tracing::warn!(reason = reason.name(), "a kept revocation is no good");
                }
            }
        }
        Ok(keyring)
    }

    /// Enrolled nodes: from the store, and those that were told when this node joined.
    fn known(&self) -> Result<Vec<KnownNode>, String> {
        let rows = self
            .base
            .store
            .rows(Table::Peers)
            .map_err(|error| error.to_string())?;
        let stored = rows.into_iter().filter_map(|(key, value)| {
            let node = NodeId::new(std::str::from_utf8(&key).ok()?).ok()?;
            let (addresses, passport) = decode(&value, PACKET_BYTES_MAX).ok()?;
            Some((node, addresses, Some(passport)))
        });
        let told = self
            .base
            .config
            .home
            .first_peers()
            .map_err(|error| error.to_string())?;
        let told = told
            .into_iter()
            .map(|PeerHint { node, addresses }| (node, addresses, None));
        let not_me = |(node, ..): &(NodeId, _, _)| *node != self.base.me.node;
        Ok(told.chain(stored).filter(not_me).collect())
    }

    async fn pass_on(
        &self,
        mut events: MeshEvents,
        mut papers: mpsc::Receiver<(NodeId, Frame)>,
        mesh: &Mesh,
        mut renewal: Renewal,
        mut lineage: Lineage,
    ) {
        let mut end_ms = lineage.next_end_ms(self.base.clock.now().unix_ms);
        loop {
            let now = self.base.clock.now();
            if end_ms.is_some_and(|end_ms| now.unix_ms > end_ms) {
                self.overlap_ended(mesh, &lineage).await;
            }
            end_ms = lineage.next_end_ms(now.unix_ms);
            let end = end_ms.map(|end_ms| succession::wake(now, end_ms));
            let wake = end.into_iter().fold(renewal.next_wake(now), u64::min);
            let event = tokio::select! {
                event = events.recv() => event,
                () = sleep_until(self.base.clock.at(wake)) => {
                    if renewal.poll(self.base.clock.now()) {
                        self.ask_for_papers(&mut renewal).await;
                    }
                    continue;
                }
                () = self.base.renew.notified() => {
                    self.follow_home(mesh, &mut lineage).await;
                    renewal.ask_now();
                    continue;
                }
                Some((from, frame)) = papers.recv() => {
                    self.about_papers(from, frame, &mut renewal).await;
                    continue;
                }
            };
            let Some(event) = event else { return };
            if let Some((from, told)) = successions(&event)
                && self.follow(mesh, &mut lineage, Some(from), told).await
                && self.is_outdated(&lineage)
            {
                renewal.ask_now();
            }
            self.event(event, &mut renewal).await;
        }
    }

    /// Answers what is for the links, and hands the rest to the switch.
    async fn event(&self, event: MeshEvent, renewal: &mut Renewal) {
        match event {
            MeshEvent::Join {
                remote,
                request,
                reply,
            } => {
                tracing::info!(%remote, "a host asks to join");
                self.join(request.to_vec(), reply);
            }
            // Read already.
            MeshEvent::Frame {
                frame: Frame::Successions(_),
                ..
            } => {}
            MeshEvent::Frame {
                peer,
                frame: frame @ (Frame::Renew | Frame::Renewed { .. }),
                ..
            } => self.about_papers(peer, frame, renewal).await,
            event => {
                self.base
                    .switch
                    .tell(Input::Seat(SeatInput::Mesh(event)))
                    .await;
            }
        }
    }

    /// Answers a request to join on a thread of its own: it signs, and it writes files.
    fn join(&self, request: Vec<u8>, reply: oneshot::Sender<bytes::Bytes>) {
        let (home, now_ms) = (self.base.config.home.clone(), self.base.clock.now().unix_ms);
        let (me, keys) = (self.base.me.node.clone(), self.base.keys.load_full());
        let mut peers = self.peers();
        peers.truncate(skep_identity::JOIN_PEERS_MAX);
        self.base.tasks.spawn_blocking(move || {
            let taken = |node: &NodeId, key: &skep_identity::PublicKey| {
                let known = keys
                    .as_ref()
                    .and_then(|keys| keys.keyring.load().node(node).cloned());
                *node == me || known.is_some_and(|peer| peer.passport.public_key != *key)
            };
            match home.enrol(&request, taken, peers, now_ms) {
                Ok(answer) => drop(reply.send(answer.into())),
                Err(error) => tracing::error!(%error, "a host could not be let in"),
            }
        });
    }

    fn peers(&self) -> Vec<PeerHint> {
        let nodes = self.base.view.tree().nodes.into_iter();
        let reachable = nodes.filter(|node| !node.addresses.is_empty());
        reachable
            .map(|node| PeerHint {
                node: node.node,
                addresses: node.addresses,
            })
            .collect()
    }
}

/// What an event tells of authorities that follow each other, and who tells it.
fn successions(event: &MeshEvent) -> Option<(&NodeId, &[Signed])> {
    match event {
        MeshEvent::Up { peer, hello, .. } => Some((peer, &hello.successions)),
        MeshEvent::Frame {
            peer,
            frame: Frame::Successions(told),
            ..
        } => Some((peer, told)),
        _ => None,
    }
}
