//! What PAM and its modules say of attempts.

use super::Event;
use super::Kind;
use super::Name;
use super::Peer;
use super::name_before_from;
use super::preauth;
use crate::scan;
use crate::service::pam;
use crate::service::repeat::believed;

/// `Authentication failure for [illegal user ]NAME from HOST[ via OUR-ADDRESS]`.
pub(super) fn failure(rest: &[u8]) -> Option<Event<'_>> {
    let refusals: [&[u8]; 5] = [
        b"uthentication failure for ",
        b"uthentication error for ",
        b"uthentication failed for ",
        b"ser not known to the underlying authentication module for ",
        b"ave exhausted maximum number of retries for service for ",
    ];
    // Some systems write the first letter small.
    let (_, rest) = rest.split_first()?;
    let rest = refusals
        .iter()
        .find_map(|refusal| rest.strip_prefix(*refusal))?;
    let (rest, in_child) = preauth(rest);
    let (before, address) = scan::peer_at_end(rest)?;
    let (before, address) = match before.strip_suffix(b" via") {
        Some(before) => scan::peer_at_end(before)?,
        None => (before, address),
    };
    let name = name_before_from(before)?;
    let unknown = name.strip_prefix(b"illegal user ");
    let user = Some(Name::written(unknown.unwrap_or(name), in_child));
    let peer = Peer {
        address,
        port: None,
    };
    Some(Event {
        user,
        unknown_user: unknown.is_some(),
        method: b"pam",
        ..Event::of(Kind::PamFailure, peer)
    })
}

/// A module's own line. There are more of these than of all others, so the two forms that matter
/// are told by where the service's name stands.
pub(super) fn line(body: &[u8]) -> Option<Event<'_>> {
    let open = body.iter().take(24).position(|byte| *byte == b'(');
    match open.map(|open| &body[open + 1..]) {
        Some(rest) if rest.starts_with(b"sshd:session): session ") => {
            session(&rest[b"sshd:session): session ".len()..])
        }
        Some(rest) if rest.starts_with(b"sshd:auth): authentication f") => module(body),
        Some([b's', b's', b'h', b'd', ..]) => None,
        _ => module(body),
    }
}

/// `opened for user NAME(uid=N) by (uid=0)`.
fn session(rest: &[u8]) -> Option<Event<'_>> {
    let rest = rest
        .strip_prefix(b"opened for user ")
        .or(rest.strip_prefix(b"closed for user "))?;
    let is_end = |byte: &u8| matches!(byte, b'(' | b' ');
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    Some(Event {
        user: Some(Name::written(&rest[..end], false)),
        method: b"pam",
        ..Event::of(Kind::Session, Peer::NONE)
    })
}

/// A module's own line, under sshd's name: it repeats what sshd says in lines of its own.
fn module(body: &[u8]) -> Option<Event<'_>> {
    let refused = pam::refused(body).filter(|refused| matches!(refused.service, b"" | b"sshd"))?;
    let peer = Peer {
        address: refused.source,
        port: None,
    };
    let user = Some(refused.user).filter(|user| !user.is_empty());
    Some(Event {
        user: user.map(|user| Name::written(user, false)),
        repeat: believed(refused.count),
        method: b"pam",
        ..Event::of(Kind::PamModule, peer)
    })
}
