//! What the tests of collectors share.

use jiff::tz::TimeZone;
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
