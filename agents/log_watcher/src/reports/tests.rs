use jiff::tz::TimeZone;
use skep_protocol::digest::Ordered;

use super::*;
use crate::digest::Collector;
use crate::digest::ReportOptions;
use crate::digest::Settings;

/// 2026-02-13T00:00:00Z.
const NOW_S: i64 = 1_770_940_800;

const WINDOW: Window = Window {
    from_ms: 1_770_919_200_000,
    until_ms: 1_770_940_800_000,
};

fn settings() -> Settings {
    Settings::new(TimeZone::UTC, NOW_S)
}

fn digest(logs: &[(&str, &str)]) -> DigestReport {
    let collect = |(name, log): &(&str, &str)| {
        let mut collector = Collector::new(name, &settings());
        collector.file("/var/log/test.log", None);
        collector.feed(log.as_bytes());
        (
            (*name).to_owned(),
            collector.finish(&ReportOptions::default()),
        )
    };
    DigestReport {
        collectors: Ordered(logs.iter().map(collect).collect()),
    }
}

fn events(logs: &[(&str, &str)]) -> Vec<StatusEvent> {
    let origin = "log_watcher@web1".parse().unwrap();
    let about = About {
        origin: &origin,
        window: WINDOW,
        except: Some("watched"),
    };
    let (events, n_left_out) = of_digest(&digest(logs), &about, &settings());
    assert_eq!(n_left_out, 0);
    events
}

/// `[severity] detail, first to last` of each.
fn told(logs: &[(&str, &str)]) -> Vec<String> {
    let time = |ms: u64| {
        let time = skep_lines::format_utc(i64::try_from(ms).unwrap() * 1_000_000);
        time.chars().skip(11).take(8).collect::<String>()
    };
    let line = |event: &StatusEvent| {
        let report = event.report.as_ref().unwrap();
        assert_eq!(report.host, "web1");
        let (first, last) = (time(report.first_ms), time(report.last_ms));
        format!(
            "[{}] {}, {} to {}",
            event.severity, event.detail, first, last
        )
    };
    events(logs).iter().map(line).collect()
}

fn failures(n: usize, source: &str) -> String {
    let line = |i: usize| {
        format!(
            "Feb 12 20:{:02}:{:02} web1 sshd[{i}]: Failed password for root from {source} port 9 ssh2\n",
            i / 60,
            i % 60
        )
    };
    (0..n).map(line).collect()
}

#[test]
fn an_attack_and_the_login_that_it_ended_in_are_told_with_their_source() {
    let mut log = failures(25, "203.0.113.9");
    log += &failures(3, "198.51.100.4");
    log +=
        "Feb 12 20:05:00 web1 sshd[99]: Accepted password for bob from 203.0.113.9 port 9 ssh2\n";
    assert_eq!(
        told(&[("sshd", &log)]),
        [
            "[warning] sshd: 1 login_after_failures by bob from 203.0.113.9, 20:05:00 to 20:05:00",
            "[warning] sshd: 25 brute_force from 203.0.113.9, 18:00:00 to 20:00:24",
            "[info] sshd: 1 login by bob from 203.0.113.9, 20:05:00 to 20:05:00",
        ]
    );
}

#[test]
fn who_knocks_at_several_doors_is_told_at_each_and_with_its_ban_and_login() {
    let line = |n: usize, text: &str| format!("Feb 12 20:00:{n:02} mx1 {text}\n");
    let source = "203.0.113.9";
    let postfix: String = (0..12)
        .map(|n| {
            line(n, &format!(
                "postfix/smtpd[7]: warning: unknown[{source}]: SASL LOGIN authentication failed: x"
            ))
        })
        .chain((0..40).map(|n| {
            line(n, &format!(
                "postfix/smtpd[8]: NOQUEUE: reject: RCPT from spam[198.51.100.4]: 554 5.7.1 \
                 <a@b.example>: Relay access denied; from=<c@d.example> to=<a@b.example> \
                 proto=ESMTP helo=<x{n}>"
            ))
        }))
        .collect();
    let dovecot: String = (0..9)
        .map(|n| {
            line(
                n,
                &format!(
                    "dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): \
                 user=<bob>, method=PLAIN, rip={source}, lip=10.0.0.1, session=<s{n}>"
                ),
            )
        })
        .chain([
            line(
                20,
                &format!(
                    "dovecot: imap-login: Login: user=<bob>, method=PLAIN, rip={source}, \
                 lip=10.0.0.1, mpid=9, session=<t>"
                ),
            ),
            line(
                21,
                "dovecot: imap-login: Login: user=<ann>, method=PLAIN, rip=192.0.2.7, \
                 lip=10.0.0.1, mpid=10, session=<u>",
            ),
        ])
        .collect();
    let fail2ban: String = [source, "198.51.100.77"]
        .map(|source| {
            line(
                30,
                &format!("fail2ban.actions[1]: NOTICE [mail] Ban {source}"),
            )
        })
        .concat();
    let logs = [
        ("postfix", &*postfix),
        ("dovecot", &dovecot),
        ("fail2ban", &fail2ban),
    ];
    assert_eq!(
        told(&logs),
        [
            "[warning] postfix: 12 brute_force from 203.0.113.9, 18:00:00 to 20:00:11",
            "[warning] dovecot: 9 brute_force from 203.0.113.9, 20:00:00 to 20:00:08",
            "[notice] fail2ban: 1 ban from 203.0.113.9, 20:00:30 to 20:00:30",
            "[notice] fail2ban: 1 ban from 198.51.100.77, 20:00:30 to 20:00:30",
            "[info] dovecot: 1 login by bob from 203.0.113.9, 20:00:20 to 20:00:20",
        ]
    );
    // Fewer than guesses, or turned away only, are nothing: neither alone nor with a ban.
    let few = [("postfix", &*postfix), ("fail2ban", &fail2ban)];
    let few = told(&few);
    assert!(
        few.iter().all(|line| line.starts_with("[notice] fail2ban")),
        "{few:#?}"
    );
}

