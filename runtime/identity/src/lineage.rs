//! The lineage: the authorities of a swarm, each with the one that took its place.
//!
//! A node begins with one, from its invitation or its own keys, and goes on by [successions]. Only
//! the newest one can name the next, and only once: whoever gets hold of an older key names nobody.
//!
//! [successions]: crate::Succession

use bytes::Bytes;
use skep_packet::{KeyId, Refusal, Signed, SwarmId, limits::SKEW_MAX_MS};

use crate::{PublicKey, succession::Handover};

/// Most successions kept; at the bound the oldest one goes, and with it the oldest authority.
pub const SUCCESSIONS_MAX: usize = 4;

/// The authorities of a swarm, as one node knows them.
#[derive(Debug, Clone)]
pub struct Lineage {
    swarm: SwarmId,
    /// Oldest first; the last one is the authority.
    line: Vec<PublicKey>,
    /// How each came after the one before: one less than there are keys.
    handovers: Vec<Handover>,
}

/// What TLS and a peer are shown while authorities overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The certificates (DER) of every authority that counts: TLS's roots.
    pub roots: Vec<Bytes>,
    /// Certificates (DER) that go with this node's own, for peers that know an older authority.
    pub bridges: Vec<Bytes>,
    /// The successions that such a peer has to hear of.
    pub successions: Vec<Signed>,
}

impl Trust {
    /// One authority, of the certificate `ca`.
    #[must_use]
    pub fn only(ca: &Bytes) -> Self {
        Self {
            roots: vec![ca.clone()],
            bridges: Vec::new(),
            successions: Vec::new(),
        }
    }
}

impl Lineage {
    /// One authority, and nothing before it.
    #[must_use]
    pub fn new(swarm: SwarmId, authority: PublicKey) -> Self {
        Self {
            swarm,
            line: vec![authority],
            handovers: Vec::new(),
        }
    }

    /// The lineage of a node with this authority that kept these successions, in any order. What
    /// does not belong to it is left out.
    #[must_use]
    pub fn restore(swarm: SwarmId, authority: PublicKey, kept: &[Signed]) -> Self {
        let mut lineage = Self::new(swarm, authority);
        // Forwards what came after it, backwards what was before it.
        for signed in kept.iter().chain(kept.iter().rev()) {
            lineage.remember(signed).ok();
        }
        lineage
    }

    /// The swarm it is of.
    #[must_use]
    pub fn swarm(&self) -> SwarmId {
        self.swarm
    }

    /// The authority that no other one has followed.
    #[must_use]
    pub fn current(&self) -> &PublicKey {
        self.line.last().expect("a lineage has an authority")
    }

    /// How many authorities came before this one, as far as it is known; newer ones have more.
    #[must_use]
    pub fn rank(&self, key: KeyId) -> Option<usize> {
        self.line.iter().position(|known| known.id() == key)
    }

    /// The authority's key, if it counts at `now_ms`.
    ///
    /// # Errors
    /// [`Refusal::UnknownSigner`], or [`Refusal::ExpiredSigner`] when another one took its place
    /// and their time together is over.
    pub fn standing(&self, key: KeyId, now_ms: u64) -> Result<&PublicKey, Refusal> {
        let rank = self.rank(key).ok_or(Refusal::UnknownSigner)?;
        let followed = self.handovers.get(rank);
        let is_over = followed.is_some_and(|handover| is_over(handover, now_ms));
        match is_over {
            true => Err(Refusal::ExpiredSigner),
            false => Ok(&self.line[rank]),
        }
    }

    /// Takes in what somebody told. Whether it was news.
    ///
    /// # Errors
    /// It does not hold what it should, its time has not come or is over, it is about authorities
    /// that are not known here, or ([`Refusal::SecondSuccessor`]) of one that has a successor.
    pub fn follow(&mut self, signed: &Signed, now_ms: u64) -> Result<bool, Refusal> {
        if self.knows(signed) {
            return Ok(false);
        }
        let handover = Handover::open(signed, self.swarm)?;
        if handover.said.issued_at_ms > now_ms.saturating_add(SKEW_MAX_MS) {
            return Err(Refusal::Future);
        }
        // Who was away all the time cannot tell a succession from one that was made up later, by
        // whoever found the old key.
        if is_over(&handover, now_ms) {
            return Err(Refusal::Expired);
        }
        // Only the authority of today says who was before it: an older key may be in other hands.
        if self.line.len() > 1 && handover.new == self.line[0] {
            return Err(Refusal::UnknownSigner);
        }
        self.attach(handover)
    }

