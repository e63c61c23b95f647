//! OpenAI's chat completions, as OpenAI, Ollama, vLLM and llama.cpp speak them.

use serde_json::{Value, json};

use super::{
    Form, ModelError,
    budget::Usage,
    heard::Heard,
    question::{self, Question},
};
use crate::config::{MaxTokensKey, ModelConfig};

/// Where completions are made, below what a directive names.
pub(super) const PATH: &str = "/chat/completions";

pub(super) fn body(config: &ModelConfig, question: &Question, form: Form) -> Value {
    let mut body = json!({
        "model": config.model,
        "messages": [
            { "role": "system", "content": question.system },
            { "role": "user", "content": question.user },
        ],
    });
    let max_tokens = match config.max_tokens_key {
        MaxTokensKey::MaxTokens => "max_tokens",
        MaxTokensKey::MaxCompletionTokens => "max_completion_tokens",
    };
    body[max_tokens] = json!(config.max_tokens);
    if let Some(temperature) = config.temperature {
        body["temperature"] = json!(temperature);
    }
    if config.stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({ "include_usage": true });
    }
    if form == Form::Schema {
        body["response_format"] = json!({
            "type": "json_schema",
            "json_schema": { "name": "report", "schema": question::schema() },
        });
    }
    body
}

/// Takes an answer that came whole.
pub(super) fn whole(answer: &Value, heard: &mut Heard) -> Result<(), ModelError> {
    refused(answer)?;
    usage(answer, heard);
    let content = answer.pointer("/choices/0/message/content");
    heard.say(content.and_then(Value::as_str).unwrap_or_default())
}

/// Takes one event of an answer that comes in pieces; whether it is the last.
pub(super) fn piece(data: &str, heard: &mut Heard) -> Result<bool, ModelError> {
    if data.trim() == "[DONE]" {
        return Ok(true);
    }
    let event: Value =
        serde_json::from_str(data).map_err(|error| ModelError::Garbage(error.to_string()))?;
    refused(&event)?;
    usage(&event, heard);
    let content = event.pointer("/choices/0/delta/content");
    heard.say(content.and_then(Value::as_str).unwrap_or_default())?;
    Ok(false)
}

fn usage(value: &Value, heard: &mut Heard) {
    let tokens = |name: &str| value.pointer(name).and_then(Value::as_u64);
    let input = tokens("/usage/prompt_tokens");
    if let Some((input, output)) = input.zip(tokens("/usage/completion_tokens")) {
        heard.usage = Some(Usage { input, output });
    }
}

/// An error in the place of an answer, or in the middle of one.
fn refused(value: &Value) -> Result<(), ModelError> {
    match value.get("error").filter(|error| !error.is_null()) {
        None => Ok(()),
        Some(error) => Err(ModelError::broke(error)),
    }
}
