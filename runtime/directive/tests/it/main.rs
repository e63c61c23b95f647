//! Directives from text to plan, against a catalogue like the real one.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

mod catalogue;
mod fixtures;
mod plans;
mod properties;
