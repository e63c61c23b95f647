//! What holds for every collector.

use skep_lines::Line;
use skep_lines::Stamp;

use super::collector::Collector;
use super::collectors::NAMES;
use super::report::ReportOptions;
use super::testkit::collector;
use super::testkit::report;
use super::testkit::settings;
use super::testkit::totals;

const LOG: &str = "Feb 12 14:10:21 h sshd[1]: Failed password for root from 10.0.0.7 port 5 ssh2\n\
    10.0.0.7 - - [12/Feb/2026:14:10:22 +0000] \"GET /a HTTP/1.1\" 500 5\r\n\
    Feb 12 14:10:23 h systemd[1]: a.service: Failed with result 'timeout'.\n\
    \u{1b}]0;title\u{7} \u{0}binary\n\
    Feb 12 14:10:24 h sshd[1]: Connection closed by authenticating user root 10.0.0.7 port 5 [preauth]";

/// Lines of all services, for what holds for every collector.
pub(super) const LINES: &str = "Feb 12 14:10:21 h sshd[1]: Failed password for root from 10.0.0.7 port 5 ssh2\n\
    10.0.0.7 - - [12/Feb/2026:14:10:22 +0000] \"GET /a HTTP/1.1\" 500 5\r\n\
    Feb 12 14:10:23 h systemd[1]: a.service: Failed with result 'timeout'.\n\
    \u{1b}]0;title\u{7} \u{0}binary\n\
    Feb 12 14:10:24 h kernel: [1.2] DROP IN=eth0 OUT= SRC=10.0.0.7 DST=10.0.0.1 PROTO=TCP SPT=1 DPT=2\n\
    Feb 12 14:10:24 h sudo: pam_unix(sudo:auth): authentication failure; ruser=amy rhost=  user=amy\n\
    Feb 12 14:10:24 h sudo: amy : 2 incorrect password attempts ; TTY=x ; PWD=/ ; USER=root ; COMMAND=/x\n\
    Feb 12 14:10:24 h CRON[7]: (root) CMD (true)\n\
    Feb 12 14:10:24 h postfix/smtp[7]: A0001: to=<a@b>, relay=none, dsn=4.4.1, status=deferred (x)\n\
    Feb 12 14:10:24 h postfix/smtp[7]: A0001: to=<a@b>, relay=none, dsn=4.4.1, status=deferred (x)\n\
    Feb 12 14:10:24 h dovecot: auth: pam(amy,10.0.0.7,<s>): Password mismatch\n\
    Feb 12 14:10:24 h dovecot: imap-login: x (auth failed, 2 attempts): user=<amy>, rip=10.0.0.7, session=<s>\n\
    2026-02-12 14:10:24,123 fail2ban.actions        [7]: NOTICE  [sshd] Ban 10.0.0.7\n\
    2026-02-12 14:10:24 install sl:amd64 <none> 5\n\
    Install: sl:amd64 (5)\n\
    [Thu Feb 12 14:10:24 2026] [:error] [client 10.0.0.7] ModSecurity: Warning. x [id \"1\"]\n\
    Thu Feb 12 14:10:24 2026 [pid 2] [amy] FAIL LOGIN: Client \"10.0.0.7\"\n\
    Feb 12 14:10:24 h sshd[1]: Connection closed by authenticating user root 10.0.0.7 port 5 [preauth]";

#[test]
fn the_registry_is_sorted() {
    assert!(NAMES.is_sorted());
}

#[test]
fn unknown_collectors_run_as_generic_and_say_so() {
    let report = report("exim", "status=bounced error\n");
    assert_eq!(totals(&report), "critical 0 warning 1 info 0");
    assert_eq!(report.coverage.notes.len(), 1);
    assert!(report.coverage.notes[0].contains("exim"));
}

#[test]
fn only_the_span_asked_for_counts() {
    let mut settings = settings();
    // From 14:10:22 on, before 14:10:24.
    let second_ns = 1_000_000_000;
    settings.since_ns = Some(1_770_905_422 * second_ns);
    settings.until_ns = Some(1_770_905_424 * second_ns);
    let report = collector("generic", &settings, LOG).finish(&ReportOptions::default());
    assert_eq!(
        (
            report.coverage.lines.outside,
            report.coverage.lines.analysed
        ),
        (2, 3)
    );
    assert_eq!(report.lines_read, 5);
}

