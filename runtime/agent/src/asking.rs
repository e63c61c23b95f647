//! A question whose answers carry its token, under one deadline.

use bytes::Bytes;
use futures_channel::mpsc::Receiver;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use skep_packet::{Address, CodecError, Refusal, decode_content};

use crate::AskEvent;

/// One endpoint's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who answered; one of the endpoints that were asked.
    pub from: Address,
    /// What it says.
    pub content: Bytes,
}

impl Answer {
    /// Decodes the answer.
    ///
    /// # Errors
    /// The answer is not what was expected.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, CodecError> {
        decode_content(&self.content)
    }
}

/// Why an ask, or one endpoint of it, ends without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The deadline passed.
    #[error("no answer in time")]
    TimedOut,
    /// The endpoint's node was declared dead, or its agent was started anew.
    #[error("the endpoint {endpoint} is gone")]
    EndpointLost {
        /// Which.
        endpoint: Address,
    },
    /// The endpoint's node refused the packet.
    #[error("{endpoint} refused: {}", .reason.name())]
    Refused {
        /// Which.
        endpoint: Address,
        /// Why.
        reason: Refusal,
    },
    /// The handler could not do it.
    #[error("{endpoint} says: {message}")]
    Handler {
        /// Which endpoint.
        endpoint: Address,
        /// What it says; at most 1,024 characters.
        message: String,
    },
    /// The node is shutting down.
    #[error("the node is stopping")]
    Stopping,
}

/// An open ask. Dropping it cancels what waits for it; a later answer is handled as late.
#[derive(Debug)]
pub struct Asking {
    endpoints: Vec<Address>,
    events: Receiver<AskEvent>,
}

impl Asking {
    pub(crate) fn new(endpoints: Vec<Address>, events: Receiver<AskEvent>) -> Self {
        Self { endpoints, events }
    }

    /// The endpoints that were asked.
    #[must_use]
    pub fn endpoints(&self) -> &[Address] {
        &self.endpoints
    }

    /// The next answer or failure; `None` when nothing more can come.
    ///
    /// Cancel: safe; nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Answer, AskError>> {
        match self.events.next().await? {
            AskEvent::Answer(answer) => Some(Ok(answer)),
            AskEvent::Failed(error) => Some(Err(error)),
        }
    }

    /// The one answer of an ask to one endpoint.
    ///
    /// # Errors
    /// Why none came.
    pub async fn answer(mut self) -> Result<Answer, AskError> {
        self.next().await.unwrap_or(Err(AskError::Stopping))
    }
}
