//! A swarm of one key: authority, node, operators and sessions all have the same, since making
//! keys is what takes time.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use skep_agent::{Door, LoginClaim, NodeState, NodeTree, OperatorName, Readiness, TlsIdentity};
use skep_identity::{
    Authority, Identity, LoginTerms, NodeTerms, PrivateKey, SESSION_KEY_BITS, check_login,
};
use skep_packet::{AgentName, Level, NodeId, Signed, SwarmId};
use tempfile::TempDir;

/// What the node made for tests says the time is.
pub(super) const NOW_MS: u64 = 1_800_000_000_000;

pub(super) struct Swarm {
    pub(super) folder: TempDir,
    pub(super) authority: Authority,
    pub(super) key: PrivateKey,
    pub(super) identity: Identity,
    pub(super) listening: Arc<Mutex<Option<SocketAddr>>>,
}

impl Swarm {
    pub(super) fn new() -> Self {
        let key = PrivateKey::generate(SESSION_KEY_BITS).unwrap();
        let swarm = SwarmId(uuid::Uuid::from_u128(7));
        let authority = Authority::mint(swarm, key.clone(), NOW_MS).unwrap();
        let terms = NodeTerms::any(node());
        let identity = Identity::mint(&authority, key.clone(), &terms, NOW_MS).unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            authority,
            key,
            identity,
            listening: Arc::default(),
        }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    pub(super) fn door(&self) -> Arc<dyn Door> {
        Arc::new(FakeDoor {
            socket: self.socket(),
            identity: self.identity.clone(),
            listening: self.listening.clone(),
        })
    }

    pub(super) fn passport(&self, operator: &str) -> Signed {
        let public = self.key.public();
        self.authority
            .admit_operator(
                &skep_identity::OperatorTerms::any(operator, Level::Viewer),
                public,
                NOW_MS,
            )
            .unwrap()
    }
}

pub(super) fn node() -> NodeId {
    NodeId::new("n1").unwrap()
}

struct FakeDoor {
    socket: PathBuf,
    identity: Identity,
    listening: Arc<Mutex<Option<SocketAddr>>>,
}

impl Door for FakeDoor {
    fn tls(&self) -> Option<TlsIdentity> {
        Some(TlsIdentity {
            chain: vec![self.identity.credentials.certificate.to_vec()],
            key: self.identity.key.to_pkcs8().unwrap().to_vec(),
        })
    }

    fn check_login(&self, login: &[u8], claim: &LoginClaim) -> Result<OperatorName, String> {
        let terms = LoginTerms {
            swarm: self.identity.swarm(),
            nonce: claim.nonce.clone().into(),
            router: node(),
            binding: claim.binding.clone().into(),
        };
        let who = check_login(login, &terms, &self.identity.keyring(), NOW_MS)
            .map_err(|refusal| refusal.name().to_owned())?;
        Ok(OperatorName {
            hears_all: who.only.is_none(),
            name: who.name,
            level: who.level,
        })
    }

    fn tree(&self) -> NodeTree {
        NodeTree {
            node: node(),
            nodes: Vec::new(),
            state: NodeState::default(),
        }
    }

    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }

    fn readiness(&self) -> Readiness {
        Readiness {
            ready: false,
            reasons: vec!["log_watcher is in a crash loop".to_owned()],
        }
    }

    fn revoke(&self, _revocations: &[u8]) -> Result<usize, String> {
        Err("no keys".to_owned())
    }

    fn renew(&self) {}

    fn control_socket(&self) -> PathBuf {
        self.socket.clone()
    }

    fn people(&self) -> (SocketAddr, bool) {
        ("127.0.0.1:0".parse().unwrap(), true)
    }

    fn listening(&self, _: &AgentName, address: SocketAddr) {
        *self.listening.lock().unwrap() = Some(address);
    }
}
