//! What the mesh is told when it starts.

use std::{fmt, net::SocketAddr, sync::Arc};

use skep_identity::{Credentials, Identity, Passport, PrivateKey, Trust};
use skep_packet::{BootId, Hello, NodeId, Refusal, SwarmId};

/// Judges the passport in a peer's hello: the node's keyring, with its revocations and its clock.
///
/// Called once for each new connection, on an async thread: it must not block for long.
pub type Gate = Arc<dyn Fn(&Hello) -> Result<Passport, Refusal> + Send + Sync>;

/// What the mesh is told when it starts.
#[derive(Clone)]
pub struct MeshConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether others may connect; without it the socket only serves to dial out.
    pub accepts: bool,
    /// The addresses told to peers; empty for a node that only dials out.
    pub announce: Vec<SocketAddr>,
    /// The swarm.
    pub swarm: SwarmId,
    /// This node.
    pub node: NodeId,
    /// This start of it.
    pub boot: BootId,
    /// Its key.
    pub key: PrivateKey,
    /// Its passport and certificate.
    pub credentials: Credentials,
    /// The authorities whose certificates are trusted, and what goes with this node's own.
    pub trust: Trust,
    /// Who may come in.
    pub gate: Gate,
}

impl MeshConfig {
    /// The configuration of `identity`, listening at `listen`, announcing nothing.
    #[must_use]
    pub fn new(identity: &Identity, boot: BootId, listen: SocketAddr, gate: Gate) -> Self {
        Self {
            listen,
            accepts: true,
            announce: Vec::new(),
            swarm: identity.swarm(),
            node: identity.node.clone(),
            boot,
            key: identity.key.clone(),
            credentials: identity.credentials.clone(),
            trust: Trust::only(&identity.ca),
            gate,
        }
    }
}

impl fmt::Debug for MeshConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshConfig")
            .field("listen", &self.listen)
            .field("node", &self.node)
            .field("boot", &self.boot)
            .finish_non_exhaustive()
    }
}
