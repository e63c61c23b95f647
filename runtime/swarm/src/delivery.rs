//! The three delivery classes, at the sender and at the receiver.
//!
//! | class | promise |
//! |---|---|
//! | best effort | may be lost |
//! | accepted | in the target's mailbox at least once before its deadline; run once per endpoint and boot |
//! | durable | kept in the outbox until the handler's transaction has committed; once per endpoint |
//!
//! [`Delivery`] numbers and retries what leaves, and judges what arrives. It neither seals nor
//! stores: a [`Output::Transmit`] goes to the sealer, [`Output::Persist`] to the store, and nothing
//! durable is sent before the store has answered.

mod acks;
mod config;
mod core;
mod draft;
mod ids;
mod inbox;
mod io;
mod lane;
mod outbox;

pub use self::core::{Delivery, DeliveryGauges};
pub use config::*;
pub use draft::{Draft, Outgoing, Spread, Target};
pub use ids::IDS_MAX;
pub use inbox::{InboxDelta, InboxRow, InboxState, Verdict};
pub use io::{DeadReason, FailReason, Input, Outcome, Output, SendRefused, Ticket};
pub use outbox::{Admitted, Assigned, OutboxRow, Route};

#[cfg(test)]
mod tests;
