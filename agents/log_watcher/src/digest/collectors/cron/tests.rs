use crate::digest::render;
use crate::digest::testkit::check;
use crate::digest::testkit::report;

/// Synthetic, after the forms of Debian's cron, cronie and busybox.
const LOG: &str = "\
Feb 12 14:10:01 h CRON[7]: (root) CMD (run-parts /etc/cron.hourly)
Feb 12 14:10:01 h CRON[6]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)
Feb 12 14:10:02 h CRON[6]: (root) END ([7] run-parts /etc/cron.hourly)
Feb 12 14:11:01 h CRON[9]: (amy) CMD (echo 'CMD (x)')
Feb 12 14:11:02 h CROND[9]: (amy) CMDOUT ((root) CMD (x))
Feb 12 14:12:01 h crond[8]: USER root pid  77 cmd run-parts /etc/periodic/15min
Feb 12 14:12:02 h CRON[6]: (CRON) error (grandchild #77 failed with exit status 1)
Feb 12 14:12:03 h cron[5]: (amy) WRONG FILE OWNER (/etc/cron.d/x)
Feb 12 14:12:04 h crontab[5]: (amy) REPLACE (amy)
Feb 12 14:12:05 h app[5]: (amy) CMD (echo)
";

#[test]
fn only_what_was_started_is_a_run() {
    check("cron", LOG, "runs 3");
}

#[test]
fn a_cron_digest_reads_like_this() {
    insta::assert_snapshot!(render("cron", &report("cron", LOG)));
}

/// What a real cron wrote with `-L 7`; `testdata/services.sh` made it do so.
const REAL: &str = include_str!("../../../../testdata/cron-3.0.log");

#[test]
fn what_a_real_cron_ran_in_two_minutes() {
    check("cron", REAL, "runs 6");
    let report = report("cron", REAL);
    let rows = &report.tables.get("by_user").unwrap().rows;
    let rows: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row.key, row.count("count")))
        .collect();
    assert_eq!(rows, ["amy 2", "bob 2", "root 2"]);
}

/// Synthetic: rsyslog folds equal lines of one program that come one after another.
const FOLDED: &str = "\
Feb 12 14:10:01 h CRON[7]: (root) CMD (true)
Feb 12 14:10:02 h CRON[7]: message repeated 2 times: [ (root) CMD (true)]
";

#[test]
fn folded_lines_count_as_often_as_they_say() {
    check("cron", FOLDED, "runs 3");
}
