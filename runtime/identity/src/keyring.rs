//! The keyring: whose keys a node believes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use skep_packet::{KeyId, NodeId, Refusal, Signed, SwarmId};

use crate::{
    Passport, PublicKey, Purpose, Revocation, Who, open_object, passport::PASSPORT_BYTES_MAX,
};

/// Most passports kept; at the bound expired ones go, and when none is, a new one is refused
/// as `unknown_signer`.
pub const PASSPORTS_MAX: usize = 16_384;

/// Most revocations kept; at the bound a new one is refused as `oversized`. They never go.
pub const REVOCATIONS_MAX: usize = 65_536;

/// One passport that was found good, as it came and as it reads.
#[derive(Debug, Clone)]
pub struct Peer {
    /// What the authority says about the key.
    pub passport: Passport,
    /// The same, signed, to show to others.
    pub signed: Signed,
}

/// A key that no longer counts, as of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// What the authority says.
    pub revocation: Revocation,
    /// The node that is to be cut: whose key it was, unless it is known to have another one by now.
    pub node: Option<NodeId>,
}

/// Passports by key and by node, and the keys that no longer count.
#[derive(Debug, Clone)]
pub struct Keyring {
    swarm: SwarmId,
    authorities: Vec<PublicKey>,
    by_key: HashMap<KeyId, Arc<Peer>>,
    by_node: HashMap<NodeId, KeyId>,
    revoked: HashMap<KeyId, Signed>,
    /// Nodes of revoked keys for which no other passport is known.
    shut_out: HashSet<NodeId>,
}

impl Keyring {
    /// A keyring that believes one authority and knows nobody yet.
    #[must_use]
    pub fn new(swarm: SwarmId, authority: PublicKey) -> Self {
        Self {
            swarm,
            authorities: vec![authority],
            by_key: HashMap::new(),
            by_node: HashMap::new(),
            revoked: HashMap::new(),
            shut_out: HashSet::new(),
        }
    }

    /// The swarm it is for.
    #[must_use]
    pub fn swarm(&self) -> SwarmId {
        self.swarm
    }

    /// Checks a passport without keeping it: signature, swarm, time, revocation.
    ///
    /// # Errors
    /// The first of these that does not hold.
    pub fn check(&self, signed: &Signed, now_ms: u64) -> Result<Passport, Refusal> {
        let authority = self.authority(signed.signer)?;
        let passport: Passport =
            open_object(Purpose::Passport, signed, authority, PASSPORT_BYTES_MAX)?;
        if passport.swarm != self.swarm {
            return Err(Refusal::WrongSwarm);
        }
        self.check_standing(&passport, now_ms)?;
        Ok(passport)
    }

    /// Checks a node's passport and keeps it, unless a newer one of that node is known.
    ///
    /// # Errors
    /// As [`Keyring::check`]; `malformed` for an operator's, `expired_signer` for one that an
    /// other key's newer passport for the same node has replaced, and at [`PASSPORTS_MAX`].
    pub fn admit(&mut self, signed: &Signed, now_ms: u64) -> Result<Arc<Peer>, Refusal> {
        let passport = self.check(signed, now_ms)?;
        let key = passport.key_id();
        let node = passport.node().ok_or(Refusal::Malformed)?.clone();
        if let Some(known) = self.node(&node)
            && known.passport.serial > passport.serial
        {
            let same_key = known.passport.key_id() == key;
            return same_key
                .then(|| Arc::clone(known))
                .ok_or(Refusal::ExpiredSigner);
        }
        self.make_room(now_ms)?;
        self.shut_out.remove(&node);
        if let Some(old) = self.by_node.insert(node, key).filter(|old| *old != key) {
            self.by_key.remove(&old);
        }
        let signed = signed.clone();
        let peer = Arc::new(Peer { passport, signed });
        self.by_key.insert(key, Arc::clone(&peer));
        Ok(peer)
    }

