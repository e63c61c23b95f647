//! The systemd journal, read through `journalctl -o json`.
//!
//! `journalctl` is spawned because the journal's format is its own affair: it reads every version
//! of it, packed or sealed, and needs no library at build time.

mod child;
mod entry;
mod read;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

pub use self::entry::ENTRY_BYTES_MAX;
pub use self::entry::Entry;
pub use self::read::KEPT_BYTES_MAX;
use crate::host::Own;
use crate::problem::Problem;

/// Which entries are wanted: an entry that fits any of the matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JournalMatch {
    /// By the name a program logs under, as in a syslog line.
    Identifier(String),
    /// By systemd unit.
    Unit(String),
}

/// Which journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum JournalPlace {
    /// This host's.
    #[default]
    System,
    /// The files below a directory.
    Directory(PathBuf),
    /// One file.
    File(PathBuf),
}

/// What to read of the journal, and within which bounds.
#[derive(Debug, Clone)]
pub struct JournalQuery {
    /// Which journal.
    pub place: JournalPlace,
    /// Which entries; empty for all.
    pub matches: Vec<JournalMatch>,
    /// Where the last read ended; it wins over `since_unix_us`.
    pub after: Option<JournalCheckpoint>,
    /// Entries from this moment on, in microseconds since 1970.
    pub since_unix_us: Option<u64>,
    /// How many of the newest entries are delivered; the others are counted.
    pub max_lines: Option<u64>,
    /// Entries with these marks are skipped.
    pub own: Own,
    /// The read ends after this, whatever `journalctl` does.
    pub deadline: Duration,
    /// The read ends after this many bytes of `journalctl`'s output.
    pub bytes_max: u64,
    /// The program, `journalctl` by default.
    pub program: OsString,
}

impl Default for JournalQuery {
    fn default() -> Self {
        Self {
            place: JournalPlace::default(),
            matches: Vec::new(),
            after: None,
            since_unix_us: None,
            max_lines: None,
            own: Own::default(),
            deadline: Duration::from_secs(60),
            bytes_max: 4 * 1024 * 1024 * 1024,
            program: OsString::from("journalctl"),
        }
    }
}

/// Where a read of the journal ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalCheckpoint {
    /// The last entry that was read; absent as long as there was none.
    pub cursor: Option<String>,
    /// Where the first read began, for as long as no entry was read.
    pub since_unix_us: Option<u64>,
}

/// What a read of the journal gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalOutcome {
    /// Entries delivered.
    pub entries: u64,
    /// Older entries that `max_lines` left out.
    pub skipped: u64,
    /// Entries of our own, not delivered.
    pub own_skipped: u64,
    /// Entries whose message was cut at `ENTRY_BYTES_MAX`, or that could not be parsed.
    pub damaged: u64,
    /// Bytes of `journalctl`'s output.
    pub bytes: u64,
    /// The entry of the checkpoint is gone: entries after it may be gone too.
    pub gap: bool,
    /// The sink ended the read before its end.
    pub stopped: bool,
    /// What kept entries from being read.
    pub problems: Vec<Problem>,
    /// Where the next read goes on.
    pub checkpoint: JournalCheckpoint,
}
