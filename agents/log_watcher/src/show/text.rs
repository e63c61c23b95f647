//! A digest as lines of text: what it comes to, then a section for each collector.

use skep_lines::neutral;
use skep_protocol::digest::Document;
use skep_protocol::digest::Overview;
use skep_protocol::digest::Point;
use skep_protocol::oracle::Report;

use super::utc;
use crate::digest::render;

/// A digest as people read it. Log text in it is neutralised.
#[must_use]
pub fn text(document: &Document<'_>) -> String {
    let mut text = head(document);
    let sections = document
        .collectors
        .0
        .iter()
        .map(|(name, collector)| render(name, collector));
    text.push_str(&sections.collect::<Vec<String>>().join("\n"));
    if let Some(asked) = &document.analysis {
        match (&asked.report, &asked.reason) {
            (Some(report), _) => text.push_str(&analysis(report)),
            (None, Some(reason)) => text.push_str(&no_analysis(reason)),
            (None, None) => {}
        }
    }
    text
}

/// What stands above the collectors: whose it is and of when, what needs a person, what changed.
fn head(document: &Document<'_>) -> String {
    let host = match document.host.as_str() {
        "" => String::new(),
        host => format!(" of {}", neutral(host.as_bytes())),
    };
    let when = match document.window {
        Some(window) => format!(
            "what came from {} to {}",
            utc(window.from_ms),
            utc(window.until_ms)
        ),
        None => format!("made {}", utc(document.made_ms)),
    };
    let mut text = format!("Digest{host}, {when}\n");
    push_overview(&mut text, &document.overview);
    text
}

fn push_overview(text: &mut String, overview: &Overview) {
    text.push_str(&format!("Severity: {}\n\n", overview.severity));
    if overview.needs.is_empty() {
        text.push_str("Nothing needs a person.\n");
    } else {
        text.push_str("## NEEDS A PERSON ##\n");
        for point in &overview.needs {
            push_point(text, &format!("[{}] ", point.severity), point);
        }
    }
    let since = overview.compared_with.map(|window| utc(window.until_ms));
    if !overview.changes.is_empty() {
        let since = since.unwrap_or_else(|| "the last digest".to_owned());
        text.push_str(&format!("\n## CHANGED SINCE {since} ##\n"));
        for point in &overview.changes {
            push_point(text, "", point);
        }
    } else if let Some(since) = since {
        text.push_str(&format!("Nothing notable changed since {since}.\n"));
    }
    text.push('\n');
}

fn push_point(text: &mut String, mark: &str, point: &Point) {
    let about = match point.collector.as_str() {
        "" => String::new(),
        name => format!("{}: ", neutral(name.as_bytes())),
    };
    let said = neutral(point.text.as_bytes());
    text.push_str(&format!("{mark}{about}{said}\n"));
    if !point.cure.is_empty() {
        text.push_str(&format!("  cure: {}\n", neutral(point.cure.as_bytes())));
    }
}

/// An analysis as people read it. It may repeat log text, so each line is made safe to print.
pub(crate) fn analysis(report: &Report) -> String {
    let lines = report.to_text();
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
