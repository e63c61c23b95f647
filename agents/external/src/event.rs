//! What an external agent's own tasks tell it.

use skep_protocol::external::{FromChild, LineError};
use tokio::sync::OwnedSemaphorePermit;

use crate::pipes::Exit;

/// What an external agent's own tasks tell it.
#[derive(Debug)]
pub struct Event(pub(crate) Happened);

#[derive(Debug)]
pub(crate) enum Happened {
    /// The child says something; its place is free for the next line when this is dropped.
    Said(Result<FromChild, LineError>, OwnedSemaphorePermit),
    /// The child has ended.
    Exited(Exit),
    /// A durable call was kept under this key, and its transaction is on its way.
    Kept(String),
    /// Time has passed.
    Tick,
}
