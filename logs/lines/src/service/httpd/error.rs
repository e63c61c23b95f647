//! Error logs of Apache and nginx.

mod auth;

use memchr::memmem;

use super::access::Request;
use crate::facts::Facts;
use crate::facts::Outcome;
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
    /// The user whose name or password was refused.
    pub user: Option<&'a [u8]>,
    /// The request it is about, as the peer sent it; empty where not named.
    pub request: &'a [u8],
    /// What happened.
    pub message: &'a [u8],
}

impl ErrorLine<'_> {
    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let facts = match self.user {
            Some(user) => {
                let rule = "… [client SOURCE] user USER: authentication failure, not found, …";
                Facts::new("httpd.auth_failed", rule)
                    .outcome(Outcome::Failure)
                    .text("user.name", user)
            }
            None => {
                let rule = "[DATE] [LEVEL] [client SOURCE] MESSAGE, or nginx's form";
                Facts::new("httpd.error", rule)
            }
        };
        let request = Request::of(self.request);
        facts
            .severity(self.severity)
            .text("source.address", self.source)
            .number("source.port", self.port)
            .text("http.request.method", request.method)
            .text("url.path", request.path)
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
/// `[DATE] [LEVEL] [client A] MESSAGE`; without the date where it is sent to syslog.
pub(super) fn apache(line: &[u8]) -> Option<ErrorLine<'_>> {
    let stamp = apache_stamp(line).unwrap_or(Stamp::None);
    let mut rest = match stamp {
        Stamp::Apache(written) => line.get(written.len() + 3..)?,
        _ => line,
    };
    let (level, after) = bracketed(rest)?;
    let colon = level.iter().rposition(|byte| *byte == b':');
    let severity = Severity::from_word(colon.map_or(level, |at| &level[at + 1..]))?;
    rest = after;
    let mut is_apache = stamp != Stamp::None;
    while let Some((field, after)) = bracketed(rest)
        && (field.starts_with(b"pid ") || field.starts_with(b"tid "))
    {
        is_apache |= colon.is_some();
        rest = after;
    }
    // What the system said stands before the peer, and holds nothing of the peer's.
    if rest.starts_with(b"(")
        && let Some(at) = PEERS.iter().find_map(|peer| memmem::find(rest, peer))
    {
        rest = &rest[at..];
    }
    let (mut source, mut port): (&[u8], _) = (b"", None);
    if let Some((address, its_port, after)) = client(rest, colon.is_some()) {
        (source, port) = (scan::unmapped(address), its_port);
        rest = after;
        is_apache = true;
    }
    if !scan::is_peer(source) {
        source = b"";
    }
    is_apache.then_some(ErrorLine {
        stamp,
        severity,
        source,
        port,
        user: auth::refused(rest),
        request: b"",
        message: rest,
    })
}

/// What stands before a peer: of a request, or of a connection without one.
const PEERS: [&[u8]; 2] = [b"[client ", b"[remote "];

/// A peer, its port, and what follows.
type Client<'a> = (&'a [u8], Option<u16>, &'a [u8]);

/// `[client ADDRESS] ` at the start, or `[client ADDRESS:PORT] ` since 2.4, which some write in the
/// form of before, too; some write brackets around IPv6.
fn client(rest: &[u8], has_port: bool) -> Option<Client<'_>> {
    let inside = PEERS.iter().find_map(|peer| rest.strip_prefix(*peer))?;
    if let Some(address) = inside.strip_prefix(b"[") {
        let end = address.iter().take(60).position(|byte| *byte == b']')?;
        let (address, after) = (&address[..end], &address[end + 1..]);
        let close = after.iter().take(8).position(|byte| *byte == b']')?;
        let port = after[..close].strip_prefix(b":").and_then(scan::number);
        let port = port.and_then(|port| u16::try_from(port).ok());
        return Some((address, port, after_space(&after[close + 1..])));
    }
    let end = inside.iter().take(300).position(|byte| *byte == b']')?;
    let is_one = inside[..end].iter().filter(|byte| **byte == b':').count() == 1;
    let (address, port) = match has_port || is_one {
        true => with_port(&inside[..end]),
        false => (&inside[..end], None),
    };
    Some((address, port, after_space(&inside[end + 1..])))
}

fn after_space(text: &[u8]) -> &[u8] {
    text.strip_prefix(b" ").unwrap_or(text)
}

/// `[text] ` at the start, and what follows.
fn bracketed(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = rest.strip_prefix(b"[")?;
    let end = inside.iter().take(300).position(|byte| *byte == b']')?;
    let after = &inside[end + 1..];
    Some((&inside[..end], after_space(after)))
}

/// Apache 2.4 writes a port behind every address, without brackets around IPv6.
fn with_port(client: &[u8]) -> (&[u8], Option<u16>) {
    // A whole IPv6 address has no room for a port.
    if client.iter().filter(|byte| **byte == b':').count() == 7 && scan::is_ip(client) {
        return (client, None);
    }
    let colon = client.iter().rposition(|byte| *byte == b':');
    let port = colon.and_then(|at| scan::number(&client[at + 1..]));
    match (colon, port.and_then(|port| u16::try_from(port).ok())) {
        (Some(at), Some(port)) => (&client[..at], Some(port)),
        _ => (client, None),
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
    let (source, request) = nginx_client(message);
    Some(ErrorLine {
        stamp,
        severity,
        source,
        port: None,
        user: auth::refused(message),
        request,
        message,
    })
}

/// The address behind `, client: `, and the request.
///
/// The path in front of it and the referrer behind it are the peer's, unescaped: either may hold
/// the same words. nginx's own stand right in front of the request, in which spaces are refused.
/// Where a peer wrote those words too, only what all places agree on is taken.
fn nginx_client(message: &[u8]) -> (&[u8], &[u8]) {
    const CLIENT: &[u8] = b", client: ";
    const REQUEST: &[u8] = b", request: \"";
    let at = memmem::find(message, REQUEST).unwrap_or(message.len());
    let is_plain = memmem::rfind(message, REQUEST).is_none_or(|last| last == at);
    let head = if is_plain { &message[..at] } else { message };
    let request = match message.get(at + REQUEST.len()..) {
        Some(request) if is_plain => {
            let end = memmem::find(request, b"\", ").or(request.len().checked_sub(1));
            end.map_or(&b""[..], |end| &request[..end])
        }
        _ => b"",
    };
    let Some(last) = memmem::rfind(head, CLIENT) else {
        return (b"", request);
    };
    let client = address(&head[last + CLIENT.len()..]);
    let mut others = memmem::find_iter(head, CLIENT).map(|at| address(&head[at + CLIENT.len()..]));
    match is_plain || others.all(|other| other == client) {
        true => (client, request),
        false => (b"", request),
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
