//! The door for people and their programs.
//!
//! It serves all HTTP of a node: as the `console`, which every node has, on the control socket; as
//! an agent of a directive on TCP with TLS. A person's program logs in with an operator's key, asks whoever serves a
//! role, and gets the answers as callbacks. These are kept in the node's store, so that a closed
//! window or a restarted door loses nothing. The door speaks for nobody: each request carries its
//! operator's own proof to the agent that answers.

mod answers;
mod ask;
mod callbacks;
mod event;
mod http;
mod journal;
mod request;
mod service;
mod session;
mod sessions;
mod upkeep;

use std::{net::SocketAddr, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use skep_agent::{
    Access, Agent, AgentError, AgentSpec, Ctx, HANDLER_REPLY, HANDLER_REPLY_ERROR, Handlers,
};
use skep_protocol::{
    callback::{CMD_CALLBACK, ROLE_RPC},
    service::CMD_SERVICE,
};

pub use crate::event::Event;
use crate::{callbacks::Flush, event::Happened, service::Services, sessions::Sessions};

/// What a registry lists.
pub const SPEC: AgentSpec = AgentSpec::of::<RpcRouter>();

/// Bytes of callbacks kept for a session unless the directive says otherwise; at the bound the
/// oldest go, and the client is told `gap`.
const JOURNAL_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The least that `journal_bytes_max` may be: two callbacks of the largest size.
const JOURNAL_BYTES_MIN: u64 = 128 * 1024;

/// Time between two looks at what is overdue.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The door's part of a directive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where people's port listens, as `ADDRESS:PORT`; the node's own choice where it says nothing.
    #[serde(default)]
    listen: Option<String>,
    /// Whether it serves the control socket instead of people's port: the node's own `console`.
    #[serde(default)]
    console: bool,
    /// Bytes of callbacks kept for a session that does not fetch them.
    #[serde(default)]
    #[schemars(range(min = 131_072))]
    journal_bytes_max: Option<u64>,
}

/// The agent.
#[derive(Debug)]
pub struct RpcRouter {
    /// Where the directive wants people's port.
    listen: Option<SocketAddr>,
    console: bool,
    sessions: Sessions,
    flush: Flush,
    services: Services,
    /// Where people's port listens, or why it does not.
    people: Option<String>,
    /// Callbacks that belonged to no session, or came from somebody else than they said.
    n_dropped: u64,
}

impl Agent for RpcRouter {
    const KIND: &'static str = "rpc_router";
    const SUMMARY: &'static str = "The door for people and their programs";
    const ROLES: &'static [&'static str] = &["hive.rpc@cmd_rpc_callback"];
    const MAILBOX_MAX: usize = 4096;

    type Config = Config;
    type Event = Event;

    fn handlers() -> Handlers<Self> {
        debug_assert_eq!(Self::ROLES, [format!("{ROLE_RPC}@{CMD_CALLBACK}")]);
        Handlers::<Self>::new()
            .durable(CMD_CALLBACK, Access::agents(), |agent, ctx, tx, request| {
                Box::pin(agent.callback(ctx, tx, request))
            })
            .command(CMD_SERVICE, Access::agents(), |agent, ctx, request| {
                Box::pin(agent.service_request(ctx, request))
            })
            .command(HANDLER_REPLY, Access::agents(), |agent, ctx, request| {
                Box::pin(agent.late_reply(ctx, request))
            })
            .command(
                HANDLER_REPLY_ERROR,
                Access::agents(),
                |agent, ctx, request| Box::pin(agent.late_error(ctx, request)),
            )
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        let listen = config.listen.as_deref().map(parse_listen).transpose()?;
        let bytes_max = config.journal_bytes_max.unwrap_or(JOURNAL_BYTES_MAX);
        if bytes_max < JOURNAL_BYTES_MIN {
            let error = format!("journal_bytes_max: {bytes_max} is less than {JOURNAL_BYTES_MIN}");
            return Err(AgentError::Config(error));
        }
        Ok(Self {
            listen,
            console: config.console,
            sessions: Sessions::new(usize::try_from(bytes_max).unwrap_or(usize::MAX)),
            flush: Flush::default(),
            services: Services::default(),
            people: None,
            n_dropped: 0,
        })
    }

    async fn start(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        self.sessions.load(ctx)?;
        ctx.post_after(UPKEEP_INTERVAL, Event(Happened::Upkeep));
        match ctx.door() {
            Some(door) if self.console => http::open_console(ctx, door),
            Some(door) => {
                http::open_people(ctx, door, self.listen);
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn on_event(&mut self, ctx: &Ctx<Self>, event: Event) -> Result<(), AgentError> {
        match event.0 {
            Happened::Open {
                operator,
                resume,
                answer,
            } => {
                let opened = self.sessions.open(ctx, operator, resume).await;
                event::tell(answer, opened);
            }
            Happened::Call {
                operator,
                request,
                answer,
            } => {
                let opened = self.call(ctx, operator, request).await;
                event::tell(answer, opened);
            }
            Happened::Request {
                session,
                request,
                answer,
            } => {
                let asked = self.request(ctx, &session, request).await;
                event::tell(answer, asked);
            }
            Happened::Subscribe {
                session,
                on,
                answer,
            } => {
                let done = self.sessions.subscribe(ctx, &session, on).await;
                event::tell(answer, done);
            }
            Happened::Closed { session, bye } => self.sessions.closed(ctx, &session, bye).await?,
            Happened::Answered {
                session,
                token,
                answer,
            } => {
                self.answered(ctx, &session, &token, answer).await?;
            }
            Happened::Committed(cursors) => self.committed(ctx, cursors),
            Happened::People(state) => self.people = Some(state),
            Happened::Upkeep => {
                self.upkeep(ctx).await?;
                ctx.post_after(UPKEEP_INTERVAL, Event(Happened::Upkeep));
            }
        }
        Ok(())
    }

    fn state(&self) -> Value {
        json!({
            "sessions": self.sessions.len(),
            "connections": self.sessions.n_connections(),
            "open_requests": self.sessions.n_open_requests(),
            "open_services": self.services.n_open(),
            "dropped_callbacks": self.n_dropped,
            "people": self.people,
        })
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, AgentError> {
    text.parse().map_err(|_| {
        let form = "an address and a port like 0.0.0.0:7480 or [::]:7480";
        AgentError::Config(format!("listen: {text:?} is not {form}"))
    })
}

#[cfg(test)]
mod tests;
