//! What an agent serves: `config.service-manager`.

use skep_packet::{RoleBinding, RoleName, Scope};

use super::{
    Tree,
    settings::{number, texts},
};
use crate::{
    AgentKind, Code, Diagnostic, PRIORITY_DEFAULT, RolePlan, envelope,
    suggest::{cure, listed},
    value::Node,
};

impl Tree<'_> {
    /// The roles of the directive, or the kind's own where it lists none.
    pub(super) fn endpoints(&mut self, node: &Node, kind: Option<&AgentKind>) -> Vec<RolePlan> {
        let listed = node
            .get("config")
            .and_then(|config| config.get("service-manager"));
        let Some(listed) = listed else {
            let bindings = kind.into_iter().flat_map(|kind| &kind.serves);
            let bindings = bindings.filter_map(|binding| binding.parse::<RoleBinding>().ok());
            let plain = |binding: RoleBinding| RolePlan::plain(binding.role, binding.handler);
            let endpoints: Vec<RolePlan> = bindings.map(plain).collect();
            self.served
                .extend(endpoints.iter().map(|endpoint| endpoint.role.clone()));
            return endpoints;
        };
        self.check_against(&envelope::service_manager(), listed, "service-manager");
        let mut endpoints: Vec<RolePlan> = Vec::new();
        let server = kind.map(|kind| Server {
            kind,
            handlers: kind.all_handlers(node.get("config")),
        });
        for entry in listed.as_list().unwrap_or_default() {
            self.entry(entry, server.as_ref(), &mut endpoints);
        }
        endpoints
    }

    fn entry(&mut self, entry: &Node, server: Option<&Server>, endpoints: &mut Vec<RolePlan>) {
        let scope = self.scope(entry);
        let is_true = |node: Option<&Node>| node.and_then(Node::as_bool).unwrap_or(false);
        for (text, value) in entry.get("role").map(texts).unwrap_or_default() {
            for part in text.split(',') {
                let Some(binding) = self.binding(part.trim(), value, server) else {
                    continue;
                };
                let served =
                    |role: &RolePlan| role.role == binding.role && role.handler == binding.handler;
                if endpoints.iter().any(served) {
                    let message = format!("`{binding}` is listed twice");
                    self.findings.push(
                        Diagnostic::warning(Code::RepeatedRole, value.span, message)
                            .help("keep one of them: the first one counts"),
                    );
                    continue;
                }
                endpoints.push(RolePlan {
                    role: binding.role,
                    handler: binding.handler,
                    scope,
                    priority: entry
                        .get("priority")
                        .and_then(number)
                        .unwrap_or(PRIORITY_DEFAULT),
                    exclusive: is_true(entry.get("exclusive")),
                    auth_sig: is_true(entry.get("auth").and_then(|auth| auth.get("sig"))),
                });
            }
        }
    }

    fn binding(
        &mut self,
        text: &str,
        value: &Node,
        server: Option<&Server>,
    ) -> Option<RoleBinding> {
        // A role with a mistake in its handler counts as served: one mistake, one finding.
        let role = text.split('@').next();
        self.served
            .extend(role.and_then(|role| RoleName::new(role.trim()).ok()));
        let binding: RoleBinding = match text.parse() {
            Ok(binding) => binding,
            Err(error) => {
                let message = error.to_string();
                self.findings.push(
                    Diagnostic::error(Code::BadRole, value.span, message)
                        .help(role_cure(text, server)),
                );
                return None;
            }
        };
        let Some(Server { kind, handlers }) = server else {
            return Some(binding);
        };
        let handler = binding.handler.as_str();
        if !handlers.contains(&handler) {
            let message = format!("`{}` has no handler `{handler}`", kind.name);
            let help = cure(handler, handlers.iter().copied(), "its handlers are");
            self.findings
                .push(Diagnostic::error(Code::UnknownHandler, value.span, message).help_if(help));
            return None;
        }
        Some(binding)
    }

    /// `node` or `swarm`; of a list the widest counts, as it did where lists were written.
    fn scope(&mut self, entry: &Node) -> Scope {
        let words = entry.get("scope").map(texts).unwrap_or_default();
        let mut widest = None;
        for (word, value) in words {
            let scope = match word {
                "node" => Scope::Node,
                "swarm" => Scope::Swarm,
                "any" | "parent" => {
                    let message = format!("scope `{word}` is read as `swarm`");
                    let help = "write \"swarm\", or \"node\" for agents of the same node only";
                    self.findings
                        .push(Diagnostic::warning(Code::OldScope, value.span, message).help(help));
                    Scope::Swarm
                }
                _ => {
                    let message = format!("`scope` does not take `{word}`");
                    let help = cure(word, ["node", "swarm"], "it takes");
                    self.findings.push(
                        Diagnostic::error(Code::NotAllowed, value.span, message).help_if(help),
                    );
                    continue;
                }
            };
            if widest.is_none() || scope == Scope::Swarm {
                widest = Some(scope);
            }
        }
        widest.unwrap_or_default()
    }
}

/// An agent that serves, and the handlers it has with its config.
struct Server<'a> {
    kind: &'a AgentKind,
    handlers: Vec<&'a str>,
}

fn role_cure(text: &str, server: Option<&Server>) -> String {
    if text.contains('*') {
        return "an agent serves one role by its whole name; `*` is for those who ask".to_owned();
    }
    let Some(Server { kind, handlers }) = server else {
        return "write role@handler".to_owned();
    };
    if let Some(handler) = kind.default_handler(text) {
        return format!("write `{text}@{handler}`");
    }
    if !text.contains('@') && RoleName::new(text).is_ok() && !handlers.is_empty() {
        return format!(
            "write `{text}@` and one of its handlers: {}",
            listed(handlers)
        );
    }
    "write role@handler, several separated by commas".to_owned()
}
