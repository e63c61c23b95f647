//! A running node: its parts put together, and taken apart in order.

mod boot;
mod links;
mod outward;
mod renewal;
mod succession;

pub(crate) use boot::cards;

use std::{net::SocketAddr, sync::Arc, time::Duration};

pub use self::outward::outward;

use arc_swap::ArcSwapOption;
use futures_util::future::BoxFuture;
use skep_agent::{AgentSpec, Done, Door, Stewardship};
use skep_directive::Plan;
use skep_packet::{NodeId, SwarmId};
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    door::Keys,
    home::{Home, HomeError},
    metrics::Metrics,
    steward::{LiveDirective, StewardHandle},
    store::{OpenError, Store, WriteError},
};

/// The swarm's default port.
pub const SWARM_PORT: u16 = 7400;

/// Longest wait for the socket to be let go of.
const RELEASE_MAX: Duration = Duration::from_secs(2);

/// Pause between two looks at it.
const RELEASE_POLL: Duration = Duration::from_millis(5);

/// People's default port.
pub const PEOPLE_PORT: u16 = 7480;

/// What a node is started with.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Its home.
    pub home: Home,
    /// What it runs; checked against `specs`.
    pub plan: Plan,
    /// Names the directive, for those who look at the node from outside.
    pub directive: String,
    /// The programs of its agents.
    pub specs: Vec<AgentSpec>,
    /// Agents that are a door to people, by kind.
    pub doors: Vec<&'static str>,
    /// The kind of agent that may have the node changed while it runs.
    pub steward: Option<&'static str>,
    /// The directive's text, where it may be changed while the node runs; `plan` was made of it.
    pub live: Option<LiveDirective>,
    /// Where to listen for the swarm; loopback and [`SWARM_PORT`] unless set. A port that was not
    /// asked for is replaced by a free one when it is taken.
    pub listen: Option<SocketAddr>,
    /// Accept no connection: others reach the node through one that it is connected to. So it is
    /// also where `listen` is not set and the nodes it joined are on other hosts: loopback would
    /// reach none of them.
    pub dials_only: bool,
    /// The version of the program.
    pub program: String,
    /// Settings of the directive's `node` object.
    pub settings: NodeSettings,
}

/// Settings of the directive's `node` object.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSettings {
    /// End the process when an agent does not stop, so that a service manager starts it anew.
    #[serde(default)]
    pub exit_on_stuck: bool,
    /// Where people's port listens; loopback and port 7480 unless set.
    #[serde(default)]
    pub people: Option<SocketAddr>,
}

/// Why a node did not start. Nothing runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Its home is not usable.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its store does not open.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Its store could not be read.
    #[error("could not read the store")]
    Read(#[source] Box<redb::Error>),
    /// The address asked for cannot be listened on.
    #[error(transparent)]
    Mesh(#[from] skep_mesh::MeshError),
    /// A thread could not be started.
    #[error("could not start a thread")]
    Thread(#[source] std::io::Error),
}

/// Why a running node must end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Ending {
    /// Nothing durable can be written any more. What was acknowledged is on disk.
    #[error(transparent)]
    Store(#[from] WriteError),
    /// It cannot take its place in the swarm: no keys, or no port.
    #[error("{0}")]
    Links(String),
    /// An agent does not stop, and the directive says that the process must end then.
    #[error("the agent {0} is stuck")]
    Stuck(skep_packet::AgentName),
    /// All of its parts are gone.
    #[error("the node has ended")]
    Gone,
}

/// A running node. Dropping it without [`Node::stop`] cuts everything off.
pub struct Node {
    swarm: SwarmId,
    name: NodeId,
    home: Home,
    store: Store,
    steward: StewardHandle,
    switch_stop: CancellationToken,
    /// Everything else: links, keys in the making.
    stop: CancellationToken,
    tasks: TaskTracker,
    metrics: Arc<Metrics>,
    keys: Arc<ArcSwapOption<Keys>>,
    listening: watch::Receiver<Option<SocketAddr>>,
    door: Arc<dyn Door>,
    fatal: mpsc::Receiver<Ending>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Node {
    /// Starts a node, within a tokio runtime. Its agents run when this returns; its keys may still be in the making, and
    /// until they are made nothing leaves the node.
    ///
    /// # Errors
    /// The home or the store is not usable.
    pub fn start(config: NodeConfig) -> Result<Self, NodeError> {
        boot::start(config)
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &NodeId {
        &self.name
    }

    /// The swarm it belongs to.
    #[must_use]
    pub fn swarm(&self) -> SwarmId {
        self.swarm
    }

    /// Its counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The swarm as it sees it, and whether it does its work.
    #[must_use]
    pub fn view(&self) -> &dyn Door {
        self.door.as_ref()
    }

    /// What its steward may do with it.
    #[must_use]
    pub fn steward(&self) -> &dyn Stewardship {
        &self.steward
    }

    /// Makes another text of its directive's file what it runs: checked whole, then what differs is
    /// stopped and started as by an operator's order, and recorded in the audit log without one. The
    /// node's log says what came of it; so does what this returns, or why everything is as before.
    ///
    /// Cancel: it is done to its end all the same.
    pub fn reload(&self, text: String) -> BoxFuture<'static, Result<Done, String>> {
        self.steward.reload(text)
    }

    /// Whether its keys are made.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.keys.load().is_some()
    }

    /// Waits until the node listens for the swarm, and says where.
    pub async fn listening(&self) -> Option<SocketAddr> {
        let mut listening = self.listening.clone();
        let address = listening.wait_for(Option::is_some).await.ok()?;
        *address
    }

    /// Waits for something after which the node must end, and says what.
    ///
    /// Cancel: safe.
    pub async fn failed(&mut self) -> Ending {
        self.fatal.recv().await.unwrap_or(Ending::Gone)
    }

    /// Stops in order: agents, then the switch, then the connections. Durable packets that are not
    /// settled stay in the outbox.
    pub async fn stop(self) {
        self.steward.0.stop().await;
        self.switch_stop.cancel();
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
        let address = *self.listening.borrow();
        if let Some(address) = address {
            released(address).await;
        }
        if let Err(error) = self.home.set_listening(None) {
            tracing::debug!(%error, "listen.json could not be removed");
        }
    }
}

/// QUIC's driver lets go of the socket a moment after its last handle is dropped; whoever starts the
/// node again in this process must find the port free.
async fn released(address: SocketAddr) {
    let free = async {
        while std::net::UdpSocket::bind(address).is_err() {
            tokio::time::sleep(RELEASE_POLL).await;
        }
    };
    if tokio::time::timeout(RELEASE_MAX, free).await.is_err() {
        tracing::warn!(%address, "the port is not free yet");
    }
}
