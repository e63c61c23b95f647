//! Passports and revocations: what the authority says about keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skep_packet::{
    HandlerPattern, KeyId, Level, NodeId, Refusal, RoleName, RolePattern, SwarmId,
    limits::SKEW_MAX_MS,
};

use crate::{PublicKey, Who};

/// How long a node's passport and certificate are valid, in milliseconds: 30 days.
pub const PASSPORT_LIFE_MS: u64 = 30 * 24 * 3_600_000;

/// How long an operator's passport is valid, in milliseconds: 365 days.
pub const OPERATOR_LIFE_MS: u64 = 365 * 24 * 3_600_000;

/// Largest encoded passport or revocation, in bytes.
pub const PASSPORT_BYTES_MAX: usize = 8 * 1024;

/// Whom a passport is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    /// A node of the swarm.
    Node {
        /// Its name; no second key carries it at the same time.
        node: NodeId,
        /// The roles it may announce.
        serves: Vec<RolePattern>,
        /// What its operators call it: site, rack, purpose.
        labels: BTreeMap<String, String>,
    },
    /// A person.
    Operator {
        /// The person's name.
        name: String,
        /// What the person may do.
        level: Level,
        /// The only handlers that the person may call; without it, all that the level admits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<HandlerPattern>,
    },
}

/// What the authority says about one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passport {
    /// The only swarm it is valid in.
    pub swarm: SwarmId,
    /// Whom it is for.
    pub holder: Holder,
    /// The holder's key.
    pub public_key: PublicKey,
    /// Valid from, in milliseconds since the Unix epoch.
    pub not_before_ms: u64,
    /// Valid until, in milliseconds since the Unix epoch.
    pub not_after_ms: u64,
    /// Grows with each passport of a holder; the highest one counts.
    pub serial: u64,
}

impl Passport {
    /// The node it is for; none for an operator's.
    #[must_use]
    pub fn node(&self) -> Option<&NodeId> {
        match &self.holder {
            Holder::Node { node, .. } => Some(node),
            Holder::Operator { .. } => None,
        }
    }

    /// The id of the holder's key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.public_key.id()
    }

    /// Whether the holder may announce `role`.
    #[must_use]
    pub fn may_serve(&self, role: &RoleName) -> bool {
        match &self.holder {
            Holder::Node { serves, .. } => serves.iter().any(|pattern| pattern.matches(role)),
            Holder::Operator { .. } => false,
        }
    }

    /// When it should be renewed: two thirds into its life, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn renewal_due_ms(&self) -> u64 {
        let life = self.not_after_ms.saturating_sub(self.not_before_ms);
        self.not_before_ms.saturating_add(life / 3 * 2)
    }

    /// Whether it is valid at `unix_ms`, give or take the skew of two clocks.
    ///
    /// # Errors
    /// [`Refusal::ExpiredSigner`], also before its time has come.
    pub fn check_time(&self, unix_ms: u64) -> Result<(), Refusal> {
        let begun = unix_ms.saturating_add(SKEW_MAX_MS) >= self.not_before_ms;
        let ended = unix_ms > self.not_after_ms.saturating_add(SKEW_MAX_MS);
        (begun && !ended)
            .then_some(())
            .ok_or(Refusal::ExpiredSigner)
    }
}

/// The authority takes back what it said about a key, for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The only swarm it is valid in.
    pub swarm: SwarmId,
    /// The key that no longer counts.
    pub key: KeyId,
    /// Whose key it was: a node is cut by it also where its passport was never seen.
    pub who: Who,
    /// When, in milliseconds since the Unix epoch.
    pub revoked_at_ms: u64,
}
