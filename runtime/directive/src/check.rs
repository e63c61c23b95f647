//! The one entrance: text and catalogue to a plan and findings.

use serde::Serialize;
use serde_json::Value;

use crate::{
    AgentPlan, Catalogue, Code, Diagnostic, Plan, diagnostic::Findings, parse::parse,
    schema::Reader, tree,
};

/// What came of a directive: a plan where nothing stands against it, and all findings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// What to run; `None` where a finding is an error.
    pub plan: Option<Plan>,
    /// Errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Checked {
    /// Lets the agents look at their configs: `refusal` says why one can not run with its own.
    ///
    /// A schema tells no more than types and bounds; what an agent's own code refuses becomes a
    /// finding like any other. Without a plan nothing is asked.
    #[must_use]
    pub fn and_agents(mut self, refusal: impl Fn(&AgentPlan) -> Option<String>) -> Self {
        let Some(plan) = &self.plan else { return self };
        let n_before = self.diagnostics.len();
        for agent in plan.all() {
            if let Some(message) = refusal(agent) {
                let code = Code::ConfigRefused;
                let label = format!("the config of `{}`", agent.id);
                self.diagnostics
                    .push(Diagnostic::error(code, agent.config_span, message).label(label));
            }
        }
        if self.diagnostics.len() > n_before {
            self.plan = None;
            self.diagnostics
                .sort_by_key(|finding| (finding.span.start, finding.code));
        }
        self
    }

    /// Every finding as plain text, with its line marked; `file` is only printed.
    pub fn plain(&self, file: &str, text: &str) -> String {
        let findings = self
            .diagnostics
            .iter()
            .map(|finding| finding.plain(file, text));
        findings.collect::<Vec<_>>().join("\n")
    }
}

/// Checks a directive against the agents that exist. Reports every mistake, and never panics.
///
/// Shape: at most [`crate::TEXT_BYTES_MAX`] bytes, [`crate::DEPTH_MAX`] levels of brackets and
/// [`crate::AGENTS_MAX`] agents; at most [`crate::DIAGNOSTICS_MAX`] findings are kept.
pub fn check(text: &str, catalogue: &Catalogue) -> Checked {
    let mut findings = Findings::default();
    let root = parse(text, &mut findings);
    let plan = tree::read(catalogue, &root, &mut findings);
    let is_good = findings.n_errors() == 0;
    Checked {
        plan: is_good.then_some(plan),
        diagnostics: findings.finish(text.len()),
    }
}

/// The text as plain JSON, without its comments and with Python's words in JSON's; none where it
/// can not be read whole.
pub fn value(text: &str) -> Option<Value> {
    let mut findings = Findings::default();
    let root = parse(text, &mut findings);
    (findings.n_errors() == 0).then(|| root.to_json())
}

/// Reads a text against any JSON Schema of the subset schemars writes; findings, none if it fits.
pub fn check_schema(text: &str, schema: &Value) -> Vec<Diagnostic> {
    let mut findings = Findings::default();
    let root = parse(text, &mut findings);
    let mut reader = Reader::new(schema);
    reader.read_root(&root, "the document");
    findings.extend(reader.findings);
    findings.finish(text.len())
}
