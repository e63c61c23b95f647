//! The handle that the node holds.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use quinn::Endpoint;
use skep_identity::{Credentials, PrivateKey, Trust};
use skep_packet::{Frame, Hello, Lane, NodeId, encode};
use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ADDRESSES_MAX, CloseReason, DownReason, Gate, MeshConfig, MeshError, MeshEvent, MeshEvents,
    SendError, WANTED_MAX,
    accept::{self, HANDSHAKES_MAX},
    dial,
    event::{self, EventSender},
    hello::{HelloError, VERSION},
    join::JoinGate,
    link,
    table::{Table, Wanted},
    tls::{self, OwnCertificate},
    transport,
};

/// When the mesh stops, what is queued has so long to arrive.
const DRAIN_DEADLINE: Duration = Duration::from_secs(1);

/// Then its tasks have so long to end.
const STOP_DEADLINE: Duration = Duration::from_secs(3);

/// The connections of a node; clones are handles to the same ones.
///
/// It runs until [`Mesh::shutdown`], also when every handle is dropped.
#[derive(Clone)]
pub struct Mesh {
    shared: Arc<Shared>,
}

/// What all tasks of the mesh share.
pub(crate) struct Shared {
    pub(crate) endpoint: Endpoint,
    client: RwLock<quinn::ClientConfig>,
    pub(crate) gate: Gate,
    pub(crate) events: EventSender,
    pub(crate) handshakes: Arc<Semaphore>,
    pub(crate) joins: JoinGate,
    pub(crate) cancel: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) writers: TaskTracker,
    /// Held from a change of the table until the node was told of it.
    pub(crate) order: tokio::sync::Mutex<()>,
    own: Arc<OwnCertificate>,
    /// What is shown beside the own certificate, which stands first.
    chain: Mutex<Vec<Bytes>>,
    accepts: bool,
    key: PrivateKey,
    hello: RwLock<Hello>,
    table: Mutex<Table>,
}

impl Shared {
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hello(&self) -> Hello {
        let hello = self.hello.read().unwrap_or_else(PoisonError::into_inner);
        hello.clone()
    }

    pub(crate) fn client(&self) -> quinn::ClientConfig {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
        client.clone()
    }

    /// Shows another certificate, or others beside it, from the next link on.
    fn set_chain(&self, change: impl FnOnce(&[Bytes]) -> Vec<Bytes>) -> Result<(), MeshError> {
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        let next = change(&chain);
        self.own.set(&self.key, &next)?;
        *chain = next;
        Ok(())
    }

    pub(crate) fn is_connected(&self, peer: &NodeId) -> bool {
        self.table().link(peer).is_some()
    }

    pub(crate) fn addresses(&self, peer: &NodeId) -> Vec<SocketAddr> {
        let table = self.table();
        let wanted = table.wanted.get(peer);
        wanted
            .map(|wanted| wanted.addresses.clone())
            .unwrap_or_default()
    }

    pub(crate) async fn tell_refused(&self, remote: SocketAddr, error: &HelloError) {
        if let HelloError::Refused { node, refusal } = error {
            let refused = MeshEvent::Refused {
                remote,
                node: node.clone(),
                refusal: *refusal,
            };
            self.events.tell(refused).await;
        }
    }
}

impl Mesh {
    /// Listens, and yields the handle and the node's end of the event queues.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`MeshError::Bind`] when the address is taken; or key and certificate do not fit.
    pub fn bind(config: MeshConfig) -> Result<(Self, MeshEvents), MeshError> {
        let chain = chain(&config.credentials.certificate, &config.trust);
        let own = OwnCertificate::new(&config.key, &chain)?;
        let roots = tls::roots(&config.trust.roots)?;
        let server = tls::server(Arc::clone(&own), Arc::clone(&roots))?;
        let client = tls::client(Arc::clone(&own), roots)?;
        let server = config.accepts.then(|| transport::server(server));
        let endpoint = transport::endpoint(config.listen, server)?;
        let cancel = CancellationToken::new();
        let (events, receiver) = event::channel(cancel.clone());
        let hello = Hello {
            version: VERSION,
            swarm: config.swarm,
            node: config.node.clone(),
            boot: config.boot,
            passport: config.credentials.passport,
            listen: config.announce,
            successions: config.trust.successions,
        };
        let shared = Arc::new(Shared {
            endpoint,
            client: RwLock::new(transport::client(client)),
            gate: config.gate,
            events,
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            joins: JoinGate::new(),
            cancel,
            tasks: TaskTracker::new(),
            writers: TaskTracker::new(),
            order: tokio::sync::Mutex::new(()),
            own,
            chain: Mutex::new(chain),
            accepts: config.accepts,
            key: config.key,
            hello: RwLock::new(hello),
            table: Mutex::new(Table::new(config.node)),
        });
        shared.tasks.spawn(accept::run(Arc::clone(&shared)));
        Ok((Self { shared }, receiver))
    }

