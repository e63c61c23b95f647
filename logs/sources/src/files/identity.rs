//! How a file is recognised after it was renamed, copied or compressed.

use std::fs::File;
use std::fs::Metadata;
use std::io;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;

use serde::Deserialize;
use serde::Serialize;

/// How many bytes of a file's start, and before a position, make its fingerprint.
pub(super) const PRINT_BYTES_MAX: u64 = 1024;

/// Device and inode: the same as long as a file is only renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// A hash of some bytes at a known place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Print {
    pub(super) len: u64,
    pub(super) hash: u64,
}

impl Print {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            len: bytes.len() as u64,
            hash: fnv1a(bytes),
        }
    }

    /// The print of `len` bytes at `at`; shorter where the file ends before.
    pub(super) fn at(file: &File, at: u64, len: u64) -> io::Result<Self> {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self::of(&bytes[..filled]))
    }

    /// The print of the reader's next `len` bytes, which are consumed; shorter at its end.
    pub(super) fn of_next(reader: &mut dyn Read, len: u64) -> io::Result<Self> {
        let mut bytes = Vec::new();
        reader.take(len).read_to_end(&mut bytes)?;
        Ok(Self::of(&bytes))
    }
}

/// FNV-1a: checkpoints outlive this program's version, so the hash must never change.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_print_of_a_short_reader_is_not_the_print() {
        let print = Print::of(b"hello");
        assert_eq!(Print::of_next(&mut &b"hello world"[..], 5).unwrap(), print);
        assert_ne!(Print::of_next(&mut &b"hell"[..], 5).unwrap(), print);
    }
}
