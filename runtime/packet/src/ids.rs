//! Names and numbers that identify things.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::{
    limits::{NAME_BYTES_MAX, TOKEN_BYTES_MAX},
    text::Text,
};

/// Why a text is no valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty.
    #[error("{what} is empty")]
    Empty {
        /// What was being read, with its article.
        what: &'static str,
    },
    /// The text is longer than its bound.
    #[error("{what} has {got} bytes, at most {max} are allowed")]
    TooLong {
        /// What was being read, with its article.
        what: &'static str,
        /// Bytes found.
        got: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A character that the name may not hold.
    #[error("{what} may not hold {found:?}")]
    Character {
        /// What was being read, with its article.
        what: &'static str,
        /// The first character that is not allowed.
        found: char,
    },
    /// Text that should have been `agent@node`, `role@handler` or an id in hex.
    #[error("{text:?} is not of the form {form}")]
    Form {
        /// The text as it came, cut to 64 characters.
        text: String,
        /// The form that was expected.
        form: &'static str,
    },
}

impl IdError {
    pub(crate) fn form(text: &str, form: &'static str) -> Self {
        Self::Form {
            text: text.chars().take(64).collect(),
            form,
        }
    }
}

fn check_name(
    what: &'static str,
    text: &str,
    max: usize,
    allowed: fn(char) -> bool,
) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    if text.len() > max {
        return Err(IdError::TooLong {
            what,
            got: text.len(),
            max,
        });
    }
    match text.chars().find(|c| !allowed(*c)) {
        Some(found) => Err(IdError::Character { what, found }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Text);

        impl $name {
            /// Checks the text and keeps it.
            ///
            /// # Errors
            /// Empty, longer than its bound, or a character it may not hold.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check_name($what, text, $max, $allowed)?;
                Ok(Self(Text::from(text)))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn printable(c: char) -> bool {
    c.is_ascii_graphic()
}

name!(
    /// A node's name, unique in its swarm; the authority vouches for it in a passport.
    NodeId, "a node id", NAME_BYTES_MAX, plain
);
name!(
    /// An agent's name, unique on its node (`universal_id` in a directive).
    AgentName, "an agent name", NAME_BYTES_MAX, plain
);
name!(
    /// What an agent offers, such as `hive.oracle`.
    RoleName, "a role", NAME_BYTES_MAX, plain
);
name!(
    /// The function of an agent that a packet is for, such as `cmd_send_alert_msg`.
    HandlerName, "a handler", NAME_BYTES_MAX, plain
);
name!(
    /// What ties an answer to its question; opaque to everyone but the asker.
    Token, "a token", TOKEN_BYTES_MAX, printable
);

impl From<Uuid> for Token {
    fn from(id: Uuid) -> Self {
        let mut buffer = Uuid::encode_buffer();
        Self(Text::from(&*id.hyphenated().encode_lower(&mut buffer)))
    }
}

/// Where an agent is: `agent@node`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The agent.
    pub agent: AgentName,
    /// The node it runs on.
    pub node: NodeId,
}

impl Address {
    /// The address of `agent` on `node`.
    #[must_use]
    pub fn new(agent: AgentName, node: NodeId) -> Self {
        Self { agent, node }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.agent, self.node)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (agent, node) = text
            .split_once('@')
            .ok_or_else(|| IdError::form(text, "agent@node"))?;
        Ok(Self {
            agent: AgentName::new(agent)?,
            node: NodeId::new(node)?,
        })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [agent, node] = [self.agent.as_str(), self.node.as_str()];
        serializer.serialize_str(&[agent, "@", node].concat())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Address;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address: agent@node")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Address, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

uuid_id!(
    /// One swarm, minted by `skep init` (UUIDv4).
    SwarmId
);
uuid_id!(
    /// One packet (UUIDv7), or a record whose id must be the same on a repeat (UUIDv5).
    PacketId
);
uuid_id!(
    /// One start of a node (128 random bits); a new one makes older packets stale.
    BootId
);

macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| IdError::form(text, "64 hex digits"))?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(&hex::encode(self.0))
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    return text.parse().map_err(de::Error::custom);
                }
                let bytes = <serde_bytes::ByteArray<32>>::deserialize(deserializer)?;
                Ok(Self(bytes.into_array()))
            }
        }
    };
}

digest_id!(
    /// SHA-256 of a public key's SPKI encoding.
    KeyId
);
digest_id!(
    /// A SHA-256 hash: a leaf, a node or a root of a batch's tree.
    Hash
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_agent_at_node() {
        let address: Address = "log_watcher@web-1".parse().unwrap();
        assert_eq!(address.agent.as_str(), "log_watcher");
        assert_eq!(address.node.as_str(), "web-1");
        assert_eq!(address.to_string(), "log_watcher@web-1");
        assert!("log_watcher".parse::<Address>().is_err());
        assert!("@web-1".parse::<Address>().is_err());
    }

    #[test]
    fn a_name_says_what_is_wrong_with_it() {
        assert_eq!(NodeId::new(""), Err(IdError::Empty { what: "a node id" }));
        assert_eq!(
            NodeId::new("web 1"),
            Err(IdError::Character {
                what: "a node id",
                found: ' '
            })
        );
        assert_eq!(
            NodeId::new(&"x".repeat(97)),
            Err(IdError::TooLong {
                what: "a node id",
                got: 97,
                max: 96
            })
        );
    }

    #[test]
    fn digests_are_hex_for_people() {
        let id = KeyId([7; 32]);
        assert_eq!(id.to_string().parse::<KeyId>(), Ok(id));
        assert!("07".parse::<KeyId>().is_err());
    }
}
