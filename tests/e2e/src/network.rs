//! Hosts with addresses of their own: network namespaces on one bridge, which the machine's own
//! network never sees.

mod gates;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, bail};

use crate::groups::{Need, Skip};

pub use gates::{Gate, Weather};

const PREFIX: &str = "skep-e2e-";
const NAMESPACES: &str = "/run/netns";
/// Addresses of a network: 10.77.0.1 and up, in the order hosts are added.
const HOSTS_MAX: u8 = 250;

static MADE: AtomicU32 = AtomicU32::new(0);

/// A bridge in a namespace of its own; dropping it takes its hosts along.
#[derive(Debug)]
pub struct Network {
    name: String,
    hosts: u8,
}

/// One host: a namespace, an address, a link to the bridge.
#[derive(Debug)]
pub struct Host {
    namespace: String,
    address: String,
}

impl Network {
    /// A network without hosts; also sweeps away those of test processes that are gone.
    ///
    /// # Errors
    /// The reason to skip what needs it.
    pub fn get() -> Result<Self, Skip> {
        Need::Namespaces.check()?;
        Self::make().map_err(|error| Skip::new(format!("no network: {error:#}")))
    }

    fn make() -> Result<Self> {
        sweep()?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", process::id());
        let network = Self { name, hosts: 0 };
        ip(&["netns", "add", &network.name])?;
        network.inside(&["link", "add", "bridge", "type", "bridge"])?;
        network.inside(&["link", "set", "bridge", "up"])?;
        Ok(network)
    }

    /// Adds a host; its namespace is gone when the returned value is dropped.
    ///
    /// # Errors
    /// When `ip` refuses or the network is full.
    pub fn host(&mut self, name: &str) -> Result<Host> {
        if self.hosts == HOSTS_MAX {
            bail!("a network holds at most {HOSTS_MAX} hosts");
        }
        self.hosts += 1;
        let host = Host {
            namespace: format!("{}-{name}", self.name),
            address: format!("10.77.0.{}", self.hosts),
        };
        let port = format!("port{}", self.hosts);
        ip(&["netns", "add", &host.namespace])?;
        self.inside(&[
            "link",
            "add",
            &port,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            &host.namespace,
        ])?;
        self.inside(&["link", "set", &port, "master", "bridge", "up"])?;
        let net = format!("{}/24", host.address);
        host.ip(&["address", "add", &net, "dev", "eth0"])?;
        host.ip(&["link", "set", "eth0", "up"])?;
        host.ip(&["link", "set", "lo", "up"])?;
        Ok(host)
    }

    fn inside(&self, args: &[&str]) -> Result<()> {
        ip(&[&["-netns", &self.name], args].concat())
    }
}

impl Host {
    /// Its address on the network.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A program of the machine, run on this host; it dies with the thread that started it.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args([
                "--pdeathsig",
                "KILL",
                "ip",
                "netns",
                "exec",
                &self.namespace,
            ])
            .arg(program.as_ref());
        command
    }

    /// Cuts its link (`up` false) or mends it.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn set_link(&self, up: bool) -> Result<()> {
        let state = if up { "up" } else { "down" };
        self.ip(&["link", "set", "eth0", state])
    }

    pub(crate) fn namespace_path(&self) -> String {
        format!("{NAMESPACES}/{}", self.namespace)
    }

    fn ip(&self, args: &[&str]) -> Result<()> {
        ip(&[&["-netns", &self.namespace], args].concat())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        delete(&self.namespace);
    }
}

fn delete(namespace: &str) {
    if let Err(error) = ip(&["netns", "delete", namespace]) {
        eprintln!("a namespace is left over: {error:#}");
    }
}

/// Deletes namespaces of test processes that were killed before they could.
fn sweep() -> Result<()> {
    let Ok(entries) = fs::read_dir(NAMESPACES) else {
        return Ok(());
    };
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !PathBuf::from("/proc").join(pid).exists()) {
            // Two tests may sweep at once: that the other was faster is fine.
            ip(&["netns", "delete", &name]).ok();
        }
    }
    Ok(())
}

fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(args)
        .output()
        .context("cannot run ip")?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("ip {}: {}", args.join(" "), complaint.trim());
    }
    Ok(())
}
