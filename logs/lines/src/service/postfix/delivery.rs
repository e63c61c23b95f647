//! What becomes of a message: lines of the queue manager and of those who deliver.

use super::Event;
use super::Kind;
use super::written;
use crate::scan;

/// No delivery line has more fields before its status.
const FIELDS_MAX: usize = 16;

/// `ADDRESS>, [orig_to=<ADDRESS>, ]relay=R, …, dsn=D, status=S (TEXT)`.
pub(super) fn delivered(rest: &[u8]) -> Option<Event<'_>> {
    let (to, rest) = written::address(rest)?;
    let mut rest = rest.strip_prefix(b", ")?;
    if let Some(original) = rest.strip_prefix(b"orig_to=<") {
        let (_, after) = written::address(original)?;
        rest = after.strip_prefix(b", ")?;
    }
    let (mut relay, mut dsn) = (&b""[..], &b""[..]);
    for _ in 0..FIELDS_MAX {
        if let Some(status) = rest.strip_prefix(b"status=") {
            let (status, text) = scan::token(status);
            let text = text.strip_prefix(b"(").unwrap_or(text);
            return Some(Event {
                to,
                relay,
                dsn,
                reason: text.strip_suffix(b")").unwrap_or(text),
                ..Event::of(kind(status)?)
            });
        }
        let end = memchr::memmem::find(rest, b", ")?;
        let field = &rest[..end];
        rest = &rest[end + 2..];
        if let Some(value) = field.strip_prefix(b"relay=") {
            relay = value;
        } else if let Some(value) = field.strip_prefix(b"dsn=") {
            dsn = value;
        }
    }
    None
}

fn kind(status: &[u8]) -> Option<Kind> {
    Some(match status {
        b"sent" => Kind::Sent,
        // With `soft_bounce` what would bounce stays in the queue.
        b"deferred" | b"SOFTBOUNCE" => Kind::Deferred,
        b"bounced" => Kind::Bounced,
        b"deliverable" | b"undeliverable" => Kind::Verified,
        b"expired" => Kind::Expired,
        _ => return None,
    })
}

/// `ADDRESS>, size=N, nrcpt=N (queue active)`, or `ADDRESS>, status=expired, returned to sender`.
pub(super) fn queued(rest: &[u8]) -> Option<Event<'_>> {
    let (from, rest) = written::address(rest)?;
    let said = rest.strip_prefix(b", ")?;
    let kind = if said.starts_with(b"size=") {
        Kind::Queued
    } else if said.starts_with(b"status=expired") || said.starts_with(b"status=force-expired") {
        Kind::Expired
    } else {
        return None;
    };
    Some(Event {
        from: Some(from),
        ..Event::of(kind)
    })
}

/// `N from=<ADDRESS>`.
pub(super) fn submitted(rest: &[u8]) -> Option<Event<'_>> {
    let (uid, rest) = scan::token(rest);
    scan::number(uid)?;
    let (from, _) = written::address(rest.strip_prefix(b"from=<")?)?;
    Some(Event {
        from: Some(from),
        ..Event::of(Kind::Submitted)
    })
}
