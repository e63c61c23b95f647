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

/// Made by a real Postfix; `testdata/mail.sh` says what the clients did.
const REAL: &str = include_str!("../../../../testdata/postfix-3.7.log");

/// A log whose lines are `ID WHAT`, with shorthands for what happens to a message.
fn log(lines: &[&str]) -> String {
    let line = |line: &&str| {
        let (id, what) = line.split_once(' ').unwrap();
        let (program, said) = said(what);
        format!("Feb 12 14:10:21 h postfix/{program}[9]: {id}: {said}\n")
    };
    lines.iter().map(line).collect()
}

fn said(what: &str) -> (&str, String) {
    let delivery = |to: &str, status: &str| {
        format!("to=<{to}>, relay=mx.test[192.0.2.9]:25, delay=0, dsn=4.0.0, status={status} (x)")
    };
    match what.split_once(' ') {
        None if what == "client" => ("smtpd", "client=unknown[192.0.2.1]".to_owned()),
        None if what == "login" => (
            "smtpd",
            "client=unknown[192.0.2.2], sasl_method=PLAIN, sasl_username=amy".to_owned(),
        ),
        None if what == "id" => ("cleanup", "message-id=<x>".to_owned()),
        Some(("from", from)) => (
            "qmgr",
            format!("from=<{from}>, size=1, nrcpt=1 (queue active)"),
        ),
        Some((status, to)) => ("smtp", delivery(to, status)),
        None => ("qmgr", what.to_owned()),
    }
}

/// sent deferred bounced
#[track_caller]
fn check_counts(lines: &[&str], [sent, deferred, bounced]: [u64; 3]) {
    let expected =
        format!("sent {sent} deferred {deferred} bounced {bounced} rejected 0 sasl_failed 0");
    check("postfix", &log(lines), &expected);
}

#[test]
fn recipients_are_counted() {
    check_counts(
        &[
            "A0001 from a@b",
            "A0001 sent c@d",
            "A0001 sent e@f",
            "A0001 bounced g@h",
        ],
        [2, 0, 1],
    );
}

#[test]
fn who_is_put_off_again_counts_once() {
    let lines = [
        "A0001 deferred c@d",
        "A0001 deferred e@f",
        "A0001 deferred c@d",
        "A0002 deferred c@d",
        "A0001 sent c@d",
    ];
    check_counts(&lines, [1, 3, 0]);
    let sections = report("postfix", &log(&lines)).sections;
    let attempts = sections.iter().find(|section| section.name == "deferred");
    assert_eq!(attempts.unwrap().count, 4);
}

#[test]
fn an_id_that_recurs_is_another_message() {
    let again = ["A0001 deferred c@d", "A0001 removed", "A0001 deferred c@d"];
    check_counts(&again, [0, 2, 0]);
    let again = [
        "A0001 client",
        "A0001 deferred c@d",
        "A0001 client",
        "A0001 deferred c@d",
    ];
    check_counts(&again, [0, 2, 0]);
    let again = [
        "A0001 id",
        "A0001 deferred c@d",
        "A0001 id",
        "A0001 deferred c@d",
    ];
    check_counts(&again, [0, 2, 0]);
}

#[test]
fn outcomes_count_for_who_sent() {
    let report = report(
        "postfix",
        &log(&[
            "A0001 login",
            "A0001 id",
            "A0001 from amy@mail.test",
            "A0001 sent c@d",
            "A0001 bounced e@f",
            "A0001 removed",
            "A0001 id",
            "A0001 from ",
            "A0001 sent amy@mail.test",
        ]),
    );
    assert_eq!(
        rows(&report, "by_email.from.address", "bounced"),
        "amy@mail.test 2 1, <> 1 0"
    );
    assert_eq!(
        rows(&report, "by_client.address", "bounced"),
        "192.0.2.2 2 1"
    );
    assert_eq!(rows(&report, "by_user", "recipients"), "amy 0 2");
    assert_eq!(rows(&report, "by_postfix.relay", "failed"), "mx.test 3 1");
}

/// The rows of a table as `key count second`.
fn rows(report: &CollectorReport, table: &str, second: &str) -> String {
    let rows = report.tables.get(table).unwrap().rows.iter();
    let row = rows.map(|row| {
        let (count, second) = (row.count("count"), row.count(second));
        format!("{} {count} {second}", row.key)
    });
    row.collect::<Vec<String>>().join(", ")
}

