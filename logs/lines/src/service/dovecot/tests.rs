use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(line: &str, expected: &str) {
    let line = Line::split(line.as_bytes());
    let found = event(&line).map_or("none".to_owned(), |event| event.facts().to_string());
    assert_eq!(found, expected, "{line:?}");
}

/// A text as syslog has it, and as Dovecot's own file has it.
#[track_caller]
fn check_both(service: &str, text: &str, expected: &str) {
    check(
        &format!("Nov 21 10:00:00 h dovecot: {service}: {text}"),
        expected,
    );
    check(
        &format!("Nov 21 10:00:00 {service}: Info: {text}"),
        expected,
    );
}

#[test]
fn logins() {
    check_both(
        "imap-login",
        "Login: user=<amy>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=207, TLS, session=<8Ewyx8pg9crGM2QH>",
        "dovecot.logged_in success source.address=198.51.100.7 user.name=amy \
         network.protocol.name=imap dovecot.sasl_method=PLAIN dovecot.session=8Ewyx8pg9crGM2QH \
         error.message=Login",
    );
}

#[test]
fn a_connection_tells_its_failures_once() {
    let failed = |n: u32, user: &str, why: &str| {
        format!(
            "dovecot.failed failure source.address=203.0.113.9 user.name={user} \
             network.protocol.name=pop3 dovecot.sasl_method=PLAIN dovecot.session=a+/b \
             error.message={why} event.count={n}"
        )
    };
    let tail = "method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, session=<a+/b>";
    for (n, why) in [
        (
            1,
            "Disconnected: Aborted login by logging out (auth failed, 1 attempts in 9 secs)",
        ),
        (3, "Disconnected (auth failed, 3 attempts in 9 secs)"),
        (
            2,
            "Disconnected: Connection closed (auth failed, 2 attempts in 1 secs)",
        ),
        (4, "Aborted login (auth failed, 4 attempts)"),
        (1, "Disconnected: Inactivity (auth failed)"),
        (2, "Remote closed connection (auth failed, 2 attempts)"),
        (
            1,
            "Client has quit the connection (auth failed, 1 attempts in 3 secs)",
        ),
        (1, "Disconnected (proxy dest auth failed)"),
        (
            1,
            "Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed)",
        ),
    ] {
        let text = format!("{why}: user=<amy>, {tail}");
        check_both("pop3-login", &text, &failed(n, "amy", why));
    }
    let name = "x>, method=PLAIN, rip=6.6.6.6, lip=1.1.1.1, session=<";
    let why = "Disconnected (auth failed, 1 attempts in 1 secs)";
    let text = format!("{why}: user=<{name}>, {tail}");
    check_both("pop3-login", &text, &failed(1, name, why));
}

#[test]
fn who_tries_nothing_fails_in_nothing() {
    check_both(
        "imap-login",
        "Disconnected: Too many invalid commands (no auth attempts in 0 secs): user=<>, \
         rip=::ffff:203.0.113.9, lip=192.0.2.1, session=<x>",
        "dovecot.aborted failure source.address=203.0.113.9 network.protocol.name=imap \
         dovecot.session=x error.message=Disconnected: Too many invalid commands (no auth attempts \
         in 0 secs)",
    );
    check_both(
        "imap-login",
        "Aborted login (tried to use disabled plaintext auth): rip=203.0.113.9, lip=192.0.2.1",
        "dovecot.aborted failure source.address=203.0.113.9 network.protocol.name=imap \
         error.message=Aborted login (tried to use disabled plaintext auth)",
    );
}

/// Who leaves before anything was tried gave no password that could be wrong.
#[test]
fn who_leaves_in_the_middle_fails_in_nothing() {
    for why in [
        "Disconnected (client didn't finish SASL auth, waited 1 secs)",
        "Disconnected: Connection closed: SSL_accept() failed: error:1:SSL routines::wrong version \
         number (disconnected before auth was ready, waited 0 secs)",
        "Aborted login (tried to use disallowed plaintext auth)",
    ] {
        check_both(
            "imap-login",
            &format!("{why}: user=<>, rip=203.0.113.9, lip=192.0.2.1"),
            &format!(
                "dovecot.aborted failure source.address=203.0.113.9 network.protocol.name=imap \
                 error.message={why}"
            ),
        );
    }
}

/// Forms of versions before 2, and of multilog: written by hand.
#[test]
fn old_forms() {
    let failed = "dovecot.failed failure source.address=203.0.113.9 network.protocol.name=imap \
                  dovecot.sasl_method=PLAIN error.message=Disconnected (auth failed, 2 attempts) \
                  event.count=2";
    let line =
        "Disconnected (auth failed, 2 attempts): method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, TLS";
    check_both("imap-login", line, failed);
    check(
        &format!("@400000004c91b044077a9e94 imap-login: Info: {line}"),
        failed,
    );
    check(
        "@400000004c91b044077a9e9 imap-login: Info: Login: rip=203.0.113.9",
        "none",
    );
}