    /// Whose key signed, if it counts at `now_ms`.
    ///
    /// # Errors
    /// [`Refusal::RevokedSigner`], [`Refusal::UnknownSigner`] or [`Refusal::ExpiredSigner`].
    pub fn signer(&self, key: KeyId, now_ms: u64) -> Result<&Arc<Peer>, Refusal> {
        if self.revoked.contains_key(&key) {
            return Err(Refusal::RevokedSigner);
        }
        let peer = self.by_key.get(&key).ok_or(Refusal::UnknownSigner)?;
        peer.passport.check_time(now_ms)?;
        Ok(peer)
    }

    /// The newest passport known for a node, whether or not it still counts.
    #[must_use]
    pub fn node(&self, node: &NodeId) -> Option<&Arc<Peer>> {
        self.by_node.get(node).and_then(|key| self.by_key.get(key))
    }

    /// Every passport kept, in no order.
    pub fn peers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.by_key.values()
    }

    /// Keeps a revocation and forgets the passport of its key. `None` when it is known already;
    /// else connections of that key must be closed.
    ///
    /// # Errors
    /// Not signed by the authority, of another swarm, not readable, or [`REVOCATIONS_MAX`].
    pub fn revoke(&mut self, signed: &Signed) -> Result<Option<Revoked>, Refusal> {
        let authority = self.authority(signed.signer)?;
        let revocation: Revocation =
            open_object(Purpose::Revocation, signed, authority, PASSPORT_BYTES_MAX)?;
        if revocation.swarm != self.swarm {
            return Err(Refusal::WrongSwarm);
        }
        if self.revoked.contains_key(&revocation.key) {
            return Ok(None);
        }
        if self.revoked.len() >= REVOCATIONS_MAX {
            return Err(Refusal::Oversized);
        }
        self.revoked.insert(revocation.key, signed.clone());
        let known = self.forget(revocation.key);
        let named = match &revocation.who {
            Who::Node(node) => Some(node.clone()),
            Who::Operator(_) => None,
        };
        let node = known.or(named).filter(|node| self.node(node).is_none());
        self.shut_out.extend(node.clone());
        Ok(Some(Revoked { revocation, node }))
    }

    /// Whether a node's key was revoked, and no other one of it is known.
    #[must_use]
    pub fn is_shut_out(&self, node: &NodeId) -> bool {
        self.shut_out.contains(node)
    }

    /// The node whose passport held the key, if one did.
    fn forget(&mut self, key: KeyId) -> Option<NodeId> {
        let peer = self.by_key.remove(&key)?;
        let node = peer.passport.node()?.clone();
        self.by_node.remove(&node);
        Some(node)
    }

    /// Whether a key was revoked.
    #[must_use]
    pub fn is_revoked(&self, key: KeyId) -> bool {
        self.revoked.contains_key(&key)
    }

    /// Every revocation kept, in no order.
    pub fn revocations(&self) -> impl Iterator<Item = &Signed> {
        self.revoked.values()
    }

    fn authority(&self, key: KeyId) -> Result<&PublicKey, Refusal> {
        self.authorities
            .iter()
            .find(|authority| authority.id() == key)
            .ok_or(Refusal::UnknownSigner)
    }

    fn check_standing(&self, passport: &Passport, now_ms: u64) -> Result<(), Refusal> {
        match self.revoked.contains_key(&passport.key_id()) {
            true => Err(Refusal::RevokedSigner),
            false => passport.check_time(now_ms),
        }
    }

    fn make_room(&mut self, now_ms: u64) -> Result<(), Refusal> {
        if self.by_key.len() < PASSPORTS_MAX {
            return Ok(());
        }
        self.by_key
            .retain(|_, peer| peer.passport.check_time(now_ms).is_ok());
        let by_key = &self.by_key;
        self.by_node.retain(|_, key| by_key.contains_key(key));
        (self.by_key.len() < PASSPORTS_MAX)
            .then_some(())
            .ok_or(Refusal::UnknownSigner)
    }
}

#[cfg(test)]
mod tests;
