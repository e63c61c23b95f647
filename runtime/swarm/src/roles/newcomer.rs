//! What a node leaves to others while it does not know them yet.

use std::time::Duration;

use skep_packet::Now;

/// A node that was not alone before its start leaves exclusive roles to others for so long: within
/// it they tell it who they are.
pub const NEWCOMER_TIME: Duration = Duration::from_secs(3);

/// Whether others may hold a node's exclusive roles without its knowledge.
///
/// While they may, its own entry is a [`waiting`](super::NodeEntry::waiting) one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newcomer {
    /// It was not alone before, and can not hear of others yet.
    Deaf,
    /// It hears of others until then, on the monotonic clock.
    Listening(u64),
    /// It was alone, or has had its time.
    Settled,
}

impl Newcomer {
    /// A node that has just started; `knows_others` from before.
    #[must_use]
    pub const fn new(knows_others: bool) -> Self {
        match knows_others {
            true => Self::Deaf,
            false => Self::Settled,
        }
    }

    /// Whether it leaves exclusive roles to others.
    #[must_use]
    pub const fn waits(self) -> bool {
        !matches!(self, Self::Settled)
    }

    /// From now on it hears of others.
    pub fn listens(&mut self, now: Now) {
        if *self == Self::Deaf {
            *self = Self::Listening(now.mono_after(NEWCOMER_TIME));
        }
    }

    /// Does what is due; yields whether its entry is another one from now on.
    pub fn on_timeout(&mut self, now: Now) -> bool {
        let is_due = self.next_wake().is_some_and(|at_ns| at_ns <= now.mono_ns);
        if is_due {
            *self = Self::Settled;
        }
        is_due
    }

    /// When [`on_timeout`](Self::on_timeout) is due, on the monotonic clock.
    #[must_use]
    pub const fn next_wake(self) -> Option<u64> {
        match self {
            Self::Listening(until_ns) => Some(until_ns),
            Self::Deaf | Self::Settled => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ns: u64) -> Now {
        let unix_ms = 1_700_000_000_000;
        Now { mono_ns, unix_ms }
    }

    #[test]
    fn a_node_that_was_alone_waits_for_nobody() {
        let mut alone = Newcomer::new(false);
        alone.listens(at(1));
        assert!(!alone.waits() && alone.next_wake().is_none());
        assert!(!alone.on_timeout(at(u64::MAX)));
    }

    #[test]
    fn one_that_was_not_waits_until_it_could_hear_of_the_others() {
        let mut newcomer = Newcomer::new(true);
        assert!(!newcomer.on_timeout(at(u64::MAX)), "it can not hear yet");
        newcomer.listens(at(1));
        let due_ns = newcomer.next_wake().unwrap();
        newcomer.listens(at(due_ns));
        assert!(!newcomer.on_timeout(at(due_ns - 1)) && newcomer.waits());
        assert!(newcomer.on_timeout(at(due_ns)) && !newcomer.waits());
        assert!(!newcomer.on_timeout(at(due_ns)), "told once");
    }
}
