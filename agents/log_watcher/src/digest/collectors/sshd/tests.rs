use proptest::prelude::*;

use crate::digest::collector::Collector;
use crate::digest::report::ReportOptions;
use crate::digest::testkit::check;
use crate::digest::testkit::check_chain;
use crate::digest::testkit::check_parts;
use crate::digest::testkit::collector;
use crate::digest::testkit::report;
use crate::digest::testkit::settings;
use crate::digest::testkit::totals;

/// A log whose lines are `MINUTE PID BODY`, with shorthands for the usual bodies.
fn log(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let (minute, pid) = (words.next().unwrap(), words.next().unwrap());
        let minute: u32 = minute.parse().unwrap();
        let body = body(words.next().unwrap());
        let (hour, minute) = (minute / 60, minute % 60);
        text.push_str(&format!(
            "Feb 12 {hour:02}:{minute:02}:00 h sshd[{pid}]: {body}\n"
        ));
    }
    text
}

fn body(short: &str) -> &str {
    match short {
        "fail" => "Failed password for root from 10.0.0.7 port 5 ssh2",
        "fail?" => "Failed password for invalid user bob from 10.0.0.7 port 5 ssh2",
        "kbd" => "Failed keyboard-interactive/pam for root from 10.0.0.7 port 5 ssh2",
        "kbd?" => "Failed keyboard-interactive/pam for invalid user bob from 10.0.0.7 port 5 ssh2",
        "pam" => "error: PAM: Authentication failure for root from 10.0.0.7",
        "pam?" => "error: PAM: Authentication failure for illegal user bob from 10.0.0.7",
        "who?" => "Invalid user bob from 10.0.0.7 port 5",
        "in" => "Accepted publickey for amy from 10.0.0.7 port 5 ssh2: RSA SHA256:x",
        "gone" => "Connection closed by authenticating user root 10.0.0.7 port 5 [preauth]",
        "gone?" => "Connection reset by invalid user bob 10.0.0.7 port 5 [preauth]",
        "bye" => "Connection closed by 10.0.0.7 port 5 [preauth]",
        other => other,
    }
}

/// failed accepted invalid_user probes
#[track_caller]
fn check_counts(lines: &[&str], [failed, accepted, invalid, probes]: [u64; 4]) {
    let expected =
        format!("failed {failed} accepted {accepted} invalid_user {invalid} probes {probes}");
    check("sshd", &log(lines), &expected);
}

#[test]
fn failures_count_and_their_connection_is_no_probe() {
    check_counts(&["0 1 fail", "0 1 fail", "0 1 gone"], [2, 0, 0, 0]);
    check_counts(&["0 1 gone"], [0, 0, 0, 1]);
    check_counts(&["0 1 fail", "0 2 gone"], [1, 0, 0, 1]);
    check_counts(&["0 1 fail", "0 1 in", "1 1 gone"], [1, 1, 0, 1]);
}

#[test]
fn an_unknown_user_counts_once_for_each_attempt() {
    check_counts(
        &["0 1 who?", "0 1 fail?", "0 1 fail?", "0 1 gone?"],
        [2, 0, 2, 0],
    );
    check_counts(&["0 1 who?", "0 1 gone?"], [0, 0, 1, 1]);
    check_counts(&["0 1 who?"], [0, 0, 1, 0]);
    check_counts(&["0 1 who?", "0 2 fail?"], [1, 0, 2, 0]);
}

#[test]
fn what_pam_refused_counts_once() {
    check_counts(&["0 1 pam", "0 1 bye"], [1, 0, 0, 0]);
    check_counts(&["0 1 pam", "0 1 kbd", "0 1 gone"], [1, 0, 0, 0]);
    check_counts(&["0 1 pam", "0 1 pam", "0 1 pam", "0 1 kbd"], [3, 0, 0, 0]);
    check_counts(
        &["0 1 who?", "0 1 pam?", "0 1 kbd?", "0 1 gone?"],
        [1, 0, 1, 0],
    );
    check_counts(&["0 1 pam", "0 1 in"], [1, 1, 0, 0]);
    check_counts(&["0 1 pam", "0 1 fail"], [2, 0, 0, 0]);
}

#[test]
fn a_process_id_that_recurs_is_another_connection() {
    check_counts(&["0 1 fail", "9 1 gone"], [1, 0, 0, 0]);
    check_counts(&["0 1 fail", "11 1 gone"], [1, 0, 0, 1]);
    check_counts(&["0 1 fail", "0 1 bye", "1 1 gone"], [1, 0, 0, 1]);
    check_counts(&["0 1 who?", "11 1 fail?"], [1, 0, 2, 0]);
}

#[test]
fn too_many_open_connections_are_settled_and_still_counted() {
    let n = super::connections::PIDS_OPEN_MAX + 5_000;
    let mut collector = Collector::new("sshd", &settings());
    for pid in 0..n {
        let line = format!("Feb 12 00:00:00 h sshd[{pid}]: {}", body("who?"));
        collector.line(line.as_bytes());
    }
    let report = collector.finish(&ReportOptions::default());
    assert_eq!(
        totals(&report),
        format!("failed 0 accepted 0 invalid_user {n} probes 0")
    );
}

