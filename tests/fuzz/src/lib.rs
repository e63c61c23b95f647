//! Hostile bytes for every decoder.
//!
//! A [`Target`] is a decoder with what must hold for any input, and a committed corpus under the
//! crate it tests. A [`Hunt`] mutates that corpus; an input that led to an outcome not seen before
//! is mutated further. The ordinary tests replay every corpus and hunt for a moment;
//! `cargo xtask fuzz NAME --minutes N` hunts for longer and keeps what it found, as a file that the
//! tests replay from then on.
//!
//! Why a harness of our own: docs/decisions/008-fuzzing-on-stable.md.

mod corpus;
mod hunt;
mod mutate;
mod target;
mod targets;

pub use corpus::{Corpus, plant_all};
pub use hunt::{Finding, Hunt, LIVE_MAX};
pub use mutate::{Mutator, STEPS_MAX};
pub use target::{Outcome, Plant, Target};
pub use targets::TARGETS;
