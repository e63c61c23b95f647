//! What this host offers: users and groups for the cures, a journal, this process's own marks.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

/// The host whose logs are read; a root other than `/` is for tests and mounted images.
#[derive(Debug, Clone)]
pub struct Host {
    /// Where its file system stands.
    pub root: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            root: PathBuf::from("/"),
        }
    }
}

impl Host {
    /// A path of that host, as seen from here.
    #[must_use]
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// Whether a journal with files stands there.
    #[must_use]
    pub fn has_journal(&self) -> bool {
        self.journal_directory().is_some()
    }

    /// The directory of its journal: the persistent one, else the one of this boot.
    #[must_use]
    pub fn journal_directory(&self) -> Option<PathBuf> {
        ["/var/log/journal", "/run/log/journal"]
            .iter()
            .map(|path| self.path(path))
            .find(|path| {
                let machines = std::fs::read_dir(path).into_iter().flatten().take(64);
                machines
                    .filter_map(Result::ok)
                    .any(|machine| holds_a_journal(&machine.path()))
            })
    }
}

/// A folder that may not be listed may well hold one: reading it will tell the cure.
fn holds_a_journal(machine: &Path) -> bool {
    let files = match std::fs::read_dir(machine) {
        Ok(files) => files,
        Err(error) => return error.kind() == std::io::ErrorKind::PermissionDenied,
    };
    let mut files = files.take(4096).filter_map(Result::ok);
    files.any(|file| {
        file.path()
            .extension()
            .is_some_and(|extension| extension == "journal")
    })
}

/// The marks of our own entries in a journal: they are skipped, else our log would feed itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// The systemd unit this process runs in, if it is a service.
    pub unit: Option<String>,
    /// Its process id.
    pub pid: Option<u32>,
}

impl Own {
    /// The marks of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let cgroup = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self {
            unit: service_of(&cgroup),
            pid: Some(std::process::id()),
        }
    }
}

/// The innermost service of a `/proc/self/cgroup`.
fn service_of(cgroup: &str) -> Option<String> {
    cgroup
        .lines()
        .filter_map(|line| line.rsplit('/').find(|part| part.ends_with(".service")))
        // In a person's session everything stands below `user@1000.service`: that is not ours.
        .find(|unit| !unit.starts_with("user@"))
        .map(str::to_owned)
}

/// The name of the user this process runs as, or its number.
pub(crate) fn user_name() -> String {
    let Ok(me) = std::fs::metadata("/proc/self") else {
        return "this user".to_owned();
    };
    name_in("/etc/passwd", me.uid()).unwrap_or_else(|| me.uid().to_string())
}

/// The group that may read the file, else the usual one, as a command.
pub(crate) fn cure_for_unreadable(path: &Path, user: &str) -> String {
    // Where a folder bars the way, its own group is the one to join.
    let seen = path
        .ancestors()
        .find_map(|path| std::fs::metadata(path).ok());
    let group = seen
        .filter(|file| file.mode() & 0o040 != 0 && file.gid() != 0)
        .and_then(|file| name_in("/etc/group", file.gid()));
    match group {
        Some(group) => format!("run `usermod -aG {group} {user}` and start again"),
        None if user != "root" => {
            format!("run `usermod -aG adm {user}` and let group adm read it, then start again")
        }
        None => "let this user read it".to_owned(),
    }
}

/// Finds the name of a number in `/etc/passwd` or `/etc/group`.
fn name_in(table: &str, number: u32) -> Option<String> {
    let table = std::fs::read_to_string(table).ok()?;
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_unit_is_read_from_the_cgroup() {
        for (cgroup, expected) in [
            ("0::/system.slice/skep.service\n", Some("skep.service")),
            (
                "1:name=systemd:/system.slice/skep@a.service\n0::/\n",
                Some("skep@a.service"),
            ),
            (
                "0::/user.slice/user-0.slice/user@0.service/app.slice/x.scope\n",
                None,
            ),
            (
                "0::/user.slice/user@1000.service/app.slice/skep.service\n",
                Some("skep.service"),
            ),
            ("0::/\n", None),
        ] {
            assert_eq!(service_of(cgroup).as_deref(), expected, "{cgroup}");
        }
    }

    #[test]
    fn the_group_that_may_read_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "").unwrap();
        // Whatever group the test runs as: one that is not root's is named, root's never is.
        let cure = cure_for_unreadable(&path, "skep");
        assert!(
            cure.starts_with("run `usermod -aG ") && cure.contains(" skep`"),
            "{cure}"
        );
        assert!(!cure.contains("-aG root "), "{cure}");
        assert_eq!(
            cure_for_unreadable(Path::new("/nowhere"), "root"),
            "let this user read it"
        );
    }

    #[test]
    fn numbers_have_names() {
        assert_eq!(name_in("/etc/passwd", 0).as_deref(), Some("root"));
        assert_eq!(name_in("/etc/group", 0).as_deref(), Some("root"));
        assert_eq!(name_in("/nowhere", 0), None);
    }
}
