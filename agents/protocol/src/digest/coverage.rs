//! What a digest is about, and what is missing from it.

use serde::Deserialize;
use serde::Serialize;

/// Which lines a digest stands on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Coverage {
    /// What became of the lines.
    pub lines: LineCounts,
    /// `N of M lines`, where older lines were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// The earliest stamp among the lines analysed, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// The latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// The files and journals read, in order.
    pub sources: Vec<SourceCoverage>,
    /// Where lines may have been lost.
    pub gaps: Vec<SourceGap>,
    /// What could not be read, with the cure.
    pub errors: Vec<SourceProblem>,
    /// What else a reader should know.
    pub notes: Vec<String>,
}

/// What became of the lines of a collector's sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LineCounts {
    /// All lines there were.
    pub read: u64,
    /// Those the totals stand on.
    pub analysed: u64,
    /// Older ones, beyond `max_lines`.
    pub skipped: u64,
    /// Before or after the span asked for.
    pub outside: u64,
    /// Our own.
    pub own: u64,
    /// Longer than is kept: their end was not seen.
    pub cut: u64,
    /// With control characters, or bytes that are no text: read, and shown with these as `\xNN`.
    pub escaped: u64,
}

/// One file or journal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceCoverage {
    /// Its path, or `journal`.
    pub source: String,
    /// The lines it had.
    pub lines: u64,
    /// Those of them that were left out as older than `max_lines` allows.
    pub skipped: u64,
}

/// Lines that were, or may have been, written and could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceGap {
    /// Where.
    pub source: String,
    /// What happened.
    pub what: String,
}

/// A source that gave nothing, or less than it should.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceProblem {
    /// Which.
    pub source: String,
    /// What is wrong.
    pub problem: String,
    /// What a person can do about it; empty where nothing is known.
    pub cure: String,
}
