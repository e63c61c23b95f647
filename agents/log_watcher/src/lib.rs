//! Watches this host's logs and writes digests.

pub mod digest;
