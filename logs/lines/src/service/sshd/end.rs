//! How connections end. These lines have no `from` before the address.

use super::Event;
use super::Kind;
use super::Name;
use super::Peer;
use super::preauth;
use crate::scan;

/// `Connection closed|reset by WHO`, `Disconnected from WHO`, `Disconnecting WHO: REASON`.
pub(super) fn event(body: &[u8]) -> Option<Event<'_>> {
    let (body, in_child) = preauth(body);
    if let Some(rest) = body.strip_prefix(b"Disconnecting: Too many authentication failures") {
        // Before version 7.5; whose connection it was stands in the next line.
        let name = rest.strip_prefix(b" for ");
        return Some(Event {
            user: name.map(|name| Name::written(name, in_child)),
            ..Event::of(Kind::Exhausted, Peer::NONE)
        });
    }
    if let Some(rest) = body.strip_prefix(b"Disconnecting ") {
        // A name holds no colon, so this is the first.
        let at = memchr::memmem::find(rest, b": ")?;
        let event = who(&rest[..at], in_child)?;
        let gave_up = rest[at + 2..].starts_with(b"Too many authentication failures");
        let probe = gave_up && event.kind == Kind::EndedUnauthenticated;
        return Some(Event {
            kind: if probe { event.kind } else { Kind::Ended },
            ..event
        });
    }
    let rest = match body.first()? {
        b'D' => body.strip_prefix(b"Disconnected from ")?,
        _ => {
            let rest = body.strip_prefix(b"Connection ")?;
            rest.strip_prefix(b"closed by ")
                .or_else(|| rest.strip_prefix(b"reset by "))?
        }
    };
    who(rest, in_child)
}

/// `Received disconnect from ADDRESS[ port N]: CODE: REASON`; the reason is the peer's.
pub(super) fn received(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"Received disconnect from ")?;
    let (address, after) = scan::token(rest);
    let peer = match address.strip_suffix(b":") {
        Some(address) => Peer {
            address,
            port: None,
        },
        None => {
            let port = after.strip_prefix(b"port ")?;
            let end = memchr::memchr(b':', port)?;
            let port = u16::try_from(scan::number(&port[..end])?).ok();
            Peer { address, port }
        }
    };
    scan::is_peer(peer.address).then(|| Event::of(Kind::Leaving, peer))
}

/// `[authenticating|invalid ]user NAME ADDRESS port N`, or the address alone.
fn who(text: &[u8], in_child: bool) -> Option<Event<'_>> {
    let (before, peer) = Peer::at_end(text)?;
    if before.is_empty() {
        return Some(Event::of(Kind::Ended, peer));
    }
    let known = before.strip_prefix(b"authenticating user ");
    let unknown = before.strip_prefix(b"invalid user ");
    let kind = match known.or(unknown) {
        Some(_) => Kind::EndedUnauthenticated,
        None => Kind::Ended,
    };
    let name = known
        .or(unknown)
        .or_else(|| before.strip_prefix(b"user "))?;
    let user = Some(Name::written(name, in_child));
    Some(Event {
        user,
        unknown_user: unknown.is_some(),
        ..Event::of(kind, peer)
    })
}
