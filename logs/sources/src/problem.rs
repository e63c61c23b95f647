//! Why a source gave nothing, or less, and what a person can do about it.

use std::fmt;

use serde::Serialize;

/// One thing that kept lines from being read, with its cure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file or the journal it is about.
    pub subject: String,
    /// What kind of trouble it is.
    pub kind: ProblemKind,
    /// What was found, in words.
    pub detail: String,
    /// What a person can do; empty where nothing is known.
    pub cure: String,
}

/// The kinds of trouble a source can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// Nothing is there.
    Absent,
    /// It is there, and this user may not read it.
    Unreadable,
    /// A directory, a pipe, a device: no file of lines.
    NotAFile,
    /// Its compressed bytes could be read only in part.
    Corrupt,
    /// Compressed in a way that is not read.
    Unsupported,
    /// A bound or a deadline ended the read before its end.
    CutShort,
    /// Reading failed for another reason.
    Failed,
}

impl Problem {
    pub(crate) fn new(subject: impl Into<String>, kind: ProblemKind, detail: String) -> Self {
        Self {
            subject: subject.into(),
            kind,
            detail,
            cure: String::new(),
        }
    }

    /// The same trouble with this cure.
    #[must_use]
    pub fn with_cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = cure.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.detail)?;
        if !self.cure.is_empty() {
            write!(f, " ({})", self.cure)?;
        }
        Ok(())
    }
}
