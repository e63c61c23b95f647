//! When a model's server is asked again, and after what wait.

use std::time::Duration;

use jiff::fmt::rfc2822;

/// Times that one server is asked one question.
pub(crate) const ATTEMPTS_MAX: u32 = 4;

/// The first wait; each further one is twice as long.
const WAIT: Duration = Duration::from_millis(500);

/// The longest wait that nobody asked for.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Statuses that pass: too many questions, too slow, restarting, overloaded.
const PASSING: &[u16] = &[408, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529];

/// Whether the next time may be better.
pub(crate) fn passes(status: u16) -> bool {
    PASSING.contains(&status)
}

/// How long to wait before the attempt after attempt number `attempt`, counted from 0: doubled each
/// time, spread over half of it so that askers do not come together, and never shorter than the
/// server wishes.
pub(crate) fn wait(attempt: u32, wished: Option<Duration>, random: u64) -> Duration {
    let whole = WAIT.saturating_mul(1 << attempt.min(16)).min(WAIT_MAX);
    let half = whole / 2;
    let spread_ns = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
    let spread = half + Duration::from_nanos(random % spread_ns);
    spread.max(wished.unwrap_or_default())
}

/// What `Retry-After` says: seconds, or a date.
pub(crate) fn wished(header: &str, now_unix_ms: u64) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    // HTTP's dates are those of mail, whose zone has another name.
    let date = rfc2822::parse(&header.replace("GMT", "+0000")).ok()?;
    let at_ms = u64::try_from(date.timestamp().as_millisecond()).ok()?;
    Some(Duration::from_millis(at_ms.saturating_sub(now_unix_ms)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_server_says_when_in_seconds_or_as_a_date() {
        let check = |header: &str, expected: Option<u64>| {
            let now_ms = 784_111_777_000;
            let wished = wished(header, now_ms).map(|wish| wish.as_secs());
            assert_eq!(wished, expected, "{header}");
        };
        check("7", Some(7));
        check(" 0 ", Some(0));
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10));
        check("Sun, 06 Nov 1994 08:49:07 GMT", Some(0));
        check("soon", None);
        check("-1", None);
        check("", None);
    }

    #[test]
    fn what_passes_is_tried_again_and_a_refusal_is_not() {
        assert!([429, 500, 503, 529].into_iter().all(passes));
        assert!(![200, 400, 401, 403, 404, 422].into_iter().any(passes));
    }

    proptest! {
        #[test]
        fn waits_grow_are_spread_and_keep_to_the_wish(
            attempt in 0_u32..40,
            wish in prop::option::of(0_u64..100),
            random in any::<u64>(),
        ) {
            let wish = wish.map(Duration::from_secs);
            let waited = wait(attempt, wish, random);
            prop_assert!(waited >= wish.unwrap_or_default());
            prop_assert!(waited >= WAIT / 2 && waited <= WAIT_MAX.max(wish.unwrap_or_default()));
        }
    }
}
