//! The keeper of one agent.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use skep_agent::{
    AgentRuntime, AgentSpec, AgentStatus, Exit, RestartPolicy, STOP_TIME_MAX, one_line,
};
use skep_directive::{AgentPlan, RestartPolicy as PlannedPolicy};
use skep_packet::{Address, AgentHealth};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Grounds, beacon,
    budget::{Budget, End, INTENSITY_DEFAULT, PERIOD_DEFAULT, Verdict},
    jitter,
    vigil::Vigil,
};
use crate::{node::Ending, secrets, switch::MailboxUp};

/// Starts one agent, watches it, and starts it again.
pub(super) struct Keeper {
    plan: AgentPlan,
    spec: AgentSpec,
    stop: CancellationToken,
    grounds: Grounds,
    budget: Budget,
    /// Counts the agent's starts on this boot, also those under another keeper.
    starts: Arc<AtomicU32>,
    shown: watch::Sender<Shown>,
}

/// How an agent is, to whoever started its keeper.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) health: AgentHealth,
    /// Why it failed last.
    why: Option<String>,
}

impl Default for Shown {
    fn default() -> Self {
        let health = AgentHealth::Starting;
        Self { health, why: None }
    }
}

impl Shown {
    /// Whether it runs, or never will without a person.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(self.health, AgentHealth::Starting | AgentHealth::Restarting)
    }

    pub(crate) fn text(&self) -> String {
        let state = match self.health {
            AgentHealth::Healthy => "is healthy",
            AgentHealth::CrashLoop => "fails again and again",
            AgentHealth::Stopped => "has stopped",
            AgentHealth::Stuck => "is stuck",
            _ => "is not healthy yet",
        };
        match &self.why {
            Some(why) => format!("{state}: {why}"),
            None => state.to_owned(),
        }
    }
}

/// How a run of the agent ended.
enum Ended {
    /// It was told to stop and did, or ended by itself in order.
    Normal,
    Failed(String),
    /// It did not stop; nothing of it can be started again.
    Stuck,
}

impl Keeper {
    pub(super) fn new(
        plan: &AgentPlan,
        spec: &AgentSpec,
        stop: CancellationToken,
        grounds: Grounds,
        starts: Arc<AtomicU32>,
        shown: watch::Sender<Shown>,
    ) -> Self {
        let restart = plan.restart;
        let policy = restart
            .and_then(|restart| restart.policy)
            .map(|policy| match policy {
                PlannedPolicy::Permanent => RestartPolicy::Permanent,
                PlannedPolicy::Transient => RestartPolicy::Transient,
                PlannedPolicy::Temporary => RestartPolicy::Temporary,
            });
        let intensity = restart
            .and_then(|restart| restart.intensity)
            .unwrap_or(INTENSITY_DEFAULT);
        let period = restart.and_then(|restart| restart.period_s);
        let period = period.map_or(PERIOD_DEFAULT, |period| Duration::from_secs(period.into()));
        Self {
            budget: Budget::new(policy.unwrap_or(spec.restart), intensity, period),
            plan: plan.clone(),
            spec: *spec,
            stop,
            grounds,
            starts,
            shown,
        }
    }

    pub(super) async fn keep(mut self) {
        loop {
            let ended = self.run_once().await;
            let agent = &self.plan.id;
            let end = match ended {
                Ended::Stuck => return self.stuck().await,
                _ if self.stop.is_cancelled() => return self.show(AgentHealth::Stopped).await,
                Ended::Normal => End::Normal,
                Ended::Failed(error) => {
                    tracing::error!(%agent, error, "agent failed");
                    self.shown.send_modify(|shown| shown.why = Some(error));
                    End::Failed
                }
            };
            match self.budget.ended(self.grounds.clock.now(), end, jitter()) {
                Verdict::Restart(pause) => {
                    self.show(AgentHealth::Restarting).await;
                    let paused = tokio::time::sleep(pause);
                    if self.stop.run_until_cancelled(paused).await.is_none() {
                        return self.show(AgentHealth::Stopped).await;
                    }
                }
                Verdict::CrashLoop => {
                    tracing::error!(%agent, "agent failed too often: left as it is");
                    self.stop.cancel();
                    return self.show(AgentHealth::CrashLoop).await;
                }
                Verdict::Stop => {
                    self.stop.cancel();
                    return self.show(AgentHealth::Stopped).await;
                }
            }
        }
    }

