//! From a directive's text to what a node runs: where the node meets its agents.

use miette::{
    Diagnostic as MietteDiagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan,
    NamedSource, Severity as MietteSeverity, SourceCode,
};
use serde_json::{Value, json};
use skep_agent::{Agent, AgentSpec};
use skep_directive::{
    AgentKind, AgentPlan, Catalogue, Checked, Diagnostic, PacketSigning, Plan, RolePlan, RoleUse,
    Span,
};
use skep_node::NodeSettings;
use skep_packet::{AgentName, NodeId, RoleBinding, Scope};
use skep_protocol::{
    callback::ROLE_RPC,
    service::ROLE_SERVICE,
    steward::{CMD_STEWARD, role_of},
};

use crate::screen::Screen;

/// What `skep up` runs when no directive is given.
pub(crate) const DEFAULT: &str = include_str!("../../../directives/default.json");

/// How the default directive is called.
pub(crate) const DEFAULT_NAME: &str = "the default directive";

/// The kind of agent that is a door to people.
pub(crate) const DOOR: &str = "rpc_router";

/// Whoever changes what a running node runs.
pub(crate) const STEWARD: &str = "steward";

/// The door that every node has to itself: the control socket.
const CONSOLE: &str = "console";

/// What both of a node's own agents take: callbacks.
const CALLBACKS: &str = "hive.rpc@cmd_rpc_callback";

/// What the console does for agents of its node.
const REQUESTS: &str = "hive.rpc.request@cmd_service_request";

/// Every program that a node of this binary may run, the screen of `skep up` among them.
pub(crate) fn specs() -> Vec<AgentSpec> {
    let screen = AgentSpec::of::<Screen>();
    skep_registry::specs()
        .iter()
        .copied()
        .chain([screen])
        .collect()
}

/// The agents that a directive may name.
pub(crate) fn catalogue() -> Catalogue {
    // A node's steward is the node's own: no directive adds another one.
    let specs = skep_registry::specs().iter();
    let specs = specs.filter(|spec| spec.kind != STEWARD);
    Catalogue {
        kinds: specs.map(kind).collect(),
        node_schema: Some(schemars::schema_for!(NodeSettings).to_value()),
        own_agents: vec![
            CONSOLE.to_owned(),
            Screen::KIND.to_owned(),
            STEWARD.to_owned(),
        ],
        own_roles: vec![ROLE_RPC.to_owned(), ROLE_SERVICE.to_owned()],
    }
}

fn kind(spec: &AgentSpec) -> AgentKind {
    let handlers = (spec.handlers)(&Value::Null);
    let role_use = |used: &skep_agent::RoleUse| {
        let some = |key: &str| (!key.is_empty()).then(|| key.to_owned());
        RoleUse {
            role: used.default.to_owned(),
            config_key: some(used.config_key),
            switch: some(used.enabled_by),
        }
    };
    AgentKind {
        serves: spec.roles.iter().map(|&role| role.to_owned()).collect(),
        handlers: handlers
            .iter()
            .map(|handler| handler.name.to_string())
            .collect(),
        handlers_key: (spec.handlers_key)().map(str::to_owned),
        uses: spec.uses.iter().map(role_use).collect(),
        ..AgentKind::new(spec.kind, spec.summary, (spec.schema)())
    }
}

/// Checks a directive, as its schemas tell and as its agents tell.
pub(crate) fn check(text: &str) -> Checked {
    let refusal = |agent: &AgentPlan| {
        let spec = skep_registry::specs()
            .iter()
            .find(|spec| spec.kind == agent.kind)?;
        let refused = (spec.check)(without_secrets(&agent.config)).err()?;
        let text = refused.to_string();
        Some(text.strip_prefix("config: ").unwrap_or(&text).to_owned())
    };
    skep_directive::check(text, &catalogue()).and_agents(refusal)
}

