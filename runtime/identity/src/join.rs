//! Enrolment: how a host that knows an invitation becomes a node.
//!
//! The request proves that its sender knows the invitation's secret (without showing it) and holds
//! the private key. The answer is signed by the authority whose key id stood in the token, so
//! whoever carries the two can read them, but change neither.

use std::net::SocketAddr;

use aws_lc_rs::hmac;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skep_packet::{NodeId, Refusal, Signed, SwarmId, decode, encode};

use crate::{
    Authority, Credentials, IdentityError, Invite, InviteId, NodeTerms, Passport, PrivateKey,
    PublicKey, Purpose, certificate_key, open_object, passport::PASSPORT_BYTES_MAX, sign_object,
};

/// Largest request to join, in bytes.
pub const JOIN_REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Largest answer to it, in bytes.
pub const JOIN_REPLY_BYTES_MAX: usize = 64 * 1024;

/// Most peers named in an answer; the rest is learned by gossip.
pub const JOIN_PEERS_MAX: usize = 8;

/// Longest address in an invitation, in bytes.
pub(crate) const INVITE_ADDRESS_BYTES_MAX: usize = 260;

/// What a host asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Which invitation.
    pub invite: InviteId,
    /// The host's own key; its private half never leaves the host.
    pub public_key: PublicKey,
    /// The name it would like.
    pub node: NodeId,
    /// Where it will listen; empty for one that only dials out.
    pub addresses: Vec<SocketAddr>,
    /// HMAC-SHA256 with the invitation's secret over all of the above.
    pub mac: Bytes,
    /// Signature of the host's key over all of the above and the MAC.
    pub possession: Bytes,
}

/// What the MAC covers.
#[derive(Serialize)]
struct Asked<'a>(InviteId, &'a PublicKey, &'a NodeId, &'a [SocketAddr]);

/// The answer to a [`JoinRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinAnswer {
    /// An [`Admission`], signed by the authority.
    Admitted {
        /// The authority's key (SPKI), whose id the joining host knows from its token.
        authority: PublicKey,
        /// The signed [`Admission`].
        admission: Signed,
    },
    /// No, and why. Not signed: it changes nothing.
    Refused(JoinRefusal),
}

/// Why a host was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JoinRefusal {
    /// No such invitation, or it is long gone.
    #[error("the invitation is not known here")]
    UnknownInvite,
    /// It came too late.
    #[error("the invitation has expired")]
    ExpiredInvite,
    /// Another host was faster.
    #[error("the invitation was used by another host")]
    UsedInvite,
    /// The sender does not know the invitation's secret, or the request was changed.
    #[error("the request does not prove that it knows the invitation")]
    BadProof,
    /// The sender does not hold the key it shows.
    #[error("the request does not prove that it holds its key")]
    BadPossession,
    /// Another node has this name.
    #[error("a node of that name is in the swarm already")]
    NameTaken,
    /// The key was revoked.
    #[error("this key was revoked")]
    RevokedKey,
    /// The request does not have the expected form.
    #[error("the request is not of the expected form")]
    Malformed,
    /// Too many requests, or too many open invitations.
    #[error("too many requests now, try again")]
    Busy,
    /// This node cannot enrol: it does not hold the authority.
    #[error("this node does not hold the authority")]
    NotAuthority,
}

/// What a new node gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The invitation it answers.
    pub invite: InviteId,
    /// The swarm.
    pub swarm: SwarmId,
    /// The name given.
    pub node: NodeId,
    /// Passport and certificate.
    pub credentials: Credentials,
    /// The authority's certificate (DER), the root that TLS trusts.
    pub ca: Bytes,
    /// Whom to connect to first.
    pub peers: Vec<PeerHint>,
}

/// A member that a new node may connect to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerHint {
    /// Its name.
    pub node: NodeId,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
}

impl JoinRequest {
    /// Makes the request for `key`, called `node`, with the invitation from the token.
    ///
    /// # Errors
    /// The crypto library failed to sign.
    pub fn new(
        invite: &Invite,
        key: &PrivateKey,
        node: NodeId,
        addresses: Vec<SocketAddr>,
    ) -> Result<Self, IdentityError> {
        let asked = encode(&Asked(invite.id, key.public(), &node, &addresses));
        let mac = hmac::sign(&mac_key(invite), &asked);
        let mac = Bytes::copy_from_slice(mac.as_ref());
        let possession = key.sign(Purpose::Enrol, &[&asked, &mac[..]].concat())?;
        Ok(Self {
            invite: invite.id,
            public_key: key.public().clone(),
            node,
            addresses,
            mac,
            possession,
        })
    }

