use proptest::prelude::*;

use super::*;

/// host | app | pid | body, as a line is split.
fn check(line: &str, expected: &str) {
    let line = split(line.as_bytes());
    let text = |bytes| String::from_utf8_lossy(bytes);
    let pid = line.pid.map_or("-".to_owned(), |pid| pid.to_string());
    let (host, app, body) = (text(line.host), text(line.app), text(line.body));
    assert_eq!(format!("{host}|{app}|{pid}|{body}"), expected);
}

#[test]
fn traditional_lines() {
    check(
        "Feb 12 14:10:21 web1 sshd[163]: hello",
        "web1|sshd|163|hello",
    );
    check(
        "Feb  2 14:10:21 web1 kernel: [12.5] oom",
        "web1|kernel|-|[12.5] oom",
    );
    check(
        "<38>Feb 12 14:10:21 web1 sshd[163]: hello",
        "web1|sshd|163|hello",
    );
    check("Feb 12 14:10:21 sshd[163]: no host", "|sshd|163|no host");
    check(
        "Feb 12 14:10:21 web1 last message repeated 2 times",
        "web1||-|last message repeated 2 times",
    );
    check(
        "Feb 12 14:10:21 web1 proftpd[80]: 1.2.3.4 (x[1.2.3.4])",
        "web1|proftpd|80|1.2.3.4 (x[1.2.3.4])",
    );
    check("Feb 12 14:10:21 web1 a[b]: c", "web1|a|-|c");
    check("Feb 12 14:10:21 web1 (systemd)[3]: c", "web1|(systemd)|3|c");
    check("Feb 12 14:10:21", "||-|");
    check("Feb 12 14:10:21 web1", "||-|web1");
}

#[test]
fn parentheses_of_a_name_may_hold_colons() {
    check(
        "Feb 12 14:10:21 auth(amy,2001:db8::7,sasl:plain)<Ij+/>: Info: x",
        "|auth(amy,2001:db8::7,sasl:plain)<Ij+/>|-|Info: x",
    );
    check("Feb 12 14:10:21 m a(b: c) d: x", "m|a(b|-|c) d: x");
    check("Feb 12 14:10:21 m a(b:c", "m|a(b|-|c");
    check("Feb 12 14:10:21 m a(b:c) x", "m||-|a(b:c) x");
}

#[test]
fn entries_of_a_journal_may_have_no_stamp() {
    check("web1 sshd[163]: hello", "web1|sshd|163|hello");
    check("a.b-1 postfix/smtpd[9]: x", "a.b-1|postfix/smtpd|9|x");
    for other in [
        "10.0.0.7 - - [12/Feb/2026:14:10:21 +0000] \"GET / HTTP/1.1\" 200 1",
        "the list[3]: x",
        "read file[3] done",
        "sshd[163]: hello",
        "kernel panic[: x",
    ] {
        let expected = match other {
            "the list[3]: x" => "the|list|3|x".to_owned(),
            other => format!("||-|{other}"),
        };
        check(other, &expected);
    }
}

#[test]
fn busybox_names_the_level() {
    check("Feb 12 14:10:21 ap auth.info sshd[9]: x", "ap|sshd|9|x");
    let line = split(b"Feb 12 14:10:21 ap auth.info sshd[9]: x");
    assert_eq!(line.severity, Some(Severity::INFO));
}

#[test]
fn iso_lines() {
    check(
        "2024-10-31T12:38:21.817327+00:00 m sshd[1]: x",
        "m|sshd|1|x",
    );
    check("2024-10-31 12:38:21,817 m sshd[1]: x", "m|sshd|1|x");
    check("<14>2024-10-31T12:38:21Z m app: x", "m|app|-|x");
}

#[test]
fn a_padded_name_is_no_host() {
    check(
        "2026-11-21 15:24:37,974 fail2ban.filter         [41]: INFO    [sshd] Found 192.0.2.1",
        "|fail2ban.filter|41|INFO    [sshd] Found 192.0.2.1",
    );
    check(
        "2026-11-21 15:24:37,974 fail2ban.filterpyinotify[41]: INFO x",
        "|fail2ban.filterpyinotify|41|INFO x",
    );
}

#[test]
fn rfc5424_lines() {
    check(
        r#"<38>1 2022-01-19T14:23:55+00:00 gw.local sshd 442 - [meta seq="1\"]"] Hello there"#,
        "gw.local|sshd|442|Hello there",
    );
    check(
        "<34>1 2003-10-11T22:14:15.003Z h su - ID47 - \u{feff}x",
        "h|su|-|x",
    );
    check("<34>1 - - - - - [a][b] x y", "||-|x y");
    check("<34>1 - - - - - [a", "||-|1 - - - - - [a");
    assert_eq!(
        split(b"<34>1 - h a - - - x").severity,
        Some(Severity::CRITICAL)
    );
}

#[test]
fn rfc5424_lines_are_stored_without_their_priority_too() {
    check("1 apple a day: x", "||-|1 apple a day: x");
    check(
        r#"1 2022-01-19T14:23:55.5Z gw.local sshd 442 - [meta seq="1"][o x="\]"] Hello"#,
        "gw.local|sshd|442|Hello",
    );
    check(
        "1 2022-01-19T14:23:55Z gw.local kernel - - - x",
        "gw.local|kernel|-|x",
    );
    check(
        "1 - gw.local kernel - - - x",
        "||-|1 - gw.local kernel - - - x",
    );
}

#[test]
fn the_rest_is_body() {
    for line in [
        "",
        "<",
        "<999>x",
        "1.2.3.4 - - [x]",
        "Foo 12 14:10:21 a b: c",
        "[Wed Oct",
    ] {
        check(line, &format!("||-|{line}"));
    }
}

proptest! {
    #[test]
    fn splitting_never_panics(
        head in prop_oneof![
            Just(""), Just("<38>"), Just("<38>1 "), Just("Feb 12 14:10:21 "),
            Just("2024-10-31T12:38:21Z "), Just("<1>1 - - - - - "),
        ],
        tail in proptest::collection::vec(
            prop_oneof![Just(b' '), Just(b'['), Just(b']'), Just(b':'), Just(b'"'), any::<u8>()],
            0..60,
        ),
    ) {
        let line = [head.as_bytes(), &tail].concat();
        prop_assert!(line.ends_with(split(&line).body));
    }
}
