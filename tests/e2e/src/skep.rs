//! The built binary: as a command that ends, and as a node that runs.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    Host, Process,
    groups::{Need, Skip},
};

/// The binary to test.
#[derive(Debug, Clone)]
pub struct Skep(PathBuf);

/// A running node; dropping it kills it.
#[derive(Debug)]
pub struct Node {
    process: Process,
    home: PathBuf,
}

impl Skep {
    /// The binary that `SKEP_BIN` names.
    ///
    /// # Errors
    /// The reason to skip what needs it.
    pub fn get() -> Result<Self, Skip> {
        Need::Binary.check()?;
        Ok(Self(PathBuf::from(
            env::var_os("SKEP_BIN").unwrap_or_default(),
        )))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A command of the binary, on `host` or on this machine.
    #[must_use]
    pub fn command(&self, host: Option<&Host>) -> Command {
        let mut command = host.map_or_else(|| Command::new(&self.0), |host| host.command(&self.0));
        // A home of the machine's own must not be found by accident.
        command
            .env("SKEP_HOME", "/nonexistent/skep")
            .env("NO_COLOR", "1");
        command
    }

    /// Runs it to its end and returns what it printed.
    ///
    /// # Errors
    /// When it fails; the message carries what it said.
    pub fn run(&self, host: Option<&Host>, args: &[&str]) -> Result<String> {
        let output = self.output(host, args)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!(
                "skep {}: {}\n{said}{complaint}",
                args.join(" "),
                output.status
            );
        }
        Ok(said)
    }

    /// Runs it to its end, however it ends.
    ///
    /// # Errors
    /// When it cannot be run at all.
    pub fn output(&self, host: Option<&Host>, args: &[&str]) -> Result<Output> {
        self.command(host)
            .args(args)
            .output()
            .context("cannot run skep")
    }

    /// Runs it and reads what it printed as one JSON document.
    ///
    /// # Errors
    /// When it fails or prints something else.
    pub fn json(&self, host: Option<&Host>, args: &[&str]) -> Result<Value> {
        let said = self.run(host, args)?;
        serde_json::from_str(&said).with_context(|| format!("not JSON: {said}"))
    }

    /// Starts a node: `skep --home HOME up ARGS…`, its output in `HOME.out` beside the home.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn up(&self, host: Option<&Host>, home: &Path, args: &[&str]) -> Result<Node> {
        let mut command = self.command(host);
        command.arg("--home").arg(home).arg("up").args(args);
        let name = home
            .file_name()
            .context("a home without a name")?
            .to_string_lossy();
        let folder = home.parent().context("a home without a folder")?;
        Ok(Node {
            process: Process::spawn(&name, command, folder)?,
            home: home.to_owned(),
        })
    }
}

impl Node {
    /// Its home.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The running program.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
