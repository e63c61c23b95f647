//! What the auth process says with `auth_verbose`: each attempt that a password database refuses.

use memchr::memmem;

use super::Event;
use super::Kind;
use super::head::Head;
use crate::scan;

/// No password database has a longer name.
const DRIVER_BYTES_MAX: usize = 32;

/// A name may hold what looks like an end; so many are looked at.
const ENDS_MAX: usize = 8;

/// The words by which refusals are told from queries and other talk.
const REFUSALS: &[&[u8]] = &[
    b"mismatch",
    b"nknown user",
    b"failed",
    b"ailure",
    b"disallowed",
    b"not allowed",
    b"nvalid",
    b"denied",
    b"expired",
];

/// `DRIVER(USER,SOURCE[,<SESSION>]): WHY`, behind who asks the worker for it.
pub(super) fn event(text: &[u8]) -> Option<Event<'_>> {
    let text = match text.strip_prefix(b"conn unix:") {
        Some(rest) => {
            let rest = &rest[memmem::find(rest, b"): ")? + b"): ".len()..];
            let rest = rest.strip_prefix(b"auth-worker<").unwrap_or(rest);
            match memmem::find(&rest[..rest.len().min(24)], b">: ") {
                Some(at) => &rest[at + b">: ".len()..],
                None => rest,
            }
        }
        None => text,
    };
    let is_name =
        |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'0'..=b'9');
    let end = text
        .iter()
        .take(DRIVER_BYTES_MAX)
        .take_while(|byte| is_name(byte))
        .count();
    let (driver, rest) = text.split_at(end);
    let inside = rest.strip_prefix(b"(").filter(|_| end > 0)?;
    let (who, why) = arguments(inside)?;
    let reason = told(why);
    is_refusal(reason).then_some(Event {
        user: who.user,
        source: who.source,
        session: who.session,
        driver,
        reason,
        ..Event::of(Kind::AuthFailed)
    })
}

/// `auth(USER,SOURCE,sasl:MECHANISM)<SESSION>: DRIVER: WHY`, since version 2.4.
pub(super) fn of_login<'a>(head: &Head<'a>) -> Option<Event<'a>> {
    const METHOD: &[u8] = b",sasl:";
    let at = memmem::rfind(head.user, METHOD)?;
    let who = who(&head.user[..at])?;
    let colon = memmem::find(&head.text[..head.text.len().min(DRIVER_BYTES_MAX)], b": ")?;
    let reason = told(&head.text[colon + 2..]);
    is_refusal(reason).then_some(Event {
        user: who.user,
        source: who.source,
        method: &head.user[at + METHOD.len()..],
        session: head.session,
        driver: &head.text[..colon],
        reason,
        ..Event::of(Kind::AuthFailed)
    })
}

/// Why, without the password that may follow in brackets.
fn told(why: &[u8]) -> &[u8] {
    let reason = &why[..memmem::find(why, b" (given password").unwrap_or(why.len())];
    &reason[..memmem::find(reason, b" of given password").unwrap_or(reason.len())]
}

fn is_refusal(reason: &[u8]) -> bool {
    let mut words = REFUSALS.iter();
    words.any(|word| memmem::find(reason, word).is_some())
}

struct Who<'a> {
    user: &'a [u8],
    source: &'a [u8],
    session: &'a [u8],
}

/// `USER,SOURCE[,<SESSION>]): WHY`. Without a source nobody tried to log in.
fn arguments(inside: &[u8]) -> Option<(Who<'_>, &[u8])> {
    let mut ends = memmem::find_iter(inside, b"): ").take(ENDS_MAX);
    ends.find_map(|end| Some((who(&inside[..end])?, &inside[end + b"): ".len()..])))
}

fn who(text: &[u8]) -> Option<Who<'_>> {
    let (text, session) = match text.strip_suffix(b">") {
        Some(text) => {
            let at = memmem::rfind(text, b",<")?;
            (&text[..at], &text[at + 2..])
        }
        // A connection without an id leaves its comma.
        None => (text.strip_suffix(b",").unwrap_or(text), &b""[..]),
    };
    let at = memchr::memrchr(b',', text)?;
    let source = scan::unmapped(&text[at + 1..]);
    let user = match &text[..at] {
        b"?" => b"",
        user => user,
    };
    scan::is_ip(source).then_some(Who {
        user,
        source,
        session,
    })
}

/// `pam_unix(dovecot:auth): authentication failure; … ruser=USER rhost=SOURCE [user=USER]`.
pub(super) fn pam_unix(body: &[u8]) -> Option<Event<'_>> {
    let rest = body.strip_prefix(b"pam_")?;
    let at = memmem::find(rest, b"): authentication failure; ")?;
    let (_, service) = rest[..at].split_at(memchr::memchr(b'(', &rest[..at])?);
    if !service.starts_with(b"(dovecot") {
        return None;
    }
    let fields = &rest[at..];
    // The last `rhost=` is PAM's: a name before it may hold another, one behind it is the same.
    let source_at = memmem::rfind(fields, b" rhost=")?;
    let (source, _) = scan::token(&fields[source_at + b" rhost=".len()..]);
    let source = scan::unmapped(source);
    let user_at = memmem::find(&fields[..source_at], b" ruser=")? + b" ruser=".len();
    scan::is_peer(source).then_some(Event {
        service: b"auth",
        user: fields[user_at..source_at].trim_ascii(),
        source,
        driver: b"pam_unix",
        reason: b"authentication failure",
        ..Event::of(Kind::AuthFailed)
    })
}
