use proptest::prelude::*;
use skep_protocol::digest::Ordered;
use skep_protocol::digest::Row;
use skep_protocol::digest::SourceGap;
use skep_protocol::digest::SourceProblem;
use skep_protocol::digest::Table;
use skep_protocol::oracle::Finding;

use super::rules::FROM_ONE_SOURCE;
use super::rules::RULES;
use super::*;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// `sshd failed 3 probes 1` as a digest of one collector.
fn digest(text: &str) -> DigestReport {
    let words: Vec<&str> = text.split(' ').collect();
    let totals = words[1..]
        .chunks(2)
        .map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap()));
    let found = CollectorReport {
        totals: totals.collect(),
        ..CollectorReport::default()
    };
    DigestReport {
        collectors: Ordered(vec![(words[0].to_owned(), found)]),
    }
}

fn with_sources(mut report: DigestReport, rows: &[(&str, u64)]) -> DigestReport {
    let rows = rows.iter().map(|(key, count)| Row {
        key: (*key).to_owned(),
        counts: vec![("count".to_owned(), *count)],
    });
    let table = Table {
        field: "source.address".to_owned(),
        rows: rows.collect(),
        other: None,
    };
    let tables = &mut report.collectors.0[0].1.tables;
    tables.0.push(("by_source".to_owned(), table));
    report
}

fn texts(points: &[Point]) -> Vec<&str> {
    points.iter().map(|point| point.text.as_str()).collect()
}

#[track_caller]
fn check(text: &str, severity: Severity, needs: &[&str]) {
    let found = overview(&digest(text), None, None);
    assert_eq!(
        (found.severity, texts(&found.needs)),
        (severity, needs.to_vec()),
        "{text}"
    );
}

#[test]
fn counts_become_severities() {
    check("sshd failed 99 probes 0", Severity::Info, &[]);
    check(
        "sshd failed 100 probes 100",
        Severity::Warning,
        &["wrong passwords: 100"],
    );
    check("sshd failed 3 probes 100", Severity::Notice, &[]);
    check(
        "systemd units_failed 1 oom_kills 0 segfaults 2",
        Severity::Error,
        &["units failed: 1", "programs crashed: 2"],
    );
    check("httpd requests 10000 status_5xx 99", Severity::Info, &[]);
    check(
        "httpd requests 1000 status_5xx 10",
        Severity::Warning,
        &["requests that the server failed: 10"],
    );
    check(
        "httpd requests 1000 status_5xx 100",
        Severity::Error,
        &["requests that the server failed: 100"],
    );
    check(
        "sudo commands 40 failed 3",
        Severity::Warning,
        &["wrong passwords for sudo or su: 3"],
    );
    check("fail2ban found 9 bans 1 unbans 0", Severity::Notice, &[]);
    check(
        "generic critical 1 warning 0 info 9",
        Severity::Critical,
        &["lines of severity critical: 1"],
    );
    check(
        "app err 2 info 9",
        Severity::Error,
        &["lines of severity err: 2"],
    );
    check("cron runs 100000", Severity::Info, &[]);
}

#[test]
fn who_guesses_is_named() {
    let rows = [
        ("203.0.113.9", 340),
        ("a", FROM_ONE_SOURCE),
        ("b", FROM_ONE_SOURCE),
        ("c", 2),
    ];
    let found = overview(&with_sources(digest("sshd failed 1"), &rows), None, None);
    assert_eq!(
        texts(&found.needs),
        ["203.0.113.9 failed 340 logins, and 2 more sources do the same"]
    );
    let visitors = overview(&with_sources(digest("httpd requests 1"), &rows), None, None);
    assert_eq!(visitors.needs, []);
}

