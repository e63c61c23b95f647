//! A digest and what came of asking about it, as text and as JSON.

use serde::Serialize;
use skep_lines::format_utc;
use skep_lines::neutral;
use skep_protocol::digest::CollectorReport;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::Ordered;
use skep_protocol::oracle::OracleResponse;
use skep_protocol::oracle::Report;
use skep_protocol::oracle::Window;

use crate::digest::render;

/// A digest as people read it: a section for each collector, between the lines that mark it.
#[must_use]
pub fn text(report: &DigestReport) -> String {
    let sections: Vec<String> = report
        .collectors
        .0
        .iter()
        .map(|(name, collector)| render(name, collector))
        .collect();
    sections.join("\n")
}

/// The line above a digest: whose it is, and of when.
pub(crate) fn heading(node: &str, window: Option<Window>, now_ms: u64) -> String {
    let utc = |ms: u64| {
        format_utc(
            i64::try_from(ms)
                .unwrap_or(i64::MAX)
                .saturating_mul(1_000_000),
        )
    };
    match window {
        Some(Window { from_ms, until_ms }) => {
            format!(
                "Digest of {node}, what came from {} to {}\n\n",
                utc(from_ms),
                utc(until_ms)
            )
        }
        None => format!("Digest of {node}, made {}\n\n", utc(now_ms)),
    }
}

/// An analysis as people read it. It may repeat log text, so each line is made safe to print.
pub(crate) fn analysis(response: &OracleResponse) -> String {
    let lines = response.report.to_text();
    let safe: Vec<String> = lines.lines().map(|line| neutral(line.as_bytes())).collect();
    format!("\n{}\n", safe.join("\n"))
}

/// What stands in the place of an analysis that did not come.
pub(crate) fn no_analysis(reason: &str) -> String {
    format!(
        "\nNo analysis: {}. The digest is whole without it.\n",
        neutral(reason.as_bytes())
    )
}

/// The digest without its evidence lines, for those who do not want them.
pub(crate) fn without_lines(report: &DigestReport) -> DigestReport {
    let mut report = report.clone();
    for (_, collector) in &mut report.collectors.0 {
        collector
            .sections
            .iter_mut()
            .for_each(|section| section.lines.clear());
    }
    report
}

/// A digest and what came of asking about it, as one document.
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    collectors: &'a Ordered<CollectorReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis: Option<Analysis>,
}

/// What came of asking an oracle.
#[derive(Serialize)]
pub(crate) struct Analysis {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<Report>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// A digest with what came of asking about it.
pub(crate) fn document(report: &DigestReport, analysis: Option<Analysis>) -> Document<'_> {
    Document {
        collectors: &report.collectors,
        analysis,
    }
}

/// The same as a JSON document.
pub(crate) fn json(report: &DigestReport, analysis: Option<Analysis>) -> String {
    serde_json::to_string(&document(report, analysis)).expect("our own types encode into memory")
}
