//! What people rely on fails: errors in bursts, units that fail or flap, lines of grave levels.

use skep_protocol::{
    digest::{CollectorReport, Trace},
    oracle::Finding,
    severity::Severity,
};

use super::{
    Scope,
    evidence::{and_others, finding, ids, naming, peak, section, total},
};

/// Answers with a server error, or mails put off, within an hour.
const BURST_MIN: u64 = 50;
const DEFERRED_MIN: u64 = 100;

/// So many more are an outage.
const OUTAGE: u64 = 10;

/// Lines of a web server's error log, or of a level called error, within an hour. As many as a
/// search for paths leaves, which every server has to stand.
const ERRORS_MIN: u64 = 300;
const ERROR_LINES_MIN: u64 = 100;

/// Units that fail together from which on it is more than a unit.
const UNITS_FAILED_MANY: u64 = 5;

/// Failures and restarts of one unit within an hour: five rounds.
const FLAPS_MIN: u64 = 10;

pub(super) fn look(scope: Scope<'_>, collector: &CollectorReport) -> Vec<Finding> {
    let bursts = [
        burst(
            scope,
            collector,
            "status_5xx",
            BURST_MIN,
            "answers were server errors",
        ),
        burst(
            scope,
            collector,
            "deferred",
            DEFERRED_MIN,
            "mails were put off",
        ),
        burst(scope, collector, "bounced", DEFERRED_MIN, "mails came back"),
        web_errors(scope, collector),
    ];
    let mut findings: Vec<Finding> = bursts.into_iter().flatten().collect();
    findings.extend(of_the_system(collector));
    findings.extend(flapping(scope, collector));
    findings.extend(levels(scope, collector));
    findings
}

fn burst(
    scope: Scope<'_>,
    collector: &CollectorReport,
    of: &str,
    min: u64,
    words: &str,
) -> Option<Finding> {
    let (most, n) = (peak(collector, &[of]), total(collector, of));
    if most < min {
        return None;
    }
    let severity = if most >= min * OUTAGE {
        Severity::Error
    } else {
        Severity::Warning
    };
    let title = format!("{}: {n} {words}, up to {most} in an hour", scope.name);
    Some(Finding {
        evidence: naming(collector, &[of, "errors"], &[]),
        ..finding("error_burst", severity, 90, title)
    })
}

fn web_errors(scope: Scope<'_>, collector: &CollectorReport) -> Option<Finding> {
    collector.totals.get("requests")?;
    let most = peak(collector, &["errors"]);
    (most >= ERRORS_MIN).then(|| Finding {
        evidence: naming(collector, &["errors"], &[]),
        ..finding(
            "error_burst",
            Severity::Warning,
            80,
            format!(
                "{}: {} errors in its log, up to {most} in an hour",
                scope.name,
                total(collector, "errors")
            ),
        )
    })
}

/// What systemd and the kernel say.
fn of_the_system(collector: &CollectorReport) -> Vec<Finding> {
    let find = |shape: &str, what: &str, severity, one: &str, many: &str, advice: &str| {
        let n = total(collector, what);
        let title = match n {
            1 => one.to_owned(),
            n => format!("{n} {many}"),
        };
        (n > 0).then(|| Finding {
            evidence: naming(collector, &[what], &[]),
            advice: Some(advice.to_owned()),
            ..finding(shape, severity, 95, title)
        })
    };
    let severity = if total(collector, "units_failed") >= UNITS_FAILED_MANY {
        Severity::Error
    } else {
        Severity::Warning
    };
    let units = find(
        "unit_failed",
        "units_failed",
        severity,
        "a unit failed",
        "units failed",
        "See `systemctl --failed`, and the unit's own log.",
    );
    let memory = find(
        "out_of_memory",
        "oom_kills",
        Severity::Error,
        "the kernel killed a process because memory ran out",
        "processes were killed by the kernel because memory ran out",
        "Find what takes the memory; give the service a limit of its own (MemoryMax=).",
    );
    let faults = find(
        "crash",
        "segfaults",
        Severity::Warning,
        "a program crashed (segmentation fault)",
        "crashes of programs (segmentation faults)",
        "Update the program, or look at its core dump (`coredumpctl`).",
    );
    units.into_iter().chain(memory).chain(faults).collect()
}

/// A unit that does not stay up.
fn flapping(scope: Scope<'_>, collector: &CollectorReport) -> Option<Finding> {
    let units = collector.traces.rows("units").iter();
    let mut flaps: Vec<&Trace> = units.filter(|unit| unit.peak >= FLAPS_MIN).collect();
    flaps.sort_by(|a, b| b.peak.cmp(&a.peak).then_with(|| a.key.cmp(&b.key)));
    let first = flaps.first()?;
    let keys: Vec<&str> = flaps.iter().map(|unit| unit.key.as_str()).collect();
    let title = format!(
        "{}: {} does not stay up: it failed or was started again {} times within an hour",
        scope.name,
        and_others(&keys, "unit"),
        first.peak
    );
    Some(Finding {
        evidence: naming(collector, &["restarts", "units_failed"], &keys),
        advice: Some("See the unit's own log for why it ends; until then stop it.".to_owned()),
        ..finding("service_flapping", Severity::Warning, 95, title)
    })
}

/// What a collector without knowledge of its service counts by the words in its lines.
fn levels(scope: Scope<'_>, collector: &CollectorReport) -> Option<Finding> {
    if collector.totals.get("requests").is_some() {
        return None;
    }
    let grave = ["critical", "fatal", "emergency", "alert"];
    let grave = grave.iter().find(|level| total(collector, level) > 0);
    let level = match grave {
        Some(level) => *level,
        None if peak(collector, &["error"]) >= ERROR_LINES_MIN => "error",
        None => return None,
    };
    let n = total(collector, level);
    let lines = if n == 1 { "line" } else { "lines" };
    let found = section(collector, level);
    Some(Finding {
        evidence: ids(found.into_iter().flat_map(|found| &found.lines)),
        ..finding(
            "grave_lines",
            Severity::Warning,
            70,
            format!("{}: {n} {level} {lines}", scope.name),
        )
    })
}
