//! The audit log: what operators changed on a node, each entry chained to the one before it.
//!
//! An entry's hash covers the hash before it and its own bytes, so none can be changed or left out
//! of the middle unseen. An entry of an operator's command holds the command itself with the
//! operator's own proof, which anybody can check who knows the authority's key. What a chain alone
//! does not show is a tail that was cut off: for that, keep a head and compare.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skep_packet::{Hash, NodeId, Refusal, RoleName, Token, decode, encode};

use crate::{Keyring, OperatorIdentity, check_request, merkle};

/// Largest encoded entry, in bytes.
pub const AUDIT_ENTRY_BYTES_MAX: usize = 128 * 1024;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The node it is of.
    pub node: NodeId,
    /// Counts from 1.
    pub seq: u64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The hash of the entry before it; zeros for the first.
    pub prev: Hash,
    /// What happened.
    pub event: AuditEvent,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// An operator's command was taken; what came of it stands in a later entry.
    Command(Warrant),
    /// What came of a command.
    Outcome {
        /// The command's entry.
        of: u64,
        /// Whether it was done; else everything is as before.
        is_done: bool,
        /// What was done, or why it was not.
        text: String,
        /// The hash of the directive that runs from now on.
        directive: Hash,
    },
    /// The node was started with another directive: changes made while it ran are dropped.
    Superseded {
        /// The hash of the directive that runs from now on.
        directive: Hash,
    },
    /// The directive's file was read again while the node ran, and is what it runs; changes made
    /// since the last one are dropped. No operator stands behind it: whoever may write the file may.
    Reloaded {
        /// Whether it was done; else everything is as before.
        is_done: bool,
        /// What was done, or why it was not.
        text: String,
        /// The hash of the directive that runs from now on.
        directive: Hash,
    },
}

/// A command as its operator signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warrant {
    /// The role that was asked for.
    pub role: RoleName,
    /// The command's token.
    pub token: Token,
    /// The command's bytes.
    pub payload: Bytes,
    /// The operator's proof: login and signature.
    pub proof: Bytes,
}

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// How many entries there are.
    pub seq: u64,
    /// The hash of the last one.
    pub hash: Hash,
}

/// Why a log is not believed: the first entry that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The bytes are no entry.
    #[error("entry {seq} is not readable")]
    Unreadable {
        /// Which.
        seq: u64,
    },
    /// It is not the entry that follows: changed, left out, or of another node.
    #[error("entry {seq} does not follow the one before it")]
    Broken {
        /// Which.
        seq: u64,
    },
    /// The command is not what its operator signed.
    #[error("the proof of entry {seq} is not good: {}", .reason.name())]
    Proof {
        /// Which.
        seq: u64,
        /// Why not.
        reason: Refusal,
    },
}

impl Default for AuditHead {
    fn default() -> Self {
        Self {
            seq: 0,
            hash: Hash([0; 32]),
        }
    }
}

impl AuditHead {
    /// The next entry of a chain, its bytes, and the head after it.
    #[must_use]
    pub fn next(&self, node: &NodeId, at_ms: u64, event: AuditEvent) -> (Bytes, Self) {
        let seq = self.seq + 1;
        let entry = AuditEntry {
            node: node.clone(),
            seq,
            at_ms,
            prev: self.hash,
            event,
        };
        let bytes = encode(&entry);
        let hash = merkle::sha256(&[&self.hash.0, &bytes]);
        (bytes, Self { seq, hash })
    }

    /// Goes one entry on, if these bytes are the one that follows.
    ///
    /// # Errors
    /// [`AuditError`]; the head stays.
    pub fn follow(&mut self, node: &NodeId, bytes: &[u8]) -> Result<AuditEntry, AuditError> {
        let seq = self.seq + 1;
        let entry: AuditEntry =
            decode(bytes, AUDIT_ENTRY_BYTES_MAX).map_err(|_| AuditError::Unreadable { seq })?;
        if entry.seq != seq || entry.prev != self.hash || entry.node != *node {
            return Err(AuditError::Broken { seq });
        }
        let hash = merkle::sha256(&[&self.hash.0, bytes]);
        *self = Self { seq, hash };
        Ok(entry)
    }
}

impl AuditEntry {
    /// Who gave the command of this entry, by the operator's own signature; `None` where it holds
    /// none. The keyring decides whom to believe, as of the time when the command was taken.
    ///
    /// # Errors
    /// [`AuditError::Proof`].
    pub fn operator(&self, keyring: &Keyring) -> Result<Option<OperatorIdentity>, AuditError> {
        let AuditEvent::Command(warrant) = &self.event else {
            return Ok(None);
        };
        let checked = check_request(
            &warrant.proof,
            keyring,
            self.at_ms,
            &warrant.role,
            &warrant.payload,
            &warrant.token,
        );
        let seq = self.seq;
        let (who, _) = checked.map_err(|reason| AuditError::Proof { seq, reason })?;
        Ok(Some(who))
    }
}

#[cfg(test)]
mod tests;
