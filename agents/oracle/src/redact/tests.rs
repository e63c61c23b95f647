use proptest::prelude::*;

use super::*;

fn redactor(text: &str, users: &[&str]) -> Redactor {
    let users: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
    Redactor::new(Redact::default(), &[text], &["web1".to_owned()], &users)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let mut redactor = redactor(text, &["ann"]);
    let redacted = redactor.redact(text);
    assert_eq!(redacted, expected);
    if !expected.contains("<secret>") {
        assert_eq!(redactor.restore(&redacted), text);
    }
}

#[test]
fn people_and_places_get_other_names_and_get_them_back() {
    check(
        "Failed password for ann from 203.0.113.9 port 22 ssh2",
        "Failed password for X-user-2 from X-addr-1 port 22 ssh2",
    );
    check(
        "rhost=2001:db8::7, then [::1]:22",
        "rhost=X-addr-1, then [X-addr-2]:22",
    );
    check(
        "web1 sshd: 203.0.113.9:4711 to 203.0.113.9.",
        "X-host-2 sshd: X-addr-1:4711 to X-addr-1.",
    );
    check("::ffff:192.0.2.1 and 1.2.3.4", "X-addr-1 and X-addr-2");
    check(
        "to=<ann.b@example.org>, ann@host",
        "to=<X-mail-1>, X-mail-2",
    );
    check(
        "12:34:56 is a time, 6.1.0 a version",
        "12:34:56 is a time, 6.1.0 a version",
    );
    check(
        "joanna and ann_x stay, ann goes",
        "joanna and ann_x stay, X-user-1 goes",
    );
    check("root stays root", "root stays root");
}

#[test]
fn secrets_go_for_good() {
    check("password=hunter2 next", "password=<secret> next");
    check("db_password: \"hunter2\"", "db_password: \"<secret>\"");
    check(
        "{\"apiKey\":\"abc\",\"n\":1}",
        "{\"apiKey\":\"<secret>\",\"n\":1}",
    );
    check(
        "Authorization: Bearer abc.def",
        "Authorization: Bearer <secret>",
    );
    check(
        "authorization: Basic dXNlcjpwYXNz",
        "authorization: Basic <secret>",
    );
    check("GET /x?token=abc&page=2", "GET /x?token=<secret>&page=2");
    check("postgres://ann:hunter2@db/x", "postgres://<secret>@db/x");
    check("using ghp_0123456789abcdef now", "using <secret> now");
    check("key AKIAIOSFODNN7EXAMPLE used", "key <secret> used");
    check(
        "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- ok",
        "<secret> ok",
    );
    check("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn", "<secret>");
    check("id a8F3kQ9zL2mX7vB4nC6d", "id <secret>");
}

#[test]
fn what_only_sounds_like_a_secret_stays() {
    for line in [
        "Failed password for root from somewhere port 22 ssh2",
        "pam_unix(sshd:session): session opened for user root",
        "unit systemd-networkd-wait-online.service failed",
        "/var/lib/postgresql/15/main/base/16384",
        "authentication failure; logname= uid=0 euid=0",
    ] {
        check(line, line);
    }
}

#[test]
fn what_is_not_chosen_stays() {
    let text = "ann from 203.0.113.9, ann@example.org, password=x";
    let choice = Redact {
        addresses: false,
        users: false,
    };
    let mut redactor = Redactor::new(choice, &[text], &[], &["ann".to_owned()]);
    let expected = "ann from 203.0.113.9, X-mail-1, password=<secret>";
    assert_eq!(redactor.redact(text), expected);
}

#[test]
fn a_line_cannot_pass_for_a_pseudonym() {
    let text = "X-addr-1 says hello to 203.0.113.9";
    let mut redactor = redactor(text, &[]);
    let redacted = redactor.redact(text);
    assert_eq!(redacted, "X-addr-1 says hello to X1X-addr-1");
    assert_eq!(redactor.restore(&redacted), text);
    assert_eq!(redactor.restore("X1X-addr-9 X1X-"), "X1X-addr-9 X1X-");
}

#[test]
fn names_are_found_by_the_words_before_them() {
    let names = |line| users_in(line).map(str::to_owned).collect::<Vec<String>>();
    assert_eq!(
        names("session opened for user bob(uid=1000)"),
        ["bob", "bob"]
    );
    assert_eq!(names("ruser= rhost=::1  user=carol"), ["", "carol"]);
    assert!(names("Invalid user from 203.0.113.9").is_empty());
}

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| std::net::Ipv4Addr::from(octets).to_string()),
        any::<[u16; 8]>().prop_map(|groups| std::net::Ipv6Addr::from(groups).to_string()),
    ]
}

proptest! {
    #[test]
    fn no_address_no_mail_and_no_token_leaves(
        before in "[a-z =\\[(<,'\"]{0,12}",
        address in address(),
        mail in "[a-z]{1,8}@[a-z]{2,8}\\.(org|example)",
        token in "sk-[A-Za-z0-9]{20,40}",
        password in "[a-zA-Z0-9]{6,16}",
        after in "[ \\])>,;'\"]{1,3}[a-z ]{0,12}",
    ) {
        let text = format!(
            "{before} {address}{after} {mail}{after} {token}{after} password={password} {address}"
        );
        let mut redactor = redactor(&text, &[]);
        let redacted = redactor.redact(&text);
        prop_assert!(!redacted.contains(&address), "{redacted}");
        prop_assert!(!redacted.contains(&mail), "{redacted}");
        prop_assert!(!redacted.contains(&token), "{redacted}");
        prop_assert!(!redacted.contains(&format!("password={password}")), "{redacted}");
    }

    #[test]
    fn any_text_is_redacted_without_a_panic(text in ".*", name in ".{0,8}") {
        let mut redactor = redactor(&text, &[&name]);
        let redacted = redactor.redact(&text);
        redactor.restore(&redacted);
        let _names = users_in(&text).count();
    }
}
