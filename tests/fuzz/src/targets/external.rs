//! What an agent in another language writes to its stdout.

use serde_json::json;
use skep_protocol::external::{FromChild, LINE_BYTES_MAX, Line, LineError, Lines};

use crate::{
    Outcome, Plant, Target,
    target::{shape_of, words_of},
};

pub(super) const EXTERNAL: Target = Target {
    name: "external",
    room: "agents/protocol",
    bytes_max: 4096,
    words: WORDS,
    plant,
    run,
};

const WORDS: &[&str] = &[
    "\"type\":",
    "\"ready\"",
    "\"reply\"",
    "\"error\"",
    "\"working\"",
    "\"part\"",
    "\"ask\"",
    "\"send\"",
    "\"state\"",
    "\"beacon\"",
    "\"call\":1",
    "\"content\":",
    "\"role\":\"hive.*\"",
    "\n",
    "\r\n",
    "\\n",
    "\\u0000",
    "null",
    "18446744073709551616",
    "[[[[[[[[[[[[[[[[",
    "{",
    "}",
];

/// Lines are the same however the bytes come, and a message that is said again is read again.
fn run(bytes: &[u8]) -> Outcome {
    let whole = lines_of(bytes, bytes.len().max(1), LINE_BYTES_MAX);
    for step in [1, 7] {
        let parted = lines_of(bytes, step, LINE_BYTES_MAX);
        assert_eq!(parted, whole, "lines depend on how the bytes come");
    }
    for line in lines_of(bytes, 3, 16) {
        assert!(line.bytes.len() <= 16, "more is kept than allowed");
        let cut = matches!(FromChild::read(&line), Err(LineError::TooLong));
        assert_eq!(cut, line.is_cut, "half a line is believed");
    }
    let outcomes: Vec<Outcome> = whole.iter().take(4).map(message).collect();
    outcomes.join("; ")
}

fn lines_of(bytes: &[u8], step: usize, bytes_max: usize) -> Vec<Line> {
    let mut lines = Lines::new(bytes_max);
    let mut found = Vec::new();
    for mut block in bytes.chunks(step) {
        while let Some(line) = lines.next(&mut block) {
            found.push(line);
        }
    }
    found.extend(lines.rest());
    found
}

fn message(line: &Line) -> Outcome {
    let message = match FromChild::read(line) {
        Ok(message) => message,
        Err(error) => return words_of(&error),
    };
    let mut lines = Lines::new(LINE_BYTES_MAX);
    let said = message.line();
    let mut rest = said.as_slice();
    let again = lines.next(&mut rest).map(|line| FromChild::read(&line));
    assert!(rest.is_empty(), "one message is two lines");
    assert_eq!(again, Some(Ok(message.clone())), "it does not come back");
    shape_of(&message)
}

fn plant() -> Vec<Plant> {
    let all = [
        ("ready", json!({"type": "ready", "version": 1})),
        (
            "reply",
            json!({"type": "reply", "call": 1, "content": {"a": [1, "b", null]}}),
        ),
        (
            "error",
            json!({"type": "error", "call": 1, "error": "not today"}),
        ),
        (
            "working",
            json!({"type": "working", "call": 1, "note": "counting"}),
        ),
        ("part", json!({"type": "part", "call": 1, "text": "a\nb"})),
        (
            "ask",
            json!({"type": "ask", "ask": 1, "role": "hive.*", "content": 1, "within_s": 9, "all": true}),
        ),
        (
            "send",
            json!({"type": "send", "send": 1, "role": "hive.alert", "content": "x", "durable": true}),
        ),
        ("state", json!({"type": "state", "state": {"n": 1}})),
        ("beacon", json!({"type": "beacon"})),
    ];
    let line = |value: &serde_json::Value| format!("{value}\n");
    let life: String = all.iter().map(|(_, value)| line(value)).collect();
    let plant =
        |(name, value): (&str, serde_json::Value)| (name.to_owned(), line(&value).into_bytes());
    let mut plants: Vec<Plant> = all.into_iter().map(plant).collect();
    plants.push(("life".to_owned(), life.into_bytes()));
    plants
}
