//! The node's mind: who is there and how to reach them, who serves what, what must still arrive, who
//! still waits.
//!
//! Five pure cores. Each takes closed inputs with the time, and is asked for its outputs and its
//! next wake-up; none knows a socket, a file, a clock or a random source of its own. `ALGORITHM.md`
//! beside this crate says which invariants they keep, and why they hold.

#![warn(missing_docs)]

pub mod asks;
pub mod delivery;
pub mod membership;
pub mod roles;
pub mod ways;
