//! The analysis that needs nothing: what was counted, held against fixed thresholds, against what
//! is usual, and against the kinds of line that were seen before.
//!
//! Pure: the digest, its window and what was learned come in; a report and what to keep come out.
//! Only the thresholds judge; the baseline and the templates may add findings, never take one away.

mod attacks;
mod novelty;
mod rates;
mod summary;
mod templates;
mod text;

use serde::{Deserialize, Serialize};
use skep_protocol::{
    digest::{CollectorReport, DigestReport},
    oracle::{ADVICE_MAX, FINDINGS_MAX, Finding, Report, Window},
    severity::Severity,
};

pub(crate) use self::{
    rates::Baseline,
    templates::{Miner, kind_of},
    text::digest_of,
};

/// The name under which it signs its reports.
pub(crate) const NAME: &str = "builtin";

/// What was learned about one collector of one host from the patrols before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Learned {
    pub(crate) baseline: Baseline,
    pub(crate) miner: Miner,
    /// The end of the last window that was learned from: no line is learned from twice.
    pub(crate) until_ms: u64,
}

/// What a digest is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) host: &'a str,
    pub(crate) window: Option<Window>,
}

/// Analyses a digest. `learned` holds what is known about each of its collectors, in their order;
/// where `learn` is set it is brought up to date.
pub(crate) fn analyse(
    digest: &DigestReport,
    about: About<'_>,
    learned: &mut [Learned],
    learn: bool,
) -> Report {
    let mut findings = Vec::new();
    for ((name, collector), learned) in digest.collectors.0.iter().zip(learned) {
        findings.extend(attacks::look(name, collector));
        findings.extend(judge(name, collector, about.window, learned, learn));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings.truncate(FINDINGS_MAX);
    let severity = findings
        .iter()
        .map(|finding| finding.severity)
        .max()
        .unwrap_or_default();
    let mut advice: Vec<String> = Vec::new();
    for text in findings
        .iter()
        .filter_map(|finding| finding.advice.as_ref())
    {
        if !advice.contains(text) && advice.len() < ADVICE_MAX {
            advice.push(text.clone());
        }
    }
    Report {
        severity,
        summary: summary::write(digest, about, &findings),
        confidence: confidence(digest, &findings),
        anomaly: severity >= Severity::Warning,
        findings,
        advice,
        backend: NAME.to_owned(),
        degraded: None,
    }
}

/// What is unusual about a collector; then, where asked, what is usual from now on.
fn judge(
    name: &str,
    collector: &CollectorReport,
    window: Option<Window>,
    learned: &mut Learned,
    learn: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(window) = window {
        findings.extend(rates::look(name, collector, window, &learned.baseline));
    }
    let mut miner = learned.miner.clone();
    findings.extend(novelty::look(name, collector, &mut miner));
    let new = window.filter(|window| learn && window.from_ms >= learned.until_ms);
    if let Some(window) = new {
        rates::learn(collector, window, &mut learned.baseline);
        learned.miner = miner;
        learned.until_ms = window.until_ms;
    }
    findings
}

/// Counts are certain as far as the lines were all read.
fn confidence(digest: &DigestReport, findings: &[Finding]) -> u8 {
    let whole = digest.collectors.0.iter().all(|(_, collector)| {
        let coverage = &collector.coverage;
        coverage.errors.is_empty() && coverage.gaps.is_empty() && coverage.partial.is_none()
    });
    let found = findings
        .iter()
        .map(|finding| finding.confidence)
        .max()
        .unwrap_or(90);
    if whole { found } else { found.min(60) }
}

#[cfg(test)]
mod tests;
