//! Whether a report is one: complete, within its bounds, and about lines that exist.

use std::collections::BTreeSet;

use super::Report;
use crate::{digest::DigestReport, severity::Severity};

/// Most findings of a report.
pub const FINDINGS_MAX: usize = 50;
/// Most ids of evidence of a finding.
pub const EVIDENCE_MAX: usize = 50;
/// Most pieces of advice of a report.
pub const ADVICE_MAX: usize = 20;
/// Most things that a report says are not in the logs.
pub const UNFOUNDED_MAX: usize = 20;
/// Longest summary, in characters.
pub const SUMMARY_CHARS_MAX: usize = 4000;
/// Longest title or piece of advice, in characters.
pub const TEXT_CHARS_MAX: usize = 1000;

/// Why something is no report. It counts as no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A text that must say something is empty.
    #[error("the report's {field} is empty")]
    Empty {
        /// Which.
        field: &'static str,
    },
    /// A text is too long.
    #[error("the report's {field} has {got} characters where at most {max} are allowed")]
    TooLong {
        /// Which.
        field: &'static str,
        /// Characters found.
        got: usize,
        /// Characters allowed.
        max: usize,
    },
    /// A list is too long.
    #[error("the report has {got} {field} where at most {max} are allowed")]
    TooMany {
        /// Which.
        field: &'static str,
        /// Entries found.
        got: usize,
        /// Entries allowed.
        max: usize,
    },
    /// A text holds control characters: it was not made safe to show.
    #[error("the report's {field} holds control characters")]
    Unclean {
        /// Which.
        field: &'static str,
    },
    /// A confidence is more than 100.
    #[error("a confidence of {got} where 100 is certainty")]
    Confidence {
        /// What was found.
        got: u8,
    },
    /// A finding stands on a line that is not in the digest.
    #[error("the line {id:?} is not in the digest")]
    NoSuchLine {
        /// The line's id.
        id: String,
    },
    /// A finding is graver than the report it is in.
    #[error("a finding is {finding}, its report only {report}")]
    Inconsistent {
        /// The finding's severity.
        finding: Severity,
        /// The report's.
        report: Severity,
    },
}

/// Checks that `report` is one, and that its evidence is among `evidence`.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(report: &Report, evidence: &BTreeSet<String>) -> Result<(), ReportError> {
    text("summary", &report.summary, SUMMARY_CHARS_MAX)?;
    list("findings", report.findings.len(), FINDINGS_MAX)?;
    list("pieces of advice", report.advice.len(), ADVICE_MAX)?;
    list(
        "things not in the logs",
        report.unfounded.len(),
        UNFOUNDED_MAX,
    )?;
    for thing in &report.unfounded {
        text("thing not in the logs", thing, TEXT_CHARS_MAX)?;
    }
    certainty(report.confidence)?;
    for advice in &report.advice {
        text("advice", advice, TEXT_CHARS_MAX)?;
    }
    if let Some(reason) = &report.degraded {
        text("reason", reason, TEXT_CHARS_MAX)?;
    }
    for finding in &report.findings {
        text("title", &finding.title, TEXT_CHARS_MAX)?;
        if !finding.shape.is_empty() {
            text("shape", &finding.shape, TEXT_CHARS_MAX)?;
        }
        certainty(finding.confidence)?;
        list("lines of evidence", finding.evidence.len(), EVIDENCE_MAX)?;
        if let Some(advice) = &finding.advice {
            text("advice", advice, TEXT_CHARS_MAX)?;
        }
        if let Some(id) = finding.evidence.iter().find(|id| !evidence.contains(*id)) {
            let id = id.chars().take(TEXT_CHARS_MAX).collect();
            return Err(ReportError::NoSuchLine { id });
        }
        if finding.severity > report.severity {
            return Err(ReportError::Inconsistent {
                finding: finding.severity,
                report: report.severity,
            });
        }
    }
    Ok(())
}

/// The ids of every evidence line of a digest.
#[must_use]
pub fn evidence_ids(digest: &DigestReport) -> BTreeSet<String> {
    let collectors = digest.collectors.0.iter();
    let sections = collectors.flat_map(|(_, collector)| &collector.sections);
    sections
        .flat_map(|section| &section.lines)
        .map(|line| line.id.clone())
        .collect()
}

fn text(field: &'static str, text: &str, max: usize) -> Result<(), ReportError> {
    if text.trim().is_empty() {
        return Err(ReportError::Empty { field });
    }
    let got = text.chars().count();
    if got > max {
        return Err(ReportError::TooLong { field, got, max });
    }
    match text.chars().any(|char| char.is_control() && char != '\n') {
        true => Err(ReportError::Unclean { field }),
        false => Ok(()),
    }
}

fn list(field: &'static str, got: usize, max: usize) -> Result<(), ReportError> {
    match got > max {
        true => Err(ReportError::TooMany { field, got, max }),
        false => Ok(()),
    }
}

fn certainty(got: u8) -> Result<(), ReportError> {
    match got > 100 {
        true => Err(ReportError::Confidence { got }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
