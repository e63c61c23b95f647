//! The groups of end-to-end tests, what each needs, and whether this machine has it.

use std::{
    env,
    error::Error,
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{cache::cache_folder, image::Image};

/// Why something cannot be tested here, for the person who reads the report.
#[derive(Debug, Clone)]
pub struct Skip(String);

impl Skip {
    /// A skip with its reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Error for Skip {}

/// What a group of tests stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Namespaces of its own, mount and network: root's right.
    Namespaces,
    /// The installed layer, and an overlay to run it in.
    Root,
    /// The language model's virtual environment.
    Model,
    /// The built binary, named by `SKEP_BIN`.
    Binary,
    /// The tests' own program around a node, named by `SKEP_LOAD`.
    Load,
}

/// One test binary of `tests/e2e/tests`.
#[derive(Debug)]
pub struct Group {
    /// The file's name.
    pub name: &'static str,
    /// What it shows, for the report.
    pub shows: &'static str,
    /// All it needs.
    pub needs: &'static [Need],
}

/// Every group, in the order they are run.
pub const GROUPS: &[Group] = &[
    Group {
        name: "ground",
        shows: "the tests' own ground: daemons log, hosts reach each other, the machine is untouched",
        needs: &[Need::Namespaces, Need::Root],
    },
    Group {
        name: "counts",
        shows: "real sshd, Apache and rsyslog: every count is what the clients did",
        needs: &[Need::Namespaces, Need::Root, Need::Binary],
    },
    Group {
        name: "host",
        shows: "real nginx, cron, dpkg, apt and a key-only sshd, under syslog-ng and in a journal",
        needs: &[Need::Namespaces, Need::Root, Need::Binary],
    },
    Group {
        name: "mail",
        shows: "a real Postfix delivers what people are told",
        needs: &[Need::Namespaces, Need::Root, Need::Binary],
    },
    Group {
        name: "mail_services",
        shows: "real Postfix, Dovecot and fail2ban: every count is what was done",
        needs: &[Need::Namespaces, Need::Root, Need::Binary],
    },
    Group {
        name: "trio",
        shows: "three nodes on hosts of their own: answers, and what is left when one is killed",
        needs: &[Need::Namespaces, Need::Binary],
    },
    Group {
        name: "hub",
        shows: "a host that can only dial out: asked, alerting and revoked through its hubs",
        needs: &[Need::Namespaces, Need::Root, Need::Binary],
    },
    Group {
        name: "cases",
        shows: "three nodes: what several hosts report is one case, told once over two kills",
        needs: &[Need::Namespaces, Need::Binary],
    },
    Group {
        name: "kills",
        shows: "durable packets under kills, loss, delay, doubling, partition and wrong clocks",
        needs: &[Need::Namespaces, Need::Root, Need::Binary, Need::Load],
    },
    Group {
        name: "disk",
        shows: "nodes on disks that are full: they end, say why, come back, and lose nothing",
        needs: &[Need::Namespaces, Need::Binary, Need::Load],
    },
    Group {
        name: "model",
        shows: "a real small language model as the oracle's backend",
        needs: &[Need::Namespaces, Need::Model, Need::Binary],
    },
];

impl Need {
    /// Looks whether this machine has it.
    ///
    /// # Errors
    /// The reason why not.
    pub fn check(self) -> Result<(), Skip> {
        match self {
            Self::Namespaces => namespaces(),
            Self::Root => match Image::ready() {
                Some(_) => overlay(),
                None => Err(Skip::new("the throwaway root is not installed")),
            },
            Self::Model => {
                let python = model_python();
                let missing = format!("no language model: {} is not there", python.display());
                python.exists().then_some(()).ok_or(Skip(missing))
            }
            Self::Binary => built("SKEP_BIN"),
            Self::Load => built("SKEP_LOAD"),
        }
    }
}

fn built(variable: &str) -> Result<(), Skip> {
    match env::var_os(variable).map(PathBuf::from) {
        Some(path) if path.is_file() => Ok(()),
        Some(path) => Err(Skip(format!("{variable}={} is no file", path.display()))),
        None => Err(Skip(format!("{variable} does not name a binary to test"))),
    }
}

/// The Python of the language model's virtual environment.
pub(crate) fn model_python() -> PathBuf {
    cache_folder().join("python/model/bin/python3")
}

fn namespaces() -> Result<(), Skip> {
    try_unshared("true", "no namespaces (not root, or the kernel refuses)")
}

fn overlay() -> Result<(), Skip> {
    // The folder's name stays behind in the namespace's own view only.
    overlay_on("mount -t tmpfs none /tmp && folder=$(mktemp -d)")
}

/// Whether the layer can be installed here at all.
///
/// # Errors
/// The reason why not: no right to namespaces, no overlay on the cache folder, no apt.
pub(crate) fn installable() -> Result<(), Skip> {
    namespaces()?;
    if !Path::new("/var/lib/dpkg/status").exists() {
        return Err(Skip::new(
            "no apt here: the daemons are installed from Debian's packages",
        ));
    }
    let cache = cache_folder();
    fs::create_dir_all(&cache).map_err(|error| Skip(format!("no cache folder: {error}")))?;
    let folder = tempfile::Builder::new().prefix("probe-").tempdir_in(&cache);
    let folder = folder.map_err(|error| Skip(format!("no cache folder: {error}")))?;
    overlay_on(&format!("folder='{}'", folder.path().display()))
}

/// Tries an overlay whose upper layer lies in `$folder`, which `prepare` sets.
fn overlay_on(prepare: &str) -> Result<(), Skip> {
    let script = format!(
        "{prepare} && mkdir $folder/u $folder/w $folder/m && mount -t overlay o -o \
         lowerdir=/,upperdir=$folder/u,workdir=$folder/w $folder/m"
    );
    try_unshared(&script, "no overlay over / (the kernel refuses the mount)")
}

fn try_unshared(script: &str, reason: &str) -> Result<(), Skip> {
    let output = Command::new("unshare")
        .args(["--mount", "--net", "--pid", "--fork", "sh", "-c", script])
        .output()
        .map_err(|error| Skip(format!("cannot run unshare: {error}")))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let why = complaint.lines().next().unwrap_or_default();
    output
        .status
        .success()
        .then_some(())
        .ok_or_else(|| Skip(format!("{reason}: {why}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_test_file_is_a_group_and_the_other_way_round() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
        let files: BTreeSet<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "rs"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let groups: BTreeSet<_> = GROUPS.iter().map(|group| group.name.to_owned()).collect();
        assert_eq!(files, groups);
    }
}
