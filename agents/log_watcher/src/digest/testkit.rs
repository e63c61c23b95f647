//! What the tests of collectors share.

use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::Index;
use skep_protocol::digest::CollectorReport;

use super::collector::Collector;
use super::report::ReportOptions;
use super::settings::Settings;

/// Settings for a reader of 2026-02-13T00:00:00Z in UTC.
pub(super) fn settings() -> Settings {
    Settings::new(TimeZone::UTC, 1_770_940_800)
}

/// A collector that has eaten a file.
pub(super) fn collector(name: &str, settings: &Settings, log: &str) -> Collector {
    let mut collector = Collector::new(name, settings);
    collector.file("/var/log/test.log", None);
    collector.feed(log.as_bytes());
    collector
}

/// The report of a file.
pub(super) fn report(name: &str, log: &str) -> CollectorReport {
    collector(name, &settings(), log).finish(&ReportOptions::default())
}

/// The totals as `name count …`.
pub(super) fn totals(report: &CollectorReport) -> String {
    let totals = report
        .totals
        .0
        .iter()
        .map(|(name, n)| format!("{name} {n}"));
    totals.collect::<Vec<String>>().join(" ")
}

/// Checks the totals of a file.
#[track_caller]
pub(super) fn check(name: &str, log: &str, expected: &str) {
    check_with(name, &settings(), log, expected);
}

/// Checks the totals of a file, with settings of one's own.
#[track_caller]
pub(super) fn check_with(name: &str, settings: &Settings, log: &str, expected: &str) {
    let report = collector(name, settings, log).finish(&ReportOptions::default());
    assert_eq!(totals(&report), expected);
}

/// Checks that the totals and tables of parts merge to those of the whole, however it is cut and in
/// whichever order the parts meet; returns the report of the parts and that of the whole, for what
/// else should be equal. `log` makes lines of their shorthands.
pub(super) fn check_parts(
    name: &str,
    log: fn(&[&str]) -> String,
    lines: &[String],
    cuts: &[Index],
    from_the_right: bool,
) -> Result<(CollectorReport, CollectorReport), TestCaseError> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(lines.len() + 1)).collect();
    cuts.extend([0, lines.len()]);
    cuts.sort_unstable();
    let part = |lines: &[String]| collector(name, &settings(), &log(&texts(lines)));
    let parts = cuts.windows(2);
    let mut parts: Vec<Collector> = parts.map(|ends| part(&lines[ends[0]..ends[1]])).collect();
    while parts.len() > 1 {
        let at = if from_the_right { parts.len() - 2 } else { 0 };
        let later = parts.remove(at + 1);
        parts[at].merge(later);
    }
    let merged = parts.remove(0).finish(&ReportOptions::default());
    let whole = part(lines).finish(&ReportOptions::default());
    prop_assert_eq!(totals(&merged), totals(&whole));
    prop_assert_eq!(&merged.tables, &whole.tables);
    Ok((merged, whole))
}

/// Checks that a part and one that goes on where it ended add up to the whole.
pub(super) fn check_chain(
    name: &str,
    log: fn(&[&str]) -> String,
    lines: &[String],
    at: Index,
) -> Result<(), TestCaseError> {
    let (first, second) = lines.split_at(at.index(lines.len() + 1));
    let options = ReportOptions::default();
    let part = |lines: &[String]| collector(name, &settings(), &log(&texts(lines)));
    let (first, open) = part(first).finish_part(&options);
    let open = serde_json::from_value(serde_json::to_value(&open).unwrap()).unwrap();
    let mut next = Collector::resume(name, &settings(), &open);
    next.file("/var/log/test.log", None);
    next.feed(log(&texts(second)).as_bytes());
    let second = next.finish(&options);
    for (name, total) in &part(lines).finish(&options).totals.0 {
        let sum = first.totals.get(name).unwrap() + second.totals.get(name).unwrap();
        prop_assert_eq!(sum, *total, "{}", name);
    }
    Ok(())
}

fn texts(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}
