//! When an agent that ended is started again: OTP's restart intensity, with a growing pause.

use std::{collections::VecDeque, time::Duration};

use skep_agent::RestartPolicy;
use skep_packet::Now;

/// The pause before the first restart.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// The longest pause before a restart.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Restarts allowed within [`PERIOD_DEFAULT`] unless the directive says otherwise.
pub(crate) const INTENSITY_DEFAULT: u32 = 5;

/// The period that [`INTENSITY_DEFAULT`] counts in.
pub(crate) const PERIOD_DEFAULT: Duration = Duration::from_secs(60);

/// How an agent's task ended, to its supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It stopped by itself, in order.
    Normal,
    /// It failed, panicked or hung.
    Failed,
}

/// What follows an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it again after this pause.
    Restart(Duration),
    /// Too many restarts: leave it, and show that.
    CrashLoop,
    /// Leave it.
    Stop,
}

/// The restarts an agent has left.
#[derive(Debug)]
pub(crate) struct Budget {
    policy: RestartPolicy,
    intensity: u32,
    period: Duration,
    restarts_ns: VecDeque<u64>,
}

impl Budget {
    pub(crate) fn new(policy: RestartPolicy, intensity: u32, period: Duration) -> Self {
        Self {
            policy,
            intensity,
            period,
            restarts_ns: VecDeque::new(),
        }
    }

    /// Decides what follows an end. `jitter` in 0..1 spreads restarts that would come together.
    pub(crate) fn ended(&mut self, now: Now, end: End, jitter: f64) -> Verdict {
        let again = match (self.policy, end) {
            (RestartPolicy::Permanent, _) | (RestartPolicy::Transient, End::Failed) => true,
            (RestartPolicy::Temporary, _) | (RestartPolicy::Transient, End::Normal) => false,
        };
        if !again {
            return Verdict::Stop;
        }
        let period_ns = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX);
        let since_ns = now.mono_ns.saturating_sub(period_ns);
        while self
            .restarts_ns
            .front()
            .is_some_and(|restart_ns| *restart_ns < since_ns)
        {
            self.restarts_ns.pop_front();
        }
        let n_recent = u32::try_from(self.restarts_ns.len()).unwrap_or(u32::MAX);
        if n_recent >= self.intensity {
            return Verdict::CrashLoop;
        }
        self.restarts_ns.push_back(now.mono_ns);
        let pause = PAUSE_FIRST
            .saturating_mul(1 << n_recent.min(16))
            .min(PAUSE_MAX);
        Verdict::Restart(pause.mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 4.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            mono_ns: seconds * 1_000_000_000,
            unix_ms: 0,
        }
    }

    fn budget(policy: RestartPolicy) -> Budget {
        Budget::new(policy, 3, Duration::from_secs(10))
    }

    #[test]
    fn policies_mean_what_otp_says() {
        let check = |policy, end, expected: bool| {
            let verdict = budget(policy).ended(at(0), end, 0.0);
            assert_eq!(
                matches!(verdict, Verdict::Restart(_)),
                expected,
                "{policy:?} {end:?}"
            );
        };
        check(RestartPolicy::Permanent, End::Normal, true);
        check(RestartPolicy::Permanent, End::Failed, true);
        check(RestartPolicy::Transient, End::Normal, false);
        check(RestartPolicy::Transient, End::Failed, true);
        check(RestartPolicy::Temporary, End::Normal, false);
        check(RestartPolicy::Temporary, End::Failed, false);
    }

    #[test]
    fn a_crash_loop_is_found_and_the_first_restart_is_quick() {
        let mut budget = budget(RestartPolicy::Permanent);
        let pauses: Vec<_> = (0..4)
            .map(|_| budget.ended(at(1), End::Failed, 0.0))
            .collect();
        let pause = |ms| Verdict::Restart(Duration::from_millis(ms));
        assert_eq!(
            pauses,
            [pause(100), pause(200), pause(400), Verdict::CrashLoop]
        );
    }

    #[test]
    fn old_restarts_are_forgiven() {
        let mut budget = budget(RestartPolicy::Permanent);
        for seconds in [0, 6, 12, 18, 24, 30] {
            let verdict = budget.ended(at(seconds), End::Failed, 1.0);
            assert!(matches!(verdict, Verdict::Restart(_)), "at {seconds} s");
        }
    }
}
