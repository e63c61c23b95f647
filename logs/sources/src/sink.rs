//! Who receives what a source delivers.

use std::path::Path;

use crate::files::FileCoverage;
use crate::journal::Entry;

/// The file whose lines follow.
#[derive(Debug, Clone, Copy)]
pub struct FileNow<'a> {
    /// The file itself, which may be a rotated sibling of the path that was asked for.
    pub path: &'a Path,
    /// When it was last written, in seconds since 1970: the year of its year-less stamps.
    pub modified_unix_s: i64,
    /// Whether it is the path itself, still being written.
    pub live: bool,
}

/// Receives the lines of files.
pub trait LineSink {
    /// Lines of this file follow.
    fn file(&mut self, _file: FileNow<'_>) {}

    /// One line, without its newline; any bytes, at most `LINE_BYTES_MAX` of them.
    fn line(&mut self, line: &[u8]);

    /// The lines of this file have been delivered.
    fn file_done(&mut self, _coverage: &FileCoverage) {}

    /// Asked about every 256 KiB; `false` ends the read cleanly, with a usable checkpoint.
    ///
    /// `bytes` were read, skipped ones included, since the last call.
    fn keep_going(&mut self, _bytes: u64) -> bool {
        true
    }
}

/// Receives the entries of the journal.
pub trait EntrySink {
    /// One entry, oldest first.
    fn entry(&mut self, entry: &Entry);

    /// Asked after each entry; `false` ends the read cleanly, with a usable checkpoint.
    fn keep_going(&mut self) -> bool {
        true
    }
}
