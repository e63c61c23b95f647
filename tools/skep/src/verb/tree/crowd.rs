//! A tree of more nodes than anybody reads: what needs a look in full, the rest by what runs there.

use std::collections::BTreeMap;

use skep_agent::{NodeTree, TreeNode};
use skep_packet::{AgentHealth, MemberState};

use super::{branches, member, node_line, waiting};

/// From so many nodes on those that are alike are told together.
pub(super) const CROWD_MIN: usize = 25;

/// Nodes that need a look, shown in full; the others are counted.
const SHOWN_MAX: usize = 20;

/// Kinds of nodes that are told apart; the others are counted.
const KINDS_MAX: usize = 12;

/// Names of nodes that are alike; then comes the last one.
const NAMES_MAX: usize = 3;

pub(super) fn rendered(tree: &NodeTree) -> String {
    let mut out = summary(tree);
    let is_asked = |node: &&TreeNode| node.node == tree.node;
    for node in tree.nodes.iter().filter(is_asked) {
        in_full(tree, node, &mut out);
    }
    let others = tree.nodes.iter().filter(|node| !is_asked(node));
    let (well, unwell): (Vec<&TreeNode>, Vec<&TreeNode>) = others.partition(|node| is_well(node));
    for node in unwell.iter().take(SHOWN_MAX) {
        in_full(tree, node, &mut out);
    }
    if unwell.len() > SHOWN_MAX {
        let n_more = unwell.len() - SHOWN_MAX;
        out.push_str(&format!("… and {n_more} more that are not well: --all\n"));
    }
    alike(&well, &mut out);
    waiting(tree, &mut out);
    out
}

/// How many there are, by how they are.
fn summary(tree: &NodeTree) -> String {
    let mut n_by_state: BTreeMap<u8, (MemberState, usize)> = BTreeMap::new();
    for node in &tree.nodes {
        let rank = match node.state {
            MemberState::Alive => 0,
            MemberState::Suspect => 1,
            MemberState::Dead => 2,
            MemberState::Left => 3,
        };
        n_by_state.entry(rank).or_insert((node.state, 0)).1 += 1;
    }
    let states = n_by_state.values();
    let states: Vec<String> = states
        .map(|(state, n)| format!("{n} {}", member(*state)))
        .collect();
    let n_agents: usize = tree.nodes.iter().map(|node| node.agents.len()).sum();
    format!(
        "{} nodes, {}; {n_agents} agents\n",
        tree.nodes.len(),
        states.join(", ")
    )
}

fn is_well(node: &TreeNode) -> bool {
    let mut agents = node.agents.iter();
    node.state == MemberState::Alive && agents.all(|a| a.card.health == AgentHealth::Healthy)
}

fn in_full(tree: &NodeTree, node: &TreeNode, out: &mut String) {
    node_line(tree, node, out);
    branches(node, None, "", out);
}

/// Nodes that run the same, the most frequent kind first.
fn alike(nodes: &[&TreeNode], out: &mut String) {
    let mut kinds: BTreeMap<String, Vec<&TreeNode>> = BTreeMap::new();
    for node in nodes {
        // How often an agent was restarted makes no other kind of node.
        let mut plain = (*node).clone();
        for agent in &mut plain.agents {
            agent.card.incarnation = 1;
        }
        let mut text = String::new();
        branches(&plain, None, "", &mut text);
        kinds.entry(text).or_default().push(node);
    }
    let mut kinds: Vec<(String, Vec<&TreeNode>)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, nodes)| std::cmp::Reverse(nodes.len()));
    for (text, nodes) in kinds.iter().take(KINDS_MAX) {
        let n = nodes.len();
        let what = if n == 1 { "node" } else { "nodes alike" };
        out.push_str(&format!("{n} {what}: {}\n{text}", names(nodes)));
    }
    if kinds.len() > KINDS_MAX {
        let rest = kinds.iter().skip(KINDS_MAX);
        let n_nodes: usize = rest.map(|(_, nodes)| nodes.len()).sum();
        out.push_str(&format!("… and {n_nodes} nodes of other kinds: --all\n"));
    }
}

fn names(nodes: &[&TreeNode]) -> String {
    let all = nodes.iter().map(|node| node.node.as_str());
    match nodes {
        [.., last] if nodes.len() > NAMES_MAX + 1 => {
            let first: Vec<&str> = all.take(NAMES_MAX).collect();
            format!("{} … {}", first.join(", "), last.node)
        }
        _ => all.collect::<Vec<&str>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn agent(name: &str, kind: &str, role: &str, health: &str, incarnation: u32) -> Value {
        let role = json!({"role": role, "handler": "cmd_do", "scope": "swarm", "priority": 100,
            "exclusive": false});
        json!({"agent": name, "kind": kind, "parent": null, "emoji": null, "roles": [role],
            "health": health, "incarnation": incarnation})
    }

    fn thousand() -> NodeTree {
        let node = |n: usize| {
            let sick = if n == 17 { "crash_loop" } else { "healthy" };
            let incarnation = 1 + u32::try_from(n % 3).unwrap();
            let watch = agent(
                "watch",
                "log_watcher",
                "logwatch.generate.digest",
                sick,
                incarnation,
            );
            let mut agents = vec![watch];
            if n.is_multiple_of(400) {
                agents.push(agent("alert", "alert", "hive.alert", "healthy", 1));
            }
            let state = if n == 30 { "d" } else { "a" };
            json!({"node": format!("web-{n:04}"), "state": state, "program": "skep 0.1.0",
                "addresses": [format!("10.0.{}.{}:7400", n / 250, n % 250)], "agents": agents})
        };
        let tree = json!({
            "node": "web-0000",
            "nodes": (0..1000).map(node).collect::<Vec<Value>>(),
            "state": {"outbox": [["hive.oracle", 3]], "dead_letters": []},
        });
        serde_json::from_value(tree).unwrap()
    }

    #[test]
    fn a_thousand_nodes_fit_a_screen() {
        insta::assert_snapshot!(rendered(&thousand()));
    }

    #[test]
    fn however_many_are_unwell_or_unlike_it_stays_short() {
        let mut tree = thousand();
        for (n, node) in tree.nodes.iter_mut().enumerate() {
            if n.is_multiple_of(2) {
                node.state = MemberState::Suspect;
            } else {
                node.agents[0].card.kind = format!("kind-{n}");
            }
        }
        let n_lines = rendered(&tree).lines().count();
        assert!(
            n_lines < 2 * (SHOWN_MAX + KINDS_MAX) + 15,
            "{n_lines} lines"
        );
    }
}
