//! The start of a node, step by step.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use skep_agent::Door;
use skep_directive::{AgentPlan, Plan};
use skep_identity::{RequestGuard, RequestMark};
use skep_packet::{AgentCard, AgentHealth, AgentName, BootId, Descriptor};
use skep_swarm::{
    delivery::{Delivery, DeliveryConfig, InboxState},
    roles::RoleIndex,
};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{Ending, Node, NodeConfig, NodeError, PEOPLE_PORT, links::Links};
use crate::{
    clock::Clock,
    door::{Keys, NodeDoor},
    envelopes::Envelopes,
    home::{Listening, SwarmCard},
    metrics::Metrics,
    port::{Port, TRANSACTIONS_MAX},
    steward::{Ledger, NodeSteward, Running, StewardHandle, Ward},
    store::{Op, Store, Table, WriteError},
    supervisor::{Grounds, MakePort, Statuses, Supervisor},
    switch::{self, Handle, Input, Me, Parts, SWITCH_QUEUE_MAX, Switch, View},
};

/// The key of the outbox's epoch.
const EPOCH: &[u8] = b"outbox_epoch";

/// The key of the time from which on operators' requests are remembered.
const REQUESTS_SINCE: &[u8] = b"requests_since_ms";

/// Reasons to end that may wait; one is enough.
const FATAL_MAX: usize = 8;

pub(super) fn start(config: NodeConfig) -> Result<Node, NodeError> {
    let (fatal_tx, fatal) = mpsc::channel(FATAL_MAX);
    let (base, inputs) = Base::new(config, fatal_tx)?;
    let switch_stop = CancellationToken::new();
    let parts = base.switch_parts(inputs)?;
    let tasks = base.tasks.clone();
    tasks.spawn(Switch::new(parts).run(switch_stop.clone()));
    let door = base.door();
    let steward = base.steward(&door);
    let stop = CancellationToken::new();
    let (bound, listening) = watch::channel(None);
    let node = Node {
        swarm: base.me.swarm,
        name: base.me.node.clone(),
        home: base.config.home.clone(),
        store: base.store.clone(),
        steward,
        switch_stop,
        stop: stop.clone(),
        tasks: tasks.clone(),
        metrics: base.metrics.clone(),
        keys: base.keys.clone(),
        listening,
        door,
        fatal,
    };
    tasks.spawn(Links { base, stop, bound }.open());
    Ok(node)
}

/// What every part of a node is built on.
pub(super) struct Base {
    pub(super) config: NodeConfig,
    pub(super) me: Me,
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) switch: Handle,
    pub(super) keys: Arc<ArcSwapOption<Keys>>,
    pub(super) listening: Arc<Mutex<Listening>>,
    pub(super) view: Arc<View>,
    pub(super) tasks: TaskTracker,
    pub(super) fatal: mpsc::Sender<Ending>,
    /// Told when a person wants new papers now.
    pub(super) renew: Arc<Notify>,
    pub(super) metrics: Arc<Metrics>,
    roles: Arc<ArcSwap<RoleIndex>>,
    statuses: Arc<Statuses>,
    /// The directive that runs, and the audit log, until the steward takes them.
    told: Mutex<Option<(Ledger, Running)>>,
}

impl Base {
    fn new(
        mut config: NodeConfig,
        fatal: mpsc::Sender<Ending>,
    ) -> Result<(Self, mpsc::Receiver<Input>), NodeError> {
        let SwarmCard { swarm, node } = config.home.found(None)?;
        let store = open_store(&config, &fatal)?;
        let me = Me {
            swarm,
            node: node.clone(),
            boot: BootId(Uuid::new_v4()),
        };
        let clock = Clock::start();
        let told = told(&mut config, &store, &me, clock)?;
        let (switch, inputs) = mpsc::channel(SWITCH_QUEUE_MAX);
        let roles = Arc::new(ArcSwap::from_pointee(RoleIndex::new(node)));
        let base = Self {
            clock,
            store,
            switch: Handle::new(switch),
            keys: Arc::new(ArcSwapOption::empty()),
            listening: Arc::default(),
            view: Arc::new(View::new(descriptor(&me, &config), roles.clone())),
            tasks: TaskTracker::new(),
            fatal,
            renew: Arc::default(),
            metrics: Arc::new(Metrics::new()),
            roles,
            statuses: Arc::default(),
            told: Mutex::new(told),
            me,
            config,
        };
        Ok((base, inputs))
    }

