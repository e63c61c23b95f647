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
    Arc, Mutex, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};
use skep_agent::{
    Access, Agent, AgentError, AgentSpec, Ctx, HandlerError, Handlers, Level, Outgoing, Request,
};
use skep_packet::{HandlerName, Kind};
use skep_protocol::{
    callback::{Answering, CMD_CALLBACK, Thread},
    oracle::{self, AskPreview, Prompt},
};

use self::{
    config::BACKENDS_MAX,
    counsel::{Backend, Counsel},
    model::{budget::Ledger, cache::Cache},
};
pub use self::{
    config::{BackendConfig, Config, MaxTokensKey, ModelConfig, OpenaiKey, ResponseMode},
    counsel::preview,
    model::budget::{Budget, Price},
    redact::Redact,
};

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
    cached: AtomicU64,
}

impl Agent for Oracle {
    const KIND: &'static str = "oracle";
    const SUMMARY: &'static str = "Analyses digests, by itself or with a language model";
    const ROLES: &'static [&'static str] = &[
        "hive.oracle@cmd_msg_prompt",
        "hive.oracle.preview@cmd_oracle_preview",
    ];

    type Config = Config;
    type Event = ();

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new()
            .command(oracle::HANDLER, Access::agents(), |agent, ctx, request| {
                Box::pin(agent.prompt(ctx, request))
            })
            .command(
                oracle::PREVIEW_HANDLER,
                Access::operators(Level::Viewer),
                |agent, ctx, request| Box::pin(agent.preview(ctx, request)),
            )
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        let models = config.models();
        if config.backends.len() > BACKENDS_MAX {
            return Err(AgentError::Config(format!(
                "backends: at most {BACKENDS_MAX}"
            )));
        }
        if config.dump_incoming_prompts {
            tracing::warn!("dump_incoming_prompts does nothing: prompts are never logged");
        }
        let backends: Result<Vec<Backend>, String> = models
            .into_iter()
            .map(|(speaks, model)| Backend::new(speaks, model))
            .collect();
        Ok(Self {
            counsel: Arc::new(Counsel {
                backends: backends.map_err(AgentError::Config)?,
                redact: config.redact,
                mode: config.response_mode,
                budget: config.budget,
                cache: Mutex::new(Cache::new(config.cache_answers)),
                spent: Mutex::new(Ledger::default()),
                key: OnceLock::new(),
                seen: Seen::default(),
            }),
        })
    }

    async fn start(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        Ok(self.counsel.begin(ctx).await?)
    }

    async fn on_event(&mut self, _: &Ctx<Self>, (): ()) -> Result<(), AgentError> {
        Ok(())
    }

    fn state(&self) -> Value {
        let seen = &self.counsel.seen;
        let n = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "models": self.counsel.state(),
            "open": n(&seen.open),
            "answered": n(&seen.answered),
            "degraded": n(&seen.degraded),
            "cached": n(&seen.cached),
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
        says_something(prompt)?;
        let (ctx, counsel) = (ctx.clone(), self.counsel.clone());
        let crowded = counsel.seen.open.fetch_add(1, Ordering::Relaxed) >= QUESTIONS_MAX;
        ctx.clone().spawn(async move {
            counsel.answer(&ctx, request, &handler, crowded).await;
            counsel.seen.open.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(())
    }

    /// Shows what a question would make leave the host. It is little work and done at once.
    async fn preview(
        &mut self,
        ctx: &Ctx<Self>,
        request: Request<AskPreview>,
    ) -> Result<(), HandlerError> {
        let asked = &request.content;
        says_something(&asked.question)?;
        let Some(router) = request.reply_to.clone() else {
            let text = "a preview goes to a person's session: nobody is named to send it to";
            return Err(HandlerError::Refused(text.to_owned()));
        };
        let preview = self.counsel.preview(ctx, &asked.question).await?;
        let thread = Thread {
            session_id: asked.session_id.clone(),
            token: request.token.clone(),
            return_handler: None,
            reply_to: Some(router.clone()),
            session_key: request.session_key.clone(),
        };
        let mut answering = Answering::new(thread, ctx.address().clone());
        let handler = HandlerName::new(CMD_CALLBACK).expect("a handler written in code is one");
        let parts = answering.json(ctx.now().unix_ms, &json!(preview).to_string(), true);
        let sent = ctx.tx(|tx| {
            for part in parts {
                let part = part.sealed(&answering.thread, |key, about, content| {
                    ctx.enclose(key, about, content)
                })?;
                let (to, handler) = (router.clone(), handler.clone());
                tx.send(Outgoing::to_agent(to, handler, &part).kind(Kind::Callback));
            }
            Ok(())
        });
        Ok(sent.await?)
    }
}

fn says_something(prompt: &Prompt) -> Result<(), HandlerError> {
    match prompt.digest.is_none() && counsel::text_of(prompt).is_empty() {
        false => Ok(()),
        true => {
            let text = "a prompt, messages or a digest must say what the question is about";
            Err(HandlerError::Refused(text.to_owned()))
        }
    }
}
