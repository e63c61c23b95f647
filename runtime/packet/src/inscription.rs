//! Whose an envelope is, and what stands on it, readable for whoever carries it.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Address, Token};

/// What stands on an envelope: which answer it is, and whose. It is authenticated with what is
/// inside, so that none can stand in another one's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inscription {
    /// The person's session; `None` for a plain reply, which knows only its token.
    pub session: Option<String>,
    /// The request it answers.
    pub token: Token,
    /// Who says it.
    pub origin: Address,
    /// Its number among what the origin says to that request.
    pub seq: u64,
}

/// The public key of a person's session (SPKI, DER): what agents answer is encrypted to it.
///
/// Whether it is a key is found out by whoever uses it. In text it is hex.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey(pub Bytes);

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({} bytes)", self.0.len())
    }
}

impl Serialize for SessionKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for SessionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(text).map_err(de::Error::custom)?;
        Ok(Self(Bytes::from(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_as_text() {
        let key = SessionKey(Bytes::from_static(&[0x30, 0xff]));
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(text, "\"30ff\"");
        assert_eq!(serde_json::from_str::<SessionKey>(&text).unwrap(), key);
        assert!(serde_json::from_str::<SessionKey>("\"3g\"").is_err());
    }
}
