//! The authority: the one key that everyone in a swarm believes.

use std::{collections::BTreeMap, net::IpAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skep_packet::{
    HandlerPattern, KeyId, Level, NodeId, RolePattern, Signed, SwarmId, decode, encode,
    limits::SKEW_MAX_MS,
};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Holder, IdentityError, Lineage, OPERATOR_LIFE_MS, PASSPORT_LIFE_MS, Passport, PrivateKey,
    PublicKey, Purpose, Revocation, SUCCESSIONS_MAX, Succession, Who, certificate, sign_object,
};

/// Largest stored authority, in bytes.
const STORED_BYTES_MAX: usize = 32 * 1024;

/// Signs passports and revocations and, as a CA, the certificates that TLS wants.
///
/// It exists on the node that minted the swarm, and in its backup.
#[derive(Debug, Clone)]
pub struct Authority {
    swarm: SwarmId,
    key: PrivateKey,
    certificate: Bytes,
    /// How it came after others, the oldest first.
    successions: Vec<Signed>,
}

/// What a node asks for, or its operator wants for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTerms {
    /// Its name.
    pub node: NodeId,
    /// The roles it may announce; `*` for all.
    pub serves: Vec<RolePattern>,
    /// What its operators call it.
    pub labels: BTreeMap<String, String>,
    /// Addresses that its certificate names beside loopback.
    pub addresses: Vec<IpAddr>,
}

impl NodeTerms {
    /// A node that may announce every role, without labels and addresses.
    #[must_use]
    pub fn any(node: NodeId) -> Self {
        Self {
            node,
            serves: "*".parse().into_iter().collect(),
            labels: BTreeMap::new(),
            addresses: Vec::new(),
        }
    }
}

/// A node's two papers; both hold the same key and the same validity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Its passport, signed by the authority.
    pub passport: Signed,
    /// Its TLS certificate (DER), signed by the authority as a CA.
    pub certificate: Bytes,
}

/// What the authority is to say about a person's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorTerms {
    /// The person's name.
    pub name: String,
    /// What the person may do.
    pub level: Level,
    /// The only handlers that the person may call; without it, all that the level admits.
    pub only: Option<HandlerPattern>,
}

impl OperatorTerms {
    /// Everything that the level admits.
    #[must_use]
    pub fn any(name: &str, level: Level) -> Self {
        Self {
            name: name.to_owned(),
            level,
            only: None,
        }
    }
}

impl Authority {
    /// Begins a swarm with `key`.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`]: the crypto library failed to sign.
    pub fn mint(swarm: SwarmId, key: PrivateKey, now_ms: u64) -> Result<Self, IdentityError> {
        let from_ms = now_ms.saturating_sub(SKEW_MAX_MS);
        let certificate = certificate::authority(swarm, &key, from_ms)?;
        Ok(Self {
            swarm,
            key,
            certificate,
            successions: Vec::new(),
        })
    }

    /// The authority that takes this one's place, with `key`. Until `overlap_ms` after `now_ms`
    /// both count; what this one signs from now on is believed no longer than that.
    ///
    /// # Errors
    /// The crypto library failed to sign.
    pub fn hand_over(
        &self,
        key: PrivateKey,
        overlap_ms: u64,
        now_ms: u64,
    ) -> Result<Self, IdentityError> {
        let mut next = Self::mint(self.swarm, key, now_ms)?;
        let until_ms = now_ms.saturating_add(overlap_ms);
        let from_ms = now_ms.saturating_sub(SKEW_MAX_MS);
        let times = (from_ms, until_ms.saturating_add(SKEW_MAX_MS));
        let bridge = certificate::bridge(self.swarm, &self.key, next.key.public(), times)?;
        let succession = Succession {
            swarm: self.swarm,
            old_ca: self.certificate.clone(),
            new_ca: next.certificate.clone(),
            bridge,
            issued_at_ms: now_ms,
            until_ms,
        };
        let signed = succession.sign(&self.key, &next.key)?;
        next.successions.clone_from(&self.successions);
        next.successions.push(signed);
        if next.successions.len() > SUCCESSIONS_MAX {
            next.successions.remove(0);
        }
        Ok(next)
    }

