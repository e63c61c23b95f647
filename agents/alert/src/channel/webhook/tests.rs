use serde_json::Value;
use skep_protocol::{alert::Alert, severity::Severity};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

use super::*;

fn message() -> Message {
    let origin = "log_watcher@web1".parse().unwrap();
    let alert = Alert::new(
        origin,
        Severity::Warning,
        "brute force",
        "212 failed logins",
    );
    Message::new(Uuid::from_u128(7), &alert, 1_800_000_000_000, None)
}

async fn listen() -> (TcpListener, Webhook) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?key=secret", listener.local_addr().unwrap());
    let headers = [("authorization".to_owned(), "Bearer t".to_owned())].into();
    (listener, Webhook::new(&url, &headers, None).unwrap())
}

/// Reads one request whole: its head and its body.
async fn request(listener: &TcpListener) -> (TcpStream, String, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec())
            .unwrap()
            .to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap_or("0").parse().unwrap();
        if bytes.len() >= end + 4 + length {
            return (stream, head, bytes[end + 4..].to_vec());
        }
    }
}

/// Posts to a server that says `answer`.
async fn post(answer: &str) -> (Result<(), Failure>, String, Vec<u8>) {
    let (listener, webhook) = listen().await;
    let serve = async {
        let (mut stream, head, body) = request(&listener).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        (head, body)
    };
    let message = message();
    let (result, (head, body)) = tokio::join!(webhook.post(&message), serve);
    (result, head, body)
}

#[tokio::test]
async fn a_receiver_gets_json_and_a_key_by_which_it_knows_a_repeat() {
    let ok = "HTTP/1.1 204 No Content\r\n\r\n";
    let (result, head, body) = post(ok).await;
    assert_eq!(result, Ok(()));
    assert!(head.starts_with("post /hook?key=secret http/1.1"), "{head}");
    assert!(head.contains("authorization: bearer t"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let json: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&json["cause"], &json["count"]),
        (&"brute force".into(), &1.into())
    );
    let key = format!("idempotency-key: {}", json["id"].as_str().unwrap());
    assert!(head.contains(&key), "{head}");
    let (_, again, _) = post(ok).await;
    assert!(again.contains(&key), "{again}");
}

#[tokio::test]
async fn what_the_receiver_says_decides_who_waits() {
    let answer = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 3\r\n\r\n\x1b[m");
    let refused = Failure::Refused("HTTP 403 Forbidden: \\x1b[m".to_owned());
    assert_eq!(post(&answer("403 Forbidden")).await.0, Err(refused));
    for status in [
        "500 Internal Server Error",
        "429 Too Many Requests",
        "503 Service Unavailable",
    ] {
        let (result, ..) = post(&answer(status)).await;
        assert!(
            matches!(result, Err(Failure::Unreachable(_))),
            "{status}: {result:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = elsewhere.local_addr().unwrap();
    let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{place}/\r\n\r\n");
    let (result, ..) = post(&answer).await;
    assert!(matches!(result, Err(Failure::Unreachable(_))), "{result:?}");
    let came = tokio::select! {
        biased;
        came = elsewhere.accept() => Some(came),
        () = std::future::ready(()) => None,
    };
    assert!(came.is_none(), "the redirect was followed");
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let (listener, webhook) = listen().await;
    let serve = async {
        let (mut stream, ..) = request(&listener).await;
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    };
    let message = message();
    let (result, ()) = tokio::join!(webhook.post(&message), serve);
    let Err(Failure::Refused(text)) = result else {
        panic!("{result:?}")
    };
    assert!(text.len() < 300, "{text}");
}

#[tokio::test]
async fn garbage_and_silence_are_failures_that_keep_the_secret() {
    let (result, ..) = post("ssh-2.0-openssh\r\n\r\n").await;
    let Err(Failure::Unreachable(text)) = result else {
        panic!("{result:?}")
    };
    assert!(!text.contains("secret"), "{text}");
    let (listener, webhook) = listen().await;
    drop(listener);
    let Err(Failure::Unreachable(text)) = webhook.post(&message()).await else {
        panic!("posted")
    };
    assert!(
        text.to_lowercase().contains("refused") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_is_given_up() {
    let (_listener, webhook) = listen().await;
    let result = webhook.post(&message()).await;
    assert!(matches!(result, Err(Failure::Unreachable(_))), "{result:?}");
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let none = BTreeMap::new();
    assert!(Webhook::new("ftp://x/", &none, None).is_err());
    assert!(Webhook::new("nonsense", &none, None).is_err());
    let bad = [("a b".to_owned(), "x".to_owned())].into();
    assert_eq!(
        Webhook::new("http://x/", &bad, None).unwrap_err(),
        "webhook: headers: \"a b\" is no header name"
    );
    let bad = [("x".to_owned(), "a\r\nb: c".to_owned())].into();
    assert!(Webhook::new("http://x/", &bad, None).is_err());
}
