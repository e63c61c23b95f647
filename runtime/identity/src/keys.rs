//! RSA keys: making, signing, verifying. The one place of this room with a random source.
//!
//! aws-lc-rs does every private-key operation; the `rsa` crate only checks and normalises public
//! keys. aws-lc-rs clears a private key's memory when the last handle to it is dropped.

mod content;

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{
        KeyPair as _, ParsedPublicKey, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256,
    },
};
use bytes::Bytes;
use rsa::{
    RsaPublicKey,
    pkcs1::EncodeRsaPublicKey,
    pkcs8::{DecodePublicKey, EncodePublicKey},
    traits::PublicKeyParts,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use skep_packet::{KeyId, Refusal};
use zeroize::Zeroizing;

pub use content::{CONTENT_KEY_BYTES, NONCE_BYTES};
pub(crate) use content::{ContentKey, Unwrapper};

use crate::{IdentityError, merkle};

/// Size of the authority's, a node's and an operator's key, in bits.
pub const NODE_KEY_BITS: u32 = 3072;

/// Size of a session's key, in bits: it lives for hours and must be made in about 100 ms.
pub const SESSION_KEY_BITS: u32 = 2048;

/// Smallest modulus accepted from others, in bytes.
const MODULUS_BYTES_MIN: usize = 2048 / 8;

/// Largest modulus accepted from others, in bytes; verifying with larger ones costs too much.
const MODULUS_BYTES_MAX: usize = 4096 / 8;

/// Longest SPKI encoding of such a key, in bytes.
const SPKI_BYTES_MAX: usize = MODULUS_BYTES_MAX + 64;

/// What a signature is for; it is part of what is signed, so that none serves another use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A [`BatchStatement`](skep_packet::BatchStatement).
    Batch,
    /// A [`Passport`](crate::Passport).
    Passport,
    /// A [`Descriptor`](skep_packet::Descriptor).
    Descriptor,
    /// A [`Revocation`](crate::Revocation).
    Revocation,
    /// A directive sent to a running node.
    Directive,
    /// A [`Login`](crate::Login).
    Login,
    /// A [`Request`](crate::Request).
    Request,
    /// An entry of the audit log.
    Audit,
    /// A request to join, and its answer.
    Enrol,
    /// A [`Succession`](crate::Succession), signed by the authority that goes.
    Succession,
    /// The same, signed by the one that comes.
    Successor,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 11] = [
        Self::Batch,
        Self::Passport,
        Self::Descriptor,
        Self::Revocation,
        Self::Directive,
        Self::Login,
        Self::Request,
        Self::Audit,
        Self::Enrol,
        Self::Succession,
        Self::Successor,
    ];

    /// The bytes that stand before whatever is signed.
    #[must_use]
    pub const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Batch => b"skep/1/batch\0",
            Self::Passport => b"skep/1/passport\0",
            Self::Descriptor => b"skep/1/descriptor\0",
            Self::Revocation => b"skep/1/revocation\0",
            Self::Directive => b"skep/1/directive\0",
            Self::Login => b"skep/1/login\0",
            Self::Request => b"skep/1/request\0",
            Self::Audit => b"skep/1/audit\0",
            Self::Enrol => b"skep/1/enrol\0",
            Self::Succession => b"skep/1/succession\0",
            Self::Successor => b"skep/1/successor\0",
        }
    }

    fn message(self, bytes: &[u8]) -> Vec<u8> {
        [self.prefix(), bytes].concat()
    }
}

/// An RSA key pair; clones share one key. `Debug` shows only its public id.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<KeyPair>,
    public: PublicKey,
}

