use serde_json::json;
use skep_protocol::{
    digest::{CollectorReport, EvidenceLine, Ordered, Section},
    oracle::{check, evidence_ids},
};

use super::*;
use crate::{
    builtin::{About, Learned, analyse},
    config::ResponseMode,
    model::question::{Material, question, withheld},
    redact::{PseudonymKey, Redact},
};

const ATTACKER: &str = "203.0.113.9";
const FRIEND: &str = "198.51.100.7";

fn digest() -> DigestReport {
    let line = |n: u32, text: String| EvidenceLine {
        id: format!("sshd/1:{n}"),
        text,
    };
    let failed = format!("sshd[9]: Failed password for ann from {ATTACKER} port 9 ssh2");
    let accepted = format!("sshd[9]: Accepted publickey for ann from {FRIEND} port 9 ssh2");
    let section = |name: &str, line| Section {
        name: name.to_owned(),
        count: 1,
        lines: vec![line],
    };
    let sshd = CollectorReport {
        headline: "1 failed, 1 accepted".to_owned(),
        lines_read: 2,
        totals: Ordered(vec![("failed".to_owned(), 1), ("accepted".to_owned(), 1)]),
        sections: vec![
            section("failed", line(1, failed)),
            section("accepted", line(2, accepted)),
        ],
        ..CollectorReport::default()
    };
    DigestReport {
        collectors: Ordered(vec![("sshd".to_owned(), sshd)]),
    }
}

fn combined_over(severity: Severity, words: &str) -> Result<Report, ModelError> {
    let digest = digest();
    let about = About {
        host: "web1",
        window: None,
    };
    let mut builtin = analyse(&digest, about, &mut [Learned::default()], false);
    builtin.severity = severity;
    builtin.anomaly = severity >= Severity::Warning;
    let withheld = withheld(&digest);
    let material = Material {
        digest: &digest,
        about,
        builtin: &builtin,
        asked: "",
        mode: ResponseMode::Terse,
        redact: Redact::default(),
        key: PseudonymKey([3; 32]),
        withheld: &withheld,
    };
    let question = question(material, 8000);
    let asked = Asked {
        builtin: &builtin,
        digest: &digest,
        question: &question,
        name: "openai test",
    };
    // A model speaks of what it was told: the pseudonyms of this question.
    let mut words = words.to_owned();
    for (name, address) in [("ATTACKER", ATTACKER), ("FRIEND", FRIEND)] {
        words = words.replace(name, &question.redactor.clone().redact(address));
    }
    let report = combine(asked, &words)?;
    assert_eq!(check(&report, &evidence_ids(&digest)), Ok(()));
    Ok(report)
}

fn combined(words: &str) -> Result<Report, ModelError> {
    combined_over(Severity::Info, words)
}

fn claim(title: &str, severity: &str, evidence: &[&str]) -> String {
    json!({
        "summary": "ATTACKER guesses",
        "findings": [{
            "title": title, "severity": severity, "evidence": evidence,
            "confidence": 0.8, "advice": "block ATTACKER",
        }],
        "confidence": 80,
    })
    .to_string()
}

#[test]
fn a_claim_that_stands_on_a_line_is_added_under_its_real_names() {
    let report = combined(&claim("ATTACKER guesses a password", "warning", &["E1"])).unwrap();
    let finding = &report.findings[0];
    assert_eq!(
        finding.title,
        format!("model: {ATTACKER} guesses a password")
    );
    assert_eq!(finding.evidence, ["sshd/1:1"]);
    assert_eq!(
        finding.advice.as_deref(),
        Some(&*format!("block {ATTACKER}"))
    );
    assert_eq!(
        (finding.confidence, report.severity),
        (80, Severity::Warning)
    );
    assert!(
        !report.anomaly,
        "whether people are alerted is not the model's to say"
    );
    assert!(
        report
            .summary
            .contains(&format!("The model says: {ATTACKER} guesses"))
    );
    assert!(
        report
            .summary
            .starts_with("web1: nothing out of the ordinary.")
    );
}

#[test]
fn a_model_raises_no_further_than_a_warning_and_never_lowers() {
    let report = combined(&claim("all is lost", "critical", &["E1"])).unwrap();
    assert_eq!(report.severity, Severity::Warning);
    for severity in Severity::ALL {
        let report = combined_over(severity, &claim("all is well", "info", &["E1"])).unwrap();
        assert_eq!(report.severity, severity);
        assert_eq!(report.anomaly, severity >= Severity::Warning);
    }
}

