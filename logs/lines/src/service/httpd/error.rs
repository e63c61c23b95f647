//! Error logs of Apache and nginx.

use memchr::memmem;

use crate::facts::Facts;
use crate::scan;
use crate::severity::Severity;
use crate::stamp::Stamp;

/// A line of an error log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorLine<'a> {
    /// When.
    pub stamp: Stamp<'a>,
    /// How grave the server finds it.
    pub severity: Severity,
    /// The peer whose request it is about; empty where there is none.
    pub source: &'a [u8],
    /// The peer's port, where Apache writes it.
    pub port: Option<u16>,
    /// What happened.
    pub message: &'a [u8],
}

impl ErrorLine<'_> {
    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts::new(
            "httpd.error",
            "[DATE] [LEVEL] [client SOURCE] MESSAGE, or nginx's form",
        )
        .severity(self.severity)
        .text("source.address", self.source)
    }
}

/// The stamp of `[Wed Oct 11 14:32:52.123456 2023] …`.
pub(super) fn apache_stamp(line: &[u8]) -> Option<Stamp<'_>> {
    let inside = line.strip_prefix(b"[")?;
    let end = inside.iter().take(40).position(|byte| *byte == b']')?;
    let stamp = &inside[..end];
    let shaped = end >= 24
        && stamp[3] == b' '
        && stamp[13] == b':'
        && stamp[16] == b':'
        && scan::month(&stamp[4..]).is_some();
    shaped.then_some(Stamp::Apache(stamp))
}

/// `[DATE] [MODULE:LEVEL] [pid N:tid N] (13)Permission denied: [client A:P] MESSAGE`, or 2.2's
/// `[DATE] [LEVEL] [client A] MESSAGE`.
pub(super) fn apache(line: &[u8]) -> Option<ErrorLine<'_>> {
    let stamp = apache_stamp(line)?;
    let Stamp::Apache(written) = stamp else {
        return None;
    };
    let mut rest = line.get(written.len() + 3..)?;
    let (level, after) = bracketed(rest)?;
    let colon = level.iter().rposition(|byte| *byte == b':');
    let severity = Severity::from_word(colon.map_or(level, |at| &level[at + 1..]))?;
    rest = after;
    while let Some((field, after)) = bracketed(rest)
        && (field.starts_with(b"pid ") || field.starts_with(b"tid "))
    {
        rest = after;
    }
    // What the system said stands before the peer, and holds nothing of the peer's.
    if rest.starts_with(b"(")
        && let Some(at) = memmem::find(rest, b"[client ")
    {
        rest = &rest[at..];
    }
    let (mut source, mut port): (&[u8], _) = (b"", None);
    if let Some((field, after)) = bracketed(rest)
        && let Some(client) = field.strip_prefix(b"client ")
    {
        (source, port) = match colon {
            Some(_) => with_port(client),
            None => (client, None),
        };
        source = scan::unmapped(source);
        rest = after;
    }
    if !scan::is_peer(source) {
        source = b"";
    }
    Some(ErrorLine {
        stamp,
        severity,
        source,
        port,
        message: rest,
    })
}

/// `[text] ` at the start, and what follows.
fn bracketed(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = rest.strip_prefix(b"[")?;
    let end = inside.iter().take(300).position(|byte| *byte == b']')?;
    let after = &inside[end + 1..];
    Some((&inside[..end], after.strip_prefix(b" ").unwrap_or(after)))
}

/// Apache 2.4 writes a port behind every address, without brackets around IPv6.
fn with_port(client: &[u8]) -> (&[u8], Option<u16>) {
    let port =
        |at: usize| scan::number(&client[at + 1..]).and_then(|port| u16::try_from(port).ok());
    let colon = client.iter().rposition(|byte| *byte == b':');
    match colon.and_then(|at| Some((at, port(at)?))) {
        Some((at, port)) => (&client[..at], Some(port)),
        None => (client, None),
    }
}

/// The stamp of `2021/12/02 11:53:15 [`.
pub(super) fn nginx_stamp(line: &[u8]) -> Option<Stamp<'_>> {
    let head = line.get(..21)?;
    let shaped = head[4] == b'/'
        && head[7] == b'/'
        && head[10] == b' '
        && head[13] == b':'
        && head[16] == b':'
        && head[19..] == *b" [";
    shaped.then_some(Stamp::Nginx(&head[..19]))
}

/// `DATE [LEVEL] PID#TID: *CONNECTION MESSAGE, client: A, server: S, request: "…"`.
pub(super) fn nginx(line: &[u8]) -> Option<ErrorLine<'_>> {
    let stamp = nginx_stamp(line)?;
    let (level, rest) = bracketed(&line[20..])?;
    let severity = Severity::from_word(level)?;
    let (process, message) = scan::token(rest);
    let process = process.strip_suffix(b":")?;
    if !process
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'#')
    {
        return None;
    }
    let message = match message.strip_prefix(b"*") {
        Some(after) => scan::token(after).1,
        None => message,
    };
    Some(ErrorLine {
        stamp,
        severity,
        source: nginx_client(message),
        port: None,
        message,
    })
}

/// The address behind `, client: `.
///
/// The path in front of it and the referrer behind it are the peer's, unescaped: either may hold
/// the same words. nginx's own stand right in front of the request, in which spaces are refused.
/// Where a peer wrote those words too, only what all places agree on is taken.
fn nginx_client(message: &[u8]) -> &[u8] {
    const CLIENT: &[u8] = b", client: ";
    const REQUEST: &[u8] = b", request: \"";
    let request = memmem::find(message, REQUEST).unwrap_or(message.len());
    let is_plain = memmem::rfind(message, REQUEST).is_none_or(|last| last == request);
    let head = if is_plain {
        &message[..request]
    } else {
        message
    };
    let Some(last) = memmem::rfind(head, CLIENT) else {
        return b"";
    };
    let client = address(&head[last + CLIENT.len()..]);
    let mut others = memmem::find_iter(head, CLIENT).map(|at| address(&head[at + CLIENT.len()..]));
    if is_plain || others.all(|other| other == client) {
        client
    } else {
        b""
    }
}

/// The address that a text begins with; empty where it is none, like a socket's path.
fn address(text: &[u8]) -> &[u8] {
    let end = text
        .iter()
        .position(|byte| matches!(byte, b',' | b' '))
        .unwrap_or(text.len());
    let address = &text[..end];
    if scan::is_peer(address) && !address.starts_with(b"unix:") {
        scan::unmapped(address)
    } else {
        b""
    }
}
