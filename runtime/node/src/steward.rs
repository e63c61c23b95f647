//! Live operations: how a running node changes what it runs, whole or not at all.
//!
//! What runs is a directive at any time: the file's, changed by every order since. An order is a
//! change of that text; the new text is checked like a file, and what differs is stopped and
//! started. When all of it is healthy, the new text is written down in one commit with the audit
//! log's entry; before that a restart of the node finds the old one.

mod ledger;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use skep_agent::{AuditPage, Deed, Done, Order, SignedWord, Stewardship};
use skep_directive::{Edit, Plan, edit};
use skep_identity::{AuditEvent, Warrant};
use skep_packet::{AgentName, NodeId};
use tokio::sync::{Mutex, MutexGuard, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    store::Store,
    supervisor::{Placed, Steps, Supervisor, steps},
    switch,
};

use ledger::Runs;
pub(crate) use ledger::{Ledger, text_hash};

/// How long agents that an order starts may take until they are healthy.
const HEALTHY_TIME_MAX: Duration = Duration::from_secs(10);

/// Longest text of a reload that was refused, in the audit log; the node's own log has all of it.
const REASON_CHARS_MAX: usize = 2048;

/// Makes a plan of a directive's text, or says everything that is wrong with it.
pub type ReadPlan = Arc<dyn Fn(&str) -> Result<Plan, String> + Send + Sync>;

/// What a node needs so that its directive can be changed while it runs.
#[derive(Clone)]
pub struct LiveDirective {
    /// The text as the file has it.
    pub text: String,
    /// Makes a plan of a changed text, as the plan of the file was made.
    pub read: ReadPlan,
}

impl std::fmt::Debug for LiveDirective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveDirective")
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// What runs now.
pub(crate) struct Running {
    pub(crate) text: String,
    pub(crate) plan: Plan,
}

impl Running {
    /// What no order changes.
    pub(crate) fn fixed(plan: Plan) -> Self {
        let text = String::new();
        Self { text, plan }
    }
}

/// What an order works on; one order at a time.
pub(crate) struct Ward {
    pub(crate) supervisor: Supervisor,
    pub(crate) running: Running,
    pub(crate) ledger: Ledger,
}

/// The node's side of its steward.
pub(crate) struct NodeSteward {
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) switch: switch::Handle,
    pub(crate) tasks: TaskTracker,
    /// The node is on its way down: no order is begun or put back any more.
    pub(crate) stopping: CancellationToken,
    pub(crate) read: Option<ReadPlan>,
    /// There once the agents are started.
    pub(crate) ward: OnceLock<Mutex<Ward>>,
}

/// What an order leads to.
struct Target {
    text: String,
    plan: Plan,
    steps: Steps,
}

/// The way to a node's steward, for its port.
#[derive(Clone)]
pub(crate) struct StewardHandle(pub(crate) Arc<NodeSteward>);

impl Stewardship for StewardHandle {
    fn order(&self, order: Order) -> BoxFuture<'static, Result<Done, String>> {
        let (done, answer) = oneshot::channel();
        let steward = self.0.clone();
        // To its end also when the agent that asked is itself stopped meanwhile.
        self.0.tasks.spawn(async move {
            let result = steward.order(order).await;
            if done.send(result).is_err() {
                tracing::info!("nobody waits for the outcome of an order");
            }
        });
        let stopped = || Err("the node is stopping".to_owned());
        async move { answer.await.unwrap_or_else(|_| stopped()) }.boxed()
    }

    fn audit(&self, after: u64, bytes_max: usize) -> Result<AuditPage, String> {
        ledger::page(&self.0.store, after, bytes_max)
    }
}

impl StewardHandle {
    /// Makes a file's text what runs, to its end also when nobody waits; the node's log says what came
    /// of it.
    pub(crate) fn reload(&self, text: String) -> BoxFuture<'static, Result<Done, String>> {
        let (done, answer) = oneshot::channel();
        let steward = self.0.clone();
        self.0.tasks.spawn(async move {
            let result = steward.reload(text).await;
            match &result {
                Ok(Done { entry: None, .. }) => tracing::info!("the directive is as it was"),
                Ok(done) => tracing::info!(what = said(done), "the directive was read again"),
                Err(why) => tracing::error!(why, "the directive is not taken: all is as before"),
            }
            if done.send(result).is_err() {
                tracing::debug!("nobody waits for the outcome of a reload");
            }
        });
        let stopped = || Err("the node is stopping".to_owned());
        async move { answer.await.unwrap_or_else(|_| stopped()) }.boxed()
    }
}

