//! What the door to people reaches of its node.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;
use skep_agent::{Door, LoginClaim, NodeTree, OperatorName, Readiness, TlsIdentity};
use skep_identity::{Identity, Keyring, LoginTerms, check_login};
use skep_packet::{AgentName, NodeId, Signed, SwarmId, decode};
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    home::{Home, Listening},
    metrics::Metrics,
    supervisor::Statuses,
    switch::{Handle, Input, SeatInput, View},
};

/// Largest list of revocations that is taken in at once, in bytes.
const REVOCATIONS_BYTES_MAX: usize = 128 * 1024;

/// Keys of the node, once they are made.
pub(crate) struct Keys {
    pub(crate) identity: Identity,
    pub(crate) keyring: Arc<ArcSwap<Keyring>>,
}

/// What the door to people reaches of its node.
pub(crate) struct NodeDoor {
    pub(crate) swarm: SwarmId,
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    pub(crate) home: Home,
    pub(crate) people: (SocketAddr, bool),
    pub(crate) keys: Arc<ArcSwapOption<Keys>>,
    pub(crate) view: Arc<View>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) statuses: Arc<Statuses>,
    pub(crate) listening: Arc<Mutex<Listening>>,
    pub(crate) switch: Handle,
    pub(crate) renew: Arc<Notify>,
}

impl NodeDoor {
    /// Changes where the node says that it listens.
    pub(crate) fn change_listening(
        home: &Home,
        listening: &Mutex<Listening>,
        change: impl FnOnce(&mut Listening),
    ) {
        let mut listening = listening.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut listening);
        if let Err(error) = home.set_listening(Some(&listening)) {
            tracing::warn!(%error, "where the node listens could not be written down");
        }
    }
}

impl Door for NodeDoor {
    fn tls(&self) -> Option<TlsIdentity> {
        let keys = self.keys.load_full()?;
        let identity = &keys.identity;
        let now_ms = self.clock.now().unix_ms;
        let lineage = keys.keyring.load();
        let trust = lineage.lineage().trust(&identity.ca, now_ms);
        // With the way to an authority that another one replaced, for bundles of before.
        let own = [&identity.credentials.certificate];
        let chain = own.into_iter().chain(&trust.bridges).chain([&identity.ca]);
        let chain = chain.map(|der| der.to_vec()).collect();
        let key = identity.key.to_pkcs8().ok()?.to_vec();
        Some(TlsIdentity { chain, key })
    }

    fn check_login(&self, login: &[u8], claim: &LoginClaim) -> Result<OperatorName, String> {
        let keys = self
            .keys
            .load_full()
            .ok_or("the node's keys are still being made")?;
        let terms = LoginTerms {
            swarm: self.swarm,
            nonce: claim.nonce.clone().into(),
            router: self.node.clone(),
            binding: claim.binding.clone().into(),
        };
        let now_ms = self.clock.now().unix_ms;
        let who = check_login(login, &terms, &keys.keyring.load(), now_ms);
        let who = who.map_err(|refusal| format!("the login was refused: {}", refusal.name()))?;
        Ok(OperatorName {
            hears_all: who.only.is_none(),
            name: who.name,
            level: who.level,
        })
    }

    fn tree(&self) -> NodeTree {
        let mut tree = self.view.tree();
        for agent in tree
            .nodes
            .iter_mut()
            .take(1)
            .flat_map(|node| &mut node.agents)
        {
            let status = self.statuses.get(&agent.card.agent);
            agent.state = status
                .map(|status| status.state())
                .filter(|state| !state.is_null());
        }
        tree
    }

    fn metrics(&self) -> String {
        self.metrics.text()
    }

    fn readiness(&self) -> Readiness {
        let sick = self.view.not_healthy();
        let mut reasons: Vec<String> = sick
            .iter()
            .map(|(agent, health)| format!("{agent} is {health:?}").to_lowercase())
            .collect();
        reasons.extend(self.view.left_behind());
        if self.keys.load().is_none() {
            reasons.push("the node's keys are still being made".to_owned());
        }
        Readiness {
            ready: reasons.is_empty(),
            reasons,
        }
    }

    fn revoke(&self, revocations: &[u8]) -> Result<usize, String> {
        let told: Vec<Signed> = decode(revocations, REVOCATIONS_BYTES_MAX)
            .map_err(|error| format!("these are no revocations: {error}"))?;
        let keys = self.keys.load_full();
        let keys = keys.ok_or("the node's keys are still being made")?;
        let (mut keyring, now_ms) = (
            Keyring::clone(&keys.keyring.load()),
            self.clock.now().unix_ms,
        );
        for signed in &told {
            keyring
                .revoke(signed, now_ms)
                .map_err(|refusal| format!("a revocation was refused: {}", refusal.name()))?;
        }
        let n_told = told.len();
        match self
            .switch
            .try_tell(Input::Seat(SeatInput::Revocations(told)))
        {
            true => Ok(n_told),
            false => Err("the node is busy: try again".to_owned()),
        }
    }

    fn renew(&self) {
        self.renew.notify_one();
    }

    fn control_socket(&self) -> PathBuf {
        self.home.control_socket()
    }

    fn people(&self) -> (SocketAddr, bool) {
        self.people
    }

    fn listening(&self, agent: &AgentName, address: SocketAddr) {
        tracing::info!(%agent, %address, "people's port is open");
        Self::change_listening(&self.home, &self.listening, |listening| {
            listening.people = Some(address);
        });
    }
}
