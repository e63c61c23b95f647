//! The agent: one type, one folder.

use std::future::Future;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{AgentError, Ctx, Handlers, RestartPolicy, RoleUse};

/// An agent's program.
///
/// Its node calls it from one task, one call at a time: `new`, `start`, then handlers and
/// `on_event` in the order in which packets and events came, and `stop`. A call that takes longer
/// than [`HANDLER_TIME_MAX`](crate::HANDLER_TIME_MAX) fails; long work goes to [`Ctx::spawn`] or
/// [`Ctx::blocking`] and comes back as an event. A panic ends the agent, never the node.
pub trait Agent: Sized + Send + 'static {
    /// `name` in a directive.
    const KIND: &'static str;
    /// One sentence for people.
    const SUMMARY: &'static str;
    /// Roles it serves unless its directive says otherwise, each `role@handler`.
    const ROLES: &'static [&'static str] = &[];
    /// Roles it sends to.
    const USES: &'static [RoleUse] = &[];
    /// When it is started again unless its directive says otherwise.
    const RESTART: RestartPolicy = RestartPolicy::Permanent;
    /// Packets that may wait for it.
    const MAILBOX_MAX: usize = 1024;

    /// Its part of the directive, read once.
    type Config: DeserializeOwned + JsonSchema + Send;

    /// What its own tasks and timers tell it.
    type Event: Send + 'static;

    /// What it can be asked.
    fn handlers() -> Handlers<Self>;

    /// Takes the config in; does nothing else yet.
    ///
    /// # Errors
    /// What in the config makes no sense, and what would.
    fn new(config: Self::Config) -> Result<Self, AgentError>;

    /// Begins its work: opens what it needs, resumes what a restart interrupted.
    fn start(&mut self, ctx: &Ctx<Self>) -> impl Future<Output = Result<(), AgentError>> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Takes what one of its own tasks or timers says.
    fn on_event(
        &mut self,
        ctx: &Ctx<Self>,
        event: Self::Event,
    ) -> impl Future<Output = Result<(), AgentError>> + Send;

    /// Its observable state, as small JSON; shown to people.
    fn state(&self) -> Value {
        Value::Null
    }

    /// Ends its work; at most 5 s, then its tasks are cut off.
    fn stop(&mut self, ctx: &Ctx<Self>) -> impl Future<Output = ()> + Send {
        let _ = ctx;
        async {}
    }
}
