use proptest::prelude::*;
use skep_protocol::digest::{CollectorReport, Ordered, Row, Section, Table};

use super::*;
use crate::builtin::{Learned, analyse};

fn digest(source: &str, user: &str, texts: &[String]) -> DigestReport {
    let line = |(n, text): (usize, &String)| EvidenceLine {
        id: format!("sshd/1:{}", n + 1),
        text: text.clone(),
    };
    let table = |field: &str, key: &str| Table {
        field: field.to_owned(),
        rows: vec![Row {
            key: key.to_owned(),
            counts: vec![("count".to_owned(), 50)],
        }],
        other: None,
    };
    let sshd = CollectorReport {
        headline: format!("50 failed; most from {source}"),
        lines_read: 50,
        totals: Ordered(vec![("failed".to_owned(), 50)]),
        tables: Ordered(vec![
            ("by_source".to_owned(), table("source.address", source)),
            ("by_user".to_owned(), table("user.name", user)),
        ]),
        sections: vec![Section {
            name: "failed".to_owned(),
            count: 50,
            lines: texts.iter().enumerate().map(line).collect(),
        }],
        ..CollectorReport::default()
    };
    DigestReport {
        collectors: Ordered(vec![("sshd".to_owned(), sshd)]),
    }
}

fn ask(digest: &DigestReport, asked: &str, bytes_max: usize) -> Question {
    let about = About {
        host: "web-frontend-1",
        window: None,
    };
    let builtin = analyse(digest, about, &mut [Learned::default()], false);
    let withheld = withheld(digest);
    let material = Material {
        digest,
        about,
        builtin: &builtin,
        asked,
        mode: ResponseMode::Terse,
        redact: Redact::default(),
        key: PseudonymKey([5; 32]),
        withheld: &withheld,
    };
    question(material, bytes_max)
}

fn told(question: &Question) -> Value {
    serde_json::from_str(&question.user).unwrap()
}

#[test]
fn what_was_counted_is_told_whole_and_lines_as_far_as_there_is_room() {
    let texts: Vec<String> = (b'a'..=b'z')
        .map(|c| {
            format!(
                "sshd[9]: error {} happened",
                char::from(c).to_string().repeat(30)
            )
        })
        .collect();
    let digest = digest("203.0.113.9", "carol", &texts);
    let all = told(&ask(&digest, "why?", 100_000));
    assert_eq!(all["evidence"].as_array().unwrap().len(), 26);
    assert_eq!(all["question"], "why?");
    let small = ask(&digest, "", 2500);
    assert!(
        small.system.len() + small.user.len() <= 2520,
        "{}",
        small.user.len()
    );
    let some = told(&small);
    assert!(
        (1..26).contains(&some["evidence"].as_array().unwrap().len()),
        "{some}"
    );
    assert_eq!(some["collectors"], all["collectors"]);
    assert_eq!(some["collectors"][0]["totals"]["failed"], 50);
    let found = small.redactor.clone().redact("203.0.113.9");
    assert_eq!(
        some["found_by_counting"][0],
        format!("[notice] sshd: {found} made 50 attempts to guess a login")
    );
    assert!(
        told(&ask(&digest, "", 0))["evidence"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn lines_of_one_kind_are_told_three_times_and_those_that_findings_stand_on_first() {
    let mut texts: Vec<String> = (0..40)
        .map(|n| format!("sshd[{n}]: session {n} closed"))
        .collect();
    texts.insert(
        0,
        "sshd[1]: Failed password for carol from 203.0.113.9 port 1 ssh2".to_owned(),
    );
    let question = ask(&digest("203.0.113.9", "carol", &texts), "", 100_000);
    let evidence = told(&question)["evidence"].as_array().unwrap().clone();
    assert_eq!(evidence.len(), 4);
    assert!(
        evidence[0]["text"]
            .as_str()
            .unwrap()
            .contains("Failed password for X-user-")
    );
    assert_eq!(question.ids["E1"], "sshd/1:1");
    assert_eq!(question.ids["E2"], "sshd/1:41", "then the newest");
}

proptest! {
    #[test]
    fn nothing_private_is_in_the_bytes_that_are_sent(
        octets in any::<[u8; 4]>(),
        groups in any::<[u16; 8]>(),
        user in "[a-z]{4,10}[0-9]",
        mail in "[a-z]{3,8}@[a-z]{3,8}\\.example",
        secret in "[A-Za-z0-9]{8,24}",
        around in "[ -~]{0,20}",
    ) {
        let four = std::net::Ipv4Addr::from(octets).to_string();
        let six = std::net::Ipv6Addr::from(groups).to_string();
        let texts = [
            format!("Jan 15 08:00:00 web-frontend-1 sshd[9]: Failed password for {user} from {four} port 9 ssh2"),
            format!("{around} rhost={six} user={user} mail to <{mail}> password={secret}"),
            format!("GET /login?token={secret}&from={mail} HTTP/1.1 {around}"),
        ];
        let question = ask(&digest(&four, &user, &texts), &format!("why {four}? {mail}"), 100_000);
        let sent = format!("{}{}", question.system, question.user);
        for private in [&four, &six, &mail, &"web-frontend-1".to_owned()] {
            prop_assert!(!sent.contains(private.as_str()), "{private} in {sent}");
        }
        prop_assert!(!sent.contains(&format!("={secret}")), "{secret} in {sent}");
        prop_assert!(!sent.contains(&format!("for {user} ")), "{user} in {sent}");
        let restored = question.redactor.restore(&question.user);
        prop_assert!(restored.contains(&four) && restored.contains(&mail), "{restored}");
    }
}
