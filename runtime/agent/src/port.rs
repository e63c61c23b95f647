//! What a node does for its agents. The node implements it; the testkit does too.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_channel::mpsc::Receiver;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use skep_packet::{
    Address, AgentName, BootId, HandlerName, Inscription, NodeId, Now, RoleName, RolePattern,
    Scope, SessionKey,
};
use tokio::sync::oneshot;

use crate::{
    Answer, AskError, Door, DurableRef, Outgoing, SendError, Stewardship, StoreError, TxBuffer,
};

/// A live endpoint of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// What it offers.
    pub role: RoleName,
    /// The function that does it.
    pub handler: HandlerName,
    /// Which start of the agent it is.
    pub start: AgentStart,
}

/// One start of an agent: what an earlier one was asked, this one does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStart {
    /// The start of its node.
    pub boot: BootId,
    /// Counts the agent's starts on that boot.
    pub incarnation: u32,
}

/// What an open ask yields.
#[derive(Debug)]
pub enum AskEvent {
    /// One endpoint answered.
    Answer(Answer),
    /// The ask, or one endpoint of it, ends without an answer.
    Failed(AskError),
}

/// The endpoints that were asked, and what comes back.
pub type OpenAsk = (Vec<Address>, Receiver<AskEvent>);

/// The endpoints that a packet went to.
pub type SendResult = Result<Vec<Address>, SendError>;

/// Resolves when the transaction is on disk.
pub type CommitTicket = oneshot::Receiver<Result<(), StoreError>>;

/// What a node does for its agents.
pub trait NodePort: Send + Sync + 'static {
    /// Both clocks, now.
    fn now(&self) -> Now;

    /// The node's name.
    fn node(&self) -> &NodeId;

    /// The node's home folder; `None` for a node without one, as in tests.
    fn home(&self) -> Option<PathBuf> {
        None
    }

    /// Resolves, then sends, each packet in order: for `accepted` and `best_effort` ones. Waits
    /// while the node's queue is full. Yields what became of each.
    fn send(&self, from: AgentName, outgoing: Vec<Outgoing>)
    -> BoxFuture<'static, Vec<SendResult>>;

    /// Sends with a token and yields what comes back until `within` has passed. Dropping the
    /// receiver cancels the ask.
    fn ask(
        &self,
        from: AgentName,
        outgoing: Outgoing,
        within: Duration,
    ) -> BoxFuture<'static, Result<OpenAsk, SendError>>;

    /// Queues a transaction: from now on the agent reads its writes; the ticket resolves when they
    /// are on disk, and only then do its packets leave.
    fn commit(
        &self,
        agent: AgentName,
        buffer: TxBuffer,
    ) -> BoxFuture<'static, Result<CommitTicket, StoreError>>;

    /// The handler of a durable packet failed; the node decides between retry and dead letter.
    fn durable_failed(&self, agent: AgentName, durable: DurableRef, error: String);

    /// Reads one of the agent's own values, through its uncommitted writes.
    ///
    /// # Errors
    /// The store's file could not be read.
    fn get(&self, agent: &AgentName, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// Reads the agent's own values whose keys start with `prefix` and come after `after`, in key
    /// order, at most `limit`, through its uncommitted writes.
    ///
    /// # Errors
    /// The store's file could not be read.
    fn scan(
        &self,
        agent: &AgentName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>, StoreError>;

    /// Who serves the roles of a pattern now.
    fn endpoints(&self, pattern: &RolePattern, scope: Scope) -> Vec<Endpoint>;

    /// Encloses what an agent says to a person in an envelope that only the session's key opens;
    /// yields it as base64. About 0.1 ms.
    ///
    /// # Errors
    /// The key is none, or the crypto library fails.
    fn enclose(
        &self,
        key: &SessionKey,
        about: &Inscription,
        content: &[u8],
    ) -> Result<String, SendError>;

    /// A fresh random 128-bit number, for tokens and nonces.
    fn random(&self) -> u128;

    /// What only the door to people may use; `None` for an agent that is no door.
    fn door(&self) -> Option<Arc<dyn Door>>;

    /// What only the node's steward may use; `None` for every other agent.
    fn steward(&self) -> Option<Arc<dyn Stewardship>> {
        None
    }
}
