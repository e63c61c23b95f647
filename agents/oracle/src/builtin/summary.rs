//! A digest in a few sentences that a person likes to read.

use skep_lines::{format_utc, neutral_cut};
use skep_protocol::{
    digest::{CollectorReport, DigestReport},
    oracle::{Finding, SUMMARY_CHARS_MAX},
    severity::Severity,
};

use super::{About, evidence::shown};

/// Longest headline of a collector that is repeated, in bytes.
const HEADLINE_BYTES_MAX: usize = 300;

/// Sources that could not be read and are named; the others are only counted.
const PROBLEMS_MAX: usize = 3;

pub(super) fn write(digest: &DigestReport, about: About<'_>, findings: &[Finding]) -> String {
    let mut sentences = vec![opening(about, findings)];
    for (name, collector) in &digest.collectors.0 {
        sentences.push(counted(name, collector));
        sentences.extend(most(collector));
        sentences.extend(problems(name, collector));
    }
    if digest.collectors.0.is_empty() {
        sentences.push("There was nothing to look at.".to_owned());
    }
    let text = sentences.join(" ");
    text.chars().take(SUMMARY_CHARS_MAX).collect()
}

/// What it comes to.
fn opening(about: About<'_>, findings: &[Finding]) -> String {
    let host = if about.host.is_empty() {
        "this host"
    } else {
        about.host
    };
    let when = about.window.map_or_else(String::new, |window| {
        format!(", {} to {}", time(window.from_ms), time(window.until_ms))
    });
    let worst = findings
        .first()
        .filter(|finding| finding.severity >= Severity::Warning);
    let n = findings
        .iter()
        .filter(|finding| finding.severity >= Severity::Warning)
        .count();
    let verdict = match (worst, n) {
        (None, _) if findings.is_empty() => "nothing out of the ordinary".to_owned(),
        (None, _) => "nothing that needs a person; some of it is unusual".to_owned(),
        (Some(worst), 1) => worst.title.clone(),
        (Some(worst), n) => format!("{}, and {} more to look at", worst.title, n - 1),
    };
    format!("{}{when}: {verdict}.", shown(host))
}

fn counted(name: &str, collector: &CollectorReport) -> String {
    let headline = neutral_cut(collector.headline.as_bytes(), HEADLINE_BYTES_MAX);
    let lines = match collector.lines_read {
        1 => "1 line".to_owned(),
        n => format!("{n} lines"),
    };
    match headline.is_empty() {
        true => format!("{name} read {lines}."),
        false => format!("{name} read {lines}: {}.", headline.trim_end_matches('.')),
    }
}

/// Who stands out.
fn most(collector: &CollectorReport) -> Option<String> {
    let failed = collector.totals.get("failed").copied().filter(|n| *n > 0)?;
    let first = collector.tables.get("by_source")?.rows.first()?;
    let n = first.count("count");
    // Below that it says little.
    if n < 5 {
        return None;
    }
    let share = n.saturating_mul(100) / failed;
    let user = collector
        .tables
        .get("by_user")
        .and_then(|table| table.rows.first());
    let user = user.map(|row| {
        format!(
            "the name tried most was {} ({} times)",
            shown(&row.key),
            row.count("count")
        )
    });
    // A headline that names the source says the rest of it too.
    if collector.headline.contains(&first.key) {
        return user.map(|user| format!("Here {user}."));
    }
    let user = user.map_or_else(String::new, |user| format!("; {user}"));
    Some(format!(
        "{} is behind {n} of the failures ({share} %){user}.",
        shown(&first.key)
    ))
}

/// What all this does not stand on.
fn problems(name: &str, collector: &CollectorReport) -> Option<String> {
    let coverage = &collector.coverage;
    let mut parts: Vec<String> = Vec::new();
    if let Some(partial) = &coverage.partial {
        parts.push(format!("only {partial} were analysed"));
    }
    let problems = coverage.errors.iter();
    parts.extend(
        problems
            .take(PROBLEMS_MAX)
            .map(|problem| format!("{}: {}", shown(&problem.source), shown(&problem.problem))),
    );
    if let Some(more @ 1..) = coverage.errors.len().checked_sub(PROBLEMS_MAX) {
        parts.push(format!("{more} more sources could not be read"));
    }
    if !coverage.gaps.is_empty() {
        parts.push("lines may be missing".to_owned());
    }
    match parts.is_empty() {
        true => None,
        false => Some(format!(
            "Of {name} not everything was seen: {}.",
            parts.join("; ")
        )),
    }
}

fn time(unix_ms: u64) -> String {
    format_utc(
        i64::try_from(unix_ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000),
    )
}
