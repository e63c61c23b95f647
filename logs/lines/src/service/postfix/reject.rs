//! What Postfix and its filters do to mail instead of taking it.

use memchr::memmem;

use super::Event;
use super::Kind;
use super::written;
use super::written::Peer;
use crate::scan;

/// `ACTION: STAGE from CLIENT: REPLY; from=<A> to=<B> proto=P helo=<H>`, or with a header or a line
/// of the body: `ACTION: header NAME: VALUE from CLIENT; from=<A> to=<B> proto=P helo=<H>[: WHY]`.
pub(super) fn event(rest: &[u8]) -> Option<Event<'_>> {
    let end = memmem::find(&rest[..rest.len().min(32)], b": ")?;
    let (action, said) = (&rest[..end], &rest[end + 2..]);
    let (stage, _) = scan::token(said);
    let stage = stage.strip_suffix(b":").unwrap_or(stage);
    let kind = kind(action, stage)?;
    let tail = Tail::find(said);
    let head = &said[..tail.at];
    let event = if is_content(stage) {
        let client = memmem::rfind(head, b" from ").map(|at| &head[at + b" from ".len()..]);
        let client = client.and_then(Peer::leading);
        let (_, dsn, reason) = written::reply(tail.why);
        Event {
            dsn,
            reason,
            ..client.map_or_else(|| Event::of(kind), |(client, _)| Event::by(kind, client))
        }
    } else {
        let after = head.get(stage.len()..)?;
        let (event, reply) = match after.strip_prefix(b" from ").and_then(Peer::leading) {
            Some((client, reply)) => (Event::by(kind, client), reply),
            None => (Event::of(kind), after),
        };
        let (code, dsn, reason) = written::reply(reply.strip_prefix(b": ").unwrap_or(reply));
        Event {
            code,
            dsn,
            reason,
            ..event
        }
    };
    Some(Event {
        stage,
        from: tail.from,
        to: tail.to,
        user: tail.user,
        ..event
    })
}

/// What an action at a stage is; the stages are those that Postfix names.
fn kind(action: &[u8], stage: &[u8]) -> Option<Kind> {
    let known = is_content(stage)
        || (stage.len() <= 24
            && !stage.is_empty()
            && stage
                .iter()
                .all(|byte| byte.is_ascii_uppercase() || *byte == b'-'));
    if !known {
        return None;
    }
    Some(match action {
        b"reject" | b"milter-reject" | b"proxy-reject" if stage == b"RCPT" => Kind::Rejected,
        b"reject" | b"milter-reject" | b"proxy-reject" => Kind::Refused,
        b"hold" | b"milter-hold" => Kind::Held,
        b"discard" | b"milter-discard" => Kind::Discarded,
        b"reject_warning" | b"warn" | b"warning" | b"info" | b"redirect" | b"replace"
        | b"prepend" | b"filter" | b"strip" | b"bcc" | b"pass" => Kind::Noted,
        _ => return None,
    })
}

/// Checks of content: what follows is the sender's text.
fn is_content(stage: &[u8]) -> bool {
    matches!(
        stage,
        b"header" | b"body" | b"mime-header" | b"nested-header" | b"content"
    )
}

/// The end of a line about a client: `; from=<A> to=<B> proto=P helo=<H>`, and why.
struct Tail<'a> {
    /// Where it begins; the whole length if there is none.
    at: usize,
    from: Option<&'a [u8]>,
    to: &'a [u8],
    user: &'a [u8],
    why: &'a [u8],
}

impl<'a> Tail<'a> {
    /// The last that is one: before it there may be text of others that looks like it.
    fn find(text: &'a [u8]) -> Self {
        const START: &[u8] = b"; from=<";
        // Each try reads no further than its fields, so a few of them stay linear.
        const TRIES_MAX: usize = 8;
        let mut end = text.len();
        for _ in 0..TRIES_MAX {
            let Some(at) = memmem::rfind(&text[..end], START) else {
                break;
            };
            if let Some(tail) = Self::parse(at, &text[at + START.len()..]) {
                return tail;
            }
            end = at;
        }
        Self {
            at: text.len(),
            from: None,
            to: b"",
            user: b"",
            why: b"",
        }
    }

    /// `A> to=<B> proto=P helo=<H>: WHY`; postscreen sets commas, and what is not known is left out.
    fn parse(at: usize, text: &'a [u8]) -> Option<Self> {
        let (from, mut rest) = written::address(text)?;
        let mut tail = Self {
            at,
            from: Some(from),
            to: b"",
            user: b"",
            why: b"",
        };
        loop {
            rest = rest.strip_prefix(b",").unwrap_or(rest);
            if let Some(why) = rest.strip_prefix(b": ") {
                tail.why = why;
                return Some(tail);
            }
            if rest.is_empty() {
                return Some(tail);
            }
            let field = rest.strip_prefix(b" ")?;
            if let Some(to) = field.strip_prefix(b"to=<") {
                (tail.to, rest) = written::address(to)?;
            } else if let Some(helo) = field.strip_prefix(b"helo=<") {
                let name;
                (name, rest) = written::address(helo)?;
                // Postfix takes these out of a HELO name: so this is the end of an address.
                if name.iter().any(|byte| matches!(byte, b'<' | b'"')) {
                    return None;
                }
            } else if let Some(user) = field.strip_prefix(b"sasl_username=") {
                (tail.user, rest) = word(user);
            } else if field.starts_with(b"proto=")
                || field.starts_with(b"sasl_method=")
                || field.starts_with(b"sasl_sender=")
            {
                (_, rest) = word(field);
            } else {
                return None;
            }
        }
    }
}

/// A word up to a space, a comma or a colon's space, which stay.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| matches!(byte, b' ' | b',' | b':'));
    text.split_at(end.unwrap_or(text.len()))
}

/// A reason without the address in front and without what follows its first part; for a list of
/// bad clients, the list's name.
pub(super) fn in_short(reason: &[u8]) -> &[u8] {
    let mut text = reason;
    if let Some(inside) = text.strip_prefix(b"<")
        && let Some(at) = memmem::find(inside, b">: ")
    {
        text = &inside[at + b">: ".len()..];
    }
    if let Some(at) = memmem::find(text, b" blocked using ") {
        let list = &text[at + 1..];
        let end = memchr::memchr(b';', list).unwrap_or(list.len());
        return &list[..end];
    }
    let end = memchr::memchr(b';', text).unwrap_or(text.len());
    let end = memmem::find(&text[..end], b", [").unwrap_or(end);
    &text[..end]
}
