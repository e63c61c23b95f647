//! What can go wrong while keys and papers are made or loaded.

use skep_packet::{CodecError, IdError, Refusal};

/// Why a key, a paper or a bundle could not be made or loaded. Nothing was changed.
///
/// What arrives from others is judged with a [`Refusal`] instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// RSA keys come in 2048, 3072 and 4096 bits only.
    #[error("an RSA key of {bits} bits is not supported, only 2048, 3072 and 4096")]
    KeySize {
        /// What was asked for.
        bits: u32,
    },
    /// The bytes are no usable RSA key: another algorithm, another size, or damaged.
    #[error("not an RSA key of 2048 to 4096 bits in {form} form")]
    KeyRejected {
        /// PKCS#8 or SPKI.
        form: &'static str,
    },
    /// The library could not make a key or a signature; it has no memory or no random source.
    #[error("the crypto library failed to {step}")]
    Crypto {
        /// What it was to do.
        step: &'static str,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[source] rcgen::Error),
    /// The bytes of a stored or received paper have not the expected form.
    #[error("cannot read the {what}")]
    Decode {
        /// What was being read.
        what: &'static str,
        /// How the bytes are wrong.
        #[source]
        source: CodecError,
    },
    /// A token that a person typed or pasted is not one of ours, or was damaged on the way.
    #[error("this is not a whole invitation token: {reason}")]
    Token {
        /// What does not fit.
        reason: &'static str,
    },
    /// A name from a paper is none.
    #[error("a name in the {what} is not valid")]
    Name {
        /// What was being read.
        what: &'static str,
        /// How the name is wrong.
        #[source]
        source: IdError,
    },
    /// A stored paper does not hold what its neighbours say.
    #[error("the {what} is refused: {}", refusal.name())]
    Refused {
        /// Which paper.
        what: &'static str,
        /// Why.
        refusal: Refusal,
    },
}
