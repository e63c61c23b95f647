//! The authority's backup: everything it is, under a passphrase, as text that survives paper.
//!
//! ```text
//! skep-authority-1
//! base64 of: rounds u32 BE ‖ salt, 16 bytes ‖ nonce, 12 bytes ‖ AES-256-GCM of the content
//! ```
//! The key comes from the passphrase by PBKDF2-HMAC-SHA256 (RFC 8018 §5.2); everything before the
//! ciphertext is authenticated with it.

use std::num::NonZeroU32;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    pbkdf2,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use skep_packet::{decode, encode};
use zeroize::Zeroizing;

use crate::{Authority, Register};

/// What the text begins with.
const HEAD: &str = "skep-authority-1";

/// Rounds of PBKDF2 in a new backup: a third of a second, in 2026.
const ROUNDS: u32 = 600_000;

/// Most rounds that are done for a backup that is opened; with more it is refused.
const ROUNDS_MAX: u32 = 20_000_000;

/// Shortest passphrase, in characters.
pub const PASSPHRASE_CHARS_MIN: usize = 12;

/// Largest backup, in bytes.
pub const BACKUP_BYTES_MAX: usize = 8 * 1024 * 1024;

const ROUNDS_BYTES: usize = 4;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const CLEAR_BYTES: usize = ROUNDS_BYTES + SALT_BYTES + NONCE_BYTES;

/// Characters of a line of base64.
const LINE_CHARS: usize = 64;

/// Random bytes for one backup, never used again.
#[derive(Debug, Clone, Copy)]
pub struct BackupRandom {
    /// Makes two backups under one passphrase differ.
    pub salt: [u8; SALT_BYTES],
    /// The cipher's number used once.
    pub nonce: [u8; NONCE_BYTES],
}

/// Why a backup is not made or does not open. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The passphrase is too short to protect a key that is believed for years.
    #[error("the passphrase has {got} characters, at least {PASSPHRASE_CHARS_MIN} are wanted")]
    Short {
        /// What it has.
        got: usize,
    },
    /// The text is no backup, or part of it is missing.
    #[error("this is no whole backup of an authority")]
    Malformed,
    /// The passphrase is another one, or the text was changed.
    #[error("the passphrase does not open this backup")]
    Locked,
    /// The library could not do it; it has no memory.
    #[error("the crypto library failed to {step}")]
    Crypto {
        /// What it was to do.
        step: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
struct Content {
    authority: serde_bytes::ByteBuf,
    register: Register,
}

impl Authority {
    /// Everything there is to keep, and whom it vouched for, under a passphrase.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn to_backup(
        &self,
        register: &Register,
        passphrase: &str,
        random: &BackupRandom,
    ) -> Result<String, BackupError> {
        let got = passphrase.chars().count();
        if got < PASSPHRASE_CHARS_MIN {
            return Err(BackupError::Short { got });
        }
        let failed = |step| move |_| BackupError::Crypto { step };
        let authority = self.to_bytes().map_err(|_| BackupError::Crypto {
            step: "encode the key",
        })?;
        let content = Content {
            authority: serde_bytes::ByteBuf::from(authority.to_vec()),
            register: register.clone(),
        };
        let mut sealed = encode(&content).to_vec();
        let mut bytes = ROUNDS.to_be_bytes().to_vec();
        bytes.extend_from_slice(&random.salt);
        bytes.extend_from_slice(&random.nonce);
        let key = derive(passphrase, ROUNDS, &random.salt)?;
        let nonce = Nonce::assume_unique_for_key(random.nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(&bytes), &mut sealed)
            .map_err(failed("encrypt"))?;
        bytes.extend_from_slice(&sealed);
        Ok(armor(&bytes))
    }

    /// Reads what [`Authority::to_backup`] made.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn from_backup(text: &str, passphrase: &str) -> Result<(Self, Register), BackupError> {
        let bytes = disarm(text)?;
        let (clear, sealed) = bytes
            .split_at_checked(CLEAR_BYTES)
            .ok_or(BackupError::Malformed)?;
        let (rounds, rest) = clear
            .split_first_chunk::<ROUNDS_BYTES>()
            .ok_or(BackupError::Malformed)?;
        let (salt, nonce) = rest
            .split_first_chunk::<SALT_BYTES>()
            .ok_or(BackupError::Malformed)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| BackupError::Malformed)?;
        let key = derive(passphrase, u32::from_be_bytes(*rounds), salt)?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let content = key
            .open_in_place(nonce, Aad::from(clear), &mut opened)
            .map_err(|_| BackupError::Locked)?;
        let content: Content =
            decode(content, BACKUP_BYTES_MAX).map_err(|_| BackupError::Malformed)?;
        let stored = Zeroizing::new(content.authority.into_vec());
        let authority = Self::from_bytes(&stored).map_err(|_| BackupError::Malformed)?;
        Ok((authority, content.register))
    }
}

