//! Where lines are: files that rotate, and the journal; each read with a position to go on from.
//!
//! Reading is synchronous and bounded in memory: call it from a blocking pool. Nothing here knows
//! what a line means, and nothing looks at the clock: the caller says what time it is.

#![warn(missing_docs)]

mod auto;
mod files;
mod host;
mod journal;
mod problem;
mod sink;

pub use auto::Choice;
pub use auto::Defaults;
pub use auto::choose;
pub use auto::cure_for_absent;
pub use auto::defaults;
pub use files::FileCoverage;
pub use files::FileSet;
pub use files::FilesCheckpoint;
pub use files::FilesOutcome;
pub use files::Gap;
pub use files::GapKind;
pub use files::LINE_BYTES_MAX;
pub use files::ReadOptions;
pub use files::SIBLINGS_MAX;
pub use files::UNPACKED_BYTES_MAX;
pub use files::Unfinished;
pub use host::Host;
pub use host::Own;
pub use journal::ENTRY_BYTES_MAX;
pub use journal::Entry;
pub use journal::JournalCheckpoint;
pub use journal::JournalMatch;
pub use journal::JournalOutcome;
pub use journal::JournalPlace;
pub use journal::JournalQuery;
pub use journal::KEPT_BYTES_MAX;
pub use problem::Problem;
pub use problem::ProblemKind;
pub use sink::EntrySink;
pub use sink::FileNow;
pub use sink::LineSink;
