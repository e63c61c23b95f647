//! How much a child may say in a second.

use std::time::Duration;

use skep_packet::Now;

const SECOND_NS: u64 = 1_000_000_000;

/// Counts what comes in each second.
#[derive(Debug)]
pub(crate) struct Pace {
    per_s_max: u32,
    /// When this second began.
    since_ns: u64,
    n_seen: u32,
}

impl Pace {
    pub(crate) fn new(per_s_max: u32) -> Self {
        Self {
            per_s_max,
            since_ns: 0,
            n_seen: 0,
        }
    }

    /// Counts one more; where this second had enough of them it is not counted, and this is the time
    /// until the next second.
    pub(crate) fn over(&mut self, now: Now) -> Option<Duration> {
        let passed_ns = now.mono_ns.saturating_sub(self.since_ns);
        if passed_ns >= SECOND_NS {
            self.since_ns = now.mono_ns;
            self.n_seen = 0;
        } else if self.n_seen >= self.per_s_max {
            return Some(Duration::from_nanos(SECOND_NS - passed_ns));
        }
        self.n_seen += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Now {
        Now {
            mono_ns: 9 * SECOND_NS + ms * 1_000_000,
            unix_ms: 0,
        }
    }

    #[test]
    fn a_second_has_room_for_so_many_and_the_next_one_again() {
        let mut pace = Pace::new(2);
        assert_eq!(pace.over(at(0)), None);
        assert_eq!(pace.over(at(300)), None);
        assert_eq!(pace.over(at(400)), Some(Duration::from_millis(600)));
        assert_eq!(pace.over(at(999)), Some(Duration::from_millis(1)));
        assert_eq!(pace.over(at(1000)), None);
        assert_eq!(pace.over(at(1001)), None);
        assert!(pace.over(at(1002)).is_some());
    }
}
