//! One agent of the tree and its children.

use serde_json::Value;
use skep_packet::AgentName;

use super::{AGENTS_MAX, Tree};
use crate::{
    AgentKind, AgentPlan, Code, Diagnostic, PacketSigning, Span, envelope,
    schema::{check_secrets, head},
    suggest,
    tree::{emptied, settings},
    value::{Kind, Node, Object},
};

/// Keys of a config that are the runtime's, not the agent's.
const OUR_CONFIG_KEYS: [&str; 2] = ["ui", "service-manager"];

impl<'a> Tree<'a> {
    pub(super) fn children(&mut self, node: &Node) -> Vec<AgentPlan> {
        let children = node
            .get("children")
            .and_then(Node::as_list)
            .unwrap_or_default();
        children
            .iter()
            .filter_map(|child| self.agent(child))
            .collect()
    }

    /// An agent and its subtree; none where it is turned off or can not be told apart.
    pub(super) fn agent(&mut self, node: &Node) -> Option<AgentPlan> {
        let is_off = node.get("enabled").and_then(Node::as_bool) == Some(false);
        if node.is_bad() || is_off || self.is_one_too_many(node) {
            return None;
        }
        let kind = self.kind(node);
        let envelope = self.without_misplaced(&emptied(node, &["config", "children"]), kind);
        self.check_against(&envelope::agent(), &envelope, "the agent");
        let id = self.id(node);
        let config = self.config(node, kind);
        let endpoints = self.endpoints(node, kind);
        if let Some(kind) = kind {
            self.note_uses(node, kind);
        }
        let packet_signing = self.packet_signing(node);
        let children = self.children(node);
        Some(AgentPlan {
            // Without a name or a kind an error was found, and this plan is never handed out.
            id: id?,
            kind: kind?.name.clone(),
            emoji: settings::emoji(node),
            panel: settings::panel(node),
            packet_signing,
            endpoints,
            config,
            config_span: head(node.get("config").unwrap_or(node)),
            restart: node.get("restart").map(settings::restart),
            beacon_interval_ms: node
                .get("beacon_interval_s")
                .and_then(settings::milliseconds),
            children,
        })
    }

    fn is_one_too_many(&mut self, node: &Node) -> bool {
        self.n_agents += 1;
        if self.n_agents == AGENTS_MAX + 1 {
            let message = format!("a directive names at most {AGENTS_MAX} agents");
            let help = "spread them over several nodes";
            self.findings
                .push(Diagnostic::error(Code::TooManyAgents, head(node), message).help(help));
        }
        self.n_agents > AGENTS_MAX
    }

