//! `skep tree`.

mod crowd;

use clap::Args;
use serde_json::Value;
use skep_agent::{NodeTree, TreeAgent, TreeNode};
use skep_packet::{AgentHealth, AgentName, MemberState, Scope, ServedRole};
use skep_protocol::rpc::{FromClient, FromDoor};

use crate::{
    cli::{Globals, OutputFormat},
    client::{self, Access, Route, Session},
    failure::{Failure, Kind},
    output, places,
};

/// Show every node and agent of the swarm
///
/// As the node sees it that is asked: who is alive, what runs, what it offers, and what waits. In a
/// large swarm nodes that run the same are told together, and in full who needs a look.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep tree
  skep tree --all | grep oracle
  skep tree --format json
  skep --as ann.skep tree")]
pub(crate) struct Tree {
    /// Show every node in full, however many there are
    #[arg(long)]
    all: bool,
}

impl Tree {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        let tree = fetch(globals).await?;
        match globals.format {
            OutputFormat::Json => output::document(&tree),
            OutputFormat::Text => {
                let tree: NodeTree = serde_json::from_value(tree).map_err(|error| {
                    Failure::new(Kind::Protocol, "the tree is not readable").because(&error)
                })?;
                let is_crowd = tree.nodes.len() >= crowd::CROWD_MIN && !self.all;
                output::say(&match is_crowd {
                    true => crowd::rendered(&tree),
                    false => rendered(&tree),
                });
            }
        }
        Ok(())
    }
}

/// Whoever may open the control socket may see the tree; others log in.
async fn fetch(globals: &Globals) -> Result<Value, Failure> {
    if globals.bundle.is_none() && globals.at.is_none() {
        let socket = places::home_path(globals)?.join("control.sock");
        let body = client::get(&socket, "/tree").await?;
        return serde_json::from_slice(&body).map_err(|error| {
            Failure::new(Kind::Protocol, "the tree is not readable").because(&error)
        });
    }
    let access = Access::find(globals).await?;
    if let Route::People(address) = &access.route {
        tracing::debug!(address, "asking over people's port");
    }
    let mut session = Session::open(access).await?;
    session.say(&FromClient::Tree {}).await?;
    let mut tree = Value::Null;
    loop {
        match session.next().await? {
            FromDoor::Tree { tree: part, more } => {
                join(&mut tree, part);
                if !more {
                    break;
                }
            }
            FromDoor::Refused(problem) => return Err(client::refused(&problem)),
            _ => {}
        }
    }
    session.bye().await;
    Ok(tree)
}

/// A large tree comes in parts, each with some of the nodes.
fn join(tree: &mut Value, mut part: Value) {
    let nodes = tree.get_mut("nodes").and_then(Value::as_array_mut);
    match (nodes, part.get_mut("nodes").and_then(Value::as_array_mut)) {
        (Some(nodes), Some(more)) => nodes.append(more),
        _ => *tree = part,
    }
}

fn rendered(tree: &NodeTree) -> String {
    let mut out = String::new();
    for node in &tree.nodes {
        node_line(tree, node, &mut out);
        branches(node, None, "", &mut out);
    }
    waiting(tree, &mut out);
    out
}

fn node_line(tree: &NodeTree, node: &TreeNode, out: &mut String) {
    let asked = if node.node == tree.node {
        ", asked"
    } else {
        ""
    };
    let state = member(node.state);
    let addresses: Vec<String> = node.addresses.iter().map(ToString::to_string).collect();
    let listens = match (&node.hub, addresses.is_empty()) {
        (Some(hub), _) => format!(", through {hub}"),
        (None, true) => String::new(),
        (None, false) => format!(", {}", addresses.join(" ")),
    };
    let line = format!("{} ({state}{asked}{listens}) {}", node.node, node.program);
    out.push_str(line.trim_end());
    out.push('\n');
}

fn waiting(tree: &NodeTree, out: &mut String) {
    for (role, n) in &tree.state.outbox {
        out.push_str(&format!("{n} packets waiting for {role}\n"));
    }
    for (wanted, why, n) in &tree.state.dead_letters {
        out.push_str(&format!("{n} dead letters for {wanted}: {why}\n"));
    }
}

