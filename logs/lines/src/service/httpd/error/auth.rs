//! Who was refused by the server's own check of passwords, in the words of Apache and nginx.

use memchr::memmem;

/// The user of a refusal; none where the message is about something else.
///
/// The name and the path are the peer's, so either may hold the words in between: the first are
/// taken, because names are checked before paths are looked at by whoever reads them.
pub(super) fn refused(message: &[u8]) -> Option<&[u8]> {
    let said = without_number(message);
    let said = said.strip_prefix(b"Digest: ").unwrap_or(said);
    if let Some(rest) = said.strip_prefix(b"Authorization of user ") {
        return before(rest, &[b" to access "]);
    }
    // nginx's module for PAM.
    if let Some(rest) = said.strip_prefix(b"PAM: user '") {
        return before(rest, &[b"' - not authenticated: ", b"' - not authorized: "]);
    }
    let rest = said.strip_prefix(b"user ")?;
    match rest.first()? {
        b'"' => before(
            &rest[1..],
            &[b"\": password mismatch", b"\" was not found in \""],
        ),
        b'`' => before(&rest[1..], &[b"' in realm `"]),
        b'\'' => before(&rest[1..], &[b"' in realm '"]),
        _ => before(
            rest,
            &[
                b": authentication failure for \"",
                b": authorization failure for \"",
                b": password mismatch: ",
                b" not found: ",
            ],
        )
        .or_else(|| rest.strip_suffix(b" not found")),
    }
}

/// Apache numbers its messages: `AH01617: `.
fn without_number(message: &[u8]) -> &[u8] {
    match message {
        [b'A', b'H', digits @ ..] => {
            let end = digits.iter().take_while(|byte| byte.is_ascii_digit());
            let end = end.count();
            digits[end..].strip_prefix(b": ").unwrap_or(message)
        }
        _ => message,
    }
}

fn before<'a>(text: &'a [u8], ends: &[&[u8]]) -> Option<&'a [u8]> {
    let ends = ends.iter().filter_map(|end| memmem::find(text, end));
    ends.min().map(|end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, expected: Option<&str>) {
        let user = refused(message.as_bytes());
        assert_eq!(user, expected.map(str::as_bytes), "{message}");
    }

    #[test]
    fn apaches_words() {
        check(
            "AH01617: user amy: authentication failure for \"/\": Password Mismatch",
            Some("amy"),
        );
        check(
            "user amy: authentication failure for \"/\": Password Mismatch",
            Some("amy"),
        );
        check("AH01618: user a b not found: /x not found: /", Some("a b"));
        check("AH01618: user  not found: /", Some(""));
        check("user amy not found", Some("amy"));
        check(
            "AH01631: user amy: authorization failure for \"/\": ",
            Some("amy"),
        );
        check("AH01792: user amy: password mismatch: /", Some("amy"));
        check("Digest: user `amy' in realm `x' not found: /", Some("amy"));
        check(
            "AH01637: Authorization of user amy to access /x failed, reason: no",
            Some("amy"),
        );
        check("File does not exist: /x/user amy not found: /", None);
    }

    #[test]
    fn nginxs_words() {
        check(
            "user \"a\"b\": password mismatch, client: 10.0.0.7",
            Some("a\"b"),
        );
        check(
            "user \"amy\" was not found in \"/pw\", client: 10.0.0.7",
            Some("amy"),
        );
        check(
            "PAM: user 'amy' - not authenticated: Authentication failure, client: 10.0.0.7",
            Some("amy"),
        );
        check(
            "no user/password was provided for basic authentication",
            None,
        );
    }
}
