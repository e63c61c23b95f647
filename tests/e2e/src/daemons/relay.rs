//! A relay before a model's server, which keeps what it passes on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::READY_WITHIN;
use crate::{Host, Process};

const SERVE: &str = include_str!("serve_relay.py");

/// A running relay on its host's loopback.
#[derive(Debug)]
pub struct Relay {
    process: Process,
    url: String,
    folder: PathBuf,
}

impl Relay {
    /// Starts it on `host`, before the server at `target`; what it keeps goes to `folder`.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn start(host: &Host, target: &str, folder: &Path) -> Result<Self> {
        let mut command = host.command("python3");
        command.args(["-u", "-c", SERVE, target]).arg(folder);
        let mut process = Process::spawn("relay", command, folder)?;
        process.wait_for("LISTEN ", READY_WITHIN)?;
        let output = process.output();
        let line = output.lines().find_map(|line| line.strip_prefix("LISTEN "));
        let url = line.context("the relay names no address")?.to_owned();
        Ok(Self {
            process,
            url,
            folder: folder.to_owned(),
        })
    }

    /// Its base address, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bodies that passed, in order.
    ///
    /// # Errors
    /// When what was kept cannot be read.
    pub fn passed(&self) -> Result<Vec<String>> {
        let n_passed = self.process.output().matches("PASSED ").count();
        let body = |n: usize| {
            let path = self.folder.join(format!("request-{n}"));
            fs::read_to_string(&path).with_context(|| path.display().to_string())
        };
        (1..=n_passed).map(body).collect()
    }
}
