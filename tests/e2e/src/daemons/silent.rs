//! A model's server that takes every question and never answers one.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};

use super::READY_WITHIN;
use crate::{Host, Process};

const SERVE: &str = include_str!("serve_silence.py");

/// A running server on its host's loopback.
#[derive(Debug)]
pub struct Silent {
    process: Process,
    url: String,
}

impl Silent {
    /// Starts it on `host`; its output goes to `folder`.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn start(host: &Host, folder: &Path) -> Result<Self> {
        let mut command = host.command("python3");
        command.args(["-u", "-c", SERVE]);
        let mut process = Process::spawn("silence", command, folder)?;
        process.wait_for("LISTEN ", READY_WITHIN)?;
        let output = process.output();
        let line = output.lines().find_map(|line| line.strip_prefix("LISTEN "));
        let url = line.context("the server names no address")?.to_owned();
        Ok(Self { process, url })
    }

    /// Its base address, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until it was asked `times` times.
    ///
    /// # Errors
    /// When it was not within `limit`.
    pub fn wait_asked(&mut self, times: u32, limit: Duration) -> Result<()> {
        self.process.wait_for(&format!("ASKED {times}\n"), limit)
    }
}
