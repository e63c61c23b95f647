//! Hosts whose datagrams to each other all pass through two gates, which do with them what the test
//! wants: see `skep-load gate`.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result};

use super::{Host, Network, ip};
use crate::{Process, load::load_binary};

/// How long a gate may take to open.
const OPEN_WITHIN: Duration = Duration::from_secs(30);

/// What happens to datagrams on their way; the odds are in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// How many are lost.
    pub loss: u32,
    /// How long each is held, in milliseconds.
    pub delay_ms: u32,
    /// How much longer at most; so they swap places.
    pub spread_ms: u32,
    /// How many come twice.
    pub double: u32,
}

/// The far side of one host's link; dropping it closes the gate.
#[derive(Debug)]
pub struct Gate {
    // Dropped before its namespace.
    _process: Process,
    far: Host,
}

impl Network {
    /// A host that sees all others of `n_hosts` through a gate of its own; its address is the
    /// `number`th.
    ///
    /// # Errors
    /// When `ip` refuses, or the gate does not open.
    pub fn gated(
        &self,
        name: &str,
        number: u8,
        n_hosts: u8,
        folder: &Path,
    ) -> Result<(Host, Gate)> {
        let address = |number: u8| format!("10.77.0.{number}");
        let made = |suffix: &str, address: String| {
            let namespace = format!("{}-{name}{suffix}", self.name);
            ip(&["netns", "add", &namespace])?;
            anyhow::Ok(Host { namespace, address })
        };
        let host = made("", address(number))?;
        let far = made("-gate", String::new())?;
        let link = [
            "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
        ];
        host.ip(&[&link[..], &[&far.namespace]].concat())?;
        host.ip(&[
            "address",
            "add",
            &format!("{}/24", host.address),
            "dev",
            "eth0",
        ])?;
        let others = (1..=n_hosts).filter(|other| *other != number).map(address);
        let others: Vec<String> = others.collect();
        for other in &others {
            far.ip(&["address", "add", &format!("{other}/24"), "dev", "eth0"])?;
        }
        far.ip(&["link", "set", "eth0", "up"])?;
        host.ip(&["link", "set", "eth0", "up"])?;
        host.ip(&["link", "set", "lo", "up"])?;
        let mut command = far.command(load_binary()?);
        command.arg("gate").arg(folder);
        command.arg(&host.address).args(&others);
        let mut process = Process::spawn(&format!("gate-{name}"), command, folder)?;
        process.wait_for("OPEN", OPEN_WITHIN)?;
        let gate = Gate {
            _process: process,
            far,
        };
        Ok((host, gate))
    }
}

impl Gate {
    /// Cuts the host off, as when somebody pulls the plug (`up` false), or mends it.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn set_link(&self, up: bool) -> Result<()> {
        self.far.set_link(up)
    }
}

impl Weather {
    /// Tells all gates of a folder.
    ///
    /// # Errors
    /// When the folder refuses.
    pub fn set(self, folder: &Path) -> Result<()> {
        let (loss, delay, spread, double) = (self.loss, self.delay_ms, self.spread_ms, self.double);
        let beside = folder.join("weather.new");
        fs::write(&beside, format!("{loss} {delay} {spread} {double}\n"))?;
        fs::rename(beside, folder.join("weather")).context("cannot change the weather")
    }
}
