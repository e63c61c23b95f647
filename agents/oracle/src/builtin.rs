//! The analysis that needs nothing: what was counted, held against fixed thresholds, against what
//! is usual, and against the kinds of line that were seen before.
//!
//! Pure: the digest, its window and what was learned come in; a report and what to keep come out.
//! The shapes have thresholds that nothing learned ever raises, and none of them can be undone by
//! more lines; what was learned may only add findings.

mod evidence;
mod guessing;
mod logins;
mod memory;
mod novelty;
mod scans;
mod seasons;
mod summary;
mod templates;
mod text;
mod trouble;

use serde::{Deserialize, Serialize};
use skep_protocol::{
    digest::{CollectorReport, DigestReport},
    oracle::{ADVICE_MAX, FINDINGS_MAX, Finding, Report, Window},
    severity::Severity,
};

use self::{memory::Memory, novelty::Known, seasons::Seasons, templates::Miner};
pub(crate) use self::{templates::kind_of, text::digest_of};

/// The name under which it signs its reports.
pub(crate) const NAME: &str = "builtin";

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What was learned about one collector of one host from the patrols before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    seasons: Seasons,
    memory: Memory,
    known: Known,
    kinds: Miner,
    /// The end of the last window that was learned from: no line is learned from twice.
    until_ms: u64,
}

/// What a digest is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The host.
    pub host: &'a str,
    /// The span of time it covers, if that is known.
    pub window: Option<Window>,
}

/// What the shapes of one collector are told.
#[derive(Debug, Clone, Copy)]
struct Scope<'a> {
    /// The collector's name.
    name: &'a str,
    window: Option<Window>,
}

impl Scope<'_> {
    /// A threshold for a day or less; a longer digest has as much more of everything.
    fn per_day(self, n: u64) -> u64 {
        let length_ms = self
            .window
            .map_or(0, |window| window.until_ms.saturating_sub(window.from_ms));
        n.saturating_mul(length_ms.div_ceil(DAY_MS).max(1))
    }
}

/// Analyses a digest. `learned` holds what is known about each of its collectors, in their order;
/// where `learn` is set it is brought up to date.
pub fn analyse(
    digest: &DigestReport,
    about: About<'_>,
    learned: &mut [Learned],
    learn: bool,
) -> Report {
    let mut findings = Vec::new();
    for ((name, collector), learned) in digest.collectors.0.iter().zip(learned) {
        let scope = Scope {
            name,
            window: about.window,
        };
        findings.extend(shapes(scope, collector));
        findings.extend(judge(scope, collector, learned, learn));
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
        unfounded: Vec::new(),
    }
}

/// Everything that one collector's numbers show by themselves.
fn shapes(scope: Scope<'_>, collector: &CollectorReport) -> Vec<Finding> {
    let mut findings = guessing::look(scope, collector);
    findings.extend(logins::look(collector));
    findings.extend(scans::look(scope, collector));
    findings.extend(trouble::look(scope, collector));
    findings
}

/// What is unusual about a collector; then, where asked, what is usual from now on.
fn judge(
    scope: Scope<'_>,
    collector: &CollectorReport,
    learned: &mut Learned,
    learn: bool,
) -> Vec<Finding> {
    let mut findings = learned.memory.look(scope, collector);
    findings.extend(learned.known.look(scope.name, collector));
    if let Some(window) = scope.window {
        findings.extend(learned.seasons.look(scope.name, collector, window));
    }
    let mut kinds = learned.kinds.clone();
    findings.extend(novelty::kinds(scope.name, collector, &mut kinds));
    let new = scope
        .window
        .filter(|window| learn && window.from_ms >= learned.until_ms);
    if let Some(window) = new {
        learned.seasons.learn(collector, window);
        learned.memory.learn(collector, window.until_ms / HOUR_MS);
        learned.known.learn(collector);
        learned.kinds = kinds;
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
