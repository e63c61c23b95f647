//! Encoded packets, one behind the other: what one signature's subtree covers, as it travels.
//!
//! ```text
//!  0       4        4+n     8+n
//!  ┌───────┬────────┬───────┬────────┬─ ─
//!  │ n u32 │ packet │ m u32 │ packet │         big-endian lengths, nothing behind the last packet
//!  └───────┴────────┴───────┴────────┴─ ─
//! ```
//! One run of bytes is hashed at once and copied at once, whatever the number of packets in it.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What stands before each packet.
const LENGTH_BYTES: usize = size_of::<u32>();

/// Encoded [`WirePacket`](crate::WirePacket)s, in order.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Packed {
    bytes: Bytes,
    n_packets: usize,
}

/// [`Packed`] in the making.
#[derive(Debug, Default)]
pub struct Packing {
    bytes: BytesMut,
    n_packets: usize,
}

impl Packing {
    /// Adds one encoded packet.
    pub fn push(&mut self, packet: &[u8]) {
        self.bytes
            .put_u32(u32::try_from(packet.len()).unwrap_or(u32::MAX));
        self.bytes.put_slice(packet);
        self.n_packets += 1;
    }

    /// How many packets were added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n_packets
    }

    /// Whether none was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n_packets == 0
    }

    /// Their bytes so far, with their lengths.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of them.
    #[must_use]
    pub fn pack(self) -> Packed {
        Packed {
            bytes: self.bytes.freeze(),
            n_packets: self.n_packets,
        }
    }
}

impl Packed {
    /// How many packets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n_packets
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n_packets == 0
    }

    /// Their bytes, with their lengths: what is hashed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Each packet's bytes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let (packet, behind) = first(rest)?;
            rest = behind;
            Some(packet)
        })
    }

    /// Reads what came; `None` where the lengths do not lead to the end.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (mut rest, mut n_packets) = (bytes, 0);
        while !rest.is_empty() {
            (_, rest) = first(rest)?;
            n_packets += 1;
        }
        Some(Self {
            bytes: Bytes::copy_from_slice(bytes),
            n_packets,
        })
    }
}

fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

impl<P: AsRef<[u8]>> FromIterator<P> for Packed {
    fn from_iter<I: IntoIterator<Item = P>>(packets: I) -> Self {
        let mut packing = Packing::default();
        for packet in packets {
            packing.push(packet.as_ref());
        }
        packing.pack()
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n_packets, n_bytes) = (self.n_packets, self.bytes.len());
        write!(f, "Packed({n_packets} packets, {n_bytes} bytes)")
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.bytes)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Packed;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("packets, each after its length")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Packed, E> {
                let packed = Packed::read(bytes);
                packed.ok_or_else(|| E::custom("a packet's length does not fit"))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{decode, encode};

    fn packets() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12)
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out_again(packets in packets()) {
            let packed: Packed = packets.iter().collect();
            prop_assert_eq!(packed.len(), packets.len());
            prop_assert_eq!(packed.is_empty(), packets.is_empty());
            prop_assert!(packed.iter().eq(packets.iter().map(Vec::as_slice)));
            let read: Packed = decode(&encode(&packed), 4096).unwrap();
            prop_assert_eq!(read, packed);
        }

        #[test]
        fn whatever_comes_is_packets_to_its_last_byte_or_nothing(bytes in prop::collection::vec(0_u8..3, 0..60)) {
            if let Some(packed) = Packed::read(&bytes) {
                let again: Packed = packed.iter().collect();
                prop_assert_eq!(again.as_bytes(), &bytes);
            }
        }
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        for bytes in [
            &[0, 0, 0][..],
            &[0, 0, 0, 2, 7],
            &[0, 0, 0, 1, 7, 0],
            &[0xff, 0xff, 0xff, 0xff, 7],
        ] {
            assert!(Packed::read(bytes).is_none(), "{bytes:?}");
        }
    }
}
