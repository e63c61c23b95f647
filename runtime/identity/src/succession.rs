//! Successions: another key takes an authority's place, and for a while both count.
//!
//! ```text
//! Signed { signer: old key, body, signature: of the old key over body, purpose `succession` }
//! body = [ statement, possession: of the new key over statement, purpose `successor` ]
//! ```
//! So neither key is in it without its holder. A node that believes the old one learns the new one
//! by it; a node that believes the new one learns whose papers still count beside its own.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skep_packet::{Refusal, Signed, SwarmId, decode, encode};

use crate::{
    IdentityError, PrivateKey, PublicKey, Purpose, certificate::certificate_public_key,
    certificate_key, open_object, sign_object,
};

/// Longest time in which two authorities count, in milliseconds: 365 days.
pub const OVERLAP_MAX_MS: u64 = 365 * 24 * 3_600_000;

/// Largest encoded statement with its proof of possession, in bytes.
pub const SUCCESSION_BYTES_MAX: usize = 8 * 1024;

/// What the two keys say about each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succession {
    /// The only swarm it is valid in.
    pub swarm: SwarmId,
    /// The certificate (DER) of the authority that goes; its key is the old one.
    pub old_ca: Bytes,
    /// The certificate (DER) of the one that comes; its key is the new one.
    pub new_ca: Bytes,
    /// A certificate (DER) for the new key that the old one signed: TLS by which a node that knows
    /// only the old one lets in those that have papers of the new one, and hears of it.
    pub bridge: Bytes,
    /// Since when both count, in milliseconds since the Unix epoch.
    pub issued_at_ms: u64,
    /// Until when the old one does, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Body {
    statement: Bytes,
    possession: Bytes,
}

/// A succession whose signatures are good; whom to believe is the reader's question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handover {
    pub(crate) said: Succession,
    pub(crate) old: PublicKey,
    pub(crate) new: PublicKey,
    pub(crate) signed: Signed,
}

impl Succession {
    /// Signs it with both keys.
    ///
    /// # Errors
    /// The crypto library failed to sign.
    pub(crate) fn sign(&self, old: &PrivateKey, new: &PrivateKey) -> Result<Signed, IdentityError> {
        let statement = encode(self);
        let body = Body {
            possession: new.sign(Purpose::Successor, &statement)?,
            statement,
        };
        sign_object(old, Purpose::Succession, &body)
    }
}

impl Handover {
    /// Checks everything that it says by itself: both signatures, swarm, certificates, its length.
    ///
    /// # Errors
    /// The first of these that does not hold.
    pub(crate) fn open(signed: &Signed, swarm: SwarmId) -> Result<Self, Refusal> {
        if signed.body.len() > SUCCESSION_BYTES_MAX {
            return Err(Refusal::Oversized);
        }
        // Who signed it stands inside, so it is read before it is believed.
        let unproven: Body = read(&signed.body)?;
        let said: Succession = read(&unproven.statement)?;
        let [old, new] = [&said.old_ca, &said.new_ca].map(|ca| certificate_public_key(ca));
        let (old, new) = (old?, new?);
        let body: Body = open_object(Purpose::Succession, signed, &old, SUCCESSION_BYTES_MAX)?;
        new.verify(Purpose::Successor, &body.statement, &body.possession)?;
        if said.swarm != swarm {
            return Err(Refusal::WrongSwarm);
        }
        let is_whole = old != new && certificate_key(&said.bridge)? == new.id();
        let lasts_ms = said.until_ms.checked_sub(said.issued_at_ms);
        let is_bounded = lasts_ms.is_some_and(|lasts_ms| lasts_ms <= OVERLAP_MAX_MS);
        if !is_whole || !is_bounded {
            return Err(Refusal::Malformed);
        }
        let signed = signed.clone();
        Ok(Self {
            said,
            old,
            new,
            signed,
        })
    }
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    decode(bytes, SUCCESSION_BYTES_MAX).map_err(|error| error.refusal())
}

#[cfg(test)]
mod tests;
