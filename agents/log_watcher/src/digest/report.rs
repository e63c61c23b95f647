//! A collector's tallies as the report that others read.

use skep_lines::format_utc;
use skep_protocol::digest::CollectorReport;
use skep_protocol::digest::Coverage;
use skep_protocol::digest::EvidenceLine;
use skep_protocol::digest::Ordered;
use skep_protocol::digest::Other;
use skep_protocol::digest::Row;
use skep_protocol::digest::Section;
use skep_protocol::digest::Table as ReportTable;
use skep_protocol::digest::Traces;

use super::collector::Collector;
use super::evidence::Evidence;
use super::table::Table;
use super::tally::TableShape;

/// A report holds this many rows of a table; the others are one row together.
pub const TABLE_ROWS_MAX: usize = 1_000;

/// How much a report holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportOptions {
    /// Whether it holds evidence lines.
    pub include_details: bool,
    /// How many rows of each table it holds.
    pub rows_max: usize,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            include_details: true,
            rows_max: TABLE_ROWS_MAX,
        }
    }
}

pub(super) fn report(collector: &Collector, options: &ReportOptions) -> CollectorReport {
    let (shape, tally) = (&collector.shape, &collector.tally);
    let totals = shape
        .totals
        .iter()
        .cloned()
        .zip(tally.totals.iter().copied())
        .collect();
    let shown = |(shape, _): &(&TableShape, &Table)| !shape.name.is_empty();
    let tables = shape
        .tables
        .iter()
        .zip(&tally.tables)
        .filter(shown)
        .map(|(shape, kept)| (shape.name.to_owned(), table(shape, kept, options.rows_max)))
        .collect();
    let sections = shape
        .sections
        .iter()
        .zip(&tally.sections)
        .filter(|(_, evidence)| evidence.count > 0)
        .map(|(name, evidence)| section(collector, name, evidence, options))
        .collect();
    CollectorReport {
        headline: headline(collector),
        lines_read: collector.lines.read,
        totals: Ordered(totals),
        tables,
        sections,
        coverage: coverage(collector),
        traces: traces(collector),
    }
}

fn traces(collector: &Collector) -> Traces {
    let (shape, tally) = (&collector.shape, &collector.tally);
    let (groups, logins) = tally.tracks.report();
    Traces {
        hours: tally.hours.report(&shape.totals, &tally.totals),
        groups,
        logins,
    }
}

fn headline(collector: &Collector) -> String {
    let lines = &collector.lines;
    let found = if collector.sources.is_empty() {
        "nothing was read".to_owned()
    } else {
        collector.rules.headline(&collector.tally)
    };
    if lines.skipped == 0 {
        return found;
    }
    format!(
        "partial: {} of {} lines: {found}",
        lines.analysed, lines.read
    )
}

fn table(shape: &TableShape, kept: &Table, rows_max: usize) -> ReportTable {
    let columns = || shape.columns.iter().filter(|column| !column.is_empty());
    let top = kept.top(rows_max);
    let (dropped_keys, dropped, error) = kept.dropped();
    let shown: u64 = top.iter().map(|(_, row)| row.counts[0]).sum();
    let kept_count: u64 = kept.iter().map(|(_, row)| row.counts[0]).sum();
    let other = Other {
        keys: (kept.len() - top.len()) as u64 + dropped_keys,
        count: kept_count - shown + dropped[0],
        error_max: (error > 0).then_some(error),
    };
    let rows = top
        .into_iter()
        .map(|(key, row)| {
            let mut counts: Vec<(String, u64)> = columns()
                .map(|name| (*name).to_owned())
                .zip(row.counts)
                .collect();
            if row.error > 0 {
                counts.push(("error_max".to_owned(), row.error));
            }
            Row {
                key: String::from_utf8_lossy(key).into_owned(),
                counts,
            }
        })
        .collect();
    let other = (other.keys > 0).then_some(other);
    ReportTable {
        field: shape.field.to_owned(),
        rows,
        other,
    }
}

fn section(
    collector: &Collector,
    name: &str,
    evidence: &Evidence,
    options: &ReportOptions,
) -> Section {
    let line = |kept: &super::evidence::Kept| {
        let skipped = collector.sources[kept.place.source].skipped;
        let (source, line) = (kept.place.source + 1, kept.place.seq + skipped);
        EvidenceLine {
            id: format!("{}/{source}:{line}", collector.name),
            text: String::from_utf8_lossy(&kept.text).into_owned(),
        }
    };
    let lines = match options.include_details {
        true => evidence.iter().map(line).collect(),
        false => Vec::new(),
    };
    Section {
        name: name.to_owned(),
        count: evidence.count,
        lines,
    }
}

fn coverage(collector: &Collector) -> Coverage {
    let lines = collector.lines;
    let partial =
        (lines.skipped > 0).then(|| format!("{} of {} lines", lines.analysed, lines.read));
    let ends = collector.span.ends;
    Coverage {
        lines,
        partial,
        first: ends.map(|(first, _)| format_utc(first)),
        last: ends.map(|(_, last)| format_utc(last)),
        sources: collector.sources.clone(),
        gaps: collector.gaps.clone(),
        errors: collector.problems.clone(),
        notes: collector.notes.clone(),
    }
}
