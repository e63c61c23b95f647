//! The prefixes of lines: who wrote them, and when.

use crate::line::Line;
use crate::scan;
use crate::severity::Severity;
use crate::stamp;
use crate::stamp::Stamp;

/// Splits a line; see [`Line::split`].
pub(crate) fn split(line: &[u8]) -> Line<'_> {
    let (rest, severity) = match line {
        [b'<', ..] => priority(line),
        _ => (line, None),
    };
    // Collectors store RFC 5424 without its priority too; then only a real stamp tells it from a
    // line that begins with a number.
    if (severity.is_some() || line.starts_with(b"1 ") && !line.starts_with(b"1 - "))
        && let Some(parsed) = rfc5424(rest)
    {
        return Line { severity, ..parsed };
    }
    let Some((stamp, rest)) = stamp::leading(rest) else {
        let line = stampless(rest).unwrap_or(Line::bare(rest));
        return Line { severity, ..line };
    };
    if matches!(stamp, Stamp::Iso(_))
        && let Some(tag) = padded(rest)
    {
        return Line {
            stamp,
            severity,
            host: b"",
            app: tag.app,
            pid: tag.pid,
            body: tag.body,
        };
    }
    let after_stamp = rest;
    let (host, rest) = host(rest);
    let (mut tag, mut severity) = (tag(rest), severity);
    if tag.app.is_empty()
        && let Some((level, after)) = facility_and_level(rest)
    {
        severity = severity.or(Some(level));
        tag = self::tag(after);
    }
    if is_own_file(stamp) && !has_syslog_tag(rest, &tag) {
        return Line {
            stamp,
            severity,
            ..Line::bare(after_stamp)
        };
    }
    Line {
        stamp,
        severity,
        host,
        app: tag.app,
        pid: tag.pid,
        body: tag.body,
    }
}

/// `HOST APP[PID]: BODY`: an entry of a journal, as programs pass them on.
fn stampless(rest: &[u8]) -> Option<Line<'_>> {
    let (host, rest) = scan::token(rest);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    // Lines of access logs begin with addresses: nothing more is looked at there.
    if !host.first()?.is_ascii_alphabetic() || !host.iter().all(is_name) {
        return None;
    }
    let app_bytes = rest
        .iter()
        .take(APP_BYTES_MAX)
        .position(|byte| *byte == b'[')?;
    let (app, inside) = (&rest[..app_bytes], &rest[app_bytes + 1..]);
    let is_app = |byte: &u8| is_name(byte) || matches!(byte, b'/' | b'(' | b')' | b'@');
    let digits = inside
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let is_tag = !app.is_empty() && app.iter().all(is_app) && inside[digits..].starts_with(b"]: ");
    let (pid, body) = bracketed(inside).filter(|_| is_tag)?;
    pid.is_some().then_some(Line {
        host,
        app,
        pid,
        ..Line::bare(body)
    })
}

/// Whether the stamp is one that programs write into files of their own (`2026-02-12 14:10:21`,
/// with a space), where a host is named only by what looks like syslog all over.
fn is_own_file(stamp: Stamp<'_>) -> bool {
    matches!(stamp, Stamp::Iso(bytes) if bytes.get(10) == Some(&b' '))
}

/// `app[pid]` or `app: ` at the start; in `libc6:amd64` the colon is a name's.
fn has_syslog_tag(rest: &[u8], tag: &Tag<'_>) -> bool {
    let after = rest.get(tag.app.len()..).unwrap_or_default();
    !tag.app.is_empty() && (after.starts_with(b"[") || after.starts_with(b": "))
}

/// The severity of `<38>`, and what follows; the line itself if it has none.
fn priority(line: &[u8]) -> (&[u8], Option<Severity>) {
    let end = line.iter().take(6).position(|byte| *byte == b'>');
    let value = end
        .and_then(|end| scan::number(&line[1..end]))
        .filter(|value| *value <= 191);
    match (end, value) {
        (Some(end), Some(value)) => (
            &line[end + 1..],
            Some(Severity::from_syslog((value & 7) as u8)),
        ),
        _ => (line, None),
    }
}

/// The host; none where the tag stands at its place.
fn host(rest: &[u8]) -> (&[u8], &[u8]) {
    let (host, after) = scan::token(rest);
    if after.is_empty() || host.ends_with(b":") {
        (b"", rest)
    } else {
        (host, after)
    }
}

/// What stands in a tag's brackets is no longer.
const TAG_BYTES_MAX: usize = 24;
/// Nor is the name of a program, where no stamp stands before it.
const APP_BYTES_MAX: usize = 64;
/// Nor what stands in its parentheses behind a colon.
const WITHIN_BYTES_MAX: usize = 128;

struct Tag<'a> {
    app: &'a [u8],
    pid: Option<u32>,
    body: &'a [u8],
}

