//! The signs of life that an agent owes.

/// Checks in a row without a new sign of life after which an agent counts as hung.
const BEACONS_MISSED_MAX: u32 = 2;

/// Counts the checks in a row at which an agent showed no new sign of life.
///
/// Checks are counted, one per beacon, and no time is measured: a host that stalls (a paused
/// machine, a frozen container) is late with its checks as well as with the agent's signs of life,
/// and nobody hung.
#[derive(Debug, Default)]
pub(super) struct Vigil {
    /// The last sign of life that was seen; 0 before the first.
    beat_ns: u64,
    n_missed: u32,
}

impl Vigil {
    /// Whether the agent hangs, at a check that finds its last sign of life at `beat_ns`.
    pub(super) const fn is_over(&mut self, beat_ns: u64) -> bool {
        // Before its first sign of life it is starting, which may take long.
        if beat_ns == 0 || beat_ns != self.beat_ns {
            self.beat_ns = beat_ns;
            self.n_missed = 0;
            return false;
        }
        self.n_missed += 1;
        self.n_missed >= BEACONS_MISSED_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each check says, where one finds the agent's last sign of life at each of `beats`.
    fn check(beats: &[u64], over: &[bool]) {
        let mut vigil = Vigil::default();
        let said: Vec<bool> = beats.iter().map(|&beat| vigil.is_over(beat)).collect();
        assert_eq!(said, over, "{beats:?}");
    }

    #[test]
    fn two_checks_in_a_row_without_a_new_sign_of_life_end_it() {
        check(&[0, 0, 0, 0], &[false; 4]);
        check(&[5, 10, 15], &[false; 3]);
        check(&[5, 5, 10, 10, 15], &[false; 5]);
        check(&[5, 5, 5], &[false, false, true]);
    }

    #[test]
    fn a_host_that_stalls_makes_nobody_hang() {
        // One check is due after an hour's stall, whoever runs first: the agent beats before the next.
        let hour = 3_600_000_000_000;
        check(&[5, 10, 10, hour], &[false; 4]);
        check(&[5, 10, hour, hour + 5], &[false; 4]);
    }
}