impl PrivateKey {
    /// Makes a key, which takes 0.1 to 3 s of one core: keep it off async threads.
    ///
    /// # Errors
    /// [`IdentityError::KeySize`], or the library has no random source.
    pub fn generate(bits: u32) -> Result<Self, IdentityError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => return Err(IdentityError::KeySize { bits }),
        };
        let step = "make a key";
        Self::new(KeyPair::generate(size).map_err(|_| IdentityError::Crypto { step })?)
    }

    /// Reads a key in PKCS#8 form.
    ///
    /// # Errors
    /// [`IdentityError::KeyRejected`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, IdentityError> {
        let form = "PKCS#8";
        Self::new(KeyPair::from_pkcs8(der).map_err(|_| IdentityError::KeyRejected { form })?)
    }

    fn new(pair: KeyPair) -> Result<Self, IdentityError> {
        let spki: PublicKeyX509Der<'_> = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key())
            .map_err(|_| IdentityError::Crypto {
            step: "encode a public key",
        })?;
        let public = PublicKey::from_spki(spki.as_ref())?;
        Ok(Self {
            pair: Arc::new(pair),
            public,
        })
    }

    /// The key in PKCS#8 form, cleared when dropped.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`]: no memory.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        let step = "encode a private key";
        let der: Pkcs8V1Der<'_> = AsDer::<Pkcs8V1Der<'_>>::as_der(&*self.pair)
            .map_err(|_| IdentityError::Crypto { step })?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The public half's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.public.id
    }

    /// Signs `skep/1/<purpose>\0` ‖ `bytes` with RSA-PSS-SHA256; about 2 ms of one core.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`]: the library has no memory or no random source.
    pub fn sign(&self, purpose: Purpose, bytes: &[u8]) -> Result<Bytes, IdentityError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let message = purpose.message(bytes);
        self.pair
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                &message,
                &mut signature,
            )
            .map_err(|_| IdentityError::Crypto { step: "sign" })?;
        Ok(Bytes::from(signature))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public.id)
    }
}

impl rcgen::PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

/// Certificates carry PKCS#1 v1.5 signatures, which every TLS library reads.
impl rcgen::SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(signature)
    }
}

/// An RSA public key, parsed once; cheap to clone.
#[derive(Clone)]
pub struct PublicKey {
    id: KeyId,
    spki: Bytes,
    pkcs1: Bytes,
    parsed: Arc<ParsedPublicKey>,
}

impl PublicKey {
    /// Reads a key of 2048 to 4096 bits in SPKI form, in its one canonical encoding.
    ///
    /// Another encoding of the same key would have another [`KeyId`] and slip past a revocation.
    ///
    /// # Errors
    /// [`IdentityError::KeyRejected`].
    pub fn from_spki(spki: &[u8]) -> Result<Self, IdentityError> {
        Self::parse(spki).ok_or(IdentityError::KeyRejected { form: "SPKI" })
    }

    fn parse(spki: &[u8]) -> Option<Self> {
        if spki.len() > SPKI_BYTES_MAX {
            return None;
        }
        let key = RsaPublicKey::from_public_key_der(spki).ok()?;
        let canonical = key.to_public_key_der().ok()?;
        let size_fits = (MODULUS_BYTES_MIN..=MODULUS_BYTES_MAX).contains(&key.size());
        if canonical.as_bytes() != spki || !size_fits {
            return None;
        }
        Some(Self {
            id: KeyId(merkle::sha256(&[spki]).0),
            spki: Bytes::copy_from_slice(spki),
            pkcs1: Bytes::from(key.to_pkcs1_der().ok()?.into_vec()),
            parsed: Arc::new(ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, spki).ok()?),
        })
    }

    /// SHA-256 of the SPKI encoding.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key in SPKI form (DER).
    #[must_use]
    pub fn spki(&self) -> &Bytes {
        &self.spki
    }

    /// Checks a signature over `skep/1/<purpose>\0` ‖ `bytes`; about 40 µs.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`].
    pub fn verify(&self, purpose: Purpose, bytes: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        self.parsed
            .verify_sig(&purpose.message(bytes), signature)
            .map_err(|_| Refusal::BadSignature)
    }
}

impl rcgen::PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.pkcs1
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.spki)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spki: serde_bytes::ByteBuf = serde_bytes::deserialize(deserializer)?;
        Self::from_spki(&spki).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
