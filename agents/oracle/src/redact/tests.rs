use proptest::prelude::*;

use super::*;

const KEY: PseudonymKey = PseudonymKey([7; 32]);

fn redactor(text: &str, users: &[&str]) -> Redactor {
    let users: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
    let hosts = ["web1".to_owned()];
    Redactor::new(Redact::default(), KEY, &[text], &hosts, &users)
}

/// Pseudonyms with numbers in the order of their coming, for people who read tests.
fn numbered(text: &str) -> String {
    let shape = regex::Regex::new("X-([a-z]+)-[a-z0-9]{6}").unwrap();
    let mut seen: Vec<String> = Vec::new();
    let number = |found: &regex::Captures<'_>| {
        let name = found[0].to_owned();
        let n = seen
            .iter()
            .position(|known| *known == name)
            .unwrap_or(seen.len());
        if n == seen.len() {
            seen.push(name);
        }
        format!("X-{}-{}", &found[1], n + 1)
    };
    shape.replace_all(text, number).into_owned()
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let mut redactor = redactor(text, &["ann"]);
    let redacted = redactor.redact(text);
    assert_eq!(numbered(&redacted), expected);
    if !expected.contains("<secret>") {
        assert_eq!(redactor.restore(&redacted), text);
    }
}

#[test]
fn people_and_places_get_other_names_and_get_them_back() {
    check(
        "Failed password for ann from 203.0.113.9 port 22 ssh2",
        "Failed password for X-user-1 from X-addr-2 port 22 ssh2",
    );
    check(
        "rhost=2001:db8::7, then [::1]:22",
        "rhost=X-addr-1, then [X-addr-2]:22",
    );
    check(
        "web1 sshd: 203.0.113.9:4711 to 203.0.113.9.",
        "X-host-1 sshd: X-addr-2:4711 to X-addr-2.",
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
    check(
        "MAC=00:16:3e:5e:6c:00:52:54:00:12:34:56:08:00 SRC=192.0.2.1",
        "MAC=X-addr-1 SRC=X-addr-2",
    );
    check(
        "connect from mx.example.net[192.0.2.9], relay=mail.example.org[2001:db8::9]:25",
        "connect from X-host-1[X-addr-2], relay=X-host-3[X-addr-4]:25",
    );
    check("GET https://intra.example.org/x", "GET https://X-host-1/x");
}

#[test]
fn the_same_name_stands_for_the_same_thing_in_every_question_of_a_key() {
    let text = "ann from 203.0.113.9";
    let first = redactor(text, &["ann"]).redact(text);
    let mut other = redactor("bob, then 203.0.113.9, then ann", &["ann", "bob"]);
    let second = other.redact("bob, then 203.0.113.9, then ann");
    for name in first.split(" from ") {
        assert!(second.contains(name), "{name} in {second}");
    }
    let strange = PseudonymKey([8; 32]);
    let users = ["ann".to_owned()];
    let mut strange = Redactor::new(Redact::default(), strange, &[text], &[], &users);
    assert_ne!(strange.redact(text), first);
}

#[test]
fn names_that_stand_in_pseudonyms_do_not_break_them() {
    let text = "users addr, X, mail, secret, host and user failed from 203.0.113.9, password=x";
    let names = ["addr", "X", "mail", "secret", "host", "user", "X-addr"];
    let mut redactor = redactor(text, &names);
    let redacted = redactor.redact(text);
    assert!(redacted.ends_with("password=<secret>"), "{redacted}");
    let restored = redactor.restore(&redacted);
    assert_eq!(restored, text.replace("password=x", "password=<secret>"));
}

#[test]
fn what_overlaps_goes_as_the_most_private_of_it() {
    let text = "https://ann:pw@web1/x token=ann@example.org ann@192.0.2.1";
    check(text, "https://<secret>@X-host-1/x token=<secret> X-mail-2");
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
    check(
        "postgres://ann:hunter2@db/x",
        "postgres://<secret>@X-host-1/x",
    );
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
fn what_is_not_chosen_stays() {
    let text = "ann from 203.0.113.9, ann@example.org, password=x";
    let choice = Redact {
        addresses: false,
        users: false,
    };
    let mut redactor = Redactor::new(choice, KEY, &[text], &[], &["ann".to_owned()]);
    let expected = "ann from 203.0.113.9, X-mail-1, password=<secret>";
    assert_eq!(numbered(&redactor.redact(text)), expected);
}

#[test]
fn a_line_cannot_pass_for_a_pseudonym() {
    let plain = "hello 203.0.113.9";
    let given = redactor(plain, &[]).redact(plain).replace("hello ", "");
    // Whoever learned the name of an address cannot speak under it.
    let text = format!("{given} and X-addr-bcdfgh say {plain}");
    let mut redactor = redactor(&text, &[]);
    let redacted = redactor.redact(&text);
    assert!(!redacted.ends_with(&given), "{redacted}");
    assert_eq!(redactor.restore(&redacted), text);
    assert_eq!(redactor.restore("X-addr-222222 X-"), "X-addr-222222 X-");
}

#[test]
fn names_are_found_by_the_words_around_them() {
    let check = |line, expected: &[&str]| {
        let mut names = users_in(line).collect::<Vec<&str>>();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, expected, "{line}");
    };
    check("session opened for user bob(uid=1000)", &["bob"]);
    check("ruser= rhost=::1  user=carol", &["carol"]);
    check("Invalid user from 203.0.113.9", &[]);
    check(
        "sudo: dave : TTY=pts/0 ; PWD=/home/erin ; USER=root",
        &["dave", "erin"],
    );
    check("su: (to frank) grace on pts/1", &["frank", "grace"]);
    check("{\"user\":\"heidi\",\"n\":1}", &["heidi"]);
    check("sasl_username=ivan@example.org", &[]);
    check("CRON[9]: (judy) CMD (run)", &["judy"]);
    check("login as CORP\\mallory failed", &["mallory"]);
    check("user authentication failed", &[]);
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
        if !redacted.contains(SECRET) {
            prop_assert_eq!(redactor.restore(&redacted), text.clone());
        }
        let _names = users_in(&text).count();
    }
}
