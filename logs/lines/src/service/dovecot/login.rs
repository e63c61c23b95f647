//! What login processes say: one line for each connection that logs in or does not.

use memchr::memmem;

use super::Event;
use super::Kind;
use crate::scan;
use crate::service::repeat::believed;

/// Whether a process takes logins.
pub(super) fn is_login(service: &[u8]) -> bool {
    matches!(
        service,
        b"imap-login" | b"pop3-login" | b"managesieve-login" | b"submission-login" | b"sieve-login"
    )
}

/// `WHAT: user=<USER>, method=M, rip=SOURCE, lip=…, session=<ID>`, with or without the user.
pub(super) fn event(text: &[u8]) -> Option<Event<'_>> {
    // Versions before 2 left out what they did not know.
    let fields_at = memmem::find(text, b": user=<")
        .or_else(|| memmem::find(text, b": method="))
        .or_else(|| memmem::find(text, b": rip="))?;
    let (what, fields) = (&text[..fields_at], &text[fields_at + 2..]);
    let (kind, attempts) = kind(what);
    // The name may hold fields, so those that Dovecot adds are the last ones.
    let source_at = memmem::rfind(fields, b"rip=")?;
    let source = &fields[source_at + b"rip=".len()..];
    let end = source.iter().position(|byte| matches!(byte, b',' | b' '));
    let source = scan::unmapped(&source[..end.unwrap_or(source.len())]);
    let (user, method) = who(&fields[..source_at]);
    Some(Event {
        user,
        source: if scan::is_ip(source) { source } else { b"" },
        method,
        session: session(&fields[source_at..]),
        reason: what,
        attempts,
        ..Event::of(kind)
    })
}

/// What the words before the fields mean.
fn kind(what: &[u8]) -> (Kind, u32) {
    let is_login = what == b"Login"
        || what == b"Logged in"
        || (what.starts_with(b"proxy(") && memmem::find(what, b": started proxying to ").is_some());
    if is_login {
        return (Kind::LoggedIn, 1);
    }
    // A proxy tells what the server behind it said.
    const FAILED: [&[u8]; 2] = [b"(auth failed", b"(proxy dest auth failed"];
    let failed = FAILED
        .iter()
        .find_map(|words| Some(memmem::find(what, words)? + words.len()));
    match failed {
        Some(end) => (Kind::Failed, attempts(&what[end..])),
        None => (Kind::Aborted, 1),
    }
}

/// `, N attempts in M secs)`: an end without a number is one attempt.
fn attempts(rest: &[u8]) -> u32 {
    let number = rest.strip_prefix(b", ").map(|rest| scan::token(rest).0);
    number.and_then(scan::number).map_or(1, believed)
}

/// `user=<USER>, method=M, ` or less.
fn who(fields: &[u8]) -> (&[u8], &[u8]) {
    let fields = fields.strip_suffix(b", ").unwrap_or(fields);
    let (fields, method) = match memmem::rfind(fields, b">, method=") {
        Some(at) => (&fields[..at + 1], &fields[at + b">, method=".len()..]),
        None => (fields, fields.strip_prefix(b"method=").unwrap_or_default()),
    };
    let user = fields
        .strip_prefix(b"user=<")
        .and_then(|user| user.strip_suffix(b">"))
        .unwrap_or_default();
    (user, method)
}

/// `session=<ID>` at the end.
fn session(fields: &[u8]) -> &[u8] {
    const SESSION: &[u8] = b"session=<";
    memmem::rfind(fields, SESSION)
        .map(|at| &fields[at + SESSION.len()..])
        .and_then(|session| session.strip_suffix(b">"))
        .unwrap_or_default()
}
