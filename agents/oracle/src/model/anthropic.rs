//! Anthropic's messages, as Anthropic and llama.cpp speak them.
//!
//! The form of an answer is that of a tool's input. The tool is only a form: nothing runs it.

use serde_json::{Value, json};

use super::{
    Form, ModelError,
    budget::Usage,
    heard::Heard,
    question::{self, Question},
};
use crate::config::ModelConfig;

/// Where messages go, below what a directive names.
pub(super) const PATH: &str = "/messages";

/// The version of the protocol that is spoken here.
pub(super) const VERSION: &str = "2023-06-01";

/// The tool whose input is the answer.
const TOOL: &str = "report";

pub(super) fn body(config: &ModelConfig, question: &Question, form: Form) -> Value {
    let mut body = json!({
        "model": config.model,
        "max_tokens": config.max_tokens,
        "system": question.system,
        "messages": [{ "role": "user", "content": question.user }],
    });
    if let Some(temperature) = config.temperature {
        // It goes up to 1 here.
        body["temperature"] = json!(temperature.min(1.0));
    }
    if config.stream {
        body["stream"] = json!(true);
    }
    if form == Form::Schema {
        body["tools"] = json!([{
            "name": TOOL,
            "description": "Takes the report on the digest.",
            "input_schema": question::schema(),
        }]);
        body["tool_choice"] = json!({ "type": "tool", "name": TOOL });
    }
    body
}

/// Takes an answer that came whole.
pub(super) fn whole(answer: &Value, heard: &mut Heard) -> Result<(), ModelError> {
    refused(answer)?;
    usage(answer.get("usage"), heard);
    let blocks = answer.get("content").and_then(Value::as_array);
    for block in blocks.into_iter().flatten() {
        start(block, heard)?;
        heard.say(text(block, "/text"))?;
    }
    Ok(())
}

/// Takes one event of an answer that comes in pieces; whether it is the last.
pub(super) fn piece(data: &str, heard: &mut Heard) -> Result<bool, ModelError> {
    let event: Value =
        serde_json::from_str(data).map_err(|error| ModelError::Garbage(error.to_string()))?;
    refused(&event)?;
    match text(&event, "/type") {
        "message_start" => usage(event.pointer("/message/usage"), heard),
        "message_delta" => usage(event.get("usage"), heard),
        "content_block_start" => {
            if let Some(block) = event.get("content_block") {
                start(block, heard)?;
                heard.say(text(block, "/text"))?;
            }
        }
        "content_block_delta" => {
            heard.say(text(&event, "/delta/text"))?;
            heard.fill(text(&event, "/delta/partial_json"))?;
        }
        "message_stop" => return Ok(true),
        _ => {}
    }
    Ok(false)
}

/// The start of a block: a tool's input may stand in it whole.
fn start(block: &Value, heard: &mut Heard) -> Result<(), ModelError> {
    let input = block.get("input").and_then(Value::as_object);
    match input.filter(|input| !input.is_empty()) {
        None => Ok(()),
        Some(_) => heard.fill(&block["input"].to_string()),
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Counts come in parts: the question's at the start, the answer's at the end.
fn usage(usage: Option<&Value>, heard: &mut Heard) {
    let Some(usage) = usage else { return };
    let tokens = |name: &str| usage.get(name).and_then(Value::as_u64);
    let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"];
    let cached: u64 = cached.into_iter().filter_map(tokens).sum();
    let known = heard.usage.unwrap_or_default();
    let input = tokens("input_tokens").map(|input| input.saturating_add(cached));
    heard.usage = Some(Usage {
        input: input.unwrap_or_default().max(known.input),
        output: tokens("output_tokens")
            .unwrap_or_default()
            .max(known.output),
    });
}

/// An error in the place of an answer, or in the middle of one.
fn refused(value: &Value) -> Result<(), ModelError> {
    match value.get("type").and_then(Value::as_str) {
        Some("error") => Err(ModelError::broke(&value["error"])),
        _ => Ok(()),
    }
}
