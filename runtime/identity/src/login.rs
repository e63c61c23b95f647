//! Logins: an operator's key vouches for a session's key.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skep_packet::{
    HandlerName, HandlerPattern, KeyId, Level, NodeId, Refusal, RoleName, Signed, SwarmId, Token,
    decode, encode, limits::SKEW_MAX_MS,
};

use crate::{
    Holder, IdentityError, Keyring, PrivateKey, PublicKey, Purpose, Request, RequestProof, merkle,
    open_object, sign_object,
};

/// How long a login is valid, in milliseconds: 12 hours. A session that lasts longer logs in again.
pub const LOGIN_LIFE_MS: u64 = 12 * 3_600_000;

/// Largest encoded login, in bytes.
pub(crate) const LOGIN_BYTES_MAX: usize = 12 * 1024;

/// Longest nonce and binding, in bytes.
const BINDING_BYTES_MAX: usize = 128;

/// An operator says: requests signed by this session's key, through this router, are mine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The only swarm it is valid in.
    pub swarm: SwarmId,
    /// The operator's passport.
    pub passport: Signed,
    /// The session's key.
    pub session_key: PublicKey,
    /// What the router sent for this login.
    pub nonce: Bytes,
    /// The node whose router holds the session.
    pub router: NodeId,
    /// What ties the login to the connection: the TLS exporter's value, `unix`, or an origin.
    pub binding: Bytes,
    /// When, in milliseconds since the Unix epoch.
    pub issued_at_ms: u64,
}

/// What a login is to hold; the router knows it and the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginTerms {
    /// The swarm.
    pub swarm: SwarmId,
    /// What the router sent for this login.
    pub nonce: Bytes,
    /// The router's node.
    pub router: NodeId,
    /// What ties the login to the connection.
    pub binding: Bytes,
}

/// A person who proved to be an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorIdentity {
    /// The operator's name.
    pub name: String,
    /// What the operator may do.
    pub level: Level,
    /// The only handlers that the operator may call; without it, all that the level admits.
    pub only: Option<HandlerPattern>,
    /// The operator's key.
    pub key: KeyId,
    /// The session's key.
    pub session_key: PublicKey,
    /// The only node whose router may carry this session's requests.
    pub router: NodeId,
    /// When the login ends, in milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

impl OperatorIdentity {
    /// Whether the passport covers this handler; the level is the handler's own question.
    #[must_use]
    pub fn may_call(&self, role: &RoleName, handler: &HandlerName) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|only| only.matches(role, handler))
    }
}

/// The client's side of a session: signs its requests.
#[derive(Debug, Clone)]
pub struct Session {
    key: PrivateKey,
    login: Signed,
}

impl Session {
    /// Logs in with the operator's key; `session_key` is fresh and lives no longer than this.
    ///
    /// # Errors
    /// The crypto library failed to sign.
    pub fn open(
        operator: &PrivateKey,
        passport: Signed,
        session_key: PrivateKey,
        terms: LoginTerms,
        now_ms: u64,
    ) -> Result<Self, IdentityError> {
        let login = Login {
            swarm: terms.swarm,
            passport,
            session_key: session_key.public().clone(),
            nonce: terms.nonce,
            router: terms.router,
            binding: terms.binding,
            issued_at_ms: now_ms,
        };
        Ok(Self {
            login: sign_object(operator, Purpose::Login, &login)?,
            key: session_key,
        })
    }

    /// The signed login, as the router wants it.
    #[must_use]
    pub fn login(&self) -> Bytes {
        encode(&self.login)
    }

    /// Signs one request; the bytes go into [`Packet::proof`](skep_packet::Packet::proof).
    ///
    /// # Errors
    /// The crypto library failed to sign.
    pub fn request(
        &self,
        service: &str,
        payload: &[u8],
        token: &Token,
        now_ms: u64,
    ) -> Result<Bytes, IdentityError> {
        let request = Request {
            service: service.to_owned(),
            payload: merkle::sha256(&[payload]),
            token: token.clone(),
            issued_at_ms: now_ms,
        };
        Ok(encode(&RequestProof {
            login: self.login.clone(),
            request: sign_object(&self.key, Purpose::Request, &request)?,
        }))
    }
}

/// The router's check of a login: all that [`check_request`](crate::check_request) checks of it,
/// and that it is for this router, this nonce and this connection.
///
/// # Errors
/// [`Refusal::Denied`] when it answers another question, or why it is not believed.
pub fn check_login(
    bytes: &[u8],
    terms: &LoginTerms,
    keyring: &Keyring,
    now_ms: u64,
) -> Result<OperatorIdentity, Refusal> {
    let signed: Signed = decode(bytes, LOGIN_BYTES_MAX).map_err(|error| error.refusal())?;
    let (login, who) = open_login(&signed, keyring, now_ms)?;
    let fits = login.nonce == terms.nonce
        && login.router == terms.router
        && login.binding == terms.binding;
    fits.then_some(who).ok_or(Refusal::Denied)
}

/// Checks everything about a login that any node can check.
pub(crate) fn open_login(
    signed: &Signed,
    keyring: &Keyring,
    now_ms: u64,
) -> Result<(Login, OperatorIdentity), Refusal> {
    // Who signed it stands inside, so it is read before it is believed.
    let unproven: Login = decode(&signed.body, LOGIN_BYTES_MAX).map_err(|error| error.refusal())?;
    let passport = keyring.check(&unproven.passport, now_ms)?;
    let Holder::Operator { name, level, only } = passport.holder else {
        return Err(Refusal::Denied);
    };
    let login: Login = open_object(
        Purpose::Login,
        signed,
        &passport.public_key,
        LOGIN_BYTES_MAX,
    )?;
    let expires_ms = login.issued_at_ms.saturating_add(LOGIN_LIFE_MS);
    if login.swarm != keyring.swarm() {
        return Err(Refusal::WrongSwarm);
    }
    if login.nonce.len() > BINDING_BYTES_MAX || login.binding.len() > BINDING_BYTES_MAX {
        return Err(Refusal::Oversized);
    }
    if login.issued_at_ms > now_ms.saturating_add(SKEW_MAX_MS) {
        return Err(Refusal::Future);
    }
    if now_ms > expires_ms.saturating_add(SKEW_MAX_MS) {
        return Err(Refusal::Expired);
    }
    let who = OperatorIdentity {
        name,
        level,
        only,
        key: passport.public_key.id(),
        session_key: login.session_key.clone(),
        router: login.router.clone(),
        expires_ms,
    };
    Ok((login, who))
}