fn branches(node: &TreeNode, parent: Option<&AgentName>, lead: &str, out: &mut String) {
    let children: Vec<&TreeAgent> = node
        .agents
        .iter()
        .filter(|agent| agent.card.parent.as_ref() == parent)
        .collect();
    for (place, agent) in children.iter().enumerate() {
        let is_last = place + 1 == children.len();
        let (branch, below) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let card = &agent.card;
        let emoji = card
            .emoji
            .as_ref()
            .map(|emoji| format!("{emoji} "))
            .unwrap_or_default();
        let kind = match card.agent.as_str() == card.kind {
            true => String::new(),
            false => format!(" ({})", card.kind),
        };
        let roles = card.roles.iter().filter(|role| role.scope == Scope::Swarm);
        let role = |served: &ServedRole| match agent.stands_by.contains(&served.role) {
            true => format!("{} (stands by)", served.role),
            false => served.role.to_string(),
        };
        let roles: Vec<String> = roles.map(role).collect();
        let serves = match roles.is_empty() {
            true => String::new(),
            false => format!(" · {}", roles.join(", ")),
        };
        let health = health(card.health, card.incarnation);
        out.push_str(&format!(
            "{lead}{branch}{emoji}{}{kind}{health}{serves}\n",
            card.agent
        ));
        branches(node, Some(&card.agent), &format!("{lead}{below}"), out);
    }
}

fn member(state: MemberState) -> &'static str {
    match state {
        MemberState::Alive => "alive",
        MemberState::Suspect => "suspect",
        MemberState::Dead => "dead",
        MemberState::Left => "left",
    }
}

/// Nothing to say of an agent that is well and was never restarted.
fn health(health: AgentHealth, incarnation: u32) -> String {
    let word = match health {
        AgentHealth::Healthy => None,
        AgentHealth::Starting => Some("starting"),
        AgentHealth::Restarting => Some("restarting"),
        AgentHealth::CrashLoop => Some("crash loop"),
        AgentHealth::Stuck => Some("stuck"),
        AgentHealth::Stopped => Some("stopped"),
        _ => Some("?"),
    };
    let n_restarts = incarnation.saturating_sub(1);
    match (word, n_restarts) {
        (None, 0) => String::new(),
        (None, n) => format!(" [{n} restarts]"),
        (Some(word), 0) => format!(" [{word}]"),
        (Some(word), n) => format!(" [{word}, {n} restarts]"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_shows_who_is_well_and_what_waits() {
        let role = json!({"role": "hive.oracle", "handler": "cmd_msg_prompt", "scope": "swarm",
            "priority": 100, "exclusive": false});
        let mut sole = role.clone();
        sole["role"] = json!("patrol.one");
        sole["exclusive"] = json!(true);
        let agent = |name: &str, kind: &str, parent: Value, health: &str, roles: Value| {
            json!({"agent": name, "kind": kind, "parent": parent, "emoji": null, "roles": roles,
                "health": health, "incarnation": 3})
        };
        let mut waits = agent("spare", "patrol", json!(null), "healthy", json!([sole]));
        waits["stands_by"] = json!(["patrol.one"]);
        let tree = json!({
            "node": "n1",
            "nodes": [
                {"node": "n1", "state": "a", "addresses": ["10.0.0.1:7400"], "program": "skep 0.1.0",
                 "agents": [
                    agent("watch", "log_watcher", json!(null), "healthy", json!([])),
                    agent("oracle", "oracle", json!("watch"), "crash_loop", json!([role])),
                    waits,
                 ]},
                {"node": "n3", "state": "a", "addresses": [], "hub": "n1", "program": "skep 0.1.0",
                 "agents": []},
                {"node": "n2", "state": "d", "addresses": [], "program": "", "agents": []},
            ],
            "state": {"outbox": [["hive.alert", 2]], "dead_letters": [["w@n2", "expired", 1]]},
        });
        let tree: NodeTree = serde_json::from_value(tree).unwrap();
        insta::assert_snapshot!(rendered(&tree));
    }
}