/// `app[pid]: body`, `app: body`, `app[pid] body`; all is body where there is no tag.
fn tag(rest: &[u8]) -> Tag<'_> {
    let untagged = Tag {
        app: b"",
        pid: None,
        body: rest,
    };
    let Some(end) = tag_end(rest) else {
        return untagged;
    };
    match rest[end] {
        b':' => Tag {
            app: &rest[..end],
            pid: None,
            body: after_space(&rest[end + 1..]),
        },
        b'[' => match bracketed(&rest[end + 1..]) {
            Some((pid, body)) => Tag {
                app: &rest[..end],
                pid,
                body,
            },
            None => untagged,
        },
        _ => untagged,
    }
}

/// Where a program's name ends. What it says in parentheses may be an address: Dovecot's
/// `auth(amy,2001:db8::7,sasl:plain)<ID>: `.
fn tag_end(rest: &[u8]) -> Option<usize> {
    let is_end = |byte: &u8| matches!(byte, b'[' | b':' | b' ');
    let end = rest.iter().position(is_end)?;
    let is_open = rest[end] == b':' && rest[..end].contains(&b'(') && !rest[..end].contains(&b')');
    if !is_open {
        return Some(end);
    }
    let inside = rest.iter().skip(end).take(WITHIN_BYTES_MAX);
    let closed = inside
        .take_while(|byte| !matches!(byte, b' ' | b'['))
        .position(|byte| *byte == b')');
    let Some(closed) = closed.map(|at| end + at) else {
        return Some(end);
    };
    let after = rest[closed..].iter().position(is_end);
    Some(after.map_or(end, |at| closed + at))
}

/// `app      [pid]: body`: no host, and the name padded to a column, as fail2ban writes it.
fn padded(rest: &[u8]) -> Option<Tag<'_>> {
    let (app, after) = scan::token(rest);
    let inside = after.trim_ascii_start().strip_prefix(b"[")?;
    let (pid, body) = bracketed(inside)?;
    let is_tag = pid.is_some() && !app.is_empty() && !app.ends_with(b":");
    is_tag.then_some(Tag { app, pid, body })
}

/// `pid]: body`, also without the colon; what is no number is no pid.
#[inline]
pub(crate) fn bracketed(inside: &[u8]) -> Option<(Option<u32>, &[u8])> {
    let (mut at, mut pid) = (0, 0u32);
    while let Some(digit) = inside
        .get(at)
        .map(|byte| byte.wrapping_sub(b'0'))
        .filter(|d| *d <= 9)
        && at < 9
    {
        pid = pid * 10 + u32::from(digit);
        at += 1;
    }
    let (pid, close) = match inside.get(at) {
        Some(b']') => ((at > 0).then_some(pid), at),
        _ => (
            None,
            inside
                .iter()
                .take(TAG_BYTES_MAX)
                .position(|byte| *byte == b']')?,
        ),
    };
    let after = &inside[close + 1..];
    Some((pid, after_space(after.strip_prefix(b":").unwrap_or(after))))
}

fn after_space(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b" ").unwrap_or(bytes)
}

/// Busybox puts `auth.info` in front of the tag.
fn facility_and_level(rest: &[u8]) -> Option<(Severity, &[u8])> {
    let (word, after) = scan::token(rest);
    let dot = word.iter().position(|byte| *byte == b'.')?;
    let (facility, level) = (&word[..dot], &word[dot + 1..]);
    let named = facility
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    Some((Severity::from_word(level).filter(|_| named)?, after))
}

/// `1 STAMP HOST APP PROCID MSGID SD BODY`, without the priority.
///
/// Source: RFC 5424 §6.
fn rfc5424(line: &[u8]) -> Option<Line<'_>> {
    let rest = line.strip_prefix(b"1 ")?;
    let (stamp, rest) = match rest.strip_prefix(b"- ") {
        Some(rest) => (Stamp::None, rest),
        None => stamp::leading_iso(rest)?,
    };
    let (host, rest) = scan::token(rest);
    let (app, rest) = scan::token(rest);
    let (pid, rest) = scan::token(rest);
    let (_message_id, rest) = scan::token(rest);
    let body = after_structured_data(rest)?;
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let pid = scan::number(pid).and_then(|pid| u32::try_from(pid).ok());
    Some(Line {
        stamp,
        severity: None,
        host: or_nil(host),
        app: or_nil(app),
        pid,
        body,
    })
}

fn or_nil(field: &[u8]) -> &[u8] {
    if field == b"-" { b"" } else { field }
}

/// What follows `-` or `[id name="value"]…`; values escape `"`, `\` and `]`.
fn after_structured_data(rest: &[u8]) -> Option<&[u8]> {
    if let Some(after) = rest.strip_prefix(b"-") {
        return Some(after_space(after));
    }
    let (mut quoted, mut escaped, mut open) = (false, false, false);
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' if !quoted => open = true,
            b']' if !quoted && open => open = false,
            b' ' if !open => return Some(&rest[at + 1..]),
            _ if !open => return None,
            _ => {}
        }
    }
    (!open).then_some(&[])
}

#[cfg(test)]
mod tests;
