//! An agent that sends numbers, each once, and remembers how far it came.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use skep_agent::{Agent, AgentError, Ctx, Handlers, Outgoing, StoreError};
use skep_packet::RolePattern;

/// Pause between two transactions.
const PAUSE: Duration = Duration::from_millis(20);

/// An agent that sends numbers, each once, and remembers how far it came.
#[derive(Debug)]
pub struct Spring {
    config: Config,
    to: RolePattern,
}

/// The spring's part of a directive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The role that takes them.
    to: String,
    /// How many there are.
    total: u64,
    /// How many go with one transaction.
    at_once: u64,
}

impl Agent for Spring {
    const KIND: &'static str = "spring";
    const SUMMARY: &'static str = "Sends numbers, each once";
    type Config = Config;
    type Event = ();

    fn handlers() -> Handlers<Self> {
        Handlers::new()
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        let to = config.to.parse();
        let to = to.map_err(|_| AgentError::Config(format!("{:?} is no role", config.to)))?;
        Ok(Self { config, to })
    }

    async fn start(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        println!("SENT {}", ctx.get("n")?.unwrap_or(0_u64));
        ctx.post_after(PAUSE, ());
        Ok(())
    }

    async fn on_event(&mut self, ctx: &Ctx<Self>, (): ()) -> Result<(), AgentError> {
        let first: u64 = ctx.get("n")?.unwrap_or(0);
        let end = self.config.total.min(first + self.config.at_once);
        if first == end {
            return Ok(());
        }
        let sent = ctx.tx(|tx| {
            for n in first..end {
                tx.send(Outgoing::to_role(self.to.clone(), &n));
            }
            tx.put("n", &end);
            Ok(())
        });
        match sent.await {
            Ok(()) => {
                println!("SENT {end}");
                ctx.post_after(PAUSE, ());
            }
            // A full outbox: nothing of the transaction was kept, and it is tried again.
            Err(StoreError::Send(_)) => ctx.post_after(PAUSE, ()),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn state(&self) -> Value {
        json!({ "total": self.config.total })
    }
}
