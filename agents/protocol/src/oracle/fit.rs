//! A digest small enough to travel in one packet.

use crate::digest::{CollectorReport, DigestReport, Other, Table};

/// Bytes of JSON that a digest on its way to an oracle has at most; the rest of the packet is the
/// question's.
pub const DIGEST_BYTES_MAX: usize = 200 * 1024;

/// Rows of a table and lines of a section that are tried, the most first.
const STEPS: [(usize, usize); 6] = [(200, 100), (100, 50), (50, 20), (20, 10), (5, 3), (0, 0)];

/// Traces of a kind that stay whatever a table loses: verdicts stand on them, and a flood of large
/// rows must not push them out.
const TRACES_MIN: usize = 40;

/// The digest, or as much of it as fits: totals stay, tables lose their smallest rows (which
/// `other` then counts), sections lose their oldest lines. What still does not fit then loses its
/// last collectors.
#[must_use]
pub fn fitted(digest: &DigestReport, bytes_max: usize) -> DigestReport {
    let mut fitted = digest.clone();
    for (rows_max, lines_max) in STEPS {
        if bytes(&fitted) <= bytes_max {
            return fitted;
        }
        for (_, collector) in &mut fitted.collectors.0 {
            cut(collector, rows_max, lines_max);
        }
    }
    for (_, collector) in &mut fitted.collectors.0 {
        collector.coverage.sources.clear();
    }
    while bytes(&fitted) > bytes_max && !fitted.collectors.0.is_empty() {
        fitted.collectors.0.pop();
    }
    fitted
}

fn bytes(digest: &DigestReport) -> usize {
    serde_json::to_vec(digest).map_or(usize::MAX, |json| json.len())
}

fn cut(collector: &mut CollectorReport, rows_max: usize, lines_max: usize) {
    for (_, table) in &mut collector.tables.0 {
        cut_table(table, rows_max);
    }
    collector.traces.cut(rows_max.max(TRACES_MIN));
    for section in &mut collector.sections {
        let n_old = section.lines.len().saturating_sub(lines_max);
        section.lines.drain(..n_old);
    }
}

fn cut_table(table: &mut Table, rows_max: usize) {
    if table.rows.len() <= rows_max {
        return;
    }
    let gone = table.rows.split_off(rows_max);
    let other = table.other.get_or_insert_with(Other::default);
    other.keys += gone.len() as u64;
    other.count += gone.iter().map(|row| row.count("count")).sum::<u64>();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{EvidenceLine, Ordered, Row, Section};

    fn digest(n_rows: u64, n_lines: usize) -> DigestReport {
        let row = |n: u64| Row {
            key: format!("198.51.100.{n}"),
            counts: vec![("count".to_owned(), 1000 - n)],
        };
        let line = |n: usize| EvidenceLine {
            id: format!("sshd/1:{n}"),
            text: "x".repeat(500),
        };
        let sshd = CollectorReport {
            totals: Ordered(vec![("failed".to_owned(), 4711)]),
            tables: Ordered(vec![(
                "by_source".to_owned(),
                Table {
                    field: "source.address".to_owned(),
                    rows: (0..n_rows).map(row).collect(),
                    other: None,
                },
            )]),
            sections: vec![Section {
                name: "failed".to_owned(),
                count: n_lines as u64,
                lines: (0..n_lines).map(line).collect(),
            }],
            ..CollectorReport::default()
        };
        DigestReport {
            collectors: Ordered(vec![("sshd".to_owned(), sshd)]),
        }
    }

    #[test]
    fn a_small_digest_stays_as_it_is() {
        assert_eq!(fitted(&digest(3, 3), DIGEST_BYTES_MAX), digest(3, 3));
    }

    #[test]
    fn a_large_one_keeps_its_totals_its_top_rows_and_its_newest_lines() {
        let cut = fitted(&digest(500, 500), 20_000);
        assert!(bytes(&cut) <= 20_000);
        let sshd = cut.collectors.get("sshd").unwrap();
        assert_eq!(sshd.totals.get("failed"), Some(&4711));
        assert_eq!(sshd.sections[0].lines.last().unwrap().id, "sshd/1:499");
        let table = sshd.tables.get("by_source").unwrap();
        assert_eq!(table.rows[0].key, "198.51.100.0");
        let other = table.other.as_ref().unwrap();
        assert_eq!(table.rows.len() as u64 + other.keys, 500);
        let shown: u64 = table.rows.iter().map(|row| row.count("count")).sum();
        assert_eq!(shown + other.count, (0..500).map(|n| 1000 - n).sum::<u64>());
    }

    #[test]
    fn what_cannot_fit_is_left_out() {
        assert!(fitted(&digest(1, 1), 10).collectors.0.is_empty());
    }
}
