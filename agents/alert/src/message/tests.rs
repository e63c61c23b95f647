use proptest::prelude::*;
use skep_protocol::digest::EvidenceLine;

use super::*;

/// 2027-01-15 08:00:00 UTC.
const NOW_MS: u64 = 1_800_000_000_000;

fn alert() -> Alert {
    let origin = "log_watcher@web1".parse().unwrap();
    let msg = "212 failed logins from 203.0.113.9 in 6 minutes.\n\
               One of them then succeeded: \u{1b}[2Jroot.";
    let mut alert = Alert::new(origin, Severity::Critical, "anomaly in the logs", msg);
    let line = |n: u32| EvidenceLine {
        id: format!("sshd/1:{n}"),
        text: format!("Failed password for root from 203.0.113.9 port {n} ssh2"),
    };
    alert.evidence = (1..=22).map(line).collect();
    alert.group = Some("sshd".to_owned());
    alert
}

fn message(held: Option<Held>) -> Message {
    Message::new(Uuid::from_u128(7), &alert(), NOW_MS, held)
}

const HELD: Option<Held> = Some(Held {
    count: 3,
    since_ms: NOW_MS - 600_000,
});

#[test]
fn the_line_of_a_file() {
    insta::assert_snapshot!("line", message(None).to_line());
    insta::assert_snapshot!("line_held_back", message(HELD).to_line());
}

#[test]
fn the_mail() {
    let mail =
        |message: Message| format!("Subject: {}\n\n{}", message.to_subject(), message.to_mail());
    insta::assert_snapshot!("mail", mail(message(None)));
    insta::assert_snapshot!("mail_held_back", mail(message(HELD)));
}

#[test]
fn the_body_of_a_webhook() {
    let mut body = message(HELD).to_json();
    let lines = body["evidence"].as_array_mut().unwrap();
    assert_eq!(lines.len(), 22);
    lines.truncate(1);
    insta::assert_json_snapshot!("webhook", body);
}

proptest! {
    #[test]
    fn log_text_can_do_nothing_to_a_reader(text in ".*", cause in ".*") {
        let mut alert = alert();
        alert.msg = format!("{text}\r\nBcc: everybody\u{85}\u{2028}{text}");
        alert.cause = format!("{cause}\r\nBcc: everybody");
        alert.host = alert.cause.clone();
        alert.evidence[0].text = alert.msg.clone();
        let message = Message::new(Uuid::nil(), &alert, NOW_MS, HELD);
        prop_assert!(!message.to_line().chars().any(char::is_control));
        prop_assert!(!message.to_subject().chars().any(char::is_control));
        prop_assert!(!message.to_mail().chars().any(|char| char.is_control() && char != '\n'));
        let json = message.to_json().to_string();
        prop_assert!(serde_json::from_str::<Value>(&json).is_ok());
    }
}
