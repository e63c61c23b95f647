//! Cases as people read them. All text of a case was made harmless when it came in.

use std::fmt::Write;

use skep_lines::format_utc;
use skep_protocol::case::{Analysis, Case, CaseBrief, Cases, Entry, short};

/// Lines of the timeline in an alert; `skep cases ID` shows all of it.
const STORY_LINES_MAX: usize = 20;

/// Names in a row; of more, the first stand for all.
const NAMES_SHOWN_MAX: usize = 5;

/// A case, all of it.
#[must_use]
pub fn text(case: &Case) -> String {
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "case {}  {}  {}\n\n",
            case.id,
            case.state.name(),
            case.severity
        ),
    );
    out.push_str(&told(case));
    out.push_str("\nTimeline, in UTC:\n");
    for entry in &case.timeline {
        put(&mut out, format_args!("  {}\n", line(entry)));
        for evidence in &entry.evidence {
            put(
                &mut out,
                format_args!("      {}  {}\n", evidence.id, evidence.text),
            );
        }
    }
    if case.left_out > 0 {
        put(
            &mut out,
            format_args!(
                "  and {} milder or later ones that did not fit\n",
                case.left_out
            ),
        );
    }
    put(&mut out, format_args!("\n{}\n", analysis(case)));
    out
}

/// Cases, one in a line.
#[must_use]
pub fn list_text(cases: &Cases) -> String {
    if cases.cases.is_empty() {
        return "no case\n".to_owned();
    }
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "{:<8}  {:<6}  {:<8}  {:<20}  {}\n",
            "CASE", "STATE", "SEVERITY", "LAST", "WHAT"
        ),
    );
    for case in &cases.cases {
        put(&mut out, format_args!("{}\n", row(case)));
    }
    if cases.more > 0 {
        put(
            &mut out,
            format_args!(
                "and {} more: narrow the search, or raise --limit\n",
                cases.more
            ),
        );
    }
    out
}

fn row(case: &CaseBrief) -> String {
    let whence = match case.sources.is_empty() {
        true => String::new(),
        false => format!(", from {}", names(&case.sources)),
    };
    format!(
        "{}  {:<6}  {:<8}  {:<20}  {} on {}{whence}",
        short(case.id),
        case.state.name(),
        case.severity,
        time(case.last_ms),
        case.title,
        names(&case.hosts),
    )
}

/// A case as an alert tells it.
pub(crate) fn story(case: &Case) -> String {
    let mut out = told(case);
    out.push_str("\nWhat happened, in UTC:\n");
    for entry in case.timeline.iter().take(STORY_LINES_MAX) {
        put(&mut out, format_args!("  {}\n", line(entry)));
    }
    let more = case.timeline.len().saturating_sub(STORY_LINES_MAX) as u64 + case.left_out;
    if more > 0 {
        put(&mut out, format_args!("  and {more} more\n"));
    }
    put(&mut out, format_args!("\n{}\n", analysis(case)));
    put(
        &mut out,
        format_args!("All of it: skep cases {}\n", short(case.id)),
    );
    out
}

fn told(case: &Case) -> String {
    let mut out = String::new();
    put(&mut out, format_args!("{}\n", case.cause.text));
    for also in &case.also {
        put(&mut out, format_args!("Also: {}\n", also.text));
    }
    out.push('\n');
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            put(&mut out, format_args!("{name:<9}{value}\n"));
        }
    };
    row("cause", &case.cause.title);
    row("hosts", &names(&case.hosts));
    row("sources", &names(&case.sources));
    row("users", &names(&case.users));
    row("when", &span(case.first_ms, case.last_ms));
    row("reports", &case.reports.to_string());
    if let Some(closed_ms) = case.closed_ms {
        row("closed", &format!("{}, it had been quiet", time(closed_ms)));
    }
    let merged: Vec<String> = case.merged.iter().map(|id| short(*id)).collect();
    row("merged", &merged.join(", "));
    out
}

fn analysis(case: &Case) -> String {
    match &case.analysis {
        Analysis::NotAsked => "No analysis: no oracle was asked.".to_owned(),
        Analysis::Asked => "The oracle is being asked.".to_owned(),
        Analysis::Report { report, late } => {
            let mark = if *late {
                "The analysis came late.\n"
            } else {
                ""
            };
            format!("{mark}{}", report.to_text().trim_end())
        }
        Analysis::Missing { reason } => format!("No analysis: {reason}."),
    }
}

/// One entry in a line.
fn line(entry: &Entry) -> String {
    let mut out = format!(
        "{}  {}  {}: {}",
        span(entry.first_ms, entry.last_ms),
        entry.host,
        entry.collector,
        entry.event.replace('_', " ")
    );
    let parts = [
        ("of", &entry.object),
        ("by", &entry.user),
        ("from", &entry.source),
    ];
    for (word, name) in parts {
        if let Some(name) = name {
            put(&mut out, format_args!(" {word} {name}"));
        }
    }
    if entry.count > 1 {
        put(&mut out, format_args!(", {} times", entry.count));
    }
    out
}

fn names(names: &[String]) -> String {
    let shown = names.get(..NAMES_SHOWN_MAX).unwrap_or(names).join(", ");
    match names.len().checked_sub(NAMES_SHOWN_MAX) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

fn span(first_ms: u64, last_ms: u64) -> String {
    match first_ms / 1000 == last_ms / 1000 {
        true => time(first_ms),
        false => format!("{} to {}", time(first_ms), time(last_ms)),
    }
}

fn time(unix_ms: u64) -> String {
    let ns = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    format_utc(ns.saturating_mul(1_000_000))
}

fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments)
        .expect("a string takes what is written");
}
