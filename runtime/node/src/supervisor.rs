//! Supervision: every agent has a keeper that starts it, watches it and starts it again.
//!
//! One for one, in OTP's words: a crash restarts that agent only. An agent that ends for good takes
//! the agents below it in the tree with it.

mod budget;
mod keeper;
mod steps;
mod vigil;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use rand::Rng;
use skep_agent::{AgentSpec, AgentStatus, NodePort};
use skep_directive::{AgentPlan, Plan};
use skep_packet::{AgentHealth, AgentName};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{clock::Clock, node::Ending, switch};

use keeper::Keeper;
pub(crate) use keeper::Shown;
pub(crate) use steps::{Placed, Steps, placed, steps};

/// What keepers need of their node.
#[derive(Clone)]
pub(crate) struct Grounds {
    pub(crate) clock: Clock,
    pub(crate) switch: switch::Handle,
    pub(crate) tasks: TaskTracker,
    pub(crate) statuses: Arc<Statuses>,
    /// An agent did not stop, and the directive says that this ends the process.
    pub(crate) stuck: Option<mpsc::Sender<Ending>>,
    pub(crate) make_port: MakePort,
}

/// Makes what an agent reaches of its node.
pub(crate) type MakePort = Arc<dyn Fn(&AgentPlan, &AgentSpec) -> Arc<dyn NodePort> + Send + Sync>;

/// The statuses of running agents, for those who show them.
pub(crate) type Statuses = dashmap::DashMap<AgentName, Arc<AgentStatus>>;

/// The keepers of a node's agents.
pub(crate) struct Supervisor {
    grounds: Grounds,
    specs: BTreeMap<&'static str, AgentSpec>,
    root: CancellationToken,
    /// Who is kept, in the order of their starts: parents before their children.
    kept: Vec<Kept>,
    /// Counts the starts of each agent on this boot, over replacements too.
    starts: HashMap<AgentName, Arc<AtomicU32>>,
    keepers: TaskTracker,
}

/// One agent and its keeper.
struct Kept {
    agent: AgentName,
    stop: CancellationToken,
    shown: watch::Receiver<Shown>,
    keeper: JoinHandle<()>,
}

impl Supervisor {
    /// Starts every agent of the plan, parents before their children.
    pub(crate) fn start(plan: &Plan, specs: &[AgentSpec], grounds: Grounds) -> Self {
        let mut supervisor = Self {
            grounds,
            specs: specs.iter().map(|spec| (spec.kind, *spec)).collect(),
            root: CancellationToken::new(),
            kept: Vec::new(),
            starts: HashMap::new(),
            keepers: TaskTracker::new(),
        };
        for agent in &placed(plan) {
            supervisor.start_one(agent);
        }
        supervisor
    }

    /// Starts one agent; its parent runs already.
    pub(crate) fn start_one(&mut self, agent: &Placed) {
        let plan = &agent.plan;
        let spec = self
            .specs
            .get(plan.kind.as_str())
            .expect("the plan was checked against the specs");
        let above = self
            .kept
            .iter()
            .find(|kept| Some(&kept.agent) == agent.parent.as_ref());
        let stop = above.map_or(&self.root, |above| &above.stop).child_token();
        let starts = self.starts.entry(plan.id.clone()).or_default().clone();
        let (show, shown) = watch::channel(Shown::default());
        let keeper = Keeper::new(plan, spec, stop.clone(), self.grounds.clone(), starts, show);
        self.kept.push(Kept {
            agent: plan.id.clone(),
            stop,
            shown,
            keeper: self.keepers.spawn(keeper.keep()),
        });
    }

    /// Stops these agents in their order, and waits for each; names those that do not stop, which
    /// must not be started again.
    pub(crate) async fn stop_some(&mut self, agents: &[Placed]) -> Vec<AgentName> {
        let mut stuck = Vec::new();
        for agent in agents {
            let id = &agent.plan.id;
            let Some(place) = self.kept.iter().position(|kept| kept.agent == *id) else {
                continue;
            };
            tracing::debug!(agent = %id, "stopping");
            let kept = &mut self.kept[place];
            kept.stop.cancel();
            if let Err(error) = (&mut kept.keeper).await {
                tracing::error!(agent = %id, %error, "a keeper failed");
            }
            if kept.shown.borrow().health == AgentHealth::Stuck {
                stuck.push(id.clone());
                continue;
            }
            self.kept.remove(place);
            self.grounds.statuses.remove(id);
        }
        stuck
    }

    /// Waits until each of these agents takes packets.
    ///
    /// # Errors
    /// The first that does not, and why.
    pub(crate) async fn wait_healthy(
        &self,
        agents: &[Placed],
        within: Duration,
    ) -> Result<(), String> {
        let all = async {
            for agent in agents {
                self.healthy(&agent.plan.id).await?;
            }
            Ok(())
        };
        match timeout(within, all).await {
            Ok(result) => result,
            Err(_) => Err(self.first_sick(agents, within)),
        }
    }

    async fn healthy(&self, agent: &AgentName) -> Result<(), String> {
        let Some(kept) = self.kept.iter().find(|kept| kept.agent == *agent) else {
            return Err(format!("{agent} was not started"));
        };
        let mut shown = kept.shown.clone();
        let settled = shown.wait_for(|shown| shown.is_settled()).await;
        let shown = settled.map_err(|_| format!("{agent} has no keeper any more"))?;
        match shown.health {
            AgentHealth::Healthy => Ok(()),
            _ => Err(format!("{agent} {}", shown.text())),
        }
    }

    fn first_sick(&self, agents: &[Placed], within: Duration) -> String {
        let sick = agents.iter().find_map(|agent| {
            let kept = self.kept.iter().find(|kept| kept.agent == agent.plan.id)?;
            let shown = kept.shown.borrow();
            (shown.health != AgentHealth::Healthy)
                .then(|| format!("{} {}", kept.agent, shown.text()))
        });
        let sick = sick.unwrap_or_else(|| "an agent was slow".to_owned());
        format!("{sick}, after {} s", within.as_secs())
    }

    /// Stops every agent, children before their parents.
    pub(crate) async fn stop(&mut self) {
        for kept in self.kept.iter().rev() {
            tracing::debug!(agent = %kept.agent, "stopping");
            kept.stop.cancel();
        }
        self.root.cancel();
        self.keepers.close();
        self.keepers.wait().await;
    }
}

/// A number in 0..1 that spreads what would come together.
fn jitter() -> f64 {
    rand::rng().random_range(0.0..1.0)
}

/// The time between two signs of life of an agent.
fn beacon(plan: &AgentPlan) -> Duration {
    plan.beacon_interval_ms
        .map_or(skep_agent::BEACON_DEFAULT, Duration::from_millis)
}
