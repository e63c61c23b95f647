//! Hosts with homes of their own, and the nodes that run on them.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use skep_agent::{AgentSpec, Ctx};
use skep_directive::{AgentKind, AgentPlan, Catalogue, PacketSigning, Plan, RolePlan, Span};
use skep_identity::{INVITE_LIFE_MS, Identity, Invite, JoinRequest, PeerHint};
use skep_node::{Clock, LiveDirective, Node, NodeConfig, NodeSettings, home::Home};
use skep_packet::{AgentName, NodeId, RoleBinding, encode};
use tokio::runtime::Runtime;

use crate::{Bee, Probe};

/// How long a test waits for what should come.
pub const WAIT_MAX: Duration = Duration::from_secs(30);

/// Waits until `condition` yields something.
///
/// # Panics
/// Where it does not within [`WAIT_MAX`].
pub async fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(WAIT_MAX, async {
        loop {
            if let Some(found) = condition() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    found
        .await
        .unwrap_or_else(|_| panic!("{what} does not come"))
}

/// A folder with the homes of several hosts.
#[derive(Debug)]
pub struct World {
    folder: tempfile::TempDir,
    clock: Clock,
    /// Makes node names unique among tests of one process.
    tag: String,
}

/// One host: a home, and the node that runs on it now.
#[derive(Debug)]
pub struct Host {
    home: Home,
    listen: SocketAddr,
    /// Whether nobody can connect to it.
    dials_only: bool,
    /// What the test changes in the probe's plan.
    tune: fn(&mut AgentPlan),
    /// What runs beside the probe, with its config.
    beside: Vec<(AgentSpec, serde_json::Value)>,
    /// What it runs instead, where the test writes a directive.
    directive: Option<String>,
    node: Option<Node>,
    /// What the node runs on, where it is to be killed.
    runtime: Option<Runtime>,
}

impl World {
    /// An empty world; `tag` makes its node names its own.
    #[must_use]
    pub fn new(tag: &str) -> Self {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_test_writer();
        if logs.try_init().is_err() {
            // Another test of this process was faster.
        }
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Clock::start(),
            tag: tag.to_owned(),
        }
    }

    /// The unix time, in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.now().unix_ms
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A host that mints a swarm, with its node running.
    pub async fn first(&self, name: &str) -> Host {
        self.first_with(name, |_| {}).await
    }

    /// The same, with a probe whose plan the test changes.
    pub async fn first_with(&self, name: &str, tune: fn(&mut AgentPlan)) -> Host {
        let home = Home::open(&self.path(name)).unwrap();
        home.found(Some(self.node_id(name))).unwrap();
        let mut host = Host::of(home);
        host.tune = tune;
        host.up().await;
        host
    }

    /// A host that mints a swarm and runs a directive, which can be changed while it runs.
    pub async fn first_live(&self, name: &str, directive: &str) -> Host {
        let home = Home::open(&self.path(name)).unwrap();
        home.found(Some(self.node_id(name))).unwrap();
        let mut host = Host::of(home);
        host.directive = Some(directive.to_owned());
        host.up().await;
        host
    }

    /// A host that joins the swarm of `first`, with its node running.
    pub async fn join(&self, first: &Host, name: &str) -> Host {
        self.join_with(first, name, |_| {}).await
    }

    /// The same, with a probe whose plan the test changes.
    pub async fn join_with(&self, first: &Host, name: &str, tune: fn(&mut AgentPlan)) -> Host {
        let invite = first.home.invite(INVITE_LIFE_MS, self.now_ms()).unwrap();
        let home = Home::open(&self.path(name)).unwrap();
        self.enrol(&home, invite, name).await;
        let mut host = Host::of(home);
        host.tune = tune;
        host.up().await;
        host
    }

    /// A host that joins and accepts no connection.
    pub async fn join_dialling(&self, first: &Host, name: &str) -> Host {
        let invite = first.home.invite(INVITE_LIFE_MS, self.now_ms()).unwrap();
        let home = Home::open(&self.path(name)).unwrap();
        self.enrol(&home, invite, name).await;
        let mut host = Host::of(home);
        host.dials_only = true;
        host.up().await;
        host
    }

    /// A host that joins, with papers that the authority made `age` ago.
    ///
    /// # Panics
    /// Where `first` does not hold the authority.
    pub async fn join_long_ago(&self, first: &Host, name: &str, age: Duration) -> Host {
        let mut host = self.enrolled_long_ago(first, first, name, age);
        host.up().await;
        host
    }

    /// The same, knowing only `via` of the swarm; it accepts no connection, and its node does not run
    /// yet.
    ///
    /// # Panics
    /// Where `first` does not hold the authority.
    #[must_use]
    pub fn dialling_long_ago(&self, first: &Host, via: &Host, name: &str, age: Duration) -> Host {
        let mut host = self.enrolled_long_ago(first, via, name, age);
        host.dials_only = true;
        host
    }

    fn enrolled_long_ago(&self, first: &Host, via: &Host, name: &str, age: Duration) -> Host {
        let then_ms = self.now_ms() - u64::try_from(age.as_millis()).unwrap();
        let invite = first.home.invite(INVITE_LIFE_MS, self.now_ms()).unwrap();
        let home = Home::open(&self.path(name)).unwrap();
        let prepared = home
            .prepare_join(invite, self.node_id(name), Vec::new())
            .unwrap();
        let request = JoinRequest::from_bytes(&prepared.request).unwrap();
        let hint = PeerHint {
            node: via.node().name().clone(),
            addresses: vec![via.listen],
        };
        let authority = first.home.authority().unwrap().unwrap();
        let (answer, _) = authority.enrol(&request, vec![hint], then_ms).unwrap();
        home.finish_join(prepared, &encode(&answer), then_ms)
            .unwrap();
        Host::of(home)
    }

    /// The papers of a host that is let into the swarm of `first`, without a node.
    pub async fn papers(&self, first: &Host, name: &str) -> Identity {
        let invite = first.home.invite(INVITE_LIFE_MS, self.now_ms()).unwrap();
        let home = Home::open(&self.path(name)).unwrap();
        self.enrol(&home, invite, name).await;
        home.identity().unwrap().unwrap()
    }

    /// A host whose papers no longer count joins the swarm of `first` again, under its own name.
    pub async fn join_again(&self, first: &Host, host: &Host) {
        let invite = first.home.invite(INVITE_LIFE_MS, self.now_ms()).unwrap();
        self.enrol(&host.home, invite, "again").await;
    }

    async fn enrol(&self, home: &Home, invite: Invite, name: &str) {
        let address: SocketAddr = invite.address.parse().unwrap();
        let prepared = home
            .prepare_join(invite, self.node_id(name), Vec::new())
            .unwrap();
        let answer = skep_mesh::join(address, prepared.request.clone())
            .await
            .unwrap();
        home.finish_join(prepared, &answer, self.now_ms()).unwrap();
    }

    fn node_id(&self, name: &str) -> NodeId {
        NodeId::new(&format!("{name}-{}", self.tag)).unwrap()
    }
}

impl Host {
    fn of(home: Home) -> Self {
        Self {
            home,
            listen: "127.0.0.1:0".parse().unwrap(),
            dials_only: false,
            tune: |_| {},
            beside: Vec::new(),
            directive: None,
            node: None,
            runtime: None,
        }
    }

    /// The host's home.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The running node.
    ///
    /// # Panics
    /// Where none runs.
    #[must_use]
    pub fn node(&self) -> &Node {
        self.node.as_ref().expect("the node runs")
    }

    /// Starts the node and waits until it listens. A later start listens where the first did.
    pub async fn up(&mut self) {
        let specs = self.specs();
        let live = self.directive.clone().map(|text| live(text, &specs));
        let plan = match &live {
            Some(live) => (live.read)(&live.text).unwrap(),
            None => plan(self.tune, &self.beside),
        };
        let config = NodeConfig {
            home: self.home.clone(),
            plan,
            directive: "test".to_owned(),
            specs,
            doors: Vec::new(),
            steward: None,
            live,
            listen: Some(self.listen),
            dials_only: self.dials_only,
            program: "test".to_owned(),
            settings: NodeSettings::default(),
        };
        // On a runtime of its own, so that it can end at once with everything it does.
        let runtime = skep_node::runtime().unwrap();
        let started = runtime.spawn(async { Node::start(config) });
        let node = started.await.unwrap().unwrap();
        self.listen = node.listening().await.unwrap();
        self.node = Some(node);
        self.runtime = Some(runtime);
    }

    /// From its next start on nobody can connect to it.
    pub fn accepts_nothing(&mut self) {
        self.dials_only = true;
    }

    /// Ends the node in the middle of whatever it does, without a word to anybody.
    ///
    /// # Panics
    /// Where none runs.
    pub fn kill(&mut self) {
        let runtime = self.runtime.take().expect("the node runs");
        runtime.shutdown_background();
        self.node = None;
    }

    fn specs(&self) -> Vec<AgentSpec> {
        let own = [AgentSpec::of::<Probe>(), AgentSpec::of::<Bee>()];
        let beside = self.beside.iter().map(|(spec, _)| *spec);
        own.into_iter().chain(beside).collect()
    }

    /// From its next start on the node runs this agent too, under the name of its kind.
    pub fn beside(&mut self, spec: AgentSpec, config: serde_json::Value) {
        self.beside.push((spec, config));
    }

    /// The directive that the next start finds in the file.
    pub fn write(&mut self, directive: &str) {
        self.directive = Some(directive.to_owned());
    }

    /// Stops the node in order.
    pub async fn down(&mut self) {
        self.node.take().expect("the node runs").stop().await;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// The context of the node's probe.
    pub async fn probe(&self) -> Ctx<Probe> {
        until("the probe", || Probe::on(self.node().name())).await
    }

    /// Waits until no durable packet is in this node's outbox.
    pub async fn owes_nothing(&self) {
        until("an empty outbox", || {
            let state = self.node().view().tree().state;
            state.outbox.is_empty().then_some(())
        })
        .await;
    }

    /// Waits until this node sees that `other` serves.
    pub async fn sees(&self, other: &Host) {
        let (me, other) = (self.probe().await, other.node().name().clone());
        let role = "test.echo".parse().unwrap();
        until("the other's role", || {
            let endpoints = me.endpoints(&role, skep_packet::Scope::Swarm);
            endpoints
                .iter()
                .any(|endpoint| endpoint.address.node == other)
                .then_some(())
        })
        .await;
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A runtime may not be dropped where a test awaits.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A directive of these agents, as the node reads it.
#[must_use]
pub fn live(text: String, specs: &[AgentSpec]) -> LiveDirective {
    let kind = |spec: &AgentSpec| {
        let serves = spec.roles.iter().map(|&role| role.to_owned()).collect();
        let handlers = (spec.handlers)(&serde_json::Value::Null);
        let handlers = handlers.iter().map(|handler| handler.name.to_string());
        AgentKind {
            serves,
            handlers: handlers.collect(),
            handlers_key: (spec.handlers_key)().map(str::to_owned),
            ..AgentKind::new(spec.kind, spec.summary, (spec.schema)())
        }
    };
    let catalogue = Catalogue {
        kinds: specs.iter().map(kind).collect(),
        node_schema: None,
        own_agents: Vec::new(),
        own_roles: Vec::new(),
    };
    let read = move |text: &str| {
        let checked = skep_directive::check(text, &catalogue);
        let wrong = checked.plain("the directive", text);
        checked.plan.ok_or(wrong)
    };
    let read = Arc::new(read);
    LiveDirective { text, read }
}

fn plan(tune: fn(&mut AgentPlan), beside: &[(AgentSpec, serde_json::Value)]) -> Plan {
    let mut probe = agent("probe", &AgentSpec::of::<Probe>(), serde_json::json!({}));
    tune(&mut probe);
    let beside = beside
        .iter()
        .map(|(spec, config)| agent(spec.kind, spec, config.clone()));
    Plan {
        node: serde_json::json!({}),
        agents: std::iter::once(probe).chain(beside).collect(),
    }
}

fn agent(id: &str, spec: &AgentSpec, config: serde_json::Value) -> AgentPlan {
    let endpoint = |text: &&str| {
        let RoleBinding { role, handler } = text.parse().unwrap();
        RolePlan::plain(role, handler)
    };
    AgentPlan {
        id: AgentName::new(id).unwrap(),
        kind: spec.kind.to_owned(),
        emoji: None,
        panel: Vec::new(),
        packet_signing: PacketSigning::default(),
        endpoints: spec.roles.iter().map(endpoint).collect(),
        config,
        config_span: Span::default(),
        restart: None,
        beacon_interval_ms: None,
        children: Vec::new(),
    }
}
