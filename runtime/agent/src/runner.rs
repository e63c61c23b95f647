//! An agent's task: one call at a time, a sign of life in between.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use serde_json::Value;
use skep_packet::{Address, Refusal};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Agent, AgentError, AgentStatus, Ctx, Delivery, HandlerError, Handlers, NodePort, Request,
    handlers::Call, one_line,
};

/// Longest time one call of an agent may take; then it fails.
pub const HANDLER_TIME_MAX: Duration = Duration::from_secs(30);

/// Longest time an agent and its tasks may take to stop.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// Events of an agent's own tasks that may wait; at the bound its tasks wait.
const EVENTS_MAX: usize = 256;

/// What a node hands to an agent's task.
pub struct AgentRuntime {
    /// The agent's address.
    pub address: Address,
    /// Its part of the directive.
    pub config: Value,
    /// Its node.
    pub port: Arc<dyn NodePort>,
    /// Packets for it.
    pub mailbox: mpsc::Receiver<Delivery>,
    /// What its supervisor sees.
    pub status: Arc<AgentStatus>,
    /// Cancelled when it should stop.
    pub stop: CancellationToken,
    /// Time between two signs of life.
    pub beacon: Duration,
}

impl std::fmt::Debug for AgentRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentRuntime")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// How an agent's task ended; a panic shows in the task itself.
#[derive(Debug)]
pub enum Exit {
    /// It was told to stop, and did.
    Stopped,
    /// It, or its tasks, did not stop within [`STOP_TIME_MAX`].
    Unstopped,
    /// It could not be built or started, or gave up.
    Failed(AgentError),
}

pub(crate) fn build<A: Agent>(config: Value) -> Result<A, AgentError> {
    let config = serde_path_to_error::deserialize(config)
        .map_err(|error| AgentError::Config(error.to_string()))?;
    A::new(config)
}

pub(crate) async fn run<A: Agent>(runtime: AgentRuntime) -> Exit {
    let AgentRuntime {
        address,
        config,
        port,
        mailbox,
        status,
        stop,
        beacon,
    } = runtime;
    let handlers = A::handlers().with_config(&config);
    let agent = match build::<A>(config) {
        Ok(agent) => agent,
        Err(error) => return Exit::Failed(error),
    };
    let (events_tx, events) = mpsc::channel(EVENTS_MAX);
    let tasks = TaskTracker::new();
    let work = CancellationToken::new();
    // Dropped on every way out, a panic too: the agent's tasks end with it.
    let _work = work.clone().drop_guard();
    let ctx = Ctx::new(
        address,
        port,
        beacon,
        tasks.clone(),
        work.clone(),
        events_tx,
    );
    let mut ticks = interval(beacon / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let pulse = Pulse {
        ctx: ctx.clone(),
        status,
        ticks,
    };
    let mut task = Task {
        agent,
        ctx,
        handlers,
        pulse,
        mailbox,
        events,
    };
    let result = task.live(&stop).await;
    let stopped = timeout(STOP_TIME_MAX, task.agent.stop(&task.ctx))
        .await
        .is_ok();
    work.cancel();
    tasks.close();
    let ended = timeout(STOP_TIME_MAX, tasks.wait()).await.is_ok();
    match result {
        Ok(()) | Err(AgentError::Ended) if stopped && ended => Exit::Stopped,
        Ok(()) | Err(AgentError::Ended) => Exit::Unstopped,
        Err(error) => Exit::Failed(error),
    }
}

struct Task<A: Agent> {
    agent: A,
    ctx: Ctx<A>,
    handlers: Handlers<A>,
    pulse: Pulse<A>,
    mailbox: mpsc::Receiver<Delivery>,
    events: mpsc::Receiver<A::Event>,
}

/// The agent's signs of life: also while a call waits, not while it blocks its thread.
struct Pulse<A: Agent> {
    ctx: Ctx<A>,
    status: Arc<AgentStatus>,
    ticks: Interval,
}

impl<A: Agent> Pulse<A> {
    async fn tick(&mut self) {
        self.ticks.tick().await;
        self.status.beat(self.ctx.now().mono_ns);
    }

    /// Waits for a call; `None` when it took longer than a call may.
    async fn during<T>(&mut self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = pin!(timeout(HANDLER_TIME_MAX, call));
        loop {
            tokio::select! {
                biased;
                result = &mut call => return result.ok(),
                () = self.tick() => {}
            }
        }
    }
}

impl<A: Agent> Task<A> {
    async fn live(&mut self, stop: &CancellationToken) -> Result<(), AgentError> {
        self.pulse.status.beat(self.ctx.now().mono_ns);
        let start = self.agent.start(&self.ctx);
        self.pulse
            .during(start)
            .await
            .unwrap_or_else(|| Err(too_long("start")))?;
        self.pulse.status.set_started();
        self.show();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = self.pulse.tick() => self.show(),
                Some(event) = self.events.recv() => self.event(event).await?,
                Some(delivery) = self.mailbox.recv() => self.deliver(delivery).await,
            }
        }
    }

    fn show(&self) {
        self.pulse.status.show(self.agent.state());
    }

    async fn event(&mut self, event: A::Event) -> Result<(), AgentError> {
        let call = self.agent.on_event(&self.ctx, event);
        let outcome = self.pulse.during(call).await;
        self.pulse.status.count(matches!(outcome, Some(Ok(()))));
        outcome.unwrap_or_else(|| Err(too_long("handle an event")))
    }

    async fn deliver(&mut self, delivery: Delivery) {
        let outcome = self.call(&delivery).await;
        self.pulse.status.count(outcome.is_ok());
        let Err(error) = outcome else { return };
        let error = one_line(&error);
        let handler = &delivery.packet.handler;
        tracing::warn!(agent = %self.ctx.address(), %handler, error, "handler failed");
        if let Some(durable) = delivery.durable {
            self.ctx.durable_failed(durable, error);
        } else if let Err(error) = self.ctx.reply_error(&Request::of(&delivery), &error).await {
            tracing::debug!(agent = %self.ctx.address(), %error, "the asker could not be told");
        }
    }

    async fn call(&mut self, delivery: &Delivery) -> Result<(), HandlerError> {
        let name = delivery.packet.handler.as_str();
        let Some((_, call)) = self.handlers.find(name) else {
            return Err(HandlerError::Refused(Refusal::NoHandler.name().to_owned()));
        };
        let late = || HandlerError::Refused("the handler took too long".to_owned());
        match call {
            Call::Command(call) => {
                let call = call(&mut self.agent, &self.ctx, delivery);
                self.pulse
                    .during(call)
                    .await
                    .unwrap_or_else(|| Err(late()))?;
                if delivery.durable.is_some() {
                    let tx = self.ctx.begin();
                    self.ctx.enqueue(tx, delivery.durable.clone()).await?;
                }
            }
            Call::Durable(call) => {
                let _turn = self.ctx.turn().await;
                let mut tx = self.ctx.begin();
                let call = call(&mut self.agent, &self.ctx, &mut tx, delivery);
                self.pulse
                    .during(call)
                    .await
                    .unwrap_or_else(|| Err(late()))?;
                if tx.is_empty() && delivery.durable.is_none() {
                    return Ok(());
                }
                // Nobody waits for the ticket here: packets of the transaction do, and a commit
                // that fails stops the node.
                self.ctx.enqueue(tx, delivery.durable.clone()).await?;
            }
        }
        Ok(())
    }
}

fn too_long(step: &str) -> AgentError {
    let limit = format!("took longer than {} s", HANDLER_TIME_MAX.as_secs());
    AgentError::outside(step, limit)
}
