//! Lines about peers that are neither attempts nor ends of connections.

use memchr::memmem;

use super::Event;
use super::Kind;
use super::Name;
use super::Peer;
use super::name_before_from;
use super::preauth;
use crate::scan;

/// A peer of whom only the address is named.
fn at(address: &[u8]) -> Peer<'_> {
    Peer {
        address,
        port: None,
    }
}

fn named(kind: Kind, address: &[u8]) -> Option<Event<'_>> {
    scan::is_peer(address).then(|| Event::of(kind, at(address)))
}

/// `Timeout before authentication for ADDRESS port N`, or `… for connection from A to B, pid = N`.
pub(super) fn timeout(rest: &[u8]) -> Option<Event<'_>> {
    let rest = rest.strip_prefix(b"Timeout before authentication for ")?;
    if let Some(rest) = rest.strip_prefix(b"connection from ") {
        let (address, _) = scan::token(rest);
        return named(Kind::Ended, address);
    }
    let (_, peer) = Peer::at_end(preauth(rest).0)?;
    Some(Event::of(Kind::Ended, peer))
}

/// `User NAME [from HOST ]not allowed because …`.
pub(super) fn denied(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"User ")?;
    let end = memmem::rfind(rest, b" not allowed because ")?;
    let with_peer = scan::peer_at_end(&rest[..end])
        .and_then(|(before, address)| Some((name_before_from(before)?, address)));
    let (name, address) = with_peer.unwrap_or((&rest[..end], b""));
    let user = Some(Name::written(name, false));
    Some(Event {
        user,
        ..Event::of(Kind::Denied, at(address))
    })
}

/// `ROOT LOGIN REFUSED FROM ADDRESS[ port N]`.
pub(super) fn root_refused(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"ROOT LOGIN REFUSED FROM ")?;
    let (before, peer) = Peer::at_end(preauth(rest).0)?;
    before.is_empty().then_some(())?;
    Some(Event {
        user: Some(Name::written(b"root", false)),
        ..Event::of(Kind::Denied, peer)
    })
}

/// `refused connect from HOST (ADDRESS)`.
pub(super) fn refused(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"refused connect from ")?;
    let (_, address) = scan::last_token(rest)?;
    named(
        Kind::Refused,
        address.strip_prefix(b"(")?.strip_suffix(b")")?,
    )
}

/// `N from [ADDRESS]:PORT on …`.
pub(super) fn dropped(rest: &[u8]) -> Option<Event<'_>> {
    let (_, rest) = scan::token(rest);
    let rest = rest.strip_prefix(b"from [")?;
    let end = memchr::memchr(b']', rest)?;
    let event = named(Kind::Refused, &rest[..end])?;
    let (port, _) = scan::token(&rest[end + 1..]);
    let port = port.strip_prefix(b":").and_then(scan::number);
    Some(Event {
        port: port.and_then(|port| u16::try_from(port).ok()),
        ..event
    })
}

/// `reverse mapping checking getaddrinfo for HOST [ADDRESS] failed`, `Address ADDRESS maps to …`.
pub(super) fn unmapped(body: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = body.strip_prefix(b"Address ") {
        let (address, rest) = scan::token(rest);
        return rest
            .starts_with(b"maps to ")
            .then(|| named(Kind::Unmapped, address))?;
    }
    let rest = body.strip_prefix(b"reverse mapping checking ")?;
    let (before, _) = rest.split_at(memmem::find(rest, b"] failed")?);
    let open = memchr::memrchr(b'[', before)?;
    named(Kind::Unmapped, &before[open + 1..])
}

/// Lines about peers that speak something else; the peer's words stand in quotes before `from`.
pub(super) fn protocol(body: &[u8]) -> Option<Event<'_>> {
    let (body, in_child) = preauth(body);
    if body.starts_with(b"Bad protocol version identification '")
        || body.starts_with(b"Did not receive identification string from ")
    {
        return Some(Event::of(Kind::Protocol, Peer::at_end(body)?.1));
    }
    // Before a connection is made, sshd does not say whose it would have been.
    let nameless: [&[u8]; 4] = [
        b"kex_exchange_identification: ",
        b"no matching ",
        b"Unable to negotiate a key exchange method",
        b"Read from socket failed: ",
    ];
    if nameless.iter().any(|opening| body.starts_with(opening)) {
        return Some(Event::of(Kind::Protocol, Peer::NONE));
    }
    if let Some(rest) = body.strip_prefix(b"scanned from ") {
        return named(Kind::Protocol, scan::token(rest).0);
    }
    let openings: [&[u8]; 4] = [
        b"Unable to negotiate with ",
        b"banner exchange: Connection from ",
        b"ssh_dispatch_run_fatal: Connection from ",
        b"Protocol major versions differ for ",
    ];
    let rest = openings
        .iter()
        .find_map(|opening| body.strip_prefix(*opening))?;
    let (before, peer) = Peer::at_end(&rest[..memmem::find(rest, b": ")?])?;
    let known = before.strip_prefix(b"authenticating user ");
    let unknown = before.strip_prefix(b"invalid user ");
    let name = known.or(unknown).or(before.strip_prefix(b"user "));
    Some(Event {
        user: name.map(|name| Name::written(name, in_child)),
        unknown_user: unknown.is_some(),
        ..Event::of(Kind::Protocol, peer)
    })
}
