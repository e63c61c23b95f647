//! The agent's part of a directive.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    model::budget::{Budget, Price},
    redact::Redact,
};

/// Models of one agent; more are a mistake in the directive.
pub(crate) const BACKENDS_MAX: usize = 8;

/// Where OpenAI's own models are.
const OPENAI_URL: &str = "https://api.openai.com/v1";

/// The model that is asked where a directive with the older keys names none.
const OPENAI_MODEL: &str = "gpt-4o-mini";

/// The agent's part of a directive.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who is asked, in this order, until one answers; `builtin` always answers in the end.
    #[schemars(length(max = 8))]
    pub backends: Vec<BackendConfig>,
    /// What leaves the host under another name. Secrets and mail addresses never leave it.
    pub redact: Redact,
    /// What all models together may cost in a day. Beyond it the builtin analysis answers alone.
    pub budget: Budget,
    /// Answers that are kept in memory for an hour, for a question of the same bytes; 0 for none.
    #[schemars(range(max = 1024))]
    pub cache_answers: usize,
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

impl Default for Config {
    fn default() -> Self {
        Self {
            backends: Vec::new(),
            redact: Redact::default(),
            budget: Budget::default(),
            cache_answers: 64,
            openai: None,
            api_key: None,
            model: None,
            temperature: None,
            response_mode: ResponseMode::default(),
            dump_incoming_prompts: false,
        }
    }
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
    Openai(ModelConfig),
    /// A server that speaks Anthropic's messages: Anthropic, llama.cpp.
    Anthropic(ModelConfig),
}

/// A model and its server.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Where: `http://127.0.0.1:8080/v1`, `https://api.anthropic.com`.
    pub url: String,
    /// The model's name.
    pub model: String,
    /// The key, best as `{"$secret": "file:…"}`; none where the server needs none.
    #[serde(default)]
    pub api_key: Option<String>,
    /// How freely it answers; `null` for models that take no such number.
    #[serde(default = "temperature")]
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f64>,
    /// Tokens that a question and its answer may have together.
    #[serde(default = "context_tokens")]
    #[schemars(range(min = 1024))]
    pub context_tokens: usize,
    /// Tokens of an answer.
    #[serde(default = "answer_tokens")]
    #[schemars(range(min = 64))]
    pub max_tokens: usize,
    /// What a request calls the bound on an answer's tokens.
    #[serde(default)]
    pub max_tokens_key: MaxTokensKey,
    /// Longest silence of it, in seconds. While an answer comes, it may take as long as the asker
    /// waits.
    #[serde(default = "timeout_s")]
    #[schemars(range(min = 1, max = 600))]
    pub timeout_s: u64,
    /// Whether answers come piece by piece, which shows sooner that a server is silent.
    #[serde(default = "yes")]
    pub stream: bool,
    /// Questions that it is asked at a time; more wait for their turn.
    #[serde(default = "concurrent")]
    #[schemars(range(min = 1, max = 16))]
    pub concurrent: usize,
    /// What it costs.
    #[serde(default)]
    pub price: Price,
    /// What it alone may cost in a day. Beyond it the next backend is asked.
    #[serde(default)]
    pub budget: Budget,
}

/// What a request calls the bound on an answer's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensKey {
    /// What nearly all servers know.
    #[default]
    MaxTokens,
    /// What OpenAI's reasoning models want.
    MaxCompletionTokens,
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Openai,
    Anthropic,
}

impl Config {
    /// The models that are asked, in order.
    pub(crate) fn models(&self) -> Vec<(Speaks, ModelConfig)> {
        // `builtin` answers at once: what stands behind it would never be asked.
        let before = self
            .backends
            .iter()
            .take_while(|backend| !matches!(backend, BackendConfig::Builtin));
        let named = before.filter_map(|backend| match backend {
            BackendConfig::Builtin => None,
            BackendConfig::Openai(model) => Some((Speaks::Openai, model.clone())),
            BackendConfig::Anthropic(model) => Some((Speaks::Anthropic, model.clone())),
        });
        let key = self
            .openai
            .as_ref()
            .map(|openai| &openai.api_key)
            .or(self.api_key.as_ref());
        let older = key.filter(|key| !key.is_empty()).map(|key| {
            let name = self.model.as_deref().unwrap_or(OPENAI_MODEL);
            let model = ModelConfig {
                api_key: Some(key.clone()),
                temperature: Some(self.temperature.unwrap_or(0.0)),
                ..ModelConfig::new(OPENAI_URL, name)
            };
            (Speaks::Openai, model)
        });
        named.chain(older).collect()
    }
}

impl ModelConfig {
    /// A model with the bounds that hold where a directive names none.
    #[must_use]
    pub fn new(url: &str, model: &str) -> Self {
        Self {
            url: url.to_owned(),
            model: model.to_owned(),
            api_key: None,
            temperature: temperature(),
            context_tokens: context_tokens(),
            max_tokens: answer_tokens(),
            max_tokens_key: MaxTokensKey::default(),
            timeout_s: timeout_s(),
            stream: yes(),
            concurrent: concurrent(),
            price: Price::default(),
            budget: Budget::default(),
        }
    }
}

fn temperature() -> Option<f64> {
    Some(0.0)
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

fn yes() -> bool {
    true
}

fn concurrent() -> usize {
    2
}