    fn switch_parts(&self, inputs: mpsc::Receiver<Input>) -> Result<Parts, NodeError> {
        Ok(Parts {
            me: self.me.clone(),
            clock: self.clock,
            store: self.store.clone(),
            metrics: self.metrics.clone(),
            roles: self.roles.clone(),
            view: self.view.clone(),
            descriptor: descriptor(&self.me, &self.config),
            was_enrolled: self.was_enrolled()?,
            delivery: delivery(&self.store, &self.me, self.clock)?,
            requests: requests(&self.store, self.clock)?,
            inputs,
            completions: switch::completions(),
        })
    }

    fn was_enrolled(&self) -> Result<bool, NodeError> {
        let stored = self.store.rows(Table::Peers);
        let stored = stored.map_err(|error| NodeError::Read(Box::new(error)))?;
        Ok(!stored.is_empty() || !self.config.home.first_peers()?.is_empty())
    }

    fn door(&self) -> Arc<dyn Door> {
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, PEOPLE_PORT));
        let people = self.config.settings.people;
        Arc::new(NodeDoor {
            swarm: self.me.swarm,
            node: self.me.node.clone(),
            clock: self.clock,
            home: self.config.home.clone(),
            // A default port that is taken is never fatal, at whatever address.
            people: people.map_or((default, true), |people| {
                (people, people.port() == PEOPLE_PORT)
            }),
            keys: self.keys.clone(),
            view: self.view.clone(),
            metrics: self.metrics.clone(),
            statuses: self.statuses.clone(),
            listening: self.listening.clone(),
            switch: self.switch.clone(),
            renew: self.renew.clone(),
        })
    }

    /// Starts the agents, under whoever may change them.
    fn steward(&self, door: &Arc<dyn Door>) -> StewardHandle {
        let live = self.config.live.as_ref();
        let steward = StewardHandle(Arc::new(NodeSteward {
            node: self.me.node.clone(),
            clock: self.clock,
            store: self.store.clone(),
            switch: self.switch.clone(),
            tasks: self.tasks.clone(),
            stopping: CancellationToken::new(),
            read: live.map(|live| live.read.clone()),
            ward: OnceLock::new(),
        }));
        let grounds = self.grounds(door, &steward);
        let supervisor = Supervisor::start(&self.config.plan, &self.config.specs, grounds);
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (ledger, running) = { told }.take().unwrap_or_else(|| {
            let plan = self.config.plan.clone();
            (Ledger::default(), Running::fixed(plan))
        });
        let ward = Ward {
            supervisor,
            running,
            ledger,
        };
        let is_first = steward.0.ward.set(tokio::sync::Mutex::new(ward)).is_ok();
        debug_assert!(is_first, "a steward is made once");
        steward
    }

    fn grounds(&self, door: &Arc<dyn Door>, steward: &StewardHandle) -> Grounds {
        let port = Port {
            node: self.me.node.clone(),
            home: Arc::new(self.config.home.path().to_path_buf()),
            clock: self.clock,
            switch: self.switch.clone(),
            store: self.store.clone(),
            roles: self.roles.clone(),
            transactions: Arc::new(Semaphore::new(TRANSACTIONS_MAX)),
            envelopes: Arc::new(Envelopes::new(self.me.swarm)),
            door: None,
            steward: None,
        };
        let lent = Lent {
            doors: self.config.doors.clone(),
            door: door.clone(),
            stewards: self.config.steward,
            steward: steward.clone(),
        };
        Grounds {
            clock: self.clock,
            switch: self.switch.clone(),
            tasks: self.tasks.clone(),
            statuses: self.statuses.clone(),
            stuck: self
                .config
                .settings
                .exit_on_stuck
                .then_some(self.fatal.clone()),
            make_port: ports(port, lent),
        }
    }
}

/// Finds the directive that runs: the file's, or what was made of it while the node ran. From here
/// on it is the config's.
fn told(
    config: &mut NodeConfig,
    store: &Store,
    me: &Me,
    clock: Clock,
) -> Result<Option<(Ledger, Running)>, NodeError> {
    let Some(live) = &config.live else {
        return Ok(None);
    };
    let (now_ms, plan) = (clock.now().unix_ms, config.plan.clone());
    let told = Ledger::open(store, &me.node, now_ms, live, plan);
    let told = told.map_err(|error| NodeError::Read(Box::new(error)))?;
    config.plan = told.1.plan.clone();
    Ok(Some(told))
}

fn open_store(config: &NodeConfig, fatal: &mpsc::Sender<Ending>) -> Result<Store, NodeError> {
    let fatal = fatal.clone();
    let fatal = move |error: WriteError| {
        tracing::error!(path = %error.path.display(), error = %error.source, "the store cannot be written, the node must stop");
        if fatal.try_send(error.into()).is_err() {
            tracing::debug!("the node is stopping already");
        }
    };
    Ok(Store::open(&config.home.store(), Arc::new(fatal))?)
}

