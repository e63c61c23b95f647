//! What a node and an operator keep in a file: a key and the papers that go with it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skep_packet::{NodeId, Refusal, Signed, SwarmId, decode, encode};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Admission, Authority, Credentials, IdentityError, Keyring, Lineage, NodeTerms, Passport,
    PrivateKey, PublicKey, certificate_key,
};

/// Largest stored bundle, in bytes.
const BUNDLE_BYTES_MAX: usize = 64 * 1024;

/// Everything a node is: its key, its papers, and whom it believes.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The node's key.
    pub key: PrivateKey,
    /// Its passport and certificate.
    pub credentials: Credentials,
    /// The authority's certificate (DER), the root that TLS trusts.
    pub ca: Bytes,
    /// The authority's key.
    pub authority: PublicKey,
    /// The passport, read.
    pub passport: Passport,
    /// The node's name, from the passport.
    pub node: NodeId,
}

impl Identity {
    /// Puts the parts together and checks that they belong together; validity in time is not
    /// checked, since an expired node must start to say so.
    ///
    /// # Errors
    /// [`IdentityError::Refused`] names the part that does not fit.
    pub fn new(
        key: PrivateKey,
        credentials: Credentials,
        ca: Bytes,
        authority: PublicKey,
    ) -> Result<Self, IdentityError> {
        let refused = |what, refusal| IdentityError::Refused { what, refusal };
        let passport: Passport = crate::open_object(
            crate::Purpose::Passport,
            &credentials.passport,
            &authority,
            crate::PASSPORT_BYTES_MAX,
        )
        .map_err(|refusal| refused("passport", refusal))?;
        let node = passport.node().cloned();
        let node = node.ok_or(refused("passport", Refusal::Malformed))?;
        if passport.key_id() != key.id() {
            return Err(refused("passport", Refusal::WrongRecipient));
        }
        if certificate_key(&credentials.certificate) != Ok(key.id()) {
            return Err(refused("certificate", Refusal::WrongRecipient));
        }
        if certificate_key(&ca) != Ok(authority.id()) {
            return Err(refused("authority's certificate", Refusal::UnknownSigner));
        }
        Ok(Self {
            key,
            credentials,
            ca,
            authority,
            passport,
            node,
        })
    }

    /// The identity of a swarm's own nodes: vouched for by the authority on this host.
    ///
    /// # Errors
    /// The crypto library failed to sign.
    pub fn mint(
        authority: &Authority,
        key: PrivateKey,
        terms: &NodeTerms,
        now_ms: u64,
    ) -> Result<Self, IdentityError> {
        let credentials = authority.admit_node(terms, key.public(), now_ms)?;
        let ca = authority.certificate().clone();
        Self::new(key, credentials, ca, authority.key().public().clone())
    }

    /// The identity of a host that was let in (see [`Admission::open`]).
    ///
    /// # Errors
    /// [`IdentityError::Refused`] when the admission is for another key.
    pub fn joined(
        key: PrivateKey,
        authority: PublicKey,
        admission: &Admission,
    ) -> Result<Self, IdentityError> {
        let credentials = admission.credentials.clone();
        Self::new(key, credentials, admission.ca.clone(), authority)
    }

    /// The same node with papers that the same authority made, or one that took its place.
    ///
    /// # Errors
    /// [`IdentityError::Refused`]: for another key or name, from an authority that is not in the
    /// lineage or is older than this identity's, or no newer.
    pub fn renewed(
        &self,
        credentials: Credentials,
        lineage: &Lineage,
    ) -> Result<Self, IdentityError> {
        let what = "renewed passport";
        let refused = |refusal| IdentityError::Refused { what, refusal };
        let signer = credentials.passport.signer;
        let (ours, theirs) = (lineage.rank(self.authority.id()), lineage.rank(signer));
        let (authority, ca) = lineage
            .authority(signer, &self.ca)
            .ok_or(refused(Refusal::UnknownSigner))?;
        let renewed = Self::new(self.key.clone(), credentials, ca, authority)?;
        if renewed.node != self.node || renewed.swarm() != self.swarm() {
            return Err(refused(Refusal::WrongRecipient));
        }
        let age = |rank, identity: &Self| (rank, identity.passport.serial);
        if age(theirs, &renewed) <= age(ours, self) {
            return Err(refused(Refusal::ExpiredSigner));
        }
        Ok(renewed)
    }

