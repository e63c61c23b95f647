use proptest::prelude::*;

use super::*;

fn ground() -> Ground {
    let mut ground = Ground::default();
    ground.add("2026-11-20T10:00:05+00:00 n1 sshd[4711]: Failed password for ann from 203.0.113.9 port 40005 ssh2");
    ground.add("Nov  7 23:59:01 n1 sshd[12]: Accepted publickey for bob from 2001:db8::7 port 9");
    ground.add("to=<carol@example.org>, GET https://x.example/a");
    ground.count(1234);
    ground.count(20);
    ground
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let told: Vec<String> = ground()
        .unfounded(text)
        .iter()
        .map(|fact| fact.told(text))
        .collect();
    assert_eq!(told, expected, "{text}");
}

#[test]
fn what_the_evidence_shows_is_founded() {
    for text in [
        "203.0.113.9 failed 20 times for user ann at 10:00:05.",
        "1,234 lines; twenty failures; account 'bob' from 2001:DB8:0::7 on Nov 7 at 23:59",
        "carol@example.org got https://x.example/a on 2026-11-20, November 20, 20 Nov and 20th of November",
        "around 10 am and 11 pm, with ssh2, E1, SHA256, 24-hour clocks and X-Forwarded-For",
        "One user tried; the account was locked, user authentication failed.",
        "nothing at all",
    ] {
        check(text, &[]);
    }
}

#[test]
fn what_no_evidence_shows_is_named() {
    check(
        "198.51.100.7 and ::1 guess",
        &["address 198.51.100.7", "address ::1"],
    );
    check("500 failures in 3 hours", &["count 500", "count 3"]);
    check("failed 1,235 times, 2.5 %", &["count 1,235", "count 2.5"]);
    check(
        "fifty-five tries, a hundred more, two users",
        &["count fifty-five", "count a hundred", "count two"],
    );
    // 10, 0 and 5 stand in a time, and are no counts for that.
    check("10 failures", &["count 10"]);
    check(
        "at 10:01, at 3 pm, at 10:00:06",
        &["time 10:01", "time 3 pm", "time 10:00:06"],
    );
    check(
        "on Nov 8, 2026-11-21 and 1 May",
        &["time Nov 8", "time 2026-11-21", "time 1 May"],
    );
    check(
        "user mallory and account \"dave\"",
        &["user mallory", "user dave"],
    );
    check(
        "the name 'eve' and mail to eve@example.org",
        &["user eve", "user eve@example.org"],
    );
    check(
        "see https://evil.example/x",
        &["address https://evil.example/x"],
    );
    check(
        "X-addr-bcdfgh and X-user-1",
        &["address X-addr-bcdfgh", "user X-user-1"],
    );
}

proptest! {
    #[test]
    fn every_strange_address_count_and_time_is_named(
        octets in any::<[u8; 4]>(),
        n in 30_u64..1_000_000,
        minute in 1_u8..59,
        words in "[a-z ]{0,20}",
    ) {
        let address = std::net::Ipv4Addr::from(octets).to_string();
        let text = format!("{words} {address} failed {n} times at 11:{minute:02} {words}");
        let told: Vec<String> = ground().unfounded(&text).iter().map(|fact| fact.told(&text)).collect();
        for fact in [format!("address {address}"), format!("count {n}"), format!("time 11:{minute:02}")] {
            let known = address == "203.0.113.9" || [1234, 4711, 40005].contains(&n);
            prop_assert!(known || told.contains(&fact), "{fact} not in {told:?}");
        }
    }

    #[test]
    fn what_stands_in_the_evidence_is_founded_in_the_same_words(text in ".{0,120}") {
        let mut ground = Ground::default();
        ground.add(&text);
        prop_assert_eq!(ground.unfounded(&text), []);
    }

    #[test]
    fn spans_lie_in_the_text(text in ".{0,200}") {
        for fact in facts(&text) {
            prop_assert!(text.get(fact.start..fact.end).is_some());
        }
    }
}
