//! Signed objects: an encoded value, who signed it, and the signature.

use serde::{Serialize, de::DeserializeOwned};
use skep_packet::{Refusal, Signed, decode, encode};

use crate::{IdentityError, PrivateKey, PublicKey, Purpose};

/// Encodes and signs `value` for one purpose; about 2 ms of one core.
///
/// # Errors
/// The crypto library failed to sign.
pub fn sign_object<T: Serialize>(
    key: &PrivateKey,
    purpose: Purpose,
    value: &T,
) -> Result<Signed, IdentityError> {
    let body = encode(value);
    let signature = key.sign(purpose, &body)?;
    Ok(Signed {
        signer: key.id(),
        body,
        signature,
    })
}

/// Checks that `key` signed the object for `purpose`, then decodes it, at most `max` bytes.
///
/// # Errors
/// [`Refusal::UnknownSigner`] when it names another key, [`Refusal::BadSignature`],
/// or why the body does not decode.
pub fn open_object<T: DeserializeOwned>(
    purpose: Purpose,
    object: &Signed,
    key: &PublicKey,
    max: usize,
) -> Result<T, Refusal> {
    if object.body.len() > max {
        return Err(Refusal::Oversized);
    }
    if object.signer != key.id() {
        return Err(Refusal::UnknownSigner);
    }
    key.verify(purpose, &object.body, &object.signature)?;
    decode(&object.body, max).map_err(|error| error.refusal())
}
