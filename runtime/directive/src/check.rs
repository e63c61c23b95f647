//! The one entrance: text and catalogue to a plan and findings.

use serde::Serialize;

use crate::{Catalogue, Diagnostic, Plan, diagnostic::Findings, parse::parse, tree};

/// What came of a directive: a plan where nothing stands against it, and all findings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// What to run; `None` where a finding is an error.
    pub plan: Option<Plan>,
    /// Errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Checked {
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
