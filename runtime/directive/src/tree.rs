//! The root and its agents: values with places to a plan.

mod agent;
mod roles;
mod settings;
mod uses;

use std::collections::HashMap;

use serde_json::{Map, Value};
use skep_packet::RoleName;

use crate::{
    Catalogue, Code, Diagnostic, Plan, Span,
    diagnostic::Findings,
    envelope,
    schema::{Reader, head},
    value::{Kind, Member, Node, Object},
};

/// Most agents in one directive; a directive with more is refused.
pub const AGENTS_MAX: usize = 256;

/// Reads the whole tree. The plan is only good where no finding is an error.
pub(crate) fn read(catalogue: &Catalogue, root: &Node, findings: &mut Findings) -> Plan {
    let mut tree = Tree {
        catalogue,
        findings,
        ids: HashMap::new(),
        n_agents: 0,
        used: Vec::new(),
        served: Vec::new(),
        has_unknown_kind: false,
    };
    let plan = tree.root(root);
    if plan.agents.is_empty() && tree.findings.n_errors() == 0 {
        tree.findings.push(
            Diagnostic::warning(Code::NothingToRun, head(root), "no agent is left to run")
                .help("add one to `children`, or set `enabled` of one to true"),
        );
    }
    tree.warn_of_unserved();
    plan
}

struct Tree<'a> {
    catalogue: &'a Catalogue,
    findings: &'a mut Findings,
    /// Names that are taken, and where.
    ids: HashMap<String, Span>,
    n_agents: usize,
    used: Vec<uses::Used>,
    /// Roles that any agent serves, also one with mistakes.
    served: Vec<RoleName>,
    /// An agent of an unknown kind may serve anything.
    has_unknown_kind: bool,
}

impl Tree<'_> {
    fn root(&mut self, node: &Node) -> Plan {
        let mut plan = Plan {
            node: Value::Object(Map::new()),
            agents: Vec::new(),
        };
        if node.is_bad() {
            return plan;
        }
        if node.as_object().is_none() {
            let message = format!("a directive is an object, this is {}", node.kind_name());
            let help = "write {\"children\": [ … ]} around the agents";
            self.findings
                .push(Diagnostic::error(Code::WrongType, head(node), message).help(help));
            return plan;
        }
        let node = &without_hint(node);
        if !is_root(node) {
            plan.agents.extend(self.agent(node));
            return plan;
        }
        let shallow = emptied(node, &["children", "node"]);
        self.check_against(&envelope::root(), &shallow, "the root");
        if let Some(settings) = node.get("node") {
            plan.node = self.check_against(&self.catalogue.node_schema(), settings, "node");
        }
        if node.get("enabled").and_then(Node::as_bool) != Some(false) {
            plan.agents = self.children(node);
        }
        plan
    }

    fn check_against(&mut self, schema: &Value, node: &Node, name: &str) -> Value {
        let mut reader = Reader::new(schema);
        let value = reader.read_root(node, name);
        self.findings.extend(reader.findings);
        value
    }
}

/// The top without the key that tells an editor where the schema is: it is the editor's alone.
fn without_hint(node: &Node) -> Node {
    let mut node = node.clone();
    if let Kind::Object(object) = &mut node.kind {
        let is_hint = |member: &Member| {
            member.key == envelope::EDITOR_KEY && member.value.as_text().is_some()
        };
        object.members.retain(|member| !is_hint(member));
    }
    node
}

/// `node` with what stands under `keys` taken out of its brackets, because it is read apart.
fn emptied(node: &Node, keys: &[&str]) -> Node {
    let Some(object) = node.as_object() else {
        return node.clone();
    };
    let members = object.members.iter().map(|member| {
        let is_apart = keys.contains(&member.key.as_str());
        let kind = match &member.value.kind {
            Kind::List(_) if is_apart => Kind::List(Vec::new()),
            Kind::Object(_) if is_apart => Kind::Object(Object::default()),
            kind => kind.clone(),
        };
        let span = member.value.span;
        Member {
            key: member.key.clone(),
            key_span: member.key_span,
            value: Node { span, kind },
        }
    });
    let object = Object {
        members: members.collect(),
        broken: object.broken,
    };
    Node {
        span: node.span,
        kind: Kind::Object(object),
    }
}

/// A root has children and no kind of agent; an agent alone is the child of an implied root.
pub(crate) fn is_root(node: &Node) -> bool {
    match node.get("name") {
        Some(name) => name.as_text() == Some(envelope::ROOT_NAME),
        None => {
            let id = node.get("universal_id").and_then(Node::as_text);
            id.is_none_or(|id| id == envelope::ROOT_NAME)
                || node.get("node").is_some()
                || node.get("children").is_some() && node.get("config").is_none()
        }
    }
}
