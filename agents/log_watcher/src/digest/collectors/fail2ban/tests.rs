use proptest::prelude::*;

use crate::digest::collector::Collector;
use crate::digest::render;
use crate::digest::report::ReportOptions;
use crate::digest::testkit::check;
use crate::digest::testkit::collector;
use crate::digest::testkit::report;
use crate::digest::testkit::settings;
use crate::digest::testkit::totals;

/// Made by a real fail2ban; `testdata/fail2ban.sh` says what was done to it.
const OWN: &str = include_str!("../../../../testdata/fail2ban-1.0.log");
const SYSLOG: &str = include_str!("../../../../testdata/fail2ban-1.0-syslog.log");

#[test]
fn what_a_real_fail2ban_did() {
    // Five jails saw 10 lines that count; one address was banned by hand, five by jails.
    check("fail2ban", OWN, "found 50 bans 6 unbans 6");
    // After the restart: three lines in five jails; four bans restored, two new.
    check("fail2ban", SYSLOG, "found 15 bans 2 unbans 6");
    let report = report("fail2ban", &format!("{OWN}{SYSLOG}"));
    assert_eq!(
        report.headline,
        "65 found, 8 banned, 12 unbanned, 4 bans restored; from 5 sources, most from 203.0.113.9 \
         (35); 10 errors: bans may not be in force"
    );
    let jails = &report.tables.get("by_fail2ban.jail").unwrap().rows;
    let jails: Vec<_> = jails
        .iter()
        .map(|row| (row.key.as_str(), row.count("count"), row.count("bans")))
        .collect();
    assert_eq!(
        jails,
        [
            ("my [odd] jail", 13, 3),
            ("sshd", 13, 3),
            ("bad-action", 13, 1),
            ("quick", 13, 1),
            ("grow", 13, 0),
        ]
    );
}

#[test]
fn a_restored_ban_is_no_new_one() {
    let line =
        |what: &str| format!("2026-02-12 14:10:21,123 fail2ban.actions [7]: NOTICE  {what}\n");
    let log = [
        "[sshd] Ban 192.0.2.1",
        "[sshd] 192.0.2.1 already banned",
        "[sshd] Restore Ban 192.0.2.1",
        "[sshd] Increase Ban 192.0.2.1 (2 # 0:20:00 -> x)",
        "[sshd] Unban 192.0.2.1",
    ]
    .map(line)
    .concat();
    check("fail2ban", &log, "found 0 bans 1 unbans 1");
}

#[test]
fn its_digest_reads_like_this() {
    let log: String = OWN
        .lines()
        .skip(60)
        .take(40)
        .map(|line| format!("{line}\n"))
        .collect();
    insta::assert_snapshot!(render("fail2ban", &report("fail2ban", &log)));
}

proptest! {
    #[test]
    fn parts_merge_to_the_whole(at in any::<prop::sample::Index>()) {
        let lines: Vec<&str> = SYSLOG.split_inclusive('\n').collect();
        let at = at.index(lines.len() + 1);
        let part = |lines: &[&str]| collector("fail2ban", &settings(), &lines.concat());
        let mut merged: Collector = part(&lines[..at]);
        merged.merge(part(&lines[at..]));
        let (merged, whole) = (
            merged.finish(&ReportOptions::default()),
            part(&lines).finish(&ReportOptions::default()),
        );
        prop_assert_eq!(totals(&merged), totals(&whole));
        prop_assert_eq!(merged.tables, whole.tables);
        prop_assert_eq!(merged.sections, whole.sections);
    }
}
