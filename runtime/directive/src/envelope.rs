//! The schemas of what every directive has, whatever its agents are.

use serde_json::{Value, json};

/// Longest emoji of an agent, in characters: some are written with several.
const EMOJI_CHARS_MAX: usize = 16;

/// An agent: its name, its terms, its config and its children. The last two are read apart.
pub(crate) fn agent() -> Value {
    json!({
        "type": "object",
        "properties": {
            "universal_id": {"type": "string", "description": "Its name on the node."},
            "name": {"type": "string", "description": "The kind of agent."},
            "enabled": {"type": "boolean", "description": "False leaves out the agent and its children."},
            "tags": tags(),
            "config": {"type": "object", "additionalProperties": true},
            "restart": restart(),
            "beacon_interval_s": {
                "type": "number", "minimum": 0.1, "maximum": 3600,
                "description": "How often the agent must show that it lives, in seconds."
            },
            "children": {"type": "array"}
        },
        "required": ["universal_id", "name"],
        "additionalProperties": false
    })
}

/// The root: the node itself. `node` is read apart.
pub(crate) fn root() -> Value {
    json!({
        "type": "object",
        "properties": {
            "universal_id": {"type": "string"},
            "name": {"type": "string", "const": ROOT_NAME},
            "enabled": {"type": "boolean"},
            "tags": tags(),
            "config": {
                "type": "object",
                "properties": {"ui": ui()},
                "additionalProperties": false
            },
            "node": {"type": "object", "additionalProperties": true},
            "children": {"type": "array"}
        },
        "required": ["children"],
        "additionalProperties": false
    })
}

/// Where a directive tells an editor its schema, at the top.
pub(crate) const EDITOR_KEY: &str = "$schema";

/// What the root may be called, from older directives.
pub(crate) const ROOT_NAME: &str = "matrix";

fn tags() -> Value {
    json!({
        "type": "object",
        "properties": {
            "packet_signing": {
                "type": "object",
                "properties": {"in": {"type": "boolean"}, "out": {"type": "boolean"}},
                "additionalProperties": false
            }
        },
        "additionalProperties": false
    })
}

fn restart() -> Value {
    json!({
        "type": "object",
        "properties": {
            "policy": {"type": "string", "enum": ["permanent", "transient", "temporary"]},
            "intensity": {"type": "integer", "minimum": 0, "maximum": 1000},
            "period_s": {"type": "integer", "minimum": 1, "maximum": 86400}
        },
        "additionalProperties": false
    })
}

/// `config.ui`: how an agent is shown.
pub(crate) fn ui() -> Value {
    json!({
        "type": "object",
        "properties": {
            "agent_tree": {
                "type": "object",
                "properties": {"emoji": {"type": "string", "maxLength": EMOJI_CHARS_MAX}},
                "additionalProperties": false
            },
            "panel": text_or_texts()
        },
        "additionalProperties": false
    })
}

/// `config.service-manager`: what an agent serves.
pub(crate) fn service_manager() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "role": text_or_texts(),
                "scope": text_or_texts(),
                "auth": {
                    "type": "object",
                    "properties": {"sig": {"type": "boolean"}},
                    "additionalProperties": false
                },
                "priority": {"type": "integer", "format": "uint32"},
                "exclusive": {"type": "boolean"}
            },
            "required": ["role"],
            "additionalProperties": false
        }
    })
}

fn text_or_texts() -> Value {
    json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
}
