//! One question, from its coming to its answer.

use std::{borrow::Cow, sync::atomic::Ordering, time::Duration};

use skep_agent::{Ctx, Request, StoreError};
use skep_packet::HandlerName;
use skep_protocol::{
    digest::DigestReport,
    oracle::{self, OracleResponse, Prompt, Report},
};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    Oracle, Seen,
    builtin::{self, About, Learned},
    config::ResponseMode,
    model::{
        Model, ModelError,
        answer::combine,
        question::{Material, question},
    },
    redact::Redact,
};

/// How long an asker waits that does not say.
const WITHIN_DEFAULT: Duration = Duration::from_mins(1);

/// Longest time a question may take, whatever its asker says.
const WITHIN_MAX: Duration = Duration::from_mins(15);

/// What of the asker's time is kept for the builtin report and its way back.
const RESERVE: Duration = Duration::from_secs(2);

/// Collectors of one digest that are learned about; the rest is only counted.
const COLLECTORS_MAX: usize = 64;

/// Longest reason that is told, in characters.
const REASON_CHARS_MAX: usize = 300;

/// Who is asked, and how.
#[derive(Debug)]
pub(crate) struct Counsel {
    pub(crate) models: Vec<Model>,
    pub(crate) redact: Redact,
    pub(crate) mode: ResponseMode,
    /// Turns to ask a model.
    pub(crate) turns: Semaphore,
    pub(crate) seen: Seen,
}

impl Counsel {
    /// Answers a question; where `crowded`, without a model.
    pub(crate) async fn answer(
        &self,
        ctx: &Ctx<Oracle>,
        request: Request<Prompt>,
        handler: &HandlerName,
        crowded: bool,
    ) {
        let report = match self.report(ctx, &request.content, crowded).await {
            Ok(report) => report,
            Err(error) => {
                tracing::error!(%error, "no analysis: the store failed");
                if let Err(error) = ctx.reply_error(&request, &error.to_string()).await {
                    tracing::debug!(%error, "the asker could not be told");
                }
                return;
            }
        };
        self.seen.answered.fetch_add(1, Ordering::Relaxed);
        self.seen
            .degraded
            .fetch_add(u64::from(report.degraded.is_some()), Ordering::Relaxed);
        let response = OracleResponse {
            query_id: request.content.query_id.clone(),
            response: report.to_text(),
            report,
        };
        if let Err(error) = ctx.reply_at(&request, handler, &response).await {
            tracing::warn!(%error, "an analysis found no way back");
        }
    }

    async fn report(
        &self,
        ctx: &Ctx<Oracle>,
        prompt: &Prompt,
        crowded: bool,
    ) -> Result<Report, StoreError> {
        let started_ns = ctx.now().mono_ns;
        let within = prompt
            .within_ms
            .map_or(WITHIN_DEFAULT, Duration::from_millis);
        let deadline = within.min(WITHIN_MAX).saturating_sub(RESERVE);
        let asked = text_of(prompt);
        let digest = match &prompt.digest {
            Some(digest) => Cow::Borrowed(digest),
            None => Cow::Owned(builtin::digest_of(&asked)),
        };
        let about = About {
            host: &prompt.host,
            window: prompt.window,
        };
        let mut builtin = self.builtin(ctx, prompt, &digest, about).await?;
        if self.models.is_empty() {
            return Ok(builtin);
        }
        let mut reason = if crowded {
            "too many questions at a time".to_owned()
        } else {
            String::new()
        };
        let models = if crowded { &[][..] } else { &self.models[..] };
        // The lines are the question's evidence where there is no digest; not both.
        let words = if prompt.digest.is_some() {
            asked.as_str()
        } else {
            ""
        };
        let material = Material {
            digest: &digest,
            about,
            builtin: &builtin,
            asked: words,
            mode: self.mode,
            redact: self.redact,
        };
        for model in models {
            let passed = Duration::from_nanos(ctx.now().mono_ns.saturating_sub(started_ns));
            match self
                .consult(model, material, deadline.saturating_sub(passed))
                .await
            {
                Ok(report) => return Ok(report),
                Err(error) => {
                    tracing::warn!(model = model.name(), %error, "a model gave no report");
                    reason = error.to_string();
                }
            }
        }
        builtin.degraded = Some(reason.chars().take(REASON_CHARS_MAX).collect());
        Ok(builtin)
    }

    /// The builtin report; of a patrol it learns what is usual.
    async fn builtin(
        &self,
        ctx: &Ctx<Oracle>,
        prompt: &Prompt,
        digest: &DigestReport,
        about: About<'_>,
    ) -> Result<Report, StoreError> {
        let names = digest.collectors.0.iter().take(COLLECTORS_MAX);
        let keys: Vec<String> = names
            .map(|(name, _)| format!("learned/{}/{name}", prompt.host))
            .collect();
        // Those beyond the bound are analysed too, as if for the first time.
        let fill = |mut learned: Vec<Learned>| {
            learned.resize_with(digest.collectors.0.len(), Learned::default);
            learned
        };
        if !prompt.patrol {
            let known: Result<Vec<Option<Learned>>, StoreError> =
                keys.iter().map(|key| ctx.get(key)).collect();
            let known = known?.into_iter().map(Option::unwrap_or_default).collect();
            return Ok(builtin::analyse(digest, about, &mut fill(known), false));
        }
        let learn = |tx: &mut skep_agent::Tx| {
            let known: Result<Vec<Option<Learned>>, StoreError> =
                keys.iter().map(|key| tx.get(key)).collect();
            let known = known?.into_iter().map(Option::unwrap_or_default).collect();
            let mut learned = fill(known);
            let report = builtin::analyse(digest, about, &mut learned, true);
            for (key, learned) in keys.iter().zip(&learned) {
                tx.put(key, learned);
            }
            Ok(report)
        };
        ctx.tx(learn).await
    }

    /// Asks one model and makes a report of what it says.
    async fn consult(
        &self,
        model: &Model,
        material: Material<'_>,
        within: Duration,
    ) -> Result<Report, ModelError> {
        let asked = async {
            let turn = self.turns.acquire().await;
            let _turn = turn.map_err(|_| ModelError::TimedOut)?;
            let question = question(material, model.question_bytes());
            let words = model.ask(&question, within).await?;
            let (builtin, digest) = (material.builtin, material.digest);
            combine(builtin, digest, &question, &model.name(), &words)
        };
        let report = timeout(within, asked)
            .await
            .unwrap_or(Err(ModelError::TimedOut))?;
        let evidence = oracle::evidence_ids(material.digest);
        oracle::check(&report, &evidence)
            .map_err(|error| ModelError::Garbage(error.to_string()))?;
        Ok(report)
    }
}

/// What a person asks in words.
pub(crate) fn text_of(prompt: &Prompt) -> String {
    let messages = prompt
        .messages
        .iter()
        .filter(|message| message.role != "system");
    let mut texts: Vec<&str> = messages.map(|message| message.content.as_str()).collect();
    texts.extend(prompt.prompt.as_deref());
    texts.join("\n").trim().to_owned()
}
