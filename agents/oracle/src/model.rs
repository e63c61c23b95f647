//! A language model behind OpenAI's chat completions. It is given data and asked for an opinion; it
//! has no tools, and what it says is only ever shown.

pub(crate) mod answer;
pub(crate) mod question;

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde_json::{Value, json};
use skep_agent::one_line;
use skep_lines::neutral_cut;
use tokio::time::timeout;

use self::question::Question;
use crate::config::OpenaiConfig;

/// Longest time a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read; a longer one is none.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a refusal that are told.
const REASON_BYTES_MAX: usize = 200;

/// Why a model gave no opinion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ModelError {
    /// The time that the asker waits left none for it.
    #[error("the model did not answer in time")]
    TimedOut,
    /// It could not be reached.
    #[error("the model could not be reached: {0}")]
    Unreachable(String),
    /// Its server says no.
    #[error("the model's server says HTTP {status}: {text}")]
    Http {
        /// The status.
        status: u16,
        /// The start of what it says.
        text: String,
    },
    /// Its answer is larger than an answer is.
    #[error("the model's answer is larger than {max} bytes")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// Its answer is none.
    #[error("the model's answer is no report: {0}")]
    Garbage(String),
}

/// A model.
#[derive(Debug)]
pub(crate) struct Model {
    client: Client,
    url: Url,
    config: OpenaiConfig,
}

impl Model {
    pub(crate) fn new(config: OpenaiConfig) -> Result<Self, String> {
        let url = endpoint(&config.url)?;
        let client = Client::builder()
            .connect_timeout(CONNECT_TIME_MAX)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("skep/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("openai: {}", one_line(&error)))?;
        Ok(Self {
            client,
            url,
            config,
        })
    }

    /// Signs its reports.
    pub(crate) fn name(&self) -> String {
        format!("openai {}", self.config.model)
    }

    /// Bytes that a question to it may have.
    pub(crate) fn question_bytes(&self) -> usize {
        question::bytes_for(self.config.context_tokens, self.config.max_tokens)
    }

    /// Asks once; what it says, as text. A server that does not know how to bind an answer to a
    /// schema is asked again without one, in the same time.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn ask(
        &self,
        question: &Question,
        within: Duration,
    ) -> Result<String, ModelError> {
        let within = within.min(Duration::from_secs(self.config.timeout_s));
        if within.is_zero() {
            return Err(ModelError::TimedOut);
        }
        let asked = async {
            let bound = self.post(&self.body(question, true)).await;
            match bound {
                Err(ModelError::Http {
                    status: 400 | 422, ..
                }) => self.post(&self.body(question, false)).await,
                answered => answered,
            }
        };
        timeout(within, asked)
            .await
            .unwrap_or(Err(ModelError::TimedOut))
    }

    /// The exact body of a question.
    pub(crate) fn body(&self, question: &Question, bound: bool) -> Value {
        let mut body = json!({
            "model": self.config.model,
            "temperature": self.config.temperature,
            "max_tokens": self.config.max_tokens,
            "messages": [
                { "role": "system", "content": question.system },
                { "role": "user", "content": question.user },
            ],
        });
        if bound {
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": {
                    "name": "report",
                    "schema": question::schema(),
                },
            });
        }
        body
    }

    async fn post(&self, body: &Value) -> Result<String, ModelError> {
        let mut request = self.client.post(self.url.clone()).json(body);
        if let Some(key) = self.config.api_key.as_ref().filter(|key| !key.is_empty()) {
            request = request.bearer_auth(key);
        }
        let unreachable =
            |error: reqwest::Error| ModelError::Unreachable(one_line(&error.without_url()));
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let bytes = read(response).await?;
        if status != StatusCode::OK {
            let text = neutral_cut(bytes.trim_ascii(), REASON_BYTES_MAX);
            return Err(ModelError::Http {
                status: status.as_u16(),
                text,
            });
        }
        content(&bytes)
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, ModelError> {
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let chunk =
            chunk.map_err(|error| ModelError::Unreachable(one_line(&error.without_url())))?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(ModelError::TooLarge {
                max: ANSWER_BYTES_MAX,
            });
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// What the model says, out of what its server says.
fn content(bytes: &[u8]) -> Result<String, ModelError> {
    let answer: Value =
        serde_json::from_slice(bytes).map_err(|error| ModelError::Garbage(error.to_string()))?;
    let content = answer
        .pointer("/choices/0/message/content")
        .and_then(Value::as_str);
    let content = content.filter(|content| !content.trim().is_empty());
    content
        .map(str::to_owned)
        .ok_or_else(|| ModelError::Garbage("it says nothing".to_owned()))
}

/// Where completions are made, from what a directive says.
fn endpoint(url: &str) -> Result<Url, String> {
    let mut url = Url::parse(url).map_err(|error| format!("openai: url: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("openai: url: it must begin with http:// or https://".to_owned());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with("/chat/completions") {
        let base = if path.is_empty() {
            "/v1"
        } else {
            path.as_str()
        };
        url.set_path(&format!("{base}/chat/completions"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
