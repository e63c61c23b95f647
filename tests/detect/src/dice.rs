//! Chance that is the same on every machine and in every release: SplitMix64.
//!
//! Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.

/// Seeded chance.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice of their own for each seed and purpose.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let mixed = purpose
            .bytes()
            .fold(seed ^ 0x5851_f42d_4c95_7f2d, |state, byte| {
                (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        Self(mixed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `min` up to, without, `max`.
    pub(crate) fn between(&mut self, min: u64, max: u64) -> u64 {
        min + self.next() % (max - min).max(1)
    }

    pub(crate) fn percent(&mut self, n: u64) -> bool {
        self.between(0, 100) < n
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = usize::try_from(self.between(0, of.len() as u64)).unwrap_or(0);
        &of[at.min(of.len() - 1)]
    }

    /// About `n`, as independent events come: four throws around it, never below 0.
    pub(crate) fn about(&mut self, n: u64) -> u64 {
        let spread = n.isqrt().max(1);
        let sum: u64 = (0..4).map(|_| self.between(0, 2 * spread + 1)).sum();
        (n + sum / 2).saturating_sub(2 * spread)
    }
}
