//! Watches this host's logs and writes digests.

#![warn(missing_docs)]

pub mod digest;

mod config;
pub mod offline;
mod read;
mod show;

pub use show::text;
