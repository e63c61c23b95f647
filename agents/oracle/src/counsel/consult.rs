//! Asking one backend: as often as it is worth it, within the time, the budget and its turns.

use std::{sync::atomic::Ordering, time::Duration};

use skep_agent::Ctx;
use skep_protocol::oracle::{self, Report};
use tokio::time::{sleep, timeout};

use super::{
    Counsel,
    backend::{Backend, Outbound},
};
use crate::{
    Oracle,
    model::{
        Form, Heard, ModelError, Patience,
        answer::{Asked, combine},
        budget::{Ledger, Spent, Usage},
        cache::question_id,
        question::Material,
        retry,
    },
};

/// The row of the ledger in the agent's store.
pub(super) const LEDGER: &str = "budget";

/// A time-out that came after less than this says nothing of a server.
const FAIR_TIME: Duration = Duration::from_secs(5);

/// What is left of a question's time, from when it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    pub(super) started_ns: u64,
    pub(super) within: Duration,
}

impl Time {
    pub(super) fn left(self, ctx: &Ctx<Oracle>) -> Duration {
        let passed = ctx.now().mono_ns.saturating_sub(self.started_ns);
        self.within.saturating_sub(Duration::from_nanos(passed))
    }
}

impl Counsel {
    /// Asks one backend and makes a report of what it says. Its silence may last for `share` of
    /// the time, so that the ones behind it have theirs.
    pub(super) async fn consult(
        &self,
        ctx: &Ctx<Oracle>,
        backend: &Backend,
        material: Material<'_>,
        time: Time,
        share: Duration,
    ) -> Result<Report, ModelError> {
        let mut request = backend.request(material);
        let id = question_id(&backend.name, &request.body);
        let known = self.cache().get(&id, ctx.now().mono_ns).map(str::to_owned);
        if let Some(words) = known {
            self.seen.cached.fetch_add(1, Ordering::Relaxed);
            return read(backend, material, &request, &words);
        }
        let turn = timeout(share.min(time.left(ctx)), backend.turns.acquire()).await;
        let _turn = turn
            .map_err(|_| ModelError::TimedOut)?
            .map_err(|_| ModelError::TimedOut)?;
        let heard = self
            .guarded(ctx, backend, &mut request, time, share)
            .await?;
        let report = read(backend, material, &request, heard.words())?;
        if !heard.is_cut {
            self.cache().put(id, heard.words(), ctx.now().mono_ns);
        }
        Ok(report)
    }

    /// Asks a server that is not left alone, and tells its breaker how it went.
    async fn guarded(
        &self,
        ctx: &Ctx<Oracle>,
        backend: &Backend,
        request: &mut Outbound,
        time: Time,
        share: Duration,
    ) -> Result<Heard, ModelError> {
        let admitted = backend.breaker().admit(ctx.now().mono_ns);
        admitted.map_err(|rest_ns| ModelError::Resting {
            seconds: rest_ns.div_ceil(1_000_000_000),
        })?;
        let given = time.left(ctx).min(share);
        let asked = self.attempts(ctx, backend, request, time, share).await;
        let mut breaker = backend.breaker();
        match &asked {
            Err(ModelError::TimedOut) if given < FAIR_TIME => breaker.unknown(),
            Err(error) if error.is_servers() => breaker.failed(ctx.now().mono_ns),
            Err(ModelError::OverBudget(_) | ModelError::Unkept(_)) => breaker.unknown(),
            _ => breaker.worked(),
        }
        drop(breaker);
        asked
    }

