//! One test's throwaway root: the host's files, the daemons' layer, and an upper layer in memory.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::{
    groups::{Need, Skip},
    image::{Image, contained, with_assemble},
    network::Host,
    process::Process,
    wait::until,
};

const HOLD: &str = include_str!("root/hold.sh");
/// How long the namespaces may take to be gone once their first process is.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// A root in namespaces of its own (mount, pid, network); dropping it ends all that runs there.
#[derive(Debug)]
pub struct Root {
    holder: Child,
    first: u32,
    scratch: PathBuf,
    shared: PathBuf,
    _folder: TempDir,
}

impl Root {
    /// A fresh root, or why there can be none here.
    ///
    /// # Errors
    /// The reason to skip what needs it.
    pub fn get() -> Result<Self, Skip> {
        Need::Root.check()?;
        let image = Image::ready().ok_or_else(|| Skip::new("the root is not installed"))?;
        Self::start(&image).map_err(|error| Skip::new(format!("no root: {error:#}")))
    }

    fn start(image: &Image) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("skep-e2e-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()?;
        let scratch = folder.path().join("scratch");
        let shared = folder.path().join("shared");
        fs::create_dir(&scratch)?;
        fs::create_dir(&shared)?;
        let mut holder = contained()
            .args(["--net", "sh", "-c", &with_assemble(HOLD), "hold"])
            .args([image.layer(), &scratch, &shared])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run unshare")?;
        let mut line = String::new();
        let stdout = holder.stdout.take().context("the holder has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(line.trim() == "holding", "the root was not assembled");
        let first = first_child(holder.id())?;
        Ok(Self {
            holder,
            first,
            scratch,
            shared,
            _folder: folder,
        })
    }

    /// A folder with the same path inside the root and outside: logs, configurations, mailboxes.
    #[must_use]
    pub fn shared(&self) -> &Path {
        &self.shared
    }

    /// Writes a file into [`Root::shared`] and returns its path.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.shared.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// A command that runs inside, in the root's own network, or in that of `host`.
    #[must_use]
    pub fn command(&self, host: Option<&Host>, program: &str) -> Command {
        let namespaces = format!("/proc/{}/ns", self.first);
        let net = host.map_or_else(|| format!("{namespaces}/net"), Host::namespace_path);
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "nsenter"])
            .arg(format!("--mount={namespaces}/mnt"))
            .arg(format!("--pid={namespaces}/pid"))
            .arg(format!("--net={net}"))
            .arg("chroot")
            .arg(self.scratch.join("root"))
            .arg(program)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("LANG", "C.UTF-8");
        command
    }

    /// Runs a command to its end and returns what it printed.
    ///
    /// # Errors
    /// When it fails; the message carries what it said.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        let output = self.command(None, program).args(args).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("{program} {args:?}: {}\n{said}{complaint}", output.status);
        }
        Ok(said)
    }

    /// Starts a daemon inside; it must stay in the foreground.
    ///
    /// # Errors
    /// When it cannot be started at all.
    pub fn spawn(&self, host: Option<&Host>, program: &str, args: &[&str]) -> Result<Process> {
        let name = program.rsplit('/').next().unwrap_or(program);
        let mut command = self.command(host, program);
        command.args(args);
        Process::spawn(name, command, &self.shared)
    }

    /// Adds a user who exists only in here.
    ///
    /// # Errors
    /// When useradd or chpasswd refuses.
    pub fn add_user(&self, user: &str, password: &str) -> Result<()> {
        self.run("useradd", &["--create-home", "--shell", "/bin/sh", user])?;
        let line = format!("echo '{user}:{password}' | chpasswd");
        self.run("sh", &["-c", &line]).map(|_said| ())
    }

    /// Adds addresses that clients inside can speak from.
    ///
    /// # Errors
    /// When `ip` refuses one.
    pub fn add_addresses(&self, addresses: &[&str]) -> Result<()> {
        for address in addresses {
            let net = format!("{address}/32");
            self.run("ip", &["address", "add", &net, "dev", "lo"])?;
        }
        Ok(())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let killed = self.holder.kill().and_then(|()| self.holder.wait());
        let first = PathBuf::from(format!("/proc/{}", self.first));
        let gone = until("the root's end", GONE_WITHIN, || {
            (!first.exists()).then_some(())
        });
        if killed.is_err() || gone.is_err() {
            eprintln!("a root may be left over: {killed:?} {gone:?}");
        }
    }
}

/// The first process of the new pid namespace, as the host numbers it.
fn first_child(parent: u32) -> Result<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let child = children.split_whitespace().next();
    child
        .context("the holder holds nothing")?
        .parse()
        .context("a process id that is no number")
}
