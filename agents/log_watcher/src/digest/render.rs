//! A report as text for a person: what it comes to, tables, evidence, coverage.
//!
//! Everything that came from a log, or from outside at all, is neutralised on its way out.

use skep_lines::neutral;
use skep_protocol::digest::CollectorReport;
use skep_protocol::digest::Coverage;
use skep_protocol::digest::Section;
use skep_protocol::digest::Table;

/// The text shows this many rows of a table; all others are one row together.
const ROWS_MAX: usize = 10;
/// The text names this many sources.
const SOURCES_SHOWN_MAX: usize = 20;

/// A collector's report as lines of text, each ending in a newline.
#[must_use]
pub fn render(name: &str, report: &CollectorReport) -> String {
    let name = neutral(name.to_uppercase().as_bytes());
    let mut text = format!("--------------------- {name} Begin ------------------------\n");
    text.push_str(&neutral(report.headline.as_bytes()));
    text.push('\n');
    for (table_name, table) in &report.tables.0 {
        push_table(&mut text, table_name, table);
    }
    for section in report
        .sections
        .iter()
        .filter(|section| !section.lines.is_empty())
    {
        push_section(&mut text, section);
    }
    push_coverage(&mut text, report.lines_read, &report.coverage);
    text.push_str(&format!(
        "---------------------- {name} End -------------------------\n"
    ));
    text
}

fn push_heading(text: &mut String, name: &str) {
    let name = neutral(name.replace(['_', '.'], " ").to_uppercase().as_bytes());
    text.push_str(&format!("\n## {name} ##\n"));
}

fn push_table(text: &mut String, name: &str, table: &Table) {
    if table.rows.is_empty() {
        return;
    }
    push_heading(text, name);
    let columns: Vec<&str> = table.rows[0]
        .counts
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    for column in &columns {
        text.push_str(&format!("{:>9} ", neutral(column.as_bytes())));
    }
    text.push_str(&format!(" {}\n", neutral(table.field.as_bytes())));
    let (shown, rest) = table.rows.split_at(table.rows.len().min(ROWS_MAX));
    for row in shown {
        for column in &columns {
            text.push_str(&format!("{:>9} ", row.count(column)));
        }
        let key = if row.key.is_empty() {
            "(empty)".to_owned()
        } else {
            neutral(row.key.as_bytes())
        };
        text.push_str(&format!(" {key}\n"));
    }
    let other = table.other.as_ref();
    let n_keys = rest.len() as u64 + other.map_or(0, |other| other.keys);
    let count: u64 = rest.iter().map(|row| row.count("count")).sum();
    if n_keys > 0 {
        let count = count + other.map_or(0, |other| other.count);
        let filler = " ".repeat(10 * columns.len().saturating_sub(1));
        text.push_str(&format!("{count:>9} {filler} ({n_keys} others)\n"));
    }
    if let Some(error) = other.and_then(|other| other.error_max) {
        text.push_str(&format!("approximate: a count may lack up to {error}\n"));
    }
}

fn push_section(text: &mut String, section: &Section) {
    push_heading(text, &section.name);
    let n_left_out = section.count.saturating_sub(section.lines.len() as u64);
    if n_left_out > 0 {
        text.push_str(&format!("the newest of {}:\n", section.count));
    }
    for line in &section.lines {
        let (id, line) = (neutral(line.id.as_bytes()), neutral(line.text.as_bytes()));
        text.push_str(&format!("[{id}] {line}\n"));
    }
}

fn push_coverage(text: &mut String, lines_read: u64, coverage: &Coverage) {
    push_heading(text, "coverage");
    let lines = &coverage.lines;
    text.push_str(&format!(
        "{lines_read} lines read, {} analysed",
        lines.analysed
    ));
    let rest = [
        (lines.skipped, "older skipped"),
        (lines.outside, "outside the span asked for"),
        (lines.own, "of our own"),
        (lines.cut, "cut for length"),
        (lines.escaped, "with bytes that are no text, shown as \\xNN"),
    ];
    for (n, what) in rest.into_iter().filter(|(n, _)| *n > 0) {
        text.push_str(&format!(", {n} {what}"));
    }
    text.push('\n');
    if let (Some(first), Some(last)) = (&coverage.first, &coverage.last) {
        let (first, last) = (neutral(first.as_bytes()), neutral(last.as_bytes()));
        text.push_str(&format!("from {first} to {last}\n"));
    }
    for (at, source) in coverage.sources.iter().take(SOURCES_SHOWN_MAX).enumerate() {
        let name = neutral(source.source.as_bytes());
        text.push_str(&format!(
            "{}: {name}, {} lines\n",
            at + 1,
            source.lines + source.skipped
        ));
    }
    if coverage.sources.len() > SOURCES_SHOWN_MAX {
        let n_more = coverage.sources.len() - SOURCES_SHOWN_MAX;
        text.push_str(&format!("and {n_more} more sources\n"));
    }
    for gap in &coverage.gaps {
        let (source, what) = (neutral(gap.source.as_bytes()), neutral(gap.what.as_bytes()));
        text.push_str(&format!("gap: {source}: {what}\n"));
    }
    for error in &coverage.errors {
        let (source, problem) = (
            neutral(error.source.as_bytes()),
            neutral(error.problem.as_bytes()),
        );
        text.push_str(&format!("not read: {source}: {problem}\n"));
        if !error.cure.is_empty() {
            text.push_str(&format!("  cure: {}\n", neutral(error.cure.as_bytes())));
        }
    }
    for note in &coverage.notes {
        text.push_str(&format!("note: {}\n", neutral(note.as_bytes())));
    }
}

#[cfg(test)]
mod tests;