#[test]
fn skipped_lines_are_counted_and_move_the_ids() {
    let mut collector = collector("sshd", &settings(), LOG);
    collector.end_of_file();
    collector.skipped(100);
    let report = collector.finish(&ReportOptions::default());
    assert_eq!(report.lines_read, 105);
    assert!(
        report
            .headline
            .starts_with("partial: 5 of 105 lines: 1 failed"),
        "{}",
        report.headline
    );
    assert_eq!(report.sections[0].lines[0].id, "sshd/1:101");
}

#[test]
fn without_details_there_are_no_lines() {
    let options = ReportOptions {
        include_details: false,
        ..ReportOptions::default()
    };
    let report = collector("sshd", &settings(), LOG).finish(&options);
    assert_eq!(
        (report.sections[0].count, report.sections[0].lines.len()),
        (1, 0)
    );
}

#[test]
fn an_entry_of_the_journal_counts_and_shows_like_a_line() {
    let mut collector = Collector::new("sshd", &settings());
    collector.journal("journal");
    collector.entry(Line {
        stamp: Stamp::Unix(1_770_905_421_500_000_000),
        severity: None,
        host: b"web1",
        app: b"sshd-session",
        pid: Some(7),
        body: b"Failed password for root from 10.0.0.7 port 5 ssh2",
    });
    let report = collector.finish(&ReportOptions::default());
    assert_eq!(
        totals(&report),
        "failed 1 accepted 0 invalid_user 0 probes 0"
    );
    assert_eq!(
        report.sections[0].lines[0].text,
        "2026-02-12T14:10:21Z web1 sshd-session[7]: Failed password for root from 10.0.0.7 port 5 ssh2"
    );
}

#[test]
fn a_collector_without_a_source_says_so() {
    let mut collector = Collector::new("sshd", &settings());
    collector.problem(
        "/var/log/auth.log",
        "permission denied",
        "add this user to group adm",
    );
    let report = collector.finish(&ReportOptions::default());
    assert_eq!(report.headline, "nothing was read");
    assert_eq!(report.coverage.errors[0].cure, "add this user to group adm");
}

/// Long lines of what makes a careless parser look back at every byte. In quadratic
/// time this test would take hours.
#[test]
fn long_lines_take_linear_time() {
    let heads = [
        "Feb 12 14:10:21 h sshd[1]: Failed password for ",
        "Feb 12 14:10:21 h sshd[1]: Connection closed by authenticating user ",
        "Feb 12 14:10:21 h kernel: ",
        "Feb 12 14:10:21 h kernel: IN=eth0 SRC=10.0.0.7 DST=10.0.0.1 ",
        "Feb 12 14:10:21 h sshd[1]: Received disconnect from ",
        "Feb 12 14:10:21 h sudo: amy : TTY=x ; USER=",
        "Feb 12 14:10:21 h CRON[1]: (root) CMD (",
        "Feb 12 14:10:21 h proftpd[1]: h (h[10.0.0.7]) - USER ",
        "Install: ",
        "[Thu Feb 12 14:10:22 2026] [error] [client 10.0.0.7] ModSecurity: Warning. ",
        "10.0.0.7 - - [12/Feb/2026:14:10:22 +0000] \"",
        "2026/02/12 14:10:22 [error] 4#4: *4 ",
        "[Thu Feb 12 14:10:22 2026] [error] ",
        "<38>1 2026-02-12T14:10:22Z h a 1 - ",
        "{\"status\":",
        "",
    ];
    let bodies = [
        " ",
        "[",
        "]",
        "\"",
        "\\",
        "\\\"",
        ", client: ",
        ", request: \"",
        " from ",
        "a",
        "0",
        ": ",
        "]: segfault at ",
        " port 1",
        "{\"a\":",
        "[a b=\"",
        "[12/Feb/2026:14:10:22 +0000] \"",
        "(",
        " ; COMMAND=",
        "[uri \"",
        "a:b (1), ",
        "authentication failure; rhost=",
    ];
    for name in NAMES {
        let mut collector = Collector::new(name, &settings());
        for (head, body) in heads
            .iter()
            .flat_map(|head| bodies.map(|body| (head, body)))
        {
            let line = format!("{head}{}", body.repeat(65_536 / body.len()));
            collector.line(line.as_bytes());
        }
        let report = collector.finish(&ReportOptions::default());
        assert_eq!(report.lines_read, (heads.len() * bodies.len()) as u64);
    }
}
