//! Requests of operators: signed by the session's key to the agent that answers.

mod guard;

use serde::{Deserialize, Serialize};
use skep_packet::{
    Hash, Refusal, RoleName, RolePattern, Signed, Token, decode, limits::SKEW_MAX_MS,
};

pub use guard::{REQUESTS_MAX, RequestGuard, RequestMark};

use crate::{Keyring, OperatorIdentity, Purpose, login, merkle, open_object};

/// Largest encoded [`RequestProof`], in bytes.
pub const PROOF_BYTES_MAX: usize = 16 * 1024;

/// How old a request may be when an agent reads it, in milliseconds: 5 minutes.
const REQUEST_AGE_MAX_MS: u64 = 300_000;

/// Largest encoded request, in bytes.
const REQUEST_BYTES_MAX: usize = 1024;

/// What a session's key signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The service as the person wrote it: a role, or a pattern of roles.
    pub service: String,
    /// SHA-256 of the payload's bytes.
    pub payload: Hash,
    /// The request's token.
    pub token: Token,
    /// When, in milliseconds since the Unix epoch.
    pub issued_at_ms: u64,
}

/// What travels with a request, so that whoever answers can check who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestProof {
    /// The [`Login`](crate::Login), signed by the operator's key.
    pub login: Signed,
    /// The [`Request`], signed by the session's key.
    pub request: Signed,
}

/// Checks who stands behind a request that reached `role` with these payload bytes and this token;
/// the text that was signed must cover the role.
///
/// The caller still compares [`OperatorIdentity::router`] with the node that sent the packet, and
/// asks its [`RequestGuard`] about the mark. Three RSA checks, about 0.1 ms.
///
/// # Errors
/// [`Refusal::Denied`] when the proof is for another service, payload or token; else why login or
/// request are not believed.
pub fn check_request(
    proof: &[u8],
    keyring: &Keyring,
    now_ms: u64,
    role: &RoleName,
    payload: &[u8],
    token: &Token,
) -> Result<(OperatorIdentity, RequestMark), Refusal> {
    let proof: RequestProof = decode(proof, PROOF_BYTES_MAX).map_err(|error| error.refusal())?;
    let (_, who) = login::open_login(&proof.login, keyring, now_ms)?;
    let request: Request = open_object(
        Purpose::Request,
        &proof.request,
        &who.session_key,
        REQUEST_BYTES_MAX,
    )?;
    let service = request.service.parse::<RolePattern>();
    let fits = service.is_ok_and(|service| service.matches(role))
        && request.payload == merkle::sha256(&[payload])
        && request.token == *token;
    if !fits {
        return Err(Refusal::Denied);
    }
    if request.issued_at_ms > now_ms.saturating_add(SKEW_MAX_MS) {
        return Err(Refusal::Future);
    }
    let until = request.issued_at_ms.saturating_add(REQUEST_AGE_MAX_MS);
    if now_ms > until.saturating_add(SKEW_MAX_MS) {
        return Err(Refusal::Expired);
    }
    let mark = RequestMark::new(&who.session_key, token, request.issued_at_ms);
    Ok((who, mark))
}

#[cfg(test)]
mod tests;
