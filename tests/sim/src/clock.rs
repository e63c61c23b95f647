//! A host's two clocks, neither of which is right.

use rand::{Rng, rngs::StdRng};
use skep_packet::Now;

/// Unix time at the world's start, in milliseconds.
pub(crate) const EPOCH_MS: i64 = 1_700_000_000_000;

/// A monotonic clock gains or loses at most so much, in millionths.
const DRIFT_PPM: i64 = 200;

/// How a host's clocks differ from the world's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// How far the wall clock is off.
    pub(crate) skew_ms: i64,
    /// What the monotonic clock showed at the world's start.
    offset_ns: u64,
    /// By how many millionths it runs fast.
    drift_ppm: i64,
}

impl Clock {
    /// A monotonic clock of a host that was switched on some time ago.
    pub(crate) fn new(rng: &mut StdRng, skew_ms: i64) -> Self {
        Self {
            skew_ms,
            offset_ns: rng.random_range(1..1 << 50),
            drift_ppm: rng.random_range(-DRIFT_PPM..=DRIFT_PPM),
        }
    }

    /// What both clocks show at a time of the world.
    pub(crate) fn now(&self, world_ns: u64) -> Now {
        let elapsed_ms = i64::try_from(world_ns / 1_000_000).unwrap_or(i64::MAX);
        let unix_ms = EPOCH_MS + self.skew_ms + elapsed_ms;
        Now {
            mono_ns: self.mono_ns(world_ns),
            unix_ms: u64::try_from(unix_ms).unwrap_or_default(),
        }
    }

    fn mono_ns(&self, world_ns: u64) -> u64 {
        let gained = i128::from(world_ns) * i128::from(self.drift_ppm) / 1_000_000;
        let shown = i128::from(self.offset_ns) + i128::from(world_ns) + gained;
        u64::try_from(shown).unwrap_or(u64::MAX)
    }

    /// When the monotonic clock will show `mono_ns`, or did.
    pub(crate) fn world_ns(&self, mono_ns: u64) -> u64 {
        let shown = i128::from(mono_ns.saturating_sub(self.offset_ns));
        let guess = shown * 1_000_000 / (1_000_000 + i128::from(self.drift_ppm));
        let mut world_ns = u64::try_from(guess).unwrap_or(u64::MAX);
        while self.mono_ns(world_ns) < mono_ns {
            world_ns += 1;
        }
        world_ns
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_time_that_is_waited_for_has_come_when_it_is_said_to() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..1_000 {
            let clock = Clock::new(&mut rng, 0);
            let wanted_ns = clock.now(0).mono_ns + rng.random_range(0..1 << 40);
            let world_ns = clock.world_ns(wanted_ns);
            assert!(clock.now(world_ns).mono_ns >= wanted_ns);
            assert!(world_ns == 0 || clock.now(world_ns - 1).mono_ns <= wanted_ns);
        }
    }
}
