use crate::digest::render;
use crate::digest::testkit::check;
use crate::digest::testkit::report;

/// Synthetic, after the forms of vsftpd, proftpd, dropbear and PAM.
const LOG: &str = "\
Thu Feb 12 14:10:21 2026 [pid 2] [amy] FAIL LOGIN: Client \"::ffff:192.0.2.7\"
Thu Feb 12 14:10:22 2026 [pid 2] [amy] OK LOGIN: Client \"::ffff:192.0.2.7\"
Feb 12 14:10:23 h proftpd[7]: h (x.example[192.0.2.7]) - USER bob (Login failed): Incorrect password
Feb 12 14:10:24 h dropbear[7]: Bad password attempt for 'amy' from 192.0.2.8:33
Feb 12 14:10:25 h gdm-password]: pam_unix(gdm:auth): authentication failure; logname= uid=0 euid=0 tty=/dev/tty1 ruser= rhost=  user=amy
Feb 12 14:10:26 h sshd[7]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.9  user=amy
Feb 12 14:10:27 h sudo: pam_unix(sudo:auth): authentication failure; logname= uid=1 euid=0 tty=x ruser=amy rhost=  user=amy
";

#[test]
fn others_failures_are_theirs() {
    check("logins", LOG, "failed 4");
}

#[test]
fn a_logins_digest_reads_like_this() {
    insta::assert_snapshot!(render("logins", &report("logins", LOG)));
}

/// Synthetic: whoever used up their attempts is told of once more.
const EXHAUSTED: &str = "\
Feb 12 14:10:24 h dropbear[7]: Bad password attempt for 'amy' from 192.0.2.8:33
Feb 12 14:10:25 h dropbear[7]: Exit before auth from <192.0.2.8:33>: (user 'amy', 1 fails): Max auth tries reached - user 'amy'
Feb 12 14:10:26 h proftpd[7]: h (h[192.0.2.8]) - Maximum login attempts (3) exceeded, connection refused
";

#[test]
fn an_attempt_counts_once() {
    check("logins", EXHAUSTED, "failed 1");
}

/// Synthetic: rsyslog folds equal lines of one program that come one after another.
const FOLDED: &str = "\
Feb 12 14:10:24 h dropbear[7]: Bad password attempt for 'amy' from 192.0.2.8:33
Feb 12 14:10:24 h dropbear[7]: message repeated 3 times: [ Bad password attempt for 'amy' from 192.0.2.8:33]
";

#[test]
fn folded_lines_count_as_often_as_they_say() {
    check("logins", FOLDED, "failed 4");
}
