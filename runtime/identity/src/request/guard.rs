//! The guard of operators' requests: each runs once at the agent that answers.
//!
//! A router holds the signed requests of its sessions and could send them again while they are
//! young. The node that answers remembers which it has run, on disk: a start makes no difference, and
//! a person whose clock is behind need not wait until it has passed the start.

use std::collections::{BTreeSet, HashMap};

use skep_packet::{AgentName, HandlerName, Hash, Refusal, Token, limits::SKEW_MAX_MS};

use super::REQUEST_AGE_MAX_MS;
use crate::{PublicKey, merkle};

/// Most requests that are remembered, about 100 bytes each. At the bound the oldest are forgotten,
/// and whatever was issued no later than those is refused from then on.
pub const REQUESTS_MAX: usize = 65_536;

const TIME_BYTES: usize = size_of::<u64>();

const ROW_BYTES: usize = TIME_BYTES + size_of::<Hash>();

/// One request, to be told from every other: a session's key uses a token once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestMark {
    id: Hash,
    issued_at_ms: u64,
}

impl RequestMark {
    pub(super) fn new(session_key: &PublicKey, token: &Token, issued_at_ms: u64) -> Self {
        let key = session_key.id();
        Self {
            id: merkle::sha256(&[&key.0, token.as_str().as_bytes()]),
            issued_at_ms,
        }
    }

    /// The key of its row in a store; rows are in the order of their time.
    #[must_use]
    pub fn row(&self) -> [u8; ROW_BYTES] {
        let mut row = [0; ROW_BYTES];
        let (at, id) = row.split_at_mut(TIME_BYTES);
        at.copy_from_slice(&self.issued_at_ms.to_be_bytes());
        id.copy_from_slice(&self.id.0);
        row
    }

    /// The mark of a row; `None` for what is none.
    #[must_use]
    pub fn of_row(row: &[u8]) -> Option<Self> {
        let (at, id) = row.split_first_chunk::<TIME_BYTES>()?;
        Some(Self {
            id: Hash(id.try_into().ok()?),
            issued_at_ms: u64::from_be_bytes(*at),
        })
    }

    /// The run of this request by one handler of one agent: a pattern may reach several.
    #[must_use]
    pub fn at(&self, agent: &AgentName, handler: &HandlerName) -> Self {
        let (agent, handler) = (agent.as_str().as_bytes(), handler.as_str().as_bytes());
        Self {
            id: merkle::sha256(&[&self.id.0, agent, &[0], handler]),
            ..*self
        }
    }
}

/// Which requests of operators have run on the node.
#[derive(Debug)]
pub struct RequestGuard {
    by_id: HashMap<Hash, u64>,
    by_time: BTreeSet<(u64, Hash)>,
    /// What was issued earlier may have run: before its store began, or before something forgotten.
    floor_ms: u64,
    bound: usize,
}

impl RequestGuard {
    /// A guard with what its store remembers since `since_ms`; it believes nothing issued before.
    #[must_use]
    pub fn new(since_ms: u64, marks: impl IntoIterator<Item = RequestMark>) -> Self {
        Self::with_bound(since_ms, marks, REQUESTS_MAX)
    }

    fn with_bound(
        since_ms: u64,
        marks: impl IntoIterator<Item = RequestMark>,
        bound: usize,
    ) -> Self {
        let mut guard = Self {
            by_id: HashMap::new(),
            by_time: BTreeSet::new(),
            floor_ms: since_ms,
            bound,
        };
        for mark in marks {
            guard.ran(&mark);
        }
        if guard.by_time.len() >= bound {
            // Older ones may have been forgotten for lack of room.
            let oldest = guard.by_time.first();
            guard.floor_ms = oldest.map_or(since_ms, |(at_ms, _)| since_ms.max(*at_ms));
        }
        guard
    }

    /// Whether a request may run; it counts as run only when [`ran`](Self::ran) is told.
    ///
    /// # Errors
    /// [`Refusal::RequestReplayed`] for one that ran, or that may have run before this guard knew.
    pub fn check(&mut self, now_ms: u64, mark: &RequestMark) -> Result<(), Refusal> {
        // A clock that was far ahead at the start must not lock everybody out until it is caught up.
        if self.floor_ms > now_ms.saturating_add(SKEW_MAX_MS) {
            self.floor_ms = now_ms;
        }
        self.forget_old(now_ms);
        if mark.issued_at_ms < self.floor_ms || self.by_id.contains_key(&mark.id) {
            return Err(Refusal::RequestReplayed);
        }
        Ok(())
    }

    /// The request could not be handed to its handler after all: it may come again.
    pub fn did_not_run(&mut self, mark: &RequestMark) {
        self.by_id.remove(&mark.id);
        self.by_time.remove(&(mark.issued_at_ms, mark.id));
    }

    /// Rows of the store before this one are refused without them.
    #[must_use]
    pub fn first_row(&self) -> [u8; ROW_BYTES] {
        let first = self.by_time.first();
        let (issued_at_ms, id) = first.copied().unwrap_or((self.floor_ms, Hash([0; 32])));
        RequestMark { id, issued_at_ms }.row()
    }

