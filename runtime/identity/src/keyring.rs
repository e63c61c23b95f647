//! The keyring: whose keys a node believes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use skep_packet::{KeyId, NodeId, Refusal, Signed, SwarmId};

use crate::{
    Lineage, Passport, PublicKey, Purpose, Revocation, SUCCESSIONS_MAX, Who, open_object,
    passport::PASSPORT_BYTES_MAX,
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
    lineage: Lineage,
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
            lineage: Lineage::new(swarm, authority),
            by_key: HashMap::new(),
            by_node: HashMap::new(),
            revoked: HashMap::new(),
            shut_out: HashSet::new(),
        }
    }

    /// A keyring that believes the authorities of a lineage and knows nobody yet.
    #[must_use]
    pub fn of(lineage: Lineage) -> Self {
        let keyring = Self::new(lineage.swarm(), lineage.current().clone());
        Self { lineage, ..keyring }
    }

    /// Whom it believes.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Takes in a succession that somebody told. Whether it was news.
    ///
    /// # Errors
    /// As [`Lineage::follow`].
    pub fn follow(&mut self, succession: &Signed, now_ms: u64) -> Result<bool, Refusal> {
        self.lineage.follow(succession, now_ms)
    }

    /// Takes in a succession that this node kept. Whether it was news.
    ///
    /// # Errors
    /// As [`Lineage::remember`].
    pub fn remember(&mut self, succession: &Signed) -> Result<bool, Refusal> {
        self.lineage.remember(succession)
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
        let authority = self.lineage.standing(signed.signer, now_ms)?;
        let passport: Passport =
            open_object(Purpose::Passport, signed, authority, PASSPORT_BYTES_MAX)?;
        if passport.swarm != self.swarm {
            return Err(Refusal::WrongSwarm);
        }
        self.check_standing(&passport, signed.signer, now_ms)?;
        Ok(passport)
    }

    /// Checks the passport of somebody who brings successions along: those that are news here may
    /// be what makes it good. Nothing is kept.
    ///
    /// # Errors
    /// As [`Keyring::check`]; [`Refusal::SecondSuccessor`] where that is why.
    pub fn judge(
        &self,
        passport: &Signed,
        successions: &[Signed],
        now_ms: u64,
    ) -> Result<Passport, Refusal> {
        let mut lineage = self.lineage.clone();
        let mut refused = None;
        let mut is_news = false;
        for signed in successions.iter().take(SUCCESSIONS_MAX) {
            match lineage.follow(signed, now_ms) {
                Ok(news) => is_news |= news,
                Err(reason) => refused = Some(reason),
            }
        }
        let checked = match is_news {
            true => Self {
                lineage,
                ..self.clone()
            }
            .check(passport, now_ms),
            false => self.check(passport, now_ms),
        };
        match (checked, refused) {
            (Err(Refusal::UnknownSigner), Some(Refusal::SecondSuccessor)) => {
                Err(Refusal::SecondSuccessor)
            }
            (checked, _) => checked,
        }
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
        // What an older authority says of a node counts less than anything a newer one said.
        let lineage = &self.lineage;
        let age =
            |signed: &Signed, passport: &Passport| (lineage.rank(signed.signer), passport.serial);
        if let Some(known) = self.node(&node)
            && age(&known.signed, &known.passport) > age(signed, &passport)
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
        let Some(peer) = self.by_key.get(&key) else {
            return Err(match self.revoked.contains_key(&key) {
                true => Refusal::RevokedSigner,
                false => Refusal::UnknownSigner,
            });
        };
        self.lineage.standing(peer.signed.signer, now_ms)?;
        self.check_standing(&peer.passport, peer.signed.signer, now_ms)?;
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
    /// An authority takes back what it said, and what those before it said; not what one after it
    /// did, whose papers for the same key still count.
    ///
    /// # Errors
    /// Not signed by an authority that counts, of another swarm, not readable, or
    /// [`REVOCATIONS_MAX`].
    pub fn revoke(&mut self, signed: &Signed, now_ms: u64) -> Result<Option<Revoked>, Refusal> {
        let authority = self.lineage.standing(signed.signer, now_ms)?;
        let revocation: Revocation =
            open_object(Purpose::Revocation, signed, authority, PASSPORT_BYTES_MAX)?;
        if revocation.swarm != self.swarm {
            return Err(Refusal::WrongSwarm);
        }
        let known = self.revoked.get(&revocation.key);
        let rank = |signed: &Signed| self.lineage.rank(signed.signer);
        if known.is_some_and(|known| rank(known) >= rank(signed)) {
            return Ok(None);
        }
        if known.is_none() && self.revoked.len() >= REVOCATIONS_MAX {
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

    /// The node whose passport held the key, if one did, and that was taken back.
    fn forget(&mut self, key: KeyId) -> Option<NodeId> {
        let vouched = self.by_key.get(&key)?.signed.signer;
        if !self.is_taken_back(key, vouched) {
            return None;
        }
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

    /// Every revocation of an authority that counts, in no order.
    pub fn revocations(&self, now_ms: u64) -> impl Iterator<Item = &Signed> {
        let counts = move |signed: &&Signed| self.lineage.standing(signed.signer, now_ms).is_ok();
        self.revoked.values().filter(counts)
    }

    /// Whether what the authority `vouched` said about a key was taken back, by it or a later one.
    fn is_taken_back(&self, key: KeyId, vouched: KeyId) -> bool {
        let revoked = self.revoked.get(&key);
        revoked.is_some_and(|signed| self.lineage.rank(signed.signer) >= self.lineage.rank(vouched))
    }

    fn check_standing(
        &self,
        passport: &Passport,
        vouched: KeyId,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        match self.is_taken_back(passport.key_id(), vouched) {
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