#[test]
fn failures_of_the_system_are_told_by_what_failed() {
    let log = "\
Feb 12 20:00:00 web1 kernel: blk_update_request: I/O error, dev sda, sector 5
Feb 12 20:00:09 web1 kernel: blk_update_request: I/O error, dev sda, sector 6
Feb 12 20:01:00 web1 systemd[1]: db.service: Failed with result 'exit-code'.
Feb 12 20:02:00 web1 systemd[1]: web.service: Failed with result 'exit-code'.
";
    assert_eq!(
        told(&[("systemd", log)]),
        [
            "[error] systemd: 2 disk_error of sda, 20:00:00 to 20:00:09",
            "[error] systemd: 1 unit_failed of web.service, 20:02:00 to 20:02:00",
            "[error] systemd: 1 unit_failed of db.service, 20:01:00 to 20:01:00",
        ]
    );
}

#[test]
fn a_collector_without_rules_is_told_by_its_gravest_level() {
    let log = "\
Feb 12 20:00:00 web1 app[1]: all is well
Feb 12 20:00:01 web1 app[1]: access denied
Feb 12 20:00:02 web1 app[1]: fatal: out of paper
";
    assert_eq!(
        told(&[("app", log), ("watched", log)]),
        ["[critical] app: 1 log_entry_detected, 20:00:02 to 20:00:02"]
    );
    assert!(told(&[("app", "all is well\n"), ("sshd", &failures(4, "10.0.0.1"))]).is_empty());
}

#[test]
fn many_sources_are_a_few_reports() {
    let log: String = (0..40)
        .map(|n| failures(20, &format!("203.0.113.{n}")))
        .collect();
    let events = events(&[("sshd", &log)]);
    assert_eq!(events.len(), ROWS_MAX + 1);
    let rest = events.last().unwrap().report.as_ref().unwrap();
    assert_eq!(
        (rest.count, rest.object.as_deref(), rest.source.as_deref()),
        (600, Some("30 more sources"), None)
    );
}

#[test]
fn what_is_left_out_is_the_mildest_and_is_counted() {
    let section = |name: &str, n: usize| {
        skep_protocol::digest::Section {
        name: name.to_owned(),
        count: n as u64,
        lines: (0..n)
            .map(|i| EvidenceLine {
                id: format!("sshd/1:{i}"),
                text: format!(
                    "Feb 12 20:00:00 web1 sshd[1]: Accepted password for u{i} from 10.0.0.{i} port 9 ssh2"
                ),
            })
            .collect(),
    }
    };
    let sshd = CollectorReport {
        sections: vec![section("accepted", 200), section("login_after_failures", 3)],
        ..CollectorReport::default()
    };
    let digest = DigestReport {
        collectors: Ordered(vec![("sshd".to_owned(), sshd)]),
    };
    let origin = "log_watcher@web1".parse().unwrap();
    let about = About {
        origin: &origin,
        window: WINDOW,
        except: None,
    };
    let (events, n_left_out) = of_digest(&digest, &about, &settings());
    assert_eq!((events.len(), n_left_out), (REPORTS_MAX, 203 - REPORTS_MAX));
    let n_grave = |severity| {
        events
            .iter()
            .filter(|event| event.severity == severity)
            .count()
    };
    assert_eq!(n_grave(Severity::Warning), 3);
}

#[test]
fn names_out_of_a_log_are_shown_harmless() {
    let line = "Feb 12 20:05:00 web1 sshd[99]: Accepted password for \x1b[2Jx from 203.0.113.9 port 9 ssh2\n";
    let event = &events(&[("sshd", line)])[0];
    assert!(!event.detail.contains('\x1b'), "{}", event.detail);
}

#[test]
fn rules_name_each_event_of_a_collector_once() {
    let mut seen = std::collections::BTreeSet::new();
    for rule in RULES {
        assert!(seen.insert((rule.collector, rule.event)), "{rule:?}");
        assert!(rule.least > 0, "{rule:?}");
    }
}