fn derive(passphrase: &str, rounds: u32, salt: &[u8]) -> Result<LessSafeKey, BackupError> {
    let rounds = NonZeroU32::new(rounds)
        .filter(|rounds| rounds.get() <= ROUNDS_MAX)
        .ok_or(BackupError::Malformed)?;
    let mut key = Zeroizing::new([0; 32]);
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::derive(algorithm, rounds, salt, passphrase.as_bytes(), key.as_mut());
    let key = UnboundKey::new(&AES_256_GCM, key.as_ref());
    key.map(LessSafeKey::new)
        .map_err(|_| BackupError::Crypto { step: "make a key" })
}

fn armor(bytes: &[u8]) -> String {
    let mut text = format!("{HEAD}\n");
    for (idx, c) in STANDARD.encode(bytes).chars().enumerate() {
        if idx > 0 && idx % LINE_CHARS == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text.push('\n');
    text
}

fn disarm(text: &str) -> Result<Vec<u8>, BackupError> {
    let body = text.trim_start().strip_prefix(HEAD);
    let body = body
        .filter(|body| body.len() <= BACKUP_BYTES_MAX)
        .ok_or(BackupError::Malformed)?;
    let dense: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(dense).map_err(|_| BackupError::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testkit::world;

    const PASSPHRASE: &str = "bees know the way";

    fn backup() -> String {
        let mut register = Register::default();
        register.issued(&world().a.passport, world().authority.key().id());
        let random = BackupRandom {
            salt: [1; SALT_BYTES],
            nonce: [2; NONCE_BYTES],
        };
        let made = world().authority.to_backup(&register, PASSPHRASE, &random);
        made.unwrap()
    }

    #[test]
    fn a_backup_opens_with_its_passphrase_only() {
        let text = backup();
        let (authority, register) = Authority::from_backup(&text, PASSPHRASE).unwrap();
        assert_eq!(authority.key().id(), world().authority.key().id());
        assert_eq!(register.papers().len(), 1);
        // As it comes back from a mail or a sheet of paper.
        let folded = format!("\r\n {}", text.replace('\n', "\r\n  "));
        assert!(Authority::from_backup(&folded, PASSPHRASE).is_ok());
        let other = Authority::from_backup(&text, "bees know the Way").err();
        assert_eq!(other, Some(BackupError::Locked));
    }

    #[test]
    fn a_short_passphrase_is_refused() {
        let random = BackupRandom {
            salt: [0; SALT_BYTES],
            nonce: [0; NONCE_BYTES],
        };
        let made = world()
            .authority
            .to_backup(&Register::default(), "bees", &random);
        assert_eq!(made.err(), Some(BackupError::Short { got: 4 }));
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let text = backup();
        let bytes = disarm(&text).unwrap();
        for at in [ROUNDS_BYTES, CLEAR_BYTES - 1, CLEAR_BYTES, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let opened = Authority::from_backup(&armor(&changed), PASSPHRASE).err();
            assert_eq!(opened, Some(BackupError::Locked), "{at}");
        }
        let mut endless = bytes.clone();
        endless[..ROUNDS_BYTES].copy_from_slice(&u32::MAX.to_be_bytes());
        let opened = Authority::from_backup(&armor(&endless), PASSPHRASE).err();
        assert_eq!(opened, Some(BackupError::Malformed), "no day-long work");
    }

    proptest! {
        #[test]
        fn any_text_is_no_backup_and_no_panic(text in ".{0,200}") {
            prop_assert!(Authority::from_backup(&text, PASSPHRASE).is_err());
            let headed = format!("{HEAD}\n{text}");
            prop_assert!(Authority::from_backup(&headed, PASSPHRASE).is_err());
        }
    }
}