    /// The swarm, from the passport.
    #[must_use]
    pub fn swarm(&self) -> SwarmId {
        self.passport.swarm
    }

    /// A keyring that believes this identity's authority.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        Keyring::new(self.swarm(), self.authority.clone())
    }

    /// Everything there is to keep, private key included: write it with mode 0600.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`]: no memory.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        let stored = StoredNode {
            key: self.key.to_pkcs8()?.to_vec(),
            credentials: self.credentials.clone(),
            ca: self.ca.clone(),
            authority: self.authority.clone(),
        };
        Ok(Zeroizing::new(Vec::from(encode(&stored))))
    }

    /// Reads what [`Identity::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`IdentityError`]: damaged, or parts of different nodes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let what = "node's identity";
        let stored: StoredNode = decode(bytes, BUNDLE_BYTES_MAX)
            .map_err(|source| IdentityError::Decode { what, source })?;
        let key = PrivateKey::from_pkcs8(&stored.key)?;
        let credentials = stored.credentials.clone();
        Self::new(
            key,
            credentials,
            stored.ca.clone(),
            stored.authority.clone(),
        )
    }
}

/// What an operator carries: key, passport, and where to go.
#[derive(Debug, Clone)]
pub struct OperatorBundle {
    /// The operator's key.
    pub key: PrivateKey,
    /// The operator's passport.
    pub passport: Signed,
    /// The authority's key: whom to believe.
    pub authority: PublicKey,
    /// The authority's certificate (DER), for TLS.
    pub ca: Bytes,
    /// The swarm.
    pub swarm: SwarmId,
    /// The operator's name.
    pub name: String,
    /// Where people connect, as `host:port`; empty for the host's own control socket.
    pub address: String,
}

impl OperatorBundle {
    /// Everything there is to keep, private key included: write it with mode 0600.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`]: no memory.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        let stored = StoredOperator {
            key: self.key.to_pkcs8()?.to_vec(),
            passport: self.passport.clone(),
            authority: self.authority.clone(),
            ca: self.ca.clone(),
            swarm: self.swarm,
            name: self.name.clone(),
            address: self.address.clone(),
        };
        Ok(Zeroizing::new(Vec::from(encode(&stored))))
    }

    /// Reads what [`OperatorBundle::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`IdentityError::Decode`] or [`IdentityError::KeyRejected`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let what = "operator's bundle";
        let stored: StoredOperator = decode(bytes, BUNDLE_BYTES_MAX)
            .map_err(|source| IdentityError::Decode { what, source })?;
        Ok(Self {
            key: PrivateKey::from_pkcs8(&stored.key)?,
            passport: stored.passport.clone(),
            authority: stored.authority.clone(),
            ca: stored.ca.clone(),
            swarm: stored.swarm,
            name: stored.name.clone(),
            address: stored.address.clone(),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredNode {
    #[serde(with = "serde_bytes")]
    key: Vec<u8>,
    credentials: Credentials,
    ca: Bytes,
    authority: PublicKey,
}

impl Drop for StoredNode {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

#[derive(Serialize, Deserialize)]
struct StoredOperator {
    #[serde(with = "serde_bytes")]
    key: Vec<u8>,
    passport: Signed,
    authority: PublicKey,
    ca: Bytes,
    swarm: SwarmId,
    name: String,
    address: String,
}

impl Drop for StoredOperator {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

#[cfg(test)]
mod tests;
