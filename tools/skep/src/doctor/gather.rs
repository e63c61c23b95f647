//! Looking at the host, the home and the node. Nothing here judges, and nothing is changed.

mod home;
mod host;
mod node;

use std::path::PathBuf;

use serde_json::Value;
use skep_directive::Plan;
use skep_log_watcher::Look;
use skep_node::{Clock, NodeSettings, find_secret, home::Home};

use super::facts::{Directive, Facts, Node, Ports, Secret, Store};
use crate::plan;

/// What is examined.
pub(crate) struct Examined {
    /// The home's folder.
    pub(crate) home: PathBuf,
    /// The directive's text.
    pub(crate) text: String,
    /// What it is called.
    pub(crate) name: String,
}

/// Looks at everything; takes a second or two, and at most some ten.
pub(crate) async fn gather(examined: Examined) -> Facts {
    let now_ms = Clock::start().now().unix_ms;
    let home = Home::at(&examined.home);
    let seen = node::look(&home).await;
    let is_up = matches!(seen.node, Node::Up { .. });
    let (directive, plan) = directive(&examined);
    let ports = Ports {
        swarm: seen.listening.swarm.map(|(address, _)| address),
        people: seen.listening.people,
        has_door: plan.as_ref().is_some_and(plan::has_people),
        people_wanted: plan.as_ref().and_then(people_wanted),
        udp: host::ports("udp"),
        tcp: host::ports("tcp"),
    };
    let store = match (is_up, home::store_bytes(&home)) {
        (_, None) => Store::None,
        (true, Some(bytes)) => Store::Held { bytes },
        (false, Some(bytes)) => home::store(&home, bytes),
    };
    Facts {
        now_ms,
        uid: host::uid(),
        home: home::folder(&home),
        papers: home::papers(&home, now_ms),
        clock: super::facts::Clock {
            is_synchronised: host::is_synchronised().await,
            peers: seen.clocks,
        },
        node: seen.node,
        ports,
        store,
        free_bytes: host::free_bytes(&examined.home),
        files_max: host::files_max(seen.pid),
        directive,
        secrets: plan.as_ref().map(secrets).unwrap_or_default(),
        sources: plan.map(|plan| sources(&plan, now_ms)).unwrap_or_default(),
    }
}

fn directive(examined: &Examined) -> (Directive, Option<Plan>) {
    let checked = plan::check(&examined.text);
    let errors = checked.diagnostics.iter().filter(|one| one.is_error());
    let errors = errors.count();
    let directive = Directive {
        name: examined.name.clone(),
        errors,
        warnings: checked.diagnostics.len() - errors,
    };
    (directive, checked.plan)
}

fn people_wanted(plan: &Plan) -> Option<std::net::SocketAddr> {
    let settings: Option<NodeSettings> = serde_json::from_value(plan.node.clone()).ok();
    settings.and_then(|settings| settings.people)
}

/// Every secret that an agent's config refers to; one that several agents want is looked for once
/// for each.
fn secrets(plan: &Plan) -> Vec<Secret> {
    let mut found = Vec::new();
    for agent in plan.all() {
        let mut references = Vec::new();
        collect(&agent.config, &mut references);
        references.sort();
        references.dedup();
        found.extend(references.into_iter().map(|reference| {
            Secret {
                missing: find_secret(&reference)
                    .err()
                    .map(|error| skep_agent::one_line(&error)),
                file: reference.strip_prefix("file:").and_then(|path| {
                    let path = PathBuf::from(path);
                    home::guarded(&path).map(|guarded| (path, guarded))
                }),
                reference,
                agent: agent.id.to_string(),
            }
        }));
    }
    found
}

fn collect(config: &Value, references: &mut Vec<String>) {
    match config {
        Value::Object(map) => match map.get("$secret").and_then(Value::as_str) {
            Some(reference) => references.push(reference.to_owned()),
            None => map.values().for_each(|value| collect(value, references)),
        },
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

/// The sources of every log_watcher.
fn sources(plan: &Plan, now_ms: u64) -> Vec<Look> {
    let now_s = i64::try_from(now_ms / 1000).unwrap_or(i64::MAX);
    let watchers = plan.all().into_iter();
    let watchers = watchers.filter(|agent| agent.kind == skep_log_watcher::SPEC.kind);
    let looks = watchers.filter_map(|agent| {
        let config = plan::without_secrets(&agent.config);
        // What makes no sense is a finding about the directive.
        let config = serde_json::from_value(config).ok()?;
        skep_log_watcher::look(config, now_s).ok()
    });
    looks.flatten().collect()
}
