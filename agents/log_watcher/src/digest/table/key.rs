//! Keys of tables: addresses and names are short, and live in the row itself.

use std::borrow::Borrow;
use std::hash::Hash;
use std::hash::Hasher;

const INLINE_BYTES: usize = 22;

/// Some bytes, inline when there are few.
#[derive(Debug, Clone)]
pub(in crate::digest) enum Key {
    Inline(u8, [u8; INLINE_BYTES]),
    Heap(Box<[u8]>),
}

impl Key {
    pub(in crate::digest) fn new(bytes: &[u8]) -> Self {
        if bytes.len() > INLINE_BYTES {
            return Self::Heap(bytes.into());
        }
        let mut inline = [0; INLINE_BYTES];
        inline[..bytes.len()].copy_from_slice(bytes);
        Self::Inline(bytes.len() as u8, inline)
    }

    pub(in crate::digest) fn bytes(&self) -> &[u8] {
        match self {
            Self::Inline(len, inline) => &inline[..usize::from(*len)],
            Self::Heap(bytes) => bytes,
        }
    }

    pub(in crate::digest) fn heap_bytes(&self) -> usize {
        match self {
            Self::Inline(..) => 0,
            Self::Heap(bytes) => bytes.len(),
        }
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.bytes()
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Key {}
