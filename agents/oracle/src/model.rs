//! A language model behind an HTTP server. It is given data and asked for an opinion; it runs
//! nothing, and what it says is only ever shown.

pub(crate) mod answer;
mod anthropic;
mod body;
pub(crate) mod breaker;
pub(crate) mod budget;
pub(crate) mod cache;
mod error;
pub(crate) mod ground;
mod heard;
mod openai;
pub(crate) mod orders;
pub(crate) mod question;
pub(crate) mod retry;
mod sse;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use reqwest::{
    Client, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap},
    redirect,
};
use serde_json::Value;
use skep_agent::one_line;
use tokio::time::timeout;

use self::{body::Body, question::Question, sse::Events};
pub(crate) use self::{error::ModelError, heard::Heard};
use crate::config::{ModelConfig, Speaks};

/// Longest time a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes of a refusal that are told.
const REASON_BYTES_MAX: usize = 200;

/// How long an answer is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// The longest silence.
    pub(crate) silence: Duration,
    /// From the question to the end of the answer.
    pub(crate) within: Duration,
}

/// How an answer is bound to its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// By a schema that the server knows of.
    Schema,
    /// By words alone.
    Words,
}

/// A model.
#[derive(Debug)]
pub(crate) struct Model {
    client: Client,
    url: Url,
    speaks: Speaks,
    pub(crate) config: ModelConfig,
    /// Whether its server was seen not to know of schemas.
    is_unbound: AtomicBool,
}

impl Model {
    pub(crate) fn new(speaks: Speaks, config: ModelConfig) -> Result<Self, String> {
        let kind = word(speaks);
        let url = endpoint(speaks, &config.url).map_err(|error| format!("{kind}: url: {error}"))?;
        let client = Client::builder()
            .connect_timeout(CONNECT_TIME_MAX)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("skep/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("{kind}: {}", one_line(&error)))?;
        Ok(Self {
            client,
            url,
            speaks,
            config,
            is_unbound: AtomicBool::new(false),
        })
    }

    /// Signs its reports.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", word(self.speaks), self.config.model)
    }

    /// Where its questions go.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Bytes that a question to it may have.
    pub(crate) fn question_bytes(&self) -> usize {
        question::bytes_for(self.config.context_tokens, self.config.max_tokens)
    }

    /// How its next question is bound.
    pub(crate) fn form(&self) -> Form {
        match self.is_unbound.load(Ordering::Relaxed) {
            true => Form::Words,
            false => Form::Schema,
        }
    }

    /// Its server does not know of schemas.
    pub(crate) fn unbind(&self) {
        self.is_unbound.store(true, Ordering::Relaxed);
    }

    /// The exact bytes of a question.
    pub(crate) fn body(&self, question: &Question, form: Form) -> Vec<u8> {
        let body = match self.speaks {
            Speaks::Openai => openai::body(&self.config, question, form),
            Speaks::Anthropic => anthropic::body(&self.config, question, form),
        };
        body.to_string().into_bytes()
    }

    /// Asks once, with the bytes of a question. Where the time ends in the middle of an answer, it
    /// is what came of it.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn ask(&self, body: &[u8], patience: Patience) -> Result<Heard, ModelError> {
        if patience.within.is_zero() {
            return Err(ModelError::TimedOut);
        }
        let mut heard = Heard::default();
        let listened = timeout(
            patience.within,
            self.listen(body, patience.silence, &mut heard),
        );
        match listened.await {
            Ok(Ok(())) if heard.words().is_empty() => {
                Err(ModelError::Garbage("it says nothing".to_owned()))
            }
            Ok(Ok(())) => Ok(heard),
            Ok(Err(error)) => Err(error),
            Err(_) if heard.words().is_empty() => Err(ModelError::TimedOut),
            Err(_) => {
                heard.is_cut = true;
                Ok(heard)
            }
        }
    }

    async fn listen(
        &self,
        body: &[u8],
        silence: Duration,
        heard: &mut Heard,
    ) -> Result<(), ModelError> {
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_vec());
        let key = self.config.api_key.as_ref().filter(|key| !key.is_empty());
        request = match (self.speaks, key) {
            (Speaks::Openai, Some(key)) => request.bearer_auth(key),
            (Speaks::Anthropic, Some(key)) => request.header("x-api-key", key),
            (_, None) => request,
        };
        if self.speaks == Speaks::Anthropic {
            request = request.header("anthropic-version", anthropic::VERSION);
        }
        let sent = timeout(silence, request.send()).await;
        let response = sent
            .map_err(|_| ModelError::TimedOut)?
            .map_err(unreachable)?;
        let mut body = Body::new(response, silence);
        if body.response.status() != StatusCode::OK {
            return Err(body.refusal().await);
        }
        if is_stream(body.response.headers()) {
            return self.pieces(&mut body, heard).await;
        }
        let bytes = body.whole().await?;
        let answer: Value = serde_json::from_slice(&bytes)
            .map_err(|error| ModelError::Garbage(error.to_string()))?;
        match self.speaks {
            Speaks::Openai => openai::whole(&answer, heard),
            Speaks::Anthropic => anthropic::whole(&answer, heard),
        }
    }

    async fn pieces(&self, body: &mut Body, heard: &mut Heard) -> Result<(), ModelError> {
        let piece = match self.speaks {
            Speaks::Openai => openai::piece,
            Speaks::Anthropic => anthropic::piece,
        };
        let mut events = Events::default();
        while let Some(chunk) = body.chunk().await? {
            for data in events.push(&chunk)? {
                if piece(&data, heard)? {
                    return Ok(());
                }
            }
        }
        if let Some(data) = events.finish() {
            piece(&data, heard)?;
        }
        Ok(())
    }
}

fn unreachable(error: reqwest::Error) -> ModelError {
    ModelError::Unreachable(one_line(&error.without_url()))
}

/// A server that was asked for a stream may still answer in one piece.
fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

fn word(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::Openai => "openai",
        Speaks::Anthropic => "anthropic",
    }
}

/// Where questions go, from what a directive says.
fn endpoint(speaks: Speaks, url: &str) -> Result<Url, String> {
    let mut url = Url::parse(url).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("it must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a key belongs into api_key, not into the address".to_owned());
    }
    let end = match speaks {
        Speaks::Openai => openai::PATH,
        Speaks::Anthropic => anthropic::PATH,
    };
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with(end) {
        let base = if path.is_empty() {
            "/v1"
        } else {
            path.as_str()
        };
        url.set_path(&format!("{base}{end}"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