/// A config with a word in the place of each secret: the check looks at none.
pub(crate) fn without_secrets(config: &Value) -> Value {
    match config {
        Value::Object(object) if object.contains_key("$secret") => json!("secret"),
        Value::Object(object) => {
            let parts = object
                .iter()
                .map(|(key, value)| (key.clone(), without_secrets(value)));
            Value::Object(parts.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_secrets).collect()),
        other => other.clone(),
    }
}

/// Adds what every node has: a door to itself, the screen, and whoever changes what runs.
pub(crate) fn with_own_agents(mut plan: Plan, screen: Value, node: &NodeId) -> Plan {
    let console = json!({ "console": true });
    plan.agents
        .push(own(CONSOLE, DOOR, &[CALLBACKS, REQUESTS], console));
    plan.agents
        .push(own(Screen::KIND, Screen::KIND, &[CALLBACKS], screen));
    plan.agents.push(steward(node));
    plan
}

/// The whole plan of a directive that was changed while it ran, or all that is wrong with it.
pub(crate) fn read(text: &str, screen: &Value, node: &NodeId) -> Result<Plan, String> {
    let checked = check(text);
    let wrong = || {
        let errors = checked
            .diagnostics
            .iter()
            .filter(|finding| finding.is_error());
        let errors: Vec<String> = errors
            .map(|finding| finding.plain("the changed directive", text))
            .collect();
        errors.join("\n").trim_end().to_owned()
    };
    match checked.plan.clone() {
        Some(plan) => Ok(with_own_agents(plan, screen.clone(), node)),
        None => Err(wrong()),
    }
}

/// Whether a door of the plan opens a people's port.
pub(crate) fn has_people(plan: &Plan) -> bool {
    let agents = plan.all();
    agents
        .iter()
        .any(|agent| agent.kind == DOOR && agent.id.as_str() != CONSOLE)
}

/// The node's steward; the whole swarm may ask for it, by the node's name.
fn steward(node: &NodeId) -> AgentPlan {
    let mut steward = own(STEWARD, STEWARD, &[], json!({}));
    let binding = format!("{}@{CMD_STEWARD}", role_of(node));
    match binding.parse() {
        Ok(RoleBinding { role, handler }) => {
            steward.endpoints.push(RolePlan::plain(role, handler));
        }
        Err(error) => {
            tracing::warn!(%error, "the node's name is too long for a steward's role");
        }
    }
    steward
}

/// An agent that only its own node sees.
fn own(id: &'static str, kind: &str, roles: &[&str], config: Value) -> AgentPlan {
    let endpoint = |text: &&str| {
        let RoleBinding { role, handler } = text.parse().expect("a role written in code is a role");
        RolePlan {
            scope: Scope::Node,
            ..RolePlan::plain(role, handler)
        }
    };
    AgentPlan {
        id: AgentName::new(id).expect("a name written in code is a name"),
        kind: kind.to_owned(),
        emoji: None,
        panel: Vec::new(),
        packet_signing: PacketSigning::default(),
        endpoints: roles.iter().map(endpoint).collect(),
        config,
        config_span: Span::default(),
        restart: None,
        beacon_interval_ms: None,
        children: Vec::new(),
    }
}

/// Every finding as people read it, with its place marked.
pub(crate) fn findings(checked: &Checked, name: &str, text: &str, colored: bool) -> String {
    let theme = if colored {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::none()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(100)
        .with_links(false)
        .with_context_lines(1);
    let source = NamedSource::new(name, text.to_owned());
    let mut out = String::new();
    for finding in &checked.diagnostics {
        let finding = Finding {
            finding,
            source: &source,
        };
        if handler.render_report(&mut out, &finding).is_err() {
            out.push_str(&finding.finding.plain(name, text));
        }
        out.push('\n');
    }
    out
}

/// A finding, in the words of the crate that draws it.
#[derive(Debug)]
struct Finding<'a> {
    finding: &'a Diagnostic,
    source: &'a NamedSource<String>,
}

impl std::fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Finding<'_> {}

