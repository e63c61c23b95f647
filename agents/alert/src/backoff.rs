//! How long to wait before something that failed is tried again.

use std::time::Duration;

/// The first wait.
const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// The longest wait.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_mins(5);

/// The wait after `attempts` failed ones: doubled each time, and a random part of its half less, so
/// that those who failed together do not come back together.
pub(crate) fn backoff(attempts: u32, random: u128) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let whole = BACKOFF_MIN.saturating_mul(1 << doublings).min(BACKOFF_MAX);
    let half_ms = whole.as_millis() / 2;
    let less_ms = random % (half_ms + 1);
    whole - Duration::from_millis(u64::try_from(less_ms).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_failure_doubles_the_wait_up_to_a_bound() {
        let waits: Vec<u64> = (1..=10).map(|n| backoff(n, 0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    }

    proptest! {
        #[test]
        fn chance_takes_at_most_half(attempts in any::<u32>(), random in any::<u128>()) {
            let (whole, wait) = (backoff(attempts, 0), backoff(attempts, random));
            prop_assert!(wait <= whole && wait >= whole / 2);
        }
    }
}
