//! Roles that agents send to, and whether anyone serves them.

use serde_json::Value;
use skep_packet::{RoleName, RolePattern};

use super::{Tree, settings::texts};
use crate::{AgentKind, Code, Diagnostic, RoleUse, Span, value::Node};

/// A role that an agent of this directive sends to.
pub(super) struct Used {
    pattern: RolePattern,
    /// The config value that names it, else the agent's name.
    span: Span,
    kind: String,
}

impl Tree<'_> {
    pub(super) fn note_uses(&mut self, node: &Node, kind: &AgentKind) {
        for role_use in &kind.uses {
            if !is_on(node, kind, role_use) {
                continue;
            }
            let key = role_use.config_key.as_deref();
            let named = key.and_then(|key| node.get("config")?.get(key));
            match named {
                // Only what has no role by itself may name several. There is no text where it is turned
                // off with null, or of a wrong type and reported.
                Some(named) if role_use.role.is_empty() => {
                    for (text, value) in texts(named) {
                        self.note_use(text, value.span, kind);
                    }
                }
                Some(named) => {
                    if let Some(text) = named.as_text() {
                        self.note_use(text, named.span, kind);
                    }
                }
                None if role_use.role.is_empty() => {}
                None => {
                    let span = node.get("name").unwrap_or(node).span;
                    self.note_use(&role_use.role, span, kind);
                }
            }
        }
    }

    fn note_use(&mut self, text: &str, span: Span, kind: &AgentKind) {
        match text.parse::<RolePattern>() {
            Ok(pattern) => self.used.push(Used {
                pattern,
                span,
                kind: kind.name.clone(),
            }),
            Err(error) => {
                let message = error.to_string();
                let help = "write a role, several separated by commas, `*` for any letters";
                self.findings
                    .push(Diagnostic::error(Code::BadRole, span, message).help(help));
            }
        }
    }

    pub(super) fn warn_of_unserved(&mut self) {
        if self.has_unknown_kind {
            return;
        }
        let own = self
            .catalogue
            .own_roles
            .iter()
            .filter_map(|role| RoleName::new(role).ok());
        let served: Vec<RoleName> = self.served.iter().cloned().chain(own).collect();
        for used in &self.used {
            if served.iter().any(|role| used.pattern.matches(role)) {
                continue;
            }
            let message = format!(
                "`{}` uses role `{}`, nobody here serves it",
                used.kind, used.pattern
            );
            let server = self
                .catalogue
                .kinds
                .iter()
                .find(|kind| kind.serves_any(&used.pattern));
            let help = match server {
                Some(kind) => format!("add an agent `{}`, here or on another node", kind.name),
                None => "serve it on another node, or name another role".to_owned(),
            };
            self.findings
                .push(Diagnostic::warning(Code::UnservedRole, used.span, message).help(help));
        }
    }
}

/// Whether the config leaves the use on; where it says nothing, the key's default decides: false
/// and null are off.
fn is_on(node: &Node, kind: &AgentKind, role_use: &RoleUse) -> bool {
    let Some(switch) = &role_use.switch else {
        return true;
    };
    if let Some(value) = node.get("config").and_then(|config| config.get(switch)) {
        return value.as_bool().unwrap_or(true);
    }
    let default = kind
        .config_schema
        .get("properties")
        .and_then(|all| all.get(switch)?.get("default"));
    !matches!(default, Some(Value::Bool(false) | Value::Null))
}
