//! Pending asks: who waits for which answers until when.
//!
//! One structure holds every open question of a node. Deadlines are monotonic; whether an ask has
//! timed out is decided here and nowhere else.

mod closed;
mod pending;
mod table;

pub use pending::{AskId, AskedEndpoint, Gather, Lost, OpenAsk};
pub use table::{ASKS_MAX, AskInput, AskOutput, AskRefused, Asks, ReplyVerdict};

#[cfg(test)]
mod tests;
