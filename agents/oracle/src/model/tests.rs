use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{body::STREAM_BYTES_MAX, budget::Usage, heard::ANSWER_BYTES_MAX, *};
use crate::redact::{PseudonymKey, Redact, Redactor};

const PATIENCE: Patience = Patience {
    silence: Duration::from_secs(10),
    within: Duration::from_secs(20),
};

const SPEECHES: [Speaks; 2] = [Speaks::Openai, Speaks::Anthropic];

fn question() -> Question {
    Question {
        system: "rules".to_owned(),
        user: "data".to_owned(),
        ids: BTreeMap::new(),
        redactor: Redactor::new(Redact::default(), PseudonymKey([0; 32]), &[], &[], &[]),
        withheld: BTreeSet::new(),
    }
}

async fn listen(speaks: Speaks) -> (TcpListener, Model) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let config = ModelConfig {
        api_key: Some("test-key".to_owned()),
        max_tokens: 64,
        ..ModelConfig::new(&url, "small")
    };
    (listener, Model::new(speaks, config).unwrap())
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

/// An answer in one piece, as servers give it that do not know of streams.
fn says(speaks: Speaks, content: &str) -> String {
    let body = match speaks {
        Speaks::Openai => json!({
            "choices": [{ "message": { "role": "assistant", "content": content } }],
            "usage": { "prompt_tokens": 7, "completion_tokens": 3 },
        }),
        Speaks::Anthropic => json!({
            "content": [{ "type": "text", "text": content }],
            "usage": { "input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 3 },
        }),
    };
    http("200 OK", &body.to_string())
}

/// An answer in pieces.
fn streams(events: &[Value]) -> String {
    let events: Vec<String> = events
        .iter()
        .map(|event| match event {
            Value::String(text) => format!("data: {text}\n\n"),
            event => format!("event: x\ndata: {event}\n\n"),
        })
        .collect();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n{}",
        events.concat()
    )
}

/// Asks a server that gives this answer.
async fn ask(speaks: Speaks, answer: &str) -> (Result<Heard, ModelError>, String, Value) {
    let (listener, model) = listen(speaks).await;
    let serve = async {
        let (mut stream, head, body) = request(&listener).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        (head, body)
    };
    let body = model.body(&question(), model.form());
    let (answer, (head, body)) = tokio::join!(model.ask(&body, PATIENCE), serve);
    (answer, head, body)
}

#[tokio::test]
async fn a_question_is_bound_to_the_schema_and_carries_the_key() {
    let (answer, head, body) = ask(Speaks::Openai, &says(Speaks::Openai, "{}")).await;
    assert_eq!(answer.unwrap().words(), "{}");
    assert!(
        head.starts_with("post /v1/chat/completions http/1.1"),
        "{head}"
    );
    assert!(head.contains("authorization: bearer test-key"), "{head}");
    assert_eq!(body["model"], "small");
    assert_eq!(body["messages"][1]["content"], "data");
    assert_eq!(body["response_format"]["type"], "json_schema");
    assert_eq!(
        (&body["stream"], &body["max_tokens"]),
        (&json!(true), &json!(64))
    );
    let (answer, head, body) = ask(Speaks::Anthropic, &says(Speaks::Anthropic, "{}")).await;
    assert_eq!(answer.unwrap().words(), "{}");
    assert!(head.starts_with("post /v1/messages http/1.1"), "{head}");
    assert!(head.contains("x-api-key: test-key"), "{head}");
    assert!(head.contains("anthropic-version: 2023-06-01"), "{head}");
    assert_eq!(
        (&body["system"], &body["max_tokens"]),
        (&json!("rules"), &json!(64))
    );
    assert_eq!(
        body["tool_choice"],
        json!({ "type": "tool", "name": "report" })
    );
    assert_eq!(body["tools"][0]["input_schema"], question::schema());
}

#[tokio::test]
async fn a_form_may_be_words_alone_and_some_models_take_other_keys() {
    for speaks in SPEECHES {
        let (_listener, mut model) = listen(speaks).await;
        model.unbind();
        assert_eq!(model.form(), Form::Words);
        model.config.temperature = None;
        model.config.max_tokens_key = crate::MaxTokensKey::MaxCompletionTokens;
        model.config.stream = false;
        let body: Value = serde_json::from_slice(&model.body(&question(), model.form())).unwrap();
        for key in [
            "response_format",
            "tools",
            "tool_choice",
            "stream",
            "temperature",
        ] {
            assert!(body.get(key).is_none(), "{key} in {body}");
        }
        let key = match speaks {
            Speaks::Openai => "max_completion_tokens",
            Speaks::Anthropic => "max_tokens",
        };
        assert_eq!(body[key], 64);
    }
}

