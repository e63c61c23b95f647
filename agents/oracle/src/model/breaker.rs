//! A circuit breaker: a server that failed again and again is left alone for a while.
//!
//! Pure: the time comes in.

/// Failures in a row after which a server is left alone.
const FAILURES_MAX: u32 = 3;

/// How long, the first time; each further time twice as long.
const REST_NS: u64 = 15_000_000_000;

/// The longest rest.
const REST_NS_MAX: u64 = 600_000_000_000;

/// How long one trial may take; then another is let through.
const TRIAL_NS_MAX: u64 = 600_000_000_000;

/// Whether a server is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Breaker {
    state: State,
    /// Failures since the last success.
    failures: u32,
    /// Rests since the last success.
    rests: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// All are let through.
    #[default]
    Closed,
    /// None is, until then.
    Open { until_ns: u64 },
    /// One is out to try; the others wait for what becomes of it.
    Trying { until_ns: u64 },
}

impl Breaker {
    /// Lets a question through, or says for how many nanoseconds none is.
    pub(crate) fn admit(&mut self, now_ns: u64) -> Result<(), u64> {
        match self.state {
            State::Closed => Ok(()),
            State::Open { until_ns } | State::Trying { until_ns } if now_ns < until_ns => {
                Err(until_ns - now_ns)
            }
            State::Open { .. } | State::Trying { .. } => {
                let until_ns = now_ns.saturating_add(TRIAL_NS_MAX);
                self.state = State::Trying { until_ns };
                Ok(())
            }
        }
    }

    /// A question that was let through was answered.
    pub(crate) fn worked(&mut self) {
        *self = Self::default();
    }

    /// A question that was let through says nothing of the server; another may try.
    pub(crate) fn unknown(&mut self) {
        if let State::Trying { .. } = self.state {
            self.state = State::Open { until_ns: 0 };
        }
    }

    /// A question that was let through was not.
    pub(crate) fn failed(&mut self, now_ns: u64) {
        self.failures = self.failures.saturating_add(1);
        let is_trial = matches!(self.state, State::Trying { .. });
        if is_trial || self.failures >= FAILURES_MAX {
            let rest_ns = REST_NS.saturating_mul(1 << self.rests.min(20));
            self.rests = self.rests.saturating_add(1);
            let until_ns = now_ns.saturating_add(rest_ns.min(REST_NS_MAX));
            self.state = State::Open { until_ns };
        }
    }

    /// One word for people.
    pub(crate) fn word(&self) -> &'static str {
        match self.state {
            State::Closed => "closed",
            State::Open { .. } => "open",
            State::Trying { .. } => "trying",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn three_failures_in_a_row_open_it_and_one_trial_closes_it() {
        let mut breaker = Breaker::default();
        breaker.failed(0);
        breaker.failed(0);
        breaker.worked();
        for _ in 0..2 {
            breaker.failed(0);
            assert_eq!(breaker.admit(0), Ok(()));
        }
        breaker.failed(0);
        assert_eq!((breaker.admit(S), breaker.word()), (Err(14 * S), "open"));
        assert_eq!(breaker.admit(15 * S), Ok(()));
        assert_eq!(breaker.admit(15 * S), Err(600 * S), "one trial at a time");
        breaker.worked();
        assert_eq!((breaker.admit(15 * S), breaker.word()), (Ok(()), "closed"));
    }

    #[test]
    fn each_failed_trial_doubles_the_rest_up_to_its_bound() {
        let mut breaker = Breaker::default();
        let mut now = 0;
        (0..3).for_each(|_| breaker.failed(now));
        let mut rests = Vec::new();
        for _ in 0..8 {
            let rest = breaker.admit(now).unwrap_err();
            rests.push(rest / S);
            now += rest;
            assert_eq!(breaker.admit(now), Ok(()));
            breaker.failed(now);
        }
        assert_eq!(rests, [15, 30, 60, 120, 240, 480, 600, 600]);
    }

    #[test]
    fn a_trial_that_tells_nothing_leaves_the_next_one_its_turn() {
        let mut breaker = Breaker::default();
        (0..3).for_each(|_| breaker.failed(0));
        assert_eq!(breaker.admit(15 * S), Ok(()));
        breaker.unknown();
        assert_eq!(breaker.admit(15 * S), Ok(()));
        breaker.failed(15 * S);
        assert_eq!(breaker.admit(15 * S), Err(30 * S));
        let mut closed = Breaker::default();
        closed.unknown();
        assert_eq!(closed, Breaker::default());
    }

    #[test]
    fn a_trial_that_never_ends_does_not_close_it_for_good() {
        let mut breaker = Breaker::default();
        (0..3).for_each(|_| breaker.failed(0));
        assert_eq!(breaker.admit(15 * S), Ok(()));
        assert_eq!(breaker.admit(615 * S), Ok(()));
    }

    proptest! {
        /// Whatever came before, a server is asked again within the longest rest.
        #[test]
        fn it_never_closes_for_good(steps in prop::collection::vec((0_u64..900, any::<bool>()), 0..60)) {
            let mut breaker = Breaker::default();
            let mut now = 0;
            for (later_s, works) in steps {
                now += later_s * S;
                if breaker.admit(now).is_ok() {
                    if works { breaker.worked() } else { breaker.failed(now) }
                }
            }
            if let Err(rest) = breaker.admit(now) {
                prop_assert!(rest <= REST_NS_MAX);
                prop_assert_eq!(breaker.admit(now + rest), Ok(()));
            }
        }
    }
}
