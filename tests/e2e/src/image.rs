//! The layer with the daemons: Debian's own packages, installed over the host's files but not
//! into them.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{cache::cache_folder, groups::installable};

/// What is installed: the daemons whose logs are read, the peers that `bench digest` runs, and what
/// bends networks and clocks.
pub const PACKAGES: &[&str] = &[
    "apache2",
    "cron",
    "curl",
    "dovecot-imapd",
    "dovecot-pop3d",
    "fail2ban",
    "goaccess",
    "iptables",
    "libfaketime",
    "logwatch",
    "nginx-light",
    "openssh-client",
    "openssh-server",
    "postfix",
    "rsyslog",
    "sudo",
    "systemd-journal-remote",
];

/// What is only unpacked, with what it needs: Debian allows one system logger to be installed.
const UNPACKED: &str = "syslog-ng-core";

/// Puts a root together; a function of the scripts beside it.
const ASSEMBLE: &str = include_str!("root/assemble.sh");
const INSTALL: &str = include_str!("root/install.sh");

/// `script` with `assemble` in front of it.
pub(crate) fn with_assemble(script: &str) -> String {
    format!("assemble() {{\n{ASSEMBLE}\n}}\n{script}")
}

/// An installed layer, read-only from here on.
#[derive(Debug, Clone)]
pub struct Image {
    layer: PathBuf,
}

impl Image {
    /// The layer for this host and [`PACKAGES`], if it stands.
    #[must_use]
    pub fn ready() -> Option<Self> {
        let layer = folder().ok()?.join("layer");
        layer.is_dir().then_some(Self { layer })
    }

    /// The layer, built first where it does not stand; layers of other package lists go.
    ///
    /// # Errors
    /// A [`Skip`](crate::Skip) where this machine has no place for it; else when apt cannot install
    /// it, and its log is named.
    pub fn prepare() -> Result<Self> {
        installable()?;
        let cache = cache_folder();
        let lock = File::create(cache.join("root.lock"))?;
        lock.lock().context("cannot lock the root's folder")?;
        if let Some(image) = Self::ready() {
            return Ok(image);
        }
        for old in fs::read_dir(&cache)?.flatten() {
            if old.file_name().to_string_lossy().starts_with("root-") {
                fs::remove_dir_all(old.path())?;
            }
        }
        build(&folder()?)?;
        Self::ready().context("the layer was built and is not there")
    }

    pub(crate) fn layer(&self) -> &Path {
        &self.layer
    }

    /// The library that shows a program another time: `LD_PRELOAD` takes it, from outside too.
    ///
    /// # Errors
    /// When the layer holds none.
    pub fn faketime(&self) -> Result<PathBuf> {
        let folder = self.layer.join("usr/lib");
        let found = fs::read_dir(folder)?
            .flatten()
            .map(|entry| entry.path().join("faketime/libfaketime.so.1"));
        found
            .into_iter()
            .find(|path| path.is_file())
            .context("no libfaketime in the layer")
    }
}

fn build(folder: &Path) -> Result<()> {
    for part in ["upper", "work", "root"] {
        fs::create_dir_all(folder.join(part))?;
    }
    let log_path = folder.join("install.log");
    let log = File::create(&log_path)?;
    let status = contained()
        .args(["sh", "-c", &with_assemble(INSTALL), "install"])
        .args(["upper", "work", "root"].map(|part| folder.join(part)))
        .arg(UNPACKED)
        .args(PACKAGES)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
        .context("cannot run unshare")?;
    if !status.success() {
        bail!("the root was not installed: see {}", log_path.display());
    }
    fs::rename(folder.join("upper"), folder.join("layer")).context("cannot keep the layer")
}

/// `unshare` into namespaces that die with this process.
pub(crate) fn contained() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    command.args(["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"]);
    command
}

/// One folder for each package list and state of the host's own packages: the layer holds dpkg's
/// database, so it fits no other.
fn folder() -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    (UNPACKED, PACKAGES).hash(&mut hasher);
    [ASSEMBLE, INSTALL].hash(&mut hasher);
    fs::read("/var/lib/dpkg/status")
        .context("this host has no dpkg")?
        .hash(&mut hasher);
    Ok(cache_folder().join(format!("root-{:016x}", hasher.finish())))
}
