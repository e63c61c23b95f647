//! A line, split into what its writer put in front and what it says; all of it borrowed.

use crate::severity::Severity;
use crate::stamp::Stamp;

/// A line split into its prefix and its body. Nothing is copied or decoded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// When, as written; a [`crate::Clock`] resolves it.
    pub stamp: Stamp<'a>,
    /// How grave, where the prefix says so.
    pub severity: Option<Severity>,
    /// The host that wrote it; empty where the prefix names none.
    pub host: &'a [u8],
    /// The program that wrote it (`sshd`, `postfix/smtpd`); empty where the prefix names none.
    pub app: &'a [u8],
    /// Its process.
    pub pid: Option<u32>,
    /// What it says.
    pub body: &'a [u8],
}

impl<'a> Line<'a> {
    /// Splits a line of a log file; what has no known prefix is all body.
    ///
    /// Shape: RFC 3164 and RFC 5424 with or without priority, rsyslog's ISO 8601 form, busybox's
    /// `facility.level`; any bytes. Linear time.
    #[must_use]
    pub fn split(line: &'a [u8]) -> Self {
        crate::prefix::split(line)
    }

    /// A line without a prefix.
    #[must_use]
    pub fn bare(body: &'a [u8]) -> Self {
        Self {
            stamp: Stamp::None,
            severity: None,
            host: b"",
            app: b"",
            pid: None,
            body,
        }
    }
}