#[tokio::test]
async fn an_answer_in_pieces_is_put_together_and_its_cost_is_read() {
    let delta = |text: &str| json!({ "choices": [{ "delta": { "content": text } }] });
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 7, "completion_tokens": 3 } });
    let first = json!({ "choices": [{ "delta": { "role": "assistant", "content": null } }] });
    let events = [first, delta("{\"a\""), delta(":1}"), usage, json!("[DONE]")];
    let (answer, ..) = ask(Speaks::Openai, &streams(&events)).await;
    let heard = answer.unwrap();
    let cost = Some(Usage {
        input: 7,
        output: 3,
    });
    assert_eq!(
        (heard.words(), heard.usage, heard.is_cut),
        ("{\"a\":1}", cost, false)
    );
    let input = |json: &str| json!({ "type": "content_block_delta", "delta": { "type": "input_json_delta", "partial_json": json } });
    let events = [
        json!({ "type": "message_start", "message": { "usage": { "input_tokens": 7, "output_tokens": 1 } } }),
        json!({ "type": "ping" }),
        json!({ "type": "content_block_start", "content_block": { "type": "text", "text": "Well: " } }),
        json!({ "type": "content_block_delta", "delta": { "type": "text_delta", "text": "here" } }),
        json!({ "type": "content_block_start", "content_block": { "type": "tool_use", "name": "report", "input": {} } }),
        input("{\"a\""),
        input(":1}"),
        json!({ "type": "message_delta", "usage": { "output_tokens": 3 } }),
        json!({ "type": "message_stop" }),
    ];
    let (answer, ..) = ask(Speaks::Anthropic, &streams(&events)).await;
    let heard = answer.unwrap();
    assert_eq!((heard.words(), heard.usage), ("{\"a\":1}", cost));
    for speaks in SPEECHES {
        let (answer, ..) = ask(speaks, &says(speaks, "{}")).await;
        assert_eq!(answer.unwrap().usage, cost, "in one piece");
    }
    let whole =
        json!({ "content": [{ "type": "tool_use", "name": "report", "input": { "a": 1 } }] });
    let (answer, ..) = ask(Speaks::Anthropic, &http("200 OK", &whole.to_string())).await;
    assert_eq!(answer.unwrap().words(), "{\"a\":1}");
}

/// What llama.cpp streams, recorded, where its model's template knows of no tools: it takes the
/// tool and its choice, and answers with text.
#[tokio::test]
async fn a_form_that_comes_as_text_in_the_place_of_a_tools_input_is_taken() {
    let delta = |text: &str| json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } });
    let start = json!({ "type": "message_start", "message": {
        "id": "chatcmpl-uygi", "type": "message", "role": "assistant", "content": [],
        "model": "smollm2", "stop_reason": null, "stop_sequence": null,
        "usage": { "cache_read_input_tokens": 45, "input_tokens": 1, "output_tokens": 0 },
    } });
    let events = [
        start,
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        delta("{\""),
        delta("summary"),
        delta("\":"),
        delta(" \"The server failed."),
        delta("\","),
        delta(" \"confidence\": 0}"),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": { "output_tokens": 23 } }),
        json!({ "type": "message_stop" }),
    ];
    let (answer, _, body) = ask(Speaks::Anthropic, &streams(&events)).await;
    assert_eq!(body["tool_choice"]["type"], "tool");
    let heard = answer.unwrap();
    let cost = Some(Usage {
        input: 46,
        output: 23,
    });
    assert_eq!(
        (heard.words(), heard.usage, heard.is_cut),
        (
            "{\"summary\": \"The server failed.\", \"confidence\": 0}",
            cost,
            false
        )
    );
}

#[tokio::test]
async fn failures_are_named() {
    for speaks in SPEECHES {
        let refusal =
            "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 9\r\n\r\nno \x1b[2J..";
        let (answer, ..) = ask(speaks, refusal).await;
        let error = answer.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the model's server says HTTP 503: no \\x1b[2J.."
        );
        assert!(error.passes() && error.is_free());
        let ModelError::Http { retry_after, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(retry_after.as_deref(), Some("7"));
        let (answer, ..) = ask(speaks, &http("401 Unauthorized", "")).await;
        assert!(!answer.unwrap_err().passes());
        for garbage in ["", "no", "{}", "{\"choices\":[]}", "{\"content\":[]}"] {
            let (answer, ..) = ask(speaks, &http("200 OK", garbage)).await;
            assert!(
                matches!(answer, Err(ModelError::Garbage(_))),
                "{garbage}: {answer:?}"
            );
        }
        let (answer, ..) = ask(speaks, &says(speaks, "  ")).await;
        assert!(matches!(answer, Err(ModelError::Garbage(_))), "{answer:?}");
        let error = json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } });
        let (answer, ..) = ask(speaks, &streams(&[error])).await;
        assert_eq!(answer, Err(ModelError::Broke("Overloaded".to_owned())));
        let (answer, ..) = ask(speaks, "ssh-2.0\r\n\r\n").await;
        assert!(
            matches!(answer, Err(ModelError::Unreachable(_))),
            "{answer:?}"
        );
        let (listener, model) = listen(speaks).await;
        drop(listener);
        let answer = model.ask(b"{}", PATIENCE).await;
        assert!(
            matches!(answer, Err(ModelError::Unreachable(_))),
            "{answer:?}"
        );
    }
}

