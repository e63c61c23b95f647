use skep_protocol::{alert::Alert, severity::Severity};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use uuid::Uuid;

use super::*;

fn mail(port: u16) -> Mail {
    let to = [
        "ann@example.org".to_owned(),
        "Operations <ops@example.org>".to_owned(),
    ];
    Mail::new("127.0.0.1", port, "Skep <skep@example.org>", &to).unwrap()
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
    let new = |from: &str, to: &[String]| Mail::new("mx", 25, from, to).map(drop).unwrap_err();
    assert!(new("skep", &["a@b".to_owned()]).starts_with("smtp: from: \"skep\" is no mail"));
    assert!(new("a@b", &["a@b\r\nBcc: x@y".to_owned()]).starts_with("smtp: to: "));
    assert_eq!(new("a@b", &[]), "smtp: to: name at least one mail address");
}
