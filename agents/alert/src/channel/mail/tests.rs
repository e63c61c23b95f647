use serde_json::{Value, json};
use skep_protocol::{alert::Alert, severity::Severity};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use uuid::Uuid;

use super::*;

mod tls;

/// A config of a server on this host, with more of its keys.
fn config(port: u16, more: Value) -> SmtpConfig {
    let mut config = json!({
        "server": "127.0.0.1",
        "port": port,
        "from": "Skep <skep@example.org>",
        "to": ["ann@example.org", "Operations <ops@example.org>"],
    });
    let Value::Object(more) = more else {
        panic!("{more}")
    };
    config.as_object_mut().unwrap().extend(more);
    serde_json::from_value(config).unwrap()
}

fn mail(port: u16) -> Mail {
    Mail::new(&config(port, json!({}))).unwrap()
}

fn message(msg: &str, cause: &str) -> Message {
    let origin = "log_watcher@web1".parse().unwrap();
    let alert = Alert::new(origin, Severity::Warning, cause, msg);
    Message::new(Uuid::from_u128(7), &alert, 1_800_000_000_000, None)
}

/// Takes one mail as a server would, and answers its end with `verdict`.
async fn serve(listener: &TcpListener, verdict: &str) -> String {
    let (stream, _) = listener.accept().await.unwrap();
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test\r\n").await.unwrap();
    let (mut seen, mut in_data) = (String::new(), false);
    while let Ok(Some(line)) = lines.next_line().await {
        seen.push_str(&line);
        seen.push('\n');
        let answer = match line.as_str() {
            "." => {
                in_data = false;
                verdict
            }
            _ if in_data => continue,
            "DATA" => {
                in_data = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        write
            .write_all(format!("{answer}\r\n").as_bytes())
            .await
            .unwrap();
    }
    seen
}

async fn send(message: &Message, verdict: &str) -> (Result<(), Failure>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mail = mail(listener.local_addr().unwrap().port());
    let send = async {
        let result = mail.send(message).await;
        drop(mail);
        result
    };
    tokio::join!(send, serve(&listener, verdict))
}

#[tokio::test]
async fn a_server_gets_the_mail_for_everybody() {
    let (result, seen) = send(&message("212 failed logins", "brute force"), "250 ok").await;
    assert_eq!(result, Ok(()));
    assert!(seen.contains("RCPT TO:<ann@example.org>"), "{seen}");
    assert!(seen.contains("RCPT TO:<ops@example.org>"), "{seen}");
    assert!(
        seen.contains("\nSubject: [warning] web1: brute force\n"),
        "{seen}"
    );
    assert!(seen.contains("\n212 failed logins\n"), "{seen}");
}

#[tokio::test]
async fn a_server_says_whether_the_mail_or_itself_is_the_trouble() {
    let message = message("m", "c");
    let (result, _) = send(&message, "554 no such thing here").await;
    assert!(matches!(result, Err(Failure::Refused(_))), "{result:?}");
    let (result, _) = send(&message, "451 later").await;
    assert!(matches!(result, Err(Failure::Unreachable(_))), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mail = mail(listener.local_addr().unwrap().port());
    let result = mail.send(&message("m", "c")).await;
    assert!(matches!(result, Err(Failure::Unreachable(_))), "{result:?}");
}

#[test]
fn the_same_message_is_the_same_mail_and_log_text_adds_no_header() {
    let text = "root\r\nBcc: everybody@example.org\r\n\r\n.\r\nQUIT \u{1b}[2J";
    let message = message(text, &format!("über\u{85} {text}"));
    let letter = mail(25).letter(&message).unwrap().formatted();
    assert_eq!(letter, mail(25).letter(&message).unwrap().formatted());
    insta::assert_snapshot!(String::from_utf8(letter).unwrap().replace('\r', ""));
}

#[test]
fn a_letter_is_text_and_html_under_its_title() {
    let mut message = message("nothing new on web1", "digest");
    message.title = Some("Digest of web1: 2 failed logins".to_owned());
    message.html = Some("<html><body><h1>Digest of web1</h1></body></html>".to_owned());
    let letter = mail(25).letter(&message).unwrap().formatted();
    assert_eq!(letter, mail(25).letter(&message).unwrap().formatted());
    insta::assert_snapshot!(String::from_utf8(letter).unwrap().replace('\r', ""));
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let new = |more: Value| Mail::new(&config(25, more)).map(drop).unwrap_err();
    assert!(new(json!({ "from": "skep" })).starts_with("smtp: from: \"skep\" is no mail"));
    assert!(new(json!({ "to": ["a@b\r\nBcc: x@y"] })).starts_with("smtp: to: "));
    assert_eq!(
        new(json!({ "to": [] })),
        "smtp: to: name at least one mail address"
    );
    let alone = "smtp: username and password stand together or not at all";
    assert_eq!(new(json!({ "username": "u" })), alone);
    assert_eq!(new(json!({ "password": "p" })), alone);
    for tls in ["none", "opportunistic"] {
        let far = json!({ "server": "mx.test", "username": "u", "password": "p", "tls": tls });
        assert!(new(far).starts_with("smtp: a password leaves this host only inside TLS"));
    }
    assert_eq!(
        new(json!({ "tls": "none", "ca_file": "/ca.pem" })),
        "smtp: ca_file: there is no TLS"
    );
    assert_eq!(
        new(json!({ "ca_file": "ca.pem" })),
        "smtp: ca_file: give the whole path, from / on"
    );
}

#[test]
fn the_port_follows_from_the_way_and_no_password_is_shown() {
    let port = |more: Value| {
        let mut config = config(0, more);
        config.port = None;
        let shown = format!("{config:?} {:?}", Mail::new(&config).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
        Mail::new(&config).unwrap().port()
    };
    let login = json!({ "username": "u", "password": "hunter2" });
    assert_eq!(port(json!({})), 25);
    assert_eq!(port(login), 587);
    assert_eq!(port(json!({ "tls": "implicit" })), 465);
}
