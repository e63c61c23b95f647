//! How an operator has a running node changed, or its audit log read.
//!
//! Each node's steward serves a role of its own, [`role_of`] the node; the node stands in the order
//! too, under the operator's signature.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use skep_packet::{AgentName, Level, NodeId};

/// What a steward's role begins with; the node's name follows.
pub const ROLE_PREFIX: &str = "steward.";

/// The steward's handler.
pub const CMD_STEWARD: &str = "cmd_steward";

/// Largest order, in bytes: it is kept in the audit log.
pub const ORDER_BYTES_MAX: usize = 64 * 1024;

/// The role of a node's steward, as text; a node's name may be too long for one.
#[must_use]
pub fn role_of(node: &NodeId) -> String {
    format!("{ROLE_PREFIX}{node}")
}

/// An operator's order to the steward of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StewardOrder {
    /// The node it is for; another one refuses it.
    pub node: NodeId,
    /// What is to be done.
    pub deed: Deed,
    /// Only say what would be done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The person's session: with it the answer comes as callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The request's token, for programs that put it beside the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What a steward can be ordered to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Deed {
    /// Adds an agent and what is below it.
    Inject {
        /// The agent above it; the root where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        under: Option<AgentName>,
        /// The agent as a directive writes it.
        agent: Value,
    },
    /// Puts another agent in the place of one; the children stay where it names none.
    Replace {
        /// The agent that goes.
        agent: AgentName,
        /// The one that comes, under the same name.
        with: Value,
    },
    /// Stops an agent and what is below it, and starts them again.
    Restart {
        /// The agent.
        agent: AgentName,
    },
    /// Takes out an agent and what is below it.
    Delete {
        /// The agent.
        agent: AgentName,
    },
    /// Reads the audit log.
    Audit {
        /// The number of the last entry that is known already; 0 for none.
        after: u64,
    },
}

impl Deed {
    /// The least level that may order it: an operator acts on what runs, an admin changes it.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::Restart { .. } | Self::Audit { .. } => Level::Operator,
            Self::Inject { .. } | Self::Replace { .. } | Self::Delete { .. } => Level::Admin,
        }
    }
}

/// What an order did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The node.
    pub node: NodeId,
    /// Whether this is only what would be done.
    pub dry_run: bool,
    /// Agents that were stopped, children first.
    pub stopped: Vec<AgentName>,
    /// Agents that were started, parents first.
    pub started: Vec<AgentName>,
    /// The command's entry in the audit log.
    pub entry: Option<u64>,
}

/// A part of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPart {
    /// The node.
    pub node: NodeId,
    /// The entries in order, each in base64.
    pub entries: Vec<String>,
    /// How many entries the log has.
    pub n_entries: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(deed: Value, level: Level) {
        let order = json!({"node": "n1", "deed": deed});
        let read: StewardOrder = serde_json::from_value(order.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), order);
        assert_eq!(read.deed.level(), level, "{order}");
    }

    #[test]
    fn orders_are_what_the_protocol_says() {
        let agent = json!({"universal_id": "a", "name": "oracle"});
        check(json!({"inject": {"agent": agent}}), Level::Admin);
        check(
            json!({"inject": {"under": "b", "agent": agent}}),
            Level::Admin,
        );
        check(
            json!({"replace": {"agent": "a", "with": agent}}),
            Level::Admin,
        );
        check(json!({"delete": {"agent": "a"}}), Level::Admin);
        check(json!({"restart": {"agent": "a"}}), Level::Operator);
        check(json!({"audit": {"after": 7}}), Level::Operator);
    }

    #[test]
    fn what_the_protocol_does_not_know_is_refused() {
        for text in [
            r#"{"node":"n1","deed":{"shutdown":{}}}"#,
            r#"{"node":"n1","deed":{"delete":{"agent":"a","force":true}}}"#,
            r#"{"deed":{"delete":{"agent":"a"}}}"#,
        ] {
            assert!(
                serde_json::from_str::<StewardOrder>(text).is_err(),
                "{text}"
            );
        }
    }
}
