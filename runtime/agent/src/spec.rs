//! What a node must know of an agent's program before it runs one.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::{Agent, AgentError, AgentRuntime, Exit, HandlerInfo, runner};

/// When a supervisor starts an agent again, in OTP's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Always.
    Permanent,
    /// After a failure, not after a normal end.
    Transient,
    /// Never.
    Temporary,
}

/// A role that an agent sends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleUse {
    /// The config key that overrides it, or holds a list of roles where there is no default; empty
    /// where there is none.
    pub config_key: &'static str,
    /// The config key that switches the use off when it is false; empty where there is none.
    pub enabled_by: &'static str,
    /// The role unless the directive says otherwise; empty where only the directive knows.
    pub default: &'static str,
}

/// An agent's program, as data.
#[derive(Debug, Clone, Copy)]
pub struct AgentSpec {
    /// `name` in a directive.
    pub kind: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// Roles it serves unless its directive says otherwise, each `role@handler`.
    pub roles: &'static [&'static str],
    /// Roles it sends to.
    pub uses: &'static [RoleUse],
    /// When it is started again unless its directive says otherwise.
    pub restart: RestartPolicy,
    /// Packets that may wait for it; at the bound a sender is told `mailbox_full`.
    pub mailbox_max: usize,
    /// Its handlers with this config; with null those that it has in any case.
    pub handlers: fn(&Value) -> Vec<HandlerInfo>,
    /// The config key that names more handlers, where there is one.
    pub handlers_key: fn() -> Option<&'static str>,
    /// The JSON Schema of its config.
    pub schema: fn() -> Value,
    /// Checks a config without starting anything.
    pub check: fn(Value) -> Result<(), AgentError>,
    /// Runs one until it stops, fails or is told to.
    pub run: fn(AgentRuntime) -> BoxFuture<'static, Exit>,
}

impl AgentSpec {
    /// The spec of an agent type.
    #[must_use]
    pub const fn of<A: Agent>() -> Self {
        Self {
            kind: A::KIND,
            summary: A::SUMMARY,
            roles: A::ROLES,
            uses: A::USES,
            restart: A::RESTART,
            mailbox_max: A::MAILBOX_MAX,
            handlers: |config| A::handlers().with_config(config).infos(),
            handlers_key: || A::handlers().config_key(),
            schema: || {
                serde_json::to_value(schemars::schema_for!(A::Config)).expect("a schema is JSON")
            },
            check: |config| runner::build::<A>(config).map(drop),
            run: |runtime| Box::pin(runner::run::<A>(runtime)),
        }
    }
}

/// Time between two signs of life of an agent unless its directive says otherwise; after two that
/// did not come it counts as hung.
pub const BEACON_DEFAULT: Duration = Duration::from_secs(5);
