//! An agent that lends a test its context, and shows what reaches it.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError, mpsc},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use skep_agent::{Access, Agent, AgentError, Ctx, HandlerError, Handlers, Level, Request, Tx};
use skep_packet::NodeId;

/// An agent that lends a test its context, and shows what reaches it.
#[derive(Debug)]
pub struct Probe {
    n_echoes: u64,
}

/// The probe's part of a directive: nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// A durable number that reached a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The sum of all numbers so far, as the probe's store tells it.
    pub total: u64,
    /// How many there were.
    pub n: u64,
}

/// How long a probe that is told to block does so.
const BLOCK_TIME: Duration = Duration::from_secs(2);

/// How long a probe that hangs does so at most.
const HANG_TIME_MAX: Duration = Duration::from_secs(60);

/// What lets the probe that hangs on a node go.
static HANGING: LazyLock<Mutex<HashMap<String, mpsc::Sender<()>>>> = LazyLock::new(Mutex::default);

static CONTEXTS: LazyLock<Mutex<HashMap<String, Ctx<Probe>>>> = LazyLock::new(Mutex::default);

impl Probe {
    /// The context of the probe that runs on a node now.
    #[must_use]
    pub fn on(node: &NodeId) -> Option<Ctx<Self>> {
        let contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        contexts.get(node.as_str()).cloned()
    }

    /// Lets the probe that hangs on a node go, and with it the thread it holds.
    ///
    /// # Panics
    /// Where none hangs there.
    pub fn release(node: &NodeId) {
        let mut hanging = HANGING.lock().unwrap_or_else(PoisonError::into_inner);
        hanging.remove(node.as_str()).unwrap().send(()).unwrap();
    }

    /// What the probe with this context has summed up.
    #[must_use]
    pub fn received(ctx: &Ctx<Self>) -> Received {
        let read = |key| ctx.get(key).unwrap().unwrap_or(0);
        Received {
            total: read("total"),
            n: read("n"),
        }
    }

    async fn echo(&mut self, ctx: &Ctx<Self>, request: Request<Value>) -> Result<(), HandlerError> {
        self.n_echoes += 1;
        let caller = format!("{:?}", request.principal);
        let answer = json!({ "echo": request.content, "by": ctx.address(), "caller": caller });
        Ok(ctx.reply(&request, &answer).await?)
    }

    async fn add(&mut self, tx: &mut Tx, request: Request<u64>) -> Result<(), HandlerError> {
        let total: u64 = tx.get("total")?.unwrap_or(0);
        let n: u64 = tx.get("n")?.unwrap_or(0);
        if request.content == 13 {
            return Err(HandlerError::Refused("thirteen is poison".to_owned()));
        }
        tx.put("total", &(total + request.content));
        tx.put("n", &(n + 1));
        Ok(())
    }

    async fn misbehave(
        &mut self,
        ctx: &Ctx<Self>,
        request: Request<String>,
    ) -> Result<(), HandlerError> {
        match request.content.as_str() {
            "panic" => panic!("as the test asked"),
            "block" => {
                // Nothing of the agent runs meanwhile, not even its sign of life.
                let (_never, blocked) = mpsc::channel::<()>();
                blocked.recv_timeout(BLOCK_TIME).unwrap_err();
            }
            "hang" => {
                let (release, released) = mpsc::channel();
                let node = ctx.address().node.to_string();
                let mut hanging = HANGING.lock().unwrap_or_else(PoisonError::into_inner);
                hanging.insert(node, release);
                drop(hanging);
                released.recv_timeout(HANG_TIME_MAX).unwrap();
            }
            "wait" => tokio::time::sleep(Duration::from_hours(1)).await,
            other => return Err(HandlerError::Refused(format!("cannot {other}"))),
        }
        Ok(())
    }
}

impl Agent for Probe {
    const KIND: &'static str = "probe";
    const SUMMARY: &'static str = "Lends a test its context";
    const ROLES: &'static [&'static str] = &["test.echo@cmd_echo", "test.add@cmd_add"];
    type Config = Config;
    type Event = ();

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new()
            .command(
                "cmd_echo",
                Access::operators(Level::Viewer).or_agents(),
                |agent, ctx, request| Box::pin(agent.echo(ctx, request)),
            )
            .command(
                "cmd_admin",
                Access::operators(Level::Admin),
                |agent, ctx, request| Box::pin(agent.echo(ctx, request)),
            )
            .command("cmd_misbehave", Access::agents(), |agent, ctx, request| {
                Box::pin(agent.misbehave(ctx, request))
            })
            .durable("cmd_add", Access::agents(), |agent, _, tx, request| {
                Box::pin(agent.add(tx, request))
            })
    }

    fn new(_: Config) -> Result<Self, AgentError> {
        Ok(Self { n_echoes: 0 })
    }

    async fn start(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        let mut contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        contexts.insert(ctx.node().to_string(), ctx.clone());
        Ok(())
    }

    async fn on_event(&mut self, _: &Ctx<Self>, (): ()) -> Result<(), AgentError> {
        Ok(())
    }

    fn state(&self) -> Value {
        json!({ "n_echoes": self.n_echoes })
    }
}
