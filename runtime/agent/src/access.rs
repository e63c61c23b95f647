//! Who may call a handler.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use skep_packet::{Address, Level};

/// Who stands behind a packet, checked before it reaches a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// An agent of an enrolled node; its node's signature was verified, or it is on this node.
    Agent(Address),
    /// A person, by an operator's own signature over this request.
    Operator {
        /// The operator's name.
        name: String,
        /// What the operator may do.
        level: Level,
    },
}

/// Who may call a handler. The default admits nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Every agent of an enrolled node may call it.
    agents: bool,
    /// The least level of an operator who may call it; no operator may unless it is set.
    #[schemars(schema_with = "level")]
    operators: Option<Level>,
}

fn level(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "enum": ["viewer", "operator", "admin", null] })
}

impl Access {
    /// Every agent of an enrolled node.
    #[must_use]
    pub const fn agents() -> Self {
        Self {
            agents: true,
            operators: None,
        }
    }

    /// Operators of at least this level, by their own signature.
    #[must_use]
    pub const fn operators(least: Level) -> Self {
        Self {
            agents: false,
            operators: Some(least),
        }
    }

    /// Agents too.
    #[must_use]
    pub const fn or_agents(self) -> Self {
        Self {
            agents: true,
            ..self
        }
    }

    /// Whether `principal` may call.
    #[must_use]
    pub fn admits(self, principal: &Principal) -> bool {
        match principal {
            Principal::Agent(_) => self.agents,
            Principal::Operator { level, .. } => {
                self.operators.is_some_and(|least| *level >= least)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(level: Level) -> Principal {
        Principal::Operator {
            name: "ann".to_owned(),
            level,
        }
    }

    #[test]
    fn nobody_is_admitted_unless_declared() {
        let agent = Principal::Agent("a@n1".parse().unwrap());
        assert!(!Access::default().admits(&agent));
        assert!(!Access::default().admits(&operator(Level::Admin)));
        assert!(Access::agents().admits(&agent));
        assert!(!Access::agents().admits(&operator(Level::Admin)));
    }

    #[test]
    fn a_config_admits_whom_it_names_and_nobody_else() {
        let check = |text: &str, expected: Option<Access>| {
            assert_eq!(serde_json::from_str(text).ok(), expected, "{text}");
        };
        check("{}", Some(Access::default()));
        check(r#"{"agents": true}"#, Some(Access::agents()));
        let viewers = Access::operators(Level::Viewer);
        check(r#"{"operators": "viewer"}"#, Some(viewers));
        let both = Some(viewers.or_agents());
        check(r#"{"operators": "viewer", "agents": true}"#, both);
        check(r#"{"operators": "everybody"}"#, None);
        check(r#"{"people": "viewer"}"#, None);
    }

    #[test]
    fn a_higher_level_may_what_a_lower_one_may() {
        let access = Access::operators(Level::Operator);
        assert!(!access.admits(&operator(Level::Viewer)));
        assert!(access.admits(&operator(Level::Operator)));
        assert!(access.admits(&operator(Level::Admin)));
        assert!(!access.admits(&Principal::Agent("a@n1".parse().unwrap())));
    }
}
