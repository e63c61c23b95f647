//! How grave a record is, in OpenTelemetry's numbers.

use serde::Deserialize;
use serde::Serialize;

/// A severity number of OpenTelemetry's logs data model, 1 (trace) to 24 (fatal).
///
/// Source: OpenTelemetry logs data model, "Severity Fields" and its syslog mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Severity(u8);

impl Severity {
    /// The finest: every step.
    pub const TRACE: Self = Self(1);
    /// For developers.
    pub const DEBUG: Self = Self(5);
    /// Something happened.
    pub const INFO: Self = Self(9);
    /// Something worth a look happened: syslog's notice.
    pub const NOTICE: Self = Self(10);
    /// Something may go wrong.
    pub const WARN: Self = Self(13);
    /// Something went wrong.
    pub const ERROR: Self = Self(17);
    /// Syslog's critical.
    pub const CRITICAL: Self = Self(18);
    /// Syslog's alert.
    pub const ALERT: Self = Self(19);
    /// Syslog's emergency: nothing works.
    pub const FATAL: Self = Self(21);

    /// The severity of a syslog priority value, of which only the low three bits count.
    ///
    /// Source: RFC 5424 §6.2.1.
    #[must_use]
    pub fn from_syslog(priority: u8) -> Self {
        match priority & 7 {
            0 => Self::FATAL,
            1 => Self::ALERT,
            2 => Self::CRITICAL,
            3 => Self::ERROR,
            4 => Self::WARN,
            5 => Self::NOTICE,
            6 => Self::INFO,
            _ => Self::DEBUG,
        }
    }

    /// The severity a word names, as Apache, nginx and syslog write it; any case.
    #[must_use]
    pub fn from_word(word: &[u8]) -> Option<Self> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        Some(match word.first()?.to_ascii_lowercase() {
            b'e' if is("emerg") || is("emergency") => Self::FATAL,
            b'p' if is("panic") => Self::FATAL,
            b'f' if is("fatal") => Self::FATAL,
            b'a' if is("alert") => Self::ALERT,
            b'c' if is("crit") || is("critical") => Self::CRITICAL,
            b'e' if is("err") || is("error") => Self::ERROR,
            b'w' if is("warn") || is("warning") => Self::WARN,
            b'n' if is("notice") => Self::NOTICE,
            b'i' if is("info") => Self::INFO,
            b'd' if is("debug") => Self::DEBUG,
            b't' if word.len() <= 6 && word.to_ascii_lowercase().starts_with(b"trace") => {
                Self::TRACE
            }
            _ => return None,
        })
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its short name.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self.0 {
            0..=4 => "TRACE",
            5..=8 => "DEBUG",
            9 => "INFO",
            10..=12 => "NOTICE",
            13..=16 => "WARN",
            17 => "ERROR",
            18 => "CRITICAL",
            19..=20 => "ALERT",
            _ => "FATAL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syslog_priorities_keep_their_order() {
        for priority in 0..7u8 {
            assert!(Severity::from_syslog(priority) > Severity::from_syslog(priority + 1));
        }
        assert_eq!(Severity::from_syslog(38), Severity::INFO);
    }

    #[test]
    fn words_of_three_daemons_are_known() {
        let words = [("crit", Severity::CRITICAL), ("ERROR", Severity::ERROR)];
        for (word, expected) in words {
            assert_eq!(Severity::from_word(word.as_bytes()), Some(expected));
        }
        assert_eq!(Severity::from_word(b"trace8"), Some(Severity::TRACE));
        assert_eq!(Severity::from_word(b"core"), None);
        assert_eq!(Severity::from_word(b""), None);
    }
}
