//! Whom a child runs as.

use std::fs;

/// Where a host's users stand.
const PASSWD: &str = "/etc/passwd";

/// A user of this host, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Why there is no such user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    #[error("there is no user {name} in {PASSWD}: write another name, or UID:GID")]
    Unknown { name: String },
    #[error("{PASSWD} cannot be read")]
    Read(#[source] std::io::Error),
}

impl User {
    /// What setpriv is told, so that a process becomes this user.
    pub(crate) fn words(self) -> [String; 3] {
        let Self { uid, gid } = self;
        [
            format!("--reuid={uid}"),
            format!("--regid={gid}"),
            "--clear-groups".to_owned(),
        ]
    }

    /// A user by name, or as `UID:GID` where another directory than the host's own file knows it.
    ///
    /// # Errors
    /// [`UserError`].
    pub(crate) fn find(text: &str) -> Result<Self, UserError> {
        if let Some(user) = numbers(text) {
            return Ok(user);
        }
        let passwd = fs::read_to_string(PASSWD).map_err(UserError::Read)?;
        let name = text.to_owned();
        in_passwd(&passwd, text).ok_or(UserError::Unknown { name })
    }
}

fn numbers(text: &str) -> Option<User> {
    let (uid, gid) = text.split_once(':')?;
    Some(User {
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
    })
}

/// passwd(5): `name:password:UID:GID:…`.
fn in_passwd(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        fields.next();
        Some(User {
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_or_numbers() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nlogs:x:998:997::/:/bin/false\nbroken:x:a\n";
        let check = |name: &str, expected: Option<(u32, u32)>| {
            let found = in_passwd(passwd, name).map(|user| (user.uid, user.gid));
            assert_eq!(found, expected, "{name}");
        };
        check("logs", Some((998, 997)));
        check("log", None);
        check("broken", None);
        check("", None);
        assert_eq!(numbers("5:6"), Some(User { uid: 5, gid: 6 }));
        assert_eq!(numbers("5"), None);
        assert_eq!(numbers("-1:6"), None);
    }
}
