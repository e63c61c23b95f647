//! The agent's part of a directive.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::redact::Redact;

/// Models of one agent; more are a mistake in the directive.
pub(crate) const BACKENDS_MAX: usize = 8;

/// Where OpenAI's own models are.
const OPENAI_URL: &str = "https://api.openai.com/v1";

/// The model that is asked where a directive with the older keys names none.
const OPENAI_MODEL: &str = "gpt-4o-mini";

/// The agent's part of a directive.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who is asked, in this order; `builtin` always answers in the end.
    #[schemars(length(max = 8))]
    pub backends: Vec<BackendConfig>,
    /// What leaves the host under another name. Secrets and mail addresses never leave it.
    pub redact: Redact,
    /// The older way to name OpenAI as the backend.
    pub openai: Option<OpenaiKey>,
    /// The same, without the object around it.
    pub api_key: Option<String>,
    /// The model that `openai` or `api_key` asks.
    pub model: Option<String>,
    /// How freely it answers, 0 to 2.
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f64>,
    /// How much it says.
    pub response_mode: ResponseMode,
    /// Kept for older directives; prompts are never written to a log.
    pub dump_incoming_prompts: bool,
}

/// A key for OpenAI.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenaiKey {
    /// The key.
    pub api_key: String,
}

/// How much a model says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResponseMode {
    /// A sentence or two.
    #[default]
    Terse,
    /// Some more.
    Verbose,
    /// The same as `verbose`.
    Creative,
}

/// Who is asked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum BackendConfig {
    /// The analysis that needs nothing.
    Builtin,
    /// A server that speaks OpenAI's chat completions: OpenAI, Ollama, vLLM, llama.cpp.
    Openai(OpenaiConfig),
}

/// A server that speaks OpenAI's chat completions.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenaiConfig {
    /// Where: `http://127.0.0.1:8080/v1`.
    pub url: String,
    /// The model's name.
    pub model: String,
    /// The key; none where the server needs none.
    #[serde(default)]
    pub api_key: Option<String>,
    /// How freely it answers.
    #[serde(default)]
    #[schemars(range(min = 0, max = 2))]
    pub temperature: f64,
    /// Tokens that a question and its answer may have together.
    #[serde(default = "context_tokens")]
    #[schemars(range(min = 1024))]
    pub context_tokens: usize,
    /// Tokens of an answer.
    #[serde(default = "answer_tokens")]
    #[schemars(range(min = 64))]
    pub max_tokens: usize,
    /// Longest wait for it, in seconds, whatever the asker would wait.
    #[serde(default = "timeout_s")]
    #[schemars(range(min = 1, max = 600))]
    pub timeout_s: u64,
}

impl Config {
    /// The models that are asked, in order.
    pub(crate) fn models(&self) -> Vec<OpenaiConfig> {
        let named = self.backends.iter().filter_map(|backend| match backend {
            BackendConfig::Builtin => None,
            BackendConfig::Openai(openai) => Some(openai.clone()),
        });
        let key = self
            .openai
            .as_ref()
            .map(|openai| &openai.api_key)
            .or(self.api_key.as_ref());
        let older = key.filter(|key| !key.is_empty()).map(|key| OpenaiConfig {
            url: OPENAI_URL.to_owned(),
            model: self
                .model
                .clone()
                .unwrap_or_else(|| OPENAI_MODEL.to_owned()),
            api_key: Some(key.clone()),
            temperature: self.temperature.unwrap_or(0.0),
            context_tokens: context_tokens(),
            max_tokens: answer_tokens(),
            timeout_s: timeout_s(),
        });
        // `builtin` answers at once: what stands behind it would never be asked.
        let before = self
            .backends
            .iter()
            .take_while(|b| !matches!(b, BackendConfig::Builtin));
        named.take(before.count()).chain(older).collect()
    }
}

fn context_tokens() -> usize {
    4096
}

fn answer_tokens() -> usize {
    600
}

fn timeout_s() -> u64 {
    120
}