#[test]
fn what_stands_on_nothing_is_left_out() {
    for (title, evidence) in [
        ("made up", &["E9"][..]),
        ("no lines", &[]),
        ("one of them made up", &["E1", "E9"]),
        ("the digest's ids are not the question's", &["sshd/1:1"]),
        // A small model names the guest for the thief.
        ("FRIEND guesses a password", &["E1"]),
        ("192.0.2.77 guesses a password", &["E1"]),
    ] {
        let report = combined(&claim(title, "warning", evidence)).unwrap();
        assert!(report.findings.is_empty(), "{title}: {:?}", report.findings);
        assert_eq!(report.severity, Severity::Info, "{title}");
        assert!(
            report
                .summary
                .ends_with("One claim of the model was left out: no line shows it.")
        );
    }
}

#[test]
fn what_no_line_shows_is_flagged() {
    let words = "{\"summary\": \"203.0.113.99 failed 500 times at 03:33 as user \\\"mallory\\\", ATTACKER \
                 once\"}";
    let report = combined(words).unwrap();
    assert_eq!(
        report.unfounded,
        [
            "address 203.0.113.99",
            "count 500",
            "time 03:33",
            "user mallory"
        ]
    );
    assert!(
        report
            .summary
            .contains("203.0.113.99 [not in the logs] failed 500 [not in the logs] times"),
        "{}",
        report.summary
    );
    assert!(
        report
            .to_text()
            .contains("\nNot in the logs: address 203.0.113.99, count 500, ")
    );
    // A claim that is left out still says what it made up.
    let report = combined(&claim("X-addr-zzzzzz guesses 77 times", "warning", &["E1"])).unwrap();
    assert_eq!(report.unfounded, ["address X-addr-zzzzzz", "count 77"]);
    // What is counted is no less in the evidence than what stands in a line.
    let report = combined(&claim("1 failed from ATTACKER", "warning", &["E1"])).unwrap();
    assert_eq!((report.findings.len(), report.unfounded.len()), (1, 0));
}

#[test]
fn an_answer_may_stand_in_prose_and_is_made_safe_to_show() {
    let words = format!(
        "Sure!\n```json\n{}\n```",
        claim("a\u{1b}[2J b\nc", "notice", &["E1"])
    );
    let report = combined(&words).unwrap();
    assert_eq!(report.findings[0].title, "model: a\\x1b[2J b c");
}

#[test]
fn an_answer_that_was_cut_off_counts_as_far_as_it_came() {
    let whole = claim("ATTACKER guesses", "warning", &["E1"]);
    let mut n_mended = 0;
    for (end, _) in whole.char_indices().skip(1) {
        let Ok(report) = combined(whole.split_at(end).0) else {
            continue;
        };
        n_mended += 1;
        assert!(
            report
                .summary
                .contains(&format!("The model says: {ATTACKER} guesses"))
        );
    }
    assert!(n_mended > whole.len() / 2, "{n_mended} of {}", whole.len());
}

#[test]
fn what_is_said_again_is_shown_once() {
    assert_eq!(
        once("All is lost. All is lost. Flee. All is lost. All is"),
        "All is lost. Flee."
    );
    assert_eq!(once("1.5 % failed."), "1.5 % failed.");
}

/// What smollm2 said over Anthropic's messages, recorded: with a form by its server, and without.
#[test]
fn a_real_model_fills_in_a_form_as_text_or_says_something_else() {
    let filled = "{\"summary\": \"The server failed to send a response to the specified port.\", \
                  \"confidence\": 0}";
    let report = combined(filled).unwrap();
    assert!(
        report.summary.ends_with(
            "The model says: The server failed to send a response to the specified port."
        ),
        "{}",
        report.summary
    );
    for other in [
        "The error occurs when the function is unable to parse the JSON data. The function is \
         designed to parse JSON data, but it doesn't have a built-in way to parse JSON data.",
        "The JSON object is:\n\n```json\n{\n    \"status\": \"failed\",\n    \"message\": \"X-addr-1\",\n    \
         \"type\": \"json\",\n    \"data\": {\n        \"status\": \"failed\",\n        \"message\": \"X-addr-1",
    ] {
        let error = combined(other).unwrap_err();
        assert!(matches!(error, ModelError::Garbage(_)), "{error}");
    }
}

#[test]
fn garbage_is_no_opinion() {
    for words in [
        "",
        "no",
        "{",
        "}{",
        "{}",
        "[]",
        "{\"summary\": 7}",
        "{\"summary\": \" \"}",
        "\0\u{ffff}",
        "{\"summary\":\"x\",\"findings\":\"y\"}",
    ] {
        assert!(
            matches!(combined(words), Err(ModelError::Garbage(_))),
            "{words:?}"
        );
    }
}