    /// Reads a request as it came from the network.
    ///
    /// # Errors
    /// [`JoinRefusal::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, JoinRefusal> {
        decode(bytes, JOIN_REQUEST_BYTES_MAX).map_err(|_| JoinRefusal::Malformed)
    }

    /// Checks both proofs against the invitation.
    ///
    /// # Errors
    /// [`JoinRefusal::BadProof`] or [`JoinRefusal::BadPossession`].
    pub fn check(&self, invite: &Invite) -> Result<(), JoinRefusal> {
        let asked = Asked(self.invite, &self.public_key, &self.node, &self.addresses);
        let asked = encode(&asked);
        hmac::verify(&mac_key(invite), &asked, &self.mac).map_err(|_| JoinRefusal::BadProof)?;
        self.public_key
            .verify(
                Purpose::Enrol,
                &[&asked, &self.mac[..]].concat(),
                &self.possession,
            )
            .map_err(|_| JoinRefusal::BadPossession)
    }
}

fn mac_key(invite: &Invite) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &invite.secret)
}

impl Authority {
    /// Lets in a host whose request was redeemed (see [`Invites::redeem`](crate::Invites::redeem)):
    /// the answer, and the passport in it, to be written down.
    ///
    /// # Errors
    /// The crypto library failed to sign.
    pub fn enrol(
        &self,
        request: &JoinRequest,
        peers: Vec<PeerHint>,
        now_ms: u64,
    ) -> Result<(JoinAnswer, Signed), IdentityError> {
        let mut terms = NodeTerms::any(request.node.clone());
        terms.addresses = request.addresses.iter().map(SocketAddr::ip).collect();
        let credentials = self.admit_node(&terms, &request.public_key, now_ms)?;
        let passport = credentials.passport.clone();
        let admission = Admission {
            invite: request.invite,
            swarm: self.swarm(),
            node: request.node.clone(),
            credentials,
            ca: self.certificate().clone(),
            peers: peers.into_iter().take(JOIN_PEERS_MAX).collect(),
        };
        let answer = JoinAnswer::Admitted {
            authority: self.key().public().clone(),
            admission: sign_object(self.key(), Purpose::Enrol, &admission)?,
        };
        Ok((answer, passport))
    }
}

/// Why the answer to a request to join is no good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The swarm said no.
    #[error("the swarm refused: {0}")]
    Refused(JoinRefusal),
    /// The answer is not believable.
    #[error("the answer is not from the swarm of this invitation: {}", .0.name())]
    Answer(Refusal),
}

impl Admission {
    /// Reads the answer to a request made with `invite` and `key`, and believes it only if the
    /// invitation's authority signed it and it is for this key.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn open(
        bytes: &[u8],
        invite: &Invite,
        key: &PublicKey,
        now_ms: u64,
    ) -> Result<(PublicKey, Self), JoinError> {
        let answer: JoinAnswer = decode(bytes, JOIN_REPLY_BYTES_MAX)
            .map_err(|error| JoinError::Answer(error.refusal()))?;
        match answer {
            JoinAnswer::Refused(refusal) => Err(JoinError::Refused(refusal)),
            JoinAnswer::Admitted {
                authority,
                admission,
            } => believe(&authority, &admission, invite, key, now_ms)
                .map(|admission| (authority, admission))
                .map_err(JoinError::Answer),
        }
    }
}

fn believe(
    authority: &PublicKey,
    signed: &Signed,
    invite: &Invite,
    key: &PublicKey,
    now_ms: u64,
) -> Result<Admission, Refusal> {
    if authority.id() != invite.authority {
        return Err(Refusal::UnknownSigner);
    }
    let admission: Admission =
        open_object(Purpose::Enrol, signed, authority, JOIN_REPLY_BYTES_MAX)?;
    let passport: Passport = open_object(
        Purpose::Passport,
        &admission.credentials.passport,
        authority,
        PASSPORT_BYTES_MAX,
    )?;
    passport.check_time(now_ms)?;
    let for_us = admission.invite == invite.id
        && passport.public_key == *key
        && certificate_key(&admission.credentials.certificate)? == key.id();
    let whole = passport.swarm == invite.swarm
        && admission.swarm == invite.swarm
        && passport.node() == Some(&admission.node)
        && certificate_key(&admission.ca)? == authority.id();
    match (for_us, whole) {
        (false, _) => Err(Refusal::WrongRecipient),
        (_, false) => Err(Refusal::WrongSwarm),
        (true, true) => Ok(admission),
    }
}

#[cfg(test)]
mod tests;
