//! A digest made of bare text, for a question that brings none.

use std::collections::BTreeMap;

use skep_lines::{
    Line,
    service::sshd::{self, Kind},
};
use skep_protocol::digest::{
    CollectorReport, DigestReport, EvidenceLine, Ordered, Row, Section, Table,
};

/// Lines of a text that are looked at; the newest, which stand last.
const LINES_MAX: usize = 2000;

/// Failures before a login from the same source that make it worth a look.
const FAILURES_BEFORE_LOGIN_MIN: u64 = 5;

/// The text's lines under the ids `text/1:N`, and what sshd says in them, counted.
pub(crate) fn digest_of(text: &str) -> DigestReport {
    let n_lines = text.lines().count();
    let mut failures: BTreeMap<String, u64> = BTreeMap::new();
    let (mut failed, mut accepted) = (0, 0);
    let (mut shown, mut after) = (Section::default(), Section::default());
    "lines".clone_into(&mut shown.name);
    "login_after_failures".clone_into(&mut after.name);
    for (index, text) in text
        .lines()
        .enumerate()
        .skip(n_lines.saturating_sub(LINES_MAX))
    {
        let line = EvidenceLine {
            id: format!("text/1:{}", index + 1),
            text: text.to_owned(),
        };
        let event = sshd::event(Line::split(text.as_bytes()).body);
        let source = |source: &[u8]| String::from_utf8_lossy(source).into_owned();
        match event
            .as_ref()
            .map(|event| (event.kind, source(event.source)))
        {
            Some((Kind::Failed, source)) => {
                failed += 1;
                *failures.entry(source).or_default() += 1;
            }
            Some((Kind::Accepted, source)) => {
                accepted += 1;
                if failures
                    .get(&source)
                    .is_some_and(|n| *n >= FAILURES_BEFORE_LOGIN_MIN)
                {
                    after.count += 1;
                    after.lines.push(line.clone());
                }
            }
            _ => {}
        }
        shown.count += 1;
        shown.lines.push(line);
    }
    let mut collector = CollectorReport {
        lines_read: n_lines as u64,
        sections: vec![shown, after],
        ..CollectorReport::default()
    };
    if failed + accepted > 0 {
        let total = |name: &str, n: u64| (name.to_owned(), n);
        collector.totals = Ordered(vec![total("failed", failed), total("accepted", accepted)]);
        collector.tables = Ordered(vec![("by_source".to_owned(), table(failures))]);
    }
    DigestReport {
        collectors: Ordered(vec![("text".to_owned(), collector)]),
    }
}

fn table(failures: BTreeMap<String, u64>) -> Table {
    let row = |(key, n)| Row {
        key,
        counts: vec![("count".to_owned(), n)],
    };
    let mut rows: Vec<Row> = failures.into_iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count("count")));
    Table {
        field: "source.address".to_owned(),
        rows,
        other: None,
    }
}
