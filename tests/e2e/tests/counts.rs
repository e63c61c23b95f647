//! Every count of a digest is what the clients did.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]
