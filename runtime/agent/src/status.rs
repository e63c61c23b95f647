//! What a supervisor sees of a running agent.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use serde_json::Value;
use tokio::sync::watch;

/// What a supervisor sees of a running agent.
#[derive(Debug, Default)]
pub struct AgentStatus {
    started: watch::Sender<bool>,
    beat_ns: AtomicU64,
    handled: AtomicU64,
    failed: AtomicU64,
    state: Mutex<Value>,
}

impl AgentStatus {
    /// Whether its start function has returned.
    #[must_use]
    pub fn started(&self) -> bool {
        *self.started.borrow()
    }

    /// Resolves when its start function has returned; never if it never does.
    pub async fn wait_started(&self) {
        let mut started = self.started.subscribe();
        let started = started.wait_for(|started| *started).await;
        drop(started.expect("the sender lives as long as the status"));
    }

    /// When it last showed a sign of life, on the node's monotonic clock.
    #[must_use]
    pub fn beat_ns(&self) -> u64 {
        self.beat_ns.load(Ordering::Acquire)
    }

    /// Calls that ended well.
    #[must_use]
    pub fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    /// Calls that ended in an error.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Its observable state, as it was when it was last idle.
    #[must_use]
    pub fn state(&self) -> Value {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_started(&self) {
        self.started.send_replace(true);
    }

    pub(crate) fn beat(&self, mono_ns: u64) {
        self.beat_ns.store(mono_ns, Ordering::Release);
    }

    pub(crate) fn count(&self, ok: bool) {
        let counter = if ok { &self.handled } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn show(&self, state: Value) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