    /// The address that the socket has; with port 0 in the configuration, the port it got.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.endpoint.local_addr().ok()
    }

    /// Wants a link to `peer`: it is dialled until one stands, and again whenever it breaks.
    ///
    /// For a node that is wanted already, only the addresses are exchanged, for the next attempt.
    ///
    /// # Errors
    /// [`MeshError::TooManyPeers`] at [`WANTED_MAX`].
    pub fn connect(&self, peer: &NodeId, addresses: &[SocketAddr]) -> Result<(), MeshError> {
        let addresses: Vec<_> = addresses.iter().copied().take(ADDRESSES_MAX).collect();
        let mut table = self.shared.table();
        if let Some(wanted) = table.wanted.get_mut(peer) {
            wanted.addresses = addresses;
            return Ok(());
        }
        if table.wanted.len() >= WANTED_MAX {
            return Err(MeshError::TooManyPeers { max: WANTED_MAX });
        }
        let cancel = self.shared.cancel.child_token();
        let changed = Arc::new(Notify::new());
        let wanted = Wanted {
            addresses,
            cancel: cancel.clone(),
            changed: Arc::clone(&changed),
        };
        table.wanted.insert(peer.clone(), wanted);
        drop(table);
        let keep = dial::keep(Arc::clone(&self.shared), peer.clone(), cancel, changed);
        self.shared.tasks.spawn(keep);
        Ok(())
    }

    /// No longer dials `peer`; a link that stands stays.
    pub fn forget(&self, peer: &NodeId) {
        if let Some(wanted) = self.shared.table().wanted.remove(peer) {
            wanted.cancel.cancel();
        }
    }

    /// No longer dials `peer` and closes the link to it; `Down` follows.
    pub fn close(&self, peer: &NodeId, reason: CloseReason) {
        self.forget(peer);
        if let Some(link) = self.shared.table().link(peer) {
            link.reason.get_or_init(|| DownReason::Here(reason));
            link::close(&link.connection, reason);
        }
    }

    /// Queues a frame for `peer`; yields how many bytes it has, for [`Mesh::release_bulk`].
    ///
    /// # Errors
    /// [`SendError`]; the frame was not taken. What must arrive is sent again by whoever keeps it.
    pub fn send(&self, peer: &NodeId, lane: Lane, frame: &Frame) -> Result<usize, SendError> {
        self.send_bytes(peer, lane, encode(frame))
    }

    /// As [`Mesh::send`], for a frame that is encoded already.
    ///
    /// # Errors
    /// As [`Mesh::send`].
    pub fn send_bytes(&self, peer: &NodeId, lane: Lane, frame: Bytes) -> Result<usize, SendError> {
        let n_bytes = frame.len();
        let table = self.shared.table();
        let link = table.link(peer).ok_or(SendError::NotConnected)?;
        link.lanes[lane.index()].send(frame)?;
        Ok(n_bytes)
    }

    /// Passes on a frame that another node sealed for `peer`.
    ///
    /// It may take half of the lane's queue, so that what this node has to say itself always finds
    /// room; and of the bulk lane's budget it takes nothing, for its acknowledgement does not come
    /// by here.
    ///
    /// # Errors
    /// As [`Mesh::send`]; the frame is dropped, and its sender sends it again.
    pub fn relay(&self, peer: &NodeId, lane: Lane, frame: &Frame) -> Result<usize, SendError> {
        let frame = encode(frame);
        let n_bytes = frame.len();
        let table = self.shared.table();
        let link = table.link(peer).ok_or(SendError::NotConnected)?;
        link.lanes[lane.index()].relay(frame)?;
        Ok(n_bytes)
    }

    /// The peer has acknowledged `n_bytes` of the bulk lane: as many more may be on their way.
    pub fn release_bulk(&self, peer: &NodeId, n_bytes: usize) {
        if let Some(link) = self.shared.table().link(peer) {
            link.budget.release(n_bytes);
        }
    }

    /// Whether a link to `peer` stands.
    #[must_use]
    pub fn is_connected(&self, peer: &NodeId) -> bool {
        self.shared.is_connected(peer)
    }

    /// The nodes to which links stand, in no order.
    #[must_use]
    pub fn peers(&self) -> Vec<NodeId> {
        self.shared.table().peers().cloned().collect()
    }

    /// Takes renewed papers for the same key; links that stand stay, new ones show these.
    ///
    /// # Errors
    /// The certificate is not for this node's key; the old papers stay.
    pub fn set_credentials(&self, credentials: &Credentials) -> Result<(), MeshError> {
        let shared = &self.shared;
        let own = credentials.certificate.clone();
        shared.set_chain(|chain| std::iter::once(own).chain(chain[1..].to_vec()).collect())?;
        let mut hello = shared.hello.write().unwrap_or_else(PoisonError::into_inner);
        hello.passport = credentials.passport.clone();
        Ok(())
    }

    /// Trusts these authorities from the next link on, and tells its peer of them; links that
    /// stand stay.
    ///
    /// # Errors
    /// A certificate is none; all stays as it was.
    pub fn set_trust(&self, trust: &Trust) -> Result<(), MeshError> {
        let shared = &self.shared;
        let roots = tls::roots(&trust.roots)?;
        let server = tls::server(Arc::clone(&shared.own), Arc::clone(&roots))?;
        let client = transport::client(tls::client(Arc::clone(&shared.own), roots)?);
        shared.set_chain(|own| chain(&own[0], trust))?;
        *shared
            .client
            .write()
            .unwrap_or_else(PoisonError::into_inner) = client;
        if shared.accepts && !shared.cancel.is_cancelled() {
            let server = transport::server(server);
            shared.endpoint.set_server_config(Some(server));
        }
        let mut hello = shared.hello.write().unwrap_or_else(PoisonError::into_inner);
        hello.successions.clone_from(&trust.successions);
        Ok(())
    }

    /// Tells these addresses to peers from the next link on.
    pub fn set_announce(&self, addresses: Vec<SocketAddr>) {
        let hello = &self.shared.hello;
        let mut hello = hello.write().unwrap_or_else(PoisonError::into_inner);
        hello.listen = addresses;
    }

    /// Ends all links and tasks; what is queued has a second to arrive. No `Down` is told.
    pub async fn shutdown(&self) {
        let shared = &self.shared;
        shared.cancel.cancel();
        shared.endpoint.set_server_config(None);
        let links = shared.table().drain();
        let connections: Vec<_> = links.iter().map(|link| link.connection.clone()).collect();
        // Dropping the queues lets the writers finish.
        drop(links);
        shared.writers.close();
        let drained = timeout(DRAIN_DEADLINE, shared.writers.wait()).await;
        if drained.is_err() {
            tracing::debug!(n_links = connections.len(), "stopped with frames in flight");
        }
        shared.endpoint.close(CloseReason::Shutdown.code(), b"");
        shared.tasks.close();
        let stopped = async {
            shared.tasks.wait().await;
            shared.endpoint.wait_idle().await;
        };
        if timeout(STOP_DEADLINE, stopped).await.is_err() {
            tracing::warn!("tasks of the mesh did not end in time");
        }
    }
}

/// What TLS shows: the node's own certificate, and the way from it to older authorities.
fn chain(own: &Bytes, trust: &Trust) -> Vec<Bytes> {
    let bridges = trust.bridges.iter().cloned();
    std::iter::once(own.clone()).chain(bridges).collect()
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mesh")
            .field("peers", &self.peers())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
