//! Access lines.

use std::borrow::Cow;

use crate::facts::Facts;
use crate::facts::Outcome;
use crate::scan;
use crate::stamp::Stamp;
use crate::stamp::is_clf;

/// A request that was answered. Names and paths as written, which is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access<'a> {
    /// When.
    pub stamp: Stamp<'a>,
    /// The peer: an address, or a name where the server looked it up; empty for a local socket.
    pub source: &'a [u8],
    /// The virtual host, with its port if that is written; empty where not written.
    pub vhost: &'a [u8],
    /// The user who gave a name; empty where none.
    pub user: &'a [u8],
    /// The request's method; empty where the request is none that HTTP knows.
    pub method: &'a [u8],
    /// The path without its query; empty like `method`.
    pub path: &'a [u8],
    /// The status of the answer.
    pub status: u16,
    /// The bytes of the answer's body.
    pub bytes: u64,
}

impl<'a> Access<'a> {
    /// The user's name, unescaped; any bytes.
    #[must_use]
    pub fn user_name(&self) -> Cow<'a, [u8]> {
        super::unescaped(self.user)
    }

    /// The path, unescaped; any bytes.
    #[must_use]
    pub fn url_path(&self) -> Cow<'a, [u8]> {
        super::unescaped(self.path)
    }

    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let outcome = match self.status {
            400.. => Outcome::Failure,
            _ => Outcome::Success,
        };
        Facts::new(
            "httpd.access",
            "[VHOST] SOURCE IDENT USER [DATE] \"REQUEST\" STATUS BYTES, or JSON",
        )
        .outcome(outcome)
        .text("source.address", self.source)
        .text("server.address", self.vhost)
        .text("user.name", self.user_name())
        .text("http.request.method", self.method)
        .text("url.path", self.url_path())
        .number("http.response.status_code", Some(self.status))
        .number("http.response.body.size", Some(self.bytes))
    }
}

/// Where `[10/Oct/2000:13:55:36 -0700] "` begins.
///
/// In a user name a quote would be escaped, so the first such place is the server's.
pub(super) fn date(line: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'[', line)
        .find(|at| line.get(at + 27..at + 30) == Some(b"] \"") && is_clf(&line[at + 1..at + 27]))
}

/// `[VHOST ]HOST IDENT USER [DATE] "REQUEST" STATUS BYTES…`.
pub(super) fn access(line: &[u8], at: usize) -> Option<Access<'_>> {
    let stamp = Stamp::Clf(&line[at + 1..at + 27]);
    let who = who(line[..at].strip_suffix(b" ")?)?;
    let (request, rest) = quoted(&line[at + 30..])?;
    let (status, rest) = scan::token(rest);
    let (bytes, _) = scan::token(rest);
    let request = Request::of(request);
    Some(Access {
        stamp,
        source: who.source,
        vhost: who.vhost,
        user: who.user,
        method: request.method,
        path: request.path,
        status: u16::try_from(scan::number(status)?).ok()?,
        bytes: scan::number(bytes).unwrap_or(0),
    })
}

struct Who<'a> {
    vhost: &'a [u8],
    source: &'a [u8],
    user: &'a [u8],
}

/// `[VHOST ]HOST IDENT USER`; a user may hold spaces, and `IDENT` may be missing.
fn who(head: &[u8]) -> Option<Who<'_>> {
    let (first, rest) = scan::token(head);
    let (second, after_second) = scan::token(rest);
    let (vhost, source, rest) = if second != b"-" && has_vhost(first, second) {
        match first.strip_suffix(b",") {
            Some(first) => (&b""[..], first, after_second),
            None => (first, second, after_second),
        }
    } else {
        (&b""[..], first, rest)
    };
    if !scan::is_peer(source) {
        return None;
    }
    let (_ident, user) = scan::token(rest);
    let user = if user == b"-" || user == b"\"\"" {
        b""
    } else {
        user
    };
    Some(Who {
        vhost,
        source: match source {
            b"-" | b"unix:" => b"",
            source => scan::unmapped(source),
        },
        user,
    })
}

/// Whether the first of two words is a virtual host, and the second the peer.
///
/// A peer can send an address as its `Host`, but no ident daemon answers with one.
fn has_vhost(first: &[u8], second: &[u8]) -> bool {
    scan::is_ip(second)
        || (first.contains(&b':')
            && !scan::is_ip(first)
            && !first.ends_with(b",")
            && scan::is_peer(second))
}

/// The text up to the quote that ends the request, and what follows `" `.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    memchr::memchr_iter(b'"', text).find_map(|at| {
        let is_escaped = at > 0 && text[at - 1] == b'\\' && odd_backslashes(&text[..at]);
        let [b' ', status @ ..] = text.get(at + 1..at + 5)? else {
            return None;
        };
        let ends = !is_escaped && status.iter().all(u8::is_ascii_digit);
        ends.then(|| (&text[..at], &text[at + 2..]))
    })
}

fn odd_backslashes(text: &[u8]) -> bool {
    text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Longer words are no methods.
const METHOD_BYTES_MAX: usize = 20;

/// A request line, taken apart.
pub(super) struct Request<'a> {
    pub(super) method: &'a [u8],
    pub(super) path: &'a [u8],
}

impl<'a> Request<'a> {
    /// `GET /path?query HTTP/1.1`, with spaces in the path if the peer sent them.
    pub(super) fn of(request: &'a [u8]) -> Self {
        let none = Self {
            method: b"",
            path: b"",
        };
        let end = request
            .iter()
            .take(METHOD_BYTES_MAX)
            .take_while(|byte| is_method_byte(byte));
        let end = end.count();
        if end == 0 || request.get(end) != Some(&b' ') {
            return none;
        }
        let target = without_version(&request[end + 1..]);
        if target.is_empty() {
            return none;
        }
        Self {
            method: &request[..end],
            path: path(target),
        }
    }
}

/// The target in front of ` HTTP/1.1` or ` HTTP/2`.
fn without_version(target: &[u8]) -> &[u8] {
    for length in [9, 7] {
        if let Some(at) = target.len().checked_sub(length)
            && target[at..].starts_with(b" HTTP/")
        {
            return &target[..at];
        }
    }
    target
}

fn is_method_byte(byte: &u8) -> bool {
    byte.is_ascii_uppercase() || *byte == b'-' || *byte == b'_'
}

/// The path of a target, also of one with scheme and host, without query and fragment.
pub(crate) fn path(target: &[u8]) -> &[u8] {
    let path = match target.first() {
        Some(b'h') => after_authority(target),
        _ => target,
    };
    &path[..memchr::memchr2(b'?', b'#', path).unwrap_or(path.len())]
}

fn after_authority(target: &[u8]) -> &[u8] {
    let Some(rest) = target
        .strip_prefix(b"http://")
        .or(target.strip_prefix(b"https://"))
    else {
        return target;
    };
    match rest.iter().position(|byte| *byte == b'/') {
        Some(at) => &rest[at..],
        None => b"/",
    }
}
