use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(line: &str, expected: &str) {
    let line = Line::split(line.as_bytes());
    let found = event(&line).map_or("none".to_owned(), |event| event.facts().to_string());
    assert_eq!(found, expected, "{line:?}");
}

/// A line of fail2ban's own file.
#[track_caller]
fn check_own(part: &str, level: &str, message: &str, expected: &str) {
    let line = format!("2026-11-21 15:24:37,974 fail2ban.{part:<15} [41]: {level:<7} {message}");
    check(&line, expected);
}

#[test]
fn what_happens_in_a_jail() {
    check_own(
        "filter",
        "INFO",
        "[sshd] Found 203.0.113.9 - 2026-11-21 15:24:37",
        "fail2ban.found failure source.address=203.0.113.9 fail2ban.jail=sshd",
    );
    check_own(
        "actions",
        "NOTICE",
        "[sshd] Ban 2001:db8::9",
        "fail2ban.banned failure source.address=2001:db8::9 fail2ban.jail=sshd",
    );
    check_own(
        "actions",
        "NOTICE",
        "[sshd] Restore Ban 203.0.113.9",
        "fail2ban.restored failure source.address=203.0.113.9 fail2ban.jail=sshd",
    );
    check_own(
        "actions",
        "NOTICE",
        "[sshd] Unban 203.0.113.9",
        "fail2ban.unbanned success source.address=203.0.113.9 fail2ban.jail=sshd",
    );
    check_own(
        "filter",
        "INFO",
        "[sshd] Ignore 127.0.0.1 by ip",
        "fail2ban.ignored success source.address=127.0.0.1 fail2ban.jail=sshd",
    );
    check_own(
        "actions",
        "INFO",
        "[sshd] Ignore 203.0.113.9, expired bantime",
        "fail2ban.ignored success source.address=203.0.113.9 fail2ban.jail=sshd",
    );
}

#[test]
fn a_ban_that_holds_is_no_new_one() {
    let expected = "fail2ban.upheld failure source.address=203.0.113.9 fail2ban.jail=sshd";
    for message in [
        "[sshd] 203.0.113.9 already banned",
        "[sshd] Reban 203.0.113.9",
        "[sshd] Increase Ban 203.0.113.9 (2 # 0:20:00 -> 2026-11-21 15:50:00)",
        "[sshd] Found 203.0.113.9, bad - 2026-11-21 15:24:37, 1 # -> 2, Ban",
    ] {
        check_own("observer", "NOTICE", message, expected);
    }
}

#[test]
fn jails_may_have_odd_names() {
    check_own(
        "actions",
        "NOTICE",
        "[my [odd] jail] Ban 203.0.113.9",
        "fail2ban.banned failure source.address=203.0.113.9 fail2ban.jail=my [odd] jail",
    );
    check_own(
        "jail",
        "INFO",
        "Jail 'a' b' started",
        "fail2ban.jail_started fail2ban.jail=a' b",
    );
    check_own(
        "actions",
        "NOTICE",
        "[web] Ban 203.0.113.0/24",
        "fail2ban.banned failure source.address=203.0.113.0/24 fail2ban.jail=web",
    );
    check_own(
        "actions",
        "NOTICE",
        "[web] Ban amy@mail.test",
        "fail2ban.banned failure fail2ban.jail=web fail2ban.id=amy@mail.test",
    );
}

#[test]
fn trouble_is_told() {
    let message = "Failed to execute ban jail 'sshd' action 'x': Error banning 203.0.113.9";
    check_own(
        "actions",
        "ERROR",
        message,
        &format!("fail2ban.trouble failure error.message={message}"),
    );
    check_own("server", "INFO", "Starting Fail2ban v1.0.2", "none");
    check_own("jail", "INFO", "Jail 'sshd' uses poller {}", "none");
    check_own("actions", "INFO", "  banTime: 600", "none");
}

/// Forms of other versions and other ways to log: written by hand.
#[test]
fn other_heads() {
    let banned = "fail2ban.banned failure source.address=203.0.113.9 fail2ban.jail=sshd";
    for line in [
        "2013-04-21 15:24:37,974 fail2ban.actions: WARNING [sshd] Ban 203.0.113.9",
        "2015-04-21 15:24:37,974 fail2ban.actions[41]: NOTICE  [sshd] Ban 203.0.113.9",
        "Nov 21 15:24:37 h fail2ban.actions[99]: NOTICE [sshd] Ban 203.0.113.9",
        "Nov 21 15:24:37 h fail2ban.actions: WARNING [sshd] Ban 203.0.113.9",
        "Nov 21 15:24:37 h fail2ban-server[99]: NOTICE [sshd] Ban 203.0.113.9",
        "Nov 21 15:24:37 h fail2ban-server[99]: [sshd] Ban 203.0.113.9",
        "Nov 21 15:24:37 h fail2ban[99]: fail2ban.actions [99]: NOTICE [sshd] Ban 203.0.113.9",
        "Nov 21 15:24:37 h fail2ban-server[99]: 2026-11-21 15:24:37,974 fail2ban.actions        [99]: NOTICE  [sshd] Ban 203.0.113.9",
        "2026-11-21T15:24:37.974+00:00 h fail2ban.actions[99]: NOTICE [sshd] Ban 203.0.113.9",
    ] {
        check(line, banned);
    }
}

#[test]
fn what_others_write_is_no_ban() {
    check(
        "Nov 21 15:24:37 h app[1]: NOTICE [sshd] Ban 203.0.113.9",
        "none",
    );
    check("NOTICE [sshd] Ban 203.0.113.9", "none");
    check_own(
        "filter",
        "INFO",
        "[sshd] says [sshd] Ban 203.0.113.9",
        "none",
    );
    check_own("actions", "NOTICE", "[sshd] Ban ", "none");
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(
        head in prop_oneof![
            Just("2026-11-21 15:24:37,974 fail2ban.filter         [41]: INFO    ["),
            Just("Nov 21 15:24:37 h fail2ban-server[9]: "),
            Just("fail2ban.actions [9]: NOTICE [a] Ban "),
        ],
        tail in "[\\] \\[a,:'0-9Ban\u{ff}]{0,40}",
    ) {
        let line = format!("{head}{tail}");
        if let Some(event) = event(&Line::split(line.as_bytes())) {
            prop_assert!(!event.facts().to_string().is_empty());
        }
    }
}
