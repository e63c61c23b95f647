//! Kinds of line that were never seen before.

use skep_lines::{Line, neutral};
use skep_protocol::{
    digest::CollectorReport,
    oracle::{EVIDENCE_MAX, Finding},
    severity::Severity,
};

use super::templates::Miner;

/// New kinds that are shown; the others are only counted.
const SHOWN_MAX: usize = 3;

/// Longest kind that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 120;

/// Takes a collector's lines into `miner`; says what is new, unless all of it is.
pub(super) fn look(name: &str, collector: &CollectorReport, miner: &mut Miner) -> Option<Finding> {
    let first_time = miner.is_empty();
    let (mut kinds, mut evidence) = (Vec::new(), Vec::new());
    for line in collector.sections.iter().flat_map(|section| &section.lines) {
        let body = String::from_utf8_lossy(Line::split(line.text.as_bytes()).body).into_owned();
        if let Some(kind) = miner.learn(&body) {
            kinds.push(kind);
            evidence.push(line.id.clone());
        }
    }
    if first_time || kinds.is_empty() {
        return None;
    }
    let n = kinds.len();
    let shown = kinds.iter().take(SHOWN_MAX).map(|kind| {
        let cut: String = kind.chars().take(SHOWN_CHARS_MAX).collect();
        format!("\u{201c}{}\u{201d}", neutral(cut.as_bytes()))
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    let what = if n == 1 {
        "a new kind of line"
    } else {
        "new kinds of line"
    };
    let title = match n {
        1 => format!("{name}: {what}: {shown}"),
        _ => format!("{name}: {n} {what}, such as {shown}"),
    };
    evidence.truncate(EVIDENCE_MAX);
    Some(Finding {
        shape: String::new(),
        title,
        severity: Severity::Notice,
        evidence,
        confidence: 50,
        advice: None,
    })
}