#[test]
fn repeats_are_unfolded() {
    let folded =
        "0 1 message repeated 4 times: [ Failed password for root from 10.0.0.7 port 5 ssh2]";
    check_counts(&["0 1 fail", folded], [5, 0, 0, 0]);
    let folded = "0 1 message repeated 2 times: [ error: PAM: Authentication failure for root from 10.0.0.7]";
    check_counts(&["0 1 pam", folded, "0 1 kbd"], [3, 0, 0, 0]);
}

#[test]
fn other_programs_lines_are_no_attempts() {
    let log = "Feb 12 14:10:21 h evil[1]: Failed password for root from 10.0.0.7 port 5 ssh2\n\
               Feb 12 14:10:21 h skep[1]: Failed password for root from 10.0.0.7 port 5 ssh2\n\
               Failed password for root from 10.0.0.7 port 5 ssh2\n";
    check("sshd", log, "failed 1 accepted 0 invalid_user 0 probes 0");
    assert_eq!(report("sshd", log).coverage.lines.own, 1);
}

#[test]
fn tables_carry_failures_and_probes() {
    let report = report(
        "sshd",
        &log(&["0 1 fail", "0 1 fail?", "0 2 gone", "0 3 in"]),
    );
    let by_source = report.tables.get("by_source").unwrap();
    let json = serde_json::to_string(by_source).unwrap();
    assert_eq!(
        json,
        r#"[{"source.address":"10.0.0.7","count":2,"probes":1}]"#
    );
    let by_user = serde_json::to_string(report.tables.get("by_user").unwrap()).unwrap();
    assert_eq!(
        by_user,
        r#"[{"user.name":"root","count":1,"probes":1},{"user.name":"bob","count":1,"probes":0}]"#
    );
}

/// Made by a real sshd; `testdata/sshd.sh` says what the clients did.
const REAL: &str = include_str!("../../../../testdata/sshd-9.2.log");

#[test]
fn what_was_done_to_a_real_sshd() {
    let report = report("sshd", REAL);
    assert_eq!(
        totals(&report),
        "failed 24 accepted 3 invalid_user 17 probes 3"
    );
    let users = &report.tables.get("by_user").unwrap().rows;
    let rows = users
        .iter()
        .map(|row| (row.key.as_str(), row.count("count"), row.count("probes")));
    let long = "n".repeat(100);
    let expected = [
        ("amy", 9, 1),
        ("nobodyhere", 6, 1),
        ("root", 2, 0),
        ("a from 1.2.3.4 port 22 ssh2", 1, 0),
        ("a\\b", 1, 0),
        ("from", 1, 0),
        ("invalid user root", 1, 0),
        ("müller", 1, 0),
        (long.as_str(), 1, 0),
        ("x", 1, 0),
        ("müller x", 0, 1),
    ];
    let mut found: Vec<_> = rows.collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let failed = report
        .sections
        .iter()
        .find(|section| section.name == "failed")
        .unwrap();
    assert_eq!(failed.count, 24);
}

#[test]
fn a_login_after_failures_stands_out() {
    let mut lines = vec!["0 1 fail"; 6];
    lines.push("1 2 in");
    let text = log(&lines);
    let sections = report("sshd", &text).sections;
    let section = sections
        .iter()
        .find(|section| section.name == "login_after_failures")
        .unwrap();
    assert_eq!(section.lines[0].id, "sshd/1:7");
}

#[test]
fn a_part_hands_on_what_it_does_not_know_yet() {
    let (first, second) = (
        log(&["0 1 who?", "0 2 pam", "0 3 fail"]),
        log(&["1 1 fail?", "1 2 kbd", "1 3 gone"]),
    );
    let options = ReportOptions::default();
    let (part, open) = collector("sshd", &settings(), &first).finish_part(&options);
    assert_eq!(totals(&part), "failed 1 accepted 0 invalid_user 0 probes 0");
    let kept = serde_json::to_string(&open).unwrap();
    let mut next = Collector::resume("sshd", &settings(), &serde_json::from_str(&kept).unwrap());
    next.file("/var/log/test.log", None);
    next.feed(second.as_bytes());
    let (part, open) = next.finish_part(&options);
    assert_eq!(totals(&part), "failed 2 accepted 0 invalid_user 1 probes 0");
    assert!(!serde_json::to_string(&open).unwrap().contains("bob"));
}

/// Logs of a few processes that mix everything, in the order of time.
fn any_log() -> impl Strategy<Value = Vec<String>> {
    let short = prop_oneof![
        Just("fail"),
        Just("fail?"),
        Just("kbd"),
        Just("kbd?"),
        Just("pam"),
        Just("pam?"),
        Just("who?"),
        Just("in"),
        Just("gone"),
        Just("gone?"),
        Just("bye"),
    ];
    let step = prop_oneof![4 => Just(0u32), 2 => 1..4u32, 1 => 9..13u32];
    proptest::collection::vec((step, 1..4u32, short), 0..40).prop_map(|lines| {
        let mut minute = 0;
        let line = |(step, pid, short): (u32, u32, &str)| {
            minute += step;
            format!("{minute} {pid} {short}")
        };
        lines.into_iter().map(line).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn parts_merge_to_the_whole(
        lines in any_log(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 1..4),
        from_the_right in any::<bool>(),
    ) {
        let (merged, whole) =
            check_parts("sshd", log, &lines, &cuts, from_the_right)?;
        prop_assert_eq!(merged.coverage, whole.coverage);
    }

    #[test]
    fn a_chain_of_parts_adds_up(lines in any_log(), at in any::<prop::sample::Index>()) {
        check_chain("sshd", log, &lines, at)?;
    }
}
