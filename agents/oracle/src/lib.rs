//! The oracle: reads a digest and says what a person should make of it.
//!
//! The builtin analysis always answers, from what was counted. Where the directive names a language
//! model, that is asked too, within the time that the asker waits: it may add findings and raise
//! the severity to a warning, never lower anything (`model/answer.rs`). What goes to it is redacted
//! first (`redact.rs`).

pub mod builtin;
mod config;
mod counsel;
mod model;
mod redact;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};
use skep_agent::{Access, Agent, AgentError, AgentSpec, Ctx, HandlerError, Handlers, Request};
use skep_packet::HandlerName;
use skep_protocol::oracle::{self, Prompt};
use tokio::sync::Semaphore;

use self::{config::BACKENDS_MAX, counsel::Counsel, model::Model};
pub use self::{
    config::{BackendConfig, Config, OpenaiConfig, OpenaiKey, ResponseMode},
    redact::Redact,
};

/// Questions that models are asked at a time; more wait for their turn as long as their time lasts.
const CONCURRENT_MAX: usize = 4;

/// Questions at work or waiting; a further one gets the builtin report at once.
const QUESTIONS_MAX: u64 = 64;

/// The oracle's program, as data.
pub const SPEC: AgentSpec = AgentSpec::of::<Oracle>();

/// The oracle.
#[derive(Debug)]
pub struct Oracle {
    counsel: Arc<Counsel>,
}

/// What is shown of its work.
#[derive(Debug, Default)]
struct Seen {
    open: AtomicU64,
    answered: AtomicU64,
    degraded: AtomicU64,
}

impl Agent for Oracle {
    const KIND: &'static str = "oracle";
    const SUMMARY: &'static str = "Analyses digests, by itself or with a language model";
    const ROLES: &'static [&'static str] = &["hive.oracle@cmd_msg_prompt"];

    type Config = Config;
    type Event = ();

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new().command(oracle::HANDLER, Access::agents(), |agent, ctx, request| {
            Box::pin(agent.prompt(ctx, request))
        })
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        if config.backends.len() > BACKENDS_MAX {
            return Err(AgentError::Config(format!(
                "backends: at most {BACKENDS_MAX}"
            )));
        }
        if config.dump_incoming_prompts {
            tracing::warn!("dump_incoming_prompts does nothing: prompts are never logged");
        }
        let models: Result<Vec<Model>, String> =
            config.models().into_iter().map(Model::new).collect();
        Ok(Self {
            counsel: Arc::new(Counsel {
                models: models.map_err(AgentError::Config)?,
                redact: config.redact,
                mode: config.response_mode,
                turns: Semaphore::new(CONCURRENT_MAX),
                seen: Seen::default(),
            }),
        })
    }

    async fn on_event(&mut self, _: &Ctx<Self>, (): ()) -> Result<(), AgentError> {
        Ok(())
    }

    fn state(&self) -> Value {
        let seen = &self.counsel.seen;
        let models: Vec<String> = self.counsel.models.iter().map(Model::name).collect();
        json!({
            "models": models,
            "open": seen.open.load(Ordering::Relaxed),
            "answered": seen.answered.load(Ordering::Relaxed),
            "degraded": seen.degraded.load(Ordering::Relaxed),
        })
    }
}

impl Oracle {
    async fn prompt(
        &mut self,
        ctx: &Ctx<Self>,
        request: Request<Prompt>,
    ) -> Result<(), HandlerError> {
        let prompt = &request.content;
        let handler = HandlerName::new(&prompt.return_handler)
            .map_err(|error| HandlerError::Refused(format!("return_handler: {error}")))?;
        if prompt.digest.is_none() && counsel::text_of(prompt).is_empty() {
            let text = "a prompt, messages or a digest must say what the question is about";
            return Err(HandlerError::Refused(text.to_owned()));
        }
        let (ctx, counsel) = (ctx.clone(), self.counsel.clone());
        let crowded = counsel.seen.open.fetch_add(1, Ordering::Relaxed) >= QUESTIONS_MAX;
        ctx.clone().spawn(async move {
            counsel.answer(&ctx, request, &handler, crowded).await;
            counsel.seen.open.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(())
    }
}