/// What the store remembers of operators' requests, since it began to.
fn requests(store: &Store, clock: Clock) -> Result<RequestGuard, NodeError> {
    let failed = |error| NodeError::Read(Box::new(error));
    let since = store.row(Table::Meta, REQUESTS_SINCE).map_err(failed)?;
    let since_ms = since
        .and_then(|bytes| bytes.as_ref().try_into().ok())
        .map(u64::from_be_bytes);
    let since_ms = match since_ms {
        Some(since_ms) => since_ms,
        None => {
            let now_ms = clock.now().unix_ms;
            begin(store, REQUESTS_SINCE, now_ms);
            now_ms
        }
    };
    let rows = store.rows(Table::Requests).map_err(failed)?;
    let marks = rows.iter().filter_map(|(key, _)| RequestMark::of_row(key));
    Ok(RequestGuard::new(since_ms, marks))
}

fn delivery(store: &Store, me: &Me, clock: Clock) -> Result<Delivery, NodeError> {
    let epoch = store
        .row(Table::Meta, EPOCH)
        .map_err(|error| NodeError::Read(Box::new(error)))?;
    let epoch = epoch
        .and_then(|bytes| bytes.as_ref().try_into().ok())
        .map(u64::from_be_bytes);
    let epoch = match epoch {
        Some(epoch) => epoch,
        None => mint_epoch(store),
    };
    let (rows, next_seq, inbox) = switch::load(store).map_err(NodeError::Read)?;
    let config = DeliveryConfig {
        swarm: me.swarm,
        node: me.node.clone(),
        boot: me.boot,
        epoch,
    };
    Ok(Delivery::new(
        config,
        clock.now(),
        rows,
        next_seq,
        InboxState::load(inbox),
    ))
}

fn mint_epoch(store: &Store) -> u64 {
    let [high, _] = halves(Uuid::new_v4());
    begin(store, EPOCH, high);
    high
}

/// A first commit of a new store; whatever is committed later is behind it in the same queue.
fn begin(store: &Store, key: &[u8], value: u64) {
    let value = bytes::Bytes::copy_from_slice(&value.to_be_bytes());
    let op = Op::Put(Table::Meta, key.to_vec(), value);
    if store
        .commit(crate::store::Commit::new(vec![op], drop))
        .is_err()
    {
        let key = String::from_utf8_lossy(key).into_owned();
        tracing::error!(key, "what a new store begins with could not be written");
    }
}

fn halves(id: Uuid) -> [u64; 2] {
    let (high, low) = id.as_u64_pair();
    [high, low]
}

fn descriptor(me: &Me, config: &NodeConfig) -> Descriptor {
    Descriptor {
        swarm: me.swarm,
        node: me.node.clone(),
        boot: me.boot,
        version: 0,
        addresses: Vec::new(),
        hub: None,
        labels: std::collections::BTreeMap::new(),
        agents: cards(&config.plan),
        load: 0,
        directive: config.directive.clone(),
        program: config.program.clone(),
        issues: false,
    }
}

/// Every agent of the plan, parents before their children, none of them up yet.
pub(crate) fn cards(plan: &Plan) -> Vec<AgentCard> {
    fn add(cards: &mut Vec<AgentCard>, agents: &[AgentPlan], parent: Option<&AgentName>) {
        for agent in agents {
            cards.push(AgentCard {
                agent: agent.id.clone(),
                kind: agent.kind.clone(),
                parent: parent.cloned(),
                emoji: agent.emoji.clone(),
                roles: agent
                    .endpoints
                    .iter()
                    .map(skep_directive::RolePlan::served)
                    .collect(),
                health: AgentHealth::Starting,
                incarnation: 0,
            });
            add(cards, &agent.children, Some(&agent.id));
        }
    }
    let mut cards = Vec::new();
    add(&mut cards, &plan.agents, None);
    cards
}

/// What only some kinds of agents get.
struct Lent {
    doors: Vec<&'static str>,
    door: Arc<dyn Door>,
    stewards: Option<&'static str>,
    steward: StewardHandle,
}

/// Only agents that are a door get what only a door may use; so with the steward.
fn ports(port: Port, lent: Lent) -> MakePort {
    Arc::new(move |_, spec| {
        let door = lent.doors.contains(&spec.kind);
        let steward = lent.stewards == Some(spec.kind);
        Arc::new(Port {
            door: door.then(|| lent.door.clone()),
            steward: steward.then(|| lent.steward.clone()),
            ..port.clone()
        })
    })
}
