//! Watches this host's logs and writes digests.
//!
//! It patrols by itself, from position to position, and makes digests on demand. It waits neither
//! for keys nor for roles. Where an oracle is asked, each question has its own watchdog: people get
//! the digest in any case, and hear of it when no analysis comes.

#![warn(missing_docs)]

pub mod digest;

mod ask;
mod config;
pub mod explain;
mod job;
mod letter;
mod look;
pub mod offline;
mod patrol;
mod question;
mod read;
mod reports;
mod seen;
mod shared;
mod show;
mod watch;

use std::convert::Infallible;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;
use skep_agent::Access;
use skep_agent::Agent;
use skep_agent::AgentError;
use skep_agent::AgentSpec;
use skep_agent::Ctx;
use skep_agent::Handlers;
use skep_agent::Level;
use skep_agent::RoleUse;
use skep_protocol::alert;
use skep_protocol::callback;
use skep_protocol::digest::HANDLER;
use skep_protocol::oracle;
use skep_protocol::status;

pub use crate::config::Config;
pub use crate::look::Look;
pub use crate::look::look;
use crate::shared::Shared;
pub use crate::show::html;
pub use crate::show::text;

/// What a registry lists.
pub const SPEC: AgentSpec = AgentSpec::of::<LogWatcher>();

/// The agent.
#[derive(Debug)]
pub struct LogWatcher {
    shared: Arc<Shared>,
}

impl Agent for LogWatcher {
    const KIND: &'static str = "log_watcher";
    const SUMMARY: &'static str = "Watches this host's logs and writes digests";
    const ROLES: &'static [&'static str] =
        &["logwatch.generate.digest@cmd_generate_system_log_digest"];
    const USES: &'static [RoleUse] = &[
        RoleUse {
            config_key: "oracle_role",
            default: oracle::ROLE,
            enabled_by: "enable_oracle",
        },
        RoleUse {
            config_key: "alert_role",
            default: alert::ROLE,
            enabled_by: "",
        },
        RoleUse {
            config_key: "rpc_router_role",
            default: callback::ROLE_RPC,
            enabled_by: "",
        },
        RoleUse {
            config_key: "report_to_role",
            default: status::ROLE,
            enabled_by: "report_to_role",
        },
    ];

    type Config = Config;
    type Event = Infallible;

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new()
            .command(
                HANDLER,
                Access::operators(Level::Viewer).or_agents(),
                |agent, ctx, request| Box::pin(job::begin(ctx, &agent.shared, request)),
            )
            .command(
                oracle::RETURN_HANDLER,
                Access::agents(),
                |agent, ctx, request| Box::pin(ask::late(ctx, &agent.shared, request)),
            )
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        Ok(Self {
            shared: Arc::new(Shared::new(config.check()?)),
        })
    }

    async fn start(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        let interrupted = ask::settle_interrupted(ctx, &self.shared).await?;
        self.shared.shown().interrupted = interrupted;
        ctx.spawn(patrol::walk(ctx.clone(), self.shared.clone()));
        if let Some(terms) = self.shared.terms.letter {
            ctx.spawn(letter::post(ctx.clone(), self.shared.clone(), terms));
        }
        if let Some(watch) = &self.shared.terms.watch {
            ctx.spawn(watch::look_on(
                ctx.clone(),
                self.shared.clone(),
                watch.clone(),
            ));
        }
        Ok(())
    }

    async fn on_event(&mut self, _: &Ctx<Self>, event: Infallible) -> Result<(), AgentError> {
        match event {}
    }

    fn state(&self) -> Value {
        json!(*self.shared.shown())
    }
}
