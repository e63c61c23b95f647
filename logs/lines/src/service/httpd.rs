//! What web servers say: access lines (common, combined, with a virtual host, JSON) and the error
//! logs of Apache and nginx.
//!
//! Peers choose the request, the user name and the headers. The servers escape quotes in them, so
//! the first date in brackets with a bare quote behind it is the server's own.

mod access;
mod error;
mod json;

use std::borrow::Cow;

pub use self::access::Access;
pub(crate) use self::access::path;
pub use self::error::ErrorLine;
use crate::facts::Facts;
use crate::stamp::Stamp;

/// A line of a web server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A request that was answered.
    Access(Access<'a>),
    /// A line of an error log, of any level.
    Error(ErrorLine<'a>),
}

impl Event<'_> {
    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        match self {
            Self::Access(access) => access.facts(),
            Self::Error(error) => error.facts(),
        }
    }
}

/// The event of a line; none where it is no line of a web server's. Linear time.
#[must_use]
pub fn event(line: &[u8]) -> Option<Event<'_>> {
    event_at(line, locate(line).at)
}

/// The stamp of a line, and where the date of an access line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located<'a> {
    /// The stamp.
    pub stamp: Stamp<'a>,
    /// For [`event_at`]: where it was found; `usize::MAX` where there is no date.
    pub at: usize,
}

/// Looks only for the stamp of a line.
#[must_use]
pub fn locate(line: &[u8]) -> Located<'_> {
    let found = match line.first() {
        Some(b'{') => json::access(line).map(|access| access.stamp),
        Some(b'[') => error::apache_stamp(line),
        _ => match access::date(line) {
            Some(at) => {
                return Located {
                    stamp: Stamp::Clf(&line[at + 1..at + 27]),
                    at,
                };
            }
            None => error::nginx_stamp(line),
        },
    };
    Located {
        stamp: found.unwrap_or(Stamp::None),
        at: usize::MAX,
    }
}

/// The event of a line whose stamp has been located, so that nobody looks twice.
#[must_use]
pub fn event_at(line: &[u8], at: usize) -> Option<Event<'_>> {
    if at < line.len() {
        return access::access(line, at).map(Event::Access);
    }
    match line.first()? {
        b'{' => json::access(line).map(Event::Access),
        b'[' => error::apache(line).map(Event::Error),
        _ => error::nginx(line).map(Event::Error),
    }
}

/// Undoes `\xNN`, `\"` and `\\`; other escapes stay as they are.
fn unescaped(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'\\', [quoted @ (b'"' | b'\\'), after @ ..]) => {
                out.push(*quoted);
                after
            }
            (b'\\', [b'x', high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push(hex_digit(*high) << 4 | hex_digit(*low));
                after
            }
            _ => {
                out.push(*first);
                tail
            }
        };
    }
    Cow::Owned(out)
}

fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests;
