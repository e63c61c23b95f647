//! The one form that every analysis has, whoever made it.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::severity::Severity;

/// What an oracle has to say about a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How grave it all is; at least as grave as each finding.
    pub severity: Severity,
    /// What happened, in a few sentences for people.
    pub summary: String,
    /// What was found, the gravest first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// How sure the oracle is, 0 to 100.
    #[serde(default)]
    pub confidence: u8,
    /// What a person might do, the most urgent first.
    #[serde(default)]
    pub advice: Vec<String>,
    /// Who made it: `builtin`, or `openai` and the model's name.
    #[serde(default)]
    pub backend: String,
    /// Why a better backend's report is not here: it failed, and this is the builtin one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// What a model's words name and no line or count shows: `address 192.0.2.7`, `count 500`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfounded: Vec<String>,
    /// Whether a person should be alerted.
    #[serde(default)]
    pub anomaly: bool,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is, in one line.
    pub title: String,
    /// The kind of thing it is, for programs: `password_spraying`, `port_scan`, …; empty where it
    /// has no name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shape: String,
    /// How grave it is.
    pub severity: Severity,
    /// The lines that show it, by their ids in the digest.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// How sure the oracle is, 0 to 100.
    #[serde(default)]
    pub confidence: u8,
    /// What a person might do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Report {
    /// The report as people read it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let ok = self.write(&mut out);
        ok.expect("a string takes what is written");
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "Analysis: {} (by {})", self.severity, self.backend)?;
        if let Some(reason) = &self.degraded {
            writeln!(out, "Degraded: {reason}")?;
        }
        writeln!(out, "{}", self.summary)?;
        if !self.unfounded.is_empty() {
            writeln!(out, "Not in the logs: {}", self.unfounded.join(", "))?;
        }
        for finding in &self.findings {
            write!(out, "- [{}] {}", finding.severity, finding.title)?;
            if !finding.evidence.is_empty() {
                write!(out, " ({})", shown(&finding.evidence))?;
            }
            writeln!(out)?;
            if let Some(advice) = &finding.advice {
                writeln!(out, "  {advice}")?;
            }
        }
        // What a finding advises stands there already.
        let said = |advice: &&String| {
            let mut findings = self.findings.iter();
            !findings.any(|finding| finding.advice.as_ref() == Some(*advice))
        };
        let more: Vec<&String> = self.advice.iter().filter(said).collect();
        if !more.is_empty() {
            writeln!(out, "Advice:")?;
        }
        more.iter()
            .try_for_each(|advice| writeln!(out, "- {advice}"))
    }
}

/// Evidence ids in a line: the first few, and how many more.
fn shown(ids: &[String]) -> String {
    /// As many as fit a line of a terminal.
    const SHOWN_MAX: usize = 3;
    let first = ids.get(..SHOWN_MAX).unwrap_or(ids).join(", ");
    match ids.len().checked_sub(SHOWN_MAX) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}
