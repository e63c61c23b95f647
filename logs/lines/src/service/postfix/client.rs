//! What smtpd says about its clients.

use memchr::memmem;

use super::Event;
use super::Kind;
use super::written::Peer;
use crate::scan;

/// `NAME[ADDRESS][, sasl_method=M][, sasl_username=U][, sasl_sender=S]`.
pub(super) fn received(rest: &[u8]) -> Option<Event<'_>> {
    let (client, rest) = Peer::leading(rest)?;
    let (mut method, mut user) = (&b""[..], &b""[..]);
    if let Some(rest) = rest.strip_prefix(b", sasl_method=") {
        let end = memmem::find(rest, b", ").unwrap_or(rest.len());
        method = &rest[..end];
        if let Some(name) = rest[end..].strip_prefix(b", sasl_username=") {
            user = &name[..memmem::find(name, b", sasl_sender=").unwrap_or(name.len())];
        }
    }
    Some(Event {
        method,
        user,
        ..Event::by(Kind::Received, client)
    })
}

/// Lines about a client that have no queue id.
pub(super) fn event(body: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = body.strip_prefix(b"connect from ") {
        return Some(Event::by(Kind::Connected, Peer::leading(rest)?.0));
    }
    if let Some(rest) = body.strip_prefix(b"disconnect from ") {
        return Some(Event::by(Kind::Disconnected, Peer::leading(rest)?.0));
    }
    if let Some(rest) = body.strip_prefix(b"SSL_accept error from ") {
        let (client, rest) = Peer::leading(rest)?;
        return Some(Event {
            stage: b"TLS",
            reason: rest.strip_prefix(b": ").unwrap_or(rest),
            ..Event::by(Kind::Abused, client)
        });
    }
    broken_off(body).or_else(|| tls(body))
}

/// `lost connection|timeout|too many errors|improper command pipelining after STAGE from CLIENT`.
pub(super) fn broken_off(body: &[u8]) -> Option<Event<'_>> {
    let hows: [(&[u8], Kind); 4] = [
        (b"lost connection", Kind::Disconnected),
        (b"timeout", Kind::Disconnected),
        (b"too many errors", Kind::Abused),
        (b"improper command pipelining", Kind::Abused),
    ];
    let (how, kind) = hows.iter().find(|(how, _)| body.starts_with(how))?;
    let reason = &body[..how.len()];
    let rest = body[how.len()..].strip_prefix(b" after ")?;
    // `DATA (12345 bytes)` and `END-OF-MESSAGE` are stages, too.
    let at = memmem::find(rest, b" from ")?;
    let (client, _) = Peer::leading(&rest[at + b" from ".len()..])?;
    Some(Event {
        stage: scan::token(&rest[..at]).0,
        reason,
        ..Event::by(*kind, client)
    })
}

/// `WORD TLS connection established from CLIENT: …`.
fn tls(body: &[u8]) -> Option<Event<'_>> {
    let (_, rest) = scan::token(body);
    let rest = rest.strip_prefix(b"TLS connection established from ")?;
    Some(Event {
        stage: b"TLS",
        ..Event::by(Kind::Connected, Peer::leading(rest)?.0)
    })
}

/// What stands behind `warning: `.
pub(super) fn warning(rest: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = rest.strip_prefix(b"non-SMTP command from ") {
        return abused(rest, b"non-SMTP command");
    }
    if let Some(rest) = rest.strip_prefix(b"Illegal address syntax from ") {
        return abused(rest, b"illegal address syntax");
    }
    if let Some(rest) = rest.strip_prefix(b"hostname ") {
        return mismatch(rest);
    }
    sasl(rest)
        .or_else(|| over_limit(rest))
        .or_else(|| old_mismatch(rest))
}

fn abused<'a>(rest: &'a [u8], reason: &'static [u8]) -> Option<Event<'a>> {
    let (client, _) = Peer::leading(rest)?;
    Some(Event {
        reason,
        ..Event::by(Kind::Abused, client)
    })
}

/// `CLIENT: SASL MECHANISM authentication failed: WHY[, sasl_username=NAME]`; NAME is the client's.
fn sasl(rest: &[u8]) -> Option<Event<'_>> {
    let (client, rest) = Peer::leading(rest)?;
    let rest = rest.strip_prefix(b": SASL ")?;
    let (method, rest) = scan::token(rest);
    let rest = rest
        .strip_prefix(b"authentication failed")
        .or(rest.strip_prefix(b"authentication aborted"))?;
    let why = rest.strip_prefix(b": ").unwrap_or(rest);
    let (reason, user) = match memmem::find(why, b", sasl_username=") {
        Some(at) => (&why[..at], &why[at + b", sasl_username=".len()..]),
        None => (why, &b""[..]),
    };
    Some(Event {
        method,
        user,
        reason,
        ..Event::by(Kind::SaslFailed, client)
    })
}

/// `WHAT limit exceeded: N from CLIENT for service S`.
fn over_limit(rest: &[u8]) -> Option<Event<'_>> {
    const LIMIT_BYTES_MAX: usize = 64;
    const WORDS: &[u8] = b" limit exceeded: ";
    let at = memmem::find(&rest[..rest.len().min(LIMIT_BYTES_MAX)], WORDS)?;
    let (number, after) = scan::token(&rest[at + WORDS.len()..]);
    scan::number(number)?;
    let (client, _) = Peer::leading(after.strip_prefix(b"from ")?)?;
    Some(Event {
        reason: &rest[..at + b" limit exceeded".len()],
        ..Event::by(Kind::Abused, client)
    })
}

/// `NAME does not resolve to address ADDRESS[: WHY]`.
fn mismatch(rest: &[u8]) -> Option<Event<'_>> {
    let (_, rest) = scan::token(rest);
    let rest = rest.strip_prefix(b"does not resolve to address ")?;
    let (written, _) = scan::token(rest);
    let written = written.strip_suffix(b":").unwrap_or(written);
    named(written)
}

/// `ADDRESS: hostname NAME verification failed: WHY`, `ADDRESS: address not listed for hostname
/// NAME`: versions before 2.9.
fn old_mismatch(rest: &[u8]) -> Option<Event<'_>> {
    let at = memmem::find(&rest[..rest.len().min(64)], b": ")?;
    let said = &rest[at + 2..];
    let fits = said.starts_with(b"address not listed for hostname ")
        || (said.starts_with(b"hostname ")
            && memmem::find(said, b" verification failed").is_some());
    fits.then(|| named(&rest[..at]))?
}

fn named(address: &[u8]) -> Option<Event<'_>> {
    let address = scan::unmapped(address);
    let client = Peer {
        address,
        port: None,
    };
    scan::is_ip(address).then(|| Event::by(Kind::NameMismatch, client))
}
