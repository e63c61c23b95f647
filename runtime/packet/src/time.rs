//! What a pure core is told about time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One reading of both clocks, passed into every pure core.
///
/// Deadlines inside a node use `mono_ns`; what crosses nodes carries `unix_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Now {
    /// Nanoseconds of a clock that never goes back, since the node's start.
    pub mono_ns: u64,
    /// Milliseconds since the Unix epoch, as the host's wall clock tells it; it may step.
    pub unix_ms: u64,
}

impl Now {
    /// The monotonic reading `duration` from now, saturating.
    #[must_use]
    pub fn mono_after(self, duration: Duration) -> u64 {
        self.mono_ns.saturating_add(nanos(duration))
    }

    /// Both clocks moved on by `duration`, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self {
            mono_ns: self.mono_after(duration),
            unix_ms: self
                .unix_ms
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
