use proptest::prelude::*;
use skep_protocol::digest::CollectorReport;

use crate::digest::collector::Collector;
use crate::digest::render;
use crate::digest::report::ReportOptions;
use crate::digest::testkit::check;
use crate::digest::testkit::check_chain;
use crate::digest::testkit::check_parts;
use crate::digest::testkit::report;
use crate::digest::testkit::settings;
use crate::digest::testkit::totals;

/// Made by a real Dovecot with `auth_verbose`; `testdata/mail.sh` says what the clients did.
const VERBOSE: &str = include_str!("../../../../testdata/dovecot-2.3.log");
/// The same by one without, in its own file.
const OWN: &str = include_str!("../../../../testdata/dovecot-2.3-own.log");

/// A log whose lines are `MINUTE SESSION WHAT`, with shorthands for what happens.
fn log(lines: &[&str]) -> String {
    let line = |line: &&str| {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap();
        let (minute, session) = (word().parse::<u32>().unwrap(), word());
        let body = body(session, word());
        let (hour, minute) = (minute / 60, minute % 60);
        format!("Feb 12 {hour:02}:{minute:02}:00 h dovecot: {body}\n")
    };
    lines.iter().map(line).collect()
}

fn body(session: &str, what: &str) -> String {
    let tail = |user: &str| {
        format!("user=<{user}>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.9, session=<{session}>")
    };
    match what.split_once(' ') {
        None if what == "in" => format!("imap-login: Login: {}", tail("amy")),
        Some(("refused", user)) => {
            format!("auth: passwd-file({user},192.0.2.1,<{session}>): Password mismatch")
        }
        Some(("pam", user)) => format!(
            "auth-worker(9): pam({user},192.0.2.1,<{session}>): pam_authenticate() failed: x"
        ),
        Some(("failed", n)) => format!(
            "imap-login: Disconnected (auth failed, {n} attempts in 9 secs): {}",
            tail("amy")
        ),
        _ => what.to_owned(),
    }
}

#[track_caller]
fn check_counts(lines: &[&str], logins: u64, failed: u64) {
    let expected = format!("logins {logins} failed {failed}");
    check("dovecot", &log(lines), &expected);
}

#[test]
fn a_line_stands_for_all_attempts_of_its_connection() {
    check_counts(&["0 a failed 3", "0 b failed 1", "0 c in"], 1, 4);
}

#[test]
fn what_is_told_twice_counts_once() {
    check_counts(
        &["0 a refused amy", "0 a refused amy", "0 a failed 2"],
        0,
        2,
    );
    check_counts(&["0 a refused amy", "0 a pam amy", "0 a failed 1"], 0, 1);
}

#[test]
fn what_failed_before_a_login_counts() {
    check_counts(&["0 a refused bob", "0 a refused amy", "0 a in"], 1, 2);
    check_counts(&["0 a refused amy", "0 a pam amy", "0 a in"], 1, 1);
    check_counts(&["0 a refused amy", "0 b in"], 1, 1);
}

#[test]
fn another_services_failures_are_not_dovecots() {
    let smtp = "auth: passwd-file(amy,192.0.2.1): Password mismatch";
    check_counts(&[&format!("0 - {smtp}"), "0 a in"], 1, 0);
}

#[test]
fn each_attempt_counts_for_its_name() {
    let report = report(
        "dovecot",
        &log(&["0 a refused bob", "0 a refused amy", "0 a failed 3"]),
    );
    assert_eq!(rows(&report, "by_user"), "amy 2 0, bob 1 0");
    assert_eq!(rows(&report, "by_network.protocol.name"), "imap 3 0");
    assert_eq!(rows(&report, "by_source"), "192.0.2.1 3 0");
}

/// The rows of a table as `key count logins`.
fn rows(report: &CollectorReport, table: &str) -> String {
    let rows = report.tables.get(table).unwrap().rows.iter();
    let row = rows.map(|row| {
        let (count, logins) = (row.count("count"), row.count("logins"));
        format!("{} {count} {logins}", row.key)
    });
    row.collect::<Vec<String>>().join(", ")
}

#[test]
fn what_was_done_to_a_real_dovecot() {
    let verbose = report("dovecot", VERBOSE);
    assert_eq!(totals(&verbose), "logins 5 failed 16");
    let hostile = "x>, method=PLAIN, rip=6.6.6.6, lip=1.1.1.1, session=<";
    assert_eq!(
        rows(&verbose, "by_user"),
        format!("amy 8 4, bob 3 1, nobodyhere 2 0, bob@evil.test 1 0, müller 1 0, {hostile} 1 0")
    );
    assert_eq!(
        rows(&verbose, "by_source"),
        "203.0.113.9 14 0, 192.0.2.44 2 1, 198.51.100.7 0 4"
    );
    assert_eq!(
        rows(&verbose, "by_network.protocol.name"),
        "imap 12 3, pop3 3 1, managesieve 1 1"
    );
    // Without auth_verbose nothing tells of what failed before a login.
    check("dovecot", OWN, "logins 5 failed 14");
    assert_eq!(
        report("dovecot", OWN).headline,
        "5 logins, 14 failed, 3 left without a login; from 3 sources, most from 203.0.113.9 (14)"
    );
}

#[test]
fn too_many_open_connections_are_counted_as_they_are() {
    let n = super::sessions::CONNECTIONS_OPEN_MAX + 500;
    let mut collector = Collector::new("dovecot", &settings());
    for session in 0..n {
        let body = body(&session.to_string(), "refused amy");
        collector.line(format!("Feb 12 00:00:00 h dovecot: {body}").as_bytes());
    }
    let report = collector.finish(&ReportOptions::default());
    assert_eq!(totals(&report), format!("logins 0 failed {n}"));
}

#[test]
fn its_digest_reads_like_this() {
    insta::assert_snapshot!(render("dovecot", &report("dovecot", OWN)));
}

fn any_log() -> impl Strategy<Value = Vec<String>> {
    let what = prop_oneof![
        3 => Just("refused amy"),
        3 => Just("refused bob"),
        1 => Just("pam amy"),
        1 => Just("in"),
        1 => (1..4u32).prop_map(|n| ["failed 1", "failed 2", "failed 3"][n as usize - 1]),
    ];
    let session = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")];
    proptest::collection::vec((session, what), 0..30).prop_map(|lines| {
        let mut ended = Vec::new();
        let mut kept = Vec::new();
        for (minute, (session, what)) in lines.into_iter().enumerate() {
            // A session's id does not come back.
            if ended.contains(&session) {
                continue;
            }
            if what == "in" || what.starts_with("failed") {
                ended.push(session);
            }
            kept.push(format!("{minute} {session} {what}"));
        }
        kept
    })
}

proptest! {
    #[test]
    fn parts_merge_to_the_whole(
        lines in any_log(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 1..4),
        from_the_right in any::<bool>(),
    ) {
        let (merged, whole) =
            check_parts("dovecot", log, &lines, &cuts, from_the_right)?;
        prop_assert_eq!(merged.sections, whole.sections);
    }

    #[test]
    fn a_chain_of_parts_adds_up(lines in any_log(), at in any::<prop::sample::Index>()) {
        check_chain("dovecot", log, &lines, at)?;
    }
}