    /// Takes in what this node kept, or its authority did: it was judged when it came.
    ///
    /// # Errors
    /// As [`Lineage::follow`], but it may be over.
    pub fn remember(&mut self, signed: &Signed) -> Result<bool, Refusal> {
        match self.knows(signed) {
            true => Ok(false),
            false => self.attach(Handover::open(signed, self.swarm)?),
        }
    }

    fn knows(&self, signed: &Signed) -> bool {
        // A signature differs each time it is made; what is signed does not.
        let is_it = |known: &Handover| known.signed.body == signed.body;
        self.handovers.iter().any(is_it)
    }

    fn attach(&mut self, handover: Handover) -> Result<bool, Refusal> {
        let (old, new) = (self.rank(handover.old.id()), self.rank(handover.new.id()));
        match (old, new) {
            (Some(rank), _) if rank + 1 < self.line.len() => Err(Refusal::SecondSuccessor),
            // The authority names the one after it.
            (Some(_), None) => {
                self.line.push(handover.new.clone());
                self.handovers.push(handover);
                self.make_room();
                Ok(true)
            }
            // The oldest that is known here names the one before it.
            (None, Some(0)) if self.handovers.len() < SUCCESSIONS_MAX => {
                self.line.insert(0, handover.old.clone());
                self.handovers.insert(0, handover);
                Ok(true)
            }
            _ => Err(Refusal::UnknownSigner),
        }
    }

    fn make_room(&mut self) {
        if self.handovers.len() > SUCCESSIONS_MAX {
            self.line.remove(0);
            self.handovers.remove(0);
        }
    }

    /// When the next authority stops to count, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn next_end_ms(&self, now_ms: u64) -> Option<u64> {
        let open = self.open(now_ms);
        open.map(end_ms).min()
    }

    /// Until when an authority counts, in milliseconds since the Unix epoch; none for the newest.
    #[must_use]
    pub fn followed_ms(&self, authority: KeyId) -> Option<u64> {
        let followed = self.handovers.get(self.rank(authority)?)?;
        Some(followed.said.until_ms)
    }

    /// Every succession kept, the oldest first.
    pub fn successions(&self) -> impl Iterator<Item = &Signed> {
        self.handovers.iter().map(|handover| &handover.signed)
    }

    /// What this authority and the one before it said, if there was one.
    #[must_use]
    pub fn succession(&self, authority: KeyId) -> Option<&crate::Succession> {
        let is_it = |handover: &&Handover| handover.new.id() == authority;
        self.handovers.iter().find(is_it).map(|found| &found.said)
    }

    /// An authority's key and its certificate, for one whose own authority has the certificate `ca`.
    #[must_use]
    pub fn authority(&self, key: KeyId, ca: &Bytes) -> Option<(PublicKey, Bytes)> {
        let rank = self.rank(key)?;
        Some((self.line[rank].clone(), self.certificate(rank, ca).clone()))
    }

    fn certificate<'a>(&'a self, rank: usize, ca: &'a Bytes) -> &'a Bytes {
        let follows = rank.checked_sub(1).and_then(|idx| self.handovers.get(idx));
        let followed = self.handovers.get(rank);
        let stands = followed.map(|handover| &handover.said.old_ca);
        stands
            .or(follows.map(|handover| &handover.said.new_ca))
            .unwrap_or(ca)
    }

    /// What TLS and peers are shown at `now_ms`, for a node whose own authority has the
    /// certificate `ca`.
    #[must_use]
    pub fn trust(&self, ca: &Bytes, now_ms: u64) -> Trust {
        let counts = |rank: &usize| self.standing(self.line[*rank].id(), now_ms).is_ok();
        let ranks = (0..self.line.len()).filter(counts);
        Trust {
            roots: ranks
                .map(|rank| self.certificate(rank, ca).clone())
                .collect(),
            bridges: self
                .open(now_ms)
                .map(|handover| handover.said.bridge.clone())
                .collect(),
            successions: self
                .open(now_ms)
                .map(|handover| handover.signed.clone())
                .collect(),
        }
    }

    /// Successions whose older authority still counts.
    fn open(&self, now_ms: u64) -> impl Iterator<Item = &Handover> {
        let open = move |handover: &&Handover| !is_over(handover, now_ms);
        self.handovers.iter().filter(open)
    }
}

fn end_ms(handover: &Handover) -> u64 {
    handover.said.until_ms.saturating_add(SKEW_MAX_MS)
}

fn is_over(handover: &Handover, now_ms: u64) -> bool {
    now_ms > end_ms(handover)
}

#[cfg(test)]
mod tests;
