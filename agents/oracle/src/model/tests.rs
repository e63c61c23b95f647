use std::collections::BTreeMap;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::redact::{Redact, Redactor};

const WITHIN: Duration = Duration::from_secs(20);

fn question() -> Question {
    Question {
        system: "rules".to_owned(),
        user: "data".to_owned(),
        ids: BTreeMap::new(),
        redactor: Redactor::new(Redact::default(), &[], &[], &[]),
    }
}

async fn listen() -> (TcpListener, Model) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = OpenaiConfig {
        url: format!("http://{}/v1", listener.local_addr().unwrap()),
        model: "small".to_owned(),
        api_key: Some("test-key".to_owned()),
        temperature: 0.0,
        context_tokens: 4096,
        max_tokens: 64,
        timeout_s: 60,
    };
    (listener, Model::new(config).unwrap())
}

/// Reads one request whole: its head in lower case, and its body.
async fn request(listener: &TcpListener) -> (TcpStream, String, Value) {
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
            return (
                stream,
                head,
                serde_json::from_slice(&bytes[end + 4..]).unwrap(),
            );
        }
    }
}

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn says(content: &str) -> String {
    let body = json!({ "choices": [{ "message": { "role": "assistant", "content": content } }] });
    http("200 OK", &body.to_string())
}

/// Asks a server that gives these answers, one for each request.
async fn ask(answers: &[String]) -> (Result<String, ModelError>, Vec<(String, Value)>) {
    let (listener, model) = listen().await;
    let serve = async {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut stream, head, body) = request(&listener).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            seen.push((head, body));
        }
        seen
    };
    let question = question();
    tokio::join!(model.ask(&question, WITHIN), serve)
}

#[tokio::test]
async fn a_question_is_bound_to_the_schema_and_carries_the_key() {
    let (answer, seen) = ask(&[says("{}")]).await;
    assert_eq!(answer.as_deref(), Ok("{}"));
    let (head, body) = &seen[0];
    assert!(
        head.starts_with("post /v1/chat/completions http/1.1"),
        "{head}"
    );
    assert!(head.contains("authorization: bearer test-key"), "{head}");
    assert_eq!(body["model"], "small");
    assert_eq!(body["messages"][1]["content"], "data");
    assert_eq!(body["response_format"]["type"], "json_schema");
}

#[tokio::test]
async fn a_server_that_knows_no_schema_is_asked_without() {
    let refusal = http("400 Bad Request", "response_format is not supported");
    let (answer, seen) = ask(&[refusal, says("ok")]).await;
    assert_eq!(answer.as_deref(), Ok("ok"));
    assert!(seen[1].1.get("response_format").is_none());
}

#[tokio::test]
async fn failures_are_named() {
    let (answer, _) = ask(&[http("500 Internal Server Error", "no \x1b[2J")]).await;
    let text = "the model's server says HTTP 500: no \\x1b[2J";
    assert_eq!(answer.unwrap_err().to_string(), text);
    let (answer, _) = ask(&[http("401 Unauthorized", "")]).await;
    assert!(
        matches!(answer, Err(ModelError::Http { status: 401, .. })),
        "{answer:?}"
    );
    for garbage in ["", "no", "{}", "{\"choices\":[]}"] {
        let (answer, _) = ask(&[http("200 OK", garbage)]).await;
        assert!(
            matches!(answer, Err(ModelError::Garbage(_))),
            "{garbage}: {answer:?}"
        );
    }
    let (answer, _) = ask(&[says("  ")]).await;
    assert!(matches!(answer, Err(ModelError::Garbage(_))), "{answer:?}");
    let (answer, _) = ask(&["ssh-2.0\r\n\r\n".to_owned()]).await;
    assert!(
        matches!(answer, Err(ModelError::Unreachable(_))),
        "{answer:?}"
    );
    let (listener, model) = listen().await;
    drop(listener);
    let answer = model.ask(&question(), WITHIN).await;
    assert!(
        matches!(answer, Err(ModelError::Unreachable(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let (listener, model) = listen().await;
    let serve = async {
        let (mut stream, ..) = request(&listener).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {}
    };
    let question = question();
    let (answer, ()) = tokio::join!(model.ask(&question, WITHIN), serve);
    assert_eq!(
        answer,
        Err(ModelError::TooLarge {
            max: ANSWER_BYTES_MAX
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_model_that_hangs_is_given_up_in_time() {
    let (_listener, model) = listen().await;
    let started = tokio::time::Instant::now();
    assert_eq!(
        model.ask(&question(), WITHIN).await,
        Err(ModelError::TimedOut)
    );
    assert_eq!(started.elapsed().as_secs(), WITHIN.as_secs());
    assert_eq!(
        model.ask(&question(), Duration::ZERO).await,
        Err(ModelError::TimedOut)
    );
}

#[test]
fn an_address_may_be_given_short() {
    let check =
        |given: &str, expected: &str| assert_eq!(endpoint(given).unwrap().as_str(), expected);
    check("http://h:1", "http://h:1/v1/chat/completions");
    check("http://h:1/v1/", "http://h:1/v1/chat/completions");
    check("https://h/api/v1", "https://h/api/v1/chat/completions");
    check(
        "http://h/v1/chat/completions",
        "http://h/v1/chat/completions",
    );
    assert!(endpoint("file:///x").is_err());
}