#[test]
fn the_auth_process_names_each_refusal() {
    let refused = |driver: &str, session: &str, why: &str| {
        format!(
            "dovecot.auth_failed failure source.address=203.0.113.9 user.name=amy{session} \
             dovecot.driver={driver} error.message={why}"
        )
    };
    check_both(
        "auth",
        "passwd-file(amy,203.0.113.9,<uiEz>): Password mismatch",
        &refused("passwd-file", " dovecot.session=uiEz", "Password mismatch"),
    );
    check_both(
        "auth-worker(12)",
        "conn unix:auth-worker (pid=1,uid=109): auth-worker<5>: pam(amy,203.0.113.9): \
         pam_authenticate() failed: Authentication failure (Password mismatch?)",
        &refused(
            "pam",
            "",
            "pam_authenticate() failed: Authentication failure (Password mismatch?)",
        ),
    );
    for why in [
        "pam_authenticate() failed: User not known to the underlying authentication module: 2 Time(s)",
        "pam_authenticate() failed: Permission denied",
    ] {
        check_both(
            "auth-worker(8)",
            &format!("pam(amy,203.0.113.9): {why}"),
            &refused("pam", "", why),
        );
    }
    check_both(
        "auth",
        "ldap(amy,203.0.113.9,): invalid credentials",
        &refused("ldap", "", "invalid credentials"),
    );
    check_both(
        "auth(default)",
        "sql(amy,203.0.113.9): Password mismatch (given password: secret)",
        &refused("sql", "", "Password mismatch"),
    );
    check(
        "Nov 21 10:00:00 h auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 \
         euid=0 tty=dovecot ruser=amy rhost=203.0.113.9  user=amy",
        &refused("pam_unix", "", "authentication failure"),
    );
}

/// Forms of version 2.4, written by hand.
#[test]
fn the_auth_process_says_in_front_for_whom_it_asks() {
    for source in ["203.0.113.9", "2001:db8::9"] {
        check_both(
            &format!("auth(amy@h.example,{source},sasl:login)<Cv+/>"),
            "sql: Password mismatch (given password: secret)",
            &format!(
                "dovecot.auth_failed failure source.address={source} user.name=amy@h.example \
                 dovecot.sasl_method=login dovecot.session=Cv+/ dovecot.driver=sql \
                 error.message=Password mismatch"
            ),
        );
    }
    check_both(
        "auth(amy,203.0.113.9,sasl:plain)<Cv>",
        "passwd-file: Performing passdb lookup",
        "none",
    );
}

#[test]
fn talk_is_no_refusal() {
    check_both("auth", "passwd-file(amy@lmtp.test): unknown user", "none");
    check_both(
        "auth",
        "sql(amy,203.0.113.9): query: SELECT password FROM users",
        "none",
    );
    check_both("master", "Dovecot v2.3.19.1 starting up for imap", "none");
    check_both("lmtp(196)", "Connect from local", "none");
    check(
        "Nov 21 10:00:00 h app: imap-login: Login: user=<amy>, rip=192.0.2.1",
        "none",
    );
    check(
        "Nov 21 10:00:00 h auth: pam_unix(sshd:auth): authentication failure; ruser= rhost=1.2.3.4",
        "none",
    );
}

#[test]
fn sessions_end_and_mail_is_stored() {
    check(
        "Nov 21 10:00:00 imap(amy)<231><YYVz+/>: Info: Disconnected: Logged out in=8 out=469",
        "dovecot.disconnected user.name=amy network.protocol.name=imap dovecot.session=YYVz+/ \
         error.message=Disconnected: Logged out in=8 out=469",
    );
    check(
        "Nov 21 10:00:00 h dovecot: lmtp(amy)<231><YY>: msgid=<a@b>: saved mail to INBOX",
        "dovecot.stored success user.name=amy network.protocol.name=lmtp dovecot.session=YY \
         error.message=msgid=<a@b>: saved mail to INBOX",
    );
}

#[test]
fn trouble_is_told_with_its_level() {
    let line = Line::split(b"Nov 21 10:00:00 h dovecot: master: Fatal: no more files");
    let event = event(&line).unwrap();
    assert_eq!(
        (event.kind, event.severity),
        (Kind::Trouble, Some(Severity::CRITICAL))
    );
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(
        head in prop_oneof![
            Just("Nov 21 10:00:00 h dovecot: imap-login: Login: user=<"),
            Just("Nov 21 10:00:00 h dovecot: imap-login: x (auth failed, "),
            Just("Nov 21 10:00:00 h dovecot: auth: pam("),
            Just("Nov 21 10:00:00 h dovecot: imap("),
            Just("Nov 21 10:00:00 h dovecot: "),
            Just("Nov 21 10:00:00 imap-login: Info: "),
            Just("Nov 21 10:00:00 h auth: pam_unix(dovecot:auth): authentication failure; "),
        ],
        tail in "[<>(),: =a-c1.r-su\u{ff}]{0,60}",
    ) {
        let line = format!("{head}{tail}");
        if let Some(event) = event(&Line::split(line.as_bytes())) {
            prop_assert!(!event.facts().to_string().is_empty());
        }
    }
}