    /// How it came after others, the oldest first.
    #[must_use]
    pub fn successions(&self) -> &[Signed] {
        &self.successions
    }

    /// The authorities before it, and it.
    #[must_use]
    pub fn lineage(&self) -> Lineage {
        Lineage::restore(self.swarm, self.key.public().clone(), &self.successions)
    }

    /// The swarm it speaks for.
    #[must_use]
    pub fn swarm(&self) -> SwarmId {
        self.swarm
    }

    /// Its key: what it signs, everyone believes.
    #[must_use]
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Its certificate (DER), the only root that TLS inside the swarm trusts.
    #[must_use]
    pub fn certificate(&self) -> &Bytes {
        &self.certificate
    }

    /// Vouches for a node's key, in a passport and a certificate, for [`PASSPORT_LIFE_MS`].
    ///
    /// # Errors
    /// The crypto library failed to sign.
    pub fn admit_node(
        &self,
        terms: &NodeTerms,
        key: &PublicKey,
        now_ms: u64,
    ) -> Result<Credentials, IdentityError> {
        let holder = Holder::Node {
            node: terms.node.clone(),
            serves: terms.serves.clone(),
            labels: terms.labels.clone(),
        };
        let passport = self.passport(holder, key, now_ms, PASSPORT_LIFE_MS);
        let certificate = certificate::node(
            self.swarm,
            &self.key,
            &certificate::NodeCertificate {
                node: &terms.node,
                addresses: &terms.addresses,
                key,
                not_before_ms: passport.not_before_ms,
                not_after_ms: passport.not_after_ms,
            },
        )?;
        let passport = sign_object(&self.key, Purpose::Passport, &passport)?;
        Ok(Credentials {
            passport,
            certificate,
        })
    }

    /// Vouches for a person's key for [`OPERATOR_LIFE_MS`].
    ///
    /// # Errors
    /// The crypto library failed to sign.
    pub fn admit_operator(
        &self,
        terms: &OperatorTerms,
        key: &PublicKey,
        now_ms: u64,
    ) -> Result<Signed, IdentityError> {
        let OperatorTerms { name, level, only } = terms.clone();
        let holder = Holder::Operator { name, level, only };
        let passport = self.passport(holder, key, now_ms, OPERATOR_LIFE_MS);
        sign_object(&self.key, Purpose::Passport, &passport)
    }

    fn passport(&self, holder: Holder, key: &PublicKey, now_ms: u64, life_ms: u64) -> Passport {
        Passport {
            swarm: self.swarm,
            holder,
            public_key: key.clone(),
            // A receiver whose clock is behind shall believe it at once.
            not_before_ms: now_ms.saturating_sub(SKEW_MAX_MS),
            not_after_ms: now_ms.saturating_add(life_ms),
            serial: now_ms,
        }
    }

    /// Takes back what was said about a key, for good.
    ///
    /// # Errors
    /// The crypto library failed to sign.
    pub fn revoke(&self, key: KeyId, who: &Who, now_ms: u64) -> Result<Signed, IdentityError> {
        let revocation = Revocation {
            swarm: self.swarm,
            key,
            who: who.clone(),
            revoked_at_ms: now_ms,
        };
        sign_object(&self.key, Purpose::Revocation, &revocation)
    }

    /// Everything there is to keep, private key included: write it with mode 0600.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`]: no memory.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        let stored = Stored {
            swarm: self.swarm,
            key: self.key.to_pkcs8()?.to_vec(),
            certificate: self.certificate.clone(),
            successions: self.successions.clone(),
        };
        Ok(Zeroizing::new(Vec::from(encode(&stored))))
    }

    /// Reads what [`Authority::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`IdentityError::Decode`] or [`IdentityError::KeyRejected`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let what = "authority";
        let stored: Stored = decode(bytes, STORED_BYTES_MAX)
            .map_err(|source| IdentityError::Decode { what, source })?;
        Ok(Self {
            swarm: stored.swarm,
            key: PrivateKey::from_pkcs8(&stored.key)?,
            certificate: stored.certificate.clone(),
            successions: stored.successions.clone(),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    swarm: SwarmId,
    #[serde(with = "serde_bytes")]
    key: Vec<u8>,
    certificate: Bytes,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    successions: Vec<Signed>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}
