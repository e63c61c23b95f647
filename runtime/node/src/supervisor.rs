//! Supervision: every agent has a keeper that starts it, watches it and starts it again.
//!
//! One for one, in OTP's words: a crash restarts that agent only. An agent that ends for good takes
//! the agents below it in the tree with it.

mod budget;
mod keeper;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::Rng;
use skep_agent::{AgentSpec, AgentStatus, NodePort};
use skep_directive::{AgentPlan, Plan};
use skep_packet::AgentName;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{clock::Clock, switch};

use keeper::Keeper;

/// What keepers need of their node.
#[derive(Clone)]
pub(crate) struct Grounds {
    pub(crate) clock: Clock,
    pub(crate) switch: switch::Handle,
    pub(crate) tasks: TaskTracker,
    pub(crate) statuses: Arc<Statuses>,
    /// An agent did not stop, and the directive says that this ends the process.
    pub(crate) stuck: Option<mpsc::Sender<String>>,
    pub(crate) make_port: MakePort,
}

/// Makes what an agent reaches of its node.
pub(crate) type MakePort = Arc<dyn Fn(&AgentPlan, &AgentSpec) -> Arc<dyn NodePort> + Send + Sync>;

/// The statuses of running agents, for those who show them.
pub(crate) type Statuses = dashmap::DashMap<AgentName, Arc<AgentStatus>>;

/// The keepers of a node's agents.
pub(crate) struct Supervisor {
    stops: Vec<(AgentName, CancellationToken)>,
    keepers: TaskTracker,
}

impl Supervisor {
    /// Starts every agent of the plan, parents before their children.
    pub(crate) fn start(plan: &Plan, specs: &[AgentSpec], grounds: &Grounds) -> Self {
        let mut supervisor = Self {
            stops: Vec::new(),
            keepers: TaskTracker::new(),
        };
        let specs: BTreeMap<_, _> = specs.iter().map(|spec| (spec.kind, spec)).collect();
        for agent in &plan.agents {
            supervisor.start_subtree(agent, &CancellationToken::new(), &specs, grounds);
        }
        supervisor
    }

    fn start_subtree(
        &mut self,
        plan: &AgentPlan,
        parent: &CancellationToken,
        specs: &BTreeMap<&str, &AgentSpec>,
        grounds: &Grounds,
    ) {
        let spec = specs
            .get(plan.kind.as_str())
            .expect("the plan was checked against the specs");
        let stop = parent.child_token();
        self.stops.push((plan.id.clone(), stop.clone()));
        let keeper = Keeper::new(plan, spec, stop.clone(), grounds.clone());
        self.keepers.spawn(keeper.keep());
        for child in &plan.children {
            self.start_subtree(child, &stop, specs, grounds);
        }
    }

    /// Stops every agent, children before their parents.
    pub(crate) async fn stop(self) {
        for (agent, stop) in self.stops.iter().rev() {
            tracing::debug!(%agent, "stopping");
            stop.cancel();
        }
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
