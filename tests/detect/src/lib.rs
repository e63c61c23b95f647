//! How well the builtin analysis detects: seeded logs of a host that strangers can reach, with and
//! without attacks, go as lines through the real collectors and on to the oracle's own code.
//!
//! All lines are synthetic: written by this crate, as the daemons would have.

mod attack;
mod background;
mod dice;
mod host;
mod line;
mod score;

pub use self::attack::{ATTACKS, Attack};
pub use self::host::{Host, PATROL_H};
pub use self::line::{Line, Log};
pub use self::score::{Score, Tally, measure, quiet_week};

/// Seeds that thresholds and generator were tuned on; proof is taken on others.
pub const SEEDS_TUNED: std::ops::Range<u64> = 0..10;

/// Seeds that nobody looked at while tuning.
pub const SEEDS_PROOF: std::ops::Range<u64> = 2_000..2_020;
