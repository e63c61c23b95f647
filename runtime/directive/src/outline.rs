//! A plan as people read it: the tree, what each agent serves, and its terms.

use std::fmt::Write;

use crate::{AgentPlan, PRIORITY_DEFAULT, PacketSigning, Plan, RolePlan};

impl Plan {
    /// The tree as text, one line for each agent and one for each role it serves.
    pub fn outline(&self) -> String {
        let mut out = String::from("node\n");
        branch(&mut out, "", &self.agents);
        out
    }
}

fn branch(out: &mut String, indent: &str, agents: &[AgentPlan]) {
    for (index, agent) in agents.iter().enumerate() {
        let is_last = index + 1 == agents.len();
        let (fork, deeper) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let emoji = agent
            .emoji
            .as_deref()
            .map(|emoji| format!("{emoji} "))
            .unwrap_or_default();
        // Writing to a String cannot fail.
        writeln!(
            out,
            "{indent}{fork}{emoji}{} ({}){}",
            agent.id,
            agent.kind,
            terms(agent)
        )
        .ok();
        let indent = format!("{indent}{deeper}");
        let stem = if agent.children.is_empty() {
            "   "
        } else {
            "│  "
        };
        for role in &agent.endpoints {
            writeln!(
                out,
                "{indent}{stem}serves {}@{}{}",
                role.role,
                role.handler,
                role_terms(role)
            )
            .ok();
        }
        branch(out, &indent, &agent.children);
    }
}

fn terms(agent: &AgentPlan) -> String {
    let mut terms = Vec::new();
    if let Some(restart) = &agent.restart {
        terms.extend(
            restart
                .policy
                .map(|policy| format!("{policy:?}").to_lowercase()),
        );
    }
    if agent.packet_signing != PacketSigning::default() {
        let PacketSigning { incoming, outgoing } = agent.packet_signing;
        terms.push(format!("packet_signing in: {incoming}, out: {outgoing}"));
    }
    listed(&terms)
}

fn role_terms(role: &RolePlan) -> String {
    let mut terms = Vec::new();
    if role.scope == skep_packet::Scope::Node {
        terms.push("this node only".to_owned());
    }
    if role.priority != PRIORITY_DEFAULT {
        terms.push(format!("priority {}", role.priority));
    }
    if role.exclusive {
        terms.push("exclusive".to_owned());
    }
    if role.auth_sig {
        terms.push("verified requests only".to_owned());
    }
    listed(&terms)
}

fn listed(terms: &[String]) -> String {
    if terms.is_empty() {
        return String::new();
    }
    format!(", {}", terms.join(", "))
}