    async fn run_once(&mut self) -> Ended {
        let incarnation = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let config = match secrets::resolve(&self.plan.config) {
            Ok(config) => config,
            Err(error) => return Ended::Failed(error.to_string()),
        };
        let (mailbox, packets) = mpsc::channel(self.spec.mailbox_max);
        let status = Arc::new(AgentStatus::default());
        self.grounds
            .statuses
            .insert(self.plan.id.clone(), status.clone());
        let stop = self.stop.child_token();
        let port = (self.grounds.make_port)(&self.plan, &self.spec);
        let address = Address::new(self.plan.id.clone(), port.node().clone());
        let up = MailboxUp {
            agent: self.plan.id.clone(),
            incarnation,
            mailbox,
            handlers: (self.spec.handlers)(&config),
        };
        self.grounds.switch.mailbox_up(up).await;
        let runtime = AgentRuntime {
            address,
            config,
            port,
            mailbox: packets,
            status: status.clone(),
            stop: stop.clone(),
            beacon: beacon(&self.plan),
        };
        let task = self.grounds.tasks.spawn((self.spec.run)(runtime));
        let ended = self.watch(task, &status, &stop).await;
        self.grounds.switch.mailbox_down(self.plan.id.clone()).await;
        ended
    }

    /// Waits for the task's end, or for two signs of life that did not come.
    async fn watch(
        &self,
        mut task: JoinHandle<Exit>,
        status: &AgentStatus,
        stop: &CancellationToken,
    ) -> Ended {
        let mut announced = false;
        let (mut vigil, mut checks) = (Vigil::default(), interval(beacon(&self.plan)));
        // After a stall the checks come one by one again, not all at once.
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                exit = &mut task => return ended(exit),
                () = stop.cancelled() => return self.wind_down(task).await,
                () = status.wait_started(), if !announced => {
                    announced = true;
                    self.show(AgentHealth::Healthy).await;
                }
                _ = checks.tick() => if vigil.is_over(status.beat_ns()) {
                    tracing::error!(agent = %self.plan.id, "agent hangs: no sign of life");
                    self.show(AgentHealth::Restarting).await;
                    task.abort();
                    return match timeout(STOP_TIME_MAX, task).await {
                        Ok(_) => Ended::Failed("it hung".to_owned()),
                        Err(_) => Ended::Stuck,
                    };
                },
            }
        }
    }

    async fn wind_down(&self, mut task: JoinHandle<Exit>) -> Ended {
        // The agent has its own limits for its stop function and its tasks.
        match timeout(STOP_TIME_MAX * 3, &mut task).await {
            Ok(exit) => ended(exit),
            Err(_) => {
                task.abort();
                Ended::Stuck
            }
        }
    }

    async fn show(&self, health: AgentHealth) {
        self.shown.send_modify(|shown| shown.health = health);
        self.grounds
            .switch
            .health(self.plan.id.clone(), health)
            .await;
    }

    async fn stuck(&self) {
        let agent = &self.plan.id;
        tracing::error!(%agent, "agent is stuck: it does not stop, and is not started again");
        self.show(AgentHealth::Stuck).await;
        if let Some(stuck) = &self.grounds.stuck
            && stuck.send(Ending::Stuck(agent.clone())).await.is_err()
        {
            tracing::debug!("the node is stopping already");
        }
    }
}

fn ended(exit: Result<Exit, tokio::task::JoinError>) -> Ended {
    match exit {
        Ok(Exit::Stopped) => Ended::Normal,
        Ok(Exit::Unstopped) => Ended::Stuck,
        Ok(Exit::Failed(error)) => Ended::Failed(one_line(&error)),
        Err(error) if error.is_panic() => Ended::Failed(panic_text(error.into_panic().as_ref())),
        Err(_) => Ended::Failed("its task was ended".to_owned()),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without a text"))
}
