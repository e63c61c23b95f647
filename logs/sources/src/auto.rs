//! Where a service's lines are on a host that nobody has described to us.

use std::path::Path;
use std::path::PathBuf;

use crate::host::Host;
use crate::journal::JournalMatch;

/// A file that was last written longer ago than this (seconds) is left from another time, where a
/// journal is there to read instead.
const STALE_AFTER_S: i64 = 7 * 24 * 3600;

/// Where a service's lines usually are.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// The collector's name.
    pub service: &'static str,
    /// Its files; those of one inner list are alternatives to each other, Debian's name first.
    pub files: &'static [&'static [&'static str]],
    /// The names its programs log under, in the journal.
    pub identifiers: &'static [&'static str],
    /// Its units, in the journal.
    pub units: &'static [&'static str],
    /// Whether it is the journal as a whole that it wants.
    pub whole_journal: bool,
}

const NOWHERE: Defaults = Defaults {
    service: "",
    files: &[],
    identifiers: &[],
    units: &[],
    whole_journal: false,
};

const SERVICES: &[Defaults] = &[
    Defaults {
        service: "cron",
        files: &[&[
            "/var/log/cron.log",
            "/var/log/cron",
            "/var/log/syslog",
            "/var/log/messages",
        ]],
        identifiers: &["CRON", "cron", "crond", "CROND", "crontab", "anacron"],
        units: &["cron.service", "crond.service"],
        ..NOWHERE
    },
    Defaults {
        service: "dovecot",
        files: &[&[
            "/var/log/dovecot.log",
            "/var/log/mail.log",
            "/var/log/maillog",
        ]],
        identifiers: &["dovecot"],
        units: &["dovecot.service"],
        ..NOWHERE
    },
    Defaults {
        service: "fail2ban",
        files: &[&["/var/log/fail2ban.log"]],
        identifiers: &["fail2ban-server", "fail2ban.actions", "fail2ban.filter"],
        units: &["fail2ban.service"],
        ..NOWHERE
    },
    Defaults {
        service: "httpd",
        files: &[
            &["/var/log/apache2/access.log", "/var/log/httpd/access_log"],
            &[
                "/var/log/apache2/other_vhosts_access.log",
                "/var/log/httpd/ssl_access_log",
            ],
            &["/var/log/apache2/error.log", "/var/log/httpd/error_log"],
            &["/var/log/httpd/ssl_error_log"],
            &["/var/log/nginx/access.log"],
            &["/var/log/nginx/error.log"],
        ],
        ..NOWHERE
    },
    Defaults {
        service: "kernel",
        files: &[&["/var/log/kern.log", "/var/log/messages", "/var/log/syslog"]],
        identifiers: &["kernel"],
        ..NOWHERE
    },
    Defaults {
        service: "logins",
        files: &[
            &["/var/log/auth.log", "/var/log/secure"],
            &["/var/log/vsftpd.log"],
        ],
        identifiers: &[
            "vsftpd",
            "proftpd",
            "pure-ftpd",
            "dropbear",
            "webmin",
            "login",
            "gdm-password]",
            "cockpit-session",
        ],
        ..NOWHERE
    },
    Defaults {
        service: "mod_security",
        files: &[
            &["/var/log/apache2/error.log", "/var/log/httpd/error_log"],
            &["/var/log/httpd/ssl_error_log"],
            &["/var/log/nginx/error.log"],
        ],
        ..NOWHERE
    },
    Defaults {
        service: "packages",
        files: &[
            &["/var/log/dpkg.log"],
            &["/var/log/apt/history.log"],
            &["/var/log/dnf.rpm.log", "/var/log/yum.log"],
            &["/var/log/pacman.log"],
        ],
        ..NOWHERE
    },
    Defaults {
        service: "postfix",
        files: &[&["/var/log/mail.log", "/var/log/maillog"]],
        units: &["postfix.service", "postfix@-.service"],
        ..NOWHERE
    },
    Defaults {
        service: "sshd",
        files: &[&["/var/log/auth.log", "/var/log/secure"]],
        identifiers: &["sshd", "sshd-session", "sshd-auth"],
        units: &["ssh.service", "sshd.service"],
        ..NOWHERE
    },
    Defaults {
        service: "sudo",
        files: &[&["/var/log/auth.log", "/var/log/secure"]],
        identifiers: &["sudo", "su"],
        ..NOWHERE
    },
    Defaults {
        service: "systemd",
        files: &[&["/var/log/syslog", "/var/log/messages"]],
        whole_journal: true,
        ..NOWHERE
    },
];

/// What is known of a service; `None` for one that only its own paths can describe.
#[must_use]
pub fn defaults(service: &str) -> Option<&'static Defaults> {
    SERVICES.iter().find(|defaults| defaults.service == service)
}

/// Where the lines are on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// In these files.
    Files(Vec<PathBuf>),
    /// In the journal; without a match, all of it.
    Journal(Vec<JournalMatch>),
    /// Nowhere: with the places that were looked at.
    Nowhere(Vec<PathBuf>),
}

/// Finds a service's lines: its files, or the journal where there are none, or only old ones.
///
/// Never both: rsyslog copies the journal, so every line would count twice.
#[must_use]
pub fn choose(service: &str, host: &Host, now_unix_s: i64) -> Choice {
    let Some(defaults) = defaults(service) else {
        return Choice::Nowhere(Vec::new());
    };
    let files: Vec<PathBuf> = defaults
        .files
        .iter()
        .filter_map(|names| {
            names
                .iter()
                .map(|name| host.path(name))
                .find(|path| may_exist(path))
        })
        .collect();
    let fresh = files.iter().any(|path| is_fresh(path, now_unix_s));
    if !fresh && defaults.is_journaled() && host.has_journal() {
        return Choice::Journal(defaults.matches());
    }
    if files.is_empty() {
        let looked_at = defaults.files.iter().flat_map(|names| names.iter());
        return Choice::Nowhere(looked_at.map(|name| host.path(name)).collect());
    }
    Choice::Files(files)
}

