//! Keys for contents: drawn at random, wrapped for an RSA key, used with AES-256-GCM.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand::{SecureRandom, SystemRandom},
    rsa::{
        OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
        PrivateDecryptingKey, PublicEncryptingKey,
    },
};
use bytes::Bytes;
use zeroize::Zeroizing;

use super::{PrivateKey, PublicKey};
use crate::IdentityError;

/// Size of a content key, in bytes.
pub const CONTENT_KEY_BYTES: usize = 32;

/// Size of a nonce, in bytes. Nonces are random: one key is good for far more envelopes than an
/// answer has.
pub const NONCE_BYTES: usize = NONCE_LEN;

/// A key for contents.
pub(crate) struct ContentKey {
    bytes: Zeroizing<[u8; CONTENT_KEY_BYTES]>,
    cipher: RandomizedNonceKey,
}

impl ContentKey {
    /// Draws a key.
    pub(crate) fn generate() -> Result<Self, IdentityError> {
        let mut bytes = Zeroizing::new([0; CONTENT_KEY_BYTES]);
        let step = "draw a content key";
        SystemRandom::new()
            .fill(bytes.as_mut())
            .map_err(|_| IdentityError::Crypto { step })?;
        Self::of(bytes).ok_or(IdentityError::Crypto { step })
    }

    fn of(bytes: Zeroizing<[u8; CONTENT_KEY_BYTES]>) -> Option<Self> {
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, bytes.as_ref()).ok()?;
        Some(Self { bytes, cipher })
    }

    /// The key, for the holder of a private key.
    pub(crate) fn wrap(&self, to: &PublicKey, label: &[u8]) -> Result<Bytes, IdentityError> {
        let step = "wrap a content key";
        let wrap = || {
            let key = PublicEncryptingKey::from_der(to.spki()).ok()?;
            let key = OaepPublicEncryptingKey::new(key).ok()?;
            let mut wrapped = vec![0; key.ciphertext_size()];
            let used = key
                .encrypt(
                    &OAEP_SHA256_MGF1SHA256,
                    self.bytes.as_ref(),
                    &mut wrapped,
                    Some(label),
                )
                .ok()?;
            Some(Bytes::copy_from_slice(used))
        };
        wrap().ok_or(IdentityError::Crypto { step })
    }

    /// Encrypts, and authenticates `aad` with it; the tag stands at the end.
    pub(crate) fn seal(
        &self,
        aad: &[u8],
        content: &[u8],
    ) -> Result<([u8; NONCE_BYTES], Vec<u8>), IdentityError> {
        let mut body = content.to_vec();
        let nonce = self
            .cipher
            .seal_in_place_append_tag(Aad::from(aad), &mut body)
            .map_err(|_| IdentityError::Crypto {
                step: "seal a content",
            })?;
        Ok((*nonce.as_ref(), body))
    }

    /// Decrypts; `None` where content, `aad` or nonce are not what was sealed.
    pub(crate) fn open(
        &self,
        aad: &[u8],
        nonce: [u8; NONCE_BYTES],
        mut body: Vec<u8>,
    ) -> Option<Vec<u8>> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.cipher.open_in_place(nonce, Aad::from(aad), &mut body);
        let length = opened.ok()?.len();
        body.truncate(length);
        Some(body)
    }
}

/// Unwraps content keys with a private key.
pub(crate) struct Unwrapper(OaepPrivateDecryptingKey);

impl Unwrapper {
    pub(crate) fn new(key: &PrivateKey) -> Result<Self, IdentityError> {
        let step = "read a key to decrypt with";
        let pkcs8 = key.to_pkcs8()?;
        PrivateDecryptingKey::from_pkcs8(&pkcs8)
            .ok()
            .and_then(|key| OaepPrivateDecryptingKey::new(key).ok())
            .map(Self)
            .ok_or(IdentityError::Crypto { step })
    }

    /// About 1 ms of one core; `None` where it was wrapped for another key.
    pub(crate) fn unwrap(&self, wrapped: &[u8], label: &[u8]) -> Option<ContentKey> {
        let mut room = Zeroizing::new(vec![0; self.0.min_output_size()]);
        let bytes = self
            .0
            .decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut room, Some(label))
            .ok()?;
        let bytes: [u8; CONTENT_KEY_BYTES] = (&*bytes).try_into().ok()?;
        ContentKey::of(Zeroizing::new(bytes))
    }
}
