//! Who is who, and how one signature makes thousands of packets believable.
//!
//! One authority vouches for keys in [`Passport`]s and, as a CA, in TLS certificates. The
//! [`Sealer`] signs many packets at once, the [`Opener`] believes only what leads to such a
//! signature, once. This room is pure: time and bytes come in as arguments and a signature that is
//! wanted goes out as a [`SignJob`]. The one exception is [`keys`], which makes and uses RSA keys
//! on aws-lc-rs and draws on that library's own random source.

#![warn(missing_docs)]

mod audit;
mod authority;
mod backup;
mod bundle;
mod certificate;
mod envelope;
mod error;
mod invite;
mod join;
mod keyring;
pub mod keys;
mod lineage;
mod login;
mod merkle;
mod object;
mod opener;
mod passport;
mod register;
mod renewal;
mod replay;
mod request;
mod sealer;
mod succession;
#[cfg(test)]
mod testkit;

pub use audit::{AUDIT_ENTRY_BYTES_MAX, AuditEntry, AuditError, AuditEvent, AuditHead, Warrant};
pub use authority::{Authority, Credentials, NodeTerms, OperatorTerms};
pub use backup::{BACKUP_BYTES_MAX, BackupError, BackupRandom, PASSPHRASE_CHARS_MIN};
pub use bundle::{Identity, OperatorBundle};
pub use certificate::{certificate_key, server_name};
pub use envelope::{
    CONTENT_KEYS_MAX, ENVELOPE_BYTES_MAX, EnvelopeError, EnvelopeMaker, EnvelopeReader,
};
pub use error::IdentityError;
pub use invite::{INVITE_LIFE_MS, INVITES_MAX, Invite, InviteId, Invites};
pub use join::{
    Admission, JOIN_PEERS_MAX, JOIN_REPLY_BYTES_MAX, JOIN_REQUEST_BYTES_MAX, JoinAnswer, JoinError,
    JoinRefusal, JoinRequest, PeerHint,
};
pub use keyring::{Keyring, PASSPORTS_MAX, Peer, REVOCATIONS_MAX, Revoked};
pub use keys::{NODE_KEY_BITS, PrivateKey, PublicKey, Purpose, SESSION_KEY_BITS};
pub use lineage::{Lineage, SUCCESSIONS_MAX, Trust};
pub use login::{LOGIN_LIFE_MS, Login, LoginTerms, OperatorIdentity, Session, check_login};
pub use merkle::hash;
pub use object::{open_object, sign_object};
pub use opener::{Opened, Opener, ROOTS_MAX};
pub use passport::{
    Holder, OPERATOR_LIFE_MS, PASSPORT_BYTES_MAX, PASSPORT_LIFE_MS, Passport, Revocation,
};
pub use register::{PAPERS_MAX, Paper, Register, Who};
pub use renewal::Renewal;
pub use replay::{BOOTS_MAX, BOOTS_PER_SIGNER_MAX, ReplayGuard};
pub use request::{
    PROOF_BYTES_MAX, REQUESTS_MAX, Request, RequestGuard, RequestMark, RequestProof, check_request,
};
pub use sealer::{
    BUSY_PACKETS, SEAL_QUEUE_BYTES_MAX, SIGN_PACE, SIGN_PACE_BUSY, SealFull, Sealer, SignJob,
};
pub use succession::{OVERLAP_MAX_MS, SUCCESSION_BYTES_MAX, Succession};
