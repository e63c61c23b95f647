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

/// A module's own line.
pub(super) fn line(body: &[u8]) -> Option<Event<'_>> {
    module(body).or_else(|| session(body))
}

/// `pam_unix(sshd:session): session opened for user NAME(uid=N) by (uid=0)`.
fn session(body: &[u8]) -> Option<Event<'_>> {
    let at = memchr::memmem::find(body, b"(sshd:session): session ")?;
    let rest = &body[at + b"(sshd:session): session ".len()..];
    let rest = rest
        .strip_prefix(b"opened for user ")
        .or(rest.strip_prefix(b"closed for user "))?;
    let (name, _) = scan::token(rest);
    let end = name.iter().position(|byte| *byte == b'(');
    Some(Event {
        user: Some(Name::written(&name[..end.unwrap_or(name.len())], false)),
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
