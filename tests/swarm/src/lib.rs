//! Real nodes in one process, real QUIC on free ports, for the tests beside this crate.
#![allow(clippy::unwrap_used, reason = "everything here is a test's own ground")]

mod basin;
mod bee;
pub mod gate;
mod probe;
mod rogue;
mod spring;
mod world;

pub use basin::Basin;
pub use bee::Bee;
pub use probe::{Probe, Received};
pub use rogue::Rogue;
pub use spring::Spring;
pub use world::{Host, WAIT_MAX, World, live, until};
