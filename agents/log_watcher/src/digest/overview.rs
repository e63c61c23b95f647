//! From counts to what a person wants to know first: how grave, what to do, what changed.

mod changes;
mod rules;
#[cfg(test)]
mod tests;

use skep_protocol::digest::CollectorReport;
use skep_protocol::digest::DecidedBy;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::Overview;
use skep_protocol::digest::POINTS_MAX;
use skep_protocol::digest::Point;
use skep_protocol::oracle::Report;
use skep_protocol::oracle::Window;
use skep_protocol::severity::Severity;

/// The digest that another one is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// What it found.
    pub report: &'a DigestReport,
    /// The span it covers; none where it covers all that its files hold.
    pub window: Option<Window>,
}

/// What a digest comes to, by the rules, until an analysis says more: [`decided_by`].
#[must_use]
pub fn overview(
    report: &DigestReport,
    window: Option<Window>,
    before: Option<Before<'_>>,
) -> Overview {
    let mut needs = Vec::new();
    for (name, collector) in &report.collectors.0 {
        rules::judge(name, collector, &mut needs);
        needs.extend(missing(name, collector));
    }
    needs.sort_by_key(|point| std::cmp::Reverse(point.severity));
    let severity = needs.iter().map(|point| point.severity).max();
    // What is only notable makes the digest so, and needs nobody.
    needs.retain(|point| point.severity >= Severity::Warning);
    needs.truncate(POINTS_MAX);
    let changes = before.map(|before| changes::between(before, report, window));
    Overview {
        severity: severity.unwrap_or_default(),
        decided_by: DecidedBy::Rules,
        needs,
        changes: changes.unwrap_or_default(),
        compared_with: before.and_then(|before| before.window),
    }
}

/// The overview once an oracle has answered: its report stands in the place of the thresholds; what
/// could not be read is nothing it knows of, and stays.
#[must_use]
pub fn decided_by(overview: &Overview, analysis: &Report, digest: &DigestReport) -> Overview {
    let mut needs: Vec<Point> = analysis
        .findings
        .iter()
        .map(|finding| Point {
            severity: finding.severity,
            collector: String::new(),
            text: finding.title.clone(),
            cure: finding.advice.clone().unwrap_or_default(),
        })
        .collect();
    for (name, collector) in &digest.collectors.0 {
        needs.extend(missing(name, collector));
    }
    needs.retain(|point| point.severity >= Severity::Warning);
    needs.sort_by_key(|point| std::cmp::Reverse(point.severity));
    let severity = needs.iter().map(|point| point.severity).max();
    needs.truncate(POINTS_MAX);
    Overview {
        severity: severity.unwrap_or_default().max(analysis.severity),
        decided_by: DecidedBy::Analysis,
        needs,
        ..overview.clone()
    }
}

/// Lines that the counts lack: what is not read can hide anything.
fn missing(name: &str, collector: &CollectorReport) -> Vec<Point> {
    let coverage = &collector.coverage;
    let point = |severity, text, cure: &str| Point {
        severity,
        collector: name.to_owned(),
        text,
        cure: cure.to_owned(),
    };
    let mut points = Vec::new();
    for error in &coverage.errors {
        let text = format!("not read: {}: {}", error.source, error.problem);
        // Nobody named a file, and the host has none: it does not run this service.
        let is_absent = error.source == name;
        let severity = if is_absent {
            Severity::Info
        } else {
            Severity::Warning
        };
        points.push(point(severity, text, &error.cure));
    }
    for gap in &coverage.gaps {
        let text = format!("lines may be lost: {} {}", gap.source, gap.what);
        let cure = "keep rotated files until they were read, or patrol more often";
        points.push(point(Severity::Warning, text, cure));
    }
    if let Some(partial) = &coverage.partial {
        let text = format!("counted over {partial}");
        points.push(point(Severity::Notice, text, "raise `max_lines`"));
    }
    points
}
