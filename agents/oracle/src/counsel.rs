//! One question, from its coming to its answer.

mod backend;
mod consult;
mod inquiry;
mod preview;

use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, atomic::Ordering},
    time::Duration,
};

use serde_json::Value;
use skep_agent::{Ctx, Request, StoreError};
use skep_packet::HandlerName;
use skep_protocol::oracle::{OracleResponse, Prompt, Report};

pub use self::preview::preview;
pub(crate) use self::{backend::Backend, inquiry::text_of};
use self::{
    consult::Time,
    inquiry::{Inquiry, Telling},
};
use crate::{
    Oracle, Seen,
    builtin::{self, Learned},
    config::ResponseMode,
    model::{
        ModelError,
        budget::{Budget, Ledger},
        cache::Cache,
    },
    redact::{PseudonymKey, Redact},
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

/// The row of the pseudonyms' key in the agent's store.
const KEY: &str = "pseudonym-key";

/// Who is asked, and how.
#[derive(Debug)]
pub(crate) struct Counsel {
    pub(crate) backends: Vec<Backend>,
    pub(crate) redact: Redact,
    pub(crate) mode: ResponseMode,
    /// Of all backends together.
    pub(crate) budget: Budget,
    pub(crate) cache: Mutex<Cache>,
    /// The ledger as it was last written, to be shown.
    pub(crate) spent: Mutex<Ledger>,
    pub(crate) key: OnceLock<PseudonymKey>,
    pub(crate) seen: Seen,
}

impl Counsel {
    /// Reads the key of the pseudonyms, or makes it: once for the life of the agent's store, so
    /// that a name keeps its pseudonym.
    pub(crate) async fn begin(&self, ctx: &Ctx<Oracle>) -> Result<(), StoreError> {
        if self.backends.is_empty() {
            return Ok(());
        }
        let mut fresh = [0; 32];
        let (front, back) = fresh.split_at_mut(16);
        front.copy_from_slice(&ctx.random().to_be_bytes());
        back.copy_from_slice(&ctx.random().to_be_bytes());
        let key = ctx
            .tx(|tx| match tx.get::<[u8; 32]>(KEY)? {
                Some(key) => Ok(key),
                None => {
                    tx.put(KEY, &fresh);
                    Ok(fresh)
                }
            })
            .await?;
        self.key.get_or_init(|| PseudonymKey(key));
        let ledger = ctx.get(consult::LEDGER)?.unwrap_or_default();
        self.show(ledger);
        Ok(())
    }

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
        let within = prompt
            .within_ms
            .map_or(WITHIN_DEFAULT, Duration::from_millis);
        let time = Time {
            started_ns: ctx.now().mono_ns,
            within: within.min(WITHIN_MAX).saturating_sub(RESERVE),
        };
        let inquiry = Inquiry::new(prompt);
        let mut builtin = self.builtin(ctx, &inquiry, prompt.patrol).await?;
        if self.backends.is_empty() {
            return Ok(builtin);
        }
        if crowded {
            builtin.degraded = Some("too many questions at a time".to_owned());
            return Ok(builtin);
        }
        let material = inquiry.material(&builtin, self.telling());
        let mut reasons: Vec<String> = Vec::new();
        for (nth, backend) in self.backends.iter().enumerate() {
            let n_left = u32::try_from(self.backends.len() - nth).unwrap_or(u32::MAX);
            let share = time.left(ctx) / n_left;
            match self.consult(ctx, backend, material, time, share).await {
                Ok(report) => return Ok(report),
                Err(error) => {
                    tracing::warn!(model = backend.name, %error, "a model gave no report");
                    reasons.push(self.reason(backend, &error));
                }
            }
        }
        let reason = reasons.join("; ");
        builtin.degraded = Some(reason.chars().take(REASON_CHARS_MAX).collect());
        Ok(builtin)
    }

    /// Why a backend gave none; its name too, where there are several.
    fn reason(&self, backend: &Backend, error: &ModelError) -> String {
        match self.backends.len() {
            1 => error.to_string(),
            _ => format!("{}: {error}", backend.name),
        }
    }

    fn telling(&self) -> Telling {
        Telling {
            mode: self.mode,
            redact: self.redact,
            key: *self
                .key
                .get()
                .expect("the key is read before the first question"),
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, ledger: Ledger) {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner) = ledger;
    }

    /// What is shown of the backends.
    pub(crate) fn state(&self) -> Vec<Value> {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let backends = self.backends.iter();
        let state = backends.map(|backend| backend.state(spent.of(&backend.name)));
        state.collect()
    }

    /// The builtin report; where `learn`, it learns what is usual.
    async fn builtin(
        &self,
        ctx: &Ctx<Oracle>,
        inquiry: &Inquiry<'_>,
        learn: bool,
    ) -> Result<Report, StoreError> {
        let (digest, about) = (&*inquiry.digest, inquiry.about());
        let names = digest.collectors.0.iter().take(COLLECTORS_MAX);
        let keys: Vec<String> = names
            .map(|(name, _)| format!("learned/{}/{name}", about.host))
            .collect();
        // Those beyond the bound are analysed too, as if for the first time.
        let fill = |mut learned: Vec<Learned>| {
            learned.resize_with(digest.collectors.0.len(), Learned::default);
            learned
        };
        if !learn {
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
}
