//! How far files were read, in a form that survives rotation and restarts.

use std::collections::BTreeMap;
use std::io;
use std::io::Read;

use serde::Deserialize;
use serde::Serialize;

use super::identity::FileId;
use super::identity::Print;
use super::open::Opened;

/// The offset of a packed file that needs no further look.
pub(super) const DONE: u64 = u64::MAX;

/// Where a read of some paths ended; hand it to the next read to get exactly what came since.
///
/// Shape: a few hundred bytes for each file seen, at most `SIBLINGS_MAX` + 1 for each path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesCheckpoint {
    pub(super) paths: BTreeMap<String, Vec<Seen>>,
}

/// One file as it was when it was last read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Where it stood; absent if its name is not UTF-8.
    pub(super) path: Option<String>,
    pub(super) id: FileId,
    pub(super) size: u64,
    pub(super) packed: bool,
    pub(super) head: Print,
    /// The fingerprint of what stands just before `offset`.
    pub(super) tail: Print,
    /// Everything before this was read, or was left out for good.
    pub(super) offset: u64,
    /// The newest file that was reached: what comes next follows its offset.
    pub(super) current: bool,
    /// The bytes of `head`, of the current file only: a copy made of it may be shorter.
    pub(super) start: Vec<u8>,
}

/// Whether a file carries on what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It holds all that was read: go on at this offset.
    Same(u64),
    /// It ends before what was read: a copy made earlier, nothing new in it.
    Prefix,
    Other,
}

impl Seen {
    pub(super) fn of(file: &Opened, offset: u64) -> io::Result<Self> {
        let tail = if offset == DONE {
            Print::default()
        } else {
            file.print_before(offset)?
        };
        Ok(Self {
            path: file.path.to_str().map(str::to_owned),
            id: file.id,
            size: file.size,
            packed: file.packed,
            head: file.head,
            tail,
            offset,
            current: false,
            start: Vec::new(),
        })
    }

    /// Only what was read in part can be recognised by its content.
    pub(super) fn is_evidence(&self) -> bool {
        self.offset > 0 && self.head.len > 0
    }

    /// Compares what was seen with a file's content.
    pub(super) fn likeness(&self, file: &mut Opened) -> io::Result<Likeness> {
        if file.head.len < self.head.len {
            let is_prefix = file.head.len > 0 && self.start.starts_with(&file.start);
            return Ok(if is_prefix {
                Likeness::Prefix
            } else {
                Likeness::Other
            });
        }
        if !file.starts_with(self.head) {
            return Ok(Likeness::Other);
        }
        if self.packed {
            return Ok(if file.packed {
                Likeness::Same(self.offset)
            } else {
                Likeness::Other
            });
        }
        if !file.packed {
            return Ok(if file.size < self.offset {
                Likeness::Prefix
            } else if file.print_before(self.offset)? == self.tail {
                Likeness::Same(self.offset)
            } else {
                Likeness::Other
            });
        }
        let before = self.offset - self.tail.len;
        let mut plain = file.from(0)?;
        if io::copy(&mut (&mut plain).take(before), &mut io::sink())? < before {
            return Ok(Likeness::Prefix);
        }
        let tail = Print::of_next(&mut plain, self.tail.len)?;
        Ok(if tail.len < self.tail.len {
            Likeness::Prefix
        } else if tail == self.tail {
            Likeness::Same(self.offset)
        } else {
            Likeness::Other
        })
    }
}
