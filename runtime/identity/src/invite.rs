//! Invitations: one-time tokens that let a host ask for a passport.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use skep_packet::{KeyId, SwarmId, decode, encode};
use zeroize::Zeroize;

use crate::{IdentityError, JoinRefusal, JoinRequest, join::INVITE_ADDRESS_BYTES_MAX, merkle};

/// How long an invitation is valid unless its maker says otherwise, in milliseconds: one hour.
pub const INVITE_LIFE_MS: u64 = 3_600_000;

/// Most open invitations; at the bound no new one is made until one is used or has expired.
pub const INVITES_MAX: usize = 1024;

/// Longest token, in characters.
const TOKEN_CHARS_MAX: usize = 1024;

/// What a token begins with, so that a person sees what it is.
const TOKEN_PREFIX: &str = "skep1.";

/// Bytes of the hash at a token's end that finds typing errors.
const CHECKSUM_BYTES: usize = 4;

/// Names an invitation; not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InviteId(pub u64);

/// What a token holds: the way to the swarm, and a secret that is good once.
///
/// `Debug` does not print the secret; `Display` is the token itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Which invitation.
    pub id: InviteId,
    /// What the joining host proves to know.
    pub secret: [u8; 32],
    /// The authority's key: an answer that it did not sign is not believed.
    pub authority: KeyId,
    /// The swarm.
    pub swarm: SwarmId,
    /// Where to ask, as `host:port`.
    pub address: String,
    /// Valid until, in milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

impl Invite {
    /// Reads a token.
    ///
    /// # Errors
    /// [`IdentityError::Token`] says what does not fit: nothing typed by hand is let through.
    pub fn from_token(token: &str) -> Result<Self, IdentityError> {
        let fail = |reason| IdentityError::Token { reason };
        let token = token.trim();
        if token.len() > TOKEN_CHARS_MAX {
            return Err(fail("it is too long"));
        }
        let coded = token.strip_prefix(TOKEN_PREFIX);
        let coded = coded.ok_or(fail("it does not begin with skep1."))?;
        let bytes = URL_SAFE_NO_PAD
            .decode(coded)
            .map_err(|_| fail("it holds characters that no token has, or its end is missing"))?;
        let n_body = bytes.len().checked_sub(CHECKSUM_BYTES);
        let (body, sum) = bytes.split_at(n_body.ok_or(fail("its end is missing"))?);
        if checksum(body) != sum {
            return Err(fail("a part is missing or was changed"));
        }
        decode(body, TOKEN_CHARS_MAX).map_err(|source| IdentityError::Decode {
            what: "invitation token",
            source,
        })
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = encode(self).to_vec();
        bytes.extend(checksum(&bytes));
        write!(f, "{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite")
            .field("id", &self.id)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for Invite {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = merkle::sha256(&[b"skep-invite", body]).0;
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The invitations of the node that holds the authority; it keeps them over restarts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Invites {
    open: Vec<(Invite, Option<KeyId>)>,
}

impl Invites {
    /// Adds an invitation, forgetting those that have expired.
    ///
    /// # Errors
    /// [`JoinRefusal::Busy`] at [`INVITES_MAX`]; [`JoinRefusal::Malformed`] when the address is
    /// too long or the id is taken.
    pub fn add(&mut self, invite: Invite, now_ms: u64) -> Result<(), JoinRefusal> {
        self.open.retain(|(open, _)| open.expires_ms >= now_ms);
        if self.open.len() >= INVITES_MAX {
            return Err(JoinRefusal::Busy);
        }
        let taken = self.open.iter().any(|(open, _)| open.id == invite.id);
        if taken || invite.address.len() > INVITE_ADDRESS_BYTES_MAX {
            return Err(JoinRefusal::Malformed);
        }
        self.open.push((invite, None));
        Ok(())
    }

    /// Finds the invitation that a request proves to know, and gives it to that key alone.
    ///
    /// The same key may ask again until the invitation expires, since an answer may be lost.
    ///
    /// # Errors
    /// [`JoinRefusal`]: unknown, expired, used by another key, or the proof does not fit.
    pub fn redeem(&mut self, request: &JoinRequest, now_ms: u64) -> Result<(), JoinRefusal> {
        let found = self
            .open
            .iter_mut()
            .find(|(open, _)| open.id == request.invite);
        let (invite, user) = found.ok_or(JoinRefusal::UnknownInvite)?;
        request.check(invite)?;
        if invite.expires_ms < now_ms {
            return Err(JoinRefusal::ExpiredInvite);
        }
        let key = request.public_key.id();
        if user.is_some_and(|user| user != key) {
            return Err(JoinRefusal::UsedInvite);
        }
        *user = Some(key);
        Ok(())
    }

    /// How many invitations wait for a host.
    #[must_use]
    pub fn n_open(&self) -> usize {
        self.open.iter().filter(|(_, user)| user.is_none()).count()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn invite() -> Invite {
        Invite {
            id: InviteId(7),
            secret: [9; 32],
            authority: KeyId([1; 32]),
            swarm: SwarmId(Uuid::from_u128(5)),
            address: "n1.example.org:7400".to_owned(),
            expires_ms: 1_000,
        }
    }

    #[test]
    fn a_token_comes_back_as_it_went() {
        let token = invite().to_string();
        assert!(token.starts_with("skep1."));
        assert_eq!(
            Invite::from_token(&format!(" {token}\n")).unwrap(),
            invite()
        );
    }

    #[test]
    fn a_damaged_token_is_found_out() {
        let token = invite().to_string();
        for at in 6..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(bytes).unwrap();
            assert!(Invite::from_token(&damaged).is_err(), "at {at}");
        }
        for reason in ["", "skep1.", "skep1.AAAA", "hello"] {
            assert!(Invite::from_token(reason).is_err(), "{reason:?}");
        }
        assert!(Invite::from_token(&"x".repeat(5_000)).is_err());
    }

    #[test]
    fn the_secret_is_not_in_debug_output() {
        assert!(!format!("{:?}", invite()).contains('9'));
    }

    #[test]
    fn open_invitations_are_bounded_and_expire() {
        let mut invites = Invites::default();
        for id in 0..INVITES_MAX {
            let mut one = invite();
            one.id = InviteId(id.try_into().unwrap());
            invites.add(one, 0).unwrap();
        }
        let mut more = invite();
        more.id = InviteId(u64::MAX);
        assert_eq!(invites.add(more.clone(), 0), Err(JoinRefusal::Busy));
        assert_eq!(invites.add(more, 1_001), Ok(()));
        assert_eq!(invites.n_open(), 1);
    }
}
