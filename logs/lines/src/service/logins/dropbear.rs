//! What dropbear says of who did not come in.

use memchr::memmem;

use super::Event;
use super::exhausted;
use super::refused;
use crate::scan;

/// `Bad [PAM ]password attempt for 'USER' from SOURCE:PORT`, `Login attempt for nonexistent user
/// from SOURCE:PORT`, `Exit before auth from <SOURCE:PORT>: …Max auth tries reached - user 'USER'`.
pub(super) fn event(body: &[u8]) -> Option<Event<'_>> {
    let body = without_head(body);
    attempt(body).or_else(|| end(body))
}

fn attempt(body: &[u8]) -> Option<Event<'_>> {
    const RULE: &str = "Bad password attempt for 'USER' from SOURCE:PORT";
    let at = memmem::rfind(body, b" from ")?;
    let (said, peer) = (&body[..at], &body[at + 6..]);
    let (first, rest) = said.split_first()?;
    let first = first.to_ascii_lowercase();
    let user = if first == b'b' {
        let rest = rest.strip_prefix(b"ad ")?;
        let rest = rest.strip_prefix(b"PAM ").unwrap_or(rest);
        rest.strip_prefix(b"password attempt for '")?
            .strip_suffix(b"'")?
    } else if first == b'l' && rest.starts_with(b"ogin attempt for nonexistent user") {
        b""
    } else {
        return None;
    };
    let (source, port) = peer_of(peer)?;
    let event = refused(RULE, user, source)?;
    Some(Event { port, ..event })
}

/// Whoever used up their attempts; until 2019 the peer stood behind the user.
fn end(body: &[u8]) -> Option<Event<'_>> {
    const RULE: &str = "Exit before auth from <SOURCE:PORT>: Max auth tries reached - user 'USER'";
    const TOLD: &[u8] = b"Max auth tries reached - user '";
    let rest = body.strip_prefix(b"Exit before auth")?;
    let at = memmem::find(rest, TOLD)?;
    let (before, user) = (&rest[..at], &rest[at + TOLD.len()..]);
    let (user, peer) = match before.strip_prefix(b" from <") {
        Some(peer) => (
            user.strip_suffix(b"'")?,
            &peer[..memchr::memchr(b'>', peer)?],
        ),
        None => {
            let at = memmem::rfind(user, b"' from ")?;
            (&user[..at], &user[at + b"' from ".len()..])
        }
    };
    let (source, port) = peer_of(peer)?;
    // The name of somebody whom this host does not know is not told.
    let user = if user == b"is invalid" { b"" } else { user };
    let event = exhausted(RULE, user, source)?;
    Some(Event { port, ..event })
}

/// `SOURCE:PORT`.
fn peer_of(peer: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let colon = memchr::memrchr(b':', peer)?;
    let port = scan::number(&peer[colon + 1..])?;
    Some((&peer[..colon], u16::try_from(port).ok()))
}

/// Without `[PID] Feb 12 14:10:21 `, as it stands before all that is written to stderr.
fn without_head(body: &[u8]) -> &[u8] {
    const STAMP_BYTES: usize = "Feb 12 14:10:21 ".len();
    let inside = body.strip_prefix(b"[").unwrap_or_default();
    let digits = inside.iter().take_while(|byte| byte.is_ascii_digit());
    let after = &inside[digits.count()..];
    let stamp = after.strip_prefix(b"] ").unwrap_or_default();
    match stamp.split_at_checked(STAMP_BYTES) {
        Some((stamp, said)) if scan::month(stamp).is_some() => said,
        _ => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let event = event(body.as_bytes());
        let found = event.map_or("none".to_owned(), |event| event.facts().to_string());
        assert_eq!(found, expected, "{body}");
    }

    const PEER: &str = "failure source.address=10.0.0.7 source.port=33";

    #[test]
    fn attempts() {
        let amy = format!("logins.failed {PEER} user.name=amy");
        check("Bad password attempt for 'amy' from 10.0.0.7:33", &amy);
        check("bad PAM password attempt for 'amy' from 10.0.0.7:33", &amy);
        check(
            "[8] Feb 12 14:10:21 Bad password attempt for 'amy' from 10.0.0.7:33",
            &amy,
        );
        let nobody = format!("logins.failed {PEER}");
        check(
            "Login attempt for nonexistent user from 10.0.0.7:33",
            &nobody,
        );
        check("Password auth succeeded for 'amy' from 10.0.0.7:33", "none");
    }

    #[test]
    fn who_used_up_their_attempts_is_told_once_more() {
        let amy = format!("logins.exhausted {PEER} user.name=amy");
        check(
            "Exit before auth from <10.0.0.7:33>: (user 'amy', 10 fails): Max auth tries reached - \
             user 'amy'",
            &amy,
        );
        check(
            "Exit before auth (user 'amy', 10 fails): Max auth tries reached - user 'amy' from \
             10.0.0.7:33",
            &amy,
        );
        check(
            "Exit before auth from <10.0.0.7:33>: Max auth tries reached - user 'is invalid'",
            &format!("logins.exhausted {PEER}"),
        );
        check(
            "Exit before auth from <10.0.0.7:33>: Exited normally",
            "none",
        );
    }
}
