//! How an agent has a door ask whoever serves a role: `cmd_service_request`.
//!
//! The door answers with [`Accepted`]; what the origins say comes as callbacks to the `reply_to` of
//! the packet that asked, or to its sender. It comes from the origin itself where its handler speaks
//! in callbacks, and from the door where it gave one plain reply. No proof of a person goes this
//! way: see [`rpc`](crate::rpc) for people.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use skep_packet::{Address, Token};

use crate::rpc::Ask;

/// The role for it, which every node's console serves to the agents of its own node; the handler is
/// [`CMD_SERVICE`].
pub const ROLE_SERVICE: &str = "hive.rpc.request";

/// The door's handler for it.
pub const CMD_SERVICE: &str = "cmd_service_request";

/// A request of an agent to whoever serves a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceCall {
    /// The role, or a pattern of roles.
    pub service: String,
    /// What its handler takes.
    pub payload: Value,
    /// Who is asked.
    #[serde(default)]
    pub choice: Ask,
    /// Seconds for which plain replies are waited for: 900 unless it says less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_s: Option<u64>,
}

/// The request went out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// What the callbacks carry: the token of the packet that asked, or a fresh one.
    pub token: Token,
    /// Who will answer.
    pub origins: Vec<Address>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_one_is_a_service_and_its_payload() {
        let text = r#"{"service":"hive.*","payload":{"n":1}}"#;
        let call: ServiceCall = serde_json::from_str(text).unwrap();
        assert_eq!((call.choice, call.within_s), (Ask::All, None));
    }

    #[test]
    fn a_proof_has_no_place_in_it() {
        for text in [
            r#"{"service":"a","payload":{},"proof":"AA=="}"#,
            r#"{"service":"a"}"#,
            r#"{"payload":{}}"#,
        ] {
            assert!(serde_json::from_str::<ServiceCall>(text).is_err(), "{text}");
        }
    }
}
