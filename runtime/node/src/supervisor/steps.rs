//! From one plan to another: which agents stop, and which start.

use std::collections::{BTreeMap, BTreeSet};

use skep_directive::{AgentPlan, Plan, Span};
use skep_packet::AgentName;

/// What leads from one plan to another.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Steps {
    /// Agents of the old plan to be stopped, children first.
    pub(crate) stop: Vec<Placed>,
    /// Agents of the new plan to be started then, parents first.
    pub(crate) start: Vec<Placed>,
}

/// One agent of a plan, without what is below it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    pub(crate) plan: AgentPlan,
    pub(crate) parent: Option<AgentName>,
}

/// What leads from `old` to `new`. A parent's stop stops its subtree; whoever did not change and
/// has no parent that did goes on undisturbed. The subtree of `again` is started anew in any case.
pub(crate) fn steps(old: &Plan, new: &Plan, again: Option<&AgentName>) -> Steps {
    let (before, after) = (placed(old), placed(new));
    let by_id: BTreeMap<&AgentName, &Placed> =
        after.iter().map(|agent| (&agent.plan.id, agent)).collect();
    let mut stopped = BTreeSet::new();
    for agent in &before {
        let id = &agent.plan.id;
        let is_same = by_id.get(id).is_some_and(|now| *now == agent) && again != Some(id);
        let is_under = agent
            .parent
            .as_ref()
            .is_some_and(|parent| stopped.contains(parent));
        if !is_same || is_under {
            stopped.insert(id.clone());
        }
    }
    let kept: BTreeSet<&AgentName> = before
        .iter()
        .map(|agent| &agent.plan.id)
        .filter(|id| !stopped.contains(*id))
        .collect();
    let start = after.iter().filter(|agent| !kept.contains(&agent.plan.id));
    let start = start.cloned().collect();
    let stop = before.iter().rev();
    let stop = stop.filter(|agent| stopped.contains(&agent.plan.id));
    let stop = stop.cloned().collect();
    Steps { stop, start }
}

/// Every agent of a plan, parents before their children.
pub(crate) fn placed(plan: &Plan) -> Vec<Placed> {
    fn add(out: &mut Vec<Placed>, agents: &[AgentPlan], parent: Option<&AgentName>) {
        for agent in agents {
            out.push(Placed {
                plan: AgentPlan {
                    children: Vec::new(),
                    // Where it stands in the text is no part of what it is.
                    config_span: Span::default(),
                    ..agent.clone()
                },
                parent: parent.cloned(),
            });
            add(out, &agent.children, Some(&agent.id));
        }
    }
    let mut out = Vec::new();
    add(&mut out, &plan.agents, None);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use skep_directive::PacketSigning;

    use super::*;

    /// A plan written as `a(b c) d`; a digit behind a name stands for its config.
    fn plan(text: &str) -> Plan {
        let mut stack: Vec<Vec<AgentPlan>> = vec![Vec::new()];
        for sign in text.chars() {
            match sign {
                '(' => stack.push(Vec::new()),
                ')' => {
                    let children = stack.pop().unwrap();
                    stack.last_mut().unwrap().last_mut().unwrap().children = children;
                }
                ' ' => {}
                digit if digit.is_ascii_digit() => {
                    let agent = stack.last_mut().unwrap().last_mut().unwrap();
                    agent.config = json!({ "n": digit.to_string() });
                }
                name => stack.last_mut().unwrap().push(agent(name)),
            }
        }
        let agents = stack.pop().unwrap();
        let node = json!({});
        Plan { node, agents }
    }

    fn agent(name: char) -> AgentPlan {
        AgentPlan {
            id: AgentName::new(&name.to_string()).unwrap(),
            kind: "probe".to_owned(),
            emoji: None,
            panel: Vec::new(),
            packet_signing: PacketSigning::default(),
            endpoints: Vec::new(),
            config: json!({}),
            config_span: Span::default(),
            restart: None,
            beacon_interval_ms: None,
            children: Vec::new(),
        }
    }

    fn check(old: &str, new: &str, again: Option<&str>, stop: &str, start: &str) {
        let again = again.map(|name| AgentName::new(name).unwrap());
        let steps = steps(&plan(old), &plan(new), again.as_ref());
        let names = |placed: &[Placed]| -> String {
            placed.iter().map(|agent| agent.plan.id.as_str()).collect()
        };
        let got = (names(&steps.stop), names(&steps.start));
        assert_eq!(got, (stop.to_owned(), start.to_owned()), "{old} -> {new}");
    }

    #[test]
    fn only_what_changed_and_what_is_below_it_is_touched() {
        check("a(b c) d", "a(b c) d", None, "", "");
        check("a d", "a(b) d", None, "", "b");
        check("a(b c) d", "a(b) d", None, "c", "");
        check("a(b(c)) d", "d", None, "cba", "");
        check("a(b c) d", "a1(b c) d", None, "cba", "abc");
        check("a(b c) d", "a(b1 c) d", None, "b", "b");
        check("a(b c) d", "a(c) d(b)", None, "b", "b");
        check("a b", "b a", None, "", "");
    }

    #[test]
    fn a_restart_takes_the_subtree_along() {
        check("a(b(c) e) d", "a(b(c) e) d", Some("b"), "cb", "bc");
        check("a(b(c) e) d", "a(b(c) e) d", Some("a"), "ecba", "abce");
        check("a(b(c) e) d", "a(b(c) e) d", Some("z"), "", "");
    }

    #[test]
    fn another_place_in_the_text_is_no_change() {
        let mut moved = plan("a(b)");
        moved.agents[0].config_span = Span::new(5, 9);
        assert_eq!(steps(&plan("a(b)"), &moved, None), Steps::default());
    }
}
