//! What a node and an agent in another language say to each other: JSON objects, one to a line, told
//! apart by `type`. docs/EXTERNAL.md is the page for those who write such an agent.
//!
//! The node speaks first (`hello`); nothing else comes before the child's `ready`. Numbers of calls
//! are the node's, numbers of asks and sends are the child's own.

mod lines;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use skep_packet::{
    Address, AgentName, CodecError, HandlerName, Level, NodeId, PacketId, RoleName, RolePattern,
    decode_content,
};

pub use lines::{Line, Lines};

/// The version of this conversation; it grows with a change that an older child would not survive.
pub const VERSION: u32 = 1;

/// Longest line, in bytes, without its end; of a longer one nothing is believed.
pub const LINE_BYTES_MAX: usize = 512 * 1024;

/// What the node says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToChild {
    /// The first line: who the child is.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// The child's own name.
        agent: AgentName,
        /// The node it runs on.
        node: NodeId,
        /// Milliseconds between two beacons; after two that were not answered the child is killed.
        beacon_ms: u64,
    },
    /// Somebody calls a handler; one `reply` or `error` with this number ends it.
    Call(Call),
    /// Nobody waits for this call any more.
    Cancel {
        /// Its number.
        call: u64,
    },
    /// Somebody who was asked answers.
    Answer {
        /// The ask.
        ask: u64,
        /// Who.
        from: Address,
        /// What.
        content: Value,
        /// Whether it is the last word of this ask.
        last: bool,
    },
    /// An ask, or one who was asked, yields no answer.
    Failed {
        /// The ask.
        ask: u64,
        /// Why.
        error: String,
        /// Whether it is the last word of this ask.
        last: bool,
    },
    /// What came of a `send` that has a number.
    Sent {
        /// Its number.
        send: u64,
        /// Why nothing was sent; none where it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A line of the child's was not taken.
    Refused {
        /// Why.
        reason: String,
    },
    /// Are you alive? The answer is a beacon too.
    Beacon {},
    /// Come to an end, in order and soon.
    Stop {},
}

/// Somebody calls a handler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The call's number.
    pub call: u64,
    /// The handler.
    pub handler: HandlerName,
    /// The role that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
    /// The packet's id: the same one when the same packet comes again.
    pub id: PacketId,
    /// The agent that sent it; for a person, the door.
    pub from: Address,
    /// The person who stands behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Caller>,
    /// Whether it is to be done even if the child, or its host, dies over it: then it comes again.
    #[serde(default)]
    pub durable: bool,
    /// Whether the caller takes `working` and `part` before the reply.
    #[serde(default)]
    pub parts: bool,
    /// Milliseconds that the call may take; none for a durable one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
    /// What the handler takes.
    pub content: Value,
}

/// A person who calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// The operator's name.
    pub name: String,
    /// What the operator may do.
    pub level: Level,
}

/// What the child says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromChild {
    /// The first line: it takes calls now.
    Ready {
        /// The version it speaks.
        version: u32,
    },
    /// A call's result; the call ends.
    Reply {
        /// The call.
        call: u64,
        /// The result. For a person a text is lines, anything else is shown as JSON.
        #[serde(default)]
        content: Value,
    },
    /// A call could not be done; it ends.
    Error {
        /// The call.
        call: u64,
        /// Why, for people.
        error: String,
    },
    /// A call is still being worked on.
    Working {
        /// The call.
        call: u64,
        /// What is being done.
        note: String,
    },
    /// A part of a call's result, as lines of text.
    Part {
        /// The call.
        call: u64,
        /// The lines.
        text: String,
    },
    /// Asks whoever serves a role.
    Ask {
        /// The child's number for it.
        ask: u64,
        /// The role, or a pattern of roles; one that the directive says it uses.
        role: RolePattern,
        /// What the role's handler takes.
        #[serde(default)]
        content: Value,
        /// Seconds to wait; 30 unless it says so.
        #[serde(default)]
        within_s: Option<u64>,
        /// Whether each endpoint is asked, instead of one.
        #[serde(default)]
        all: bool,
    },
    /// Sends to whoever serves a role.
    Send {
        /// Set where it wants to know what came of it.
        #[serde(default)]
        send: Option<u64>,
        /// The role, or a pattern of roles; one that the directive says it uses.
        role: RolePattern,
        /// What the role's handler takes.
        #[serde(default)]
        content: Value,
        /// Whether it is kept until its effect is on disk elsewhere.
        #[serde(default)]
        durable: bool,
        /// Whether it goes to each endpoint, instead of one.
        #[serde(default)]
        all: bool,
    },
    /// How it is, to be shown to people.
    State {
        /// Any small JSON.
        state: Value,
    },
    /// A sign of life.
    Beacon {},
}

/// Why a line is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It has no end within the bound. What follows until its end is dropped.
    #[error("a line has at most {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// It is no message of this conversation.
    #[error("this is no message: {0}")]
    Malformed(String),
}

impl ToChild {
    /// The message as a line with its end.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        line(self)
    }
}

impl FromChild {
    /// The message as a line with its end.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        line(self)
    }

    /// Reads a line.
    ///
    /// # Errors
    /// [`LineError`]; it never panics on any input.
    pub fn read(line: &Line) -> Result<Self, LineError> {
        if line.is_cut {
            return Err(LineError::TooLong);
        }
        decode_content(&line.bytes)
            .map_err(|error: CodecError| LineError::Malformed(error.to_string()))
    }
}

/// JSON holds no line break that is not escaped.
fn line<T: Serialize>(message: &T) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("our own types encode into memory");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests;
