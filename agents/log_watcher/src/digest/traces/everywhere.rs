//! Accounts that every host has, or every image, and that every list of guesses begins with:
//! attempts at them tell nothing about what an attacker knows of this host.

/// Whether an account is one of them.
///
/// Asked for every attempt: patterns of bytes are told apart by their length first.
pub(super) fn is_everywhere(user: &[u8]) -> bool {
    matches!(
        user,
        b"_apt"
            | b"admin"
            | b"administrator"
            | b"alpine"
            | b"ansible"
            | b"apache"
            | b"backup"
            | b"bin"
            | b"centos"
            | b"daemon"
            | b"debian"
            | b"deploy"
            | b"docker"
            | b"ec2-user"
            | b"fedora"
            | b"ftp"
            | b"ftpuser"
            | b"games"
            | b"git"
            | b"guest"
            | b"http"
            | b"irc"
            | b"jenkins"
            | b"list"
            | b"lp"
            | b"mail"
            | b"man"
            | b"mysql"
            | b"news"
            | b"nginx"
            | b"nobody"
            | b"operator"
            | b"oracle"
            | b"pi"
            | b"postfix"
            | b"postgres"
            | b"proxy"
            | b"redis"
            | b"root"
            | b"sshd"
            | b"steam"
            | b"support"
            | b"sync"
            | b"sys"
            | b"test"
            | b"tomcat"
            | b"ubuntu"
            | b"user"
            | b"uucp"
            | b"vagrant"
            | b"web"
            | b"www"
            | b"www-data"
            | b"zabbix"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tell_nothing_are_known_whole() {
        for user in ["root", "www-data", "_apt", "zabbix"] {
            assert!(is_everywhere(user.as_bytes()), "{user}");
        }
        for user in ["", "roo", "root2", "Root", "ann"] {
            assert!(!is_everywhere(user.as_bytes()), "{user}");
        }
    }
}
