//! What postscreen finds out about clients before smtpd sees them.

use memchr::memmem;

use super::Event;
use super::Kind;
use super::written::Peer;

/// What postscreen calls its findings: the words in front, and whether `from` or `for` follows
/// somewhere before the client.
const FINDINGS: &[(&[u8], &[u8], Kind)] = &[
    (b"CONNECT ", b"from ", Kind::Connected),
    (b"PASS OLD ", b"", Kind::Connected),
    (b"PASS NEW ", b"", Kind::Connected),
    (b"WHITELISTED ", b"", Kind::Connected),
    (b"ALLOWLISTED ", b"", Kind::Connected),
    (b"DISCONNECT ", b"", Kind::Disconnected),
    (b"HANGUP ", b" from ", Kind::Screened),
    (b"BLACKLISTED ", b"", Kind::Screened),
    (b"DENYLISTED ", b"", Kind::Screened),
    (b"PREGREET ", b" from ", Kind::Screened),
    (b"DNSBL rank ", b" for ", Kind::Screened),
    (b"COMMAND PIPELINING ", b"from ", Kind::Screened),
    (b"COMMAND COUNT LIMIT ", b"from ", Kind::Screened),
    (b"COMMAND TIME LIMIT ", b"from ", Kind::Screened),
    (b"COMMAND LENGTH LIMIT ", b"from ", Kind::Screened),
    (b"NON-SMTP COMMAND ", b"from ", Kind::Screened),
    (b"BARE NEWLINE ", b"from ", Kind::Screened),
];

/// `WORDS [from|for] [ADDRESS]:PORT …`.
pub(super) fn event(body: &[u8]) -> Option<Event<'_>> {
    if !body.first()?.is_ascii_uppercase() {
        return None;
    }
    let (words, joint, kind) = FINDINGS
        .iter()
        .find(|(words, ..)| body.starts_with(words))?;
    let rest = &body[words.len()..];
    let rest = match joint.is_empty() {
        true => rest,
        false => &rest[memmem::find(rest, joint)? + joint.len()..],
    };
    let (client, _) = Peer::leading(rest)?;
    Some(Event {
        reason: words.trim_ascii_end(),
        ..Event::by(*kind, client)
    })
}
