//! How Postfix writes clients, addresses and replies.

use crate::scan;

/// No client's name and address are longer.
const PEER_BYTES_MAX: usize = 512;

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer<'a> {
    /// Its address; empty where Postfix does not know it any more (`unknown[unknown]`).
    pub(super) address: &'a [u8],
    pub(super) port: Option<u16>,
}

impl<'a> Peer<'a> {
    /// `NAME[ADDRESS]`, `[ADDRESS]:PORT`, `NAME[ADDRESS]:PORT`, and what follows.
    pub(super) fn leading(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let head = &text[..text.len().min(PEER_BYTES_MAX)];
        let open = memchr::memchr(b'[', head)?;
        let close = open + memchr::memchr(b']', &head[open..])?;
        if head[..open].contains(&b' ') {
            return None;
        }
        let written = &text[open + 1..close];
        let address = scan::unmapped(written.strip_prefix(b"IPv6:").unwrap_or(written));
        let rest = &text[close + 1..];
        let (port, rest) = match leading_port(rest) {
            Some((port, rest)) => (Some(port), rest),
            None => (None, rest),
        };
        match (scan::is_ip(address), written) {
            (true, _) => Some((Self { address, port }, rest)),
            (false, b"unknown") => Some((
                Self {
                    address: b"",
                    port: None,
                },
                rest,
            )),
            _ => None,
        }
    }
}

/// `:PORT` at the start.
fn leading_port(text: &[u8]) -> Option<(u16, &[u8])> {
    let digits = text.strip_prefix(b":")?;
    let length = digits
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let port = u16::try_from(scan::number(&digits[..length])?).ok()?;
    Some((port, &digits[length..]))
}

/// The address that began with `<`, and what follows its `>`. A quoted local part may hold both.
pub(super) fn address(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut start = 0;
    if text.first() == Some(&b'"') {
        start = quoted_end(text).unwrap_or(0);
    }
    loop {
        let end = start + memchr::memchr(b'>', &text[start..])?;
        // Versions before 3.5 wrote local parts without quotes: an address ends where a field does.
        if matches!(text.get(end + 1), None | Some(b',' | b' ' | b':' | b';')) {
            return Some((&text[..end], &text[end + 1..]));
        }
        start = end + 1;
    }
}

/// Where the quoted string at the start ends; a backslash escapes.
fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `554 5.7.1 TEXT`: reply code, enhanced code and text; a milter's reply may lack the first.
pub(super) fn reply(text: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (mut code, mut dsn, mut rest) = (&b""[..], &b""[..], text);
    let (first, after) = scan::token(rest);
    if first.len() == 3 && scan::number(first).is_some() {
        (code, rest) = (first, after);
    }
    let (first, after) = scan::token(rest);
    if is_dsn(first) {
        (dsn, rest) = (first, after);
    }
    (code, dsn, rest)
}

/// `X.Y.Z`, X being 2, 4 or 5.
pub(super) fn is_dsn(text: &[u8]) -> bool {
    let mut parts = text.split(|byte| *byte == b'.');
    let mut part = || {
        parts
            .next()
            .filter(|part| part.len() <= 3)
            .and_then(scan::number)
    };
    text.len() <= 11
        && matches!(part(), Some(2 | 4 | 5))
        && part().is_some()
        && part().is_some()
        && part().is_none()
        && text.last() != Some(&b'.')
}
