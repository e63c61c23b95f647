//! What is notably different from the digest before.

use skep_protocol::digest::CollectorReport;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::POINTS_MAX;
use skep_protocol::digest::Point;
use skep_protocol::digest::Table;
use skep_protocol::oracle::Window;
use skep_protocol::severity::Severity;

use super::Before;

/// New keys that are named; the others are counted.
const NAMED_MAX: usize = 3;

/// Tables whose new keys are news. A web server sees new visitors all the time.
const NEWS: &[(&str, &str)] = &[
    ("by_source", "source"),
    ("by_user", "user"),
    ("by_systemd.unit", "unit"),
];

/// The differences, collector by collector.
pub(super) fn between(
    before: Before<'_>,
    report: &DigestReport,
    window: Option<Window>,
) -> Vec<Point> {
    let scale = Scale::of(before.window, window);
    let mut points = Vec::new();
    for (name, now) in &report.collectors.0 {
        let Some(was) = before.report.collectors.get(name) else {
            continue;
        };
        let texts = counts(was, now, scale)
            .chain(new_keys(name, was, now))
            .chain(readable(was, now));
        points.extend(texts.map(|text| Point {
            severity: Severity::Notice,
            collector: name.clone(),
            text,
            cure: String::new(),
        }));
    }
    points.truncate(POINTS_MAX);
    points
}

/// How long the two spans are: what half the time brought is expected to be half as much.
#[derive(Debug, Clone, Copy)]
struct Scale {
    now_ms: u64,
    before_ms: u64,
}

impl Scale {
    fn of(before: Option<Window>, now: Option<Window>) -> Self {
        let length = |window: Window| window.until_ms.saturating_sub(window.from_ms).max(1);
        match (before, now) {
            (Some(before), Some(now)) => Self {
                now_ms: length(now),
                before_ms: length(before),
            },
            _ => Self {
                now_ms: 1,
                before_ms: 1,
            },
        }
    }

    fn expected(self, before: u64) -> u64 {
        let scaled = u128::from(before) * u128::from(self.now_ms) / u128::from(self.before_ms);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
}

fn counts(
    was: &CollectorReport,
    now: &CollectorReport,
    scale: Scale,
) -> impl Iterator<Item = String> {
    now.totals.0.iter().filter_map(move |(total, count)| {
        let before = *was.totals.get(total)?;
        is_notable(*count, scale.expected(before)).then(|| format!("{total} {count}, was {before}"))
    })
}

/// Beyond three standard deviations of chance, and by half at least.
fn is_notable(count: u64, expected: u64) -> bool {
    let (n, e) = (u128::from(count), u128::from(expected));
    let difference = n.abs_diff(e);
    let beyond_chance = difference * difference > 9 * e.max(1);
    beyond_chance && (2 * n >= 3 * e || 3 * n <= 2 * e)
}

fn new_keys<'a>(
    name: &'a str,
    was: &'a CollectorReport,
    now: &'a CollectorReport,
) -> impl Iterator<Item = String> {
    let tables = NEWS.iter().filter(move |_| name != "httpd");
    tables.filter_map(move |(table, what)| {
        let (was, now) = (was.tables.get(table)?, now.tables.get(table)?);
        new_in(was, now, what)
    })
}

fn new_in(was: &Table, now: &Table, what: &str) -> Option<String> {
    // A key that is missing there may be among the others: then nothing can be said.
    if was.other.is_some() {
        return None;
    }
    let known: std::collections::BTreeSet<&str> =
        was.rows.iter().map(|row| row.key.as_str()).collect();
    let new: Vec<_> = now
        .rows
        .iter()
        .filter(|row| !known.contains(row.key.as_str()))
        .collect();
    let named: Vec<&str> = new
        .iter()
        .take(NAMED_MAX)
        .map(|row| row.key.as_str())
        .collect();
    let names = named.join(", ");
    match new.len() {
        0 => None,
        1 => Some(format!("a new {what}: {names}")),
        n if n <= NAMED_MAX => Some(format!("{n} new {what}s: {names}")),
        n => Some(format!("{n} new {what}s: {names}, …")),
    }
}

/// Sources that stopped or began to be readable.
fn readable<'a>(
    was: &'a CollectorReport,
    now: &'a CollectorReport,
) -> impl Iterator<Item = String> {
    let names = |found: &'a CollectorReport| {
        let errors = found.coverage.errors.iter();
        errors
            .map(|error| error.source.as_str())
            .collect::<Vec<&str>>()
    };
    let (bad_before, bad_now) = (names(was), names(now));
    let fixed: Vec<String> = bad_before
        .iter()
        .filter(|source| !bad_now.contains(source))
        .map(|source| format!("read again: {source}"))
        .collect();
    let broken: Vec<String> = bad_now
        .iter()
        .filter(|source| !bad_before.contains(source))
        .map(|source| format!("no longer read: {source}"))
        .collect();
    fixed.into_iter().chain(broken)
}
