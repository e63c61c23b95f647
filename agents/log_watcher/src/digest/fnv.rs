//! FNV-1a: equal on every host and in every release, as checkpoints need.

const START: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The hash of some bytes.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    fnv_on(START, bytes)
}

/// The hash of more bytes behind those that gave `hash`.
pub(crate) fn fnv_on(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_hash() {
        for (text, expected) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(fnv(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(fnv_on(fnv(b"foo"), b"bar"), fnv(b"foobar"));
    }
}
