use crate::digest::render;
use crate::digest::testkit::check;
use crate::digest::testkit::report;

/// Synthetic, after the forms of sudo 1.9 and util-linux's su.
const LOG: &str = "\
Feb 12 14:10:21 h sudo:      amy : TTY=pts/0 ; PWD=/home/amy ; USER=root ; COMMAND=/usr/bin/id
Feb 12 14:10:22 h sudo: pam_unix(sudo:auth): authentication failure; logname= uid=1000 euid=0 tty=/dev/pts/0 ruser=amy rhost=  user=amy
Feb 12 14:10:23 h sudo:      amy : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/echo ; COMMAND=/bin/false
Feb 12 14:10:24 h sudo: pam_unix(sudo:auth): authentication failure; logname= uid=1001 euid=0 tty=/dev/pts/1 ruser=bob rhost=  user=bob
Feb 12 14:10:25 h sudo:      bob : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/id
Feb 12 14:10:26 h sudo:      bob : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/id
Feb 12 14:10:27 h su[9]: pam_unix(su:auth): authentication failure; logname= uid=1001 euid=0 tty=/dev/pts/1 ruser=bob rhost=  user=root
Feb 12 14:10:28 h su[9]: FAILED SU (to root) bob on pts/1
Feb 12 14:10:29 h su[9]: (to amy) root on pts/2
Feb 12 14:10:30 h app: eve : TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/id
";

#[test]
fn what_ran_and_what_was_wrong() {
    check("sudo", LOG, "commands 3 failed 5");
}

#[test]
fn a_sudo_digest_reads_like_this() {
    insta::assert_snapshot!(render("sudo", &report("sudo", LOG)));
}

/// What real daemons wrote; `testdata/services.sh` made them do it.
const REAL: &str = include_str!("../../../../testdata/sudo-1.9.log");

/// Of two wrong passwords before a right one, Debian's PAM tells of the first only: what nobody
/// wrote down nobody can count.
#[test]
fn what_was_done_with_a_real_sudo_and_su() {
    check("sudo", REAL, "commands 12 failed 10");
    let report = report("sudo", REAL);
    let rows = &report.tables.get("by_user").unwrap().rows;
    let rows: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {} {}", row.key, row.count("count"), row.count("failed")))
        .collect();
    assert_eq!(rows, ["amy 10 6", "root 2 0", "bob 0 3", "nobody 0 1"]);
    let denied = report
        .sections
        .iter()
        .find(|section| section.name == "denied");
    assert_eq!(denied.map(|section| section.count), Some(3));
}

/// Synthetic: rsyslog folds equal lines of one program that come one after another.
const FOLDED: &str = "\
Feb 12 14:10:21 h sudo:      amy : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/id
Feb 12 14:10:22 h sudo: message repeated 4 times: [      amy : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/id]
Feb 12 14:10:23 h su[9]: message repeated 2 times: [ FAILED SU (to root) bob on pts/1]
";

#[test]
fn folded_lines_count_as_often_as_they_say() {
    check("sudo", FOLDED, "commands 5 failed 2");
}
