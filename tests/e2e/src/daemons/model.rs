//! A small language model behind llama.cpp's own HTTP server.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};

use crate::{
    Host, Process,
    groups::{Need, Skip, model_python},
};

const SERVE: &str = include_str!("serve_model.py");
/// How long loading the model may take on a busy machine.
const LOADED_WITHIN: Duration = Duration::from_secs(120);

/// A running server; it answers on the loopback of its host only.
#[derive(Debug)]
pub struct Model {
    process: Process,
    url: String,
}

impl Model {
    /// The key it asks for.
    pub const KEY: &str = "test-key";

    /// Starts it on `host`, or on this machine's loopback; its output goes to `folder`.
    ///
    /// # Errors
    /// The reason to skip what needs it.
    pub fn get(host: Option<&Host>, folder: &Path) -> Result<Self, Skip> {
        Self::serve(host, folder, None)
    }

    /// The same, by its server's own setting bound to answer with objects of this JSON schema, over
    /// whatever protocol it is asked.
    ///
    /// # Errors
    /// The reason to skip what needs it.
    pub fn bound(host: Option<&Host>, folder: &Path, schema: &str) -> Result<Self, Skip> {
        Self::serve(host, folder, Some(schema))
    }

    fn serve(host: Option<&Host>, folder: &Path, schema: Option<&str>) -> Result<Self, Skip> {
        Need::Model.check()?;
        Self::start(host, folder, schema).map_err(|error| Skip::new(format!("no model: {error:#}")))
    }

    fn start(host: Option<&Host>, folder: &Path, schema: Option<&str>) -> Result<Self> {
        let python = model_python();
        let mut command = host.map_or_else(|| Command::new(&python), |host| host.command(&python));
        command.args(["-u", "-c", SERVE]).args(schema);
        let mut process = Process::spawn("model", command, folder)?;
        process.wait_for("LISTEN ", LOADED_WITHIN)?;
        let output = process.output();
        let line = output.lines().find_map(|line| line.strip_prefix("LISTEN "));
        let url = line
            .context("the model's server names no address")?
            .trim()
            .to_owned();
        Ok(Self { process, url })
    }

    /// Its base address, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
