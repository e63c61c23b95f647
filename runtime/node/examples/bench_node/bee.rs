//! The agent on both nodes: it counts what reaches it, and lends its context to the load.

use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use skep_agent::{Access, Agent, AgentError, Ctx, HandlerError, Handlers, Request, Tx};

/// The agent's name.
pub(crate) const NAME: &str = "bee";

/// The role that both bees serve; the load names the other one by its address.
pub(crate) const ROLE: &str = "bench.bee";

/// Takes a packet.
pub(crate) const CMD_TAKE: &str = "cmd_take";

/// Takes a durable packet: that it was taken is kept.
pub(crate) const CMD_KEEP: &str = "cmd_keep";

/// Answers how many were taken so far.
pub(crate) const CMD_COUNT: &str = "cmd_count";

static CONTEXT: OnceLock<Ctx<Bee>> = OnceLock::new();

/// It counts.
pub(crate) struct Bee {
    n_taken: u64,
}

/// The bee's part of a directive: nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {}

impl Bee {
    /// The context of this process's bee, once it runs.
    pub(crate) fn context() -> Option<Ctx<Self>> {
        CONTEXT.get().cloned()
    }

    async fn take(&mut self, request: Request<String>) -> Result<(), HandlerError> {
        self.n_taken += u64::from(!request.content.is_empty());
        Ok(())
    }

    async fn keep(&mut self, tx: &mut Tx, request: Request<String>) -> Result<(), HandlerError> {
        self.take(request).await?;
        tx.put("taken", &self.n_taken);
        Ok(())
    }

    async fn count(&mut self, ctx: &Ctx<Self>, request: Request<()>) -> Result<(), HandlerError> {
        Ok(ctx.reply(&request, &self.n_taken).await?)
    }
}

impl Agent for Bee {
    const KIND: &'static str = "bee";
    const SUMMARY: &'static str = "Counts what reaches it";
    const ROLES: &'static [&'static str] = &["bench.bee@cmd_take"];
    const MAILBOX_MAX: usize = 64 * 1024;
    type Config = Config;
    type Event = ();

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new()
            .command(CMD_TAKE, Access::agents(), |agent, _, request| {
                Box::pin(agent.take(request))
            })
            .durable(CMD_KEEP, Access::agents(), |agent, _, tx, request| {
                Box::pin(agent.keep(tx, request))
            })
            .command(CMD_COUNT, Access::agents(), |agent, ctx, request| {
                Box::pin(agent.count(ctx, request))
            })
    }

    fn new(_: Config) -> Result<Self, AgentError> {
        Ok(Self { n_taken: 0 })
    }

    async fn start(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        // A bee that was started anew would count from zero: the first context stays.
        if CONTEXT.set(ctx.clone()).is_err() {
            tracing::error!("the bee was started twice");
        }
        Ok(())
    }

    async fn on_event(&mut self, _: &Ctx<Self>, (): ()) -> Result<(), AgentError> {
        Ok(())
    }

    fn state(&self) -> Value {
        self.n_taken.into()
    }
}
