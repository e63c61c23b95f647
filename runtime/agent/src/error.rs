//! What can go wrong between an agent and its node.

use skep_packet::{CodecError, Refusal};

/// A packet could not be sent. Nothing was kept or sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No live endpoint serves the role now.
    #[error("nobody serves the role {role:?} now{hint}")]
    NoEndpoint {
        /// The role or pattern asked for.
        role: String,
        /// Empty, or `; did you mean "x"?`.
        hint: String,
    },
    /// The content is larger than one packet may be; the conversation must page it.
    #[error("{got} bytes of content where at most {max} fit one packet")]
    TooLarge {
        /// Bytes given.
        got: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The outbox is at its bound; try later, or drop what is not worth keeping.
    #[error("the outbox is full ({max} packets)")]
    OutboxFull {
        /// The bound.
        max: usize,
    },
    /// The target refused it for good, or could not be reached within its time.
    #[error("the packet was refused: {}", .0.name())]
    Refused(Refusal),
    /// The packet's time ran out before its target took it.
    #[error("nobody took the packet within its time")]
    Expired,
    /// What is for a person's session alone could not be encrypted for it, and was not sent.
    #[error("the answer could not be sealed for the person's session: {reason}")]
    NotSealed {
        /// Why not.
        reason: String,
    },
    /// The node is shutting down.
    #[error("the node is stopping")]
    Stopping,
}

/// The store could not be read or written. After a failed commit the node stops.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store's file could not be read or written.
    #[error("the store failed while {step}")]
    Failed {
        /// What was being done.
        step: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A value in the store does not decode as what the agent keeps there.
    #[error("the value of {key:?} is not what was expected")]
    Value {
        /// Its key.
        key: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// A packet of the transaction could not be kept; nothing of the transaction was.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The node is shutting down; nothing was written.
    #[error("the node is stopping")]
    Stopping,
}

/// A handler could not do what it was asked; the asker gets the text as an error reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// The content is not what the handler takes.
    #[error("the content is not what the handler takes")]
    Content(#[from] CodecError),
    /// A packet could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The request makes no sense now; the text says why and what would.
    #[error("{0}")]
    Refused(String),
}

/// An agent could not be built or started, or gives up; its supervisor decides what follows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The directive's config does not fit the agent.
    #[error("config: {0}")]
    Config(String),
    /// A packet could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its work is done: it ends by itself, in order. No failure: what follows is what the restart
    /// policy says of a normal end.
    #[error("it has ended")]
    Ended,
    /// Something outside the swarm failed: a listener, a command, a directory.
    #[error("could not {step}")]
    Outside {
        /// What was being done.
        step: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl AgentError {
    /// An error of the world outside, with the step that failed.
    pub fn outside(
        step: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Outside {
            step: step.into(),
            source: source.into(),
        }
    }
}

/// An error and its causes in one line, as it stands in a log or in an answer.
#[must_use]
pub fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
