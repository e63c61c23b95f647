//! An agent that does nothing but live, or fail to.

use schemars::JsonSchema;
use serde::Deserialize;
use skep_agent::{Access, Agent, AgentError, Ctx, HandlerError, Handlers, Request};

/// An agent that does nothing but live, or fail to.
#[derive(Debug)]
pub struct Bee {
    config: Config,
}

/// The bee's part of a directive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// It fails when it is started.
    #[serde(default)]
    fails: bool,
    /// Its start never ends.
    #[serde(default)]
    sleeps: bool,
    /// Makes one config differ from another.
    #[serde(default)]
    #[expect(dead_code, reason = "read by nobody, as a config's text is")]
    mark: u32,
}

impl Agent for Bee {
    const KIND: &'static str = "bee";
    const SUMMARY: &'static str = "Does nothing but live, or fail to";
    type Config = Config;
    type Event = ();

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new().command("cmd_panic", Access::agents(), |agent, _, request| {
            Box::pin(agent.panic(request))
        })
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        Ok(Self { config })
    }

    async fn start(&mut self, _: &Ctx<Self>) -> Result<(), AgentError> {
        if self.config.fails {
            return Err(AgentError::Config("as the test asked".to_owned()));
        }
        if self.config.sleeps {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn on_event(&mut self, _: &Ctx<Self>, (): ()) -> Result<(), AgentError> {
        Ok(())
    }
}

impl Bee {
    #[expect(clippy::unused_async, reason = "a handler")]
    async fn panic(&mut self, _: Request<u64>) -> Result<(), HandlerError> {
        panic!("as the test asked")
    }
}
