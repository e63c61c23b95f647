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
pub use self::error::ErrorLine;
use crate::stamp::Stamp;

/// A line of a web server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A request that was answered.
    Access(Access<'a>),
    /// A line of an error log, of any level.
    Error(ErrorLine<'a>),
}

/// The event of a line; none where it is no line of a web server's. Linear time.
#[must_use]
pub fn event(line: &[u8]) -> Option<Event<'_>> {
    match line.first()? {
        b'{' => json::access(line).map(Event::Access),
        b'[' => error::apache(line).map(Event::Error),
        _ => access::access(line)
            .map(Event::Access)
            .or_else(|| error::nginx(line).map(Event::Error)),
    }
}

/// Only the stamp of a line.
#[must_use]
pub fn stamp(line: &[u8]) -> Stamp<'_> {
    let found = match line.first() {
        Some(b'{') => json::access(line).map(|access| access.stamp),
        Some(b'[') => error::apache_stamp(line),
        _ => match access::date(line) {
            Some(at) => Some(Stamp::Clf(&line[at + 1..at + 27])),
            None => error::nginx_stamp(line),
        },
    };
    found.unwrap_or(Stamp::None)
}

/// Undoes `\xNN`, `\"` and `\\`; other escapes stay as they are.
fn unescaped(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\\') {
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