/// What comes of an answer that begins with `head` and goes on with `piece` for ever.
async fn endless(head: &str, piece: &[u8]) -> Result<Heard, ModelError> {
    let (listener, model) = listen(Speaks::Openai).await;
    let serve = async {
        let (mut stream, ..) = request(&listener).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        while stream.write_all(piece).await.is_ok() {}
    };
    let (answer, ()) = tokio::join!(model.ask(b"{}", PATIENCE), serve);
    answer
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let too_large = |max| Err(ModelError::TooLarge { max });
    let piece = [b'x'; 16 * 1024];
    let whole = endless("HTTP/1.1 200 OK\r\n\r\n", &piece).await;
    assert_eq!(whole, too_large(STREAM_BYTES_MAX));
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let words = json!({ "choices": [{ "delta": { "content": "x".repeat(1000) } }] });
    let words = endless(head, format!("data: {words}\n\n").as_bytes()).await;
    assert_eq!(words, too_large(ANSWER_BYTES_MAX));
    let pings = endless(head, &b": ping\n\n".repeat(1000)).await;
    assert_eq!(pings, too_large(STREAM_BYTES_MAX));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_hangs_is_given_up_in_time() {
    let (_listener, model) = listen(Speaks::Openai).await;
    let started = tokio::time::Instant::now();
    let answer = model.ask(b"{}", PATIENCE).await;
    assert_eq!(answer, Err(ModelError::TimedOut));
    assert_eq!(started.elapsed(), PATIENCE.silence);
    let none = Patience {
        within: Duration::ZERO,
        ..PATIENCE
    };
    assert_eq!(model.ask(b"{}", none).await, Err(ModelError::TimedOut));
}

/// An answer whose pieces come 8 s apart: longer than the model's time, but it is at it.
async fn slow(n_pieces: usize) -> (Result<Heard, ModelError>, u64) {
    let (listener, model) = listen(Speaks::Openai).await;
    let started = tokio::time::Instant::now();
    let serve = async {
        let (mut stream, ..) = request(&listener).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..n_pieces {
            tokio::time::sleep(Duration::from_secs(8)).await;
            let words = json!({ "choices": [{ "delta": { "content": "x" } }] });
            let event = format!("data: {words}\n\n");
            if stream.write_all(event.as_bytes()).await.is_err() {
                return;
            }
        }
    };
    let ask = async {
        let answer = model.ask(b"{}", PATIENCE).await;
        (answer, started.elapsed().as_secs())
    };
    let (answered, ()) = tokio::join!(ask, serve);
    answered
}

#[tokio::test(start_paused = true)]
async fn progress_keeps_a_question_alive_but_the_deadline_holds() {
    let (answer, after_s) = slow(2).await;
    assert_eq!((answer.unwrap().words(), after_s), ("xx", 16));
    let (answer, after_s) = slow(9).await;
    let heard = answer.unwrap();
    assert_eq!((heard.words(), heard.is_cut, after_s), ("xx", true, 20));
}

#[test]
fn an_address_may_be_given_short() {
    let check = |speaks, given: &str, expected: &str| {
        assert_eq!(endpoint(speaks, given).unwrap().as_str(), expected);
    };
    let openai = Speaks::Openai;
    check(openai, "http://h:1", "http://h:1/v1/chat/completions");
    check(openai, "http://h:1/v1/", "http://h:1/v1/chat/completions");
    check(
        openai,
        "https://h/api/v1",
        "https://h/api/v1/chat/completions",
    );
    let whole = "http://h/v1/chat/completions";
    check(openai, whole, whole);
    let anthropic = Speaks::Anthropic;
    check(
        anthropic,
        "https://api.anthropic.com",
        "https://api.anthropic.com/v1/messages",
    );
    check(anthropic, "http://h/v1", "http://h/v1/messages");
    for bad in ["file:///x", "nowhere", "https://key@h/v1"] {
        assert!(endpoint(openai, bad).is_err(), "{bad}");
    }
}
