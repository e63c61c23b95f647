//! The contract between an agent and its node.
//!
//! An agent is a type with handlers; its node calls them one at a time. Everything an agent may do
//! goes through its [`Ctx`]: send, ask, keep, spawn. It holds no address, no socket and no clock.

#![warn(missing_docs)]

mod access;
mod agent;
mod asking;
mod ctx;
mod door;
mod error;
mod handlers;
mod outgoing;
mod port;
mod request;
mod runner;
mod spec;
mod status;
mod steward;
#[cfg(feature = "testkit")]
pub mod testkit;
mod tx;

pub use access::{Access, Principal};
pub use agent::Agent;
pub use asking::{Answer, AskError, Asking};
pub use ctx::Ctx;
pub use door::{
    Door, LoginClaim, NodeState, NodeTree, OperatorName, Readiness, TlsIdentity, TreeAgent,
    TreeNode,
};
pub use error::{AgentError, HandlerError, SendError, StoreError, one_line};
pub use handlers::{HandlerInfo, Handlers, admit};
pub use outgoing::{Choice, Outgoing, role};
pub use port::{AgentStart, AskEvent, CommitTicket, Endpoint, NodePort, OpenAsk, SendResult};
pub use request::{
    Delivery, DurableRef, HANDLER_REPLY, HANDLER_REPLY_ERROR, PlainReply, Request, SealedReply,
};
pub use runner::{AgentRuntime, Exit, HANDLER_TIME_MAX, STOP_TIME_MAX};
pub use skep_packet::Level;
pub use spec::{AgentSpec, BEACON_DEFAULT, RestartPolicy, RoleUse};
pub use status::AgentStatus;
pub use steward::{AuditPage, Deed, Done, Order, SignedWord, Stewardship};
pub use tx::{Tx, TxBuffer};
