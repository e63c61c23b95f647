//! The child's signs of life.

use std::time::Duration;

use skep_packet::Now;

/// Beacons that a child may miss before it counts as hung.
const MISSED_MAX: u32 = 2;

/// When the child was asked for a beacon, and whether one came.
#[derive(Debug)]
pub(crate) struct Pulse {
    beacon_ns: u64,
    asked_ns: u64,
    is_heard: bool,
    n_missed: u32,
}

/// What is to be done about the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing.
    Wait,
    /// It is asked for a beacon.
    Ask,
    /// It hangs.
    Hung,
}

impl Pulse {
    pub(crate) fn new(now: Now, beacon: Duration) -> Self {
        Self {
            beacon_ns: u64::try_from(beacon.as_nanos()).unwrap_or(u64::MAX),
            asked_ns: now.mono_ns,
            is_heard: true,
            n_missed: 0,
        }
    }

    /// A beacon came, asked for or not.
    pub(crate) fn heard(&mut self) {
        self.is_heard = true;
    }

    pub(crate) fn look(&mut self, now: Now) -> Look {
        if now.mono_ns.saturating_sub(self.asked_ns) < self.beacon_ns {
            return Look::Wait;
        }
        self.n_missed = match self.is_heard {
            true => 0,
            false => self.n_missed + 1,
        };
        if self.n_missed >= MISSED_MAX {
            return Look::Hung;
        }
        self.asked_ns = now.mono_ns;
        self.is_heard = false;
        Look::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_beacons_that_do_not_come_mean_hung() {
        let at = |ms: u64| Now {
            mono_ns: ms * 1_000_000,
            unix_ms: 0,
        };
        let mut pulse = Pulse::new(at(0), Duration::from_millis(100));
        let mut check = |ms: u64, is_heard: bool, expected: Look| {
            if is_heard {
                pulse.heard();
            }
            assert_eq!(pulse.look(at(ms)), expected, "at {ms} ms");
        };
        check(50, false, Look::Wait);
        check(100, false, Look::Ask);
        check(150, true, Look::Wait);
        check(200, false, Look::Ask);
        // One is missed, the next one comes.
        check(300, false, Look::Ask);
        check(400, true, Look::Ask);
        check(500, false, Look::Ask);
        check(599, false, Look::Wait);
        check(600, false, Look::Hung);
    }
}
