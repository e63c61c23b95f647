use super::*;
use crate::digest::testkit::settings;

/// `collector: facts`; `collector: none` for a line that is no event of a named one.
#[track_caller]
fn check(named: Option<&str>, line: &str, expected: &str) {
    let mut explainer = Explainer::new(&settings(), named).expect("it is a collector");
    let explanation = explainer.line(line.as_bytes());
    let facts = explanation.facts.map(|facts| facts.to_string());
    let found = format!(
        "{}: {}",
        explanation.collector.unwrap_or("nobody"),
        facts.as_deref().unwrap_or("none")
    );
    assert_eq!(found, expected, "{line}");
}

const FAILED: &str = "Failed password for root from 10.0.0.7 port 5 ssh2";
const FAILED_FACTS: &str = "sshd: sshd.failed failure source.address=10.0.0.7 source.port=5 \
                            user.name=root ssh.auth_method=password";

#[test]
fn whoever_knows_a_line_explains_it() {
    let syslog = format!("Feb 12 14:10:21 h sshd[1]: {FAILED}");
    check(None, &syslog, FAILED_FACTS);
    check(None, FAILED, FAILED_FACTS);
    let rfc5424 = format!("<38>1 2026-02-12T14:10:21Z h sshd 1 - [meta a=\"1\"] {FAILED}");
    check(None, &rfc5424, FAILED_FACTS);
    check(
        None,
        "Feb 12 14:10:21 h app[1]: error: disk on fire",
        "nobody: none",
    );
    check(None, "", "nobody: none");
}

#[test]
fn a_named_collector_judges_every_line() {
    check(Some("sshd"), FAILED, FAILED_FACTS);
    check(Some("httpd"), FAILED, "httpd: none");
    check(
        Some("sshd"),
        "Feb 12 14:10:21 h sshd[1]: Server listening on :: port 22.",
        "sshd: none",
    );
    check(
        Some("generic"),
        "Feb 12 14:10:21 h app[1]: disk error",
        "generic: generic.line log.level=warning",
    );
    assert!(Explainer::new(&settings(), Some("nonsense")).is_none());
}

#[test]
fn the_record_has_the_services_own_stamp_and_severity() {
    let mut explainer = Explainer::new(&settings(), None).unwrap();
    let line = b"2026/02/12 14:10:21 [crit] 4#4: *4 no, client: 10.0.0.8, server: _";
    let record = explainer.line(line).record;
    assert_eq!(record.timestamp_ns, Some(1_770_905_421_000_000_000));
    assert_eq!(record.severity, Some(skep_lines::Severity::CRITICAL));
    let entry = Line {
        stamp: skep_lines::Stamp::Unix(17),
        host: b"web1",
        app: b"sshd-session",
        ..Line::bare(FAILED.as_bytes())
    };
    let explanation = explainer.entry(entry);
    assert_eq!(explanation.record.timestamp_ns, Some(17));
    assert_eq!(explanation.record.host, "web1");
    assert_eq!(explanation.collector, Some("sshd"));
}
