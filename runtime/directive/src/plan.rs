//! What a node is to run: the outcome of a good directive.

use serde::Serialize;
use serde_json::Value;
use skep_packet::{AgentName, HandlerName, RoleName, Scope, ServedRole};

use crate::Span;

/// Priority of a role where the directive names none; the lowest number present is chosen.
pub const PRIORITY_DEFAULT: u32 = 100;

/// The agents of a node as a tree, and the node's own settings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The root's `node` object, checked; an empty object where there is none.
    pub node: Value,
    /// The root's children, in the order of the directive.
    pub agents: Vec<AgentPlan>,
}

/// One agent: what it is, what it serves, its config and its children.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentPlan {
    /// Its name on the node (`universal_id`).
    pub id: AgentName,
    /// The kind of agent (`name`), one of the catalogue's.
    pub kind: String,
    /// How it is drawn in a tree.
    pub emoji: Option<String>,
    /// Panels of a cockpit that show it.
    pub panel: Vec<String>,
    /// Which of its packets must be sealed.
    pub packet_signing: PacketSigning,
    /// What it serves.
    pub endpoints: Vec<RolePlan>,
    /// Its own config, checked, without `ui` and `service-manager`; secrets still references.
    pub config: Value,
    /// Where the config begins in the text; the agent itself where it has none.
    #[serde(skip)]
    pub config_span: Span,
    /// How it is restarted, where the directive says so.
    pub restart: Option<RestartPlan>,
    /// How often it must show that it lives, in milliseconds, where the directive says so.
    pub beacon_interval_ms: Option<u64>,
    /// Agents that start after it and stop before it.
    pub children: Vec<AgentPlan>,
}

/// Whether packets to and from an agent must be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PacketSigning {
    /// Refuse what did not arrive verified.
    #[serde(rename = "in")]
    pub incoming: bool,
    /// Seal what it sends.
    #[serde(rename = "out")]
    pub outgoing: bool,
}

impl Default for PacketSigning {
    fn default() -> Self {
        Self {
            incoming: true,
            outgoing: true,
        }
    }
}

/// A role an agent serves, and on what terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolePlan {
    /// What is offered.
    pub role: RoleName,
    /// The function that does it.
    pub handler: HandlerName,
    /// How far it is offered.
    pub scope: Scope,
    /// The lowest number present is chosen.
    pub priority: u32,
    /// Whether only one endpoint of the swarm may serve it at a time.
    pub exclusive: bool,
    /// Refuse requests for this role that did not arrive verified (`auth.sig`).
    pub auth_sig: bool,
}

impl RolePlan {
    /// `role` served by `handler` on the terms of a directive that names none.
    pub fn plain(role: RoleName, handler: HandlerName) -> Self {
        Self {
            role,
            handler,
            scope: Scope::Swarm,
            priority: PRIORITY_DEFAULT,
            exclusive: false,
            auth_sig: false,
        }
    }

    /// The part of it that other nodes are told.
    pub fn served(&self) -> ServedRole {
        ServedRole {
            role: self.role.clone(),
            handler: self.handler.clone(),
            scope: self.scope,
            priority: self.priority,
            exclusive: self.exclusive,
        }
    }
}

/// When an agent that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RestartPlan {
    /// After which ends; the agent's own policy where it says nothing.
    pub policy: Option<RestartPolicy>,
    /// Restarts allowed within the period.
    pub intensity: Option<u32>,
    /// The period, in seconds.
    pub period_s: Option<u32>,
}

/// OTP's three policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RestartPolicy {
    /// Always.
    Permanent,
    /// Only after a failure.
    Transient,
    /// Never.
    Temporary,
}

impl Plan {
    /// Every agent, parents before their children.
    pub fn all(&self) -> Vec<&AgentPlan> {
        let mut out = Vec::new();
        let mut stack: Vec<&AgentPlan> = self.agents.iter().rev().collect();
        while let Some(agent) = stack.pop() {
            out.push(agent);
            stack.extend(agent.children.iter().rev());
        }
        out
    }

    /// The agent of that name.
    pub fn find(&self, id: &str) -> Option<&AgentPlan> {
        self.all().into_iter().find(|agent| agent.id.as_str() == id)
    }
}