    fn kind(&mut self, node: &Node) -> Option<&'a AgentKind> {
        let name = node.get("name")?;
        let text = name.as_text()?;
        let kind = self.catalogue.kind(text);
        if kind.is_none() {
            self.has_unknown_kind = true;
            let message = format!("there is no agent `{text}`");
            let known = self.catalogue.kinds.iter().map(|kind| kind.name.as_str());
            let help = suggest::cure(text, known, "the agents are");
            self.findings
                .push(Diagnostic::error(Code::UnknownAgent, name.span, message).help_if(help));
        }
        kind
    }

    fn id(&mut self, node: &Node) -> Option<AgentName> {
        let id = node.get("universal_id")?;
        let text = id.as_text()?;
        let name = match AgentName::new(text) {
            Ok(name) => name,
            Err(error) => {
                let help = format!("{error}; it takes letters, digits, `.`, `_` and `-`");
                let message = "this can not be an agent's name";
                self.findings
                    .push(Diagnostic::error(Code::BadId, id.span, message).help(help));
                return None;
            }
        };
        if self.catalogue.own_agents.iter().any(|own| own == text) {
            let message = format!("`{text}` is an agent of the node's own");
            self.findings.push(
                Diagnostic::error(Code::DuplicateId, id.span, message).help("choose another name"),
            );
        } else if let Some(first) = self.ids.get(text) {
            let message = format!("two agents are called `{text}`");
            self.findings.push(
                Diagnostic::error(Code::DuplicateId, id.span, message)
                    .related(*first, "first here")
                    .help("give each its own universal_id"),
            );
        } else {
            self.ids.insert(text.to_owned(), id.span);
        }
        Some(name)
    }

    /// The agent without keys of its config that stand one level too high; they are reported.
    fn without_misplaced(&mut self, node: &Node, kind: Option<&AgentKind>) -> Node {
        let envelope = envelope::agent();
        let ours = |key: &str| {
            envelope
                .pointer("/properties")
                .is_some_and(|p| p.get(key).is_some())
        };
        let theirs =
            |key: &str| OUR_CONFIG_KEYS.contains(&key) || kind.is_some_and(|k| k.takes(key));
        let help = "move it into `config`";
        self.without(node, "the agent", help, |key| !ours(key) && theirs(key))
    }

    /// The agent's own config: without the runtime's keys, which are read apart.
    fn config(&mut self, node: &Node, kind: Option<&AgentKind>) -> Value {
        // Where there is no config, its missing keys are reported at the agent.
        let none = || Node {
            span: head(node),
            kind: Kind::Object(Object::default()),
        };
        let config = node.get("config").cloned().unwrap_or_else(none);
        if config.as_object().is_none() {
            return Value::Null; // The envelope's check reported it.
        }
        if let Some(ui) = config.get("ui") {
            self.check_against(&envelope::ui(), ui, "ui");
        }
        let envelope = envelope::agent();
        let is_theirs = |key: &str| kind.is_some_and(|kind| kind.takes(key));
        let is_ours = |key: &str| {
            envelope
                .pointer("/properties")
                .is_some_and(|p| p.get(key).is_some())
        };
        let help = "move it out of `config`, beside it";
        let mut own = self.without(&config, "config", help, |key| {
            is_ours(key) && !is_theirs(key)
        });
        if let Kind::Object(object) = &mut own.kind {
            object
                .members
                .retain(|member| !OUR_CONFIG_KEYS.contains(&member.key.as_str()));
        }
        match kind {
            Some(kind) => self.check_against(&kind.config_schema, &own, "config"),
            None => {
                check_secrets(&own, self.findings);
                own.to_json()
            }
        }
    }

    /// `node` without the members that `is_misplaced` picks; each is reported with `help`.
    fn without(
        &mut self,
        node: &Node,
        owner: &str,
        help: &str,
        is_misplaced: impl Fn(&str) -> bool,
    ) -> Node {
        let mut node = node.clone();
        let Kind::Object(object) = &mut node.kind else {
            return node;
        };
        let misplaced: Vec<(String, Span)> = object
            .members
            .iter()
            .filter(|member| is_misplaced(&member.key))
            .map(|member| (member.key.clone(), member.key_span))
            .collect();
        object.members.retain(|member| !is_misplaced(&member.key));
        for (key, span) in misplaced {
            let message = format!("key `{key}` does not belong into `{owner}`");
            self.findings
                .push(Diagnostic::error(Code::UnknownKey, span, message).help(help));
        }
        node
    }

    fn packet_signing(&mut self, node: &Node) -> PacketSigning {
        let mut signing = PacketSigning::default();
        let Some(said) = node.get("tags").and_then(|tags| tags.get("packet_signing")) else {
            return signing;
        };
        for (key, part) in [
            ("in", &mut signing.incoming),
            ("out", &mut signing.outgoing),
        ] {
            let Some(value) = said.get(key) else { continue };
            *part = value.as_bool().unwrap_or(true);
            if !*part {
                let message = format!("packet_signing.{key} is off");
                let help = "packets between nodes are sealed all the same: set it to true";
                self.findings
                    .push(Diagnostic::warning(Code::SigningOff, value.span, message).help(help));
            }
        }
        signing
    }
}