impl Defaults {
    /// Whether its lines can stand in the journal.
    #[must_use]
    pub fn is_journaled(&self) -> bool {
        self.whole_journal || !self.identifiers.is_empty() || !self.units.is_empty()
    }

    fn matches(&self) -> Vec<JournalMatch> {
        let identifiers = self.identifiers.iter();
        let units = self.units.iter();
        identifiers
            .map(|name| JournalMatch::Identifier((*name).to_owned()))
            .chain(units.map(|name| JournalMatch::Unit((*name).to_owned())))
            .collect()
    }
}

/// Where this host has the service's lines, for someone whose paths have none; as a sentence part.
#[must_use]
pub fn cure_for_absent(service: &str, host: &Host, now_unix_s: i64) -> String {
    match choose(service, host, now_unix_s) {
        Choice::Files(files) => {
            let names: Vec<String> = files
                .iter()
                .map(|file| file.display().to_string())
                .collect();
            format!("this host has such lines in {}", names.join(", "))
        }
        Choice::Journal(_) => {
            format!("this host has such lines in its journal: leave `paths` of {service} out")
        }
        Choice::Nowhere(_) => {
            format!("name its files in `paths` of {service}, or leave {service} out")
        }
    }
}

/// A file in a folder that this user may not enter counts: opening it will tell the cure.
fn may_exist(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

fn is_fresh(path: &PathBuf, now_unix_s: i64) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|file| file.mtime() > now_unix_s - STALE_AFTER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host on which these files exist; later than any of them is `NOW`.
    fn host(files: &[&str]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        let host = Host {
            root: root.path().to_path_buf(),
        };
        for file in files {
            let path = host.path(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x\n").unwrap();
        }
        (root, host)
    }

    const JOURNAL: &str = "/var/log/journal/0123/system.journal";

    fn check(service: &str, files: &[&str], now_unix_s: i64, expected: &[&str]) {
        let (_root, host) = host(files);
        let chosen = match choose(service, &host, now_unix_s) {
            Choice::Files(paths) => paths
                .iter()
                .map(|path| format!("/{}", path.strip_prefix(&host.root).unwrap().display()))
                .collect(),
            Choice::Journal(matches) => vec![format!("journal:{}", matches.len())],
            Choice::Nowhere(_) => Vec::new(),
        };
        assert_eq!(chosen, expected, "{service} among {files:?}");
    }

    #[test]
    fn each_familys_own_files_are_found() {
        check("sshd", &["/var/log/auth.log"], 0, &["/var/log/auth.log"]);
        check("sshd", &["/var/log/secure"], 0, &["/var/log/secure"]);
        check("systemd", &["/var/log/messages"], 0, &["/var/log/messages"]);
        check("cron", &["/var/log/cron"], 0, &["/var/log/cron"]);
        check("cron", &["/var/log/syslog"], 0, &["/var/log/syslog"]);
        check("kernel", &["/var/log/kern.log"], 0, &["/var/log/kern.log"]);
        check(
            "packages",
            &["/var/log/dpkg.log"],
            0,
            &["/var/log/dpkg.log"],
        );
        let debian = ["/var/log/apache2/access.log", "/var/log/apache2/error.log"];
        check("httpd", &debian, 0, &debian);
        let both = ["/var/log/httpd/error_log", "/var/log/nginx/access.log"];
        check("httpd", &both, 0, &both);
    }

    #[test]
    fn a_fresh_debian_has_only_the_journal() {
        check("sshd", &[JOURNAL], 0, &["journal:5"]);
        check("systemd", &[JOURNAL], 0, &["journal:0"]);
        check("cron", &[JOURNAL], 0, &["journal:8"]);
        check("kernel", &[JOURNAL], 0, &["journal:1"]);
        check("sudo", &[JOURNAL], 0, &["journal:2"]);
        check("httpd", &[JOURNAL], 0, &[]);
        check("packages", &[JOURNAL], 0, &[]);
    }

    #[test]
    fn files_win_over_the_journal_unless_they_are_old() {
        let files = ["/var/log/auth.log", JOURNAL];
        check("sshd", &files, 0, &["/var/log/auth.log"]);
        check("sshd", &files, i64::MAX, &["journal:5"]);
        check(
            "sshd",
            &["/var/log/auth.log"],
            i64::MAX,
            &["/var/log/auth.log"],
        );
    }

    #[test]
    fn the_cure_names_what_is_there() {
        let (_root, with_journal) = host(&[JOURNAL]);
        assert_eq!(
            cure_for_absent("sshd", &with_journal, 0),
            "this host has such lines in its journal: leave `paths` of sshd out"
        );
        let (_root, with_file) = host(&["/var/log/auth.log"]);
        assert!(cure_for_absent("sshd", &with_file, 0).ends_with("/var/log/auth.log"));
        let (_root, bare) = host(&[]);
        assert_eq!(
            cure_for_absent("generic", &bare, 0),
            "name its files in `paths` of generic, or leave generic out"
        );
    }

    #[test]
    fn the_table_is_sorted_and_unique() {
        assert!(SERVICES.is_sorted_by(|a, b| a.service < b.service));
    }
}
