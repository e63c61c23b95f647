use super::*;
use crate::oracle::Finding;

fn report() -> Report {
    Report {
        severity: Severity::Warning,
        summary: "212 failed logins".to_owned(),
        findings: vec![Finding {
            title: "brute force".to_owned(),
            shape: "brute_force".to_owned(),
            severity: Severity::Warning,
            evidence: vec!["sshd/1:7".to_owned()],
            confidence: 90,
            advice: Some("block it".to_owned()),
        }],
        confidence: 80,
        advice: vec!["use keys".to_owned()],
        backend: "builtin".to_owned(),
        degraded: None,
        unfounded: Vec::new(),
        anomaly: true,
    }
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Report), expected: &str) {
    let mut report = report();
    change(&mut report);
    let error = check(&report, &["sshd/1:7".to_owned()].into()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_report_that_keeps_the_rules_is_one() {
    assert_eq!(check(&report(), &["sshd/1:7".to_owned()].into()), Ok(()));
}

#[test]
fn what_breaks_a_rule_is_none() {
    refused(
        |r| r.summary = " \n".to_owned(),
        "the report's summary is empty",
    );
    refused(
        |r| r.findings[0].title = String::new(),
        "the report's title is empty",
    );
    refused(
        |r| r.summary = "x".repeat(4001),
        "the report's summary has 4001 characters where at most 4000 are allowed",
    );
    refused(
        |r| r.findings = vec![r.findings[0].clone(); 51],
        "the report has 51 findings where at most 50 are allowed",
    );
    refused(
        |r| r.advice = vec!["\u{1b}[2J".to_owned()],
        "the report's advice holds control characters",
    );
    refused(
        |r| r.confidence = 101,
        "a confidence of 101 where 100 is certainty",
    );
    refused(
        |r| r.findings[0].evidence.push("sshd/1:8".to_owned()),
        "the line \"sshd/1:8\" is not in the digest",
    );
    refused(
        |r| r.findings[0].severity = Severity::Critical,
        "a finding is critical, its report only warning",
    );
}

#[test]
fn the_text_names_what_was_found_and_on_what() {
    let mut report = report();
    report.degraded = Some("the model did not answer in time".to_owned());
    report.findings[0].evidence = (1..=5).map(|n| format!("sshd/1:{n}")).collect();
    assert_eq!(
        report.to_text(),
        "Analysis: warning (by builtin)\n\
         Degraded: the model did not answer in time\n\
         212 failed logins\n\
         - [warning] brute force (sshd/1:1, sshd/1:2, sshd/1:3 and 2 more)\n  \
           block it\n\
         Advice:\n\
         - use keys\n"
    );
}