#[test]
fn what_is_not_read_needs_a_person() {
    let mut report = digest("cron runs 0");
    let coverage = &mut report.collectors.0[0].1.coverage;
    coverage.errors.push(SourceProblem {
        source: "/var/log/cron.log".to_owned(),
        problem: "user skep may not read it".to_owned(),
        cure: "run `usermod -aG adm skep` and start again".to_owned(),
    });
    coverage.gaps.push(SourceGap {
        source: "/var/log/x".to_owned(),
        what: "was emptied in place".to_owned(),
    });
    coverage.partial = Some("6 of 18 lines".to_owned());
    let found = overview(&report, None, None);
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(
        texts(&found.needs),
        [
            "not read: /var/log/cron.log: user skep may not read it",
            "lines may be lost: /var/log/x was emptied in place",
        ]
    );
    assert!(found.needs[0].cure.contains("usermod"));
}

#[test]
fn a_service_that_a_host_does_not_run_needs_nobody() {
    let mut report = digest("httpd requests 0");
    let coverage = &mut report.collectors.0[0].1.coverage;
    coverage.errors.push(SourceProblem {
        source: "httpd".to_owned(),
        problem: "none of its usual files is in /var/log/apache2".to_owned(),
        cure: "leave httpd out".to_owned(),
    });
    let found = overview(&report, None, None);
    assert_eq!((found.severity, found.needs), (Severity::Info, Vec::new()));
}

#[test]
fn an_analysis_stands_in_the_place_of_the_thresholds() {
    let mut report = digest("sshd failed 100000");
    let by_rules = overview(&report, None, None);
    assert_eq!(by_rules.severity, Severity::Warning);
    let analysis = |severity, finding| Report {
        unfounded: Vec::new(),
        severity,
        summary: "all is as usual".to_owned(),
        findings: vec![Finding {
            shape: String::new(),
            title: "a finding".to_owned(),
            severity: finding,
            evidence: Vec::new(),
            confidence: 90,
            advice: Some("do this".to_owned()),
        }],
        confidence: 90,
        advice: Vec::new(),
        backend: "builtin".to_owned(),
        degraded: None,
        anomaly: false,
    };
    let quiet = decided_by(
        &by_rules,
        &analysis(Severity::Notice, Severity::Notice),
        &report,
    );
    assert_eq!((quiet.severity, quiet.needs.len()), (Severity::Notice, 0));
    assert_eq!(quiet.decided_by, DecidedBy::Analysis);
    let grave = decided_by(
        &by_rules,
        &analysis(Severity::Critical, Severity::Critical),
        &report,
    );
    assert_eq!(
        (grave.severity, texts(&grave.needs)),
        (Severity::Critical, vec!["a finding"])
    );
    assert_eq!(grave.needs[0].cure, "do this");
    // It read no more than the digest did.
    report.collectors.0[0]
        .1
        .coverage
        .errors
        .push(SourceProblem::default());
    let blind = decided_by(
        &by_rules,
        &analysis(Severity::Info, Severity::Info),
        &report,
    );
    assert_eq!((blind.severity, blind.needs.len()), (Severity::Warning, 1));
}

#[track_caller]
fn check_changes(was: &str, now: &str, hours: (u64, u64), expected: &[&str]) {
    let (was, now) = (digest(was), digest(now));
    let window = |hours: u64| Window {
        from_ms: DAY_MS,
        until_ms: DAY_MS + hours * 3_600_000,
    };
    let before = Before {
        report: &was,
        window: Some(window(hours.0)),
    };
    let found = overview(&now, Some(window(hours.1)), Some(before));
    assert_eq!(texts(&found.changes), expected);
    assert_eq!(found.compared_with, Some(window(hours.0)));
}

