//! Access lines as JSON: nginx's `escape=json` formats, Caddy, Traefik.
//!
//! Read by walking over strings and numbers, without building anything: the lines may hold invalid
//! UTF-8, which no JSON library accepts. Keys deeper than an object in an object are a peer's
//! headers, and are not looked at.

use super::access::Access;
use super::access::Request;
use super::access::path;
use crate::scan;
use crate::stamp::Stamp;
use crate::stamp::is_clf;

const DEPTH_MAX: u32 = 2;

/// The event of a JSON line; none without a peer, a request and a status.
pub(super) fn access(line: &[u8]) -> Option<Access<'_>> {
    let mut fields = Fields::default();
    let mut rest = line;
    let (mut depth, mut key): (u32, Option<&[u8]>) = (0, None);
    while let [first, tail @ ..] = rest {
        rest = match first {
            b'"' => {
                let (text, after) = string(tail)?;
                let after_colon = after.trim_ascii_start().strip_prefix(b":");
                match (after_colon, key.take()) {
                    (Some(after_colon), None) => {
                        key = Some(text);
                        after_colon.trim_ascii_start()
                    }
                    (_, Some(key)) => {
                        fields.set(key, text, depth);
                        after
                    }
                    (None, None) => after,
                }
            }
            b'{' | b'[' => {
                // An element of a list has no key, and a key of an object in a list is too deep.
                depth += if *first == b'[' { DEPTH_MAX } else { 1 };
                key = None;
                tail
            }
            b'}' => {
                depth = depth.saturating_sub(1);
                tail
            }
            b']' => {
                depth = depth.saturating_sub(DEPTH_MAX);
                tail
            }
            b'0'..=b'9' | b'-' => {
                let is_number =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
                let end = rest
                    .iter()
                    .position(|byte| !is_number(byte))
                    .unwrap_or(rest.len());
                if let Some(key) = key.take() {
                    fields.set(key, &rest[..end], depth);
                }
                &rest[end..]
            }
            _ => {
                if *first == b',' {
                    key = None;
                }
                tail
            }
        };
    }
    fields.access()
}

/// The text up to the closing quote, as written, and what follows the quote.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    Some((&text[..end], &text[end + 1..]))
}

#[derive(Default)]
struct Fields<'a> {
    source: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    request: Option<&'a [u8]>,
    method: Option<&'a [u8]>,
    target: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    bytes: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    vhost: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// The first of the names a field goes by wins.
    fn set(&mut self, key: &[u8], value: &'a [u8], depth: u32) {
        if depth > DEPTH_MAX {
            return;
        }
        let field = match key {
            b"remote_addr" | b"remote_ip" | b"client_ip" | b"clientip" | b"client" | b"ip"
            | b"ClientHost" | b"remoteAddr" | b"source.address" => &mut self.source,
            b"remote_user" | b"user" | b"user_id" | b"ClientUsername" => &mut self.user,
            b"request" | b"request_line" => &mut self.request,
            b"request_method" | b"method" | b"RequestMethod" | b"verb" => &mut self.method,
            b"request_uri" | b"uri" | b"RequestPath" | b"path" | b"url" => &mut self.target,
            b"status" | b"status_code" | b"DownstreamStatus" | b"response" => &mut self.status,
            b"body_bytes_sent" | b"bytes_sent" | b"bytes" | b"size" | b"DownstreamContentSize" => {
                &mut self.bytes
            }
            b"time_iso8601" | b"time_local" | b"time" | b"timestamp" | b"@timestamp" | b"ts"
            | b"StartUTC" | b"msec" => &mut self.time,
            b"host" | b"server_name" | b"http_host" | b"vhost" | b"RequestHost" => &mut self.vhost,
            _ => return,
        };
        field.get_or_insert(value);
    }

    fn access(&self) -> Option<Access<'a>> {
        let request = match (self.request, self.target) {
            (Some(line), _) => Request::of(line),
            (None, Some(target)) => Request {
                method: self.method.unwrap_or(b""),
                path: path(target),
            },
            (None, None) => return None,
        };
        let source = self.source.filter(|source| scan::is_peer(source))?;
        Some(Access {
            stamp: self.time.map_or(Stamp::None, stamp),
            source: scan::unmapped(source),
            vhost: self.vhost.unwrap_or(b""),
            user: self.user.filter(|user| *user != b"-").unwrap_or(b""),
            method: request.method,
            path: request.path,
            status: u16::try_from(scan::number(self.status?)?).ok()?,
            bytes: self.bytes.and_then(scan::number).unwrap_or(0),
        })
    }
}

/// ISO 8601, an access log's date, or seconds since 1970 with a fraction.
fn stamp(time: &[u8]) -> Stamp<'_> {
    if is_clf(time) {
        return Stamp::Clf(time);
    }
    if let Some((stamp, [])) = crate::stamp::leading_iso(time) {
        return stamp;
    }
    let (seconds, fraction) = match memchr::memchr(b'.', time) {
        Some(at) => (&time[..at], &time[at + 1..]),
        None => (time, &b""[..]),
    };
    let millis = fraction.get(..3).and_then(scan::number).unwrap_or(0);
    match scan::number(seconds) {
        Some(seconds) if seconds < 9_000_000_000 => {
            Stamp::Unix((seconds * 1_000 + millis).cast_signed() * 1_000_000)
        }
        _ => Stamp::None,
    }
}