    /// Asks until there is an answer, a refusal that stays, or no time for another attempt.
    async fn attempts(
        &self,
        ctx: &Ctx<Oracle>,
        backend: &Backend,
        request: &mut Outbound,
        time: Time,
        share: Duration,
    ) -> Result<Heard, ModelError> {
        let mut attempt = 0;
        loop {
            let asked = self.attempt(ctx, backend, request, time, share).await;
            let error = match asked {
                Ok(heard) => {
                    if request.form == Form::Words {
                        backend.model.unbind();
                    }
                    return Ok(heard);
                }
                Err(error) => error,
            };
            if error.is_of_form() && request.form == Form::Schema {
                // The server may not know of schemas: once more without, at once.
                request.form = Form::Words;
                request.body = backend.model.body(&request.question, Form::Words);
                continue;
            }
            let wished = match &error {
                ModelError::Http { retry_after, .. } => retry_after.as_deref(),
                _ => None,
            };
            let wished = wished.and_then(|wish| retry::wished(wish, ctx.now().unix_ms));
            let random = u64::try_from(ctx.random() >> 64).unwrap_or_default();
            let wait = retry::wait(attempt, wished, random);
            attempt += 1;
            let is_last = attempt >= retry::ATTEMPTS_MAX || wait >= time.left(ctx).min(share);
            if is_last || !error.passes() {
                return Err(error);
            }
            tracing::debug!(model = backend.name, %error, wait_ms = wait.as_millis(), "asked again");
            sleep(wait).await;
        }
    }

    async fn attempt(
        &self,
        ctx: &Ctx<Oracle>,
        backend: &Backend,
        request: &Outbound,
        time: Time,
        share: Duration,
    ) -> Result<Heard, ModelError> {
        let max_tokens = backend.model.config.max_tokens;
        let reserved = self
            .reserve(ctx, backend, Usage::at_most(request.body.len(), max_tokens))
            .await?;
        let within = time.left(ctx);
        let silence = Duration::from_secs(backend.model.config.timeout_s).min(share);
        let patience = Patience { silence, within };
        let asked = backend.model.ask(&request.body, patience).await;
        let usage = match &asked {
            Ok(heard) => heard.usage,
            Err(error) => error.is_free().then(Usage::default),
        };
        if let Some(usage) = usage {
            self.settle(ctx, backend, reserved, usage).await?;
        }
        asked
    }

    /// Sets aside what an attempt may cost, on disk, before anything is sent.
    async fn reserve(
        &self,
        ctx: &Ctx<Oracle>,
        backend: &Backend,
        usage: Usage,
    ) -> Result<Spent, ModelError> {
        let now_ms = ctx.now().unix_ms;
        let terms = backend.terms(self.budget);
        let reserve = |tx: &mut skep_agent::Tx| {
            let mut ledger: Ledger = tx.get(LEDGER)?.unwrap_or_default();
            let reserved = ledger.reserve(terms, usage, now_ms);
            if reserved.is_ok() {
                tx.put(LEDGER, &ledger);
            }
            Ok((reserved, ledger))
        };
        let (reserved, ledger) = ctx.tx(reserve).await.map_err(unkept)?;
        self.show(ledger);
        Ok(reserved?)
    }

    async fn settle(
        &self,
        ctx: &Ctx<Oracle>,
        backend: &Backend,
        reserved: Spent,
        usage: Usage,
    ) -> Result<(), ModelError> {
        let terms = backend.terms(self.budget);
        let settle = |tx: &mut skep_agent::Tx| {
            let mut ledger: Ledger = tx.get(LEDGER)?.unwrap_or_default();
            ledger.settle(terms, reserved, usage);
            tx.put(LEDGER, &ledger);
            Ok(ledger)
        };
        let ledger = ctx.tx(settle).await.map_err(unkept)?;
        self.show(ledger);
        Ok(())
    }
}

fn unkept(error: skep_agent::StoreError) -> ModelError {
    ModelError::Unkept(error.to_string())
}

/// The report in a model's words.
fn read(
    backend: &Backend,
    material: Material<'_>,
    request: &Outbound,
    words: &str,
) -> Result<Report, ModelError> {
    let asked = Asked {
        builtin: material.builtin,
        digest: material.digest,
        question: &request.question,
        name: &backend.name,
    };
    let report = combine(asked, words)?;
    let evidence = oracle::evidence_ids(material.digest);
    oracle::check(&report, &evidence).map_err(|error| ModelError::Garbage(error.to_string()))?;
    Ok(report)
}
