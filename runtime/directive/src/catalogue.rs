//! The agents a binary knows, as data: what a directive is checked against.

use serde_json::{Value, json};
use skep_packet::{RoleBinding, RolePattern};

use crate::value::Node;

/// Every kind of agent that may be named, and what a node brings along.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalogue {
    /// The agents, in the order people should see them.
    pub kinds: Vec<AgentKind>,
    /// JSON Schema of the root's `node` object; `None` where it takes no keys.
    pub node_schema: Option<Value>,
    /// Names of agents that every node runs by itself; a directive may not take them.
    pub own_agents: Vec<String>,
    /// Roles that every node serves by itself: using one is never a warning.
    pub own_roles: Vec<String>,
}

/// One kind of agent: what its config takes, what it serves and what it uses.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentKind {
    /// The `name` in a directive, such as `log_watcher`.
    pub name: String,
    /// One line on what it is for.
    pub summary: String,
    /// JSON Schema of its config, as schemars writes it, without `ui` and `service-manager`.
    pub config_schema: Value,
    /// What it serves where its directive lists no roles: `role@handler`.
    pub serves: Vec<String>,
    /// Handlers it has, beside those named in `serves`.
    pub handlers: Vec<String>,
    /// The config key of an object whose keys are handlers too.
    pub handlers_key: Option<String>,
    /// Roles it sends to.
    pub uses: Vec<RoleUse>,
}

/// A role that an agent sends to, and the config keys that change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleUse {
    /// The role asked for where the config says nothing; empty for none.
    pub role: String,
    /// The config key that names another role, such as `oracle_role`; where there is none by default,
    /// a list of roles.
    pub config_key: Option<String>,
    /// The config key that turns the use off when false or 0, such as `enable_oracle`.
    pub switch: Option<String>,
}

impl Catalogue {
    /// The kind of that name.
    pub fn kind(&self, name: &str) -> Option<&AgentKind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// The schema of the root's `node` object.
    pub(crate) fn node_schema(&self) -> Value {
        let empty = || json!({"type": "object", "properties": {}, "additionalProperties": false});
        self.node_schema.clone().unwrap_or_else(empty)
    }
}

impl AgentKind {
    /// A kind that takes `config_schema`, serves nothing and uses nothing.
    pub fn new(name: &str, summary: &str, config_schema: Value) -> Self {
        Self {
            name: name.to_owned(),
            summary: summary.to_owned(),
            config_schema,
            serves: Vec::new(),
            handlers: Vec::new(),
            handlers_key: None,
            uses: Vec::new(),
        }
    }

    /// Adds what it serves by default, as `role@handler`.
    #[must_use]
    pub fn serving(mut self, binding: &str) -> Self {
        self.serves.push(binding.to_owned());
        self
    }

    /// Adds a handler that no default role names.
    #[must_use]
    pub fn handling(mut self, handler: &str) -> Self {
        self.handlers.push(handler.to_owned());
        self
    }

    /// Names the config key of an object whose keys are handlers too.
    #[must_use]
    pub fn handling_by(mut self, config_key: &str) -> Self {
        self.handlers_key = Some(config_key.to_owned());
        self
    }

    /// Adds a role it sends to.
    #[must_use]
    pub fn using(mut self, role_use: RoleUse) -> Self {
        self.uses.push(role_use);
        self
    }

    /// Its handlers with this config, each once, those of its default roles first.
    pub(crate) fn all_handlers<'a>(&'a self, config: Option<&'a Node>) -> Vec<&'a str> {
        let of_roles = self
            .serves
            .iter()
            .filter_map(|binding| Some(binding.split_once('@')?.1));
        let key = self.handlers_key.as_deref();
        let named = key.and_then(|key| config?.get(key)?.as_object());
        let named = named.into_iter().flat_map(|object| &object.members);
        let named = named.map(|member| member.key.as_str());
        let mut out: Vec<&str> = Vec::new();
        let fixed = self.handlers.iter().map(String::as_str);
        for handler in of_roles.chain(fixed).chain(named) {
            if !out.contains(&handler) {
                out.push(handler);
            }
        }
        out
    }

    /// Whether its config declares `key`.
    pub(crate) fn takes(&self, key: &str) -> bool {
        let properties = self.config_schema.get("properties");
        properties.is_some_and(|properties| properties.get(key).is_some())
    }

    /// Whether one of its default roles is meant by `pattern`.
    pub(crate) fn serves_any(&self, pattern: &RolePattern) -> bool {
        let roles = self
            .serves
            .iter()
            .filter_map(|binding| binding.parse::<RoleBinding>().ok());
        roles
            .into_iter()
            .any(|binding| pattern.matches(&binding.role))
    }

    /// The handler that serves `role` by default.
    pub(crate) fn default_handler(&self, role: &str) -> Option<&str> {
        let mut bindings = self
            .serves
            .iter()
            .filter_map(|binding| binding.split_once('@'));
        bindings
            .find(|(served, _)| *served == role)
            .map(|(_, handler)| handler)
    }
}

impl RoleUse {
    /// The use of `role`, which no config key changes.
    pub fn of(role: &str) -> Self {
        Self {
            role: role.to_owned(),
            config_key: None,
            switch: None,
        }
    }

    /// Names the config key that replaces the role.
    #[must_use]
    pub fn named_by(mut self, config_key: &str) -> Self {
        self.config_key = Some(config_key.to_owned());
        self
    }

    /// Names the config key that turns the use off.
    #[must_use]
    pub fn switched_by(mut self, switch: &str) -> Self {
        self.switch = Some(switch.to_owned());
        self
    }
}
