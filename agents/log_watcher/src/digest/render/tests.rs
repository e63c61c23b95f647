use insta::assert_snapshot;
use skep_protocol::digest::Other;
use skep_protocol::digest::Row;

use super::*;
use crate::digest::collector::Collector;
use crate::digest::report::ReportOptions;
use crate::digest::testkit::collector;
use crate::digest::testkit::settings;

const LOG: &str = "\
Feb 12 14:10:20 web1 sshd[70]: Invalid user \\033]0;own\\a from 10.0.0.7 port 50123
Feb 12 14:10:21 web1 sshd[70]: Failed password for invalid user \\033]0;own\\a from 10.0.0.7 port 50123 ssh2
Feb 12 14:10:22 web1 sshd[70]: Failed password for root from 10.0.0.7 port 50123 ssh2
Feb 12 14:10:30 web1 sshd[71]: Accepted publickey for amy from 192.0.2.4 port 40001 ssh2: ED25519 SHA256:abc
Feb 12 14:11:30 web1 sshd[72]: Connection closed by authenticating user root 10.0.0.9 port 50124 [preauth]
Feb 12 14:11:31 web1 sshd[73]: raw \u{1b}[2Jescape in a line of no event
";

#[test]
fn an_sshd_digest_reads_like_this() {
    let mut collector = collector("sshd", &settings(), LOG);
    collector.skipped(12);
    collector.problem(
        "/var/log/secure",
        "no such file",
        "this host logs to /var/log/auth.log",
    );
    collector.gap(
        "/var/log/auth.log",
        "it was emptied, and no copy of it is there",
    );
    let report = collector.finish(&ReportOptions::default());
    assert_snapshot!(render("sshd", &report));
}

#[test]
fn without_details_no_line_is_shown() {
    let options = ReportOptions {
        include_details: false,
        ..ReportOptions::default()
    };
    let report = collector("sshd", &settings(), LOG).finish(&options);
    assert!(!render("sshd", &report).contains("web1"));
}

#[test]
fn a_collector_without_a_source_still_has_its_section() {
    let mut collector = Collector::new("dovecot", &settings());
    collector.problem("/var/log/maillog", "no such file", "");
    assert_snapshot!(render(
        "dovecot",
        &collector.finish(&ReportOptions::default())
    ));
}

#[test]
fn an_httpd_digest_reads_like_this() {
    let line = "10.0.0.7 - - [12/Feb/2026:14:10:22 +0000] \"GET /a\\x1b HTTP/1.1\" 500 5\n";
    let report =
        collector("httpd", &settings(), &line.repeat(12)).finish(&ReportOptions::default());
    assert_snapshot!(render("httpd", &report));
}

#[test]
fn long_tables_end_in_the_others() {
    let rows = (0..12).map(|n| Row {
        key: format!("k{n}"),
        counts: vec![("count".to_owned(), 9)],
    });
    let other = Some(Other {
        keys: 5,
        count: 5,
        error_max: Some(2),
    });
    let table = Table {
        field: "x".to_owned(),
        rows: rows.collect(),
        other,
    };
    let mut text = String::new();
    push_table(&mut text, "by_x", &table);
    assert!(
        text.ends_with("       23  (7 others)\napproximate: a count may lack up to 2\n"),
        "{text}"
    );
}

#[test]
fn nothing_a_log_says_reaches_the_terminal() {
    let line = "Feb 12 14:10:21 h sshd[1]: Failed password for \u{1b}[31m\u{9b}2J\u{202e}x from 10.0.0.7 port 5 ssh2\n";
    let report = collector("sshd", &settings(), line).finish(&ReportOptions::default());
    let text = render("sshd\u{1b}", &report);
    assert!(
        !text.chars().any(|char| char.is_control() && char != '\n'),
        "{text}"
    );
    assert!(!text.contains('\u{202e}'));
}