impl NodeSteward {
    /// Ends every agent, and whatever order is under way.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        if let Some(ward) = self.ward.get() {
            ward.lock().await.supervisor.stop().await;
        }
    }

    /// One change at a time; none while the node is on its way down.
    async fn turn(&self) -> Result<(&ReadPlan, MutexGuard<'_, Ward>), String> {
        let fixed = "this node's directive is not to be changed while it runs";
        let read = self.read.as_ref().ok_or(fixed)?;
        let ward = self.ward.get().ok_or("the node is starting")?;
        let ward = ward.lock().await;
        if self.stopping.is_cancelled() {
            return Err("the node is stopping".to_owned());
        }
        Ok((read, ward))
    }

    async fn order(&self, order: Order) -> Result<Done, String> {
        let (read, mut ward) = self.turn().await?;
        let target = target(&ward.running, read, &order.deed)?;
        let mut done = target.done();
        if order.dry_run {
            return Ok(done);
        }
        let command = AuditEvent::Command(warrant(order.word));
        let entry = self.write(&mut ward, command, Runs::AsBefore).await?;
        done.entry = Some(entry);
        let result = self.carry_out(&mut ward, &target).await;
        let (is_done, text) = outcome(&result, &done);
        if is_done {
            ward.running = target.reached();
        }
        let directive = text_hash(&ward.running.text);
        let event = AuditEvent::Outcome {
            of: entry,
            is_done,
            text,
            directive,
        };
        let text = ward.running.text.clone();
        let runs = match is_done {
            true => Runs::Changed(&text),
            false => Runs::AsBefore,
        };
        self.write(&mut ward, event, runs).await?;
        result.map(|()| done)
    }

    /// Makes the file's text what runs, whole or not at all. Changes that orders made to the last one
    /// are dropped; a file that did not change leaves everything as it is.
    async fn reload(&self, text: String) -> Result<Done, String> {
        let (read, mut ward) = self.turn().await?;
        let base = text_hash(&text);
        if base == ward.ledger.base {
            return Ok(Done::default());
        }
        let mut done = Done::default();
        let result = match aim(&ward.running, read, text) {
            Ok(target) => {
                done = target.done();
                let result = self.carry_out(&mut ward, &target).await;
                if result.is_ok() {
                    warn_of_settings(&ward.running.plan, &target.plan);
                    ward.running = target.reached();
                    ward.ledger.base = base;
                }
                result
            }
            Err(why) => Err(why),
        };
        let (is_done, text) = outcome(&result, &done);
        let directive = text_hash(&ward.running.text);
        let event = AuditEvent::Reloaded {
            is_done,
            text: text.chars().take(REASON_CHARS_MAX).collect(),
            directive,
        };
        let runs = match is_done {
            true => Runs::TheFile,
            false => Runs::AsBefore,
        };
        done.entry = Some(self.write(&mut ward, event, runs).await?);
        result.map(|()| done)
    }

    /// Stops and starts; where that does not lead to healthy agents, everything is put back.
    async fn carry_out(&self, ward: &mut Ward, target: &Target) -> Result<(), String> {
        let Steps { stop, start } = &target.steps;
        let stuck = ward.supervisor.stop_some(stop).await;
        if let Some(agent) = stuck.first() {
            let why =
                format!("{agent} does not stop: it is left stuck, everything else is as before");
            self.put_back(ward, stop, &[], &stuck).await;
            return Err(why);
        }
        self.switch.agents(crate::node::cards(&target.plan)).await;
        for agent in start {
            ward.supervisor.start_one(agent);
        }
        let healthy = ward.supervisor.wait_healthy(start, HEALTHY_TIME_MAX);
        let why = match self.stopping.run_until_cancelled(healthy).await {
            None => return Err("the node is stopping".to_owned()),
            Some(Ok(())) => return Ok(()),
            Some(Err(why)) => why,
        };
        tracing::warn!(why, "an order is undone");
        self.put_back(ward, stop, start, &[]).await;
        Err(format!("{why}: everything is as before"))
    }

    async fn put_back(&self, ward: &mut Ward, old: &[Placed], new: &[Placed], stuck: &[AgentName]) {
        let new: Vec<Placed> = new.iter().rev().cloned().collect();
        ward.supervisor.stop_some(&new).await;
        self.switch
            .agents(crate::node::cards(&ward.running.plan))
            .await;
        // They were stopped children first.
        let is_free = |agent: &&Placed| !stuck.contains(&agent.plan.id);
        let old: Vec<Placed> = old.iter().rev().filter(is_free).cloned().collect();
        for agent in &old {
            ward.supervisor.start_one(agent);
        }
        let healthy = ward.supervisor.wait_healthy(&old, HEALTHY_TIME_MAX);
        if let Some(Err(why)) = self.stopping.run_until_cancelled(healthy).await {
            tracing::error!(why, "an agent is not what it was before the order");
        }
    }

    /// Writes an entry of the audit log and, with it, what runs from now on.
    async fn write(
        &self,
        ward: &mut Ward,
        event: AuditEvent,
        runs: Runs<'_>,
    ) -> Result<u64, String> {
        let now_ms = self.clock.now().unix_ms;
        let (commit, written) = ward.ledger.entry(&self.node, now_ms, event, runs);
        let full = |_| "the store is busy: try again".to_owned();
        self.store.commit(commit).map_err(full)?;
        let failed = || "the store took nothing".to_owned();
        let head = written.await.map_err(|_| failed())?.map_err(|_| failed())?;
        ward.ledger.head = head;
        Ok(head.seq)
    }
}

