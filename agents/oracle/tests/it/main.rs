//! What the oracle promises its askers, seen alone on a test's node.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

mod basics;
mod models;
mod orders;
mod support;
