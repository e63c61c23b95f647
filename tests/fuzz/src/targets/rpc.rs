//! What people's programs and the door say to each other: JSON text.

use serde_json::json;
use skep_packet::decode_content;
use skep_protocol::{
    digest::GenerateDigest,
    rpc::{CALL_TIME_MAX_S, CallRequest, FromClient, FromDoor},
};

use crate::{
    Outcome, Plant, Target,
    target::{shape_of, words_of},
};

pub(super) const CLIENT: Target = Target {
    name: "rpc-client",
    room: "agents/protocol",
    bytes_max: 4096,
    words: WORDS,
    plant: client_messages,
    run: client,
};

pub(super) const DOOR: Target = Target {
    name: "rpc-door",
    room: "agents/protocol",
    bytes_max: 4096,
    words: WORDS,
    plant: door_messages,
    run: door,
};

pub(super) const CALL: Target = Target {
    name: "rpc-call",
    room: "agents/protocol",
    bytes_max: 4096,
    words: CALL_WORDS,
    plant: calls,
    run: call,
};

const CALL_WORDS: &[&str] = &[
    "\"service\":",
    "\"payload\":",
    "\"token\":",
    "\"proof\":",
    "\"choice\":\"one\"",
    "\"choice\":\"all\"",
    "\"within_s\":",
    "null",
    "0",
    "900",
    "901",
    "-1",
    "\\u0000",
    "{",
    "}",
    ",",
];

const WORDS: &[&str] = &[
    "\"type\":",
    "\"login\"",
    "\"request\"",
    "\"subscribe\"",
    "\"tree\"",
    "\"bye\"",
    "\"hello\"",
    "\"welcome\"",
    "\"callback\"",
    "\"gap\"",
    "\"refused\"",
    "\"resume\":",
    "\"cursor\":",
    "null",
    "true",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"choice\":\"one\"",
    "\\u0000",
    "[[[[[[[[[[[[",
];

/// What a client said is said again in the same words, and a digest's wishes are read out of it.
fn client(bytes: &[u8]) -> Outcome {
    let message: FromClient = match decode_content(bytes) {
        Ok(message) => message,
        Err(error) => return words_of(&error),
    };
    let text = serde_json::to_vec(&message).expect("a message is JSON");
    assert_eq!(
        decode_content::<FromClient>(&text).ok().as_ref(),
        Some(&message)
    );
    match &message {
        FromClient::Request(request) => {
            let wish = decode_content::<GenerateDigest>(request.payload.as_bytes());
            let wish = wish.map_or_else(|error| words_of(&error), |_| "a wish".to_owned());
            format!("request {wish}")
        }
        FromClient::Login { resume, .. } => format!("login {}", resume.is_some()),
        FromClient::Subscribe { on } => format!("subscribe {on}"),
        FromClient::Tree {} => "tree".to_owned(),
        FromClient::Bye {} => "bye".to_owned(),
    }
}

/// A call is said again in the same words, never takes longer than a call may, and becomes the
/// request that a conversation would carry.
fn call(bytes: &[u8]) -> Outcome {
    let call: CallRequest = match decode_content(bytes) {
        Ok(call) => call,
        Err(error) => return words_of(&error),
    };
    let text = serde_json::to_vec(&call).expect("a call is JSON");
    let again = decode_content::<CallRequest>(&text);
    assert_eq!(again.ok().as_ref(), Some(&call), "it does not come back");
    let within_s = call.within().map(|within| within.as_secs());
    assert!(
        within_s.is_none_or(|within_s| (1..=CALL_TIME_MAX_S).contains(&within_s)),
        "a call takes {within_s:?} s"
    );
    let outcome = format!("call in time {} {:?}", within_s.is_some(), call.choice);
    let request = FromClient::Request(call.request());
    let text = serde_json::to_vec(&request).expect("a message is JSON");
    assert!(
        decode_content::<FromClient>(&text).is_ok(),
        "a call is no request"
    );
    outcome
}

fn door(bytes: &[u8]) -> Outcome {
    match decode_content::<FromDoor>(bytes) {
        Ok(message) => {
            let text = serde_json::to_vec(&message).expect("a message is JSON");
            assert!(
                decode_content::<FromDoor>(&text).is_ok(),
                "it does not come back"
            );
            shape_of(&message)
        }
        Err(error) => words_of(&error),
    }
}

fn planted(messages: Vec<(&str, serde_json::Value)>) -> Vec<Plant> {
    let plant = |(name, message): (&str, serde_json::Value)| {
        (name.to_owned(), message.to_string().into_bytes())
    };
    messages.into_iter().map(plant).collect()
}

fn client_messages() -> Vec<Plant> {
    let wish =
        json!({ "collectors": ["sshd"], "use_oracle": 1, "include_details": false }).to_string();
    planted(vec![
        ("login", json!({ "type": "login", "login": "AA==" })),
        (
            "resume",
            json!({ "type": "login", "login": "AA==", "resume": { "session_id": "s", "cursor": 7 } }),
        ),
        (
            "request",
            json!({
                "type": "request", "service": "logwatch.generate.digest", "payload": wish, "token": "t",
                "proof": "AA==", "choice": "all"
            }),
        ),
        ("subscribe", json!({ "type": "subscribe", "on": true })),
        ("tree", json!({ "type": "tree" })),
        ("bye", json!({ "type": "bye" })),
    ])
}

fn calls() -> Vec<Plant> {
    let call = |more: serde_json::Value| {
        let mut call = json!({
            "service": "logwatch.generate.digest", "payload": "{}", "token": "0123456789abcdef",
            "proof": "AA=="
        });
        if let (Some(call), Some(more)) = (call.as_object_mut(), more.as_object()) {
            call.extend(more.clone());
        }
        call
    };
    planted(vec![
        ("plain", call(json!({}))),
        ("one", call(json!({ "choice": "one", "within_s": 5 }))),
        ("too-long", call(json!({ "within_s": 901 }))),
        ("no-time", call(json!({ "within_s": null }))),
        ("unknown", call(json!({ "session": "s" }))),
    ])
}

fn door_messages() -> Vec<Plant> {
    planted(vec![
        (
            "hello",
            json!({ "type": "hello", "version": 1, "node": "n1", "nonce": "00", "binding": "unix" }),
        ),
        (
            "welcome",
            json!({
                "type": "welcome", "session_id": "s", "operator": "ann", "level": "viewer", "cursor": 0, "bearer": "b"
            }),
        ),
        (
            "callback",
            json!({ "type": "callback", "cursor": 1, "callback": {
            "session_id": "s", "token": "t", "return_handler": "cmd_callback", "origin": "w@n1",
            "seq": 1, "start_line": 0, "lines": ["a"], "next_offset": 1, "timestamp": 1.5, "last": true
        } }),
        ),
        ("gap", json!({ "type": "gap", "from": 1, "to": 9 })),
        ("tree", json!({ "type": "tree", "tree": { "nodes": [] } })),
        (
            "refused",
            json!({ "type": "refused", "code": "login", "message": "no", "closing": true }),
        ),
    ])
}
