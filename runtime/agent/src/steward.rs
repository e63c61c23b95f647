//! What the steward of a node may do, beyond what every agent may: change what runs.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;
use skep_packet::{AgentName, RoleName, Token};

/// An operator's command to change what a node runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// What is to be done.
    pub deed: Deed,
    /// Only say what would be done.
    pub dry_run: bool,
    /// The operator's own word, for the audit log.
    pub word: SignedWord,
}

/// A change of what a node runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Adds an agent and what is below it.
    Inject {
        /// The agent above it; the root where there is none.
        under: Option<AgentName>,
        /// The agent as a directive writes it.
        agent: Value,
    },
    /// Puts another agent in the place of one.
    Replace {
        /// The agent that goes.
        agent: AgentName,
        /// The one that comes.
        with: Value,
    },
    /// Stops an agent and what is below it, and starts them again.
    Restart {
        /// The agent.
        agent: AgentName,
    },
    /// Takes out an agent and what is below it. What it keeps in the store stays.
    Delete {
        /// The agent.
        agent: AgentName,
    },
}

/// What an operator signed, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedWord {
    /// The role that was asked for.
    pub role: RoleName,
    /// The command's token.
    pub token: Token,
    /// The command's bytes.
    pub payload: Bytes,
    /// Login and signature.
    pub proof: Bytes,
}

/// What an order did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Agents that were stopped, children first.
    pub stopped: Vec<AgentName>,
    /// Agents that were started, parents first.
    pub started: Vec<AgentName>,
    /// The command's entry in the audit log; none where nothing was done.
    pub entry: Option<u64>,
}

/// Entries of the audit log, in order, as they stand there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries' bytes.
    pub entries: Vec<Bytes>,
    /// How many entries the log has.
    pub n_entries: u64,
}

/// What the steward of a node may ask of it.
pub trait Stewardship: Send + Sync + 'static {
    /// Does the whole of an order or nothing of it: whatever it starts must be healthy in time, else
    /// everything is put back. Orders are done one after another, and to the end also when nobody
    /// waits any more.
    ///
    /// # Errors
    /// Why nothing was changed, for people.
    fn order(&self, order: Order) -> BoxFuture<'static, Result<Done, String>>;

    /// The entries of the audit log after `after`, at most about `bytes_max` of them, at least one.
    ///
    /// # Errors
    /// The store could not be read.
    fn audit(&self, after: u64, bytes_max: usize) -> Result<AuditPage, String>;
}