impl MietteDiagnostic for Finding<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(self.finding.code.id()))
    }

    fn severity(&self) -> Option<MietteSeverity> {
        Some(match self.finding.is_error() {
            true => MietteSeverity::Error,
            false => MietteSeverity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let help = self.finding.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = |label: &str, span: Span| {
            let label = (!label.is_empty()).then(|| label.to_owned());
            LabeledSpan::new(label, span.start, span.len())
        };
        let first = span(&self.finding.label, self.finding.span);
        let related = self.finding.related.as_ref();
        let related = related.map(|related| span(&related.label, related.span));
        Some(Box::new(std::iter::once(first).chain(related)))
    }
}

/// The agents of a plan as a tree.
pub(crate) fn tree(plan: &Plan) -> String {
    let mut out = String::from("node\n");
    branches(&plan.agents, "", &mut out);
    out
}

fn branches(agents: &[AgentPlan], lead: &str, out: &mut String) {
    for (place, agent) in agents.iter().enumerate() {
        let is_last = place + 1 == agents.len();
        let (branch, below) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let emoji = agent
            .emoji
            .as_ref()
            .map(|emoji| format!("{emoji} "))
            .unwrap_or_default();
        let kind = match agent.id.as_str() == agent.kind {
            true => String::new(),
            false => format!(" ({})", agent.kind),
        };
        out.push_str(&format!("{lead}{branch}{emoji}{}{kind}\n", agent.id));
        let deeper = format!("{lead}{below}");
        let roles_lead = if agent.children.is_empty() {
            "   "
        } else {
            "│  "
        };
        for role in &agent.endpoints {
            let scope = if role.scope == Scope::Node {
                ", on this node"
            } else {
                ""
            };
            let served = format!("serves {}@{}{scope}", role.role, role.handler);
            out.push_str(&format!("{deeper}{roles_lead}{served}\n"));
        }
        branches(&agent.children, &deeper, out);
    }
}

#[cfg(test)]
mod examples;

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NodeId {
        NodeId::new("n1").unwrap()
    }

    #[test]
    fn the_default_directive_is_good() {
        let checked = check(DEFAULT);
        assert_eq!(checked.plain(DEFAULT_NAME, DEFAULT), "");
        let plan = with_own_agents(checked.plan.unwrap(), json!({}), &node());
        insta::assert_snapshot!(tree(&plan));
    }

    #[test]
    fn every_node_has_a_door_to_itself() {
        let text = r#"{"children": [{"universal_id": "w", "name": "log_watcher"}]}"#;
        let plan = with_own_agents(check(text).plan.unwrap(), json!({}), &node());
        let console = plan.find(CONSOLE).unwrap();
        assert_eq!(console.config, json!({ "console": true }));
        assert!((skep_rpc_router_check())(console.config.clone()).is_ok());
        assert!(
            console
                .endpoints
                .iter()
                .all(|role| role.scope == Scope::Node)
        );
    }

    fn skep_rpc_router_check() -> fn(Value) -> Result<(), skep_agent::AgentError> {
        skep_registry::specs()
            .iter()
            .find(|spec| spec.kind == DOOR)
            .unwrap()
            .check
    }

    #[test]
    fn a_mistake_is_shown_with_its_place_and_cure() {
        let text = "{\n  \"children\": [\n    {\"universal_id\": \"w\", \"name\": \"log_wacher\"}\n  ]\n}\n";
        let checked = check(text);
        insta::assert_snapshot!(findings(&checked, "n1.json", text, false));
    }

    #[test]
    fn what_only_the_agent_knows_is_a_finding_too() {
        let text = r#"{"children": [{"universal_id": "r", "name": "rpc_router", "config": {"listen": "7480"}}]}"#;
        let checked = check(text);
        assert!(checked.plan.is_none());
        insta::assert_snapshot!(findings(&checked, "n1.json", text, false));
    }

    #[test]
    fn secrets_are_not_looked_at() {
        let config = json!({"a": [{"$secret": "env:KEY"}], "b": {"c": 1}});
        assert_eq!(
            without_secrets(&config),
            json!({"a": ["secret"], "b": {"c": 1}})
        );
    }
}
