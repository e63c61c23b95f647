//! What the modules of PAM say under the name of the program that asked them.

use memchr::memmem;

use crate::scan;

/// Somebody was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused<'a> {
    /// The service as PAM calls it (`sshd`, `sudo`); empty in the lines of old versions.
    pub service: &'a [u8],
    /// Who it was about; empty for a user the host does not know.
    pub user: &'a [u8],
    /// The user who asked, where PAM was told; any bytes.
    pub asked_by: &'a [u8],
    /// Where from: an address or a name; empty where it was this host.
    pub source: &'a [u8],
    /// For how many attempts the line stands.
    pub count: u64,
}

/// The service of `pam_unix(SERVICE:auth): `, and what follows; `pam_unix: ` and `(pam_unix) ` of
/// old versions name none.
#[must_use]
pub fn head(body: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(inside) = body.strip_prefix(b"(pam_") {
        let close = inside.iter().take(40).position(|byte| *byte == b')')?;
        return Some((b"", inside[close + 1..].trim_ascii_start()));
    }
    let inside = body.strip_prefix(b"pam_")?;
    let end = inside
        .iter()
        .take(40)
        .position(|byte| matches!(byte, b'(' | b':'))?;
    if inside[end] == b':' {
        return Some((b"", inside[end + 1..].trim_ascii_start()));
    }
    let rest = &inside[end + 1..];
    let close = rest.iter().take(80).position(|byte| *byte == b')')?;
    let (inside, after) = (&rest[..close], &rest[close + 1..]);
    // Some are told of no service.
    let service = inside
        .strip_suffix(b":auth")
        .or((inside == b"auth").then_some(&b""[..]))?;
    Some((service, after.strip_prefix(b":")?.trim_ascii_start()))
}

/// `[MODULE(SERVICE:auth): ]authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=A
/// user=U`, and `PAM N more authentication failures; …`. Linear time.
///
/// `ruser` may be a peer's words, so the last `rhost=` and the `user=` behind it are taken; `user`
/// is a name this host knows.
#[must_use]
pub fn refused(body: &[u8]) -> Option<Refused<'_>> {
    let (service, rest, count) = match body.strip_prefix(b"PAM ") {
        Some(rest) => {
            let (count, rest) = scan::token(rest);
            let rest = rest.strip_prefix(b"more authentication failure")?;
            (
                &b""[..],
                rest.strip_prefix(b"s").unwrap_or(rest),
                scan::number(count)?,
            )
        }
        None => {
            let (service, rest) = head(body).unwrap_or((b"", body));
            (service, rest.strip_prefix(b"authentication failure")?, 1)
        }
    };
    let rest = rest.strip_prefix(b"; ")?;
    let at = memmem::rfind(rest, b"rhost=")?;
    let (before, after) = (&rest[..at], &rest[at + b"rhost=".len()..]);
    let (source, after) = scan::token(after);
    let user = after.trim_ascii_start().strip_prefix(b"user=");
    let asked_by = memmem::find(before, b" ruser=").map(|at| &before[at + b" ruser=".len()..]);
    Some(Refused {
        service,
        user: user.unwrap_or_default().trim_ascii_end(),
        asked_by: asked_by.unwrap_or_default().trim_ascii(),
        source: if scan::is_peer(source) {
            scan::unmapped(source)
        } else {
            b""
        },
        count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `service user asked_by source count`, with `-` for what is not there.
    #[track_caller]
    fn check(body: &str, expected: &str) {
        let found = refused(body.as_bytes()).map_or("none".to_owned(), |refused| {
            let text = |bytes: &[u8]| match bytes {
                b"" => "-".to_owned(),
                _ => String::from_utf8_lossy(bytes).into_owned(),
            };
            let fields = [
                refused.service,
                refused.user,
                refused.asked_by,
                refused.source,
            ];
            format!("{} {}", fields.map(text).join(" "), refused.count)
        });
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn modules_say_who_was_refused() {
        check(
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.7  user=amy",
            "sshd amy - 10.0.0.7 1",
        );
        check(
            "pam_unix(sudo:auth): authentication failure; logname=amy uid=1000 euid=0 tty=/dev/pts/0 ruser=amy rhost=  user=amy",
            "sudo amy amy - 1",
        );
        check(
            "authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=h.example ",
            "- - - h.example 1",
        );
        check(
            "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.7  user=amy",
            "- amy - 10.0.0.7 2",
        );
        check(
            "pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser=x rhost=6.6.6.6 user=y rhost=10.0.0.7",
            "sshd - x rhost=6.6.6.6 user=y 10.0.0.7 1",
        );
        let old = "authentication failure; logname= uid=0 euid=0 tty= ruser=x rhost=10.0.0.7";
        check(&format!("(pam_unix) {old}"), "- - x 10.0.0.7 1");
        check(&format!("pam_unix: {old}"), "- - x 10.0.0.7 1");
        check(&format!("pam_unix(auth): {old}"), "- - x 10.0.0.7 1");
        check("pam_unix(sshd:auth): check pass; user unknown", "none");
        check(
            "pam_unix(sshd:session): session opened for user amy",
            "none",
        );
        check("PAM service(sshd) ignoring max retries; 6 > 3", "none");
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(
            head in proptest::sample::select(vec![
                "pam_unix(", "PAM 2 more authentication failures; ", "pam_unix(a:auth): authentication failure; rhost=", "",
            ]),
            tail in proptest::prelude::any::<Vec<u8>>(),
        ) {
            let body = [head.as_bytes(), &tail].concat();
            proptest::prop_assert!(refused(&body).is_none_or(|refused| refused.user.len() <= body.len()));
        }
    }
}