#[test]
fn repeats_are_unfolded() {
    let sasl = "warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: x";
    let log = format!(
        "Feb 12 14:10:21 h postfix/smtpd[9]: {sasl}\n\
         Feb 12 14:10:22 h postfix/smtpd[9]: message repeated 2 times: [ {sasl}]\n"
    );
    check(
        "postfix",
        &log,
        "sent 0 deferred 0 bounced 0 rejected 0 sasl_failed 3",
    );
}

#[test]
fn other_programs_lines_are_no_mail() {
    let log = "Feb 12 14:10:21 h evil[9]: A0001: to=<a@b>, relay=x, status=sent (x)\n\
               A0001: to=<a@b>, relay=x, status=sent (x)\n";
    check(
        "postfix",
        log,
        "sent 0 deferred 0 bounced 0 rejected 0 sasl_failed 0",
    );
}

#[test]
fn what_was_done_to_a_real_postfix() {
    let report = report("postfix", REAL);
    assert_eq!(
        totals(&report),
        "sent 15 deferred 5 bounced 1 rejected 14 sasl_failed 7"
    );
    assert_eq!(
        report.headline,
        "15 sent, 5 deferred, 1 bounced, 14 rejected, 7 logins failed, 1 messages expired, \
         1 refused otherwise, 2 held or discarded; from 5 sources, most from 203.0.113.9 (12)"
    );
    assert_eq!(
        rows(&report, "by_source", "sasl_failed"),
        "203.0.113.9 12 6, 127.0.0.1 4 0, 198.51.100.7 3 1, 192.0.2.44 1 0, 2001:db8::9 1 0"
    );
    assert_eq!(
        rows(&report, "by_user", "recipients"),
        "bob 3 0, amy 2 1, b: SASL LOGIN authentication failed: x 1 0, nobodyhere 1 0"
    );
    assert_eq!(
        rows(&report, "by_email.from.address", "bounced"),
        "root@mail.test 10 1, <> 2 0, x@out.test 2 0, \"a, status=sent (x>\"@mail.test 1 0, \
         amy@mail.test 1 0"
    );
    let reasons = report.tables.get("by_error.message").unwrap();
    let counted: u64 = reasons.rows.iter().map(|row| row.count("count")).sum();
    assert_eq!(counted, 14);
}

#[test]
fn too_many_messages_are_forgotten_and_still_counted() {
    let n = super::queue::MESSAGES_OPEN_MAX + 500;
    let mut collector = Collector::new("postfix", &settings());
    for id in 0..n {
        let (program, said) = said("deferred c@d");
        let line = format!("Feb 12 14:10:21 h postfix/{program}[9]: {id:06X}: {said}");
        collector.line(line.as_bytes());
    }
    let report = collector.finish(&ReportOptions::default());
    let expected = format!("sent 0 deferred {n} bounced 0 rejected 0 sasl_failed 0");
    assert_eq!(totals(&report), expected);
}

#[test]
fn its_digest_reads_like_this() {
    let log: String = REAL
        .lines()
        .skip(60)
        .take(30)
        .map(|line| format!("{line}\n"))
        .collect();
    insta::assert_snapshot!(render("postfix", &report("postfix", &log)));
}

fn any_log() -> impl Strategy<Value = Vec<String>> {
    let what = prop_oneof![
        Just("client"),
        Just("login"),
        Just("id"),
        Just("from a@b"),
        Just("from "),
        Just("sent c@d"),
        Just("bounced c@d"),
        Just("deferred c@d"),
        Just("deferred e@f"),
        Just("removed"),
    ];
    let id = prop_oneof![Just("A0001"), Just("A0002"), Just("A0003")];
    proptest::collection::vec((id, what), 0..40).prop_map(|lines| {
        lines
            .iter()
            .map(|(id, what)| format!("{id} {what}"))
            .collect()
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
            check_parts("postfix", log, &lines, &cuts, from_the_right)?;
        prop_assert_eq!(merged.sections, whole.sections);
    }

    #[test]
    fn a_chain_of_parts_adds_up(lines in any_log(), at in any::<prop::sample::Index>()) {
        check_chain("postfix", log, &lines, at)?;
    }
}
