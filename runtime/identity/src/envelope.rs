//! Envelopes: what an agent says to a person, for the key of that person's session alone.
//!
//! A content key (AES-256-GCM) is drawn for each origin of a request and wrapped once for the
//! session's key (RSA-OAEP with SHA-256); each envelope carries it wrapped, so that one that was
//! lost takes no other with it. What stands on an envelope ([`Inscription`], and the swarm) is
//! authenticated with it. An envelope hides; it does not prove who filled it.

use std::{collections::VecDeque, fmt};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skep_packet::{Inscription, SwarmId, decode, encode};

use crate::{
    IdentityError, PrivateKey, PublicKey,
    keys::{CONTENT_KEY_BYTES, ContentKey, NONCE_BYTES, Unwrapper},
};

/// Largest envelope, in bytes: what fits into a packet, and a little.
pub const ENVELOPE_BYTES_MAX: usize = 320 * 1024;

/// Content keys that a reader remembers; at the bound the oldest is unwrapped again when it comes
/// again.
pub const CONTENT_KEYS_MAX: usize = 256;

/// What is authenticated of every envelope before what stands on it.
const LABEL: &str = "skep/1/envelope";

/// An envelope as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Envelope {
    /// The content key, wrapped for the session's key.
    key: Bytes,
    /// Random, 12 bytes.
    nonce: Bytes,
    /// The content, encrypted, and its tag.
    body: Bytes,
}

/// Why an envelope does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The bytes are no envelope.
    #[error("it is no envelope, or only a part of one")]
    Malformed,
    /// It is for another session's key.
    #[error("it is sealed for another session's key")]
    WrongKey,
    /// It was changed, or stands where another one belongs.
    #[error("it was changed on its way, or is another answer's: number, origin or token differ")]
    Changed,
}

/// Fills envelopes of one origin for one session.
pub struct EnvelopeMaker {
    key: ContentKey,
    wrapped: Bytes,
}

impl fmt::Debug for EnvelopeMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeMaker").finish_non_exhaustive()
    }
}

impl EnvelopeMaker {
    /// Draws a content key and wraps it for a session's key; about 0.05 ms.
    ///
    /// # Errors
    /// The crypto library has no memory or no random source.
    pub fn new(session_key: &PublicKey) -> Result<Self, IdentityError> {
        let key = ContentKey::generate()?;
        let wrapped = key.wrap(session_key, LABEL.as_bytes())?;
        Ok(Self { key, wrapped })
    }

    /// Encloses `content`; the result is for whoever holds the session's private key.
    ///
    /// # Errors
    /// The crypto library has no random source.
    pub fn enclose(
        &self,
        swarm: SwarmId,
        inscription: &Inscription,
        content: &[u8],
    ) -> Result<Bytes, IdentityError> {
        let (nonce, body) = self.key.seal(&authenticated(swarm, inscription), content)?;
        Ok(encode(&Envelope {
            key: self.wrapped.clone(),
            nonce: Bytes::copy_from_slice(&nonce),
            body: Bytes::from(body),
        }))
    }
}

/// Opens the envelopes of one session.
pub struct EnvelopeReader {
    swarm: SwarmId,
    unwrapper: Unwrapper,
    known: VecDeque<(Bytes, ContentKey)>,
}

impl fmt::Debug for EnvelopeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeReader").finish_non_exhaustive()
    }
}

impl EnvelopeReader {
    /// A reader with the session's private key.
    ///
    /// # Errors
    /// The crypto library has no memory.
    pub fn new(swarm: SwarmId, session_key: &PrivateKey) -> Result<Self, IdentityError> {
        Ok(Self {
            swarm,
            unwrapper: Unwrapper::new(session_key)?,
            known: VecDeque::new(),
        })
    }

    /// Opens an envelope on which `inscription` should stand.
    ///
    /// # Errors
    /// Why it does not open; nothing of its content is known then.
    pub fn open(
        &mut self,
        inscription: &Inscription,
        envelope: &[u8],
    ) -> Result<Vec<u8>, EnvelopeError> {
        let envelope: Envelope =
            decode(envelope, ENVELOPE_BYTES_MAX).map_err(|_| EnvelopeError::Malformed)?;
        let nonce: [u8; NONCE_BYTES] = envelope.nonce.as_ref().try_into().map_err(|_| {
            // A nonce of another length is no envelope of ours.
            EnvelopeError::Malformed
        })?;
        let authenticated = authenticated(self.swarm, inscription);
        let key = self.content_key(&envelope.key)?;
        key.open(&authenticated, nonce, envelope.body.into())
            .ok_or(EnvelopeError::Changed)
    }

    /// One RSA operation for each wrapped key.
    fn content_key(&mut self, wrapped: &Bytes) -> Result<&ContentKey, EnvelopeError> {
        let found = self.known.iter().position(|(known, _)| known == wrapped);
        let idx = match found {
            Some(idx) => idx,
            None => {
                let key = self.unwrapper.unwrap(wrapped, LABEL.as_bytes());
                let key = key.ok_or(EnvelopeError::WrongKey)?;
                if self.known.len() >= CONTENT_KEYS_MAX {
                    self.known.pop_front();
                }
                self.known.push_back((wrapped.clone(), key));
                self.known.len() - 1
            }
        };
        Ok(&self.known[idx].1)
    }
}

/// The bytes that are authenticated with a content: label, swarm, and what stands on the envelope.
fn authenticated(swarm: SwarmId, inscription: &Inscription) -> Bytes {
    encode(&(LABEL, swarm, inscription))
}

const _: () = assert!(CONTENT_KEY_BYTES == 32, "AES-256");

#[cfg(test)]
mod tests;