fn target(running: &Running, read: &ReadPlan, deed: &Deed) -> Result<Target, String> {
    let (text, again) = match deed {
        Deed::Restart { agent } => {
            if running.plan.find(agent.as_str()).is_none() {
                return Err(format!("this node runs no agent {agent}"));
            }
            (running.text.clone(), Some(agent))
        }
        deed => {
            let change = change(deed.clone());
            let text = edit(&running.text, &change).map_err(|error| error.to_string())?;
            (text, None)
        }
    };
    if again.is_none() {
        return aim(running, read, text);
    }
    let plan = running.plan.clone();
    let steps = steps(&running.plan, &plan, again);
    Ok(Target { text, plan, steps })
}

/// What leads from what runs to another text.
fn aim(running: &Running, read: &ReadPlan, text: String) -> Result<Target, String> {
    let plan = read(&text)?;
    let steps = steps(&running.plan, &plan, None);
    Ok(Target { text, plan, steps })
}

impl Target {
    fn done(&self) -> Done {
        let ids = |agents: &[Placed]| agents.iter().map(|agent| agent.plan.id.clone()).collect();
        Done {
            stopped: ids(&self.steps.stop),
            started: ids(&self.steps.start),
            entry: None,
        }
    }

    fn reached(self) -> Running {
        let Self { text, plan, .. } = self;
        Running { text, plan }
    }
}

/// Whether it was done, and what is said of it.
fn outcome(result: &Result<(), String>, done: &Done) -> (bool, String) {
    match result {
        Ok(()) => (true, said(done)),
        Err(why) => (false, why.clone()),
    }
}

/// The node itself is not started anew.
fn warn_of_settings(old: &Plan, new: &Plan) {
    if old.node != new.node {
        tracing::warn!("the directive's `node` has changed: it holds from the next start");
    }
}

fn change(deed: Deed) -> Edit {
    match deed {
        Deed::Inject { under, agent } => Edit::Inject { under, agent },
        Deed::Replace { agent, with } => Edit::Replace { agent, with },
        Deed::Delete { agent } | Deed::Restart { agent } => Edit::Delete { agent },
    }
}

fn warrant(word: SignedWord) -> Warrant {
    Warrant {
        role: word.role,
        token: word.token,
        payload: word.payload,
        proof: word.proof,
    }
}

fn said(done: &Done) -> String {
    let listed = |agents: &[AgentName]| {
        let names: Vec<&str> = agents.iter().map(AgentName::as_str).collect();
        match names.is_empty() {
            true => "nobody".to_owned(),
            false => names.join(", "),
        }
    };
    let (stopped, started) = (listed(&done.stopped), listed(&done.started));
    format!("stopped {stopped}; started {started}")
}