#[test]
fn what_changed_is_more_than_chance() {
    check_changes(
        "sshd failed 12",
        "sshd failed 340",
        (24, 24),
        &["failed 340, was 12"],
    );
    check_changes(
        "sshd failed 340",
        "sshd failed 12",
        (24, 24),
        &["failed 12, was 340"],
    );
    check_changes("sshd failed 0", "sshd failed 3", (24, 24), &[]);
    check_changes(
        "sshd failed 0",
        "sshd failed 4",
        (24, 24),
        &["failed 4, was 0"],
    );
    check_changes(
        "httpd requests 100000",
        "httpd requests 120000",
        (24, 24),
        &[],
    );
    check_changes(
        "httpd requests 100000",
        "httpd requests 150000",
        (24, 24),
        &["requests 150000, was 100000"],
    );
    // Half the time, half as much: nothing changed.
    check_changes(
        "httpd requests 100000",
        "httpd requests 50000",
        (24, 12),
        &[],
    );
    check_changes(
        "httpd requests 50000",
        "httpd requests 50000",
        (24, 6),
        &["requests 50000, was 50000"],
    );
    check_changes("cron runs 9", "sshd failed 999", (24, 24), &[]);
}

#[test]
fn who_is_new_is_told_where_it_can_be_known() {
    let check = |was: &[(&str, u64)], now: &[(&str, u64)], other: bool, expected: &[&str]| {
        let mut was = with_sources(digest("sshd failed 1"), was);
        let now = with_sources(digest("sshd failed 1"), now);
        if other {
            was.collectors.0[0].1.tables.0[0].1.other =
                Some(skep_protocol::digest::Other::default());
        }
        let before = Before {
            report: &was,
            window: None,
        };
        let found = overview(&now, None, Some(before));
        assert_eq!(texts(&found.changes), expected);
    };
    let five = [("e", 5), ("d", 4), ("c", 3), ("b", 2), ("a", 1)];
    check(&[("a", 9)], &[("a", 1)], false, &[]);
    check(
        &[("a", 9)],
        &[("b", 1), ("a", 1)],
        false,
        &["a new source: b"],
    );
    check(&[], &five, false, &["5 new sources: e, d, c, …"]);
    check(&[("a", 9)], &five, true, &[]);
}

/// What people rely on stands where they look it up.
#[test]
fn the_documentation_has_every_rule() {
    let document = include_str!("../../../../../docs/DIGEST.md");
    for rule in RULES {
        let of = rule.of.map_or(String::new(), |(total, permille)| {
            format!(" and {} % of `{total}`", permille / 10)
        });
        let row = format!(
            "| {} | `{}` ≥ {}{of} | {} |",
            rule.collector, rule.total, rule.at_least, rule.severity
        );
        assert!(document.contains(&row), "docs/DIGEST.md lacks: {row}");
    }
    let rows = document
        .lines()
        .filter(|line| line.contains("` ≥ "))
        .count();
    assert_eq!(rows, RULES.len() + 1, "a row of docs/DIGEST.md is no rule");
    assert!(document.contains(&format!("`by_source` ≥ {FROM_ONE_SOURCE}")));
}

#[test]
fn the_rules_are_sorted_and_of_known_collectors_interface() {
    assert!(RULES.is_sorted_by_key(|rule| (rule.collector, rule.total, rule.at_least)));
}

proptest! {
    #[test]
    fn any_counts_have_a_severity_and_few_points(
        was in proptest::collection::vec(any::<u64>(), 4),
        now in proptest::collection::vec(any::<u64>(), 4),
        span in any::<(u64, u64, u64, u64)>(),
    ) {
        let names = ["units_failed", "status_5xx", "requests", "critical"];
        let of = |counts: &[u64]| {
            let pairs: Vec<String> = names.iter().zip(counts).map(|(name, n)| format!("{name} {n}")).collect();
            digest(&format!("httpd {}", pairs.join(" ")))
        };
        let (was, now) = (of(&was), of(&now));
        let window = |from_ms, until_ms| Some(Window { from_ms, until_ms });
        let before = Before { report: &was, window: window(span.0, span.1) };
        let found = overview(&now, window(span.2, span.3), Some(before));
        prop_assert!(found.needs.iter().all(|point| point.severity <= found.severity));
        prop_assert!(found.needs.len() <= POINTS_MAX && found.changes.len() <= POINTS_MAX);
    }
}
