//! What the door's own tasks tell the agent.

use skep_agent::{Answer, AskError, OperatorName};
use skep_packet::Token;
use skep_protocol::rpc::{Problem, ProblemCode, Resume, ServiceRequest};
use tokio::sync::{oneshot, watch};

/// Something that one of the door's own tasks tells it.
#[derive(Debug)]
pub struct Event(pub(crate) Happened);

/// Where an event's answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Problem>>;

/// A session, as its connection knows it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) session: String,
    /// The cursor of the newest callback that is on disk; changes when there are more.
    pub(crate) committed: watch::Receiver<u64>,
}

#[derive(Debug)]
pub(crate) enum Happened {
    /// An operator logged in.
    Open {
        operator: OperatorName,
        resume: Option<Resume>,
        answer: Reply<Opened>,
    },
    /// An operator asks once, without a conversation.
    Call {
        operator: OperatorName,
        request: ServiceRequest,
        answer: Reply<Opened>,
    },
    /// A client asks whoever serves a role.
    Request {
        session: String,
        request: ServiceRequest,
        answer: Reply<()>,
    },
    /// A client wants what nobody asked for, or no longer does.
    Subscribe {
        session: String,
        on: bool,
        answer: Reply<()>,
    },
    /// A connection ended.
    Closed { session: String, bye: bool },
    /// An ask yields something.
    Answered {
        session: String,
        token: Token,
        answer: Result<Answer, AskError>,
    },
    /// The callbacks up to these cursors are on disk.
    Committed(Vec<(String, u64)>),
    /// Where people's port listens, or why it does not.
    People(String),
    /// Time to look at what is overdue.
    Upkeep,
}

pub(crate) fn tell<T>(answer: Reply<T>, what: Result<T, Problem>) {
    if answer.send(what).is_err() {
        tracing::debug!("the connection ended before its answer");
    }
}

/// The problem of a store that takes nothing any more: the node is on its way down.
pub(crate) fn stopping() -> Problem {
    Problem::new(ProblemCode::Stopping, "the node is stopping")
        .cure("come back in a moment and resume the session")
        .closing()
}
