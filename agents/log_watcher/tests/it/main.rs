//! What log_watcher does on a node of the test's own, in paused time, on real files.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

mod asking;
mod demand;
mod letters;
mod offline;
mod patrols;
mod reporting;
mod watching;
mod world;
