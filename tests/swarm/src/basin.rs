//! An agent that keeps the numbers that reach it, counts how often each did, and may pass them on.

use schemars::JsonSchema;
use serde::Deserialize;
use skep_agent::{Access, Agent, AgentError, Ctx, HandlerError, Handlers, Outgoing, Request, Tx};
use skep_packet::RolePattern;

/// An agent that keeps the numbers that reach it, counts how often each did, and may pass them on.
#[derive(Debug)]
pub struct Basin {
    to: Option<RolePattern>,
}

/// The basin's part of a directive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The role that they are passed on to, in the same transaction.
    #[serde(default)]
    to: Option<String>,
}

impl Agent for Basin {
    const KIND: &'static str = "basin";
    const SUMMARY: &'static str = "Keeps numbers, and may pass them on";
    type Config = Config;
    type Event = ();

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new().durable("cmd_keep", Access::agents(), |agent, _, tx, request| {
            Box::pin(agent.keep(tx, request))
        })
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        let to = config.to.as_deref().map(str::parse).transpose();
        let to = to.map_err(|_| AgentError::Config(format!("{:?} is no role", config.to)))?;
        Ok(Self { to })
    }

    async fn start(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        println!("KEPT {}", ctx.get("n")?.unwrap_or(0_u64));
        Ok(())
    }

    async fn on_event(&mut self, _: &Ctx<Self>, (): ()) -> Result<(), AgentError> {
        Ok(())
    }
}

impl Basin {
    #[expect(clippy::unused_async, reason = "a handler")]
    async fn keep(&mut self, tx: &mut Tx, request: Request<u64>) -> Result<(), HandlerError> {
        let key = format!("kept/{:08}", request.content);
        let times: u64 = tx.get(&key)?.unwrap_or(0);
        tx.put(&key, &(times + 1));
        let n: u64 = tx.get("n")?.unwrap_or(0);
        tx.put("n", &(n + 1));
        // For those who watch; what counts is what the store holds at the end.
        println!("KEPT {}", n + 1);
        if let Some(to) = &self.to {
            tx.send(Outgoing::to_role(to.clone(), &request.content));
        }
        Ok(())
    }
}