    /// The request is about to be handed to its handler: keep its row first.
    pub fn ran(&mut self, mark: &RequestMark) {
        if self.by_time.len() >= self.bound {
            self.forget_oldest();
        }
        self.by_id.insert(mark.id, mark.issued_at_ms);
        self.by_time.insert((mark.issued_at_ms, mark.id));
    }

    /// Forgets what is refused as expired anyway.
    fn forget_old(&mut self, now_ms: u64) {
        let until_ms = now_ms.saturating_sub(REQUEST_AGE_MAX_MS + SKEW_MAX_MS);
        while self.by_time.first().is_some_and(|(at, _)| *at < until_ms) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((issued_at_ms, id)) = self.by_time.pop_first() {
            self.by_id.remove(&id);
            self.floor_ms = self.floor_ms.max(issued_at_ms + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn mark(n: u8, issued_at_ms: u64) -> RequestMark {
        RequestMark {
            id: Hash([n; 32]),
            issued_at_ms,
        }
    }

    fn check(guard: &mut RequestGuard, now_ms: u64, mark: &RequestMark, runs: bool) {
        let expected = runs.then_some(()).ok_or(Refusal::RequestReplayed);
        assert_eq!(guard.check(now_ms, mark), expected, "{mark:?}");
    }

    #[test]
    fn a_request_runs_once_and_one_that_was_refused_may_come_again() {
        let mut guard = RequestGuard::new(NOW_MS, []);
        let one = mark(1, NOW_MS + 5);
        check(&mut guard, NOW_MS + 9, &one, true);
        check(&mut guard, NOW_MS + 9, &one, true);
        guard.ran(&one);
        check(&mut guard, NOW_MS + 9, &one, false);
        check(&mut guard, NOW_MS + 9, &mark(2, NOW_MS + 5), true);
        // The same token in a request that was signed anew is the same request.
        check(&mut guard, NOW_MS + 9, &mark(1, NOW_MS + 6), false);
    }

    #[test]
    fn each_handler_that_a_pattern_reaches_runs_it_once() {
        let mut guard = RequestGuard::new(NOW_MS, []);
        let one = mark(1, NOW_MS);
        let at =
            |agent: &str, handler: &str| one.at(&agent.parse().unwrap(), &handler.parse().unwrap());
        guard.ran(&at("a", "cmd_x"));
        check(&mut guard, NOW_MS, &at("a", "cmd_x"), false);
        check(&mut guard, NOW_MS, &at("a", "cmd_y"), true);
        check(&mut guard, NOW_MS, &at("b", "cmd_x"), true);
    }

    #[test]
    fn what_ran_before_a_start_does_not_run_again_and_all_else_does() {
        let ran = mark(1, NOW_MS - 9);
        assert_eq!(RequestMark::of_row(&ran.row()), Some(ran));
        assert_eq!(RequestMark::of_row(&[0; 39]), None);
        let mut guard = RequestGuard::new(0, [ran]);
        check(&mut guard, NOW_MS, &ran, false);
        // Signed before the start, by a clock that is behind.
        let behind = mark(2, NOW_MS - 20_000);
        check(&mut guard, NOW_MS, &behind, true);
        guard.ran(&behind);
        check(&mut guard, NOW_MS, &behind, false);
        assert_eq!(guard.first_row(), behind.row());
        guard.did_not_run(&behind);
        check(&mut guard, NOW_MS, &behind, true);
        assert_eq!(guard.first_row(), ran.row());
    }

    #[test]
    fn what_ran_before_the_store_began_is_refused() {
        let mut guard = RequestGuard::new(NOW_MS, []);
        check(&mut guard, NOW_MS, &mark(1, NOW_MS - 1), false);
        check(&mut guard, NOW_MS, &mark(1, NOW_MS), true);
    }

    #[test]
    fn a_clock_that_was_ahead_locks_nobody_out() {
        let mut guard = RequestGuard::new(NOW_MS + 3_600_000, []);
        check(&mut guard, NOW_MS, &mark(1, NOW_MS), true);
        check(&mut guard, NOW_MS + 1, &mark(2, NOW_MS - 1), false);
    }

    #[test]
    fn its_memory_is_bounded_and_what_is_forgotten_does_not_run_again() {
        let mut guard = RequestGuard::with_bound(NOW_MS, [], 2);
        let marks = [1, 2, 3].map(|n| mark(n, NOW_MS + u64::from(n)));
        for mark in &marks {
            check(&mut guard, NOW_MS + 9, mark, true);
            guard.ran(mark);
        }
        assert_eq!((guard.by_id.len(), guard.by_time.len()), (2, 2));
        for mark in &marks {
            check(&mut guard, NOW_MS + 9, mark, false);
        }
        let later_ms = NOW_MS + REQUEST_AGE_MAX_MS + SKEW_MAX_MS + 100;
        check(&mut guard, later_ms, &mark(4, later_ms), true);
        assert!(guard.by_id.is_empty() && guard.by_time.is_empty());
        // Should the clock go back, it is still known that something was forgotten.
        check(&mut guard, NOW_MS + 9, &marks[2], false);
    }
}
