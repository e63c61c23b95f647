//! Carries what waits for one channel: in order, again and again, until it is delivered or too old.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use serde_json::{Value, json};
use skep_agent::{Ctx, StoreError};
use skep_protocol::alert::DeliveryState;
use tokio::{sync::Notify, time::timeout};

use crate::{
    AlertAgent,
    backoff::backoff,
    channel::{Channel, Failure},
    ledger::settle,
    rows::{self, Attempt, Stored, Waiting},
};

/// Longest time one try may take, whatever the channel's own bounds are.
const TRY_TIME_MAX: Duration = Duration::from_secs(30);

/// Age at which a message that could not be delivered is given up.
const MESSAGE_AGE_MAX: Duration = Duration::from_hours(7 * 24);

/// Longest error that is kept, in characters.
const ERROR_CHARS_MAX: usize = 500;

/// One channel and who carries for it.
#[derive(Debug)]
pub(crate) struct Courier {
    channel: Channel,
    wake: Notify,
    seen: Mutex<Seen>,
}

/// What the agent's state shows of a channel.
#[derive(Debug, Clone, Default, Serialize)]
struct Seen {
    waiting: usize,
    delivered: u64,
    failed_tries: u64,
    given_up: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// When a message that failed is tried again, on the node's monotonic clock.
type Retries = std::collections::BTreeMap<u64, u64>;

impl Courier {
    pub(crate) fn new(channel: Channel) -> Self {
        Self {
            channel,
            wake: Notify::new(),
            seen: Mutex::default(),
        }
    }

    /// Something new may wait.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// What the agent's state shows.
    pub(crate) fn state(&self) -> Value {
        let seen = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        json!({ "channel": self.channel.name(), "seen": seen })
    }

    fn saw(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Carries until the agent stops, or its store fails and with it the node.
    pub(crate) async fn run(self: Arc<Self>, ctx: Ctx<AlertAgent>) {
        let channel = self.channel.name();
        if let Err(error) = self.carry(&ctx).await {
            tracing::error!(channel, %error, "a channel stopped: the store failed");
        }
    }

    async fn carry(&self, ctx: &Ctx<AlertAgent>) -> Result<(), StoreError> {
        // Not kept over a restart: whoever restarts a node has often just mended the other side.
        let mut retries = Retries::new();
        loop {
            let waiting = self.waiting(ctx).await?;
            retries.retain(|n, _| waiting.iter().any(|waiting| waiting.n == *n));
            let due_ns = |waiting: &Waiting| retries.get(&waiting.n).copied().unwrap_or(0);
            let now_ns = ctx.now().mono_ns;
            if let Some(next) = waiting.iter().find(|waiting| due_ns(waiting) <= now_ns) {
                self.carry_one(ctx, next, &waiting, &mut retries).await?;
                continue;
            }
            let wake = self.wake.notified();
            match waiting.iter().map(due_ns).min() {
                None => wake.await,
                Some(due_ns) => {
                    let left = Duration::from_nanos(due_ns.saturating_sub(now_ns));
                    // Woken or not, the next round looks.
                    let _woken = timeout(left, wake).await.is_ok();
                }
            }
        }
    }

    /// What waits; the transaction makes sure that it is on disk before it is told to anybody.
    async fn waiting(&self, ctx: &Ctx<AlertAgent>) -> Result<Vec<Waiting>, StoreError> {
        let waiting = ctx.tx(|tx| rows::waiting(tx, self.channel.name())).await?;
        self.saw(|seen| seen.waiting = waiting.len());
        Ok(waiting)
    }

    async fn carry_one(
        &self,
        ctx: &Ctx<AlertAgent>,
        waiting: &Waiting,
        all: &[Waiting],
        retries: &mut Retries,
    ) -> Result<(), StoreError> {
        let outcome = match ctx.get::<Stored>(&rows::message(waiting.n))? {
            Some(stored) => self.try_once(ctx, &stored).await,
            None => Ok(()),
        };
        let attempt = self.judge(ctx, waiting, outcome.as_ref().err());
        ctx.tx(|tx| settle(tx, waiting, &attempt)).await?;
        if let (Err(failure), DeliveryState::Waiting) = (outcome, attempt.state) {
            let wait = backoff(waiting.attempts.saturating_add(1), ctx.random());
            let due_ns = ctx.now().mono_after(wait);
            retries.insert(waiting.n, due_ns);
            if let Failure::Unreachable(_) = failure {
                // The other side is not there: nothing else needs to find that out.
                for other in all {
                    let due = retries.entry(other.n).or_insert(due_ns);
                    *due = (*due).max(due_ns);
                }
            }
        }
        Ok(())
    }

    async fn try_once(&self, ctx: &Ctx<AlertAgent>, stored: &Stored) -> Result<(), Failure> {
        let delivery = self.channel.deliver(ctx, &stored.message);
        timeout(TRY_TIME_MAX, delivery)
            .await
            .unwrap_or_else(|_| Err(Failure::Unreachable("it took too long".to_owned())))
    }

    /// What a try comes to.
    fn judge(
        &self,
        ctx: &Ctx<AlertAgent>,
        waiting: &Waiting,
        failure: Option<&Failure>,
    ) -> Attempt {
        let channel = self.channel.name();
        let Some(failure) = failure else {
            self.saw(|seen| {
                seen.delivered += 1;
                seen.error = None;
            });
            return Attempt {
                state: DeliveryState::Delivered,
                error: None,
            };
        };
        let error: String = failure.to_string().chars().take(ERROR_CHARS_MAX).collect();
        let age_ms = ctx.now().unix_ms.saturating_sub(waiting.since_ms);
        let too_old = u128::from(age_ms) > MESSAGE_AGE_MAX.as_millis();
        let attempts = waiting.attempts.saturating_add(1);
        self.saw(|seen| {
            seen.failed_tries += 1;
            seen.given_up += u64::from(too_old);
            seen.error = Some(error.clone());
        });
        let state = if too_old {
            tracing::error!(channel, attempts, error, "an alert was never delivered");
            DeliveryState::Failed
        } else {
            tracing::warn!(channel, attempts, error, "an alert is not delivered yet");
            DeliveryState::Waiting
        };
        Attempt {
            state,
            error: Some(error),
        }
    }
}
